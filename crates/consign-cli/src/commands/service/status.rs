//! `consign service status`.

use consign::{Error, ServiceStatus};

use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    text::{Calendar, shown},
    wording::aligned,
};

/// Not running is not a problem, but a no: for scripts it is exit status 1.
pub(super) async fn run(console: &Console) -> Outcome {
    let failed = |error| Problem::of("the service was not asked", &error);
    let status = match super::running().await {
        Ok(client) => Some(client.status().await.map_err(failed)?),
        Err(Error::NotRunning) => None,
        Err(error) => return Err(failed(error)),
    };
    match (console.form, &status) {
        (Form::People, None) => console.line("the service is not running")?,
        (Form::People, Some(status)) => console.lines(aligned(&facts(status, &console.calendar)))?,
        (Form::Programs, None) => console.document(&document::Service::STOPPED)?,
        (Form::Programs, Some(status)) => console.document(&document::Service::from(status))?,
    }
    Ok(if status.is_some() { Exit::Done } else { Exit::Failed })
}

fn facts(status: &ServiceStatus, calendar: &Calendar) -> Vec<(&'static str, String)> {
    let jobs: Vec<_> =
        status.jobs_by_state.iter().filter(|(_, count)| **count > 0).map(|(state, count)| format!("{count} {state}")).collect();
    let mut facts = vec![
        ("Version", shown(&status.version)),
        ("Process", status.process_id.to_string()),
        ("State folder", shown(&status.state_folder.to_string_lossy())),
        ("Started", calendar.full(status.started)),
        ("Connections", format!("{}, this one included", status.connections)),
        ("Jobs", if jobs.is_empty() { "none".to_owned() } else { jobs.join(", ") }),
    ];
    if let Some(path) = &status.set_aside {
        facts.push(("Set aside", format!("the jobs of before could not be read, and are in {}", shown(&path.to_string_lossy()))));
    }
    facts.extend(status.orphans.iter().map(|path| ("Left behind", shown(&path.to_string_lossy()))));
    facts
}
