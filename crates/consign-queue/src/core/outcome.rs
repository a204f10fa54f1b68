//! What an attempt came to, and what becomes of its message.

use std::sync::Arc;

use consign_core::{Timestamp, common};

use super::{Core, Round, queue::InHandPhase};
use crate::{
    event::QueueEvent,
    host::{Host, Outcome},
    machine::{self, Event, ExceptionClass, Given},
    message::{Message, MessageId, Place, Reason, Standing},
    store::Change,
};

impl Core {
    /// Takes what an attempt came to. What an attempt says that was given up changes nothing.
    pub(super) fn settle(&mut self, round: &mut Round, attempt: u64, outcome: Outcome, now: Timestamp, host: &dyn Host) {
        let in_hand = self.attempts.get(&attempt).and_then(|(name, seq)| self.queues.get(name)?.in_hand.get(seq));
        if in_hand.is_some_and(|in_hand| in_hand.phase == InHandPhase::Playing) {
            self.conclude(round, attempt, outcome, now, host);
        } else {
            tracing::debug!(attempt, "an attempt that was given up has ended");
        }
    }

    /// As [`Core::settle`], also for an attempt whose end could not be stored before.
    pub(super) fn conclude(&mut self, round: &mut Round, attempt: u64, outcome: Outcome, now: Timestamp, host: &dyn Host) {
        let Some((name, seq)) = self.attempts.remove(&attempt) else { return };
        let Some(in_hand) = self.queues.get_mut(&name).and_then(|queue| queue.in_hand.remove(&seq)) else { return };
        let message = in_hand.message.clone();
        let event = event_of(&outcome);
        round.event(QueueEvent::Playback {
            queue: name.to_string(),
            message: MessageId::of(self.number, seq),
            code: match &outcome {
                Outcome::Played => common::S_OK,
                Outcome::Failed { code, .. } | Outcome::NotUnderstood { code, .. } => *code,
                Outcome::Died { .. } => common::RPC_E_SERVER_DIED,
                Outcome::CutOff => common::ERROR_OPERATION_ABORTED,
            },
        });
        round.outcomes.push((name, in_hand, outcome));
        self.advance(round, message, &event, now, host);
    }

    /// Lets the machine decide, and writes down what it decided.
    pub(super) fn advance(&mut self, round: &mut Round, message: Message, event: &Event, now: Timestamp, host: &dyn Host) {
        let known = host.component(message.class).and_then(|component| component.exception_class);
        let exception_class = if known.is_some() { ExceptionClass::Present } else { ExceptionClass::Absent };
        self.apply(round, message, event, exception_class, now);
    }

    pub(super) fn apply(&mut self, round: &mut Round, message: Message, event: &Event, exception_class: ExceptionClass, now: Timestamp) {
        let Some((name, _)) = self.queues.get_key_value(message.queue.as_str()) else { return };
        let name = Arc::clone(name);
        let position = self.give_number();
        let Some(queue) = self.queues.get_mut(&name) else { return };
        let given = Given { policy: &queue.record.policy, exception_class, position, now };
        let step = machine::step(&message.state, event, &given);
        let seq = message.seq;
        let id = MessageId::of(self.number, seq);
        if let Some(attempt) = step.attempt {
            round.changes.push(Change::Attempt { seq, attempt });
        }
        let bytes = message.calls.len();
        let before = message.state.standing;
        let Some(state) = step.state else {
            queue.count(Some(before), None, bytes);
            round.touched.insert(name);
            round.changes.push(Change::Delete { seq });
            return;
        };
        if state.standing != before {
            queue.count(Some(before), Some(state.standing), bytes);
            round.touched.insert(Arc::clone(&name));
        }
        if let Some(moved) = moved(&message.state.place, &state.place, &name, id) {
            round.event(moved);
        }
        for due in [state.due, state.expires].into_iter().flatten() {
            self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
        }
        if state != message.state {
            round.changes.push(Change::Update { seq, queue: message.queue.clone(), state: state.clone() });
        }
        if before == Standing::Ready {
            queue.let_go(&message);
        }
        if state.standing == Standing::Ready {
            queue.hold(Message { state, ..message });
        }
    }
}

fn event_of(outcome: &Outcome) -> Event {
    match outcome {
        Outcome::Played => Event::Played,
        Outcome::Failed { code, sentence, call } => Event::Failed { call: *call, reason: Reason::new(*code, sentence.clone()) },
        Outcome::Died { sentence } => Event::Died { sentence: sentence.clone() },
        Outcome::NotUnderstood { code, sentence } => Event::NotUnderstood(Reason::new(*code, sentence.clone())),
        Outcome::CutOff => Event::CutOff,
    }
}

fn moved(from: &Place, to: &Place, queue: &str, message: MessageId) -> Option<QueueEvent> {
    let queue = queue.to_owned();
    match to {
        _ if from == to => None,
        Place::Retry(index) => Some(QueueEvent::MoveToRetryQueue { queue, message, index: *index }),
        Place::Dead => Some(QueueEvent::MoveToDeadQueue { queue, message }),
        Place::Input | Place::Exception(_) => None,
    }
}
