//! What memory holds of one queue.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use consign_core::{Guid, Timestamp};

use crate::{
    message::{Message, Standing},
    store::{QueueRecord, Turn},
};

/// The most messages that are held ahead of their turn.
const WIDEST: usize = 256;

/// The most bytes of calls that are held ahead of their turn.
const HEAVIEST: usize = 1 << 20;

type Key = (Reverse<u8>, u64);

pub(super) struct Queue {
    pub(super) name: Arc<str>,
    pub(super) record: QueueRecord,
    /// Ready messages that nobody plays yet, those whose turn is next.
    window: BTreeMap<Key, Message>,
    /// The bytes of their calls.
    weight: usize,
    horizon: Horizon,
    /// Classes that could not be played when the store was read, so that it was read without them. Of
    /// each the window knows only the messages up to this turn.
    skipped: HashMap<Guid, Option<Turn>>,
    /// Messages that are being played, by number.
    pub(super) in_hand: HashMap<u64, InHand>,
}

/// How far the window knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Horizon {
    /// Nothing was read yet.
    Unknown,
    /// Every ready message up to this turn is in the window or in hand, but for those of skipped classes.
    UpTo(Turn),
    /// Every one is, but for those of skipped classes.
    Everything,
}

#[derive(Debug)]
pub(super) struct InHand {
    pub(super) message: Message,
    pub(super) attempt: u64,
    pub(super) deadline: Timestamp,
    pub(super) phase: InHandPhase,
}

/// How far an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InHandPhase {
    Playing,
    /// It has ended, and that could not be stored yet. Nothing that is said of it later changes that.
    Ended,
}

impl Queue {
    pub(super) fn new(name: Arc<str>, record: QueueRecord) -> Self {
        let horizon = if record.counts.ready == 0 { Horizon::Everything } else { Horizon::Unknown };
        Self { name, record, window: BTreeMap::new(), weight: 0, horizon, skipped: HashMap::new(), in_hand: HashMap::new() }
    }

    /// The same queue with what the store says of it; only what is being played stays.
    pub(super) fn with(self, record: QueueRecord) -> Self {
        Self { in_hand: self.in_hand, ..Self::new(self.name, record) }
    }

    /// Forgets what is held ahead, because the order or what may be played has changed.
    pub(super) fn forget_window(&mut self) {
        self.window.clear();
        self.weight = 0;
        self.skipped.clear();
        self.horizon = Horizon::Unknown;
    }

    pub(super) fn horizon(&self) -> Horizon {
        self.horizon
    }

    /// Holds a message that has become ready, if its turn is within what is held.
    pub(super) fn hold(&mut self, message: Message) {
        let turn = message.turn();
        let known = match self.horizon {
            Horizon::Everything => true,
            Horizon::UpTo(last) => turn.key() <= last.key(),
            Horizon::Unknown => false,
        };
        let skipped = self.skipped.get(&message.class).is_some_and(|until| until.is_none_or(|until| turn.key() > until.key()));
        if known && !skipped {
            self.put(message);
            self.trim();
        }
    }

    /// Takes what was read from the store after the horizon without these classes; nothing means that
    /// there is no more.
    pub(super) fn extend(&mut self, messages: Vec<Message>, without: &[Guid]) {
        let until = match self.horizon {
            Horizon::UpTo(last) => Some(last),
            Horizon::Unknown | Horizon::Everything => None,
        };
        for class in without {
            self.skipped.entry(*class).or_insert(until);
        }
        self.horizon = match messages.last() {
            Some(last) => Horizon::UpTo(last.turn()),
            None => Horizon::Everything,
        };
        for message in messages {
            if !self.in_hand.contains_key(&message.seq) {
                self.put(message);
            }
        }
    }

    /// Reads from the beginning again when a class that was skipped can be played, and what is held of
    /// it is used up.
    pub(super) fn return_to_skipped(&mut self, mut can_be_played: impl FnMut(Guid) -> bool) {
        let used_up = |class: &Guid| !self.window.values().any(|message| message.class == *class);
        if self.skipped.keys().any(|class| can_be_played(*class) && used_up(class)) {
            self.forget_window();
        }
    }

    /// The first message of which `judge` says something, among the first `looked_at`, taken out of the window.
    pub(super) fn take_first<T>(&mut self, looked_at: usize, mut judge: impl FnMut(&Message) -> Option<T>) -> Option<(Message, T)> {
        let mut candidates = self.window.iter().take(looked_at);
        let (key, verdict) = candidates.find_map(|(key, message)| judge(message).map(|verdict| (*key, verdict)))?;
        self.take_out(key).map(|message| (message, verdict))
    }

    /// The classes of the messages that are held or skipped, each once.
    pub(super) fn known_classes(&self) -> Vec<Guid> {
        let held = self.window.values().map(|message| message.class);
        let mut classes: Vec<Guid> = held.chain(self.skipped.keys().copied()).collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    pub(super) fn first(&self) -> Option<&Message> {
        self.window.values().next()
    }

    /// Takes a message out of the window, if it is there.
    pub(super) fn let_go(&mut self, message: &Message) {
        self.take_out(message.turn().key());
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.in_hand.values().filter(|in_hand| in_hand.phase == InHandPhase::Playing).map(|in_hand| in_hand.deadline).min()
    }

    /// Counts a message that changes its standing; `None` where it was not here or is no longer.
    pub(super) fn count(&mut self, from: Option<Standing>, to: Option<Standing>, bytes: usize) {
        let counts = &mut self.record.counts;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if let Some(from) = from {
            let count = counts.of(from);
            *count = count.saturating_sub(1);
            counts.bytes = counts.bytes.saturating_sub(bytes);
        }
        if let Some(to) = to {
            *counts.of(to) += 1;
            counts.bytes = counts.bytes.saturating_add(bytes);
        }
    }

    fn put(&mut self, message: Message) {
        self.weight += message.calls.len();
        if let Some(replaced) = self.window.insert(message.turn().key(), message) {
            self.weight -= replaced.calls.len();
        }
    }

    fn take_out(&mut self, key: Key) -> Option<Message> {
        let message = self.window.remove(&key)?;
        self.weight -= message.calls.len();
        Some(message)
    }

    /// Lets go of the last ones when there are too many: they are read again when their turn comes.
    fn trim(&mut self) {
        while self.window.len() > 1 && (self.window.len() > WIDEST || self.weight > HEAVIEST) {
            let Some((_, last)) = self.window.pop_last() else { return };
            self.weight -= last.calls.len();
            let Some((_, now_last)) = self.window.last_key_value() else { return };
            let turn = now_last.turn();
            self.horizon = Horizon::UpTo(turn);
            for until in self.skipped.values_mut().flatten().filter(|until| until.key() > turn.key()) {
                *until = turn;
            }
        }
    }
}

impl Message {
    pub(crate) fn turn(&self) -> Turn {
        Turn { priority: self.priority, position: self.state.position }
    }
}
