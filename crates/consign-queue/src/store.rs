//! What a store must do. It is small on purpose: whatever can keep rows in an order and commit
//! several changes at once can be one. The suite in `contract` says whether it is.
//!
//! A store has one owner, who calls it from one thread. It decides nothing.

use consign_core::{Guid, Hresult, Timestamp};

use crate::{
    message::{Attempt, Message, Standing, State},
    policy::QueuePolicy,
};

/// Keeps messages, queues, streams and the catalogue.
pub trait Store: Send {
    /// What there is apart from messages, when the store is opened.
    ///
    /// # Errors
    /// When it cannot be read, as in all that follow.
    fn load(&mut self) -> Result<Loaded, StoreFailure>;

    /// Makes all the changes or none, durably: they survive the end of the power when this returns `Ok`.
    ///
    /// # Errors
    /// When they are not stored, as for a message that is not there; or, after a failure of the disk, when nobody can say: then the store
    /// refuses every further change until it is opened again.
    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreFailure>;

    /// The next messages of `queue` that stand as `standing`, highest priority first, then by
    /// position, after `after`, as `which` narrows them down. At most `most`, and fewer
    /// once their calls have 1 MiB; an empty answer is the end.
    fn next(&mut self, query: &Next<'_>) -> Result<Vec<Message>, StoreFailure>;

    /// Waiting messages whose time has come at `now`, and messages that expired, the earliest first. At
    /// most `most`, and fewer once their calls have 1 MiB; an empty answer is the end.
    fn due(&mut self, now: Timestamp, most: usize) -> Result<Vec<Message>, StoreFailure>;

    /// The earliest moment at which [`Store::due`] will have something that it has not now, or has already.
    fn next_due(&mut self) -> Result<Option<Timestamp>, StoreFailure>;

    /// One message.
    fn message(&mut self, seq: u64) -> Result<Option<Message>, StoreFailure>;

    /// The failed attempts of a message, oldest first.
    fn attempts(&mut self, seq: u64) -> Result<Vec<Attempt>, StoreFailure>;

    /// Carries out what can be done later, in a moment when nobody waits.
    fn tidy(&mut self) {}
}

/// Which messages are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Next<'a> {
    /// Of which queue.
    pub queue: &'a str,
    /// Standing how.
    pub standing: Standing,
    /// Only those that come after this priority and position.
    pub after: Option<Turn>,
    /// Of which classes.
    pub which: Which<'a>,
    /// How many at most.
    pub most: usize,
}

/// Of which classes messages are wanted.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// Of every class but these.
    Without(&'a [Guid]),
    /// Of this one.
    Only(Guid),
}

impl Which<'_> {
    /// Of every class.
    pub const ALL: Self = Self::Without(&[]);

    /// Whether messages of this class are wanted.
    pub fn wants(&self, class: Guid) -> bool {
        match self {
            Self::Without(classes) => !classes.contains(&class),
            Self::Only(only) => *only == class,
        }
    }
}

/// Answers of several messages end when their calls have so many bytes.
pub const HEAVIEST_ANSWER: usize = 1 << 20;

/// A message's turn: a higher priority comes first, then a lower position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// 0 to 7.
    pub priority: u8,
    /// See [`State::position`].
    pub position: u64,
}

impl Turn {
    /// What a sorted list is sorted by.
    pub(crate) fn key(self) -> (std::cmp::Reverse<u8>, u64) {
        (std::cmp::Reverse(self.priority), self.position)
    }
}

/// What there is apart from messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The store's own number, made when it was made.
    pub number: u64,
    /// Larger than every sequence number and position that was ever given.
    pub next_seq: u64,
    /// The queues.
    pub queues: Vec<QueueRecord>,
    /// The last number taken of each stream.
    pub streams: Vec<(Guid, u64)>,
    /// The catalogue: the key and the text of each entry.
    pub catalogue: Vec<(String, String)>,
}

/// A queue as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRecord {
    /// Its name.
    pub name: String,
    /// Whether it is served.
    pub paused: bool,
    /// Its policy.
    pub policy: QueuePolicy,
    /// How many messages stand in it, by [`Standing`].
    pub counts: Counts,
}

/// How many messages stand in a queue, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ready ones, those that are played included.
    pub ready: u64,
    /// Waiting ones.
    pub waiting: u64,
    /// Parked ones.
    pub parked: u64,
    /// Dead ones.
    pub dead: u64,
    /// The bytes of the calls of all of them.
    pub bytes: u64,
}

impl Counts {
    /// All of them.
    pub fn messages(&self) -> u64 {
        self.ready + self.waiting + self.parked + self.dead
    }

    /// The count of one standing.
    pub fn of(&mut self, standing: Standing) -> &mut u64 {
        match standing {
            Standing::Ready => &mut self.ready,
            Standing::Waiting => &mut self.waiting,
            Standing::Parked => &mut self.parked,
            Standing::Dead => &mut self.dead,
        }
    }
}

/// A change. The store makes them in the order in which they are given.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A new message. Its queue is there, or comes earlier in the same commit.
    Insert(Message),
    /// A new state of a message, whose queue may be another now.
    Update {
        /// Which.
        seq: u64,
        /// The queue that it is in now.
        queue: String,
        /// The state.
        state: State,
    },
    /// A message is gone, and its attempts with it.
    Delete {
        /// Which.
        seq: u64,
    },
    /// A failed attempt of a message.
    Attempt {
        /// Which.
        seq: u64,
        /// The attempt.
        attempt: Attempt,
    },
    /// A queue as it is now.
    Queue(QueueRecord),
    /// A queue is no more. It is empty.
    RemoveQueue(String),
    /// Everything of a stream up to this number was taken.
    Stream(Guid, u64),
    /// Sequence numbers below this one may be given without asking.
    Reserve(u64),
    /// An entry of the catalogue; `None` takes it away.
    Catalogue(String, Option<String>),
}

/// A store could not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct StoreFailure {
    /// The number to look up.
    pub code: Hresult,
    /// A sentence for people.
    pub sentence: String,
}
