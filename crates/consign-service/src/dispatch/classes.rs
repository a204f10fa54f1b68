//! `org.consign.Classes`: the classes that are registered, and their servers.

use std::sync::Arc;

use consign_activation::{ClassFile, ClassId, Entry, Host, activator::ClassState};
use consign_bits::{Failure, JobId};
use consign_core::{Clock, SystemClock, Timestamp, common};
use consign_transfer::Listing;
use consign_wire::{ClassRecord, names};

use super::{
    call::{Answer, Call},
    error::CallError,
    interface::{Interface, method},
    service_object::text,
    unanswered,
};
use crate::classes::{Classes, Unregister, refused};

const RECORD: &str = "(sissssssasuxsuuxtuxxis)";

pub(super) static INTERFACE: Interface = Interface {
    name: names::CLASSES,
    methods: &[
        method("Register", &[("class_file", "s")], &[("clsid", "s"), ("path", "s")]),
        method("Unregister", &[("class", "s"), ("force", "b")], &[]),
        method("List", &[], &[("classes", "a(sissssssasuxsuuxtuxxis)")]),
        method("Show", &[("class", "s")], &[("class", RECORD), ("output", "a(xs)"), ("jobs", "a(ss)")]),
        method("Start", &[("class", "s")], &[]),
        method("Stop", &[("class", "s")], &[]),
    ],
    properties: &[],
    signals: &[],
};

/// What a list holds, in bytes: an answer stays below the limit of a message.
const LONGEST_LIST: usize = 4 << 20;

pub(super) async fn call(call: &Call<'_>) -> Answer {
    match call.member {
        "Register" => register(call).await,
        "Unregister" => unregister(call).await,
        "List" => list(call).await,
        "Show" => show(call).await,
        "Start" => start(call).await,
        "Stop" => stop(call).await,
        _ => Err(unanswered(call)),
    }
}

/// The classes of this service. An embedded engine has none.
pub(super) fn available<'a>(call: &'a Call<'_>) -> Result<&'a Arc<Classes>, CallError> {
    call.shared
        .receivers
        .classes()
        .ok_or_else(|| Failure::refused(common::CO_E_NOT_SUPPORTED, "the engine lives in an application: classes need the service").into())
}

async fn register(call: &Call<'_>) -> Answer {
    let (class_file,): (&str,) = call.arguments()?;
    let file = ClassFile::from_toml(class_file).map_err(|error| Failure::refused(common::REGDB_E_INVALIDVALUE, error.to_string()))?;
    let class = file.class;
    let path = available(call)?.register(file).await?;
    class_changed(call, class);
    tracing::info!(%class, path = %path.display(), peer = call.peer.number, "a class was registered");
    call.answer(&(class.to_string(), text(&path)))
}

async fn unregister(call: &Call<'_>) -> Answer {
    let (name, force): (String, bool) = call.arguments()?;
    let classes = available(call)?;
    let class = classes.resolve(name).await?;
    let unregister = if force { Unregister::Force } else { Unregister::IfUnused };
    let users = users(call, class).await?;
    if unregister == Unregister::IfUnused && !users.is_empty() {
        let shown: Vec<_> = users.iter().take(3).map(|(id, name)| format!("{id} ({name})")).collect();
        let more = if users.len() > shown.len() { format!(" and {} more", users.len() - shown.len()) } else { String::new() };
        let sentence = format!("the class is used by {}{more}", shown.join(", "));
        return Err(Failure::refused(common::ERROR_BUSY, sentence).into());
    }
    let messages = waiting(call, class).await?;
    if unregister == Unregister::IfUnused && !messages.is_empty() {
        let shown: Vec<_> = messages.iter().take(3).map(|(id, queue)| format!("{id} in {queue}")).collect();
        let more = if messages.len() > shown.len() { " and more" } else { "" };
        let sentence = format!("messages for the class wait: {}{more}", shown.join(", "));
        return Err(Failure::refused(common::ERROR_BUSY, sentence).into());
    }
    classes.unregister(class).await?;
    class_changed(call, class);
    tracing::info!(%class, peer = call.peer.number, jobs = users.len(), "a class was unregistered");
    call.answer(&())
}

async fn list(call: &Call<'_>) -> Answer {
    let classes = available(call)?;
    let entries = classes.entries().await?;
    let mut length = 0;
    let fits = |record: &ClassRecord| {
        length += 256 + record.file.len() + record.problem_sentence.len() + record.command.iter().map(|word| word.len() + 8).sum::<usize>();
        length += record.name.len() + record.application.len() + record.failure_sentence.len();
        length <= LONGEST_LIST
    };
    let records: Vec<_> = entries.iter().map(|entry| record(classes, entry)).take_while(fits).collect();
    call.answer(&(records,))
}

async fn show(call: &Call<'_>) -> Answer {
    let (name,): (String,) = call.arguments()?;
    let classes = available(call)?;
    let class = classes.resolve(name).await?;
    let entries = classes.entries().await?;
    let of_class = |entry: &&Entry| entry.class.as_ref().is_ok_and(|file| file.class == class);
    // A bad file has its class by its name alone.
    let named = |entry: &&Entry| entry.class.is_err() && entry.path.file_name().is_some_and(|name| *name == *ClassFile::file_name(class));
    let entry = entries.iter().find(of_class).or_else(|| entries.iter().find(named));
    let entry = entry.ok_or_else(|| Failure::refused(common::REGDB_E_CLASSNOTREG, format!("the class {class} is not registered")))?;
    let output = classes.status(class).map(|status| status.output).unwrap_or_default();
    let output: Vec<_> = output.into_iter().map(|line| (line.at.as_millis(), line.text)).collect();
    let jobs: Vec<_> = users(call, class).await?.into_iter().map(|(id, name)| (id.to_string(), name)).collect();
    call.answer(&(record(classes, entry), output, jobs))
}

async fn start(call: &Call<'_>) -> Answer {
    let (name,): (String,) = call.arguments()?;
    let classes = available(call)?;
    // Nobody uses it yet: its idle time begins.
    drop(classes.activate(classes.resolve(name).await?).await.map_err(refused)?);
    call.answer(&())
}

async fn stop(call: &Call<'_>) -> Answer {
    let (name,): (String,) = call.arguments()?;
    let classes = available(call)?;
    classes.stop(classes.resolve(name).await?).await;
    call.answer(&())
}

/// The messages that are to be played on the class.
async fn waiting(call: &Call<'_>, class: ClassId) -> Result<Vec<(String, String)>, CallError> {
    Ok(match &call.shared.queues {
        Some(queues) => queues.using(class.guid()).await?,
        None => Vec::new(),
    })
}

fn class_changed(call: &Call<'_>, class: ClassId) {
    if let Some(queues) = &call.shared.queues {
        queues.class_changed(class.guid());
    }
}

/// The jobs of which the class may still be told.
async fn users(call: &Call<'_>, class: ClassId) -> Result<Vec<(JobId, String)>, CallError> {
    let jobs = call.shared.engine.jobs(Listing::All).await?;
    let uses = |job: &&consign_transfer::JobView| {
        job.notification_class == Some(class.guid()) && (!job.state.is_final() || job.notices_pending > 0)
    };
    Ok(jobs.iter().filter(uses).map(|job| (job.id, job.display_name.clone())).collect())
}

fn record(classes: &Classes, entry: &Entry) -> ClassRecord {
    let file = text(&entry.path);
    let class = match &entry.class {
        Ok(class) => class,
        Err(failure) => {
            let problem_sentence = failure.sentence.clone().into_owned();
            return ClassRecord { file, problem: failure.code.as_i32(), problem_sentence, idle_stop: -1, ..ClassRecord::default() };
        }
    };
    let (host, command) = match &class.host {
        Host::Program(command) => ("exec", command.clone()),
        Host::SystemdUnit(unit) => ("systemd_unit", vec![unit.clone()]),
        Host::BusName(name) => ("dbus_name", vec![name.clone()]),
    };
    let described = ClassRecord {
        file,
        clsid: class.class.to_string(),
        progid: class.progid.as_ref().map(ToString::to_string).unwrap_or_default(),
        name: class.name.clone().unwrap_or_default(),
        application: class.application.clone().unwrap_or_default(),
        host: host.into(),
        command,
        start_timeout: u32::try_from(class.start_timeout.as_secs()).unwrap_or(u32::MAX),
        idle_stop: class.idle_stop.map_or(-1, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX)),
        state: ClassState::Absent.name().into(),
        ..ClassRecord::default()
    };
    let Some(status) = classes.status(class.class) else { return described };
    let (users, retry) = match status.state {
        ClassState::Running { users, .. } => (users, 0),
        ClassState::BackingOff(left) => {
            (0, SystemClock.now().wall.as_millis().saturating_add(i64::try_from(left.as_millis()).unwrap_or(i64::MAX)))
        }
        ClassState::Absent | ClassState::Starting | ClassState::Stopping => (0, 0),
    };
    ClassRecord {
        state: status.state.name().into(),
        users,
        process: status.process.unwrap_or(0),
        started: status.started.map_or(0, Timestamp::as_millis),
        attempts: status.attempts,
        failures: status.failures,
        retry,
        failure_at: status.last_failure.as_ref().map_or(0, |(at, _)| at.as_millis()),
        failure: status.last_failure.as_ref().map_or(0, |(_, failure)| failure.code.as_i32()),
        failure_sentence: status.last_failure.map(|(_, failure)| failure.sentence.into_owned()).unwrap_or_default(),
        ..described
    }
}
