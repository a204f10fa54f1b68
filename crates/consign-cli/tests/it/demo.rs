//! `consign demo`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::Signal;
use serde_json::Value;

use crate::setup::{Running, Setup, trusted_program};

/// A demonstration whose temporary folder is ours.
struct Stage {
    setup: Setup,
    temporary: PathBuf,
}

impl Stage {
    fn new() -> Self {
        let setup = Setup::new();
        let temporary = setup.folder.path().join("tmp");
        fs::create_dir(&temporary).unwrap();
        Self { setup, temporary }
    }

    fn command<const N: usize>(&self, program: &Path, arguments: [&str; N]) -> Command {
        let own = self.setup.command(arguments);
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.setup.out()).stdin(std::process::Stdio::null()).env("TMPDIR", &self.temporary);
        for (name, value) in own.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        // The web server is on this machine: no proxy is asked.
        command.env("http_proxy", "http://127.0.0.1:9");
        command
    }

    /// Neither a file nor a process of it, and nothing of the user's own.
    fn nothing_is_left(&self) {
        assert_eq!(fs::read_dir(&self.temporary).unwrap().count(), 0, "{:?}", self.temporary);
        for place in ["run", "state", "data"] {
            assert!(!self.setup.folder.path().join(place).exists(), "the user's own {place}");
        }
        let marker = self.temporary.join("consign-demo-").into_os_string().into_encoded_bytes();
        for process in fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
            let holds =
                |file: &str| fs::read(process.path().join(file)).is_ok_and(|text| text.windows(marker.len()).any(|part| part == marker));
            assert!(!holds("environ") && !holds("cmdline"), "a process is left: {:?}", process.path());
        }
    }
}

#[test]
fn the_story_is_told_to_its_end() {
    let (stage, program) = (Stage::new(), trusted_program());
    let ended = Running::start(&mut stage.command(program.path(), ["demo"])).end();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    for part in ["1. A download", "was killed (SIGKILL)", "2. An event", "is transferred, and is now completed", "All 9 promises were kept"]
    {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
    assert_eq!(ended.stdout.matches("   ✓ ").count(), 9, "{}", ended.stdout);
    assert!(!ended.stdout.contains('\x1b') && !ended.stdout.contains('✗'), "{}", ended.stdout);
    stage.nothing_is_left();
}

#[test]
fn programs_read_a_step_in_each_line() {
    let (stage, program) = (Stage::new(), trusted_program());
    let ended = Running::start(&mut stage.command(program.path(), ["demo", "--json"])).end();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let steps: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = steps.iter().map(|step| step["step"].as_str().unwrap()).filter(|name| *name != "progress").collect();
    assert_eq!(
        names,
        [
            "web-server",
            "service-started",
            "job-made",
            "service-killed",
            "service-restarted",
            "resumed",
            "object-called",
            "checksum",
            "class-registered",
            "job-made",
            "client-left",
            "class-activated",
            "class-completed",
            "output-kept",
            "checksum",
            "told-once",
            "cleared",
            "end",
        ]
    );
    assert!(steps.iter().all(|step| step["kept"] != false && step["sentence"].is_string() && step["time"].is_string()), "{steps:?}");
    let step = |name: &str| steps.iter().find(|step| step["step"] == name).unwrap();
    assert_ne!(step("service-started")["pid"], step("service-restarted")["pid"]);
    let (resumed_at, before) = (step("resumed")["resumed_at"].as_u64().unwrap(), step("resumed")["bytes_sent_before"].as_u64().unwrap());
    assert!(resumed_at <= before && before < step("resumed")["bytes_total"].as_u64().unwrap(), "killed half-way: {}", step("resumed"));
    assert_ne!(step("object-called")["event"], step("class-activated")["event"]);
    assert_eq!(step("checksum")["sha256"], step("checksum")["sha256_expected"]);
    assert_eq!(step("end")["promises"], step("end")["promises_kept"]);
    stage.nothing_is_left();
}

#[test]
fn an_interrupt_leaves_nothing_behind() {
    let (stage, program) = (Stage::new(), trusted_program());
    for (line, signal) in [("web-server", Signal::INT), ("service-killed", Signal::TERM), ("client-left", Signal::HUP)] {
        let mut demo = Running::start(&mut stage.command(program.path(), ["demo", "--json"]));
        demo.wait_for_answer(line);
        demo.signal(signal);
        let ended = demo.end();
        assert_eq!(ended.code, Some(130), "{line}: {ended:?}");
        stage.nothing_is_left();
    }
}

#[test]
fn a_program_that_others_could_change_is_told_why_it_is_not_started() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::new();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let program = folder.path().join("consign");
    // The same file where that is possible: it is large.
    fs::hard_link(env!("CARGO_BIN_EXE_consign"), &program)
        .or_else(|_| fs::copy(env!("CARGO_BIN_EXE_consign"), &program).map(drop))
        .unwrap();
    let ended = Running::start(&mut stage.command(&program, ["demo"])).end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for part in ["error: the class of the demonstration was not registered: ", "E_ACCESSDENIED", "help: ", "copy "] {
        assert!(ended.stderr.contains(part), "{part}: {ended:?}");
    }
    stage.nothing_is_left();
}
