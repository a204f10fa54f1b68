//! What callers give to the engine and get from it.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use consign_bits::{
    Checksum, Failure, FileRange, JobId, JobState, JobType, NotifyFlags, Priority, ProxySettings, RangeSupport, SecurityFlags,
};
use consign_core::{Guid, Timestamp};

use super::{notice::CommandLine, notify::Validity};

/// `CreateJob`: what a new job begins with. Everything else is set later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewJob {
    /// At most 256 characters, none of them a control character, and not empty.
    pub display_name: String,
    /// Downloads alone, so far: the upload kinds are refused with `E_NOTIMPL`.
    pub job_type: Option<JobType>,
    /// The user the job belongs to, by number: what the kernel said of the caller.
    pub owner: u32,
    /// Properties to begin with.
    pub changes: Vec<Change>,
    /// The proxy variables of the caller's environment (`http_proxy`, `https_proxy`, `all_proxy`,
    /// `no_proxy`), for `ProxyUsage::Preconfig`. Other names are ignored.
    pub proxy_environment: BTreeMap<String, String>,
    /// The caller's umask, for the mode of finished files; 022 where it is not told.
    pub umask: Option<u32>,
}

/// `AddFile`, `AddFileWithRanges`: one file of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewFile {
    /// `http`, `https` or `file`; at most 2200 characters.
    pub remote_name: String,
    /// An absolute path. Its folder must exist and be writable.
    pub local_name: PathBuf,
    /// The parts that are wanted, glued together in this order; empty for the whole file.
    pub ranges: Vec<FileRange>,
    /// What the finished file must hash to.
    pub checksum: Option<Checksum>,
}

/// A property to set. Times in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// `SetDisplayName`: at most 256 characters.
    DisplayName(String),
    /// `SetDescription`: at most 1024 characters.
    Description(String),
    /// `SetPriority`: takes effect at once.
    Priority(Priority),
    /// `SetMinimumRetryDelay`: raised to the floor of the settings.
    MinimumRetryDelay(u32),
    /// `SetNoProgressTimeout`: 0 makes every error fatal.
    NoProgressTimeout(u32),
    /// `SetMaximumDownloadTime`.
    MaximumDownloadTime(u32),
    /// Whether the service completes the job by itself when it is transferred. BITS has no such
    /// call; its users write it themselves in every callback.
    AutoComplete(AutoComplete),
    /// `SetNotifyFlags`.
    NotifyFlags(NotifyFlags),
    /// `SetProxySettings`.
    Proxy(ProxySettings),
    /// `SetSecurityFlags`.
    SecurityFlags(SecurityFlags),
    /// `BITS_JOB_PROPERTY_NOTIFICATION_CLSID`; `GUID_NULL` clears. Whoever sets it has made sure that
    /// the class is registered.
    NotificationClass(Guid),
    /// `SetNotifyCmdLine`. Whoever sets it has made sure that the program may be run.
    CommandLine(Option<CommandLine>),
    /// `BITS_JOB_PROPERTY_MINIMUM_NOTIFICATION_INTERVAL_MS`: between two `JobModification`.
    NotificationInterval(u32),
}

/// Who completes a transferred job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoComplete {
    /// Its owner, by `Complete`.
    #[default]
    Off,
    /// The service, at once.
    On,
}

/// Everything that can be read of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobView {
    /// `GetId`.
    pub id: JobId,
    /// `GetOwner`, by number.
    pub owner: u32,
    /// `GetType`.
    pub job_type: JobType,
    /// `GetState`.
    pub state: JobState,
    /// `GetDisplayName`.
    pub display_name: String,
    /// `GetDescription`.
    pub description: String,
    /// `GetPriority`.
    pub priority: Priority,
    /// `GetProgress`.
    pub progress: JobProgress,
    /// `GetTimes`: when it was created.
    pub created: Timestamp,
    /// `GetTimes`: the last change of anything, bytes included.
    pub modified: Timestamp,
    /// `GetTimes`: when TRANSFERRED was entered.
    pub transferred: Option<Timestamp>,
    /// `GetMinimumRetryDelay`, in seconds.
    pub minimum_retry_delay: u32,
    /// `GetNoProgressTimeout`, in seconds.
    pub no_progress_timeout: u32,
    /// `GetMaximumDownloadTime`, in seconds.
    pub maximum_download_time: u32,
    /// Who completes the job.
    pub auto_complete: AutoComplete,
    /// `GetNotifyFlags`.
    pub notify_flags: NotifyFlags,
    /// `GetProxySettings`, passwords hidden.
    pub proxy: ProxySettings,
    /// `GetSecurityFlags`.
    pub security_flags: SecurityFlags,
    /// Whether a callback object is registered.
    pub has_object: bool,
    /// The notification class, if one is set.
    pub notification_class: Option<Guid>,
    /// `GetNotifyCmdLine`.
    pub command_line: Option<CommandLine>,
    /// Between two `JobModification`, in milliseconds.
    pub notification_interval: u32,
    /// Notices that nobody has heard yet.
    pub notices_pending: u32,
    /// Why the first of those was not told yet.
    pub not_told_because: Option<String>,
    /// When it is told again, where time decides.
    pub next_notification: Option<Timestamp>,
    /// `GetErrorCount`.
    pub error_count: u32,
    /// `GetError`: in ERROR and TRANSIENT_ERROR, and until bytes move again.
    pub error: Option<JobError>,
    /// Why it does not run, in plain words, after "waiting because"; `None` while it runs or has
    /// ended.
    pub waiting_because: Option<String>,
    /// When the next attempt begins by itself, if time alone decides.
    pub next_attempt: Option<Timestamp>,
    /// Something its owner should know that is no error, for example that a server gives no
    /// ranges, so that an interruption starts the file again.
    pub remark: Option<String>,
}

/// `BG_JOB_PROGRESS`. Sizes in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobProgress {
    /// The sum of all sizes, or `None` while one is unknown.
    pub bytes_total: Option<u64>,
    /// What is here.
    pub bytes_transferred: u64,
    /// All files.
    pub files_total: u32,
    /// Finished files.
    pub files_transferred: u32,
}

/// `IBackgroundCopyError`: the last failure of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError {
    /// Code, context and sentence.
    pub failure: Failure,
    /// The file at hand, by number and URL (password hidden), if it was about one.
    pub file: Option<(u32, String)>,
    /// `GetProtocol`: `http` or `file`, if it was about a file.
    pub protocol: Option<&'static str>,
    /// When it happened.
    pub at: Timestamp,
}

/// Everything that can be read of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileView {
    /// Counted from 0 in the order in which the files were added.
    pub index: u32,
    /// `GetRemoteName`, its password hidden.
    pub remote_name: String,
    /// `GetLocalName`.
    pub local_name: PathBuf,
    /// `GetTemporaryName`, once there is one.
    pub temporary_name: Option<PathBuf>,
    /// `GetFileRanges`; empty for the whole file.
    pub ranges: Vec<FileRange>,
    /// The declared checksum.
    pub checksum: Option<Checksum>,
    /// In bytes, once known.
    pub bytes_total: Option<u64>,
    /// What is here, in bytes.
    pub bytes_transferred: u64,
    /// `BG_FILE_PROGRESS.Completed`: whole, verified and safe on disk.
    pub completed: bool,
    /// `GetValidationState`: what its owner said of it, if anything.
    pub validity: Option<Validity>,
    /// Whether it could be given to others: not yet, because its owner found it valid, or because the job was completed.
    pub peer_availability: PeerAvailability,
    /// Whether its server gives parts of it.
    pub range_support: RangeSupport,
}

/// Whether a file could be given to peers. There are none so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PeerAvailability {
    /// No: it is not whole, nobody judged it, or it was found invalid.
    #[default]
    None,
    /// Its owner found it valid.
    Validated,
    /// The job was completed, which counts as valid.
    Completed,
}

/// Which jobs to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Jobs that are not final: what `EnumJobs` lists.
    Live,
    /// Those, and the finished ones that are still remembered.
    All,
}

/// What happened. Says where to look, not what changed: the present state is read from the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobEvent {
    /// A job was made.
    Added(JobId),
    /// Something of a job changed. Byte progress comes at most every half second.
    Changed(JobId),
    /// A job became final: it is no longer listed.
    Ended(JobId),
    /// All was told of a job that had ended before.
    AllTold(JobId),
}

/// What the engine is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineStatus {
    /// How many jobs are in each state, final ones left out.
    pub jobs_by_state: BTreeMap<JobState, u32>,
    /// Temporary files that a lost database left behind.
    pub orphans: Vec<PathBuf>,
    /// Where an unreadable database was put, if that happened at this start.
    pub set_aside: Option<PathBuf>,
    /// Whether something stored can become due without a client; the service stays while it can.
    pub due: Due,
}

/// What would happen next without any client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Due {
    /// Nothing: the service may end.
    #[default]
    Nothing,
    /// Jobs are running or wait for their turn.
    Now,
    /// Nothing before this time from now, unless the network returns.
    In(Duration),
}
