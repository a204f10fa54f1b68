//! Fetching, against a server that misbehaves on command. `head.rs` and `proxy.rs` beside this are
//! the tables of the pure modules of those names.

mod changes;
mod disk;
mod files;
mod lies;
mod network;
mod ranges;
mod real;
mod redirects;
mod resume;
mod statuses;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use consign_bits::{ErrorContext, FileRange};
use consign_core::Hresult;
use consign_testkit::{Body, Resource, Server, server::TlsFault};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Checkpoint, FetchFailure, Fetcher, FileFacts, FileTask, JobContext, Observer, Outcome, Retry};
use crate::{files::Place, settings::FetchSettings};

const LIMIT: Duration = Duration::from_secs(60);

/// A server, a folder, and one file that is to be fetched.
struct Bench {
    server: Server,
    folder: tempfile::TempDir,
    settings: FetchSettings,
    task: FileTask,
    context: JobContext,
    heard: Arc<Heard>,
    stop: CancellationToken,
}

/// What the observer heard.
struct Heard {
    answered: Mutex<Vec<FileFacts>>,
    checkpoints: Mutex<Vec<Checkpoint>>,
    reached: watch::Sender<u64>,
}

impl Observer for Heard {
    fn answered(&self, facts: &FileFacts) {
        self.answered.lock().unwrap().push(facts.clone());
    }

    fn reached(&self, position: u64) {
        self.reached.send_replace(position);
    }

    fn arrived(&self) {}

    fn checkpoint(&self, checkpoint: Checkpoint) {
        self.checkpoints.lock().unwrap().push(checkpoint);
    }
}

impl Bench {
    fn new(resource: Resource) -> Self {
        Self::with(apart(Server::start), resource)
    }

    fn tls(fault: TlsFault, resource: Resource) -> Self {
        let mut bench = Self::with(apart(move || Server::start_tls(fault)), resource);
        bench.trust(&bench.server.ca_pem());
        bench
    }

    fn with(server: Server, resource: Resource) -> Self {
        server.set("/file", resource);
        let folder = tempfile::tempdir().unwrap();
        let place = Place::check(&folder.path().join("file")).unwrap();
        let task = FileTask {
            url: server.url("/file"),
            place,
            temporary_name: ".BIT0123456789abcdef.tmp".into(),
            ranges: Vec::new(),
            checksum: None,
            checkpoint: Checkpoint::default(),
        };
        let heard = Heard { answered: Mutex::default(), checkpoints: Mutex::default(), reached: watch::Sender::new(0) };
        let settings = FetchSettings { connect_timeout: 10, stall_timeout: 20, ..FetchSettings::default() };
        Self { server, folder, settings, task, context: JobContext::default(), heard: Arc::new(heard), stop: CancellationToken::new() }
    }

    fn trust(&mut self, pem: &str) {
        let path = self.folder.path().join("ca.pem");
        std::fs::write(&path, pem).unwrap();
        self.settings.ca_file = Some(path);
    }

    fn temporary(&self) -> PathBuf {
        self.task.place.folder.join(&self.task.temporary_name)
    }

    fn fetcher(&self) -> Fetcher {
        Fetcher::new(&self.settings).unwrap()
    }

    async fn fetch(&self) -> Outcome {
        self.fetch_by(&self.fetcher()).await
    }

    async fn fetch_by(&self, fetcher: &Fetcher) -> Outcome {
        let observer: Arc<dyn Observer> = Arc::clone(&self.heard) as _;
        let fetch = fetcher.fetch(self.task.clone(), Arc::new(self.context.clone()), observer, self.stop.clone());
        tokio::time::timeout(LIMIT, fetch).await.expect("the fetch came to an end")
    }

    /// Fetches to the end, and checks what came.
    async fn done(&self, expected: &Body) -> Checkpoint {
        match self.fetch().await {
            Outcome::Done(checkpoint) => {
                expected.check_file(&self.temporary()).unwrap();
                assert_eq!(checkpoint.synced, expected.size());
                assert_eq!(*self.heard.reached.borrow(), expected.size());
                assert!(!self.task.place.path().exists(), "the final name is for `Complete`");
                checkpoint
            }
            other => panic!("{other:?}; {:#?}", self.server.requests()),
        }
    }

    /// Fetches, and it fails.
    async fn failed(&self) -> FetchFailure {
        match self.fetch().await {
            Outcome::Failed(failure) => {
                assert!(!failure.failure.sentence.ends_with('.'), "{}", failure.failure.sentence);
                failure
            }
            other => panic!("{other:?}; {:#?}", self.server.requests()),
        }
    }

    async fn fails_for_ever(&self, code: Hresult, context: ErrorContext) -> FetchFailure {
        let failure = self.failed().await;
        assert_eq!((failure.failure.code, failure.failure.context, failure.retry), (code, context, Retry::Never), "{failure:?}");
        failure
    }

    async fn fails_for_now(&self, code: Hresult) -> FetchFailure {
        let failure = self.failed().await;
        assert_eq!((failure.failure.code, failure.retry), (code, Retry::After(None)), "{failure:?}");
        failure
    }

    /// What the requests for the file asked for.
    fn ranges(&self) -> Vec<Option<String>> {
        self.server.requests_for("/file").iter().map(|request| request.range().map(str::to_owned)).collect()
    }

    /// The next attempt goes on from there.
    fn go_on_from(&mut self, checkpoint: Checkpoint) {
        self.task.checkpoint = checkpoint;
    }

    fn set_ranges(&mut self, ranges: &[(u64, u64)]) {
        self.task.ranges =
            ranges.iter().map(|(initial_offset, length)| FileRange { initial_offset: *initial_offset, length: *length }).collect();
    }
}

/// Starts a server on a thread of its own: it blocks on a runtime, which no task may do.
fn apart(start: impl FnOnce() -> std::io::Result<Server> + Send + 'static) -> Server {
    std::thread::spawn(start).join().unwrap().unwrap()
}

/// Pieces of a body, glued.
fn glued(body: &Body, ranges: &[(u64, u64)]) -> Body {
    let mut bytes = Vec::new();
    for (offset, length) in ranges {
        let length = (*length).min(body.size() - offset);
        let mut piece = vec![0; length.try_into().unwrap()];
        body.read_at(*offset, &mut piece);
        bytes.extend(piece);
    }
    Body::from(bytes)
}
