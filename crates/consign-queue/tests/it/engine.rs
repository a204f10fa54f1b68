//! The engine on its thread, with the machine's clock.

use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use consign_core::{Guid, SystemClock, Timestamp, random::SeededRandom};
use consign_queue::{
    Component, Engine, EngineOptions, Host, Outcome, Play, QueueEvent, QueuePolicy, Report, RetryQueue, SqliteStore,
    contract::Disk,
    message::{Attempt, Message},
    store::{Change, Loaded, Next, Store, StoreFailure},
};

use crate::bench::{failed, new};

/// Gives up on what has hung; says nothing of how long anything takes.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs an asynchronous test with a limit.
fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(LIMIT, test).await.expect("it hangs") })
}

/// What happens to each message.
type Script = Box<dyn Fn(&Play) -> Option<Outcome> + Send + Sync>;

/// Plays each message on a task of its own; those that the script says nothing of are held.
struct TaskHost {
    tasks: tokio::runtime::Handle,
    script: Script,
    begun: tokio::sync::mpsc::UnboundedSender<Play>,
    held: Mutex<Vec<Report>>,
    given_up: Mutex<Vec<u64>>,
}

type Begun = tokio::sync::mpsc::UnboundedReceiver<Play>;

impl TaskHost {
    fn new(script: impl Fn(&Play) -> Option<Outcome> + Send + Sync + 'static) -> (Arc<Self>, Begun) {
        let (begun, receiver) = tokio::sync::mpsc::unbounded_channel();
        let tasks = tokio::runtime::Handle::current();
        (Arc::new(Self { tasks, script: Box::new(script), begun, held: Mutex::default(), given_up: Mutex::default() }), receiver)
    }
}

impl Host for TaskHost {
    fn component(&self, _: Guid) -> Option<Component> {
        Some(Component::default())
    }

    fn play(&self, play: Play, report: Report) {
        match (self.script)(&play) {
            Some(outcome) => drop(self.tasks.spawn(async move {
                tokio::task::yield_now().await;
                report.send(outcome);
            })),
            None => self.held.lock().unwrap().push(report),
        }
        // The test may be over.
        let _ = self.begun.send(play);
    }

    fn give_up(&self, attempt: u64) {
        self.given_up.lock().unwrap().push(attempt);
    }
}

/// A store that counts commits, waits at a gate before each, and says when it is closed.
struct Gated {
    inner: Box<dyn Store>,
    gate: Arc<Gate>,
    closed: mpsc::Sender<()>,
}

#[derive(Default)]
struct Gate {
    commits: AtomicU64,
    shut: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn set(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.opened.notify_all();
    }

    fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }
}

impl Store for Gated {
    fn load(&mut self) -> Result<Loaded, StoreFailure> {
        self.inner.load()
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreFailure> {
        let shut = self.gate.shut.lock().unwrap();
        drop(self.gate.opened.wait_timeout_while(shut, LIMIT, |shut| *shut).unwrap());
        self.gate.commits.fetch_add(1, Ordering::SeqCst);
        self.inner.commit(changes)
    }

    fn next(&mut self, query: &Next<'_>) -> Result<Vec<Message>, StoreFailure> {
        self.inner.next(query)
    }

    fn due(&mut self, now: Timestamp, most: usize) -> Result<Vec<Message>, StoreFailure> {
        self.inner.due(now, most)
    }

    fn next_due(&mut self) -> Result<Option<Timestamp>, StoreFailure> {
        self.inner.next_due()
    }

    fn message(&mut self, seq: u64) -> Result<Option<Message>, StoreFailure> {
        self.inner.message(seq)
    }

    fn attempts(&mut self, seq: u64) -> Result<Vec<Attempt>, StoreFailure> {
        self.inner.attempts(seq)
    }
}

impl Drop for Gated {
    fn drop(&mut self) {
        // Nobody may be listening.
        let _ = self.closed.send(());
    }
}

struct Started {
    engine: Engine,
    gate: Arc<Gate>,
    closed: mpsc::Receiver<()>,
}

fn start(store: Box<dyn Store>, host: Arc<TaskHost>) -> Started {
    let gate = Arc::<Gate>::default();
    let (sender, closed) = mpsc::channel();
    let store = Box::new(Gated { inner: store, gate: Arc::clone(&gate), closed: sender });
    let engine = Engine::start(EngineOptions { store, host, clock: Arc::new(SystemClock), players: 8 }).unwrap();
    Started { engine, gate, closed }
}

fn sqlite(folder: &tempfile::TempDir) -> Box<dyn Store> {
    Box::new(SqliteStore::open(&folder.path().join("queue.db"), &SeededRandom::new(3)).unwrap().0)
}

fn once() -> QueuePolicy {
    QueuePolicy { attempts: 1, retry: Vec::new(), ..QueuePolicy::default() }
}

/// Waits until nothing is left in `app`.
async fn emptied(engine: &Engine) {
    let mut events = engine.events();
    while engine.queue("app").await.unwrap().counts.messages() > 0 {
        let _ = events.recv().await;
    }
}

#[test]
fn what_64_tasks_give_at_once_shares_commits() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let (host, _begun) = TaskHost::new(|_| Some(Outcome::Played));
        let Started { engine, gate, .. } = start(sqlite(&folder), host);
        engine.set_policy("app", QueuePolicy::default()).await.unwrap();
        engine.pause("app").await.unwrap();
        let before = gate.commits();
        gate.set(true);
        let tasks: Vec<_> = (0..64)
            .map(|index| {
                let engine = engine.clone();
                tokio::spawn(async move { engine.enqueue(new(&index.to_string())).await })
            })
            .collect();
        // Each task has asked once it was polled, and the first commit is at the gate or on its way.
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
        gate.set(false);
        let mut ids = Vec::new();
        for task in tasks {
            ids.push(task.await.unwrap().unwrap());
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 64);
        assert_eq!(engine.queue("app").await.unwrap().counts.ready, 64);
        let commits = gate.commits() - before;
        assert!(commits <= 8, "{commits} commits for 64 messages");
        engine.stop(Duration::ZERO).await;
    });
}

#[test]
fn what_many_tasks_give_is_played_once_each() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let (host, mut begun) = TaskHost::new(|_| Some(Outcome::Played));
        let Started { engine, gate, .. } = start(sqlite(&folder), host);
        let tasks: Vec<_> = (0..64)
            .map(|task| {
                let engine = engine.clone();
                tokio::spawn(async move {
                    for index in 0..10 {
                        engine.enqueue(new(&format!("{task} {index}"))).await.unwrap();
                    }
                })
            })
            .collect();
        let mut labels = Vec::new();
        while labels.len() < 640 {
            labels.push(begun.recv().await.unwrap().label);
        }
        for task in tasks {
            task.await.unwrap();
        }
        labels.sort();
        labels.dedup();
        assert_eq!(labels.len(), 640);
        emptied(&engine).await;
        assert!(gate.commits() < 2 * 640, "group commit: {} commits", gate.commits());
        assert!(!engine.has_work().await);
        engine.stop(LIMIT).await;
    });
}

#[test]
fn what_is_cut_off_at_the_end_goes_back_and_burns_nothing() {
    run(async {
        let disk = Disk::default();
        let (host, mut begun) = TaskHost::new(|_| None);
        let Started { engine, .. } = start(Box::new(disk.open()), Arc::clone(&host));
        let id = engine.enqueue(new("a")).await.unwrap();
        let attempt = begun.recv().await.unwrap().attempt;
        engine.stop(Duration::from_millis(20)).await;
        assert_eq!(*host.given_up.lock().unwrap(), [attempt]);
        assert_eq!(disk.messages()[0].state.attempts, 0);
        // Its late word reaches nobody.
        let late = host.held.lock().unwrap().pop().unwrap();
        late.send(Outcome::Played);
        let refused = engine.enqueue(new("late")).await.unwrap_err();
        assert_eq!(refused.code, consign_core::common::ERROR_SHUTDOWN_IN_PROGRESS);
        assert!(!engine.has_work().await);
        let (host, mut begun) = TaskHost::new(|_| Some(Outcome::Played));
        let Started { engine, .. } = start(Box::new(disk.open()), host);
        let again = begun.recv().await.unwrap();
        assert_eq!((again.message, again.number), (id, 1));
        emptied(&engine).await;
        engine.stop(LIMIT).await;
    });
}

#[test]
fn stopping_waits_for_what_ends_in_time() {
    run(async {
        let disk = Disk::default();
        let (host, mut begun) = TaskHost::new(|_| None);
        let Started { engine, .. } = start(Box::new(disk.open()), Arc::clone(&host));
        engine.enqueue(new("a")).await.unwrap();
        engine.pause("app").await.unwrap();
        begun.recv().await.unwrap();
        let (first, second) = (engine.clone(), engine.clone());
        let first = tokio::spawn(async move { first.stop(LIMIT * 10).await });
        let second = tokio::spawn(async move { second.stop(LIMIT * 10).await });
        // The order to stop is there before the report is.
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        let report = host.held.lock().unwrap().pop().unwrap();
        report.send(Outcome::Played);
        first.await.unwrap();
        second.await.unwrap();
        assert!(disk.messages().is_empty(), "what ended in the grace is stored");
    });
}

#[test]
fn an_endless_grace_is_no_reason_to_fall() {
    run(async {
        let (host, _begun) = TaskHost::new(|_| None);
        let Started { engine, closed, .. } = start(Box::new(Disk::default().open()), host);
        engine.stop(Duration::MAX).await;
        closed.recv_timeout(LIMIT).unwrap();
    });
}

#[test]
fn the_thread_ends_when_nobody_holds_the_engine() {
    run(async {
        let (host, mut begun) = TaskHost::new(|_| None);
        let Started { engine, closed, .. } = start(Box::new(Disk::default().open()), host);
        let clone = engine.clone();
        engine.enqueue(new("a")).await.unwrap();
        begun.recv().await.unwrap();
        drop(engine);
        assert_eq!(clone.queues().await.unwrap().len(), 1);
        drop(clone);
        closed.recv_timeout(LIMIT).expect("the store is closed when the thread ends");
    });
}

#[test]
fn a_wait_ends_by_the_clock() {
    run(async {
        let (host, mut begun) = TaskHost::new(|play| Some(if play.number == 1 { failed() } else { Outcome::Played }));
        let Started { engine, .. } = start(Box::new(Disk::default().open()), host);
        let retry = vec![RetryQueue { delay: 1, attempts: 1 }];
        engine.set_policy("app", QueuePolicy { retry, ..once() }).await.unwrap();
        let mut events = engine.events();
        engine.enqueue(new("a")).await.unwrap();
        assert_eq!(begun.recv().await.unwrap().number, 1);
        while !matches!(events.recv().await.unwrap(), QueueEvent::MoveToRetryQueue { index: 0, .. }) {}
        assert!(engine.has_work().await, "who waits for a time keeps the service");
        assert_eq!(begun.recv().await.unwrap().number, 2);
        emptied(&engine).await;
        assert!(!engine.has_work().await);
    });
}

#[test]
fn there_is_work_while_something_can_be_played() {
    run(async {
        let (host, mut begun) = TaskHost::new(|_| None);
        let Started { engine, .. } = start(Box::new(Disk::default().open()), Arc::clone(&host));
        assert!(!engine.has_work().await);
        engine.set_policy("app", once()).await.unwrap();
        engine.enqueue(new("a")).await.unwrap();
        begun.recv().await.unwrap();
        assert!(engine.has_work().await);
        let mut events = engine.events();
        let report = host.held.lock().unwrap().pop().unwrap();
        report.send(failed());
        while !matches!(events.recv().await.unwrap(), QueueEvent::MoveToDeadQueue { .. }) {}
        assert!(!engine.has_work().await, "the dead wait for a person");
    });
}

#[test]
fn a_failing_disk_is_tried_again_by_itself() {
    run(async {
        let disk = Disk::default();
        let (host, mut begun) = TaskHost::new(|_| Some(Outcome::Played));
        let Started { engine, .. } = start(Box::new(disk.open()), host);
        engine.set_policy("app", once()).await.unwrap();
        engine.pause("app").await.unwrap();
        engine.enqueue(new("a")).await.unwrap();
        disk.fail_commits(2);
        engine.resume("app").await.unwrap_err();
        while engine.resume("app").await.is_err() {}
        assert_eq!(begun.recv().await.unwrap().label, "a");
        emptied(&engine).await;
    });
}
