//! Messages come in: from a recorder that was committed, or from an outbox.

use std::sync::Arc;

use consign_core::{Guid, Timestamp, common};

use super::{Core, Phase, Reply, Round};
use crate::{
    Refusal,
    event::QueueEvent,
    host::Host,
    machine::Event,
    message::{HIGHEST_PRIORITY, LONGEST_LABEL, Message, MessageId, NewMessage, Place, Reason, Standing, State},
    store::Change,
};

/// The longest name of a queue in bytes: `MQ_MAX_Q_NAME_LEN`.
const LONGEST_QUEUE_NAME: usize = 124;

/// What an outbox hands over: messages in the order of their numbers.
#[derive(Clone, Debug)]
pub struct StreamBatch {
    /// The outbox's own number, made when it was made.
    pub origin: Guid,
    /// Its messages, numbers rising.
    pub messages: Vec<StreamMessage>,
}

/// One message of an outbox.
#[derive(Clone, Debug)]
pub struct StreamMessage {
    /// Its number there.
    pub number: u64,
    /// The message.
    pub message: NewMessage,
    /// Why it can never be delivered, if that is so. It is kept all the same, and its exception class told.
    pub undeliverable: Option<Undeliverable>,
}

/// Why a message can never be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undeliverable(pub Reason);

/// Up to where a stream was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The outbox may forget everything up to this number.
    pub up_to: u64,
}

impl Core {
    pub(super) fn enqueue(&mut self, round: &mut Round, message: NewMessage, reply: Reply<MessageId>, now: Timestamp) {
        match self.insert(round, message, now) {
            Ok(message) => {
                let id = MessageId::of(self.number, message.seq);
                round.promise(reply, id);
            }
            Err(refusal) => round.answer(reply, Err(refusal)),
        }
    }

    /// Takes what was not taken before. A message that is refused for want of room ends the batch: it
    /// waits in its outbox.
    pub(super) fn take_stream(&mut self, round: &mut Round, batch: StreamBatch, reply: Reply<Taken>, now: Timestamp, host: &dyn Host) {
        let before = self.streams.get(&batch.origin).copied().unwrap_or(0);
        let mut up_to = before;
        for StreamMessage { number, message, undeliverable } in batch.messages {
            if number <= up_to {
                continue;
            }
            match self.insert(round, message, now) {
                Ok(message) => {
                    up_to = number;
                    if let Some(Undeliverable(reason)) = undeliverable {
                        self.advance(round, message, &Event::Undeliverable(reason), now, host);
                    }
                }
                Err(refusal) if up_to == before => return round.answer(reply, Err(refusal)),
                Err(_) => break,
            }
        }
        if up_to > before {
            self.streams.insert(batch.origin, up_to);
            round.changes.push(Change::Stream(batch.origin, up_to));
        }
        round.promise(reply, Taken { up_to });
    }

    pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
        if (1..=LONGEST_QUEUE_NAME).contains(&name.len()) {
            return Ok(());
        }
        Err(Refusal::new(common::E_INVALIDARG, format!("the name of a queue has 1 to {LONGEST_QUEUE_NAME} bytes")))
    }

    fn insert(&mut self, round: &mut Round, message: NewMessage, now: Timestamp) -> Result<Message, Refusal> {
        if self.phase == Phase::Draining {
            return Err(Refusal::new(common::ERROR_SHUTDOWN_IN_PROGRESS, "the service is ending; try again when it has started"));
        }
        if message.label.chars().count() > LONGEST_LABEL {
            let sentence = format!("a label has at most {LONGEST_LABEL} characters");
            return Err(Refusal::new(common::MQ_ERROR_LABEL_TOO_LONG, sentence));
        }
        if message.priority > HIGHEST_PRIORITY {
            return Err(Refusal::new(common::E_INVALIDARG, "a priority is 0 to 7"));
        }
        Self::check_name(&message.queue)?;
        let name = self.queue_for(round, &message.queue);
        let seq = self.give_number();
        let size = u64::try_from(message.calls.as_bytes().len()).unwrap_or(u64::MAX);
        let Some(queue) = self.queues.get_mut(&name) else {
            return Err(Refusal::new(common::MQ_ERROR_QUEUE_NOT_FOUND, "the queue is gone"));
        };
        if let Some(sentence) = queue.record.full(size) {
            return Err(Refusal::new(common::MQ_ERROR_INSUFFICIENT_RESOURCES, sentence));
        }
        let count = u32::try_from(message.calls.len()).unwrap_or(u32::MAX);
        let expires = message.time_to_receive.map(|time| now + time);
        let message = Message {
            seq,
            queue: message.queue,
            class: message.class,
            calls: message.calls.as_bytes().into(),
            count,
            label: message.label,
            priority: message.priority,
            app_specific: message.app_specific,
            caller: message.caller,
            arrived: now,
            state: State {
                place: Place::Input,
                standing: Standing::Ready,
                position: seq,
                due: None,
                expires,
                attempts_here: 0,
                attempts: 0,
                deaths: 0,
                reason: Reason::none(),
            },
        };
        queue.count(None, Some(Standing::Ready), message.calls.len());
        queue.hold(message.clone());
        if let Some(expires) = expires {
            self.next_due = Some(self.next_due.map_or(expires, |next| next.min(expires)));
        }
        round.changes.push(Change::Insert(message.clone()));
        round.event(QueueEvent::Record { queue: name.to_string(), message: MessageId::of(self.number, seq) });
        round.touched.insert(Arc::clone(&name));
        Ok(message)
    }
}

impl crate::store::QueueRecord {
    /// Why it takes no message of `size` bytes, if it does not.
    fn full(&self, size: u64) -> Option<String> {
        let (name, policy, counts) = (&self.name, &self.policy, &self.counts);
        if let Some(most) = policy.max_messages.filter(|most| counts.messages() >= *most) {
            return Some(format!("the queue {name} is full: it holds {} messages, and may hold {most}", counts.messages()));
        }
        policy.max_bytes.filter(|most| counts.bytes.saturating_add(size) > *most).map(|most| {
            format!("the queue {name} is full: with this message it would hold {} bytes, and may hold {most}", counts.bytes + size)
        })
    }
}
