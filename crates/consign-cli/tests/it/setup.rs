//! A folder, a service and what it takes to talk to it.

use std::{
    ffi::OsStr,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use consign_testkit::{Process, Server, Trusted};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::Value;

/// No step of a test takes longer, however busy the machine is.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Everything of one test. The service that its commands started ends with it.
pub(crate) struct Setup {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) server: Server,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("out")).unwrap();
        std::fs::create_dir_all(folder.path().join("config")).unwrap();
        Self { folder, server: Server::start().unwrap() }
    }

    /// Where files are put, and where commands run.
    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("out")
    }

    pub(crate) fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consign"));
        command.args(arguments).env("CONSIGN_DIR", self.folder.path()).current_dir(self.out()).stdin(Stdio::null());
        for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "CONSIGN_PROGRAM"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run<const N: usize>(&self, arguments: [&str; N]) -> Ended {
        self.start(arguments).end()
    }

    /// Runs a command that has to do what it is told, and gives what it printed.
    pub(crate) fn ok<const N: usize>(&self, arguments: [&str; N]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended.stdout
    }

    /// The same, as a JSON document.
    pub(crate) fn json<const N: usize>(&self, arguments: [&str; N]) -> Value {
        let text = self.ok(arguments);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    /// Starts a command and lets it run.
    pub(crate) fn start<const N: usize>(&self, arguments: [&str; N]) -> Running {
        let mut command = self.command(arguments);
        Running::start(&mut command)
    }

    /// The process of the service, if it runs.
    pub(crate) fn service(&self) -> Option<Pid> {
        let ended = self.run(["service", "status", "--json"]);
        let status: Value = serde_json::from_str(&ended.stdout).ok()?;
        Pid::from_raw(i32::try_from(status["pid"].as_i64()?).ok()?)
    }

    /// SIGKILL, as the kernel does when memory runs out. Waits until it is gone.
    pub(crate) fn kill_service(&self) {
        let pid = self.service().expect("a service runs");
        let process = pidfd_open(pid, PidfdFlags::empty()).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
        let limit = rustix::event::Timespec { tv_sec: 60, tv_nsec: 0 };
        let ended = rustix::event::poll(&mut [rustix::event::PollFd::new(&process, rustix::event::PollFlags::IN)], Some(&limit));
        assert_eq!(ended, Ok(1), "it is gone");
    }

    /// Reads a job until it is in this state.
    pub(crate) fn wait_for_state(&self, job: &str, state: &str) -> Value {
        let began = Instant::now();
        loop {
            let shown = self.json(["job", "show", job, "--json"]);
            if shown["state"] == state {
                return shown;
            }
            assert!(began.elapsed() < LIMIT, "still {shown}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        // A test that failed leaves its service behind otherwise.
        let _ = self.command(["service", "stop"]).output();
    }
}

/// A command that runs.
pub(crate) struct Running(Process, Output);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let output = Output { status: std::process::ExitStatus::default(), stdout: Vec::new(), stderr: Vec::new() };
        Self(Process::start(command.stdout(Stdio::piped()).stderr(Stdio::piped())).unwrap(), output)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap(), signal).unwrap();
    }

    /// Reads stderr up to a line that has this in it.
    pub(crate) fn wait_for_line(&mut self, text: &str) {
        read_to_line(self.0.child().stderr.as_mut().unwrap(), &mut self.1.stderr, text);
    }

    /// The same of stdout; gives the line.
    pub(crate) fn wait_for_answer(&mut self, text: &str) -> String {
        read_to_line(self.0.child().stdout.as_mut().unwrap(), &mut self.1.stdout, text)
    }

    /// Waits for its end, and reads meanwhile: a pipe does not hold everything.
    pub(crate) fn end(mut self) -> Ended {
        let child = self.0.child();
        let readers = (read_all(child.stdout.take().unwrap()), read_all(child.stderr.take().unwrap()));
        let status = self.0.wait(LIMIT).unwrap().expect("it ends in time");
        self.1.stdout.extend(readers.0.join().unwrap());
        self.1.stderr.extend(readers.1.join().unwrap());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended { code: status.code(), stdout: text(self.1.stdout), stderr: text(self.1.stderr) }
    }
}

fn read_all(mut stream: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

fn read_to_line(stream: &mut impl Read, read: &mut Vec<u8>, text: &str) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "it ended before `{text}`: {}", String::from_utf8_lossy(read));
        read.push(byte[0]);
        line.push(byte[0]);
        if byte[0] == b'\n' {
            if String::from_utf8_lossy(&line).contains(text) {
                return String::from_utf8_lossy(&line).into_owned();
            }
            line.clear();
        }
    }
}

/// The program, where no other user can write to it: only there does the service run it as a server.
pub(crate) fn trusted_program() -> Trusted {
    Trusted::program(Path::new(env!("CARGO_BIN_EXE_consign"))).unwrap()
}
