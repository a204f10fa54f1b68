use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use consign_core::{Guid, Hresult};
use consign_wire::names;
use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::broadcast::error::RecvError;
use zbus::Message;

use super::code;
use crate::{Error, Result, connection::Connection};

/// What happened to a message, as `IComQCEvents` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueEvent {
    /// `OnQCRecord`: a message was stored, or moved here from another queue.
    Record {
        /// The queue.
        queue: String,
        /// The message.
        message: Guid,
    },
    /// `OnQCQueueOpen`: the queue is served.
    QueueOpen {
        /// The queue.
        queue: String,
        /// `S_OK`, or why not.
        code: Hresult,
    },
    /// `OnQCReceive`: an attempt begins.
    Receive {
        /// The queue.
        queue: String,
        /// The message.
        message: Guid,
    },
    /// `OnQCMoveToReTryQueue`.
    MoveToRetryQueue {
        /// The queue.
        queue: String,
        /// The message.
        message: Guid,
        /// Which retry queue, counted from 0.
        retry_queue: u32,
    },
    /// `OnQCMoveToDeadQueue`.
    MoveToDeadQueue {
        /// The queue.
        queue: String,
        /// The message.
        message: Guid,
    },
    /// `OnQCPlayback`: an attempt has ended.
    Playback {
        /// The queue.
        queue: String,
        /// The message.
        message: Guid,
        /// `S_OK` where all its calls succeeded, and it is gone.
        code: Hresult,
    },
    /// So many events were dropped because they were not read in time: look at the queues instead.
    Missed(u64),
}

impl QueueEvent {
    /// The name of the method of `IComQCEvents`; `Missed` for what has none.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Record { .. } => "OnQCRecord",
            Self::QueueOpen { .. } => "OnQCQueueOpen",
            Self::Receive { .. } => "OnQCReceive",
            Self::MoveToRetryQueue { .. } => "OnQCMoveToReTryQueue",
            Self::MoveToDeadQueue { .. } => "OnQCMoveToDeadQueue",
            Self::Playback { .. } => "OnQCPlayback",
            Self::Missed(_) => "Missed",
        }
    }

    /// The queue.
    pub fn queue(&self) -> Option<&str> {
        match self {
            Self::Record { queue, .. }
            | Self::QueueOpen { queue, .. }
            | Self::Receive { queue, .. }
            | Self::MoveToRetryQueue { queue, .. }
            | Self::MoveToDeadQueue { queue, .. }
            | Self::Playback { queue, .. } => Some(queue),
            Self::Missed(_) => None,
        }
    }

    /// The message.
    pub const fn message(&self) -> Option<Guid> {
        match self {
            Self::Record { message, .. }
            | Self::Receive { message, .. }
            | Self::MoveToRetryQueue { message, .. }
            | Self::MoveToDeadQueue { message, .. }
            | Self::Playback { message, .. } => Some(*message),
            Self::QueueOpen { .. } | Self::Missed(_) => None,
        }
    }

    /// How it went, of those events that say so.
    pub const fn code(&self) -> Option<Hresult> {
        match self {
            Self::QueueOpen { code, .. } | Self::Playback { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// Reads a signal; `None` where it is none of ours, or one that only a newer service has.
pub(crate) fn read(member: &str, message: &Message) -> Option<QueueEvent> {
    let body = message.body();
    let named = || {
        let (queue, message): (String, &str) = body.deserialize().ok()?;
        Some((queue, message.parse::<Guid>().ok()?))
    };
    Some(match member {
        "QCRecord" => named().map(|(queue, message)| QueueEvent::Record { queue, message })?,
        "QCReceive" => named().map(|(queue, message)| QueueEvent::Receive { queue, message })?,
        "QCMoveToDeadQueue" => named().map(|(queue, message)| QueueEvent::MoveToDeadQueue { queue, message })?,
        "QCQueueOpen" => {
            let (queue, number): (String, i32) = body.deserialize().ok()?;
            QueueEvent::QueueOpen { queue, code: code(number) }
        }
        "QCMoveToReTryQueue" => {
            let (queue, message, retry_queue): (String, &str, u32) = body.deserialize().ok()?;
            QueueEvent::MoveToRetryQueue { queue, message: message.parse().ok()?, retry_queue }
        }
        "QCPlayback" => {
            let (queue, message, number): (String, &str, i32) = body.deserialize().ok()?;
            QueueEvent::Playback { queue, message: message.parse().ok()?, code: code(number) }
        }
        _ => return None,
    })
}

/// The events from now on. Ends with [`Error::Disconnected`] when the connection closes.
pub struct QueueEvents(BoxStream<'static, Result<QueueEvent>>);

impl QueueEvents {
    /// The next event, or `None` after the end.
    pub async fn next(&mut self) -> Option<Result<QueueEvent>> {
        self.0.next().await
    }

    pub(crate) async fn open(connection: Arc<Connection>, queue: Option<&str>) -> Result<Self> {
        let events = connection.queue_events()?;
        // Two quotes and a comma mean something in a rule; such a queue is picked out here alone.
        let first = queue.filter(|queue| !queue.contains(['\'', '"', ',', '\\']));
        let first = first.map(|queue| format!(",arg0='{queue}'")).unwrap_or_default();
        let rule = connection.add_match(format!("type='signal',interface='{}'{first}", names::QUEUES)).await?;
        let wanted = queue.map(str::to_owned);
        let events = stream::unfold(Some((events, rule)), |state| async {
            let (mut events, rule) = state?;
            match events.recv().await {
                Ok(event) => Some((Ok(event), Some((events, rule)))),
                Err(RecvError::Lagged(missed)) => Some((Ok(QueueEvent::Missed(missed)), Some((events, rule)))),
                Err(RecvError::Closed) => Some((Err(Error::Disconnected), None)),
            }
        });
        // Other rules of the same connection may ask for other queues.
        let is_wanted = move |event: &Result<QueueEvent>| match (&wanted, event) {
            (Some(wanted), Ok(event)) => event.queue().is_none_or(|queue| queue == wanted),
            _ => true,
        };
        Ok(Self(events.filter(move |event| std::future::ready(is_wanted(event))).boxed()))
    }
}

impl Stream for QueueEvents {
    type Item = Result<QueueEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl fmt::Debug for QueueEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueEvents").finish_non_exhaustive()
    }
}
