//! What can be read of queues and messages, with the reason for every wait.

use std::sync::Arc;

use consign_core::{Guid, Timestamp, common};

use super::{Core, Phase};
use crate::{
    Refusal,
    host::{Host, Listener},
    message::{Attempt, Caller, Message, MessageId, Place, Reason, Standing},
    policy::QueuePolicy,
    store::{Counts, Next, Turn, Which},
};

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueView {
    /// Its name.
    pub name: String,
    /// Whether it is served.
    pub paused: bool,
    /// Its policy.
    pub policy: QueuePolicy,
    /// What stands in it.
    pub counts: Counts,
    /// How many messages are being played.
    pub playing: u32,
    /// Why messages that are ready are not played; empty when they are, or there are none.
    pub waiting_because: String,
}

/// A message, without its calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageView {
    /// Its id.
    pub id: MessageId,
    /// Its number in this store: short, for people.
    pub number: u64,
    /// The queue of the application.
    pub queue: String,
    /// The class.
    pub class: Guid,
    /// Where it stands.
    pub place: Place,
    /// How it stands there.
    pub standing: Standing,
    /// Whether it is being played right now.
    pub playing: bool,
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
    /// When its wait ends.
    pub due: Option<Timestamp>,
    /// When it is given up if nobody receives it.
    pub expires: Option<Timestamp>,
    /// Failed attempts.
    pub attempts: u32,
    /// Deaths of the component's process while it was played.
    pub deaths: u32,
    /// Why it is where it is.
    pub reason: Reason,
    /// How many calls it has.
    pub calls: u32,
    /// How many bytes they are.
    pub size: u64,
    /// Its turn, for asking what comes after it.
    pub turn: Turn,
}

/// A message with everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageDetails {
    /// What lists show.
    pub view: MessageView,
    /// The calls, as [`consign_core::Calls::as_bytes`] gives them.
    pub calls: Arc<[u8]>,
    /// Every failed attempt, oldest first.
    pub attempts: Vec<Attempt>,
}

/// Which messages of a queue are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The queue.
    pub queue: String,
    /// Standing how.
    pub standing: Standing,
    /// Only those after this turn.
    pub after: Option<Turn>,
    /// At most so many, and at most 256.
    pub most: usize,
}

impl Core {
    pub(super) fn view_queues(&mut self, host: &dyn Host) -> Vec<QueueView> {
        let names: Vec<Arc<str>> = self.queues.keys().cloned().collect();
        names.iter().filter_map(|name| self.view_queue(name, host)).collect()
    }

    pub(super) fn view_queue(&mut self, name: &str, host: &dyn Host) -> Option<QueueView> {
        let queue = self.queues.get(name)?;
        Some(QueueView {
            name: queue.record.name.clone(),
            paused: queue.record.paused,
            policy: queue.record.policy.clone(),
            counts: queue.record.counts,
            playing: u32::try_from(queue.in_hand.len()).unwrap_or(u32::MAX),
            waiting_because: self.waiting_because(name, host),
        })
    }

    fn waiting_because(&self, name: &str, host: &dyn Host) -> String {
        let Some(queue) = self.queues.get(name) else { return String::new() };
        let counts = queue.record.counts;
        let playing = u64::try_from(queue.in_hand.len()).unwrap_or(u64::MAX);
        if let Some(failure) = &self.failing {
            return format!("nothing can be stored: {}", failure.sentence);
        }
        if counts.ready <= playing {
            return String::new();
        }
        if self.phase == Phase::Draining {
            return "the service is ending".to_owned();
        }
        if queue.record.paused {
            return "the queue is paused".to_owned();
        }
        if queue.record.policy.ordered && playing == 0 && counts.waiting + counts.parked > 0 {
            return "the queue is ordered, and its first message waits".to_owned();
        }
        let off = |message: &Message| host.component(message.class).is_some_and(|found| found.listener == Listener::Off);
        match queue.first() {
            Some(first) if off(first) => format!("the listener of class {} is off", first.class),
            Some(first) if playing < self.players(&queue.record.policy).into() => format!("all players of class {} are busy", first.class),
            _ => format!("all players are busy: {playing} of {}", self.players(&queue.record.policy)),
        }
    }

    pub(super) fn players(&self, policy: &QueuePolicy) -> u32 {
        if policy.ordered { 1 } else { policy.max_players.unwrap_or(self.settings.players) }
    }

    pub(super) fn view_page(&mut self, page: &Page) -> Result<Vec<MessageView>, Refusal> {
        if !self.queues.contains_key(page.queue.as_str()) {
            return Err(Refusal::no_queue(&page.queue));
        }
        let most = page.most.min(256);
        let next = Next { queue: &page.queue, standing: page.standing, after: page.after, which: Which::ALL, most };
        let messages = self.store.next(&next)?;
        Ok(messages.iter().map(|message| self.view(message)).collect())
    }

    pub(super) fn details(&mut self, id: MessageId) -> Result<MessageDetails, Refusal> {
        let message = self.stored(id)?;
        let attempts = self.store.attempts(message.seq)?;
        Ok(MessageDetails { view: self.view(&message), calls: message.calls, attempts })
    }

    /// A message by its id.
    pub(super) fn stored(&mut self, id: MessageId) -> Result<Message, Refusal> {
        let nowhere = || Refusal::new(common::MQ_ERROR_MESSAGE_NOT_FOUND, format!("there is no message {id}: it was played, or dropped"));
        let seq = id.seq_in(self.number).ok_or_else(nowhere)?;
        self.store.message(seq)?.ok_or_else(nowhere)
    }

    pub(super) fn view(&self, message: &Message) -> MessageView {
        let playing = self.queues.get(message.queue.as_str()).is_some_and(|queue| queue.in_hand.contains_key(&message.seq));
        let state = &message.state;
        MessageView {
            id: MessageId::of(self.number, message.seq),
            number: message.seq,
            queue: message.queue.clone(),
            class: message.class,
            place: state.place,
            standing: state.standing,
            playing,
            label: message.label.clone(),
            priority: message.priority,
            app_specific: message.app_specific,
            caller: message.caller,
            arrived: message.arrived,
            due: state.due,
            expires: state.expires,
            attempts: state.attempts,
            deaths: state.deaths,
            reason: state.reason.clone(),
            calls: message.count,
            size: u64::try_from(message.calls.len()).unwrap_or(u64::MAX),
            turn: message.turn(),
        }
    }
}
