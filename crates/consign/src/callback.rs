//! What an application implements to be called.

use std::{fmt, sync::Arc};

use consign_core::{Hresult, common::S_OK};

use crate::{FileRange, Job, JobError};

/// `IBackgroundCopyCallback` to `IBackgroundCopyCallback3`: an object that the service calls when
/// something happens to a job. Registered with [`Job::set_notify_interface`], or made by a
/// [`Server`](crate::Server) that the service starts.
///
/// Each call runs in a task of its own. Inside it the job can be completed, the object cleared, and
/// the last handle dropped. A call that panics answers `E_UNEXPECTED`; one without an answer before
/// the service's deadline (a minute) counts as failed. Which methods are called, the notify flags of
/// the job decide; those that are not written answer `S_OK`.
///
/// ```
/// use consign::{BackgroundCopyCallback, EventId, Hresult, Job, common::{E_FAIL, S_OK}};
///
/// struct Complete;
///
/// impl BackgroundCopyCallback for Complete {
///     async fn job_transferred(&self, job: Job, _: EventId) -> Hresult {
///         match job.complete().await {
///             Ok(_) => S_OK,
///             Err(_) => E_FAIL,
///         }
///     }
/// }
/// ```
pub trait BackgroundCopyCallback: Send + Sync + 'static {
    /// All files are here. Everything but `S_OK` means that it is told again after the retry delay.
    fn job_transferred(&self, job: Job, event: EventId) -> impl Future<Output = Hresult> + Send {
        let _ = (job, event);
        async { S_OK }
    }

    /// The job is in ERROR; transient errors are not told. Everything but `S_OK` means that it is told
    /// again after the retry delay.
    fn job_error(&self, job: Job, error: JobError, event: EventId) -> impl Future<Output = Hresult> + Send {
        let _ = (job, error, event);
        async { S_OK }
    }

    /// Something may be worth a look. Merged, at most once per minimum notification interval, never
    /// repeated.
    fn job_modification(&self, job: Job) -> impl Future<Output = Hresult> + Send {
        let _ = job;
        async { S_OK }
    }

    /// A file is here, and can be read under its temporary name and validated. Comes once for each
    /// file, one at a time, before `job_transferred`. A failure means that it is told again after the
    /// retry delay.
    fn file_transferred(&self, job: Job, file: u32, event: EventId) -> impl Future<Output = Hresult> + Send {
        let _ = (job, file, event);
        async { S_OK }
    }

    /// Parts of a file of an on-demand job are here. Never repeated. The service has no on-demand jobs
    /// yet, and does not call it.
    fn file_ranges_transferred(&self, job: Job, file: u32, ranges: Vec<FileRange>) -> impl Future<Output = Hresult> + Send {
        let _ = (job, file, ranges);
        async { S_OK }
    }

    /// Another object was set for the job: this one is called no more. BITS does not tell.
    fn displaced(&self, job: Job) -> impl Future<Output = ()> + Send {
        let _ = job;
        async {}
    }
}

/// Which event is told. Rises, and is the same when an event is told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(u64);

impl EventId {
    pub(crate) fn new(number: u64) -> Self {
        Self(number)
    }

    /// As a number, to be written down.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<C: BackgroundCopyCallback> BackgroundCopyCallback for Arc<C> {
    fn job_transferred(&self, job: Job, event: EventId) -> impl Future<Output = Hresult> + Send {
        C::job_transferred(self, job, event)
    }

    fn job_error(&self, job: Job, error: JobError, event: EventId) -> impl Future<Output = Hresult> + Send {
        C::job_error(self, job, error, event)
    }

    fn job_modification(&self, job: Job) -> impl Future<Output = Hresult> + Send {
        C::job_modification(self, job)
    }

    fn file_transferred(&self, job: Job, file: u32, event: EventId) -> impl Future<Output = Hresult> + Send {
        C::file_transferred(self, job, file, event)
    }

    fn file_ranges_transferred(&self, job: Job, file: u32, ranges: Vec<FileRange>) -> impl Future<Output = Hresult> + Send {
        C::file_ranges_transferred(self, job, file, ranges)
    }

    fn displaced(&self, job: Job) -> impl Future<Output = ()> + Send {
        C::displaced(self, job)
    }
}
