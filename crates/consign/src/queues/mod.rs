//! Queues and the messages in them: what an administrator of Queued Components sees and does.

mod events;
mod messages;
mod policy;

use consign_core::Hresult;
use consign_wire::{names, queue::QueueRecord};

pub(crate) use events::read as read_event;
pub use events::{QueueEvent, QueueEvents};
pub use messages::{Attempt, MessageDetails, MessageList, MessageSummary, Selection, Standing, Turn};
pub use policy::{QueuePolicy, RetryQueue};

use crate::{Client, Result};

/// A queue: one application's messages, those of its retry queues and its dead queue included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSummary {
    /// Its name.
    pub name: String,
    /// Whether it is paused: messages are taken, and not played.
    pub paused: bool,
    /// When its messages are tried again.
    pub policy: QueuePolicy,
    /// Messages that are played as soon as there is a player, those that are being played included.
    pub ready: u64,
    /// Messages that wait for a time, in a retry queue.
    pub waiting: u64,
    /// Messages that no component understands.
    pub parked: u64,
    /// Messages in the dead queue.
    pub dead: u64,
    /// The bytes of the calls of all of them.
    pub bytes: u64,
    /// Messages that are being played.
    pub playing: u32,
    /// Why ready messages are not played; `None` when they are, or there are none.
    pub waiting_because: Option<String>,
}

impl QueueSummary {
    /// All messages in it, the dead ones included.
    pub fn messages(&self) -> u64 {
        [self.ready, self.waiting, self.parked, self.dead].iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// How many messages stand so.
    pub fn count(&self, standing: Standing) -> u64 {
        match standing {
            Standing::Ready => self.ready,
            Standing::Waiting => self.waiting,
            Standing::Parked => self.parked,
            Standing::Dead => self.dead,
        }
    }

    fn read(record: QueueRecord) -> Result<Self> {
        Ok(Self {
            policy: QueuePolicy::read(&record.policy)?,
            name: record.name,
            paused: record.paused,
            ready: record.ready,
            waiting: record.waiting,
            parked: record.parked,
            dead: record.dead,
            bytes: record.bytes,
            playing: record.playing,
            waiting_because: (!record.waiting_because.is_empty()).then_some(record.waiting_because),
        })
    }
}

impl Client {
    /// Every queue, by name.
    ///
    /// # Errors
    /// `CO_E_NOT_SUPPORTED` (embedded), as in all that follow.
    pub async fn queues(&self) -> Result<Vec<QueueSummary>> {
        let records: Vec<QueueRecord> = self.call(names::QUEUES, "List", &()).await?;
        records.into_iter().map(QueueSummary::read).collect()
    }

    /// A queue.
    ///
    /// # Errors
    /// `MQ_ERROR_QUEUE_NOT_FOUND`.
    pub async fn queue(&self, queue: &str) -> Result<QueueSummary> {
        let (record,): (QueueRecord,) = self.call(names::QUEUES, "Show", &queue).await?;
        QueueSummary::read(record)
    }

    /// Plays nothing more of a queue; what is being played goes on to its end. Messages are still taken.
    ///
    /// # Errors
    /// `MQ_ERROR_QUEUE_NOT_FOUND`.
    pub async fn pause_queue(&self, queue: &str) -> Result<()> {
        self.call(names::QUEUES, "Pause", &queue).await
    }

    /// Plays a paused queue again.
    ///
    /// # Errors
    /// `MQ_ERROR_QUEUE_NOT_FOUND`.
    pub async fn resume_queue(&self, queue: &str) -> Result<()> {
        self.call(names::QUEUES, "Resume", &queue).await
    }

    /// Sets when the messages of a queue are tried again; makes the queue if there is none.
    ///
    /// # Errors
    /// `E_INVALIDARG`: the name has not 1 to 124 bytes, or the policy cannot be one (the sentence says why).
    pub async fn set_queue_policy(&self, queue: &str, policy: &QueuePolicy) -> Result<()> {
        self.call(names::QUEUES, "SetPolicy", &(queue, policy.write()?)).await
    }

    /// Takes a queue away that is empty.
    ///
    /// # Errors
    /// `MQ_ERROR_QUEUE_NOT_FOUND`, `ERROR_BUSY` (it holds messages).
    pub async fn remove_queue(&self, queue: &str) -> Result<()> {
        self.call(names::QUEUES, "Remove", &queue).await
    }

    /// What happens to messages from now on, in one queue or in all. Corresponds to `IComQCEvents`.
    ///
    /// # Errors
    /// Only when the connection or the service fails.
    pub async fn queue_events(&self, queue: Option<&str>) -> Result<QueueEvents> {
        QueueEvents::open(self.connection(), queue).await
    }
}

fn code(number: i32) -> Hresult {
    Hresult::from_i32(number)
}
