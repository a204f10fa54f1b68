//! Whose turn it is among the calls of one peer: each begins when the one before has reached the
//! engine, or is answered.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The turn of one call, until it is passed on or dropped.
#[derive(Debug)]
pub(crate) struct Turn(Mutex<Option<OwnedSemaphorePermit>>);

impl Turn {
    /// Waits until the call before has passed its turn on. `turns` has one permit, and is never closed.
    pub(super) async fn take(turns: &Arc<Semaphore>) -> Self {
        Self(Mutex::new(Arc::clone(turns).acquire_owned().await.ok()))
    }

    /// The next call may begin.
    pub(crate) fn pass(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
