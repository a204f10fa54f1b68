//! The thread around [`Core`]: it sleeps until somebody asks or time brings something, lets the core
//! decide and commit, and carries out what follows. What comes in while a commit is under way is the
//! next round, and shares the next commit.

mod handle;

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use consign_core::Clock;
use tokio::sync::{broadcast, oneshot};

pub use handle::{Engine, EngineOptions};

use crate::{
    Core, Effect, Input, QueueEvent,
    host::{Host, Report},
};

/// The most inputs of one round, so that the first does not wait for ever behind those that keep coming.
const MOST_AT_ONCE: usize = 1024;

/// How long after a failed commit the next is tried.
const AFTER_A_FAILURE: Duration = Duration::from_secs(1);

/// What reaches the thread.
#[derive(Debug)]
pub(crate) enum Order {
    Input(Input),
    /// Whether something stored can become due without anybody asking.
    HasWork(oneshot::Sender<bool>),
    /// Plays nothing more, waits for what is being played, and ends.
    Stop {
        grace: Duration,
        done: oneshot::Sender<()>,
    },
}

pub(crate) struct Loop {
    pub(crate) core: Core,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) orders: Sender<Order>,
    pub(crate) inbox: Receiver<Order>,
    pub(crate) events: broadcast::Sender<QueueEvent>,
    /// Since when it is stopping, until when it waits, and who is told.
    pub(crate) stopping: Option<(Instant, oneshot::Sender<()>)>,
}

impl Loop {
    pub(crate) fn start(self) -> std::io::Result<()> {
        thread::Builder::new().name("queue".to_owned()).spawn(move || self.run()).map(drop)
    }

    fn run(mut self) {
        // What is stored is looked at before anybody asks.
        self.round(vec![Input::Wake]);
        loop {
            let inputs = match self.wait() {
                Ok(first) => self.collect(first),
                Err(RecvTimeoutError::Timeout) => vec![Input::Wake],
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if !inputs.is_empty() {
                self.round(inputs);
            }
            if self.has_stopped() {
                break;
            }
        }
        let Self { core, stopping, .. } = self;
        // The file is closed before anybody is told.
        drop(core);
        if let Some((_, done)) = stopping {
            // Nobody may be waiting any more.
            let _ = done.send(());
        }
    }

    fn wait(&self) -> Result<Order, RecvTimeoutError> {
        let mut longest = self.core.next_wake().map(|wake| wake.since(self.clock.now().wall));
        if self.core.is_failing() {
            longest = Some(AFTER_A_FAILURE);
        }
        if let Some((until, _)) = &self.stopping {
            let left = until.saturating_duration_since(Instant::now());
            longest = Some(longest.map_or(left, |longest| longest.min(left)));
        }
        match longest {
            Some(longest) => self.inbox.recv_timeout(longest),
            None => self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn collect(&mut self, first: Order) -> Vec<Input> {
        let mut inputs = Vec::new();
        let mut next = Ok(first);
        while let Ok(order) = next {
            match order {
                Order::Input(input) => inputs.push(input),
                Order::HasWork(reply) => {
                    // Nobody may be waiting any more.
                    let _ = reply.send(self.core.has_work() || self.core.playing() > 0);
                }
                Order::Stop { grace, done } => {
                    self.stopping = Some((Instant::now() + grace, done));
                    inputs.push(Input::Drain);
                }
            }
            if inputs.len() == MOST_AT_ONCE {
                break;
            }
            next = self.inbox.try_recv();
        }
        inputs
    }

    fn round(&mut self, inputs: Vec<Input>) {
        let effects = self.core.round(inputs, self.clock.now().wall, &*self.host);
        for effect in effects {
            match effect {
                Effect::Answer(answer) => answer.send(),
                Effect::Play(play) => {
                    let (orders, attempt) = (self.orders.clone(), play.attempt);
                    let report = Report::new(move |outcome| {
                        // After the end of the engine nobody listens: the message is played again.
                        let _ = orders.send(Order::Input(Input::Report(attempt, outcome)));
                    });
                    self.host.play(*play, report);
                }
                Effect::GiveUp(attempt) => self.host.give_up(attempt),
                Effect::Event(event) => {
                    // Nobody may be listening.
                    let _ = self.events.send(event);
                }
            }
        }
        self.core.tidy();
    }

    /// Whether all that was being played has ended, or the grace has.
    fn has_stopped(&self) -> bool {
        self.stopping.as_ref().is_some_and(|(until, _)| self.core.playing() == 0 || Instant::now() >= *until)
    }
}
