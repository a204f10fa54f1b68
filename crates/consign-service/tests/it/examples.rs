//! The examples in Python, as they stand: they know nothing of Consign but its D-Bus face.

use std::{
    fs,
    process::{Command, Output, Stdio},
};

use consign_testkit::{Resource, Server, trusted_folder};

use crate::{
    support::{Service, eventually, has_tool},
    tools::python,
};

struct Bench {
    service: Service,
    web: Server,
    folder: tempfile::TempDir,
    interpreter: Interpreter,
}

/// A Python that may be run as a server: where nobody else can write to it.
struct Interpreter(tempfile::TempDir);

impl Interpreter {
    /// One that has what the other one has.
    fn new() -> Self {
        let folder = trusted_folder().unwrap();
        let venv = folder.path().join("venv");
        let made = Command::new(python()).args(["-m", "venv", "--without-pip"]).arg(&venv).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let print = |program: &std::path::Path, script: &str| {
            let output = Command::new(program).args(["-c", script]).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let interpreter = Self(folder);
        let packages = print(python().as_ref(), "import jeepney, os; print(os.path.dirname(os.path.dirname(jeepney.__file__)))");
        let own = print(&interpreter.path(), "import sysconfig; print(sysconfig.get_path('purelib'))");
        fs::write(format!("{own}/packages.pth"), packages).unwrap();
        interpreter
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("venv/bin/python")
    }
}

impl Bench {
    /// `None` where there is no Python with jeepney.
    fn new() -> Option<Self> {
        if !has_tool(python(), &["-c", "import jeepney"]) {
            return None;
        }
        let web = Server::start().unwrap();
        web.set("/a", Resource::new("abc"));
        Some(Self { service: Service::start(), web, folder: tempfile::tempdir().unwrap(), interpreter: Interpreter::new() })
    }

    fn run(&self, example: &str, path: &str) -> Output {
        let script = format!("{}/../../examples/python/{example}", env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(self.interpreter.path());
        command.args([&script, &self.web.url(path), "out"]).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("CONSIGN_SOCKET", self.service.paths.socket()).env_remove("CONSIGN_ACTIVATION_TOKEN").output().unwrap()
    }

    fn fetched(&self) -> Option<String> {
        fs::read_to_string(self.folder.path().join("out")).ok()
    }
}

#[test]
fn notify_object() {
    let Some(bench) = Bench::new() else { return };
    let output = bench.run("notify_object.py", "/a");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "event 1: transferred\n");
    assert_eq!(bench.fetched().as_deref(), Some("abc"));
    let output = bench.run("notify_object.py", "/missing");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("event 2: "), "{output:?}");
}

#[test]
fn notify_class() {
    let Some(bench) = Bench::new() else { return };
    let output = bench.run("notify_class.py", "/a");
    assert!(output.status.success(), "{output:?}");
    // The program has ended; it is started again.
    eventually("the file", || bench.fetched().as_deref() == Some("abc"));
    bench.service.logged("a server has ended");
    let output = bench.run("notify_class.py", "/missing");
    assert!(output.status.success(), "{output:?}");
    eventually("the second server", || bench.service.log().matches("exit status 0").count() == 2);
}

#[test]
fn shipment() {
    let Some(bench) = Bench::new() else { return };
    let script = format!("{}/../../examples/python/shipment.py", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(bench.interpreter.path());
    command.args([&script, "book", "7", "8"]).current_dir(bench.folder.path()).stdin(Stdio::null());
    let output = command.env("CONSIGN_SOCKET", bench.service.paths.socket()).env_remove("CONSIGN_ACTIVATION_TOKEN").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let message = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    // The program has ended; it is started again as the component.
    let shipped = || fs::read_to_string(bench.folder.path().join("book")).ok();
    eventually("the orders to be shipped", || shipped().is_some());
    assert_eq!(shipped().unwrap(), format!("order 7, message {message}, attempt 1\norder 8, message {message}, attempt 1\n"));
}
