//! [`crate::Job`] without async.

use std::{path::PathBuf, sync::Arc};

use consign_bits::{FileRange, JobId, JobState, NotifyFlags, Priority, ProxySettings, SecurityFlags};
use consign_core::{Guid, Hresult};

use super::{BackgroundCopyCallback, Runtime, callback::Threads};
use crate::{AutoComplete, Change, FileSnapshot, JobError, JobProgress, JobSnapshot, JobTimes, NewFile, Result, Validity};

/// As [`crate::Job`].
#[derive(Clone)]
pub struct Job {
    runtime: Runtime,
    job: crate::Job,
}

/// The calls that differ in nothing but that they wait.
macro_rules! waiting {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        impl Job {
            $(
                #[doc = concat!("As [`crate::Job::", stringify!($name), "`].\n\n# Errors\nAs there.")]
                pub fn $name(&self, $($argument: $kind),*) -> Result<$answer> {
                    self.runtime.run(self.job.$name($($argument),*))
                }
            )*
        }
    };
}

waiting! {
    add_file(remote_name: impl Into<String>, local_name: impl Into<PathBuf>) -> ();
    add_file_with_ranges(remote_name: impl Into<String>, local_name: impl Into<PathBuf>, ranges: Vec<FileRange>) -> ();
    add_files(files: impl IntoIterator<Item = NewFile>) -> ();
    resume() -> Hresult;
    suspend() -> Hresult;
    complete() -> Hresult;
    cancel() -> Hresult;
    snapshot() -> JobSnapshot;
    state() -> JobState;
    progress() -> JobProgress;
    times() -> JobTimes;
    error() -> JobError;
    files() -> Vec<FileSnapshot>;
    set(changes: impl IntoIterator<Item = Change>) -> ();
    set_display_name(name: impl Into<String>) -> ();
    set_description(text: impl Into<String>) -> ();
    set_priority(priority: Priority) -> ();
    set_minimum_retry_delay(seconds: u32) -> ();
    set_no_progress_timeout(seconds: u32) -> ();
    set_maximum_download_time(seconds: u32) -> ();
    set_auto_complete(who: AutoComplete) -> ();
    set_notify_flags(flags: NotifyFlags) -> ();
    set_proxy(settings: ProxySettings) -> ();
    set_security_flags(flags: SecurityFlags) -> ();
    clear_notify_interface() -> ();
    notify_interface() -> bool;
    set_notification_class(class: Guid) -> ();
    clear_notify_command_line() -> ();
    set_minimum_notification_interval(milliseconds: u32) -> ();
    wait(enough: impl FnMut(&JobSnapshot) -> bool + Send) -> JobSnapshot;
    wait_until_ended_or_error() -> JobSnapshot;
}

impl Job {
    pub(super) fn new(runtime: Runtime, job: crate::Job) -> Self {
        Self { runtime, job }
    }

    /// As [`crate::Job::id`].
    pub fn id(&self) -> JobId {
        self.job.id()
    }

    /// As [`crate::Job::add_file_set`].
    ///
    /// # Errors
    /// As there.
    pub fn add_file_set<R: Into<String>, L: Into<PathBuf>>(&self, files: impl IntoIterator<Item = (R, L)>) -> Result<()> {
        self.runtime.run(self.job.add_file_set(files))
    }

    /// As [`crate::Job::set_notify_interface`]. Each call runs on a thread of its own.
    ///
    /// # Errors
    /// As there.
    pub fn set_notify_interface(&self, callback: impl BackgroundCopyCallback) -> Result<()> {
        let callee = Threads::new(&self.runtime, callback);
        self.runtime.run(self.job.set_callee(Arc::new(callee)))
    }

    /// As [`crate::Job::set_notify_command_line`].
    ///
    /// # Errors
    /// As there.
    pub fn set_notify_command_line<A: Into<String>>(
        &self,
        program: impl Into<String>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<()> {
        self.runtime.run(self.job.set_notify_command_line(program, arguments))
    }

    /// As [`crate::JobFile::set_validation_state`].
    ///
    /// # Errors
    /// As there.
    pub fn set_validation_state(&self, file: u32, validity: Validity) -> Result<Hresult> {
        self.runtime.run(self.job.validate(file, validity))
    }

    /// As [`crate::Job::changes`].
    ///
    /// # Errors
    /// As there.
    pub fn changes(&self) -> Result<JobChanges> {
        Ok(JobChanges { changes: self.runtime.run(self.job.changes())?, runtime: self.runtime.clone() })
    }

    /// As [`crate::Job::follow`].
    ///
    /// # Errors
    /// As there.
    pub fn follow(&self) -> Result<JobChanges> {
        Ok(JobChanges { changes: self.runtime.run(self.job.follow())?, runtime: self.runtime.clone() })
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.job.fmt(f)
    }
}

/// As [`crate::JobChanges`]: each step waits for the next snapshot.
pub struct JobChanges {
    changes: crate::JobChanges,
    runtime: Runtime,
}

impl Iterator for JobChanges {
    type Item = Result<JobSnapshot>;

    fn next(&mut self) -> Option<Self::Item> {
        self.runtime.run(async { self.changes.next().await.transpose() }).transpose()
    }
}

impl std::fmt::Debug for JobChanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.changes.fmt(f)
    }
}
