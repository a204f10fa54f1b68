//! What can be read of a job and of its files.

use std::{collections::HashMap, ffi::OsString, os::unix::ffi::OsStringExt, path::PathBuf};

use consign_bits::{
    Checksum, ErrorContext, Failure, FileRange, JobId, JobState, JobType, NotifyFlags, Priority, ProxySettings, ProxyUsage, RangeSupport,
    SIZE_UNKNOWN, SecurityFlags,
};
use consign_core::{Guid, Hresult, Timestamp};
use consign_wire::{ErrorRecord, FileRecord, JobRecord, ProxyRecord};
use zbus::OwnedVariant;

use crate::{AutoComplete, CommandLine, Error, PeerAvailability, Result, Validity};

/// Everything that can be read of a job, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSnapshot {
    /// `IBackgroundCopyJob::GetId`.
    pub id: JobId,
    /// `IBackgroundCopyJob::GetOwner`: the number of the user.
    pub owner: u32,
    /// `IBackgroundCopyJob::GetType`.
    pub job_type: JobType,
    /// `IBackgroundCopyJob::GetState`.
    pub state: JobState,
    /// `IBackgroundCopyJob::GetDisplayName`.
    pub display_name: String,
    /// `IBackgroundCopyJob::GetDescription`.
    pub description: String,
    /// `IBackgroundCopyJob::GetPriority`.
    pub priority: Priority,
    /// `IBackgroundCopyJob::GetProgress`.
    pub progress: JobProgress,
    /// `IBackgroundCopyJob::GetTimes`.
    pub times: JobTimes,
    /// `IBackgroundCopyJob::GetMinimumRetryDelay`, in seconds.
    pub minimum_retry_delay: u32,
    /// `IBackgroundCopyJob::GetNoProgressTimeout`, in seconds.
    pub no_progress_timeout: u32,
    /// `IBackgroundCopyJob4::GetMaximumDownloadTime`, in seconds.
    pub maximum_download_time: u32,
    /// Who completes the job. BITS has no such property.
    pub auto_complete: AutoComplete,
    /// `IBackgroundCopyJob::GetNotifyFlags`.
    pub notify_flags: NotifyFlags,
    /// `IBackgroundCopyJob::GetProxySettings`, passwords hidden.
    pub proxy: ProxySettings,
    /// `IBackgroundCopyJobHttpOptions::GetSecurityFlags`.
    pub security_flags: SecurityFlags,
    /// Whether `IBackgroundCopyJob::GetNotifyInterface` has an object to give.
    pub notify_interface: bool,
    /// `BITS_JOB_PROPERTY_NOTIFICATION_CLSID`, if one is set.
    pub notification_class: Option<Guid>,
    /// `IBackgroundCopyJob2::GetNotifyCmdLine`.
    pub command_line: Option<CommandLine>,
    /// `BITS_JOB_PROPERTY_MINIMUM_NOTIFICATION_INTERVAL_MS`, in milliseconds.
    pub minimum_notification_interval: u32,
    /// Events that nobody has heard of yet.
    pub notices_pending: u32,
    /// Why the first of those was not told yet, and what would help.
    pub not_told_because: Option<String>,
    /// When it is told again, where time decides.
    pub next_notification: Option<Timestamp>,
    /// `IBackgroundCopyJob::GetErrorCount`.
    pub error_count: u32,
    /// `IBackgroundCopyJob::GetError`: there in ERROR and TRANSIENT_ERROR, and until bytes move
    /// again.
    pub error: Option<JobError>,
    /// Why it does not run, to be read after "waiting because"; `None` while it runs or has ended.
    pub waiting_because: Option<String>,
    /// When the next attempt begins by itself, if time alone decides.
    pub next_attempt: Option<Timestamp>,
    /// What its owner should know and is no error, for example that a server gives no ranges.
    pub remark: Option<String>,
}

/// `BG_JOB_PROGRESS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobProgress {
    /// The sum of all sizes, in bytes, or `None` while one is unknown (`BG_SIZE_UNKNOWN`).
    pub bytes_total: Option<u64>,
    /// What is here, in bytes.
    pub bytes_transferred: u64,
    /// All files.
    pub files_total: u32,
    /// Finished files.
    pub files_transferred: u32,
}

/// `BG_JOB_TIMES`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobTimes {
    /// When the job was created.
    pub created: Timestamp,
    /// The last change of anything, bytes included.
    pub modified: Timestamp,
    /// When TRANSFERRED was entered.
    pub transferred: Option<Timestamp>,
}

/// `IBackgroundCopyError`: the last failure of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError {
    /// `GetError` and `GetErrorDescription`: code, context and sentence.
    pub failure: Failure,
    /// The symbol of the code.
    pub symbol: String,
    /// `GetFile`: the number of the file at hand, if it was about one.
    pub file: Option<u32>,
    /// The URL of that file, its password hidden.
    pub remote_name: Option<String>,
    /// `GetProtocol`: `http` or `file`.
    pub protocol: Option<String>,
    /// When it happened.
    pub at: Timestamp,
}

/// One line of a list of jobs: what [`Client::jobs`](crate::Client::jobs) reads in one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSummary {
    /// The job.
    pub id: JobId,
    /// Its display name.
    pub display_name: String,
    /// Its kind.
    pub job_type: JobType,
    /// Its state.
    pub state: JobState,
    /// Its priority.
    pub priority: Priority,
    /// Its progress.
    pub progress: JobProgress,
    /// When it was created.
    pub created: Timestamp,
    /// When it last changed.
    pub modified: Timestamp,
    /// The last error's code and sentence.
    pub error: Option<(Hresult, String)>,
    /// Why it does not run, to be read after "waiting because".
    pub waiting_because: Option<String>,
    /// When the next attempt begins by itself.
    pub next_attempt: Option<Timestamp>,
}

/// `IBackgroundCopyFile`: one file of a job, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSnapshot {
    /// Counted from 0 in the order in which the files were added.
    pub index: u32,
    /// `GetRemoteName`, its password hidden.
    pub remote_name: String,
    /// `GetLocalName`.
    pub local_name: PathBuf,
    /// `IBackgroundCopyFile3::GetTemporaryName`, once there is one.
    pub temporary_name: Option<PathBuf>,
    /// `IBackgroundCopyFile2::GetFileRanges`; empty for the whole file.
    pub ranges: Vec<FileRange>,
    /// The declared checksum.
    pub checksum: Option<Checksum>,
    /// In bytes, once known.
    pub bytes_total: Option<u64>,
    /// What is here, in bytes.
    pub bytes_transferred: u64,
    /// `BG_FILE_PROGRESS.Completed`: whole, verified and safe on disk.
    pub completed: bool,
    /// Whether its server gives parts of it.
    pub range_support: RangeSupport,
    /// `IBackgroundCopyFile3::GetValidationState`: what its owner said of it, if anything.
    pub validity: Option<Validity>,
    /// Whether it could be given to peers.
    pub peer_availability: PeerAvailability,
}

impl JobSnapshot {
    pub(crate) fn read(properties: &HashMap<String, OwnedVariant>) -> Result<Self> {
        let read = Properties(properties);
        Ok(Self {
            id: read.get::<String>("Id")?.parse().map_err(Error::protocol)?,
            owner: read.get("Owner")?,
            job_type: read.numbered("Type")?,
            state: read.numbered("State")?,
            display_name: read.get("DisplayName")?,
            description: read.get("Description")?,
            priority: read.numbered("Priority")?,
            progress: JobProgress {
                bytes_total: size(read.get("BytesTotal")?),
                bytes_transferred: read.get("BytesTransferred")?,
                files_total: read.get("FilesTotal")?,
                files_transferred: read.get("FilesTransferred")?,
            },
            times: JobTimes {
                created: Timestamp::from_millis(read.get("CreationTime")?),
                modified: Timestamp::from_millis(read.get("ModificationTime")?),
                transferred: time(read.get("TransferCompletionTime")?),
            },
            minimum_retry_delay: read.get("MinimumRetryDelay")?,
            no_progress_timeout: read.get("NoProgressTimeout")?,
            maximum_download_time: read.get("MaximumDownloadTime")?,
            auto_complete: if read.get("AutoComplete")? { AutoComplete::On } else { AutoComplete::Off },
            // A newer service may know more flags than we do.
            notify_flags: NotifyFlags::from_bits_truncate(read.get("NotifyFlags")?),
            proxy: proxy(read.get("Proxy")?)?,
            security_flags: SecurityFlags::from_bits_truncate(read.get("SecurityFlags")?),
            notify_interface: read.get("NotifyInterface")?,
            notification_class: text(read.get("NotificationClsid")?).map(|text| text.parse().map_err(Error::protocol)).transpose()?,
            command_line: command_line(read.get("NotifyCmdLine")?),
            minimum_notification_interval: read.get("MinimumNotificationInterval")?,
            notices_pending: read.get("PendingNotices")?,
            not_told_because: text(read.get("NotToldBecause")?),
            next_notification: time(read.get("NextNotification")?),
            error_count: read.get("ErrorCount")?,
            error: JobError::read(read.get("Error")?),
            waiting_because: text(read.get("WaitingBecause")?),
            next_attempt: time(read.get("NextAttempt")?),
            remark: text(read.get("Remark")?),
        })
    }
}

impl JobError {
    pub(crate) fn read(record: ErrorRecord) -> Option<Self> {
        if record.context == ErrorContext::None.number() {
            return None;
        }
        let context = ErrorContext::try_from(record.context).unwrap_or(ErrorContext::Unknown);
        Some(Self {
            failure: Failure::new(Hresult::from_i32(record.code), context, record.sentence),
            symbol: record.symbol,
            file: (record.file != u32::MAX).then_some(record.file),
            remote_name: text(record.remote_name),
            protocol: text(record.protocol),
            at: Timestamp::from_millis(record.at),
        })
    }
}

impl JobSummary {
    pub(crate) fn read(record: JobRecord) -> Result<Self> {
        Ok(Self {
            id: record.id.parse().map_err(Error::protocol)?,
            display_name: record.display_name,
            job_type: record.job_type.try_into().map_err(Error::protocol)?,
            state: record.state.try_into().map_err(Error::protocol)?,
            priority: record.priority.try_into().map_err(Error::protocol)?,
            progress: JobProgress {
                bytes_total: size(record.bytes_total),
                bytes_transferred: record.bytes_transferred,
                files_total: record.files_total,
                files_transferred: record.files_transferred,
            },
            created: Timestamp::from_millis(record.created),
            modified: Timestamp::from_millis(record.modified),
            error: (record.error != 0).then(|| (Hresult::from_i32(record.error), record.error_sentence)),
            waiting_because: text(record.waiting_because),
            next_attempt: time(record.next_attempt),
        })
    }
}

impl FileSnapshot {
    pub(crate) fn read(record: FileRecord) -> Result<Self> {
        Ok(Self {
            index: record.index,
            remote_name: record.remote_name,
            local_name: path(record.local_name),
            temporary_name: (!record.temporary_name.is_empty()).then(|| path(record.temporary_name)),
            ranges: record.ranges.iter().map(|range| FileRange { initial_offset: range.initial_offset, length: range.length }).collect(),
            checksum: text(record.checksum).map(|text| text.parse().map_err(Error::protocol)).transpose()?,
            bytes_total: size(record.bytes_total),
            bytes_transferred: record.bytes_transferred,
            completed: record.completed,
            range_support: RangeSupport::try_from(record.range_support).map_err(Error::protocol)?,
            validity: match record.validation {
                0 => None,
                1 => Some(Validity::Valid),
                2 => Some(Validity::Invalid),
                other => return Err(Error::protocol(format!("validation {other}"))),
            },
            peer_availability: match record.peer_availability {
                1 => PeerAvailability::Validated,
                2 => PeerAvailability::Completed,
                _ => PeerAvailability::None,
            },
        })
    }
}

/// The answer of `GetAll`, read by name and type.
struct Properties<'a>(&'a HashMap<String, OwnedVariant>);

impl Properties<'_> {
    fn get<T>(&self, name: &str) -> Result<T>
    where
        T: TryFrom<OwnedVariant>,
    {
        let value = self.0.get(name).and_then(|value| value.try_clone().ok());
        value.and_then(|value| T::try_from(value).ok()).ok_or_else(|| Error::protocol(format!("no usable property {name}")))
    }

    fn numbered<T>(&self, name: &str) -> Result<T>
    where
        T: TryFrom<u32, Error = consign_bits::UnknownValue>,
    {
        T::try_from(self.get::<u32>(name)?).map_err(Error::protocol)
    }
}

fn proxy(record: ProxyRecord) -> Result<ProxySettings> {
    Ok(ProxySettings {
        usage: ProxyUsage::try_from(record.usage).map_err(Error::protocol)?,
        list: text(record.list),
        bypass: text(record.bypass),
    })
}

fn command_line(words: Vec<String>) -> Option<CommandLine> {
    let mut words = words.into_iter();
    Some(CommandLine { program: words.next()?, arguments: words.collect() })
}

fn size(bytes: u64) -> Option<u64> {
    (bytes != SIZE_UNKNOWN).then_some(bytes)
}

pub(crate) fn time(millis: i64) -> Option<Timestamp> {
    (millis != 0).then(|| Timestamp::from_millis(millis))
}

fn text(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn path(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use zbus::Variant;

    pub(crate) fn properties() -> HashMap<String, OwnedVariant> {
        let error = ErrorRecord { context: 5, code: -1, symbol: "X".into(), file: 0, ..ErrorRecord::default() };
        let values: Vec<(&str, Variant<'_>)> = vec![
            ("Id", "97184d0f-f7ef-413a-8c6d-c1745018b2e9".into()),
            ("Owner", 1000_u32.into()),
            ("Type", 0_u32.into()),
            ("State", 5_u32.into()),
            ("StateName", "transient-error".into()),
            ("DisplayName", "name".into()),
            ("Description", "".into()),
            ("Priority", 2_u32.into()),
            ("BytesTotal", SIZE_UNKNOWN.into()),
            ("BytesTransferred", 7_u64.into()),
            ("FilesTotal", 2_u32.into()),
            ("FilesTransferred", 1_u32.into()),
            ("CreationTime", 1_i64.into()),
            ("ModificationTime", 2_i64.into()),
            ("TransferCompletionTime", 0_i64.into()),
            ("MinimumRetryDelay", 600_u32.into()),
            ("NoProgressTimeout", 1_u32.into()),
            ("MaximumDownloadTime", 2_u32.into()),
            ("AutoComplete", true.into()),
            ("NotifyFlags", 0x8000_0003_u32.into()),
            ("Proxy", ProxyRecord::default().into()),
            ("SecurityFlags", 0_u32.into()),
            ("NotifyInterface", true.into()),
            ("NotificationClsid", "".into()),
            ("NotifyCmdLine", vec!["/bin/true", "{job}"].into()),
            ("MinimumNotificationInterval", 500_u32.into()),
            ("PendingNotices", 3_u32.into()),
            ("NotToldBecause", "the object answered E_FAIL".into()),
            ("NextNotification", 99_i64.into()),
            ("ErrorCount", 1_u32.into()),
            ("Error", error.into()),
            ("WaitingBecause", "of the weather".into()),
            ("NextAttempt", 9_i64.into()),
            ("Remark", "".into()),
        ];
        values.into_iter().map(|(name, value)| (name.to_owned(), value.try_into_owned().unwrap())).collect()
    }

    #[test]
    fn a_snapshot_is_read_from_the_properties() {
        let snapshot = JobSnapshot::read(&properties()).unwrap();
        assert_eq!(snapshot.state, JobState::TransientError);
        assert_eq!(snapshot.progress.bytes_total, None);
        assert_eq!(snapshot.times.transferred, None);
        assert_eq!(snapshot.notify_flags, NotifyFlags::default());
        assert_eq!(snapshot.error.map(|error| (error.failure.context, error.file)), Some((ErrorContext::RemoteFile, Some(0))));
        assert_eq!(snapshot.waiting_because.as_deref(), Some("of the weather"));
        assert_eq!(snapshot.remark, None);
        assert_eq!((snapshot.notify_interface, snapshot.notification_class, snapshot.notices_pending), (true, None, 3));
        assert_eq!(snapshot.not_told_because.as_deref(), Some("the object answered E_FAIL"));
        assert_eq!(snapshot.next_notification, Some(Timestamp::from_millis(99)));
        assert_eq!(snapshot.command_line.map(|line| (line.program, line.arguments)), Some(("/bin/true".into(), vec!["{job}".into()])));
    }

    #[test]
    fn a_missing_or_wrong_property_is_a_protocol_error() {
        for (name, value) in [("State", Some(77_u32)), ("DisplayName", Some(1)), ("Owner", None)] {
            let mut properties = properties();
            properties.remove(name);
            properties.extend(value.map(|value| (name.to_owned(), OwnedVariant::from(value))));
            assert!(matches!(JobSnapshot::read(&properties), Err(Error::Protocol { .. })), "{name}");
        }
    }
}
