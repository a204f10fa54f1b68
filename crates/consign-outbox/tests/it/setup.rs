//! A service in a process of its own, databases, and a limit for everything.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use consign::{Client, ConnectOptions, Interface, OutboxSnapshot, Paths, Recorder, StartPolicy};
use consign_outbox::{
    Options, Outbox, Wake,
    rusqlite::{Connection, OpenFlags},
};
use consign_testkit::Trusted;
use tempfile::TempDir;

/// No step of a test takes longer, however busy the machine is.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A class whose messages wait: nobody plays them, so they can be counted.
pub(crate) const CLASS: &str = "6f7c1d8e-2b0a-4a55-9d3b-0c6a1e5f4b28";

/// Ships orders.
#[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9", dual, queueable)]
pub(crate) trait Shipment {
    /// Ships one order.
    async fn ship_order(&self, order_number: u32) -> consign::Result<()>;
}

/// An interface that nobody imports.
#[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2ea", queueable)]
pub(crate) trait Stranger {
    /// Is not known.
    async fn greet(&self) -> consign::Result<()>;
}

pub(crate) fn limited<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(LIMIT, test).await.expect("the test ends in time") })
}

/// Waits for something that nobody tells of.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < LIMIT, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn example(name: &str) -> PathBuf {
    let program = std::env::current_exe().unwrap().parent().unwrap().with_file_name("examples").join(name);
    assert!(program.is_file(), "{} is built by `cargo test` of the whole crate", program.display());
    program
}

/// Everything of one test.
pub(crate) struct Setup {
    service: Option<Child>,
    pub(crate) paths: Paths,
    /// Dropped last.
    _folder: TempDir,
}

/// A message as it stands in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Queued {
    pub(crate) queue: String,
    pub(crate) label: String,
    /// 0 ready, 3 dead.
    pub(crate) standing: i64,
    pub(crate) code: i32,
    pub(crate) sentence: String,
    pub(crate) calls: Vec<u8>,
}

impl Setup {
    /// A folder, and no service yet.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::under(&folder.path().canonicalize().unwrap());
        std::fs::create_dir_all(&paths.config).unwrap();
        Self { service: None, paths, _folder: folder }
    }

    /// With a service, and the class.
    pub(crate) fn served() -> Self {
        let mut setup = Self::new();
        setup.start();
        setup.register();
        setup
    }

    pub(crate) fn start(&mut self) {
        let mut command = Command::new(example("outbox_service"));
        command.env("CONSIGN_DIR", self.root()).env("CONSIGN_LOG", "debug").stdin(Stdio::null()).stdout(Stdio::piped());
        let log = std::fs::File::options().append(true).create(true).open(self.root().join("log")).unwrap();
        let mut child = command.stderr(log).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        self.service = Some(child);
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(stdout).read_line(&mut line);
            let _ = sender.send(line);
        });
        assert_eq!(receiver.recv_timeout(LIMIT).unwrap().trim_end(), "ready", "{}", self.log());
    }

    pub(crate) fn register(&self) {
        limited(async {
            let client = self.client().await;
            let class_file =
                format!("clsid = '{CLASS}'\nprogid = 'Test.Shipment'\napplication = 'Ships'\nexec = ['/bin/false']\nlistener = false\n");
            client.register_class(&class_file).await.unwrap();
            client.import_component(CLASS, &[IShipment::model()]).await.unwrap();
        });
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let mut child = self.service.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// In order.
    pub(crate) fn stop(&mut self) {
        limited(async { self.client().await.stop().await.unwrap() });
        self.service.take().unwrap().wait().unwrap();
    }

    /// Waits until the service ends by itself.
    pub(crate) fn left(&mut self) {
        let mut child = self.service.take().unwrap();
        eventually("the end of the service", || child.try_wait().unwrap());
    }

    pub(crate) fn root(&self) -> &Path {
        self.paths.state.parent().unwrap()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.root().join("log")).unwrap_or_default()
    }

    pub(crate) fn options(&self) -> ConnectOptions {
        ConnectOptions { paths: Some(self.paths.clone()), start: StartPolicy::Never, program: None }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect_with(self.options()).await.unwrap()
    }

    pub(crate) fn database(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// A connection to a database with an outbox and a table of sales.
    pub(crate) fn till(&self, name: &str, wake: Wake) -> (Connection, Outbox) {
        let connection = Connection::open(self.database(name)).unwrap();
        let outbox = Outbox::open_with(&connection, Options::from(wake)).unwrap();
        connection.execute("CREATE TABLE IF NOT EXISTS sale (number INTEGER PRIMARY KEY)", []).unwrap();
        (connection, outbox)
    }

    pub(crate) fn add(&self, name: &str) -> consign::Result<()> {
        let path = self.database(name);
        limited(async { self.client().await.add_outbox(path.to_str().unwrap()).await })
    }

    pub(crate) fn remove(&self, name: &str) -> consign::Result<()> {
        let path = self.database(name);
        limited(async { self.client().await.remove_outbox(path.to_str().unwrap()).await })
    }

    pub(crate) fn outboxes(&self) -> Vec<OutboxSnapshot> {
        limited(async { self.client().await.outboxes().await.unwrap() })
    }

    /// Waits until the outbox is as wanted.
    pub(crate) fn until(&self, name: &str, wanted: impl Fn(&OutboxSnapshot) -> bool) -> OutboxSnapshot {
        let path = self.database(name).display().to_string();
        let mut last = None;
        let begun = Instant::now();
        loop {
            let found = self.outboxes().into_iter().find(|outbox| outbox.path == path);
            match &found {
                Some(outbox) if wanted(outbox) => return outbox.clone(),
                _ => last = found.or(last),
            }
            assert!(begun.elapsed() < LIMIT, "{last:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What stands in the queues, in the order in which it came.
    pub(crate) fn queued(&self) -> Vec<Queued> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(self.paths.queue_database(), flags).unwrap();
        let mut statement = connection.prepare("SELECT queue, label, standing, code, sentence, calls FROM message ORDER BY seq").unwrap();
        let read = |row: &consign_outbox::rusqlite::Row<'_>| {
            Ok(Queued {
                queue: row.get(0)?,
                label: row.get(1)?,
                standing: row.get(2)?,
                code: row.get(3)?,
                sentence: row.get(4)?,
                calls: row.get(5)?,
            })
        };
        statement.query_map([], read).unwrap().map(Result::unwrap).collect()
    }

    /// Waits until so many messages are in the queues, and the outbox is empty.
    pub(crate) fn until_queued(&self, name: &str, count: usize) -> Vec<Queued> {
        eventually(&format!("{count} messages"), || (self.queued().len() >= count).then_some(()));
        self.until(name, |outbox| outbox.pending == 0 && outbox.state == consign::OutboxState::Idle);
        let queued = self.queued();
        assert_eq!(queued.len(), count, "none is taken twice");
        queued
    }

    pub(crate) fn set_policy(&self, queue: &str, policy: &str) {
        limited(async {
            let stream = std::os::unix::net::UnixStream::connect(self.paths.socket()).unwrap();
            let connection = zbus::connection::Builder::unix_stream(stream).p2p().build().await.unwrap();
            let (path, interface) = ("/org/consign/Manager", Some("org.consign.Queues"));
            connection.call_method(None::<()>, path, interface, "SetPolicy", &(queue, policy)).await.unwrap();
        });
    }

    /// Runs an example in the place of an application.
    pub(crate) fn example(&self, program: &Trusted, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(program.path());
        command.args(arguments).env("CONSIGN_DIR", self.root()).env_remove("CONSIGN_ACTIVATION_TOKEN").stdin(Stdio::null());
        command.output().unwrap()
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        if let Some(mut child) = self.service.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// A recorder with one call.
pub(crate) fn order(target: &str, number: u32) -> Recorder {
    let recorder = Recorder::detached(target).unwrap();
    recorder.interface::<IShipment>().ship_order(number).unwrap();
    recorder
}

/// One sale and its message, in one transaction.
pub(crate) fn sell(connection: &mut Connection, outbox: &Outbox, number: u32) -> consign_outbox::Result<()> {
    outbox.transaction(connection, |transaction| {
        transaction.execute("INSERT INTO sale (number) VALUES (?1)", [number])?;
        transaction.record(order(&format!("queue:Label={number}/new:Test.Shipment"), number)).map(drop)
    })
}

pub(crate) fn count(connection: &Connection, table: &str) -> i64 {
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}
