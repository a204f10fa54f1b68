//! Outboxes: databases of applications in which calls are recorded, and from which the service carries them
//! to their queues. The crate `consign-outbox` records there.

use consign_bits::Failure;
use consign_core::{Guid, Hresult, Timestamp};
use consign_wire::{names, queue::OutboxRecord};

use crate::{Client, Error, Result, snapshot::time};

/// An outbox that the service knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxSnapshot {
    /// The path of the database.
    pub path: String,
    /// The id of the outbox; `None` while it was never read.
    pub id: Option<Guid>,
    /// What it does.
    pub state: OutboxState,
    /// How many messages wait in it, as far as is known; never too few.
    pub pending: u64,
    /// The number of the last message that was taken from it; 0 for none, or while it was never read.
    pub taken: u64,
    /// What is in the way.
    pub problem: Option<Failure>,
    /// When it was looked into last.
    pub scanned: Option<Timestamp>,
    /// When it is tried again, if time decides.
    pub next_attempt: Option<Timestamp>,
}

/// What an outbox does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutboxState {
    /// Nothing waits in it.
    Idle,
    /// Messages are being carried to their queues.
    Carrying,
    /// Something is in the way that may pass; it is tried again by itself.
    Waiting,
    /// The database cannot be used; it is tried again when it changes.
    Unusable,
}

impl Client {
    /// Makes the service know an outbox: it carries what waits there, and watches the database. An installer
    /// does this once. The path is absolute.
    ///
    /// # Errors
    /// `ERROR_ALREADY_EXISTS`; `E_INVALIDARG` (the path; no database, or one without the tables of an outbox),
    /// `ERROR_FILE_NOT_FOUND`, `E_ACCESSDENIED` (it belongs to somebody else, others may write to it or to its
    /// folder, or it is a symbolic link), `CO_E_NOT_SUPPORTED` (a network file system; embedded).
    pub async fn add_outbox(&self, path: &str) -> Result<()> {
        self.call(names::OUTBOXES, "Add", &path).await
    }

    /// The outboxes that the service knows, by path.
    ///
    /// # Errors
    /// Only when the connection or the service fails.
    pub async fn outboxes(&self) -> Result<Vec<OutboxSnapshot>> {
        let records: Vec<OutboxRecord> = self.call(names::OUTBOXES, "List", &()).await?;
        records.into_iter().map(OutboxSnapshot::read).collect()
    }

    /// Makes the service forget an outbox. What was recorded there stays there, and is carried over when it
    /// is added again.
    ///
    /// # Errors
    /// `ERROR_FILE_NOT_FOUND`: the service knows no such outbox.
    pub async fn remove_outbox(&self, path: &str) -> Result<()> {
        self.call(names::OUTBOXES, "Remove", &path).await
    }
}

impl OutboxSnapshot {
    fn read(record: OutboxRecord) -> Result<Self> {
        let id = match record.id.as_str() {
            "" => None,
            text => Some(text.parse().map_err(Error::protocol)?),
        };
        let state = match record.state {
            names::OUTBOX_IDLE => OutboxState::Idle,
            names::OUTBOX_CARRYING => OutboxState::Carrying,
            names::OUTBOX_WAITING => OutboxState::Waiting,
            names::OUTBOX_UNUSABLE => OutboxState::Unusable,
            other => return Err(Error::protocol(format!("{other} is no state of an outbox"))),
        };
        let problem = (record.code != 0).then(|| Failure::refused(Hresult::from_i32(record.code), record.sentence));
        Ok(Self {
            path: record.path,
            id,
            state,
            pending: record.pending,
            taken: record.taken,
            problem,
            scanned: time(record.scanned),
            next_attempt: time(record.next_attempt),
        })
    }
}
