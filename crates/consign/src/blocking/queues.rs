//! Queued calls without async: recording, queues, the catalogue of components.

use std::fmt;

use consign_core::{Calls, Guid, Interface as InterfaceModel, Moniker, Object};

use super::{Client, Runtime};
use crate::{
    ComponentDetails, ComponentSummary, Interface, MessageDetails, MessageSummary, QueueEvent, QueuePolicy, QueueSummary, Queuing, Result,
    Selection, Standing, Turn,
};

/// The calls that differ in nothing but that they wait.
macro_rules! waiting {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        impl Client {
            $(
                #[doc = concat!("As [`crate::Client::", stringify!($name), "`].\n\n# Errors\nAs there.")]
                pub fn $name(&self, $($argument: $kind),*) -> Result<$answer> {
                    self.runtime.run(self.client.$name($($argument),*))
                }
            )*
        }
    };
}

waiting! {
    record(target: &Moniker, calls: &Calls) -> Guid;
    import_component(class: &str, interfaces: &[&InterfaceModel]) -> ();
    queues() -> Vec<QueueSummary>;
    queue(queue: &str) -> QueueSummary;
    pause_queue(queue: &str) -> ();
    resume_queue(queue: &str) -> ();
    set_queue_policy(queue: &str, policy: &QueuePolicy) -> ();
    remove_queue(queue: &str) -> ();
    messages(queue: &str, standing: Standing, after: Option<Turn>, count: u32) -> Vec<MessageSummary>;
    message(message: &str) -> MessageDetails;
    retry_messages(which: Selection<'_>) -> u64;
    move_messages(which: Selection<'_>, to: &str) -> u64;
    drop_messages(which: Selection<'_>) -> u64;
    components() -> Vec<ComponentSummary>;
    component(class: &str) -> ComponentDetails;
    set_queuing_enabled(class: &str, interface: &str, queuing: Queuing) -> ();
    interface_model(iid: Guid) -> InterfaceModel;
}

impl Client {
    /// As [`crate::Client::recorder`].
    ///
    /// # Errors
    /// As there.
    pub fn recorder(&self, target: &str) -> Result<Recorder> {
        Ok(Recorder { recorder: self.client.recorder(target)?, runtime: self.runtime.clone() })
    }

    /// As [`crate::Client::all_messages`]: each step waits for the next message.
    pub fn all_messages(&self, queue: &str, standing: Standing) -> MessageList {
        MessageList { messages: self.client.all_messages(queue, standing), runtime: self.runtime.clone() }
    }

    /// As [`crate::Client::queue_events`].
    ///
    /// # Errors
    /// As there.
    pub fn queue_events(&self, queue: Option<&str>) -> Result<QueueEvents> {
        Ok(QueueEvents { events: self.runtime.run(self.client.queue_events(queue))?, runtime: self.runtime.clone() })
    }
}

/// As [`crate::Recorder`].
#[must_use = "nothing is sent until it is committed"]
pub struct Recorder {
    recorder: crate::Recorder,
    runtime: Runtime,
}

impl Recorder {
    /// As [`crate::Recorder::commit`].
    ///
    /// # Errors
    /// As there.
    pub fn commit(self) -> Result<Option<Guid>> {
        self.runtime.run(self.recorder.commit())
    }

    /// As [`crate::Recorder::abort`].
    pub fn abort(self) {
        self.recorder.abort();
    }

    /// As [`crate::Recorder::interface`].
    pub fn interface<I: Interface>(&self) -> I::Recorder<'_> {
        self.recorder.interface::<I>()
    }

    /// As [`crate::Recorder::object`].
    pub fn object<I: Interface>(&self) -> Object {
        self.recorder.object::<I>()
    }

    /// As [`crate::Recorder::moniker`].
    pub fn moniker(&self) -> &Moniker {
        self.recorder.moniker()
    }

    /// As [`crate::Recorder::len`].
    pub fn len(&self) -> usize {
        self.recorder.len()
    }

    /// As [`crate::Recorder::is_empty`].
    pub fn is_empty(&self) -> bool {
        self.recorder.is_empty()
    }

    /// As [`crate::Recorder::size`].
    pub fn size(&self) -> usize {
        self.recorder.size()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.recorder.fmt(f)
    }
}

/// As [`crate::MessageList`].
pub struct MessageList {
    messages: crate::MessageList,
    runtime: Runtime,
}

impl Iterator for MessageList {
    type Item = Result<MessageSummary>;

    fn next(&mut self) -> Option<Self::Item> {
        self.runtime.run(async { self.messages.next().await.transpose() }).transpose()
    }
}

impl fmt::Debug for MessageList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.messages.fmt(f)
    }
}

/// As [`crate::QueueEvents`]: each step waits for the next event.
pub struct QueueEvents {
    events: crate::QueueEvents,
    runtime: Runtime,
}

impl Iterator for QueueEvents {
    type Item = Result<QueueEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        self.runtime.run(async { self.events.next().await.transpose() }).transpose()
    }
}

impl fmt::Debug for QueueEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.events.fmt(f)
    }
}
