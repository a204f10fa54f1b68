//! The suite that any store must pass, and a store in memory that passes it and fails on command.
//!
//! Every check begins with an empty place. Deliberately absent: the end of the power, which only a
//! store's own tests can play.

mod memory;

use std::sync::Arc;

use consign_core::{Calls, Guid, Hresult, Timestamp};

pub use memory::{Disk, MemoryStore};

use crate::{
    message::{Attempt, Caller, Message, Place, Reason, Side, Standing, State},
    policy::{QueuePolicy, RetryQueue},
    store::{Change, Counts, HEAVIEST_ANSWER, Next, QueueRecord, Store, Turn, Which},
};

/// Runs every check on stores that `open` opens at places that `make` makes. A store is closed by
/// being dropped, and what was committed is there when it is opened again.
///
/// # Panics
/// When the store breaks a promise; the message names the check.
pub fn run<P, S: Store + 'static>(make: impl Fn() -> P, open: impl Fn(&P) -> S) {
    for (name, check) in CHECKS {
        let place = make();
        let mut opened = || Box::new(open(&place)) as Box<dyn Store>;
        println!("check: {name}");
        check(&mut Bench { name, open: &mut opened });
    }
}

/// Checks that each queue's counts are what the store holds.
///
/// # Panics
/// When they are not, or the store cannot be read.
pub fn check_counts(store: &mut dyn Store) {
    for queue in store.load().expect("the store can be read").queues {
        let mut found = Counts::default();
        for standing in STANDINGS {
            for message in all(store, &queue.name, standing) {
                *found.of(standing) += 1;
                found.bytes += message.calls.len() as u64;
            }
        }
        assert_eq!(queue.counts, found, "the counts of {}", queue.name);
    }
}

/// Every message of a queue that stands so, in the order of their turns.
///
/// # Panics
/// When the store cannot be read.
pub fn all(store: &mut dyn Store, queue: &str, standing: Standing) -> Vec<Message> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.next(&Next { queue, standing, after, which: Which::ALL, most: 100 }).expect("the store can be read");
        let Some(last) = page.last() else { return found };
        after = Some(last.turn());
        found.extend(page);
    }
}

type Check = fn(&mut Bench<'_>);

const CHECKS: [(&str, Check); 17] = [
    ("an empty store has a number of its own and nothing else", empty),
    ("a message is read as it was written", as_written),
    ("every place, standing and caller is kept", every_state),
    ("a commit that fails in the middle leaves nothing", atomic),
    ("what is not there cannot be changed", unknown),
    ("what was committed is there after opening again", durable),
    ("changes are made in the order in which they are given", in_order),
    ("turns: priority, then position", turns),
    ("turns after a turn", turns_after),
    ("turns by class", turns_by_class),
    ("answers are limited in number and weight", limits),
    ("what is due: waits and expiry, the earliest first", due),
    ("an update moves a message between queues", moves),
    ("a message takes its attempts along", attempts),
    ("queues with their policies and counts", queues),
    ("streams and the catalogue", streams_and_catalogue),
    ("reserved numbers are never given twice", reserved),
];

const STANDINGS: [Standing; 4] = [Standing::Ready, Standing::Waiting, Standing::Parked, Standing::Dead];
const CLASS: Guid = Guid::from_bytes([0xc1; 16]);
const OTHER_CLASS: Guid = Guid::from_bytes([0x0d, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xfe]);

struct Bench<'a> {
    name: &'static str,
    open: &'a mut dyn FnMut() -> Box<dyn Store>,
}

impl Bench<'_> {
    fn open(&mut self) -> Box<dyn Store> {
        (self.open)()
    }

    /// A store with the queue `app` and these messages.
    fn with(&mut self, messages: impl IntoIterator<Item = Message>) -> Box<dyn Store> {
        let mut store = self.open();
        let mut changes = vec![Change::Queue(record("app"))];
        changes.extend(messages.into_iter().map(Change::Insert));
        store.commit(&changes).unwrap_or_else(|failure| panic!("{}: {failure}", self.name));
        store
    }
}

fn record(name: &str) -> QueueRecord {
    QueueRecord { name: name.to_owned(), paused: false, policy: QueuePolicy::default(), counts: Counts::default() }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn calls(size: usize) -> Calls {
    let mut builder = Calls::builder();
    builder
        .push(CLASS, "Do", "s", |writer| writer.str(&"x".repeat(size)))
        .unwrap_or_else(|error| panic!("the calls are too large: {error:?}"));
    builder.finish().expect("one call was pushed")
}

fn message(seq: u64) -> Message {
    Message {
        seq,
        queue: "app".to_owned(),
        class: CLASS,
        calls: calls(10).as_bytes().into(),
        count: 1,
        label: String::new(),
        priority: 3,
        app_specific: 0,
        caller: Caller { uid: 1000, pid: None },
        arrived: at(1),
        state: State {
            place: Place::Input,
            standing: Standing::Ready,
            position: seq,
            due: None,
            expires: None,
            attempts_here: 0,
            attempts: 0,
            deaths: 0,
            reason: Reason::none(),
        },
    }
}

fn waiting(seq: u64, due: Timestamp) -> Message {
    let mut message = message(seq);
    message.state.place = Place::Retry(0);
    message.state.standing = Standing::Waiting;
    message.state.due = Some(due);
    message
}

fn attempt(number: u32) -> Attempt {
    let reason = Reason::new(Hresult::new(0x8000_4005), "it broke");
    Attempt { number, at: at(number.into()), place: Place::Input, call: number.is_multiple_of(2).then_some(number), reason }
}

fn seqs(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(|message| message.seq).collect()
}

/// Ready messages of `app`.
fn ready<'a>(after: Option<Turn>, which: Which<'a>, most: usize) -> Next<'a> {
    Next { queue: "app", standing: Standing::Ready, after, which, most }
}

fn empty(bench: &mut Bench<'_>) {
    let mut store = bench.open();
    let loaded = store.load().unwrap();
    assert!(loaded.next_seq >= 1, "numbers begin with 1");
    assert!(loaded.queues.is_empty() && loaded.streams.is_empty() && loaded.catalogue.is_empty());
    assert_eq!(store.next_due().unwrap(), None);
    assert_eq!(store.due(at(i64::MAX / 1000), 10).unwrap(), vec![]);
    assert_eq!(store.next(&ready(None, Which::ALL, 10)).unwrap(), vec![]);
    store.commit(&[]).unwrap();
    drop(store);
    assert_eq!(bench.open().load().unwrap().number, loaded.number, "the number stays");
}

fn as_written(bench: &mut Bench<'_>) {
    let written = Message {
        class: OTHER_CLASS,
        label: "Bestellung №7 😀'; DROP TABLE message".to_owned(),
        priority: 7,
        app_specific: u32::MAX,
        caller: Caller { uid: u32::MAX, pid: Some(u32::MAX) },
        arrived: Timestamp::from_millis(-5),
        count: 3,
        ..message(1)
    };
    let mut store = bench.with([written.clone()]);
    assert_eq!(store.message(1).unwrap(), Some(written.clone()));
    assert_eq!(store.next(&ready(None, Which::ALL, 10)).unwrap(), vec![written]);
}

fn every_state(bench: &mut Bench<'_>) {
    let places =
        [Place::Input, Place::Retry(0), Place::Retry(63), Place::Exception(Side::Server), Place::Exception(Side::Client), Place::Dead];
    let states: Vec<State> = places
        .into_iter()
        .flat_map(|place| STANDINGS.map(|standing| (place, standing)))
        .enumerate()
        .map(|(index, (place, standing))| State {
            place,
            standing,
            position: 1 << 40 | index as u64,
            due: (index % 2 == 0).then(|| at(5)),
            expires: (index % 3 == 0).then(|| at(7)),
            attempts_here: 2,
            attempts: u32::MAX,
            deaths: 1,
            reason: Reason::new(Hresult::new(0xC00E_0003), "whatever"),
        })
        .collect();
    let mut store = bench.with((1..=states.len() as u64).map(message));
    for (seq, state) in (1..).zip(&states) {
        store.commit(&[Change::Update { seq, queue: "app".to_owned(), state: state.clone() }]).unwrap();
    }
    drop(store);
    let mut store = bench.open();
    for (seq, state) in (1..).zip(states) {
        assert_eq!(store.message(seq).unwrap(), Some(Message { state, ..message(seq) }));
    }
}

fn atomic(bench: &mut Bench<'_>) {
    let mut store = bench.with([message(1)]);
    let before = store.load().unwrap();
    let changes = [
        Change::Queue(record("new")),
        Change::Insert(message(2)),
        Change::Attempt { seq: 1, attempt: attempt(1) },
        Change::Delete { seq: 1 },
        Change::Stream(CLASS, 9),
        Change::Reserve(before.next_seq + 100),
        Change::Catalogue("key".to_owned(), Some("text".to_owned())),
        Change::Delete { seq: 999 },
    ];
    store.commit(&changes).expect_err("a message that is not there cannot be deleted");
    assert_eq!(store.load().unwrap(), before);
    assert_eq!(store.message(1).unwrap(), Some(message(1)));
    assert_eq!(store.message(2).unwrap(), None);
    assert_eq!(store.attempts(1).unwrap(), vec![]);
    store.commit(&changes[..7]).expect("a failure of this kind does not last");
    assert_eq!(store.message(2).unwrap(), Some(message(2)));
    assert_eq!(store.message(1).unwrap(), None);
}

fn unknown(bench: &mut Bench<'_>) {
    let mut store = bench.with([message(1)]);
    store.commit(&[Change::Delete { seq: 2 }]).expect_err("no such message to delete");
    store.commit(&[Change::Update { seq: 2, queue: "app".to_owned(), state: message(2).state }]).expect_err("no such message to update");
    store.commit(&[Change::Attempt { seq: 2, attempt: attempt(1) }]).expect_err("no such message was tried");
    store.commit(&[Change::Insert(message(1))]).expect_err("a number is given once");
    assert_eq!(store.message(2).unwrap(), None);
    assert_eq!(store.attempts(2).unwrap(), vec![]);
    assert_eq!(store.message(1).unwrap(), Some(message(1)));
}

fn durable(bench: &mut Bench<'_>) {
    let mut store = bench.with((1..=3).map(message));
    let state = State { attempts: 1, ..waiting(2, at(60)).state };
    let changes = [
        Change::Delete { seq: 1 },
        Change::Update { seq: 2, queue: "app".to_owned(), state: state.clone() },
        Change::Attempt { seq: 2, attempt: attempt(1) },
    ];
    store.commit(&changes).unwrap();
    for _ in 0..2 {
        drop(store);
        store = bench.open();
        assert_eq!(store.message(1).unwrap(), None);
        assert_eq!(store.message(2).unwrap(), Some(Message { state: state.clone(), ..message(2) }));
        assert_eq!(store.attempts(2).unwrap(), vec![attempt(1)]);
        assert_eq!(store.message(3).unwrap(), Some(message(3)));
        assert_eq!(store.next_due().unwrap(), Some(at(60)));
    }
}

fn in_order(bench: &mut Bench<'_>) {
    let mut store = bench.with([]);
    let changes = [
        Change::Insert(message(1)),
        Change::Update { seq: 1, queue: "app".to_owned(), state: waiting(1, at(5)).state },
        Change::Update { seq: 1, queue: "app".to_owned(), state: message(1).state },
        Change::Insert(message(2)),
        Change::Delete { seq: 2 },
        Change::Stream(CLASS, 1),
        Change::Stream(CLASS, 2),
        Change::Catalogue("key".to_owned(), Some("one".to_owned())),
        Change::Catalogue("key".to_owned(), None),
        Change::Catalogue("key".to_owned(), Some("two".to_owned())),
    ];
    store.commit(&changes).unwrap();
    assert_eq!(store.message(1).unwrap(), Some(message(1)));
    assert_eq!(store.message(2).unwrap(), None);
    let loaded = store.load().unwrap();
    assert_eq!(loaded.streams, vec![(CLASS, 2)]);
    assert_eq!(loaded.catalogue, vec![("key".to_owned(), "two".to_owned())]);
}

/// Ten messages, position falling as the number rises, priorities 0 to 7 and again.
fn mixed() -> Vec<Message> {
    (1..=10)
        .map(|seq| {
            let mut mixed = message(seq);
            mixed.priority = (seq % 8) as u8;
            mixed.state.position = 100 - seq;
            mixed
        })
        .collect()
}

fn sorted(mut messages: Vec<Message>) -> Vec<u64> {
    messages.sort_by_key(|message| message.turn().key());
    seqs(&messages)
}

fn turns(bench: &mut Bench<'_>) {
    let mut others = vec![waiting(20, at(5)), message(21)];
    others[1].queue = "other".to_owned();
    let mut store = bench.with(mixed().into_iter().chain(others));
    let found = store.next(&ready(None, Which::ALL, 100)).unwrap();
    assert_eq!(seqs(&found), sorted(mixed()), "only ready ones, only of this queue, in their order");
    let waits = Next { standing: Standing::Waiting, ..ready(None, Which::ALL, 100) };
    assert_eq!(seqs(&store.next(&waits).unwrap()), vec![20]);
    assert_eq!(store.next(&Next { queue: "nowhere", ..waits }).unwrap(), vec![]);
}

fn turns_after(bench: &mut Bench<'_>) {
    let mut store = bench.with(mixed());
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.next(&ready(after, Which::ALL, 3)).unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some(last.turn());
        found.extend(seqs(&page));
    }
    assert_eq!(found, sorted(mixed()));
    let between = Some(Turn { priority: 4, position: u64::from(u32::MAX) });
    let rest = store.next(&ready(between, Which::ALL, 100)).unwrap();
    assert!(rest.iter().all(|message| message.priority < 4), "a turn need not be that of a message");
    assert_eq!(rest.len(), mixed().iter().filter(|message| message.priority < 4).count());
}

fn turns_by_class(bench: &mut Bench<'_>) {
    let third = Guid::from_bytes([3; 16]);
    let classes = [CLASS, OTHER_CLASS, third];
    let mut store = bench.with((1..=9).map(|seq| Message { class: classes[(seq % 3) as usize], ..message(seq) }));
    let mut found = |which| seqs(&store.next(&ready(None, which, 100)).unwrap());
    assert_eq!(found(Which::Without(&[CLASS])), vec![1, 2, 4, 5, 7, 8]);
    assert_eq!(found(Which::Without(&[CLASS, OTHER_CLASS])), vec![2, 5, 8]);
    assert_eq!(found(Which::Without(&classes)), Vec::<u64>::new());
    assert_eq!(found(Which::Only(OTHER_CLASS)), vec![1, 4, 7]);
    assert_eq!(found(Which::Only(Guid::from_bytes([9; 16]))), Vec::<u64>::new());
}

fn limits(bench: &mut Bench<'_>) {
    let large: Arc<[u8]> = calls(HEAVIEST_ANSWER / 3).as_bytes().into();
    let expired = |seq| {
        let mut message = Message { calls: Arc::clone(&large), ..message(seq) };
        message.state.expires = Some(at(1));
        message
    };
    let mut store = bench.with((1..=8).map(expired));
    let page = store.next(&ready(None, Which::ALL, 100)).unwrap();
    assert!((1..=4).contains(&page.len()), "{} messages of a third of the most weight", page.len());
    assert_eq!(page[0].calls, large);
    assert_eq!(seqs(&all(&mut *store, "app", Standing::Ready)), (1..=8).collect::<Vec<_>>());
    let due = store.due(at(1), 100).unwrap();
    assert!((1..=4).contains(&due.len()), "{} due messages of a third of the most weight", due.len());
    assert_eq!(store.due(at(1), 1).unwrap().len(), 1);
    assert_eq!(store.next(&ready(None, Which::ALL, 1)).unwrap().len(), 1);
}

fn due(bench: &mut Bench<'_>) {
    let mut expiring = message(3);
    expiring.state.expires = Some(at(20));
    let mut both = waiting(4, at(40));
    both.state.expires = Some(at(15));
    let mut other_queue = waiting(5, at(25));
    other_queue.queue = "other".to_owned();
    let mut store = bench.with([message(1), waiting(2, at(30)), expiring, both, other_queue]);
    assert_eq!(store.next_due().unwrap(), Some(at(15)));
    let mut found = |seconds| seqs(&store.due(at(seconds), 100).unwrap());
    assert_eq!(found(14), Vec::<u64>::new());
    assert_eq!(found(15), vec![4], "due at its very moment");
    assert_eq!(found(29), vec![4, 3, 5]);
    assert_eq!(found(1000), vec![4, 3, 5, 2]);
    store.commit(&[Change::Delete { seq: 4 }, Change::Update { seq: 3, queue: "app".to_owned(), state: message(3).state }]).unwrap();
    assert_eq!(store.next_due().unwrap(), Some(at(25)));
    store.commit(&[Change::Delete { seq: 5 }, Change::Delete { seq: 2 }]).unwrap();
    assert_eq!(store.next_due().unwrap(), None);
}

fn moves(bench: &mut Bench<'_>) {
    let mut store = bench.with([message(1), message(2)]);
    let state = State { position: 50, ..message(1).state };
    let update = Change::Update { seq: 1, queue: "other".to_owned(), state: state.clone() };
    store.commit(&[Change::Queue(record("other")), update]).unwrap();
    assert_eq!(seqs(&all(&mut *store, "app", Standing::Ready)), vec![2]);
    let moved = Message { queue: "other".to_owned(), state, ..message(1) };
    assert_eq!(all(&mut *store, "other", Standing::Ready), vec![moved]);
}

fn attempts(bench: &mut Bench<'_>) {
    let mut store = bench.with([message(1), message(2)]);
    for number in [1, 2] {
        let state = State { attempts: number, ..message(1).state };
        let changes = [Change::Attempt { seq: 1, attempt: attempt(number) }, Change::Update { seq: 1, queue: "app".to_owned(), state }];
        store.commit(&changes).unwrap();
    }
    assert_eq!(store.attempts(1).unwrap(), vec![attempt(1), attempt(2)]);
    assert_eq!(store.attempts(2).unwrap(), vec![]);
    store.commit(&[Change::Delete { seq: 1 }]).unwrap();
    assert_eq!(store.attempts(1).unwrap(), vec![]);
}

fn queues(bench: &mut Bench<'_>) {
    let mut store = bench.open();
    let policy = QueuePolicy {
        attempts: 1,
        retry: vec![RetryQueue { delay: 5, attempts: 2 }],
        ordered: true,
        max_players: Some(4),
        max_messages: Some(10),
        max_bytes: Some(1 << 40),
        play_timeout: 7,
    };
    let counts = Counts { ready: 1, waiting: 2, parked: 3, dead: 4, bytes: 1 << 40 };
    let odd = QueueRecord { name: "Größe 'x'".to_owned(), paused: true, policy, counts };
    store.commit(&[Change::Queue(record("a")), Change::Queue(odd.clone()), Change::Queue(record("b"))]).unwrap();
    let changed = QueueRecord { counts: Counts { ready: 9, ..Counts::default() }, ..record("a") };
    store.commit(&[Change::Queue(changed.clone()), Change::RemoveQueue("b".to_owned())]).unwrap();
    drop(store);
    let mut found = bench.open().load().unwrap().queues;
    found.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(found, vec![odd, changed]);
}

fn streams_and_catalogue(bench: &mut Bench<'_>) {
    let mut store = bench.open();
    let entry = |key: &str, text: Option<&str>| Change::Catalogue(key.to_owned(), text.map(str::to_owned));
    store.commit(&[Change::Stream(CLASS, 1 << 50), Change::Stream(OTHER_CLASS, 3), entry("a", Some("1")), entry("b", Some("2"))]).unwrap();
    store.commit(&[Change::Stream(OTHER_CLASS, 4), entry("a", None), entry("never there", None), entry("b", Some("ß"))]).unwrap();
    drop(store);
    let mut loaded = bench.open().load().unwrap();
    loaded.streams.sort();
    assert_eq!(loaded.streams, vec![(OTHER_CLASS, 4), (CLASS, 1 << 50)]);
    assert_eq!(loaded.catalogue, vec![("b".to_owned(), "ß".to_owned())]);
}

fn reserved(bench: &mut Bench<'_>) {
    let first = bench.open().load().unwrap().next_seq;
    let mut store = bench.open();
    store.commit(&[Change::Reserve(first + 1000), Change::Queue(record("app")), Change::Insert(message(first))]).unwrap();
    drop(store);
    let mut store = bench.open();
    let next = store.load().unwrap().next_seq;
    assert!(next >= first + 1000, "{next} was given before");
    store.commit(&[Change::Delete { seq: first }]).unwrap();
    drop(store);
    assert!(bench.open().load().unwrap().next_seq >= next, "an emptied store does not begin again");
}
