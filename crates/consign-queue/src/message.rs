//! What a message is: the calls recorded on one object, where it stands, and what was tried.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use consign_core::{Calls, Guid, Hresult, Timestamp, guid::ParseGuidError};

/// The name of a message. It never changes, whichever queue the message is in, so that a component can
/// tell whether it has seen it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(Guid);

impl MessageId {
    /// From what a view or a component was told.
    pub const fn new(guid: Guid) -> Self {
        Self(guid)
    }

    /// The GUID.
    pub const fn guid(self) -> Guid {
        self.0
    }

    /// The name of the message that a store took as its number `seq`. A store has a number of its own,
    /// so two stores never give the same name.
    pub fn of(store: u64, seq: u64) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&store.to_be_bytes());
        bytes[8..].copy_from_slice(&seq.to_be_bytes());
        Self(Guid::from_bytes(bytes))
    }

    /// The number in the store `store`; `None` for a message of another one.
    pub fn seq_in(self, store: u64) -> Option<u64> {
        let bytes = self.0.as_bytes();
        let (origin, seq) = bytes.split_at(8);
        let number = |half: &[u8]| half.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
        (number(origin) == store).then(|| number(seq))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({self})")
    }
}

impl FromStr for MessageId {
    type Err = ParseGuidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// The longest label, in characters: `MQ_MAX_MSG_LABEL_LEN`.
pub const LONGEST_LABEL: usize = 249;

/// The highest priority, `MQ_MAX_PRIORITY`; the lowest is 0.
pub const HIGHEST_PRIORITY: u8 = 7;

/// `MQ_DEFAULT_PRIORITY`.
pub const DEFAULT_PRIORITY: u8 = 3;

/// What is given to the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// The queue: that of the class's application.
    pub queue: String,
    /// The class on whose object the calls are played.
    pub class: Guid,
    /// The calls.
    pub calls: Calls,
    /// `Label`, at most [`LONGEST_LABEL`] characters.
    pub label: String,
    /// `Priority`, 0 to 7.
    pub priority: u8,
    /// `AppSpecific`: a number for whoever reads the queue.
    pub app_specific: u32,
    /// `MaxTimeToReceive`: how long it may wait before it is played for the first time.
    pub time_to_receive: Option<Duration>,
    /// Who recorded it.
    pub caller: Caller,
}

/// Who recorded a message: what the kernel said of the connection, never what the caller said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user, by number.
    pub uid: u32,
    /// The process, for people: it may have ended, and the number may mean another one by now.
    pub pid: Option<u32>,
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// In the input queue.
    Input,
    /// In a retry queue, counted from 0 as in `App_0`.
    Retry(u8),
    /// Before the exception class.
    Exception(Side),
    /// In the dead queue.
    Dead,
}

/// Whose failure an exception class is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// `FinalServerRetry`: it was tried, and never succeeded.
    Server,
    /// `FinalClientRetry`: it could not be delivered.
    Client,
}

/// How a message's wait is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Standing {
    /// It is played as soon as there is a player.
    Ready,
    /// It waits for a time.
    Waiting,
    /// No component understands it; it goes on when one does.
    Parked,
    /// It waits for a person.
    Dead,
}

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number in its store; never used twice.
    pub seq: u64,
    /// The queue.
    pub queue: String,
    /// The class.
    pub class: Guid,
    /// The calls, as [`Calls::as_bytes`] gives them. Checked when they were taken.
    pub calls: Arc<[u8]>,
    /// How many calls these are.
    pub count: u32,
    /// `Label`.
    pub label: String,
    /// `Priority`.
    pub priority: u8,
    /// `AppSpecific`.
    pub app_specific: u32,
    /// Who recorded it.
    pub caller: Caller,
    /// When it was taken.
    pub arrived: Timestamp,
    /// What changes of it.
    pub state: State,
}

/// What changes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Where it stands.
    pub place: Place,
    /// How it stands there.
    pub standing: Standing,
    /// Its turn among messages of the same priority.
    pub position: u64,
    /// When its wait ends; only while it waits.
    pub due: Option<Timestamp>,
    /// When it is given up if nobody has received it; taken away at the first attempt.
    pub expires: Option<Timestamp>,
    /// Failed attempts at this place.
    pub attempts_here: u32,
    /// Failed attempts in all.
    pub attempts: u32,
    /// How often the component's process died while it was played.
    pub deaths: u32,
    /// Why it is where it is; S_OK and empty while there is nothing to say.
    pub reason: Reason,
}

/// Why a message is where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The number to look up.
    pub code: Hresult,
    /// A sentence for people.
    pub sentence: String,
}

/// One attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// When it ended.
    pub at: Timestamp,
    /// Where the message was.
    pub place: Place,
    /// The call that failed, counted from 0; `None` when it was none of them.
    pub call: Option<u32>,
    /// What it came to.
    pub reason: Reason,
}

impl Reason {
    /// Nothing to say.
    pub fn none() -> Self {
        Self { code: consign_core::common::S_OK, sentence: String::new() }
    }

    /// A code and its sentence.
    pub fn new(code: Hresult, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into() }
    }
}

impl Place {
    /// The name of the queue, as COM+ names it: `App`, `App_0`, `App_deadqueue`.
    pub fn queue_name(self, queue: &str) -> String {
        match self {
            Self::Input => queue.to_owned(),
            Self::Retry(index) => format!("{queue}_{index}"),
            Self::Exception(_) => format!("{queue}_exception"),
            Self::Dead => format!("{queue}_deadqueue"),
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready => "ready",
            Self::Waiting => "waiting",
            Self::Parked => "parked",
            Self::Dead => "dead",
        })
    }
}
