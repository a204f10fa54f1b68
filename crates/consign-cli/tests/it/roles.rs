//! Programs that tests kill: this test program itself, started again in a role.

use std::{env, fs, path::Path, process::Stdio};

use consign::{ConnectOptions, Paths};
use consign_testkit::Process;

/// A client that starts the real service.
pub(crate) fn options(folder: &Path) -> ConnectOptions {
    let program = Some(env!("CARGO_BIN_EXE_consign").into());
    ConnectOptions { paths: Some(Paths::under(folder)), program, ..ConnectOptions::default() }
}

/// The command that runs `test`, which plays the role.
fn command(folder: &Path, role: &str, test: &str) -> Vec<String> {
    let program = env::current_exe().unwrap();
    let words = [
        "/usr/bin/env",
        &format!("TEST_ROLE={role}"),
        &format!("TEST_FOLDER={}", folder.display()),
        program.to_str().unwrap(),
        "--exact",
        test,
        "--nocapture",
    ];
    words.map(str::to_owned).into()
}

/// The line of a class file that names the command.
pub(crate) fn exec(folder: &Path, role: &str, test: &str) -> String {
    let command: Vec<_> = command(folder, role, test).into_iter().map(|word| format!("'{word}'")).collect();
    format!("exec = [{}]\n", command.join(", "))
}

pub(crate) fn start(folder: &Path, role: &str, test: &str) -> Process {
    let command = command(folder, role, test);
    let mut process = std::process::Command::new(&command[0]);
    process.args(&command[1..]).stdin(Stdio::null()).stdout(Stdio::null());
    Process::start(&mut process).unwrap()
}

/// The processes that play the role.
pub(crate) fn playing(folder: &Path, role: &str) -> Vec<u32> {
    let variables = [format!("TEST_FOLDER={}", folder.display()), format!("TEST_ROLE={role}")];
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let plays = |process: &u32| {
        let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        variables.iter().all(|variable| environment.split(|byte| *byte == 0).any(|part| part == variable.as_bytes()))
    };
    processes.filter(plays).collect()
}

pub(crate) fn kill(process: u32) {
    let process = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw).unwrap();
    // It may have ended by itself.
    let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
}
