//! One engine, one server, one folder for what is downloaded: what every test here begins with.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use consign_bits::{Failure, JobId, JobState};
use consign_core::{Paths, SystemClock, random::SystemRandom};
use consign_testkit::{Body, Resource, Server};
use consign_transfer::{Change, Engine, EngineOptions, JobView, NewFile, NewJob, NoReceivers, Receivers, Settings};

use crate::notify::Fake;

/// Nothing here takes so long; a test that does not end fails instead.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) server: Server,
    pub(crate) engine: Engine,
    pub(crate) settings: Settings,
    receivers: Arc<dyn Receivers>,
}

/// Runs a test on a runtime of its own, for a limited time.
pub(crate) fn check<F: Future<Output = ()>>(test: impl FnOnce(Bench) -> F) {
    check_with(settings(), test);
}

pub(crate) fn check_with<F: Future<Output = ()>>(settings: Settings, test: impl FnOnce(Bench) -> F) {
    check_prepared(settings, |_| (), test);
}

/// With receivers that write down what they hear.
pub(crate) fn check_told<F: Future<Output = ()>>(settings: Settings, test: impl FnOnce(Bench, Arc<Fake>) -> F) {
    let fake = Fake::new();
    let receivers = Arc::clone(&fake) as Arc<dyn Receivers>;
    run(settings, receivers, |_| (), |bench| test(bench, fake));
}

/// With a folder that is made ready before there is an engine.
pub(crate) fn check_prepared<F: Future<Output = ()>>(settings: Settings, prepare: impl FnOnce(&Path), test: impl FnOnce(Bench) -> F) {
    run(settings, Arc::new(NoReceivers), prepare, test);
}

fn run<F: Future<Output = ()>>(
    settings: Settings,
    receivers: Arc<dyn Receivers>,
    prepare: impl FnOnce(&Path),
    test: impl FnOnce(Bench) -> F,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = Server::start().unwrap();
    runtime.block_on(async {
        let limited = tokio::time::timeout(LIMIT, async {
            let folder = tempfile::tempdir().unwrap();
            prepare(folder.path());
            let engine = open_with(folder.path(), &settings, Arc::clone(&receivers)).await.unwrap();
            test(Bench { folder, server, engine, settings, receivers }).await;
        });
        limited.await.expect("the test did not end in time");
    });
}

/// No limits for root, and waits that a test can wait for.
pub(crate) fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.limits.exempt_root = false;
    settings.jobs.minimum_retry_delay_floor = 0;
    settings.fetch.stall_timeout = 5;
    settings
}

pub(crate) async fn open(folder: &Path, settings: &Settings) -> Result<Engine, Failure> {
    open_with(folder, settings, Arc::new(NoReceivers)).await
}

async fn open_with(folder: &Path, settings: &Settings, receivers: Arc<dyn Receivers>) -> Result<Engine, Failure> {
    Engine::open(EngineOptions {
        paths: Paths::under(folder),
        settings: settings.clone(),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        receivers,
    })
    .await
}

impl Bench {
    /// Where a file of this name goes.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) async fn job(&self, name: &str, changes: Vec<Change>) -> JobId {
        self.engine.create_job(NewJob { display_name: name.into(), changes, ..NewJob::default() }).await.unwrap()
    }

    /// A job with one file that the server has under the same name.
    pub(crate) async fn job_with(&self, name: &str, resource: Resource, changes: Vec<Change>) -> JobId {
        self.server.set(&format!("/{name}"), resource);
        let job = self.job(name, changes).await;
        self.add(job, name).await.unwrap();
        job
    }

    pub(crate) async fn add(&self, job: JobId, name: &str) -> Result<(), Failure> {
        let file = NewFile { remote_name: self.server.url(&format!("/{name}")), local_name: self.path(name), ..NewFile::default() };
        self.engine.add_files(job, vec![file]).await
    }

    pub(crate) async fn wait(&self, job: JobId, state: JobState) -> JobView {
        self.wait_until(job, |view| view.state == state).await
    }

    /// Waits for a change that fits; the time limit is that of the test.
    pub(crate) async fn wait_until(&self, job: JobId, fits: impl Fn(&JobView) -> bool) -> JobView {
        let mut events = self.engine.subscribe();
        loop {
            let view = self.engine.job(job).await.unwrap();
            if fits(&view) {
                return view;
            }
            assert!(!view.state.is_final(), "it ended without: {view:?}");
            let _ = events.recv().await;
        }
    }

    /// Ends the engine in order and begins again with the same state.
    pub(crate) async fn restart(&mut self) {
        self.engine.shutdown().await;
        self.engine = open_with(self.folder.path(), &self.settings, Arc::clone(&self.receivers)).await.unwrap();
    }

    pub(crate) fn temporary_files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "tmp")).collect()
    }

    pub(crate) fn assert_whole(&self, name: &str, body: &Body) {
        body.check_file(&self.path(name)).unwrap();
    }
}
