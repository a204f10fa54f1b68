//! The queue engine: what COM+ Queued Components do with recorded calls.
//!
//! Responsible for messages from the moment they are committed until they were played, or a person
//! took them away: where each stands, whose turn it is, when it is tried again, what was tried. It
//! owns the queues and what is stored of them, and decides when a message is played; how, its
//! [`Host`] knows. It must not know connections, processes or files.
//!
//! [`machine::step`] decides what becomes of one message, purely. [`Core`] turns inputs and the time
//! into one commit and the effects after it. [`Engine`] is the thread around it.

mod core;
mod engine;
mod event;
mod host;
mod sqlite;

pub mod machine;
pub mod message;
pub mod policy;
pub mod store;

#[cfg(any(test, feature = "contract"))]
pub mod contract;

use consign_core::{Hresult, common};

pub use crate::core::{
    Admin, Answerable, Core, CoreSettings, Effect, Input, MessageDetails, MessageView, Page, QueueView, Reply, Selection, StreamBatch,
    StreamMessage, Taken, Undeliverable,
};
pub use engine::{Engine, EngineOptions};
pub use event::QueueEvent;
pub use host::{Component, Host, Listener, Outcome, Play, Report, Stage};
pub use message::{Caller, MessageId, NewMessage};
pub use policy::{QueuePolicy, RetryQueue};
pub use sqlite::SqliteStore;

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Refusal {
    /// The number to look up.
    pub code: Hresult,
    /// A sentence for people.
    pub sentence: String,
}

impl Refusal {
    /// A code and its sentence.
    pub fn new(code: Hresult, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into() }
    }

    fn no_queue(name: &str) -> Self {
        Self::new(common::MQ_ERROR_QUEUE_NOT_FOUND, format!("there is no queue {name}"))
    }
}

impl From<store::StoreFailure> for Refusal {
    fn from(failure: store::StoreFailure) -> Self {
        Self { code: failure.code, sentence: failure.sentence }
    }
}
