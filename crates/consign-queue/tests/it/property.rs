//! Random courses of events against a model that remembers what was promised.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use consign_core::{Guid, Timestamp, random::SeededRandom};
use consign_queue::{
    Admin, Component, Host, Input, Listener, MessageId, NewMessage, Outcome, Play, QueuePolicy, RetryQueue, Selection, SqliteStore,
    StreamBatch, StreamMessage,
    contract::{Disk, MemoryStore},
    message::{Attempt, Message, Standing},
    store::{Change, Loaded, Next, Store, StoreFailure},
};
use proptest::prelude::*;

use crate::bench::{Bench, CLASS, EXCEPTION, OTHER, PLAYERS, calls, died, failed, minutes, new, not_understood, seconds};

const THIRD: Guid = Guid::from_bytes([3; 16]);
const CLASSES: [Guid; 3] = [CLASS, OTHER, THIRD];
/// The first is plain, the second ordered.
const QUEUES: [&str; 2] = ["app", "ordered"];
const ORIGIN: Guid = Guid::from_bytes([0xaa; 16]);

#[derive(Clone, Debug)]
enum Step {
    Enqueue {
        queue: usize,
        class: usize,
        priority: u8,
        seconds: Option<u64>,
    },
    /// Several inputs in one round, among them a look in the middle.
    EnqueueMany(usize),
    Take {
        again: bool,
        count: u64,
    },
    Report {
        which: usize,
        outcome: usize,
    },
    LateReport {
        which: usize,
        outcome: usize,
    },
    Pass(u64),
    Pause(usize, bool),
    RetryAll(usize, usize),
    RetryOne(usize),
    Move(usize, usize),
    MoveAll(usize, usize),
    Drop(usize),
    Component {
        class: usize,
        kind: usize,
    },
    Attempts(u32, usize),
    FailCommits(u64),
    FailReads(u64),
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let one = any::<prop::sample::Index>().prop_map(|index| index.index(1000));
    prop_oneof![
        10 => (0usize..2, 0usize..3, 2u8..5, prop::option::weighted(0.2, 1u64..200))
            .prop_map(|(queue, class, priority, seconds)| Step::Enqueue { queue, class, priority, seconds }),
        3 => (0usize..2).prop_map(Step::EnqueueMany),
        2 => (any::<bool>(), 1u64..4).prop_map(|(again, count)| Step::Take { again, count }),
        16 => (one.clone(), 0usize..9).prop_map(|(which, outcome)| Step::Report { which, outcome }),
        2 => (one.clone(), 0usize..9).prop_map(|(which, outcome)| Step::LateReport { which, outcome }),
        6 => (0u64..400).prop_map(Step::Pass),
        2 => (0usize..2, any::<bool>()).prop_map(|(queue, paused)| Step::Pause(queue, paused)),
        1 => (0usize..2, 0usize..4).prop_map(|(queue, standing)| Step::RetryAll(queue, standing)),
        1 => one.clone().prop_map(Step::RetryOne),
        2 => (one.clone(), 0usize..2).prop_map(|(which, queue)| Step::Move(which, queue)),
        1 => (0usize..2, 0usize..2).prop_map(|(from, to)| Step::MoveAll(from, to)),
        2 => one.prop_map(Step::Drop),
        4 => (0usize..3, 0usize..5).prop_map(|(class, kind)| Step::Component { class, kind }),
        1 => (1u32..3, 0usize..3).prop_map(|(attempts, retries)| Step::Attempts(attempts, retries)),
        2 => (1u64..4).prop_map(Step::FailCommits),
        1 => (1u64..4).prop_map(Step::FailReads),
        2 => Just(Step::Crash),
    ]
}

const STANDINGS: [Standing; 4] = [Standing::Ready, Standing::Waiting, Standing::Parked, Standing::Dead];

/// What was promised.
struct Model {
    bench: Bench,
    /// The labels of messages that were answered as stored.
    promised: BTreeMap<String, MessageId>,
    /// Those that were refused.
    refused: BTreeSet<String>,
    /// Messages whose success was reported, since the last start of the process.
    succeeded: BTreeSet<MessageId>,
    /// Messages whose success was reported ever, or that were dropped: they may be gone.
    may_be_gone: BTreeSet<MessageId>,
    past_attempts: Vec<u64>,
    labels: u64,
    taken: u64,
}

impl Model {
    fn new(bench: Bench) -> Self {
        bench.host.set(THIRD, None);
        let mut model = Self {
            bench,
            promised: BTreeMap::new(),
            refused: BTreeSet::new(),
            succeeded: BTreeSet::new(),
            may_be_gone: BTreeSet::new(),
            past_attempts: Vec::new(),
            labels: 0,
            taken: 0,
        };
        model.policies(2, 2);
        model
    }

    fn policies(&mut self, attempts: u32, retries: usize) {
        let retry = vec![RetryQueue { delay: 60, attempts }; retries];
        for queue in QUEUES {
            let ordered = queue == "ordered";
            let policy = QueuePolicy { attempts, retry: retry.clone(), ordered, play_timeout: 300, ..QueuePolicy::default() };
            // The disk may be failing.
            let _ = self.bench.policy_of(queue, policy);
        }
    }

    fn message(&mut self, queue: usize, class: usize) -> NewMessage {
        self.labels += 1;
        NewMessage { queue: QUEUES[queue].to_owned(), class: CLASSES[class], ..new(&self.labels.to_string()) }
    }

    fn answered(&mut self, label: String, answer: Result<MessageId, consign_queue::Refusal>) {
        match answer {
            Ok(id) => assert!(self.promised.insert(label, id).is_none()),
            Err(_) => assert!(self.refused.insert(label)),
        }
    }

    fn some(&self, which: usize) -> Option<MessageId> {
        let all: Vec<_> = self.promised.values().collect();
        (!all.is_empty()).then(|| *all[which % all.len()])
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Enqueue { queue, class, priority, seconds: time } => {
                let message = self.message(*queue, *class);
                let message = NewMessage { priority: *priority, time_to_receive: time.map(seconds), ..message };
                let label = message.label.clone();
                let answer = self.bench.try_enqueue(message);
                self.answered(label, answer);
            }
            Step::EnqueueMany(queue) => {
                let messages: Vec<_> = (0..6).map(|index| self.message(*queue, index % 3)).collect();
                let (mut inputs, mut answers) = (Vec::new(), Vec::new());
                for message in messages {
                    let (reply, answer) = tokio::sync::oneshot::channel();
                    answers.push((message.label.clone(), answer));
                    inputs.push(Input::Enqueue(Box::new(message), reply));
                }
                let (reply, _look) = tokio::sync::oneshot::channel();
                inputs.insert(3, Input::Admin(Admin::Queues(reply)));
                if let Some(play) = self.bench.playing.first().cloned() {
                    self.reported(&play, &Outcome::Played);
                    self.bench.playing.retain(|other| other.attempt != play.attempt);
                    inputs.insert(2, Input::Report(play.attempt, Outcome::Played));
                }
                self.bench.round(inputs);
                for (label, mut answer) in answers {
                    self.answered(label, answer.try_recv().unwrap());
                }
            }
            Step::Take { again, count } => {
                let first = if *again { self.taken.saturating_sub(1).max(1) } else { self.taken + 1 };
                let label = |number| format!("stream {number}");
                let message = |number| StreamMessage { number, message: new(&label(number)), undeliverable: None };
                let batch = StreamBatch { origin: ORIGIN, messages: (first..first + count).map(message).collect() };
                if let Ok(taken) = self.bench.take(batch) {
                    for number in self.taken + 1..=taken.up_to {
                        let stored = self.bench.stored();
                        let found = stored.iter().find(|message| message.label == label(number)).expect("what is acknowledged is stored");
                        self.promised.insert(label(number), MessageId::of(Disk::NUMBER, found.seq));
                    }
                    assert!(taken.up_to >= self.taken);
                    self.taken = taken.up_to;
                }
            }
            Step::Report { which, outcome } => {
                if self.bench.playing.is_empty() {
                    return;
                }
                let play = self.bench.playing[which % self.bench.playing.len()].clone();
                let outcome = outcome_of(*outcome);
                self.reported(&play, &outcome);
                self.bench.report_of(play.attempt, outcome);
            }
            Step::LateReport { which, outcome } => {
                if !self.past_attempts.is_empty() {
                    let attempt = self.past_attempts[which % self.past_attempts.len()];
                    if self.bench.playing.iter().all(|play| play.attempt != attempt) {
                        self.bench.round(vec![Input::Report(attempt, outcome_of(*outcome))]);
                    }
                }
            }
            Step::Pass(time) => self.bench.pass(seconds(*time)),
            Step::Pause(queue, paused) => {
                let _ = self.bench.admin(|reply| Admin::SetPaused(QUEUES[*queue].to_owned(), *paused, reply));
            }
            Step::RetryAll(queue, standing) => {
                let _ = self.bench.retry(Selection::All(QUEUES[*queue].to_owned(), STANDINGS[*standing]));
            }
            Step::RetryOne(which) => {
                if let Some(id) = self.some(*which) {
                    let _ = self.bench.retry(Selection::Message(id));
                }
            }
            Step::Move(which, to) => {
                if let Some(id) = self.some(*which) {
                    let _ = self.bench.move_to(Selection::Message(id), QUEUES[*to]);
                }
            }
            Step::MoveAll(from, to) => {
                let _ = self.bench.move_to(Selection::All(QUEUES[*from].to_owned(), Standing::Dead), QUEUES[*to]);
            }
            Step::Drop(which) => {
                if let Some(id) = self.some(*which)
                    && self.bench.drop_messages(Selection::Message(id)).is_ok()
                {
                    self.may_be_gone.insert(id);
                }
            }
            Step::Component { class, kind } => {
                let component = match kind {
                    0 => None,
                    1 => Some(Component { listener: Listener::Off, ..Component::default() }),
                    2 => Some(Component { max_players: Some(1), ..Component::default() }),
                    3 => Some(Component { exception_class: Some(EXCEPTION), ..Component::default() }),
                    _ => Some(Component::default()),
                };
                self.bench.register(CLASSES[*class], component);
            }
            Step::Attempts(attempts, retries) => self.policies(*attempts, *retries),
            Step::FailCommits(count) => self.bench.disk.fail_commits(*count),
            Step::FailReads(count) => self.bench.disk.fail_reads(*count),
            Step::Crash => {
                // A store that cannot be read cannot be opened either.
                self.bench.disk.fail_reads(0);
                self.succeeded.clear();
                self.past_attempts.clear();
                self.bench.crash();
            }
        }
        let one_round = matches!(step, Step::Enqueue { .. } | Step::Report { .. } | Step::Component { .. });
        // An attempt that has ended and could not be stored is still in hand.
        if one_round && self.bench.core.playing() == self.bench.playing.len() {
            self.check_turns();
        }
        self.check();
    }

    /// What was begun in one round was begun in the order of the turns, and nobody who could have been
    /// played was passed over.
    fn check_turns(&self) {
        let stored: BTreeMap<MessageId, Message> =
            self.bench.stored().into_iter().map(|message| (MessageId::of(Disk::NUMBER, message.seq), message)).collect();
        for queue in QUEUES {
            let begun: Vec<_> =
                self.bench.begun.iter().filter(|play| &*play.queue == queue).map(|play| turn(&stored[&play.message])).collect();
            assert!(begun.is_sorted(), "a higher priority and an earlier position come first");
            let Some(last) = begun.last() else { continue };
            let passed_over = stored
                .values()
                .filter(|message| message.queue == queue && turn(message) < *last)
                .find(|message| self.could_be_played(message, &stored));
            assert!(passed_over.is_none(), "{passed_over:?} was passed over");
        }
    }

    /// Whether a message is ready, nobody plays it, and its class has a player for it. One under which the
    /// process has died is played alone.
    fn could_be_played(&self, message: &Message, stored: &BTreeMap<MessageId, Message>) -> bool {
        let id = MessageId::of(Disk::NUMBER, message.seq);
        let busy = self
            .bench
            .playing
            .iter()
            .filter(|play| *play.queue == *message.queue && (play.class == message.class || play.class == EXCEPTION))
            .count();
        let idle = self.bench.playing.iter().all(|play| play.message != id) && !self.succeeded.contains(&id);
        let component = self.bench.host.component(message.class);
        let served = component
            .is_some_and(|component| component.listener == Listener::On && component.max_players.is_none_or(|most| busy < most as usize));
        let of_class = |other: &&Message| other.queue == message.queue && other.class == message.class;
        let suspects = || stored.iter().filter(|(_, other)| of_class(other) && other.state.deaths > 0);
        let plays = |id: &MessageId| self.bench.playing.iter().any(|play| play.message == *id);
        let waits = |other: &Message| other.state.standing == Standing::Ready && turn(other) < turn(message);
        let alone = suspects().any(|(id, other)| plays(id) || waits(other)) || (message.state.deaths > 0 && busy > 0);
        message.state.standing == Standing::Ready && idle && served && !alone
    }

    /// Nobody waits while there are players, or the core wants to look again by itself.
    fn check_nobody_is_forgotten(&self) {
        let soon = self.bench.core.next_wake().is_some_and(|wake| wake <= self.bench.now + seconds(1));
        if self.bench.core.is_failing() || soon {
            return;
        }
        let stored = self.bench.stored();
        let by_id = stored.iter().map(|message| (MessageId::of(Disk::NUMBER, message.seq), message.clone())).collect();
        for queue in self.bench.disk.copy().open().load().unwrap().queues.into_iter().filter(|queue| !queue.paused) {
            let playing = self.bench.playing.iter().filter(|play| *play.queue == *queue.name).count();
            let mut waiting: Vec<_> =
                stored.iter().filter(|message| message.queue == queue.name && message.state.standing != Standing::Dead).collect();
            if queue.policy.ordered {
                waiting.sort_by_key(|message| turn(message));
                waiting.truncate(1);
            }
            let players = if queue.policy.ordered { 1 } else { PLAYERS as usize };
            let forgotten = waiting.into_iter().find(|message| playing < players && self.could_be_played(message, &by_id));
            assert!(forgotten.is_none(), "{forgotten:?} is forgotten");
        }
    }

    fn reported(&mut self, play: &Play, outcome: &Outcome) {
        if *outcome == Outcome::Played {
            self.succeeded.insert(play.message);
            self.may_be_gone.insert(play.message);
        }
    }

    fn check(&mut self) {
        self.bench.check_counts();
        self.check_nobody_is_forgotten();
        let stored: BTreeMap<MessageId, Message> =
            self.bench.stored().into_iter().map(|message| (MessageId::of(Disk::NUMBER, message.seq), message)).collect();
        for play in std::mem::take(&mut self.bench.begun) {
            let label = &play.label;
            assert!(!self.refused.contains(label), "{label} was refused, and is played");
            assert!(!self.succeeded.contains(&play.message), "{label} was played before");
            assert_eq!(&*play.calls, calls(label).as_bytes(), "the calls of {label}");
            assert!(!self.past_attempts.contains(&play.attempt), "a token is given once");
            self.past_attempts.push(play.attempt);
            // It may have been played for the last time already, in the same time that passed.
            if let Some(message) =
                stored.get(&play.message).filter(|_| self.bench.playing.iter().any(|other| other.attempt == play.attempt))
            {
                assert_eq!(message.state.standing, Standing::Ready);
                if &*play.queue == "ordered" {
                    self.check_first(message, &stored);
                }
            }
        }
        let in_ordered = self.bench.playing.iter().filter(|play| &*play.queue == "ordered").count();
        assert!(in_ordered <= 1, "one at a time in an ordered queue");
        for (label, id) in &self.promised {
            assert!(stored.contains_key(id) || self.may_be_gone.contains(id), "{label} is lost");
        }
        for (id, message) in &stored {
            assert!(!self.refused.contains(&message.label), "{} was refused, and is stored", message.label);
            assert_eq!(&*message.calls, calls(&message.label).as_bytes());
            if message.state.standing == Standing::Dead {
                assert!(message.state.reason.code.is_failure(), "{id} is dead for no reason");
            }
            let attempts = self.bench.disk.attempts(message.seq);
            assert_eq!(attempts.len(), message.state.attempts as usize, "every failed attempt is kept");
        }
    }

    /// Nobody is played before those whose turn in an ordered queue is earlier.
    fn check_first(&self, message: &Message, stored: &BTreeMap<MessageId, Message>) {
        let earlier = stored
            .values()
            .filter(|other| other.queue == message.queue && other.state.standing != Standing::Dead)
            .find(|other| turn(other) < turn(message));
        assert!(earlier.is_none(), "{} has overtaken {}", message.label, earlier.map_or("", |earlier| &earlier.label));
    }

    /// Heals everything, and lets everything come to its end.
    fn finish(mut self) {
        self.bench.disk.fail_commits(0);
        self.bench.disk.fail_reads(0);
        self.bench.pass(seconds(5));
        assert!(!self.bench.core.is_failing());
        for class in CLASSES {
            self.bench.register(class, Some(Component::default()));
        }
        for queue in QUEUES {
            self.bench.admin(|reply| Admin::SetPaused(queue.to_owned(), false, reply)).unwrap();
        }
        self.check();
        let mut rounds = 0;
        while self.bench.stored().iter().any(|message| message.state.standing != Standing::Dead) {
            while let Some(play) = self.bench.playing.first().cloned() {
                self.reported(&play, &Outcome::Played);
                self.bench.report(Outcome::Played);
                self.check();
            }
            self.bench.pass(minutes(1));
            self.check();
            rounds += 1;
            assert!(rounds < 100, "somebody waits for ever: {:?}", self.bench.stored());
        }
        for queue in QUEUES {
            let counts = self.bench.queue(queue).counts;
            assert_eq!(counts.messages(), counts.dead);
        }
    }
}

fn turn(message: &Message) -> (u8, u64) {
    (7 - message.priority, message.state.position)
}

fn outcome_of(number: usize) -> Outcome {
    match number {
        0..=3 => Outcome::Played,
        4 | 5 => failed(),
        6 => died(),
        7 => not_understood(),
        _ => Outcome::CutOff,
    }
}

/// SQLite, with a store in memory beside it that fails on command and must always say the same.
struct Mirrored {
    sqlite: SqliteStore,
    memory: MemoryStore,
}

impl Mirrored {
    fn same<T: PartialEq + std::fmt::Debug>(one: Result<T, StoreFailure>, other: Result<T, StoreFailure>) -> Result<T, StoreFailure> {
        let other = other?;
        assert_eq!(one.as_ref(), Ok(&other), "SQLite says this, memory says that");
        one
    }
}

impl Store for Mirrored {
    fn load(&mut self) -> Result<Loaded, StoreFailure> {
        let mut loaded = self.sqlite.load()?;
        loaded.number = Disk::NUMBER;
        loaded.streams.sort();
        Self::same(Ok(loaded), self.memory.load())
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreFailure> {
        self.memory.commit(changes)?;
        self.sqlite.commit(changes).unwrap_or_else(|failure| panic!("memory takes it, SQLite does not: {failure}"));
        Ok(())
    }

    fn next(&mut self, query: &Next<'_>) -> Result<Vec<Message>, StoreFailure> {
        Self::same(self.sqlite.next(query), self.memory.next(query))
    }

    fn due(&mut self, now: Timestamp, most: usize) -> Result<Vec<Message>, StoreFailure> {
        Self::same(self.sqlite.due(now, most), self.memory.due(now, most))
    }

    fn next_due(&mut self) -> Result<Option<Timestamp>, StoreFailure> {
        Self::same(self.sqlite.next_due(), self.memory.next_due())
    }

    fn message(&mut self, seq: u64) -> Result<Option<Message>, StoreFailure> {
        Self::same(self.sqlite.message(seq), self.memory.message(seq))
    }

    fn attempts(&mut self, seq: u64) -> Result<Vec<Attempt>, StoreFailure> {
        Self::same(self.sqlite.attempts(seq), self.memory.attempts(seq))
    }

    fn tidy(&mut self) {
        self.sqlite.tidy();
    }
}

/// A bench over SQLite in a folder of its own. What is opened with another disk than the first is
/// thrown away.
fn over_sqlite() -> Bench {
    let folder = Mutex::new(tempfile::tempdir().unwrap());
    Bench::over(move |disk| {
        let folder = folder.lock().unwrap();
        let (sqlite, _) = SqliteStore::open(&folder.path().join("queue.db"), &SeededRandom::new(1)).unwrap();
        Box::new(Mirrored { sqlite, memory: disk.open() })
    })
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn any_course_keeps_the_promises(steps in prop::collection::vec(step(), 0..150)) {
        let mut model = Model::new(Bench::new());
        steps.iter().for_each(|step| model.take(step));
        model.finish();
    }
}

proptest! {
    #![proptest_config(config(12))]

    #[test]
    fn any_course_keeps_the_promises_on_sqlite(steps in prop::collection::vec(step(), 0..100)) {
        let mut model = Model::new(over_sqlite());
        steps.iter().for_each(|step| model.take(step));
        model.finish();
    }
}
