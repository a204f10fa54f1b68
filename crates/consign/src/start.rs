//! Starting the service for the first client that needs it.
//!
//! Nothing in here decides who wins when several clients start it at the same moment: the service
//! does, by its lock. Who lost connects to the winner.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use consign_core::Paths;
use tokio::sync::oneshot;

use crate::{Error, Result, connection::Connection};

/// How long a service may take to open its store and listen.
const START_LIMIT: Duration = Duration::from_secs(15);
/// How long the winner of a race may take beyond the loser's word that it lost.
const WINNER_LIMIT: Duration = Duration::from_secs(10);
/// The longest line of the service that is read.
const LINE_LIMIT: u64 = 4096;

/// The unit that runs the service where systemd is there and no unit was installed. Its fixed name
/// lets one start win.
const TRANSIENT_UNIT: &str = "consign-on-demand.service";

/// Starts the service and connects to it.
pub(crate) async fn on_demand(paths: &Paths, program: Option<&Path>) -> Result<Connection> {
    let environment = service_environment(paths).ok_or_else(|| not_started("its folders cannot be told by the environment"))?;
    if let Some(manager) = UserManager::reachable(paths)
        && manager.start(program, &environment).await
        && let Some(connection) = dial_until(paths, START_LIMIT).await?
    {
        return Ok(connection);
    }
    let said = spawn(find_program(program)?, environment).await;
    let limit = if said.is_ok() { START_LIMIT } else { WINNER_LIMIT };
    match (dial_until(paths, if is_hopeless(&said) { Duration::ZERO } else { limit }).await?, said) {
        (Some(connection), _) => Ok(connection),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => Err(not_started("it said that it is ready, but nobody serves its socket")),
    }
}

/// Dials until somebody answers. There is nothing to wait on before the socket exists, so this
/// asks again, at short and growing intervals.
async fn dial_until(paths: &Paths, limit: Duration) -> Result<Option<Connection>> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        if let Some(connection) = Connection::dial(&paths.socket()).await? {
            return Ok(Some(connection));
        }
        if began.elapsed() >= limit {
            return Ok(None);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}

/// Runs the program and waits for the line that says how it went.
async fn spawn(program: PathBuf, environment: Vec<(OsString, OsString)>) -> Result<()> {
    let mut child = Command::new(&program)
        .args(["service", "run", "--detach"])
        .env_clear()
        .envs(environment)
        .current_dir("/")
        // An interrupt typed into our terminal is not meant for the service.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| not_started(format_args!("{}: {error}", program.display())))?;
    let (answer, line) = oneshot::channel();
    let stdout = child.stdout.take();
    // A thread and not a task: it also takes the exit status, so that no dead service is left
    // behind as a zombie however long this process lives and whatever becomes of its runtime.
    std::thread::Builder::new()
        .name("consign-reaper".into())
        .spawn(move || {
            let mut text = String::new();
            if let Some(stdout) = stdout {
                // What cannot be read is no line, and is told as such.
                let _ = BufReader::new(stdout.take(LINE_LIMIT)).read_line(&mut text);
            }
            let _ = answer.send(text);
            let _ = child.wait();
        })
        .map_err(not_started)?;
    match tokio::time::timeout(START_LIMIT, line).await {
        Err(_) => Err(not_started(format_args!("it was not ready within {} seconds", START_LIMIT.as_secs()))),
        Ok(line) => read_answer(&line.unwrap_or_default()),
    }
}

fn read_answer(line: &str) -> Result<()> {
    match line.trim_end() {
        "ready" => Ok(()),
        "" => Err(not_started("it ended without a word")),
        line => Err(not_started(line.strip_prefix("error: ").unwrap_or(line))),
    }
}

/// Whether it is certain that nobody will serve the socket: every error but that another one runs.
fn is_hopeless(said: &Result<()>) -> bool {
    matches!(said, Err(Error::NotStarted { sentence }) if !sentence.contains("already") && !sentence.contains("ending"))
}

fn not_started(why: impl ToString) -> Error {
    Error::NotStarted { sentence: why.to_string() }
}

/// The systemd manager of this user. It starts the service outside the session, the limits and
/// the environment of its first client.
struct UserManager;

impl UserManager {
    /// Where there is one, and the service has the places that it would give it.
    fn reachable(paths: &Paths) -> Option<Self> {
        let runtime = PathBuf::from(env::var_os("XDG_RUNTIME_DIR")?);
        let ours = paths.runtime == runtime.join("consign") && env::var_os("CONSIGN_DIR").is_none();
        (ours && runtime.join("systemd/private").exists()).then_some(Self)
    }

    /// Whether the manager took it over.
    async fn start(&self, program: Option<&Path>, environment: &[(OsString, OsString)]) -> bool {
        if run("systemctl", ["--user", "--quiet", "start", "consign.socket"].map(OsString::from).to_vec()).await {
            return true;
        }
        let Ok(program) = find_program(program) else { return false };
        let mut arguments = ["--user", "--collect", "--quiet", "--unit", TRANSIENT_UNIT].map(OsString::from).to_vec();
        // Who the user is and what the path is, the manager knows.
        let ours = |name: &OsString| ["CONSIGN_", "XDG_", "SSL_CERT_"].iter().any(|start| name.to_string_lossy().starts_with(start));
        for (name, value) in environment.iter().filter(|(name, _)| ours(name)) {
            let mut setting = OsString::from("--setenv=");
            setting.push(name);
            setting.push("=");
            setting.push(value);
            arguments.push(setting);
        }
        arguments.extend([OsStr::new("--"), program.as_os_str(), OsStr::new("service"), OsStr::new("run")].map(OsStr::to_owned));
        // Refused where the unit is there already: then somebody else was faster.
        run("systemd-run", arguments).await
            || run("systemctl", ["--user", "--quiet", "is-active", TRANSIENT_UNIT].map(OsString::from).to_vec()).await
    }
}

/// Whether a program of systemd ran and said yes. A missing one says no.
async fn run(program: &'static str, arguments: Vec<OsString>) -> bool {
    let status = move || Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    tokio::task::spawn_blocking(status).await.is_ok_and(|status| status.as_ref().is_ok_and(ExitStatus::success))
}

/// What the service gets of our environment: who the user is, where things are, how to speak. Not
/// the proxy variables: a job brings those of its own client.
fn service_environment(paths: &Paths) -> Option<Vec<(OsString, OsString)>> {
    const PASSED_ON: &[&str] = &[
        "CONSIGN_LOG",
        "DBUS_SESSION_BUS_ADDRESS",
        "HOME",
        "LANG",
        "LOGNAME",
        "PATH",
        "RUST_BACKTRACE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TMPDIR",
        "TZ",
        "USER",
    ];
    let mut environment: Vec<(OsString, OsString)> =
        PASSED_ON.iter().filter_map(|name| Some((OsString::from(name), env::var_os(name)?))).collect();
    environment.extend(env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LC_")));
    let folders = folder_variables(paths)?;
    // Where the user's service manager and session bus are found, for classes that they start.
    if folders.iter().any(|(name, _)| name == "CONSIGN_DIR") {
        environment.extend(env::var_os("XDG_RUNTIME_DIR").map(|folder| ("XDG_RUNTIME_DIR".into(), folder)));
    }
    environment.extend(folders);
    Some(environment)
}

/// The variables from which [`Paths::from_environment`] makes these paths, if there are any.
fn folder_variables(paths: &Paths) -> Option<Vec<(OsString, OsString)>> {
    let variable = |name: &str, value: &Path| (OsString::from(name), value.as_os_str().to_owned());
    let variables = match paths.state.parent().filter(|folder| Paths::under(folder) == *paths) {
        Some(folder) => vec![variable("CONSIGN_DIR", folder)],
        None => {
            let mut variables = vec![
                variable("XDG_STATE_HOME", paths.state.parent()?),
                variable("XDG_CONFIG_HOME", paths.config.parent()?),
                variable("XDG_DATA_HOME", paths.data.parent()?),
            ];
            if paths.runtime != paths.state {
                variables.push(variable("XDG_RUNTIME_DIR", paths.runtime.parent()?));
            }
            variables
        }
    };
    let find = |name: &str| variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    (Paths::from_environment(find).ok()? == *paths).then_some(variables)
}

/// By the option, `CONSIGN_PROGRAM`, our own file if it is `consign`, `consign` beside it, `PATH`.
fn find_program(option: Option<&Path>) -> Result<PathBuf> {
    if let Some(program) = option.map(Path::to_owned).or_else(|| env::var_os("CONSIGN_PROGRAM").map(PathBuf::from)) {
        return Ok(program);
    }
    let own = env::current_exe().ok();
    let beside = own.as_ref().map(|own| own.with_file_name("consign"));
    let in_path = env::var_os("PATH").unwrap_or_default();
    let in_path: Vec<_> = env::split_paths(&in_path).filter(|folder| folder.is_absolute()).map(|folder| folder.join("consign")).collect();
    own.filter(|own| own.file_name() == Some(OsStr::new("consign")))
        .into_iter()
        .chain(beside)
        .chain(in_path)
        .find(|program| program.is_file())
        .ok_or_else(|| not_started("the program consign was not found; set CONSIGN_PROGRAM to its path"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_can_be_told_by_variables() {
        let under = Paths::under(Path::new("/x"));
        assert_eq!(folder_variables(&under), Some(vec![("CONSIGN_DIR".into(), "/x".into())]));
        for variables in [vec![("HOME", "/h"), ("XDG_RUNTIME_DIR", "/run/user/1")], vec![("HOME", "/h")]] {
            let paths = Paths::from_environment(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()));
            assert!(folder_variables(&paths.unwrap()).is_some());
        }
        let own = Paths { state: "/elsewhere".into(), ..under };
        assert_eq!(folder_variables(&own), None, "no variable leads there");
    }

    #[test]
    fn the_answer_of_the_service_is_read() {
        assert!(read_answer("ready\n").is_ok());
        for (line, sentence, hopeless) in [
            ("", "it ended without a word", true),
            ("error: the service is running already\n", "the service is running already", false),
            ("error: the disk is full\n", "the disk is full", true),
        ] {
            let said = read_answer(line);
            assert_eq!(is_hopeless(&said), hopeless, "{line}");
            assert!(matches!(said, Err(Error::NotStarted { sentence: text }) if text == sentence), "{line}");
        }
    }

    #[test]
    fn the_option_comes_first() {
        assert_eq!(find_program(Some(Path::new("/a/b"))).unwrap(), Path::new("/a/b"));
    }
}
