//! What `--json` prints. Names stay as they are: scripts rely on them. Sizes are bytes, durations
//! seconds, times RFC 3339 in UTC, absent things null.

mod class;
mod component;
mod idl;
mod outbox;
mod queue;

use std::collections::BTreeMap;

use consign::{
    AutoComplete, FileSnapshot, Hresult, JobError, JobSnapshot, JobSummary, LENGTH_TO_EOF, PeerAvailability, ServiceStatus, Timestamp,
    Validity, describe,
};
use serde::Serialize;

use crate::text::exact;

pub(crate) use class::{Class, ClassDone, ClassReport, Registered};
pub(crate) use component::Component;
pub(crate) use idl::Checked;
pub(crate) use outbox::{Outbox, OutboxDone};
pub(crate) use queue::{Count, Message, Queue, QueueDone, QueueEvent};

/// A job, as `job show` prints it.
#[derive(Serialize)]
pub(crate) struct Job {
    id: String,
    display_name: String,
    description: String,
    #[serde(rename = "type")]
    job_type: &'static str,
    owner: u32,
    state: &'static str,
    priority: &'static str,
    bytes_total: Option<u64>,
    bytes_transferred: u64,
    files_total: u32,
    files_transferred: u32,
    creation_time: String,
    modification_time: String,
    transfer_completion_time: Option<String>,
    minimum_retry_delay: u32,
    no_progress_timeout: u32,
    maximum_download_time: u32,
    auto_complete: bool,
    notify_flags: u32,
    proxy: Proxy,
    security_flags: u32,
    notify_interface: bool,
    notification_clsid: Option<String>,
    notify_command_line: Option<Vec<String>>,
    minimum_notification_interval: u32,
    notices_pending: u32,
    not_told_because: Option<String>,
    next_notification: Option<String>,
    error_count: u32,
    error: Option<Error>,
    waiting_because: Option<String>,
    next_attempt: Option<String>,
    remark: Option<String>,
}

#[derive(Serialize)]
struct Proxy {
    usage: &'static str,
    list: Option<String>,
    bypass: Option<String>,
}

/// A job of which no more is said.
#[derive(Serialize)]
pub(crate) struct Id {
    id: String,
}

impl From<consign::JobId> for Id {
    fn from(id: consign::JobId) -> Self {
        Self { id: id.to_string() }
    }
}

/// The last error of a job, as `job error` prints it.
#[derive(Serialize)]
pub(crate) struct Error {
    code: String,
    symbol: String,
    sentence: String,
    context: &'static str,
    context_sentence: &'static str,
    file: Option<u32>,
    url: Option<String>,
    protocol: Option<String>,
    time: String,
}

/// A job in a list.
#[derive(Serialize)]
pub(crate) struct Summary {
    id: String,
    display_name: String,
    #[serde(rename = "type")]
    job_type: &'static str,
    state: &'static str,
    priority: &'static str,
    bytes_total: Option<u64>,
    bytes_transferred: u64,
    files_total: u32,
    files_transferred: u32,
    creation_time: String,
    modification_time: String,
    error: Option<ShortError>,
    waiting_because: Option<String>,
    next_attempt: Option<String>,
}

#[derive(Serialize)]
struct ShortError {
    code: String,
    symbol: String,
    sentence: String,
}

/// A file of a job.
#[derive(Serialize)]
pub(crate) struct File {
    index: u32,
    url: String,
    path: String,
    temporary_path: Option<String>,
    ranges: Vec<Range>,
    checksum: Option<String>,
    bytes_total: Option<u64>,
    bytes_transferred: u64,
    completed: bool,
    range_support: &'static str,
    /// Null where nobody judged it.
    validation: Option<&'static str>,
    peer_availability: &'static str,
}

#[derive(Serialize)]
struct Range {
    offset: u64,
    /// Null for all the rest.
    length: Option<u64>,
}

/// What a call did to a job.
#[derive(Serialize)]
pub(crate) struct Done {
    id: String,
    code: String,
    symbol: String,
    sentence: String,
}

/// The service, as `service status` prints it.
#[derive(Serialize)]
pub(crate) struct Service {
    running: bool,
    version: Option<String>,
    pid: Option<u32>,
    state_folder: Option<String>,
    started: Option<String>,
    connections: Option<u32>,
    jobs_by_state: BTreeMap<&'static str, u32>,
    orphans: Vec<String>,
    set_aside: Option<String>,
}

impl From<&JobSnapshot> for Job {
    fn from(job: &JobSnapshot) -> Self {
        Self {
            id: job.id.to_string(),
            display_name: job.display_name.clone(),
            description: job.description.clone(),
            job_type: job.job_type.name(),
            owner: job.owner,
            state: job.state.name(),
            priority: job.priority.name(),
            bytes_total: job.progress.bytes_total,
            bytes_transferred: job.progress.bytes_transferred,
            files_total: job.progress.files_total,
            files_transferred: job.progress.files_transferred,
            creation_time: exact(job.times.created),
            modification_time: exact(job.times.modified),
            transfer_completion_time: job.times.transferred.map(exact),
            minimum_retry_delay: job.minimum_retry_delay,
            no_progress_timeout: job.no_progress_timeout,
            maximum_download_time: job.maximum_download_time,
            auto_complete: job.auto_complete == AutoComplete::On,
            notify_flags: job.notify_flags.bits(),
            proxy: Proxy { usage: job.proxy.usage.name(), list: job.proxy.list.clone(), bypass: job.proxy.bypass.clone() },
            security_flags: job.security_flags.bits(),
            notify_interface: job.notify_interface,
            notification_clsid: job.notification_class.map(|class| class.to_string()),
            notify_command_line: job
                .command_line
                .as_ref()
                .map(|line| std::iter::once(&line.program).chain(&line.arguments).cloned().collect()),
            minimum_notification_interval: job.minimum_notification_interval,
            notices_pending: job.notices_pending,
            not_told_because: job.not_told_because.clone(),
            next_notification: job.next_notification.map(exact),
            error_count: job.error_count,
            error: job.error.as_ref().map(Error::from),
            waiting_because: job.waiting_because.clone(),
            next_attempt: job.next_attempt.map(exact),
            remark: job.remark.clone(),
        }
    }
}

impl From<&JobError> for Error {
    fn from(error: &JobError) -> Self {
        Self {
            code: error.failure.code.to_string(),
            symbol: error.symbol.clone(),
            sentence: error.failure.sentence.to_string(),
            context: error.failure.context.name(),
            context_sentence: error.failure.context.sentence(),
            file: error.file,
            url: error.remote_name.clone(),
            protocol: error.protocol.clone(),
            time: exact(error.at),
        }
    }
}

impl From<&JobSummary> for Summary {
    fn from(job: &JobSummary) -> Self {
        Self {
            id: job.id.to_string(),
            display_name: job.display_name.clone(),
            job_type: job.job_type.name(),
            state: job.state.name(),
            priority: job.priority.name(),
            bytes_total: job.progress.bytes_total,
            bytes_transferred: job.progress.bytes_transferred,
            files_total: job.progress.files_total,
            files_transferred: job.progress.files_transferred,
            creation_time: exact(job.created),
            modification_time: exact(job.modified),
            error: job.error.as_ref().map(|(code, sentence)| ShortError {
                code: code.to_string(),
                symbol: describe(*code).symbol.into_owned(),
                sentence: sentence.clone(),
            }),
            waiting_because: job.waiting_because.clone(),
            next_attempt: job.next_attempt.map(exact),
        }
    }
}

impl From<&FileSnapshot> for File {
    fn from(file: &FileSnapshot) -> Self {
        let length = |length: u64| (length != LENGTH_TO_EOF).then_some(length);
        Self {
            index: file.index,
            url: file.remote_name.clone(),
            path: file.local_name.to_string_lossy().into_owned(),
            temporary_path: file.temporary_name.as_ref().map(|path| path.to_string_lossy().into_owned()),
            ranges: file.ranges.iter().map(|range| Range { offset: range.initial_offset, length: length(range.length) }).collect(),
            checksum: file.checksum.as_ref().map(ToString::to_string),
            bytes_total: file.bytes_total,
            bytes_transferred: file.bytes_transferred,
            completed: file.completed,
            range_support: file.range_support.name(),
            validation: file.validity.map(|validity| match validity {
                Validity::Valid => "valid",
                Validity::Invalid => "invalid",
            }),
            peer_availability: match file.peer_availability {
                PeerAvailability::None => "none",
                PeerAvailability::Validated => "validated",
                PeerAvailability::Completed => "completed",
            },
        }
    }
}

impl Done {
    pub(crate) fn new(id: consign::JobId, code: Hresult) -> Self {
        let description = describe(code);
        let (symbol, sentence) = (description.symbol.into_owned(), description.sentence.into_owned());
        Self { id: id.to_string(), code: code.to_string(), symbol, sentence }
    }
}

impl Service {
    pub(crate) const STOPPED: Self = Self {
        running: false,
        version: None,
        pid: None,
        state_folder: None,
        started: None,
        connections: None,
        jobs_by_state: BTreeMap::new(),
        orphans: Vec::new(),
        set_aside: None,
    };
}

impl From<&ServiceStatus> for Service {
    fn from(status: &ServiceStatus) -> Self {
        let path = |path: &std::path::PathBuf| path.to_string_lossy().into_owned();
        Self {
            running: true,
            version: Some(status.version.clone()),
            pid: Some(status.process_id),
            state_folder: Some(path(&status.state_folder)),
            started: Some(exact(status.started)),
            connections: Some(status.connections),
            jobs_by_state: status.jobs_by_state.iter().map(|(state, count)| (state.name(), *count)).collect(),
            orphans: status.orphans.iter().map(path).collect(),
            set_aside: status.set_aside.as_ref().map(path),
        }
    }
}

/// One line of `get` and `job watch`.
#[derive(Serialize)]
pub(crate) struct Event<T: Serialize> {
    pub(crate) event: &'static str,
    pub(crate) time: String,
    pub(crate) job: T,
    /// Where the files are, once they are there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) paths: Vec<String>,
}

impl<T: Serialize> Event<T> {
    pub(crate) fn new(event: &'static str, now: Timestamp, job: T) -> Self {
        Self { event, time: exact(now), job, paths: Vec::new() }
    }
}
