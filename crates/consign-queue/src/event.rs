//! What happens in queues, named as `IComQCEvents` names it.

use consign_core::Hresult;

use crate::message::MessageId;

/// Something that happened, told after it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueEvent {
    /// `OnQCRecord`: a message was recorded.
    Record {
        /// The queue.
        queue: String,
        /// The message.
        message: MessageId,
    },
    /// `OnQCQueueOpen`: a queue is there.
    QueueOpen {
        /// The queue.
        queue: String,
        /// S_OK.
        code: Hresult,
    },
    /// `OnQCReceive`: a message is being played.
    Receive {
        /// The queue.
        queue: String,
        /// The message.
        message: MessageId,
    },
    /// `OnQCMoveToReTryQueue`.
    MoveToRetryQueue {
        /// The queue.
        queue: String,
        /// The message.
        message: MessageId,
        /// Which retry queue, counted from 0.
        index: u8,
    },
    /// `OnQCMoveToDeadQueue`.
    MoveToDeadQueue {
        /// The queue.
        queue: String,
        /// The message.
        message: MessageId,
    },
    /// `OnQCPlayback`: an attempt has ended.
    Playback {
        /// The queue.
        queue: String,
        /// The message.
        message: MessageId,
        /// How: S_OK when all its calls succeeded.
        code: Hresult,
    },
}
