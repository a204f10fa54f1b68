//! `consign job show`.

use std::time::Duration;

use consign::{
    AutoComplete, Client, Guid, JobSnapshot, JobState, NotifyFlags, ProxySettings, ProxyUsage, SecurityFlags, Timestamp, common,
};

use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    text::{self, Calendar, now, shown},
    wording,
};

pub(super) async fn run(client: &Client, name: &str, console: &Console) -> Outcome {
    let job = super::find(client, name).await?;
    let snapshot = job.snapshot().await.map_err(|error| Problem::of(format!("job {} was not read", shown(name)), &error))?;
    match console.form {
        Form::Programs => console.document(&document::Job::from(&snapshot))?,
        Form::People => {
            let class = match snapshot.notification_class {
                Some(class) => Some(class_words(client, class).await),
                None => None,
            };
            console.lines(wording::aligned(&facts(&snapshot, class.as_deref(), &console.calendar, now())))?;
        }
    }
    Ok(Exit::Done)
}

/// A class by the names that it has. Whatever keeps it from being looked up is no reason not to show
/// the job.
async fn class_words(client: &Client, class: Guid) -> String {
    match client.class(&class.to_string()).await.map(|report| report.class.details) {
        Ok(Ok(details)) => {
            let names: Vec<_> = details.progid.iter().chain(&details.name).map(|name| shown(name)).collect();
            if names.is_empty() { class.to_string() } else { format!("{class} ({})", names.join(", ")) }
        }
        Ok(Err(problem)) => format!("{class} (its file is bad: {})", shown(&problem.sentence)),
        Err(error) if error.code() == common::REGDB_E_CLASSNOTREG => format!("{class} (not registered)"),
        Err(_) => class.to_string(),
    }
}

fn facts(job: &JobSnapshot, class: Option<&str>, calendar: &Calendar, now: Timestamp) -> Vec<(&'static str, String)> {
    let seconds = |seconds: u32| text::duration(Duration::from_secs(seconds.into()));
    let percent = text::percent(&job.progress).map(|percent| format!(" ({percent} %)")).unwrap_or_default();
    let mut facts = vec![
        ("Id", job.id.to_string()),
        ("Name", shown(&job.display_name)),
        ("Type", job.job_type.to_string()),
        ("State", job.state.to_string()),
        ("Priority", job.priority.to_string()),
        ("Bytes", format!("{}{percent}", text::amount(&job.progress))),
        ("Files", format!("{} of {}", job.progress.files_transferred, job.progress.files_total)),
    ];
    if !job.description.is_empty() {
        facts.insert(2, ("Description", shown(&job.description)));
    }
    // In ERROR it waits for its owner, because of that error.
    if job.state != JobState::Error {
        facts.extend(job.waiting_because.as_ref().map(|reason| ("Waiting because", shown(reason))));
    }
    facts.extend(job.next_attempt.map(|time| ("Next attempt", calendar.short(time, now))));
    if let Some(error) = &job.error {
        facts.push(("Error", wording::error(error)));
        facts.push(("Where", error.failure.context.sentence().to_owned()));
        if let Some(url) = &error.remote_name {
            facts.push(("Address", shown(url)));
        }
        facts.push(("Happened", calendar.full(error.at)));
    }
    if let Some(remark) = &job.remark {
        facts.push(("Remark", shown(remark)));
    }
    facts.extend([
        ("Errors so far", job.error_count.to_string()),
        ("Created", calendar.full(job.times.created)),
        ("Changed", calendar.full(job.times.modified)),
    ]);
    if let Some(time) = job.times.transferred {
        facts.push(("Transferred", calendar.full(time)));
    }
    facts.extend([
        ("Auto-complete", if job.auto_complete == AutoComplete::On { "on" } else { "off" }.to_owned()),
        ("Retry delay", seconds(job.minimum_retry_delay)),
        ("No-progress timeout", seconds(job.no_progress_timeout)),
        ("Max download time", seconds(job.maximum_download_time)),
        ("Notify flags", notify_flags(job.notify_flags)),
        ("Callback object", if job.notify_interface { "registered" } else { "none" }.to_owned()),
        ("Proxy", proxy(&job.proxy)),
        ("Redirects", redirects(job.security_flags)),
        ("Owner", job.owner.to_string()),
    ]);
    facts.extend(class.map(|class| ("Notification class", class.to_owned())));
    facts.extend(
        job.command_line
            .as_ref()
            .map(|line| ("Notify command", wording::command_line(std::iter::once(&line.program).chain(&line.arguments)))),
    );
    if job.notify_flags.contains(NotifyFlags::JOB_MODIFICATION) {
        facts.push(("Notify interval", format!("{} ms", job.minimum_notification_interval)));
    }
    if job.notices_pending > 0 {
        facts.push(("Not told yet", job.notices_pending.to_string()));
        facts.extend(job.not_told_because.as_ref().map(|reason| ("Not told because", shown(reason))));
        facts.extend(job.next_notification.map(|time| ("Told again", calendar.short(time, now))));
    }
    facts
}

fn notify_flags(flags: NotifyFlags) -> String {
    let names = [
        (NotifyFlags::JOB_TRANSFERRED, "transferred"),
        (NotifyFlags::JOB_ERROR, "error"),
        (NotifyFlags::DISABLE, "disable"),
        (NotifyFlags::JOB_MODIFICATION, "modification"),
        (NotifyFlags::FILE_TRANSFERRED, "file"),
        (NotifyFlags::FILE_RANGES_TRANSFERRED, "ranges"),
    ];
    let names: Vec<_> = names.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| name).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(",") }
}

fn proxy(proxy: &ProxySettings) -> String {
    match proxy.usage {
        ProxyUsage::Override => {
            let bypass = proxy.bypass.as_deref().map(|bypass| format!(", not for {}", shown(bypass))).unwrap_or_default();
            format!("{}{bypass}", shown(proxy.list.as_deref().unwrap_or_default()))
        }
        other => other.to_string(),
    }
}

fn redirects(flags: SecurityFlags) -> String {
    let policy = if flags.contains(SecurityFlags::REDIRECT_DISALLOW) {
        "disallow"
    } else if flags.contains(SecurityFlags::REDIRECT_ALLOW_REPORT) {
        "report"
    } else {
        "silent"
    };
    let scheme = if flags.contains(SecurityFlags::REDIRECT_ALLOW_HTTPS_TO_HTTP) { ", also from https to http" } else { "" };
    format!("{policy}{scheme}")
}
