//! Going away from whoever started the service.
//!
//! The process starts its own program again, because only a new process can have another
//! environment and other descriptors; the new one then leaves the session. The first waits for the
//! second to say that it serves.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::File,
    io::{BufRead, BufReader, Read},
    os::unix::ffi::OsStrExt,
    process::{Command, Stdio},
};

use rustix::fs::Mode;

use super::{
    StartError,
    start::{ERROR, READY, say},
};

/// Tells the second process from the first: its value is the first one's pid, so that whoever merely
/// inherits the variable is not taken for the second.
const MARK: &str = "CONSIGN_DETACHED";

/// What the service keeps of the environment: where things live, language and time, and whom to
/// trust. Proxies are absent on purpose: clients send theirs with each job.
const KEPT: &[&str] = &["DBUS_SESSION_BUS_ADDRESS", "HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER"];

/// And everything that begins so.
const KEPT_PREFIXES: &[&str] = &["CONSIGN_", "LC_", "SSL_CERT_", "XDG_"];

/// The longest line that the second process may say, in bytes.
const LONGEST_LINE: u64 = 4096;

/// Whether this is the second process.
pub(super) fn is_detached() -> bool {
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().to_string());
    parent.is_some() && env::var(MARK).ok() == parent
}

/// In the first process: starts the second and waits until it serves.
pub(super) fn start_again() -> Result<(), StartError> {
    // Whatever the starter forgot to keep to itself, a lock on a file for example.
    close_fds::set_fds_cloexec(3, &[]);
    let program = env::current_exe().map_err(StartError::system("finding the own program"))?;
    let mut child = Command::new(program)
        .args(env::args_os().skip(1))
        .env_clear()
        .envs(env::vars_os().filter(|(name, _)| is_kept(name)))
        .env(MARK, std::process::id().to_string())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(StartError::system("starting the service in the background"))?;
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output.take(LONGEST_LINE)).read_line(&mut line).map_err(StartError::system("waiting for the service"))?;
    }
    match line.trim_end() {
        READY => {
            say(READY);
            Ok(())
        }
        line => {
            let status = child.wait().map_err(StartError::system("waiting for the service"))?;
            Err(StartError::Background(match line.strip_prefix(ERROR) {
                Some(reason) => reason.to_owned(),
                None => format!("the service ended before it was ready ({status})"),
            }))
        }
    }
}

/// In the second process: no terminal, no signals meant for the starter.
pub(super) fn leave_session() -> Result<(), StartError> {
    rustix::process::setsid().map_err(|error| StartError::system("leaving the session")(error.into()))?;
    // What is private is made so by whoever makes it. Finished files get the mode that their job asks for.
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    Ok(())
}

/// In the second process, once it has said what there was to say: lets the first one's pipe go.
pub(super) fn leave_output() {
    let gone = File::options().write(true).open("/dev/null").and_then(|null| Ok(rustix::stdio::dup2_stdout(&null)?));
    if let Err(error) = gone {
        tracing::warn!(%error, "standard output is still the starter's");
    }
}

fn is_kept(name: &OsString) -> bool {
    let name: &OsStr = name;
    KEPT.iter().any(|kept| name == *kept) || KEPT_PREFIXES.iter().any(|prefix| name.as_bytes().starts_with(prefix.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_a_stated_one() {
        for name in ["PATH", "HOME", "XDG_RUNTIME_DIR", "CONSIGN_DIR", "SSL_CERT_FILE", "LC_ALL"] {
            assert!(is_kept(&name.into()), "{name}");
        }
        for name in ["http_proxy", "LD_PRELOAD", "NOTIFY_SOCKET", "LISTEN_FDS", "AWS_SECRET_ACCESS_KEY", "PATHOLOGY"] {
            assert!(!is_kept(&name.into()), "{name}");
        }
    }
}
