//! What is shown of a job.

use consign_bits::{JobId, ProxySettings, ShownUrl};

use super::{
    api::{AutoComplete, FileView, JobError, JobView, PeerAvailability},
    entry::{Entry, FileEntry, Stage},
    notify::Validity,
};
use crate::machine::{State, Wake};

/// All of a job. `before` names the background job that runs, for those that wait for it.
pub(super) fn job(entry: &Entry, before: Option<(JobId, &str)>) -> JobView {
    let core = &entry.core;
    let machine = &core.machine;
    let seconds = |duration: std::time::Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
    let next_attempt = match machine.state {
        State::TransientError { wake: Wake::At(at) } => Some(at.wall),
        _ => None,
    };
    JobView {
        id: core.id,
        owner: core.owner,
        job_type: machine.job_type,
        state: machine.shown_state(),
        display_name: core.display_name.to_string(),
        description: core.description.to_string(),
        priority: core.priority,
        progress: entry.progress(),
        created: core.created,
        modified: core.modified,
        transferred: machine.transferred_at,
        minimum_retry_delay: seconds(machine.choices.minimum_retry_delay),
        no_progress_timeout: seconds(machine.choices.no_progress_timeout),
        maximum_download_time: seconds(machine.choices.maximum_download_time),
        auto_complete: if machine.choices.auto_complete { AutoComplete::On } else { AutoComplete::Off },
        notify_flags: core.notify_flags,
        proxy: ProxySettings {
            usage: core.context.proxy.usage,
            list: core.context.proxy.list.as_deref().map(shown_proxies),
            bypass: core.context.proxy.bypass.clone(),
        },
        security_flags: core.context.security,
        has_object: entry.activity.object.is_some(),
        notification_class: core.rare.notification_class,
        command_line: core.rare.command_line.clone(),
        notification_interval: core.notification_interval,
        notices_pending: u32::try_from(entry.notices.len()).unwrap_or(u32::MAX),
        not_told_because: not_told_because(entry),
        next_notification: entry.activity.unheard.as_ref().and_then(|unheard| unheard.again),
        error_count: machine.error_count,
        error: error(entry),
        waiting_because: waiting_because(entry, before),
        next_attempt,
        remark: remark(entry),
    }
}

pub(super) fn error(entry: &Entry) -> Option<JobError> {
    let failure = entry.core.machine.error.as_deref().cloned()?;
    let file = entry.error_file();
    Some(JobError {
        failure,
        file: file.map(|(index, file)| (index, ShownUrl(&file.url).to_string())),
        protocol: file.map(|(_, file)| if is_local(file) { "file" } else { "http" }),
        at: entry.core.rare.error_at,
    })
}

fn is_local(file: &FileEntry) -> bool {
    file.url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"))
}

/// Why a job does not run, and what would make it run.
fn waiting_because(entry: &Entry, before: Option<(JobId, &str)>) -> Option<String> {
    let machine = &entry.core.machine;
    let sentence = || machine.error.as_ref().map_or_else(|| "it failed".to_owned(), |failure| failure.sentence.to_string());
    Some(match machine.state {
        State::Suspended if machine.files_total == 0 => "it has no files yet: add one, then resume it".to_owned(),
        State::Suspended => "it is suspended: resume it to go on".to_owned(),
        State::Queued => match before {
            Some((id, name)) if id != entry.core.id => format!("another job has its turn: {name}"),
            _ => "it waits for its turn".to_owned(),
        },
        State::TransientError { wake: Wake::At(_) } => sentence(),
        State::TransientError { wake: Wake::NetworkReturns } => format!("{}; it goes on when the network returns", sentence()),
        State::TransientError { wake: Wake::ConditionEnds } => sentence(),
        State::Error => format!("{}: resume it once the cause is gone, or cancel it", sentence()),
        State::Transferred if machine.files_transferred < machine.files_total => "files were added: resume it to fetch them".to_owned(),
        State::Transferred => "all files are here: complete it to give them their names".to_owned(),
        State::Connecting { .. } | State::Transferring { .. } | State::Completing { .. } | State::Acknowledged | State::Cancelled => {
            return None;
        }
    })
}

/// Why nobody has heard what there is to hear, and what would help.
fn not_told_because(entry: &Entry) -> Option<String> {
    let core = &entry.core;
    if entry.notices.is_empty() {
        return None;
    }
    let nobody = entry.activity.object.is_none() && core.rare.notification_class.is_none() && core.rare.command_line.is_none();
    Some(match &entry.activity.unheard {
        _ if !entry.notices.iter().any(|notice| notice.kind.is_wanted(core.notify_flags)) => "the notify flags leave it out".to_owned(),
        _ if entry.activity.call.is_some() => "it is being told".to_owned(),
        Some(unheard) => unheard.why.clone(),
        None if nobody => "nobody is there to hear it: register an object, set a class or a command".to_owned(),
        None => "it waits for its turn to be told".to_owned(),
    })
}

fn remark(entry: &Entry) -> Option<String> {
    let without_ranges = entry.files.iter().any(|file| file.starts_anew());
    without_ranges.then(|| "the server gives no parts of files: an interrupted file starts again from its beginning".to_owned())
}

pub(super) fn file(index: u32, file: &FileEntry) -> FileView {
    FileView {
        index,
        remote_name: ShownUrl(&file.url).to_string(),
        local_name: file.place.path(),
        temporary_name: matches!(file.stage, Stage::Begun | Stage::Transferred).then(|| file.place.folder.join(&*file.temporary_name)),
        ranges: file.ranges.to_vec(),
        checksum: file.checksum.as_deref().cloned(),
        bytes_total: file.total(),
        bytes_transferred: file.position(),
        completed: file.is_done(),
        validity: file.validity,
        peer_availability: match (file.stage, file.validity) {
            (_, Some(Validity::Invalid)) => PeerAvailability::None,
            (Stage::Named, _) => PeerAvailability::Completed,
            (Stage::Transferred, Some(Validity::Valid)) => PeerAvailability::Validated,
            _ => PeerAvailability::None,
        },
        range_support: file.facts().ranges,
    }
}

/// A list of proxies, each without its password.
fn shown_proxies(list: &str) -> String {
    let entries = list.split(|character: char| character.is_whitespace() || character == ';').filter(|entry| !entry.is_empty());
    let shown = entries.map(|entry| {
        // `[proto=][proto://]server[:port]`, and user information before the server.
        let (filter, proxy) = entry.split_once('=').filter(|(filter, _)| !filter.contains(['@', ':', '/'])).unwrap_or(("", entry));
        let shown = match proxy.rsplit_once('@') {
            Some((before, host)) => match before.split_once("://") {
                Some((scheme, _)) => format!("{scheme}://***@{host}"),
                None => format!("***@{host}"),
            },
            None => proxy.to_owned(),
        };
        if filter.is_empty() { shown } else { format!("{filter}={shown}") }
    });
    shown.collect::<Vec<_>>().join(" ")
}
