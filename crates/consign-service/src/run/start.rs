//! `consign service run`: from a bare process to [`run`].
//!
//! Whoever starts it reads its standard output: one line, [`READY`] once clients can connect, or
//! `error: ` and why not. Nobody needs to look for the socket again and again.

use std::{
    env,
    io::{self, IsTerminal, Write},
};

use consign_core::Paths;
use listenfd::ListenFd;

use super::{LogTo, RunOptions, StartError, detach, run};

/// The line that says that clients can connect.
pub const READY: &str = "ready";

/// What stands before the reason in the other line.
pub(super) const ERROR: &str = "error: ";

/// Whether the service stays with whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    /// It does: under a supervisor, in a container, at a terminal.
    Stay,
    /// It goes away from its starter's session, folder, descriptors and environment, and the call
    /// returns once clients can connect to it. The starter's control group stays: only systemd
    /// could take it out.
    Detach,
}

/// Runs the service in this process. To be called first, while the process has one thread.
///
/// # Errors
/// When it did not start; the reason has been written to standard output, unless a person looks at
/// it.
pub fn main_run(background: Background) -> Result<(), StartError> {
    let result = match (background, detach::is_detached()) {
        (Background::Detach, false) => detach::start_again(),
        (Background::Detach, true) => detach::leave_session().and_then(|()| serve(LogTo::File)),
        (Background::Stay, _) => serve(LogTo::Stderr),
    };
    if let Err(error) = &result
        && !io::stdout().is_terminal()
    {
        say(&format!("{ERROR}{}", error.chain()));
    }
    result
}

fn serve(log: LogTo) -> Result<(), StartError> {
    let options = RunOptions {
        log,
        log_filter: env::var("CONSIGN_LOG").ok(),
        inherited: ListenFd::from_env().take_unix_listener(0).map_err(StartError::system("taking the socket of systemd"))?,
        notify_socket: env::var_os("NOTIFY_SOCKET"),
        ready: Box::new(move || {
            say(READY);
            if log == LogTo::File {
                detach::leave_output();
            }
        }),
        ..RunOptions::new(Paths::from_environment(|name| env::var_os(name))?)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::system("making the runtime"))?;
    let result = runtime.block_on(run(options));
    // A thread that waits for a lock must not hold up the end.
    runtime.shutdown_background();
    result
}

pub(super) fn say(line: &str) {
    let mut out = io::stdout().lock();
    // Whoever does not listen does not want to know.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
