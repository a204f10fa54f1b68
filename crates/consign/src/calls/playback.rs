use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use consign_core::{Guid, moniker::MessagePriority};

/// What a component knows of the message that is being played on it, and where it votes on its end.
/// Corresponds to `IObjectContext` of a queued component. All copies are of one playback.
#[derive(Clone, Debug)]
pub struct Playback(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    message: PlayedMessage,
    aborted: AtomicBool,
}

/// A message that is being played.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlayedMessage {
    /// Its id, the same at each attempt: with it a component can see that it has done the work already.
    pub id: Guid,
    /// The how manieth attempt this is; the first is 1.
    pub attempt: u32,
    /// `Label`.
    pub label: String,
    /// `Priority`.
    pub priority: MessagePriority,
    /// `AppSpecific`.
    pub app_specific: u32,
    /// Who recorded it: a user id, which the service knows from the kernel.
    pub caller: u32,
    /// The queue that it comes from.
    pub queue: String,
}

impl Playback {
    /// Of a message. Components get theirs from whoever plays it; tests make their own.
    pub fn new(message: PlayedMessage) -> Self {
        Self(Arc::new(Inner { message, aborted: AtomicBool::new(false) }))
    }

    /// The message.
    pub fn message(&self) -> &PlayedMessage {
        &self.0.message
    }

    /// `SetComplete`: takes an earlier vote to abort back.
    pub fn set_complete(&self) {
        self.0.aborted.store(false, Ordering::Release);
    }

    /// `SetAbort`: when all calls were made, the message goes back all the same, with `CONTEXT_E_ABORTED`. The
    /// last vote counts.
    pub fn set_abort(&self) {
        self.0.aborted.store(true, Ordering::Release);
    }

    /// Whether the last vote was to abort.
    pub fn is_aborted(&self) -> bool {
        self.0.aborted.load(Ordering::Acquire)
    }
}
