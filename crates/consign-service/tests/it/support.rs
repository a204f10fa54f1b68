//! A service to test, and peers to test it with.

use std::{
    ffi::OsStr,
    fs,
    future::Future,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use consign_core::Paths;
use serde::Serialize;
use tempfile::TempDir;
use zbus::{Connection, DynamicType, Message, connection::Builder};

/// After so long a test has failed. Nothing takes a hundredth of it, unless the machine is busy.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Runs a test with a time limit.
pub(crate) fn within_limit<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(LIMIT, test).await.expect("the test takes too long") })
}

/// A service in a process and a folder of its own. It ends with the test.
pub(crate) struct Service {
    child: Child,
    pub(crate) paths: Paths,
    log: Arc<Mutex<String>>,
    /// Dropped last.
    _folder: Option<TempDir>,
}

impl Service {
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// With these settings.
    pub(crate) fn start_with(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::under(folder.path());
        fs::create_dir_all(&paths.config).unwrap();
        fs::write(paths.settings(), settings).unwrap();
        let mut service = Self::spawn(command(folder.path()), paths).expect("the service starts");
        service._folder = Some(folder);
        service
    }

    /// From a command, or what it said instead of being ready.
    pub(crate) fn spawn(mut command: Command, paths: Paths) -> Result<Self, String> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut log = written.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let stdout = child.stdout.take().unwrap();
        let service = Self { child, paths, log, _folder: None };
        match first_line(stdout).as_str() {
            "ready" => Ok(service),
            other => Err(other.to_owned()),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log has `text`.
    pub(crate) fn logged(&self, text: &str) {
        eventually(&format!("{text:?} in the log"), || self.log().contains(text));
    }

    /// Peak of the memory in use, in KiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse().unwrap()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.pid().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the end of the service", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    pub(crate) fn running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn connect(&self) -> UnixStream {
        UnixStream::connect(self.paths.socket()).unwrap()
    }

    /// A peer that has said who it is.
    pub(crate) fn raw(&self) -> UnixStream {
        handshake(self.connect())
    }

    pub(crate) async fn client(&self) -> Connection {
        client(self.connect()).await
    }

    pub(crate) fn address(&self) -> String {
        format!("unix:path={}", self.paths.socket().display())
    }

    /// Whether it still does what it is for.
    pub(crate) async fn is_well(&self) {
        let client = self.client().await;
        call(&client, "/org/consign/Manager", "org.freedesktop.DBus.Peer", "Ping", &()).await.unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    let program = target.join("examples/serve");
    assert!(program.exists(), "{} is built with the tests of the whole crate", program.display());
    program
}

/// The service of this folder.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(program());
    command.env_clear().env("CONSIGN_DIR", folder).env("CONSIGN_LOG", "debug").env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// The first line, or what there is before the end.
pub(crate) fn first_line(from: impl Read + Send + 'static) -> String {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = BufReader::new(from).read_line(&mut line);
        let _ = sender.send(line.trim_end().to_owned());
    });
    receiver.recv_timeout(LIMIT).expect("a line")
}

pub(crate) async fn client(stream: UnixStream) -> Connection {
    Builder::unix_stream(stream).p2p().build().await.unwrap()
}

/// One call, without a destination.
pub(crate) async fn call(
    client: &Connection,
    path: &str,
    interface: &str,
    member: &str,
    body: &(impl Serialize + DynamicType),
) -> zbus::Result<Message> {
    client.call_method(None::<()>, path, Some(interface), member, body).await
}

/// The name and the body of an error.
pub(crate) fn error_of(result: zbus::Result<Message>) -> (String, (String, i32, u32)) {
    match result {
        Err(zbus::Error::MethodError(name, _, message)) => (name.to_string(), message.body().deserialize().unwrap()),
        // Of the names that D-Bus itself gives, zbus keeps the name alone.
        Err(zbus::Error::FDO(error)) => (zbus::DBusError::name(&*error).to_string(), (String::new(), 0, 0)),
        other => panic!("no error: {other:?}"),
    }
}

/// What stock clients say before their first message.
pub(crate) fn handshake(mut stream: UnixStream) -> UnixStream {
    let uid: String = rustix::process::geteuid().as_raw().to_string().bytes().map(|byte| format!("{byte:02x}")).collect();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(format!("\0AUTH EXTERNAL {uid}\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    while !answer.ends_with("\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0].into());
    }
    assert!(answer.starts_with("OK "), "{answer}");
    stream.write_all(b"BEGIN\r\n").unwrap();
    stream
}

/// Whether the other side has closed the connection; waits for it.
pub(crate) fn closed(stream: &mut UnixStream) {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return,
            Err(error) => panic!("the connection is open: {error}"),
        }
    }
}

/// Waits for something that nobody tells of.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !condition() {
        assert!(begun.elapsed() < LIMIT, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a tool is there. Without it a test says so and returns, unless all tools are demanded.
pub(crate) fn has_tool(tool: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    let tool = tool.as_ref();
    let there =
        Command::new(tool).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if !there {
        let reason = format!("skipped: {} {arguments:?} does not run", tool.to_string_lossy());
        assert!(std::env::var_os("CONSIGN_REQUIRE_TOOLS").is_none_or(|value| value != "1"), "{reason}");
        eprintln!("{reason}");
    }
    there
}
