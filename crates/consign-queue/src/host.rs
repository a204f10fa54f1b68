//! What the engine asks of its host: who can play a message, and to have it played. The engine knows
//! neither processes nor connections.

use std::{sync::Arc, time::Duration};

use consign_core::{Guid, Hresult};

use crate::message::{Caller, MessageId};

/// Plays messages. In the service it activates the component's class.
pub trait Host: Send + Sync + 'static {
    /// What is known of a class; `None` when it is not registered. Asked often, and answers at once.
    fn component(&self, class: Guid) -> Option<Component>;

    /// Plays a message on a new object, and reports once, from any thread, soon or late. Must not wait.
    fn play(&self, play: Play, report: Report);

    /// The attempt was given up: nobody waits for it any more.
    fn give_up(&self, attempt: u64);
}

/// What is known of a component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Component {
    /// `listener`: whether its messages are played.
    pub listener: Listener,
    /// `max_players`: how many of its messages are played at once, where it is fewer than its queue allows.
    pub max_players: Option<u32>,
    /// `exception_class`.
    pub exception_class: Option<Guid>,
}

/// Whether messages for a class are played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listener {
    /// As soon as there are some.
    #[default]
    On,
    /// They wait.
    Off,
}

/// A message to be played.
#[derive(Clone, Debug)]
pub struct Play {
    /// The token of this attempt. What an attempt reports that was given up changes nothing.
    pub attempt: u64,
    /// The message.
    pub message: MessageId,
    /// The class whose object is to be made: the component, or its exception class.
    pub class: Guid,
    /// What is to be done before the calls are played.
    pub stage: Stage,
    /// The calls, as [`consign_core::Calls::as_bytes`] gives them.
    pub calls: Arc<[u8]>,
    /// Which attempt of the message it is, counted from 1.
    pub number: u32,
    /// The queue.
    pub queue: Arc<str>,
    /// `Label`.
    pub label: String,
    /// `Priority`.
    pub priority: u8,
    /// `AppSpecific`.
    pub app_specific: u32,
    /// Who recorded it.
    pub caller: Caller,
    /// How long it may take.
    pub timeout: Duration,
}

/// What the new object is told before the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing: an ordinary attempt.
    Play,
    /// `IPlaybackControl::FinalServerRetry`.
    FinalServerRetry,
    /// `IPlaybackControl::FinalClientRetry`.
    FinalClientRetry,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All calls succeeded.
    Played,
    /// Something failed.
    Failed {
        /// The number.
        code: Hresult,
        /// A sentence.
        sentence: String,
        /// The call, counted from 0; `None` when it was none of them.
        call: Option<u32>,
    },
    /// The process died.
    Died {
        /// How.
        sentence: String,
    },
    /// The component does not know the class, an interface or a method.
    NotUnderstood {
        /// The number.
        code: Hresult,
        /// A sentence.
        sentence: String,
    },
    /// The component was told to end, or the host ends: it was no attempt.
    CutOff,
}

/// Where an attempt is reported. Dropped without a word, it says [`Outcome::CutOff`].
pub struct Report(Option<Box<dyn FnOnce(Outcome) + Send>>);

impl Report {
    /// Calls `tell` once.
    pub fn new(tell: impl FnOnce(Outcome) + Send + 'static) -> Self {
        Self(Some(Box::new(tell)))
    }

    /// Reports.
    pub fn send(mut self, outcome: Outcome) {
        if let Some(tell) = self.0.take() {
            tell(outcome);
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            tell(Outcome::CutOff);
        }
    }
}

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Report").finish_non_exhaustive()
    }
}
