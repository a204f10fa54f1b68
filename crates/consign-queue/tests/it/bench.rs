//! A core on a disk in memory, a host that knows what it is told, and time that passes when a test says so.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use consign_core::{Calls, Guid, Hresult, Timestamp};
use consign_queue::{
    Admin, Caller, Component, Core, CoreSettings, Effect, Host, Input, MessageDetails, MessageId, MessageView, NewMessage, Outcome, Page,
    Play, QueueEvent, QueuePolicy, QueueView, Refusal, Reply, Report, Selection, Taken,
    contract::{self, Disk},
    message::{Message, Standing},
    store::Store,
};
use tokio::sync::oneshot;

pub(crate) const CLASS: Guid = Guid::from_bytes([1; 16]);
pub(crate) const OTHER: Guid = Guid::from_bytes([2; 16]);
pub(crate) const EXCEPTION: Guid = Guid::from_bytes([9; 16]);
pub(crate) const BROKEN: Hresult = Hresult::new(0x8000_4005);

pub(crate) const START: Timestamp = Timestamp::from_millis(1_000_000_000);

#[derive(Default)]
pub(crate) struct FakeHost(Mutex<HashMap<Guid, Component>>);

impl FakeHost {
    pub(crate) fn set(&self, class: Guid, component: Option<Component>) {
        let mut components = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match component {
            Some(component) => components.insert(class, component),
            None => components.remove(&class),
        };
    }
}

impl Host for FakeHost {
    fn component(&self, class: Guid) -> Option<Component> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&class).copied()
    }

    fn play(&self, _: Play, _: Report) {
        unreachable!("the core plays nothing itself");
    }

    fn give_up(&self, _: u64) {}
}

/// How a store is opened on a disk.
type Open = Box<dyn Fn(&Disk) -> Box<dyn Store>>;

pub(crate) struct Bench {
    pub(crate) disk: Disk,
    pub(crate) core: Core,
    pub(crate) host: FakeHost,
    pub(crate) now: Timestamp,
    /// What is being played, in the order in which it began.
    pub(crate) playing: Vec<Play>,
    /// What was begun since somebody looked.
    pub(crate) begun: Vec<Play>,
    pub(crate) given_up: Vec<u64>,
    pub(crate) events: Vec<QueueEvent>,
    open: Open,
}

pub(crate) const PLAYERS: u32 = 4;

impl Bench {
    pub(crate) fn new() -> Self {
        Self::over(|disk| Box::new(disk.open()))
    }

    /// Over stores that `open` opens; what it stores must be what stands on the disk.
    pub(crate) fn over(open: impl Fn(&Disk) -> Box<dyn Store> + 'static) -> Self {
        let disk = Disk::default();
        let host = FakeHost::default();
        host.set(CLASS, Some(Component::default()));
        host.set(OTHER, Some(Component::default()));
        let core = Core::open(open(&disk), CoreSettings { players: PLAYERS }).unwrap();
        let (playing, begun) = (Vec::new(), Vec::new());
        Self { disk, core, host, now: START, playing, begun, given_up: Vec::new(), events: Vec::new(), open: Box::new(open) }
    }

    pub(crate) fn round(&mut self, inputs: Vec<Input>) {
        for effect in self.core.round(inputs, self.now, &self.host) {
            match effect {
                Effect::Answer(answer) => answer.send(),
                Effect::Play(play) => {
                    assert!(self.playing.iter().all(|other| other.message != play.message), "two attempts of {} at once", play.message);
                    self.playing.push((*play).clone());
                    self.begun.push(*play);
                }
                Effect::GiveUp(attempt) => {
                    self.playing.retain(|play| play.attempt != attempt);
                    self.given_up.push(attempt);
                }
                Effect::Event(event) => self.events.push(event),
            }
        }
    }

    pub(crate) fn ask<T>(&mut self, input: impl FnOnce(Reply<T>) -> Input) -> Result<T, Refusal> {
        let (reply, mut answer) = oneshot::channel();
        self.round(vec![input(reply)]);
        answer.try_recv().expect("every question is answered in its round")
    }

    pub(crate) fn admin<T>(&mut self, admin: impl FnOnce(Reply<T>) -> Admin) -> Result<T, Refusal> {
        self.ask(|reply| Input::Admin(admin(reply)))
    }

    pub(crate) fn try_enqueue(&mut self, message: NewMessage) -> Result<MessageId, Refusal> {
        self.ask(|reply| Input::Enqueue(Box::new(message), reply))
    }

    pub(crate) fn enqueue(&mut self, message: NewMessage) -> MessageId {
        self.try_enqueue(message).unwrap()
    }

    /// Enqueues messages with these labels.
    pub(crate) fn enqueue_all(&mut self, labels: &[&str]) -> Vec<MessageId> {
        labels.iter().map(|label| self.enqueue(new(label))).collect()
    }

    /// The outcome of the attempt that began first.
    pub(crate) fn report(&mut self, outcome: Outcome) {
        let attempt = self.playing[0].attempt;
        self.report_of(attempt, outcome);
    }

    pub(crate) fn report_of(&mut self, attempt: u64, outcome: Outcome) {
        self.playing.retain(|play| play.attempt != attempt);
        self.round(vec![Input::Report(attempt, outcome)]);
    }

    /// Lets time pass, with a round at every moment at which the core wants one.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut at_once = 0;
        while let Some(wake) = self.wake().filter(|wake| *wake <= end) {
            at_once = if wake > self.now { 0 } else { at_once + 1 };
            assert!(at_once < 1000, "a busy loop: it wants a round at {wake:?}, and it is {:?}", self.now);
            self.now = self.now.max(wake);
            self.round(vec![Input::Wake]);
        }
        self.now = end;
        self.round(vec![Input::Wake]);
    }

    /// When the engine would have the next round.
    fn wake(&self) -> Option<Timestamp> {
        if self.core.is_failing() { Some(self.now + Duration::from_secs(1)) } else { self.core.next_wake() }
    }

    /// The end of the process at this moment, and its next start.
    pub(crate) fn crash(&mut self) {
        // The old store is closed before the new one is opened.
        let nothing: Box<dyn Store> = Box::new(Disk::default().open());
        drop(std::mem::replace(&mut self.core, Core::open(nothing, CoreSettings { players: 1 }).unwrap()));
        self.playing.clear();
        self.core = Core::open((self.open)(&self.disk), CoreSettings { players: PLAYERS }).unwrap();
        self.round(vec![Input::Wake]);
    }

    pub(crate) fn register(&mut self, class: Guid, component: Option<Component>) {
        self.host.set(class, component);
        self.round(vec![Input::ComponentChanged(class)]);
    }

    pub(crate) fn policy(&mut self, policy: QueuePolicy) {
        self.policy_of("app", policy).unwrap();
    }

    pub(crate) fn policy_of(&mut self, queue: &str, policy: QueuePolicy) -> Result<(), Refusal> {
        self.admin(|reply| Admin::SetPolicy(queue.to_owned(), Box::new(policy), reply))
    }

    pub(crate) fn pause(&mut self, paused: bool) {
        self.admin(|reply| Admin::SetPaused("app".to_owned(), paused, reply)).unwrap();
    }

    /// A queue that is there, and paused from the beginning.
    pub(crate) fn pause_first(&mut self) {
        self.policy(QueuePolicy::default());
        self.pause(true);
    }

    pub(crate) fn queue(&mut self, name: &str) -> QueueView {
        self.admin(|reply| Admin::Queue(name.to_owned(), reply)).unwrap()
    }

    pub(crate) fn list(&mut self, queue: &str, standing: Standing) -> Vec<MessageView> {
        let page = Page { queue: queue.to_owned(), standing, after: None, most: 256 };
        self.admin(|reply| Admin::Messages(page, reply)).unwrap()
    }

    pub(crate) fn details(&mut self, id: MessageId) -> Result<MessageDetails, Refusal> {
        self.admin(|reply| Admin::Message(id, reply))
    }

    pub(crate) fn view(&mut self, id: MessageId) -> MessageView {
        self.details(id).unwrap().view
    }

    pub(crate) fn retry(&mut self, which: Selection) -> Result<u64, Refusal> {
        self.admin(|reply| Admin::Retry(which, reply))
    }

    pub(crate) fn move_to(&mut self, which: Selection, to: &str) -> Result<u64, Refusal> {
        self.admin(|reply| Admin::Move(which, to.to_owned(), reply))
    }

    pub(crate) fn drop_messages(&mut self, which: Selection) -> Result<u64, Refusal> {
        self.admin(|reply| Admin::Drop(which, reply))
    }

    pub(crate) fn take(&mut self, batch: consign_queue::StreamBatch) -> Result<Taken, Refusal> {
        self.ask(|reply| Input::Take(batch, reply))
    }

    /// The labels of what was begun since the last look.
    pub(crate) fn labels_begun(&mut self) -> Vec<String> {
        std::mem::take(&mut self.begun).into_iter().map(|play| play.label).collect()
    }

    /// Has everything that is played succeed until nothing is; the labels in their order.
    pub(crate) fn play_all(&mut self) -> Vec<String> {
        while !self.playing.is_empty() {
            self.report(Outcome::Played);
        }
        self.labels_begun()
    }

    pub(crate) fn stored(&self) -> Vec<Message> {
        self.disk.messages()
    }

    pub(crate) fn check_counts(&self) {
        contract::check_counts(&mut self.disk.copy().open());
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check_counts();
        }
    }
}

pub(crate) fn calls(text: &str) -> Calls {
    let mut builder = Calls::builder();
    builder.push(CLASS, "Do", "s", |writer| writer.str(text)).unwrap();
    builder.finish().unwrap()
}

/// A message for `CLASS` in the queue `app`.
pub(crate) fn new(label: &str) -> NewMessage {
    NewMessage {
        queue: "app".to_owned(),
        class: CLASS,
        calls: calls(label),
        label: label.to_owned(),
        priority: 3,
        app_specific: 0,
        time_to_receive: None,
        caller: Caller { uid: 1000, pid: Some(7) },
    }
}

pub(crate) fn failed() -> Outcome {
    Outcome::Failed { code: BROKEN, sentence: "it broke".to_owned(), call: Some(0) }
}

pub(crate) fn died() -> Outcome {
    Outcome::Died { sentence: "signal 11".to_owned() }
}

pub(crate) fn not_understood() -> Outcome {
    Outcome::NotUnderstood { code: consign_core::common::REGDB_E_IIDNOTREG, sentence: "no such interface".to_owned() }
}

pub(crate) fn with_exception_class() -> Option<Component> {
    Some(Component { exception_class: Some(EXCEPTION), ..Component::default() })
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}
