//! A job: what `IBackgroundCopyJob` is to BITS.

use std::{collections::HashMap, os::unix::ffi::OsStrExt, path::PathBuf, sync::Arc};

use consign_bits::{
    Checksum, ErrorContext, Failure, FileRange, JobId, JobState, NotifyFlags, Priority, ProxySettings, SecurityFlags, bits,
};
use consign_core::{Guid, Hresult};
use consign_wire::{ErrorRecord, FileRecord, NewFileRecord, RangeRecord, names};
use serde::{Serialize, de::DeserializeOwned};
use zbus::{DynamicType, OwnedVariant, Type, Variant};

use crate::{
    AutoComplete, BackgroundCopyCallback, Change, Client, CommandLine, Error, FileSnapshot, JobChanges, JobError, JobFile, JobProgress,
    JobSnapshot, JobTimes, Result, Validity,
    callbacks::{Callee, Tasks},
    client::register,
    connection::PROPERTIES,
};

/// Files asked for at once: 16 MiB of URLs and paths would not fit into a message.
const PAGE: u32 = 500;

/// A handle of a job. Clones are the same job; dropping them does nothing to it.
///
/// Calls that change something are refused with `BG_E_INVALID_STATE` once the job is ACKNOWLEDGED
/// or CANCELLED, and with `BG_E_NOT_FOUND` when it is no longer remembered. Reading works in every
/// state. Any call can fail with [`Error::Disconnected`].
#[derive(Clone, Debug)]
pub struct Job {
    client: Client,
    id: JobId,
}

/// A file to add to a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewFile {
    /// The URL: `http`, `https` or `file`; at most 2200 characters.
    pub remote_name: String,
    /// An absolute path. Its folder must exist and be writable.
    pub local_name: PathBuf,
    /// The parts that are wanted, glued together in this order; empty for the whole file. In bytes.
    pub ranges: Vec<FileRange>,
    /// What the file must hash to before it counts as transferred.
    pub checksum: Option<Checksum>,
}

impl Job {
    pub(crate) fn new(client: Client, id: JobId) -> Self {
        Self { client, id }
    }

    /// `IBackgroundCopyJob::GetId`.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// The client whose connection this handle uses.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// `IBackgroundCopyJob::AddFile`: one file, fetched after those added before. Allowed in every
    /// state that is not final; a job that had stopped needs [`resume`](Self::resume).
    ///
    /// # Errors
    /// `E_INVALIDARG` (URL, scheme, relative path), `E_ACCESSDENIED`, `ERROR_PATH_NOT_FOUND`,
    /// `BG_E_TOO_MANY_FILES_IN_JOB`, `BG_E_INVALID_STATE`.
    pub async fn add_file(&self, remote_name: impl Into<String>, local_name: impl Into<PathBuf>) -> Result<()> {
        self.add_files([NewFile { remote_name: remote_name.into(), local_name: local_name.into(), ..NewFile::default() }]).await
    }

    /// `IBackgroundCopyJob::AddFileSet`: all of them or, on any failure, none.
    ///
    /// # Errors
    /// Those of [`add_file`](Self::add_file).
    pub async fn add_file_set<R: Into<String>, L: Into<PathBuf>>(&self, files: impl IntoIterator<Item = (R, L)>) -> Result<()> {
        let file = |(remote, local): (R, L)| NewFile { remote_name: remote.into(), local_name: local.into(), ..NewFile::default() };
        self.add_files(files.into_iter().map(file)).await
    }

    /// `IBackgroundCopyJob3::AddFileWithRanges`: parts of a file, in bytes, glued together in this
    /// order.
    ///
    /// # Errors
    /// Those of [`add_file`](Self::add_file); `E_INVALIDARG` (no range), `BG_E_INVALID_RANGE`,
    /// `BG_E_OVERLAPPING_RANGES`, `BG_E_TOO_MANY_RANGES_IN_FILE` (500).
    pub async fn add_file_with_ranges(
        &self,
        remote_name: impl Into<String>,
        local_name: impl Into<PathBuf>,
        ranges: Vec<FileRange>,
    ) -> Result<()> {
        if ranges.is_empty() {
            return Err(Failure::refused(consign_core::common::E_INVALIDARG, "a file with ranges needs at least one range").into());
        }
        self.add_files([NewFile { remote_name: remote_name.into(), local_name: local_name.into(), ranges, checksum: None }]).await
    }

    /// Files with all that can be said of them: all are added or, on any failure, none.
    ///
    /// # Errors
    /// Those of [`add_file_with_ranges`](Self::add_file_with_ranges).
    pub async fn add_files(&self, files: impl IntoIterator<Item = NewFile>) -> Result<()> {
        let record = |file: NewFile| NewFileRecord {
            remote_name: file.remote_name,
            local_name: file.local_name.as_os_str().as_bytes().to_vec(),
            ranges: file.ranges.iter().map(|range| RangeRecord { initial_offset: range.initial_offset, length: range.length }).collect(),
            checksum: file.checksum.map(|checksum| checksum.to_string()).unwrap_or_default(),
        };
        self.call("AddFiles", &files.into_iter().map(record).collect::<Vec<_>>()).await
    }

    /// `IBackgroundCopyJob::Resume`: the job waits for its turn (QUEUED). Restarts the clock of the
    /// maximum download time. Nothing happens where it runs already.
    ///
    /// # Errors
    /// `BG_E_EMPTY` (no files), `BG_E_INVALID_STATE`.
    pub async fn resume(&self) -> Result<Hresult> {
        self.act("Resume").await
    }

    /// `IBackgroundCopyJob::Suspend`: stops it until it is resumed.
    ///
    /// # Errors
    /// `BG_E_INVALID_STATE`.
    pub async fn suspend(&self) -> Result<Hresult> {
        self.act("Suspend").await
    }

    /// `IBackgroundCopyJob::Complete`: finished files get their names, the others are given up,
    /// and the job is ACKNOWLEDGED. `S_OK`, `BG_S_PARTIAL_COMPLETE` (some files were not finished)
    /// or `BG_S_UNABLE_TO_DELETE_FILES`.
    ///
    /// # Errors
    /// What the disk said of a file that could not be renamed: the job stays as it is, and can be
    /// completed again. `BG_E_INVALID_STATE`.
    pub async fn complete(&self) -> Result<Hresult> {
        self.end("Complete").await
    }

    /// `IBackgroundCopyJob::Cancel`: everything that was not completed is deleted. `S_OK` or
    /// `BG_S_UNABLE_TO_DELETE_FILES`.
    ///
    /// # Errors
    /// `BG_E_INVALID_STATE`.
    pub async fn cancel(&self) -> Result<Hresult> {
        self.end("Cancel").await
    }

    /// All getters at once.
    ///
    /// # Errors
    /// `BG_E_NOT_FOUND`.
    pub async fn snapshot(&self) -> Result<JobSnapshot> {
        let connection = self.client.connection();
        let path = names::job_path(self.id);
        let all: HashMap<String, OwnedVariant> = connection.call(&path, PROPERTIES, "GetAll", &names::JOB).await?;
        JobSnapshot::read(&all)
    }

    /// `IBackgroundCopyJob::GetState`.
    ///
    /// # Errors
    /// `BG_E_NOT_FOUND`.
    pub async fn state(&self) -> Result<JobState> {
        Ok(self.snapshot().await?.state)
    }

    /// `IBackgroundCopyJob::GetProgress`.
    ///
    /// # Errors
    /// `BG_E_NOT_FOUND`.
    pub async fn progress(&self) -> Result<JobProgress> {
        Ok(self.snapshot().await?.progress)
    }

    /// `IBackgroundCopyJob::GetTimes`.
    ///
    /// # Errors
    /// `BG_E_NOT_FOUND`.
    pub async fn times(&self) -> Result<JobTimes> {
        Ok(self.snapshot().await?.times)
    }

    /// `IBackgroundCopyJob::GetError`: the last failure, in ERROR and TRANSIENT_ERROR and until
    /// bytes move again.
    ///
    /// # Errors
    /// `BG_E_ERROR_INFORMATION_UNAVAILABLE` where there is none; `BG_E_NOT_FOUND`.
    pub async fn error(&self) -> Result<JobError> {
        let record: ErrorRecord = self.call("GetError", &()).await?;
        JobError::read(record).ok_or_else(|| Failure::of(bits::BG_E_ERROR_INFORMATION_UNAVAILABLE, ErrorContext::None).into())
    }

    /// A handle of one file, counted from 0, without asking whether there is one.
    pub fn file(&self, index: u32) -> JobFile {
        JobFile::new(self.clone(), index)
    }

    /// `IBackgroundCopyJob::EnumFiles`: all files, in the order in which they were added.
    ///
    /// # Errors
    /// `BG_E_NOT_FOUND`.
    pub async fn files(&self) -> Result<Vec<FileSnapshot>> {
        let mut files = Vec::new();
        loop {
            let start = u32::try_from(files.len()).unwrap_or(u32::MAX);
            let page = self.files_from(start, PAGE).await?;
            if page.is_empty() {
                return Ok(files);
            }
            files.extend(page);
        }
    }

    pub(crate) async fn files_from(&self, start: u32, count: u32) -> Result<Vec<FileSnapshot>> {
        let page: Vec<FileRecord> = self.call("EnumFiles", &(start, count)).await?;
        page.into_iter().map(FileSnapshot::read).collect()
    }

    pub(crate) async fn validate(&self, index: u32, validity: Validity) -> Result<Hresult> {
        self.call("SetValidationState", &(index, validity == Validity::Valid)).await.map(Hresult::from_i32)
    }

    /// Several setters in one step: all of them hold or, on any failure, none.
    ///
    /// # Errors
    /// `E_INVALIDARG`, `BG_E_STRING_TOO_LONG`, `E_NOTIMPL` (unknown bits or values),
    /// `BG_E_PROXY_LIST_TOO_LARGE`, `BG_E_PROXY_BYPASS_LIST_TOO_LARGE`, `BG_E_INVALID_STATE`.
    pub async fn set(&self, changes: impl IntoIterator<Item = Change>) -> Result<()> {
        let values: HashMap<&str, Variant<'_>> = changes.into_iter().map(|change| change.to_wire()).collect();
        self.call("SetProperties", &values).await
    }

    /// `IBackgroundCopyJob::SetDisplayName`: at most 256 characters.
    ///
    /// # Errors
    /// `E_INVALIDARG`, `BG_E_STRING_TOO_LONG`, `BG_E_INVALID_STATE`.
    pub async fn set_display_name(&self, name: impl Into<String>) -> Result<()> {
        self.set([Change::DisplayName(name.into())]).await
    }

    /// `IBackgroundCopyJob::SetDescription`: at most 1024 characters.
    ///
    /// # Errors
    /// `E_INVALIDARG`, `BG_E_STRING_TOO_LONG`, `BG_E_INVALID_STATE`.
    pub async fn set_description(&self, text: impl Into<String>) -> Result<()> {
        self.set([Change::Description(text.into())]).await
    }

    /// `IBackgroundCopyJob::SetPriority`: takes effect at once.
    ///
    /// # Errors
    /// `BG_E_INVALID_STATE`.
    pub async fn set_priority(&self, priority: Priority) -> Result<()> {
        self.set([Change::Priority(priority)]).await
    }

    /// `IBackgroundCopyJob::SetMinimumRetryDelay`, in seconds (600 at first); values under the
    /// floor (5) are raised to it.
    ///
    /// # Errors
    /// `BG_E_INVALID_STATE`.
    pub async fn set_minimum_retry_delay(&self, seconds: u32) -> Result<()> {
        self.set([Change::MinimumRetryDelay(seconds)]).await
    }

    /// `IBackgroundCopyJob::SetNoProgressTimeout`, in seconds (14 days at first); 0 makes every
    /// error fatal.
    ///
    /// # Errors
    /// `BG_E_INVALID_STATE`.
    pub async fn set_no_progress_timeout(&self, seconds: u32) -> Result<()> {
        self.set([Change::NoProgressTimeout(seconds)]).await
    }

    /// `IBackgroundCopyJob4::SetMaximumDownloadTime`, in seconds (90 days at first).
    ///
    /// # Errors
    /// `BG_E_INVALID_STATE`.
    pub async fn set_maximum_download_time(&self, seconds: u32) -> Result<()> {
        self.set([Change::MaximumDownloadTime(seconds)]).await
    }

    /// Who completes the job when it is transferred.
    ///
    /// # Errors
    /// `BG_E_INVALID_STATE`.
    pub async fn set_auto_complete(&self, who: AutoComplete) -> Result<()> {
        self.set([Change::AutoComplete(who)]).await
    }

    /// `IBackgroundCopyJob::SetNotifyFlags`.
    ///
    /// # Errors
    /// `E_NOTIMPL` (unknown bits), `BG_E_INVALID_STATE`.
    pub async fn set_notify_flags(&self, flags: NotifyFlags) -> Result<()> {
        self.set([Change::NotifyFlags(flags)]).await
    }

    /// `IBackgroundCopyJob::SetProxySettings`.
    ///
    /// # Errors
    /// `E_INVALIDARG` (a list without `Override`, `Override` without one), `E_NOTIMPL`
    /// (`Autodetect`), `BG_E_PROXY_LIST_TOO_LARGE`, `BG_E_PROXY_BYPASS_LIST_TOO_LARGE`,
    /// `BG_E_INVALID_STATE`.
    pub async fn set_proxy(&self, settings: ProxySettings) -> Result<()> {
        self.set([Change::Proxy(settings)]).await
    }

    /// `IBackgroundCopyJobHttpOptions::SetSecurityFlags`.
    ///
    /// # Errors
    /// `E_NOTIMPL` (unknown bits), `BG_E_INVALID_STATE`.
    pub async fn set_security_flags(&self, flags: SecurityFlags) -> Result<()> {
        self.set([Change::SecurityFlags(flags)]).await
    }

    /// `IBackgroundCopyJob::SetNotifyInterface`: from now on this object is called, and at once of
    /// what nobody has heard yet. The last one that is set is the one called, whichever client sets
    /// it; the one before is told that it was displaced.
    ///
    /// The object lives until it is cleared or displaced, the job is completed or cancelled with this
    /// client, or the client is dropped; it should not keep a handle of the job or the client itself.
    /// It is gone for the service when the connection ends, and is registered again by
    /// [`Client::reconnect`], which [`follow`](Self::follow) and [`wait`](Self::wait) do by themselves.
    ///
    /// # Errors
    /// `BG_E_NOT_FOUND`; `BG_E_INVALID_STATE` (final, and everything was told).
    pub async fn set_notify_interface(&self, callback: impl BackgroundCopyCallback) -> Result<()> {
        self.set_callee(Arc::new(Tasks(Arc::new(callback)))).await
    }

    pub(crate) async fn set_callee(&self, callee: Arc<dyn Callee>) -> Result<()> {
        let callbacks = self.client.callbacks();
        // Before the call: the object may be called before the answer is here.
        let number = callbacks.add(Some(self.id), self.client.downgrade(), callee);
        let registered = register(&self.client.connection(), self.id, Some(number)).await;
        if registered.is_err() {
            callbacks.remove(number);
        }
        registered
    }

    /// `IBackgroundCopyJob::SetNotifyInterface` with no object: nobody is called, whichever client had
    /// set an object.
    ///
    /// # Errors
    /// `BG_E_NOT_FOUND`; `BG_E_INVALID_STATE` (final, and everything was told).
    pub async fn clear_notify_interface(&self) -> Result<()> {
        let known = self.client.callbacks().of_job(self.id);
        register(&self.client.connection(), self.id, None).await?;
        for number in known {
            self.client.callbacks().remove(number);
        }
        Ok(())
    }

    /// `IBackgroundCopyJob::GetNotifyInterface`: whether an object is registered, of whichever client.
    ///
    /// # Errors
    /// `BG_E_NOT_FOUND`.
    pub async fn notify_interface(&self) -> Result<bool> {
        Ok(self.snapshot().await?.notify_interface)
    }

    /// `IBackgroundCopyJob5::SetProperty` with `BITS_JOB_PROPERTY_NOTIFICATION_CLSID`: the class that
    /// is activated where no object is registered. [`Guid::NULL`] clears.
    ///
    /// # Errors
    /// `REGDB_E_CLASSNOTREG`, `BG_E_INVALID_STATE`.
    pub async fn set_notification_class(&self, class: Guid) -> Result<()> {
        self.set([Change::NotificationClass(class)]).await
    }

    /// `IBackgroundCopyJob2::SetNotifyCmdLine`: what is run when the job is transferred or in error
    /// and no callback answered success. `{job}` in an argument becomes the id of the job.
    ///
    /// # Errors
    /// `E_INVALIDARG` (no absolute path), `BG_E_STRING_TOO_LONG`, `E_ACCESSDENIED` (the policy, or
    /// others could change the program), `ERROR_FILE_NOT_FOUND`, `BG_E_INVALID_STATE`.
    pub async fn set_notify_command_line(
        &self,
        program: impl Into<String>,
        arguments: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<()> {
        let line = CommandLine { program: program.into(), arguments: arguments.into_iter().map(Into::into).collect() };
        self.set([Change::CommandLine(Some(line))]).await
    }

    /// `IBackgroundCopyJob2::SetNotifyCmdLine` with nothing.
    ///
    /// # Errors
    /// `BG_E_INVALID_STATE`.
    pub async fn clear_notify_command_line(&self) -> Result<()> {
        self.set([Change::CommandLine(None)]).await
    }

    /// `IBackgroundCopyJob5::SetProperty` with `BITS_JOB_PROPERTY_MINIMUM_NOTIFICATION_INTERVAL_MS`:
    /// between two calls of `job_modification`, in milliseconds.
    ///
    /// # Errors
    /// `BG_E_INVALID_STATE`.
    pub async fn set_minimum_notification_interval(&self, milliseconds: u32) -> Result<()> {
        self.set([Change::MinimumNotificationInterval(milliseconds)]).await
    }

    /// Snapshots as the job changes, while the connection lives.
    ///
    /// # Errors
    /// `BG_E_NOT_FOUND`.
    pub async fn changes(&self) -> Result<JobChanges> {
        JobChanges::open(self.client.connection(), self.id).await
    }

    /// Snapshots as the job changes. Where the service is killed or ends, it is started again, and
    /// the snapshots go on.
    ///
    /// # Errors
    /// `BG_E_NOT_FOUND`.
    pub async fn follow(&self) -> Result<JobChanges> {
        JobChanges::follow(self.client.clone(), self.id).await
    }

    /// Follows the job until `enough` says so of a snapshot, or the job has ended, and returns that
    /// snapshot.
    ///
    /// # Errors
    /// `BG_E_NOT_FOUND`, and those of connecting again.
    pub async fn wait(&self, mut enough: impl FnMut(&JobSnapshot) -> bool + Send) -> Result<JobSnapshot> {
        let mut changes = self.follow().await?;
        while let Some(snapshot) = changes.next().await {
            let snapshot = snapshot?;
            if snapshot.state.is_final() || enough(&snapshot) {
                return Ok(snapshot);
            }
        }
        Err(Error::Disconnected)
    }

    /// Waits until there is nothing more to wait for: the job is ERROR, ACKNOWLEDGED, CANCELLED,
    /// or TRANSFERRED and to be completed by its owner. A suspended job is waited for: somebody may
    /// resume it.
    ///
    /// # Errors
    /// `BG_E_NOT_FOUND`, and those of connecting again.
    pub async fn wait_until_ended_or_error(&self) -> Result<JobSnapshot> {
        self.wait(|snapshot| match snapshot.state {
            JobState::Error => true,
            JobState::Transferred => snapshot.auto_complete == AutoComplete::Off,
            _ => false,
        })
        .await
    }

    /// The job's objects have nothing more to hear.
    async fn end(&self, method: &str) -> Result<Hresult> {
        let known = self.client.callbacks().of_job(self.id);
        let result = self.act(method).await?;
        for number in known {
            self.client.callbacks().remove(number);
        }
        Ok(result)
    }

    async fn act(&self, method: &str) -> Result<Hresult> {
        self.call::<_, i32>(method, &()).await.map(Hresult::from_i32)
    }

    async fn call<B, R>(&self, method: &str, body: &B) -> Result<R>
    where
        B: Serialize + DynamicType + Sync,
        R: DeserializeOwned + Type,
    {
        self.client.connection().call(&names::job_path(self.id), names::JOB, method, body).await
    }
}
