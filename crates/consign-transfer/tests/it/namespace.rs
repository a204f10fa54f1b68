//! The test binary run again where it has a network, or mounts, of its own.

use std::process::Command;

/// Set in the other process.
const INSIDE: &str = "CONSIGN_TRANSFER_TEST_INSIDE";

/// What the other process has of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Own {
    Network,
    Mounts,
}

/// Runs the test `name` again in a namespace of its own and waits for it; `true` in there. `probe` is
/// what has to work there (for `sh`): where it does not, the reason is printed.
pub(crate) fn inside(name: &str, own: Own, probe: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let flag = match own {
        Own::Network => "-n",
        Own::Mounts => "-m",
    };
    // As root, else as root of a user namespace.
    let ways: [&[&str]; 2] = [&[flag], &["-U", "-r", flag]];
    let works =
        |way: &&&[&str]| Command::new("unshare").args(**way).args(["sh", "-c", probe]).output().is_ok_and(|output| output.status.success());
    let Some(way) = ways.iter().find(works) else {
        println!("skipped: `{probe}` is not allowed here, not even in a namespace of its own");
        return false;
    };
    let mut command = Command::new("unshare");
    command.args(*way).arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture", "--test-threads=1"]);
    let output = command.env(INSIDE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{}\n{said}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    false
}

/// A command of the shell that must succeed.
pub(crate) fn shell(line: &str) {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}
