//! How servers are started, by each kind of host. Decides nothing.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use consign_core::{common, paths::private_folder};
use rustix::process::Signal;
use tokio::task::spawn_blocking;

use super::{desk::Desk, options::Options};
use crate::{
    class_file::{ClassFile, Host},
    failure::Failure,
    hook::{self, End},
    names::ClassId,
    output::Output,
    policy::Policy,
    process::{Group, Voice},
    server::{Attempt, Token},
};

/// A server that was started.
#[derive(Debug)]
pub(super) enum Launched {
    Own(Group, Voice),
    Elsewhere,
}

/// How long a helper may take to tell the manager to stop a unit; nobody waits for the unit's end.
const STOP_DEADLINE: Duration = Duration::from_secs(60);

/// Starts a server and reports it.
pub(super) async fn start(desk: Weak<Desk>, options: Options, file: ClassFile, attempt: Attempt, token: Token) {
    let class = file.class;
    let launched = match file.host {
        Host::Program(command) => spawn(Weak::clone(&desk), options, (class, attempt), command, token).await,
        _ if !is_wanted(&desk, (class, attempt)) => Err(not_wanted()),
        Host::SystemdUnit(unit) => start_unit(&desk, &options, (class, attempt), &unit, &token, file.start_timeout).await,
        Host::BusName(name) => {
            let bus = ["org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"];
            let arguments = ["--user", "call", bus[0], bus[1], bus[2], "StartServiceByName", "su", &name, "0"];
            tool(&options, &options.tools.busctl, &arguments, file.start_timeout).await.map(|()| Launched::Elsewhere)
        }
    };
    if let Some(desk) = desk.upgrade() {
        desk.launched(class, attempt, launched);
    }
}

/// Keeps what a server writes, and reports its end.
pub(super) async fn follow(desk: Weak<Desk>, class: ClassId, attempt: Attempt, voice: Voice, output: Arc<Mutex<Output>>) {
    let keep = |bytes: &[u8]| {
        if let Some(desk) = desk.upgrade() {
            output.lock().unwrap_or_else(PoisonError::into_inner).append(bytes, desk.now().wall);
        }
    };
    if let Err(error) = voice.follow(keep).await {
        // Not to be followed, it counts as ended, and is killed.
        tracing::warn!(%class, %error, "a server cannot be followed");
    }
    if let Some(desk) = desk.upgrade() {
        desk.exited(class, attempt);
    }
}

/// Makes a unit end, by its manager.
pub(super) async fn stop_unit(options: Options, unit: String, signal: Signal) {
    let arguments: &[&str] = if signal == Signal::KILL {
        &["--user", "kill", "--signal=SIGKILL", "--", &unit]
    } else {
        &["--user", "--no-block", "stop", "--", &unit]
    };
    if let Err(failure) = tool(&options, &options.tools.systemctl, arguments, STOP_DEADLINE).await {
        tracing::warn!(unit, %failure, "a unit could not be stopped");
    }
}

/// Nobody may wait for it any more, by the time that it is its turn.
fn is_wanted(desk: &Weak<Desk>, (class, attempt): (ClassId, Attempt)) -> bool {
    desk.upgrade().is_some_and(|desk| desk.is_starting(class, attempt))
}

fn not_wanted() -> Failure {
    Failure::of(common::ERROR_OPERATION_ABORTED)
}

async fn spawn(
    desk: Weak<Desk>,
    options: Options,
    (class, attempt): (ClassId, Attempt),
    command: Vec<String>,
    token: Token,
) -> Result<Launched, Failure> {
    let blocking = move || {
        let program = options.policy.check(&command)?;
        let environment = options.environment.with(SOCKET, options.socket).with(TOKEN, token.reveal());
        if !is_wanted(&desk, (class, attempt)) {
            return Err(not_wanted());
        }
        if let Some(desk) = desk.upgrade() {
            desk.known.note_program(class, program.identity());
        }
        let (group, voice) = Group::spawn(&program, &environment)?;
        Ok(Launched::Own(group, voice))
    };
    spawn_blocking(blocking).await.unwrap_or_else(|_| Err(Failure::of(common::E_UNEXPECTED)))
}

const SOCKET: &str = "CONSIGN_SOCKET";
const TOKEN: &str = "CONSIGN_ACTIVATION_TOKEN";

/// The token goes by a file that the unit names, because the manager's own environment is seen by
/// every unit: `EnvironmentFile=-%t/consign/activation/%n.env`. It is taken away when the server has
/// registered or failed.
async fn start_unit(
    desk: &Weak<Desk>,
    options: &Options,
    (class, attempt): (ClassId, Attempt),
    unit: &str,
    token: &Token,
    deadline: Duration,
) -> Result<Launched, Failure> {
    let folder = options.runtime_folder.join("activation");
    let path = folder.join(format!("{unit}.env"));
    let text = format!("{SOCKET}={}\n{TOKEN}={}\n", quoted(&options.socket)?, token.reveal());
    let written = {
        let path = path.clone();
        spawn_blocking(move || write_private(&folder, &path, &text)).await.unwrap_or_else(|error| Err(io::Error::other(error)))
    };
    written.map_err(|error| Failure::system("writing the environment of a unit", &error))?;
    let started = tool(options, &options.tools.systemctl, &["--user", "start", "--", unit], deadline).await;
    // The manager goes on starting it after its client was cut off. It is stopped before the failure is
    // reported: a later attempt must not be what is stopped. One that has registered all the same stays.
    if started.is_err() && !desk.upgrade().is_some_and(|desk| desk.is_running(class, attempt)) {
        stop_unit(options.clone(), unit.to_owned(), Signal::TERM).await;
    }
    let ours = token.reveal();
    let remove = move || {
        // A later attempt may have written its own by now.
        if fs::read_to_string(&path).is_ok_and(|text| text.contains(&ours))
            && let Err(error) = fs::remove_file(&path)
        {
            tracing::warn!(file = %path.display(), %error, "the environment of a unit could not be removed");
        }
    };
    match (&started, desk.upgrade().map(|desk| desk.changes())) {
        (Ok(()), Some(mut changes)) => {
            let desk = Weak::clone(desk);
            tokio::spawn(async move {
                let over = |_: &u64| desk.upgrade().is_none_or(|desk| !desk.is_starting(class, attempt));
                // A desk that is gone ends the wait, too.
                let _ = changes.wait_for(over).await;
                let _ = spawn_blocking(remove).await;
            });
        }
        _ => {
            let _ = spawn_blocking(remove).await;
        }
    }
    started.map(|()| Launched::Elsewhere)
}

/// Runs a helper program to its end.
async fn tool(options: &Options, tool: &str, arguments: &[&str], deadline: Duration) -> Result<(), Failure> {
    let command: Vec<_> = std::iter::once(&tool).chain(arguments).map(|argument| (*argument).to_owned()).collect();
    // The user's list is about the user's programs; the rules hold for the system's, too.
    let checked = spawn_blocking(move || Policy::default().check(&command)).await;
    let program = checked.unwrap_or_else(|_| Err(Failure::of(common::E_UNEXPECTED)))?;
    let outcome = hook::run(program, options.environment.clone(), deadline, &*options.clock).await?;
    let how = match outcome.end {
        End::Exited(exit) if exit.is_success() => return Ok(()),
        End::Exited(exit) => exit.to_string(),
        End::TimedOut => "it took too long".to_owned(),
    };
    let words = outcome.output.last().map(|line| format!(": {}", line.text)).unwrap_or_default();
    Err(Failure::new(common::CO_E_SERVER_EXEC_FAILURE, format!("{tool} failed ({how}){words}")))
}

/// A value in the syntax of `systemd.exec(5)`, `EnvironmentFile=`.
fn quoted(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().filter(|text| !text.chars().any(char::is_control));
    let text =
        text.ok_or_else(|| Failure::new(common::E_INVALIDARG, "the socket's path cannot be written into the environment of a unit"))?;
    let escape = |character| if "\\\"`$".contains(character) { format!("\\{character}") } else { String::from(character) };
    Ok(format!("\"{}\"", text.chars().map(escape).collect::<String>()))
}

fn write_private(folder: &Path, path: &PathBuf, text: &str) -> io::Result<()> {
    private_folder(folder)?;
    // One that is left over from a crash.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted() {
        assert_eq!(quoted(Path::new("/run/a b/$x\"\\`")).unwrap(), "\"/run/a b/\\$x\\\"\\\\\\`\"");
        assert!(quoted(Path::new("/a\nB=1")).is_err());
    }
}
