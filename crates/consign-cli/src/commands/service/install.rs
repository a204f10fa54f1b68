//! `consign service install` and `uninstall`.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use consign_service::{LINGER_NOTE, UnitError, Units};
use serde::Serialize;

use crate::{
    console::{Console, Form},
    exit::Exit,
    problem::{Outcome, Problem},
    text::shown,
};

#[derive(Serialize)]
struct Done {
    files: Vec<String>,
    /// Whether the systemd user manager took it over now.
    active: bool,
}

pub(super) fn install(console: &Console) -> Outcome {
    let what = "the units were not installed";
    let program = env::current_exe().map_err(|error| Problem::failed(what, format!("the own program was not found: {error}")))?;
    let instance = env::var_os("CONSIGN_DIR").map(PathBuf::from);
    let files =
        Units::new(&program, instance.as_deref()).and_then(|units| units.install(&folder()?)).map_err(|error| problem(what, &error))?;
    let active = Units::AFTER_INSTALL.iter().all(|command| run(command));
    report(&files, "written", active, console)?;
    if console.form == Form::People {
        if !active {
            console.remark("note: the systemd user manager was not reached; the units take effect at the next log-in, after:");
            Units::AFTER_INSTALL.iter().for_each(|command| console.remark(format!("  {}", command.join(" "))));
        }
        console.remark(LINGER_NOTE);
    }
    Ok(Exit::Done)
}

pub(super) fn uninstall(console: &Console) -> Outcome {
    let what = "the units were not removed";
    let active = Units::BEFORE_UNINSTALL.iter().all(|command| run(command));
    let files = folder().and_then(|folder| Units::uninstall(&folder)).map_err(|error| problem(what, &error))?;
    run(&["systemctl", "--user", "daemon-reload"]);
    if console.form == Form::People && files.is_empty() {
        console.line("no units were installed")?;
        return Ok(Exit::Done);
    }
    report(&files, "removed", active, console)?;
    Ok(Exit::Done)
}

fn report(files: &[PathBuf], verb: &str, active: bool, console: &Console) -> Outcome<()> {
    let files: Vec<String> = files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
    match console.form {
        Form::People => console.lines(files.iter().map(|file| format!("{verb} {}", shown(file)))),
        Form::Programs => console.document(&Done { files, active }),
    }
}

/// Where the systemd user manager looks for the units of this user.
fn folder() -> Result<PathBuf, UnitError> {
    let config = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let config = config.or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".config")));
    config.map(|config| config.join("systemd/user")).ok_or_else(|| UnitError::Path("$HOME/.config".into()))
}

fn problem(what: &str, error: &UnitError) -> Problem {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Problem::failed(what, format!("{error}{cause}"))
}

/// Whether the command was there and did it.
fn run(command: &[&str]) -> bool {
    let Some((program, arguments)) = command.split_first() else { return false };
    let status = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
