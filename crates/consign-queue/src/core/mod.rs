//! The engine without its thread: inputs and the time go in, effects come out, and between the two
//! lies one commit. Everything that tests drive by hand is here; what waits is in [`crate::engine`].
//!
//! Memory holds of each queue only the messages whose turn is next, those that are being played, and
//! numbers. If a commit fails, what memory had decided is thrown away and read again.

mod admin;
mod intake;
mod outcome;
mod queue;
mod turns;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use consign_core::{Guid, Hresult, Timestamp};
use tokio::sync::oneshot;

pub use admin::{Admin, Selection};
pub use intake::{StreamBatch, StreamMessage, Taken, Undeliverable};
pub use view::{MessageDetails, MessageView, Page, QueueView};

use crate::{
    Refusal,
    event::QueueEvent,
    host::{Host, Outcome, Play},
    message::{MessageId, NewMessage},
    store::{Change, Loaded, QueueRecord, Store, StoreFailure},
};
use queue::{InHand, InHandPhase, Queue};

/// How many numbers are reserved at once. After a crash those that were not given are skipped.
const RESERVED_AT_ONCE: u64 = 1 << 14;

/// How long after a store could not be read it is asked again.
const AFTER_A_FAILURE: Duration = Duration::from_secs(1);

/// Decides, and has its decisions stored.
pub struct Core {
    store: Box<dyn Store>,
    settings: CoreSettings,
    /// The store's own number.
    number: u64,
    /// The next sequence number and position.
    next: u64,
    /// Below this one numbers may be given.
    reserved: u64,
    queues: BTreeMap<Arc<str>, Queue>,
    streams: HashMap<Guid, u64>,
    catalogue: BTreeMap<String, String>,
    /// The queue and the message of each attempt under way.
    attempts: HashMap<u64, (Arc<str>, u64)>,
    last_attempt: u64,
    /// When the store has something that is due.
    next_due: Option<Timestamp>,
    /// When it looks again apart from that: something is left to be done, or could not be read.
    again: Option<Timestamp>,
    /// Classes whose parked messages are to be tried again; `None`: every class that is registered.
    understood: BTreeSet<Option<Guid>>,
    /// What attempts came to that could not be stored yet.
    unsettled: Vec<(u64, Outcome)>,
    /// Since a commit failed nothing is played until one succeeds.
    failing: Option<StoreFailure>,
    /// After that the store could not even be read: memory says what was never stored, so nothing that
    /// is decided from it counts.
    stale: Option<StoreFailure>,
    phase: Phase,
}

/// What the host chose.
#[derive(Clone, Copy, Debug)]
pub struct CoreSettings {
    /// How many messages of a queue are played at once where its policy says nothing.
    pub players: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    Draining,
}

/// Where an answer goes.
pub type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// What the core is asked or told.
#[derive(Debug)]
pub enum Input {
    /// A message was committed by its recorder.
    Enqueue(Box<NewMessage>, Reply<MessageId>),
    /// Messages of an outbox.
    Take(StreamBatch, Reply<Taken>),
    /// An attempt has ended.
    Report(u64, Outcome),
    /// A class was registered, changed or taken away, or it understands more than before.
    ComponentChanged(Guid),
    /// Somebody manages queues.
    Admin(Admin),
    /// An entry of the catalogue.
    Catalogue(String, Option<String>, Reply<()>),
    /// Nothing further is to be played.
    Drain,
    /// A look at everything that time brings.
    Wake,
}

/// What is to be done after the commit.
#[derive(Debug)]
pub enum Effect {
    /// Somebody gets an answer.
    Answer(Box<dyn Answerable>),
    /// A message is to be played.
    Play(Box<Play>),
    /// Nobody waits for this attempt any more.
    GiveUp(u64),
    /// Whoever listens is told.
    Event(QueueEvent),
}

/// An answer that only has to be sent.
pub trait Answerable: Send + std::fmt::Debug {
    /// Sends it.
    fn send(self: Box<Self>);
}

#[derive(Debug)]
struct Ready<T>(Reply<T>, Result<T, Refusal>);

impl<T: Send + std::fmt::Debug> Answerable for Ready<T> {
    fn send(self: Box<Self>) {
        // Nobody may be waiting any more.
        let _ = self.0.send(self.1);
    }
}

/// What one round decides: changes for the store, effects for afterwards.
#[derive(Debug, Default)]
struct Round {
    changes: Vec<Change>,
    /// Effects of these changes.
    effects: Vec<Effect>,
    /// Effects of what is stored already.
    done: Vec<Effect>,
    /// Queues whose record changed.
    touched: BTreeSet<Arc<str>>,
    /// What is undone if the commit fails: answers become refusals.
    promises: Vec<Box<dyn Promise>>,
    /// What attempts came to, in case it cannot be stored.
    outcomes: Vec<(Arc<str>, InHand, Outcome)>,
    /// Whether the store has to be asked what is due next.
    due_changed: bool,
}

/// An answer that depends on the commit.
trait Promise: Send + std::fmt::Debug {
    fn settle(self: Box<Self>, stored: Result<(), Refusal>) -> Box<dyn Answerable>;
}

#[derive(Debug)]
struct Promised<T>(Reply<T>, T);

impl<T: Send + std::fmt::Debug + 'static> Promise for Promised<T> {
    fn settle(self: Box<Self>, stored: Result<(), Refusal>) -> Box<dyn Answerable> {
        let Self(reply, value) = *self;
        Box::new(Ready(reply, stored.map(|()| value)))
    }
}

impl Round {
    fn promise<T: Send + std::fmt::Debug + 'static>(&mut self, reply: Reply<T>, value: T) {
        self.promises.push(Box::new(Promised(reply, value)));
    }

    fn answer<T: Send + std::fmt::Debug + 'static>(&mut self, reply: Reply<T>, answer: Result<T, Refusal>) {
        self.effects.push(Effect::Answer(Box::new(Ready(reply, answer))));
    }

    fn event(&mut self, event: QueueEvent) {
        self.effects.push(Effect::Event(event));
    }
}

impl Core {
    /// Takes up what is stored.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(mut store: Box<dyn Store>, settings: CoreSettings) -> Result<Self, StoreFailure> {
        let loaded = store.load()?;
        let next_due = store.next_due()?;
        let mut core = Self {
            store,
            settings,
            number: loaded.number,
            next: loaded.next_seq,
            reserved: loaded.next_seq,
            queues: BTreeMap::new(),
            streams: HashMap::new(),
            catalogue: BTreeMap::new(),
            attempts: HashMap::new(),
            last_attempt: 0,
            next_due,
            again: None,
            // A class may have been registered while nobody was here to hear of it.
            understood: BTreeSet::from([None]),
            unsettled: Vec::new(),
            failing: None,
            stale: None,
            phase: Phase::Serving,
        };
        core.take_up(loaded);
        Ok(core)
    }

    /// Decides what the inputs and the time ask for, commits it, and says what is to be done now.
    pub fn round(&mut self, inputs: Vec<Input>, now: Timestamp, host: &dyn Host) -> Vec<Effect> {
        let mut round = Round::default();
        self.again = None;
        for (attempt, outcome) in std::mem::take(&mut self.unsettled) {
            self.conclude(&mut round, attempt, outcome, now, host);
        }
        for input in inputs {
            // What looks into the store must find there what was decided before.
            let looks = matches!(input, Input::Admin(_));
            if looks {
                self.commit(&mut round, now);
            }
            self.take(&mut round, input, now, host);
            if looks {
                self.commit(&mut round, now);
            }
        }
        self.look_at_parked(&mut round, now, host);
        if self.next_wake().is_some_and(|wake| wake <= now) {
            self.commit(&mut round, now);
            self.pass_time(&mut round, now, host);
        }
        if self.failing.is_some() && round.changes.is_empty() {
            // Nothing waits to be stored, so what shows that the store can do it again says nothing new.
            round.changes.push(Change::Reserve(self.reserved));
        }
        self.commit(&mut round, now);
        let mut effects = round.done;
        while self.failing.is_none() {
            // What it finds that nobody can play is parked, which is a decision of its own.
            let mut parking = Round::default();
            self.play_next(&mut effects, &mut parking, now, host);
            if parking.changes.is_empty() {
                break;
            }
            self.commit(&mut parking, now);
            effects.append(&mut parking.done);
            if self.again.is_some() {
                break;
            }
        }
        if self.failing.is_none() && !(self.understood.is_empty() && self.unsettled.is_empty()) {
            // A commit within this round failed, and a later one did not: what is left follows at once.
            self.look_again(now);
        }
        effects
    }

    /// When time alone will bring something.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let deadlines = self.queues.values().filter_map(Queue::next_deadline).min();
        self.next_due.into_iter().chain(deadlines).chain(self.again).min()
    }

    /// The attempts under way.
    pub fn attempts(&self) -> impl Iterator<Item = u64> {
        self.attempts.keys().copied()
    }

    /// Whether a commit has failed and is to be tried again.
    pub fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    /// How many messages are being played.
    pub fn playing(&self) -> usize {
        self.attempts.len()
    }

    /// Whether something stored can become due without anybody asking: then the service stays.
    pub fn has_work(&self) -> bool {
        self.next_due.is_some() || self.queues.values().any(|queue| queue.record.counts.ready > 0 && !queue.record.paused)
    }

    /// Gives back the numbers that were reserved and not given, so that those of the next start go on where
    /// these ended. To be called last.
    pub fn end(mut self) {
        if self.failing.is_none()
            && let Err(failure) = self.store.commit(&[Change::Reserve(self.next)])
        {
            tracing::warn!(sentence = failure.sentence, "numbers of messages are skipped");
        }
    }

    /// For moments when nobody waits.
    pub fn tidy(&mut self) {
        self.store.tidy();
    }

    fn take(&mut self, round: &mut Round, input: Input, now: Timestamp, host: &dyn Host) {
        match input {
            Input::Enqueue(message, reply) => self.enqueue(round, *message, reply, now),
            Input::Take(batch, reply) => self.take_stream(round, batch, reply, now, host),
            Input::Report(attempt, outcome) => self.settle(round, attempt, outcome, now, host),
            Input::ComponentChanged(class) => self.component_changed(class),
            Input::Admin(admin) => self.admin(round, admin, now, host),
            Input::Catalogue(key, text, reply) => {
                round.changes.push(Change::Catalogue(key.clone(), text.clone()));
                match text {
                    Some(text) => self.catalogue.insert(key, text),
                    None => self.catalogue.remove(&key),
                };
                round.promise(reply, ());
            }
            Input::Drain => self.phase = Phase::Draining,
            Input::Wake => {}
        }
    }

    /// Stores what was decided. If that fails, memory is made to say what the store says.
    fn commit(&mut self, round: &mut Round, now: Timestamp) {
        let touched = std::mem::take(&mut round.touched);
        let records = touched.iter().filter_map(|name| self.queues.get(name)).map(|queue| Change::Queue(queue.record.clone()));
        let mut changes: Vec<Change> = records.collect();
        changes.append(&mut round.changes);
        let reserved = self.reserved;
        if self.next > reserved {
            // Before the numbers are used, in the same transaction.
            self.reserved = self.next + RESERVED_AT_ONCE;
            changes.push(Change::Reserve(self.reserved));
        }
        let stored = match &self.stale {
            Some(failure) => Err(failure.clone()),
            None if changes.is_empty() => Ok(()),
            None => self.store.commit(&changes),
        };
        match &stored {
            Ok(()) => {
                if !changes.is_empty() {
                    self.failing = None;
                }
                // What was to be told of the attempts that are now stored is told.
                round.outcomes.clear();
            }
            Err(failure) => {
                tracing::error!(code = %failure.code, sentence = failure.sentence, "the queue could not be stored");
                // Nothing of what was to follow happened; answers that need no commit remain.
                round.effects.retain(|effect| matches!(effect, Effect::Answer(_) | Effect::GiveUp(_)));
                self.reserved = reserved;
                self.take_back(failure.clone());
                for (name, in_hand, outcome) in round.outcomes.drain(..) {
                    let (attempt, seq) = (in_hand.attempt, in_hand.message.seq);
                    self.unsettled.push((attempt, outcome));
                    self.attempts.insert(attempt, (Arc::clone(&name), seq));
                    if let Some(queue) = self.queues.get_mut(&name) {
                        queue.in_hand.insert(seq, InHand { phase: InHandPhase::Ended, ..in_hand });
                    }
                }
                round.due_changed = true;
            }
        }
        round.done.append(&mut round.effects);
        if std::mem::take(&mut round.due_changed) {
            self.next_due = self.store.next_due().unwrap_or_else(|failure| {
                tracing::error!(code = %failure.code, sentence = failure.sentence, "what is due could not be read");
                Some(now + AFTER_A_FAILURE)
            });
        }
        let stored = stored.map_err(Refusal::from);
        let promises = round.promises.drain(..);
        round.done.extend(promises.map(|promise| Effect::Answer(promise.settle(stored.clone()))));
    }

    fn take_back(&mut self, failure: StoreFailure) {
        self.failing = Some(failure);
        match self.store.load() {
            Ok(loaded) => {
                self.stale = None;
                self.take_up(loaded);
            }
            Err(failure) => {
                tracing::error!(code = %failure.code, sentence = failure.sentence, "the queue could not be read again");
                self.stale = Some(failure);
            }
        }
    }

    /// Has time bring another round at `when`, or earlier.
    fn look_again(&mut self, when: Timestamp) {
        self.again = Some(self.again.map_or(when, |again| again.min(when)));
    }

    /// Makes memory what the store says. What is being played goes on.
    fn take_up(&mut self, loaded: Loaded) {
        let mut before = std::mem::take(&mut self.queues);
        for record in loaded.queues {
            let name: Arc<str> = record.name.as_str().into();
            let queue = match before.remove(&name) {
                Some(queue) => queue.with(record),
                None => Queue::new(Arc::clone(&name), record),
            };
            self.queues.insert(name, queue);
        }
        self.streams = loaded.streams.into_iter().collect();
        self.catalogue = loaded.catalogue.into_iter().collect();
    }

    /// A number that was never given before.
    fn give_number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    /// The queue, made if there is none yet.
    fn queue_for(&mut self, round: &mut Round, name: &str) -> Arc<str> {
        if let Some((name, _)) = self.queues.get_key_value(name) {
            return Arc::clone(name);
        }
        let name: Arc<str> = name.into();
        let record = QueueRecord { name: name.to_string(), paused: false, policy: Default::default(), counts: Default::default() };
        self.queues.insert(Arc::clone(&name), Queue::new(Arc::clone(&name), record));
        round.touched.insert(Arc::clone(&name));
        round.event(QueueEvent::QueueOpen { queue: name.to_string(), code: Hresult::new(0) });
        name
    }
}
