use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use consign_activation::{
    Activator, ClassFile, ClassId, ClassStatus, Environment, Failure, Host, Lease, Registry, ServerLink,
    activator::{ClassState, Options},
    server::Connection,
};
use consign_core::Guid;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::unix::pipe,
    sync::mpsc,
    time::{sleep, timeout},
};

/// Only for giving up.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Says the token and the process, then lives on.
pub(crate) const GOOD: &str = "echo $CONSIGN_ACTIVATION_TOKEN $$ > $CONSIGN_SOCKET; exec sleep 1000";

pub(crate) struct Bench {
    pub(crate) activator: Option<Arc<Activator>>,
    pub(crate) asked: mpsc::UnboundedReceiver<Call>,
    hellos: tokio::sync::Mutex<BufReader<pipe::Receiver>>,
    pub(crate) root: TempDir,
}

/// What the activator asked of the owner of the connections.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Shutdown(Connection),
    Close(Connection),
}

struct Link(Mutex<mpsc::UnboundedSender<Call>>);

impl Link {
    fn say(&self, call: Call) {
        // The test may have ended.
        let _ = self.0.lock().unwrap().send(call);
    }
}

impl ServerLink for Link {
    fn request_shutdown(&self, connection: Connection) {
        self.say(Call::Shutdown(connection));
    }

    fn close(&self, connection: Connection) {
        self.say(Call::Close(connection));
    }
}

pub(crate) struct Hello {
    pub(crate) token: String,
    pub(crate) process: u32,
}

impl Hello {
    fn from_line(line: &str) -> Self {
        let (token, process) = line.trim().split_once(' ').unwrap();
        Self { token: token.to_owned(), process: process.parse().unwrap() }
    }
}

/// A folder that follows the rules for programs, where the repository's own folders do.
pub(crate) fn folder() -> TempDir {
    let candidates = [Some(env!("CARGO_TARGET_TMPDIR").into()), std::env::var_os("HOME")];
    let folder = candidates.into_iter().flatten().map(std::path::PathBuf::from).find(|folder| is_trusted(folder));
    let folder = folder.expect("neither the target folder nor HOME is safe from other users: programs in them are not run");
    tempfile::Builder::new().prefix(".consign-test-").tempdir_in(folder).unwrap()
}

/// Written by another process, so that no copy of the descriptor keeps it from being run.
pub(crate) fn script(path: &Path, text: &str) {
    let mut writer = Command::new("sh").args(["-c", "cat > \"$0\" && chmod 755 \"$0\""]).arg(path).stdin(Stdio::piped()).spawn().unwrap();
    writer.stdin.take().unwrap().write_all(format!("#!/bin/sh\n{text}\n").as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
}

pub(crate) fn id(number: u8) -> ClassId {
    Guid::from_bytes([number; 16]).try_into().unwrap()
}

pub(crate) fn shell(text: &str) -> ClassFile {
    ClassFile::new(id(1), Host::Program(["/bin/sh", "-c", text].map(str::to_owned).into()))
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Self {
        let root = folder();
        let socket = root.path().join("socket");
        rustix::fs::mkfifoat(rustix::fs::CWD, &socket, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
        let hellos = pipe::OpenOptions::new().read_write(true).open_receiver(&socket).unwrap();
        let (sender, asked) = mpsc::unbounded_channel();
        let registry = Arc::new(Registry::new(root.path().join("classes"), []));
        let environment = Environment::from_variables(std::env::vars_os()).with("XDG_RUNTIME_DIR", root.path());
        let link = Arc::new(Link(Mutex::new(sender)));
        let mut options = Options::new(registry, link, socket, root.path().join("consign"), environment);
        options.grace = Duration::from_millis(50);
        change(&mut options);
        let activator = Some(Arc::new(Activator::new(options, tokio::runtime::Handle::current())));
        Self { activator, asked, hellos: BufReader::new(hellos).into(), root }
    }

    pub(crate) fn activator(&self) -> &Arc<Activator> {
        self.activator.as_ref().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Registers the class, and begins to activate it.
    pub(crate) fn begin(&self, class: &ClassFile) -> Waiting {
        self.activator().register(class).unwrap();
        self.again(class.class)
    }

    pub(crate) fn again(&self, class: ClassId) -> Waiting {
        let activator = Arc::clone(self.activator());
        Waiting(tokio::spawn(async move { activator.activate(class).await }))
    }

    /// What the next server says.
    pub(crate) async fn hello(&self) -> Hello {
        let mut line = String::new();
        timeout(LIMIT, self.hellos.lock().await.read_line(&mut line)).await.expect("a server says hello").unwrap();
        Hello::from_line(&line)
    }

    /// The same, and no task runs meanwhile.
    pub(crate) fn hello_at_once(&self) -> Hello {
        let hellos = fs::File::options().read(true).write(true).open(self.path("socket")).unwrap();
        let (sender, said) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            std::io::BufRead::read_line(&mut std::io::BufReader::new(hellos), &mut line).unwrap();
            // The test may have given up.
            let _ = sender.send(line);
        });
        Hello::from_line(&said.recv_timeout(LIMIT).expect("a server says hello"))
    }

    /// A server that has registered as connection `number`.
    pub(crate) async fn running(&self, class: &ClassFile, number: u64) -> (Lease, Hello) {
        let waiting = self.begin(class);
        let hello = self.hello().await;
        self.activator().registered(Some(&hello.token), class.class, Connection(number)).unwrap();
        (waiting.answer().await.unwrap(), hello)
    }

    pub(crate) fn status(&self) -> ClassStatus {
        self.activator().status(id(1)).unwrap()
    }

    pub(crate) async fn until(&self, state: fn(ClassState) -> bool) {
        until("the state", || state(self.status().state)).await;
    }

    pub(crate) async fn asked(&mut self) -> Call {
        timeout(LIMIT, self.asked.recv()).await.expect("the link is asked").unwrap()
    }
}

pub(crate) struct Waiting(tokio::task::JoinHandle<Result<Lease, Failure>>);

impl Waiting {
    pub(crate) async fn answer(self) -> Result<Lease, Failure> {
        timeout(LIMIT, self.0).await.expect("an activation is answered").unwrap()
    }
}

pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("{what} does not come"));
}

/// Whether a process lives. One that nobody has waited for does not.
pub(crate) fn lives(process: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else { return false };
    !stat.rsplit(") ").next().unwrap().starts_with(['Z', 'X'])
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Whether nobody but the user and root can write in the folder or above it.
fn is_trusted(folder: &std::path::Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    folder.ancestors().all(|folder| folder.metadata().is_ok_and(|metadata| metadata.mode() & 0o022 == 0))
}
