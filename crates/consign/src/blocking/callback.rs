//! [`crate::BackgroundCopyCallback`] without async.

use std::sync::{Arc, Weak};

use consign_core::{
    Hresult,
    common::{E_OUTOFMEMORY, E_UNEXPECTED, RPC_E_DISCONNECTED, S_OK},
};
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::{Job, Owned, Runtime};
use crate::{
    EventId, FileRange, JobError,
    callbacks::{Answer, Called, Callee},
};

/// As [`crate::BackgroundCopyCallback`]. Each call runs on a thread of its own, on which all calls of
/// this module may be made.
pub trait BackgroundCopyCallback: Send + Sync + 'static {
    /// As [`crate::BackgroundCopyCallback::job_transferred`].
    fn job_transferred(&self, job: Job, event: EventId) -> Hresult {
        let _ = (job, event);
        S_OK
    }

    /// As [`crate::BackgroundCopyCallback::job_error`].
    fn job_error(&self, job: Job, error: JobError, event: EventId) -> Hresult {
        let _ = (job, error, event);
        S_OK
    }

    /// As [`crate::BackgroundCopyCallback::job_modification`].
    fn job_modification(&self, job: Job) -> Hresult {
        let _ = job;
        S_OK
    }

    /// As [`crate::BackgroundCopyCallback::file_transferred`].
    fn file_transferred(&self, job: Job, file: u32, event: EventId) -> Hresult {
        let _ = (job, file, event);
        S_OK
    }

    /// As [`crate::BackgroundCopyCallback::file_ranges_transferred`].
    fn file_ranges_transferred(&self, job: Job, file: u32, ranges: Vec<FileRange>) -> Hresult {
        let _ = (job, file, ranges);
        S_OK
    }

    /// As [`crate::BackgroundCopyCallback::displaced`].
    fn displaced(&self, job: Job) {
        let _ = job;
    }
}

/// An object whose methods block.
pub(super) struct Threads<C> {
    /// Weak: the runtime keeps the connection, and that the object.
    runtime: Weak<Owned>,
    callback: Arc<C>,
}

impl<C: BackgroundCopyCallback> Threads<C> {
    pub(super) fn new(runtime: &Runtime, callback: C) -> Self {
        Self::of(Arc::downgrade(&runtime.0), callback)
    }

    pub(super) fn of(runtime: Weak<Owned>, callback: C) -> Self {
        Self { runtime, callback: Arc::new(callback) }
    }
}

impl<C: BackgroundCopyCallback> Callee for Threads<C> {
    fn call(&self, job: crate::Job, called: Called) -> BoxFuture<'static, Answer> {
        let (runtime, callback) = (self.runtime.upgrade(), Arc::clone(&self.callback));
        Box::pin(async move {
            let Some(runtime) = runtime else { return Answer { result: RPC_E_DISCONNECTED, keep: None } };
            let (sender, answer) = oneshot::channel();
            let job = Job::new(Runtime(Arc::clone(&runtime)), job);
            let thread = std::thread::Builder::new().name("consign-callback".into());
            let started = thread.spawn(move || {
                // Nobody waits for it once the connection has ended.
                let _ = sender.send(call(&*callback, job, called));
            });
            let result = match started {
                // A thread that panicked sends nothing.
                Ok(_) => answer.await.unwrap_or(E_UNEXPECTED),
                Err(_) => E_OUTOFMEMORY,
            };
            Answer { result, keep: Some(Box::new(runtime)) }
        })
    }
}

fn call(callback: &impl BackgroundCopyCallback, job: Job, called: Called) -> Hresult {
    match called {
        Called::Transferred(event) => callback.job_transferred(job, event),
        Called::Error(error, event) => callback.job_error(job, error, event),
        Called::Modification => callback.job_modification(job),
        Called::File(file, event) => callback.file_transferred(job, file, event),
        Called::FileRanges(file, ranges) => callback.file_ranges_transferred(job, file, ranges),
        Called::Displaced => {
            callback.displaced(job);
            S_OK
        }
        Called::Released => S_OK,
    }
}
