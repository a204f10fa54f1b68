//! The engine and its face behind a socket of our own, a web server, and a limit for everything.

use std::{
    os::{fd::AsRawFd, unix::net::UnixListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use consign::{Client, ConnectOptions, Job, JobSnapshot, Paths, StartPolicy};
use consign_service::{Classes, Face, Facts, Patience, Queues, StopPolicy};
use consign_testkit::Server;
use consign_transfer::{Engine, EngineOptions};
use tokio::task::JoinHandle;

/// No test takes longer, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs a test in a runtime of its own. The web server has one too, and neither can be inside the
/// other.
pub(crate) fn limited<T>(test: impl Future<Output = T>) -> T {
    limited_to(LIMIT, test)
}

/// The same for more than a test usually does.
pub(crate) fn limited_to<T>(limit: Duration, test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(limit, test).await.expect("the test ends in time") })
}

/// What the service is, without a process of its own.
pub(crate) struct Served {
    pub(crate) paths: Paths,
    engine: Engine,
    classes: Arc<Classes>,
    queues: Arc<Queues>,
    face: Face,
    listening: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn start(folder: &Path) -> Self {
        Self::start_with(folder, |_| {}).await
    }

    pub(crate) async fn start_with(folder: &Path, change: impl FnOnce(&mut consign_service::Settings)) -> Self {
        let paths = Paths::under(folder);
        for folder in [&paths.runtime, &paths.state] {
            consign_core::paths::private_folder(folder).unwrap();
        }
        let mut settings = consign_service::Settings::default();
        settings.limits.exempt_root = false;
        change(&mut settings);
        let classes = settings.classes(&paths);
        let receivers = settings.receivers(Some(Arc::clone(&classes)));
        let options = EngineOptions {
            paths: paths.clone(),
            settings: settings.engine(),
            clock: Arc::new(consign_core::SystemClock),
            random: Arc::new(consign_core::random::SystemRandom),
            receivers: receivers.clone(),
        };
        let engine = Engine::open(options).await.unwrap();
        let facts = Facts { state_folder: paths.state.clone(), started: consign::Timestamp::default(), stop: StopPolicy::ByPeers };
        let queues = Queues::open(&paths, Arc::clone(&classes), 0).await.unwrap();
        let face = Face::new(engine.clone(), receivers, Some(Arc::clone(&queues)), facts, Patience::default());
        let _ = std::fs::remove_file(paths.socket());
        // The folder may be too deep for an address.
        let runtime = std::fs::File::open(&paths.runtime).unwrap();
        let listener = UnixListener::bind(format!("/proc/self/fd/{}/consign.sock", runtime.as_raw_fd())).unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::UnixListener::from_std(listener).unwrap();
        classes.open();
        let serving = face.clone();
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let face = serving.clone();
                tokio::spawn(async move { face.serve(stream).await });
            }
        });
        Self { paths, engine, classes, queues, face, listening }
    }

    pub(crate) fn options(&self) -> ConnectOptions {
        ConnectOptions { paths: Some(self.paths.clone()), start: StartPolicy::Never, program: None }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect_with(self.options()).await.unwrap()
    }

    /// Closes all connections.
    pub(crate) fn disconnect(&self) {
        self.face.close();
    }

    /// As the service ends: no more clients, no more servers, then no more connections, then the store closes.
    pub(crate) async fn stop(self) {
        self.listening.abort();
        let _ = self.listening.await;
        let _ = std::fs::remove_file(self.paths.socket());
        self.queues.stop(std::time::Duration::from_secs(1)).await;
        self.classes.shutdown().await;
        self.face.close();
        self.engine.shutdown().await;
    }
}

/// A folder with a folder for files in it, and a web server.
pub(crate) fn places() -> (tempfile::TempDir, std::path::PathBuf, Server) {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().canonicalize().unwrap().join("files");
    std::fs::create_dir(&files).unwrap();
    (folder, files, Server::start().unwrap())
}

/// Follows the job until it is as wanted; one that ends before never is.
pub(crate) async fn until(job: &Job, enough: impl Fn(&JobSnapshot) -> bool + Send) -> JobSnapshot {
    let mut changes = job.changes().await.unwrap();
    while let Some(snapshot) = changes.next().await {
        let snapshot = snapshot.unwrap();
        if enough(&snapshot) {
            return snapshot;
        }
    }
    panic!("the job ended before");
}
