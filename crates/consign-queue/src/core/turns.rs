//! Whose turn it is: starts what can be played, gives up what takes too long, wakes what is due.

use std::{sync::Arc, time::Duration};

use consign_core::{Guid, Timestamp, common};

use super::{Core, Effect, Phase, Round, queue::Horizon};
use crate::{
    event::QueueEvent,
    host::{Component, Host, Listener, Outcome, Play, Stage},
    machine::{self, Event},
    message::{Message, MessageId, Place, Reason, Side, Standing},
    store::{Change, Next},
};

/// How many messages are read ahead at once.
const READ_AHEAD: usize = 64;

/// How many due messages are woken in one round.
const WOKEN_AT_ONCE: usize = 256;

/// What is to become of a message whose turn it is.
enum Turn {
    Play(Component),
    /// It cannot be played, and something follows from that.
    Decide(Event),
}

impl Core {
    /// Lets the time bring what it brings.
    pub(super) fn pass_time(&mut self, round: &mut Round, now: Timestamp, host: &dyn Host) {
        let late: Vec<u64> = self
            .queues
            .values()
            .flat_map(|queue| queue.in_hand.values())
            .filter(|in_hand| in_hand.deadline <= now)
            .map(|in_hand| in_hand.attempt)
            .collect();
        for attempt in late {
            round.effects.push(Effect::GiveUp(attempt));
            let sentence = "it was played for longer than a message may be, and was given up".to_owned();
            let outcome = Outcome::Failed { code: common::RPC_E_TIMEOUT, sentence, call: None };
            self.settle(round, attempt, outcome, now, host);
        }
        if self.next_due.is_some_and(|due| due <= now) {
            self.wake(round, now, host);
        }
    }

    fn wake(&mut self, round: &mut Round, now: Timestamp, host: &dyn Host) {
        let due = match self.store.due(now, WOKEN_AT_ONCE) {
            Ok(due) => due,
            Err(failure) => {
                tracing::error!(code = %failure.code, sentence = failure.sentence, "what is due could not be read");
                self.next_due = Some(now + Duration::from_secs(1));
                return;
            }
        };
        let all = due.len() < WOKEN_AT_ONCE;
        for message in due {
            let Some(queue) = self.queues.get(message.queue.as_str()) else { continue };
            if queue.in_hand.contains_key(&message.seq) {
                self.received_in_time(round, message.seq, &message.queue);
                continue;
            }
            let event = if message.state.expires.is_some_and(|expires| expires <= now) { Event::Expired } else { Event::Due };
            self.advance(round, message, &event, now, host);
        }
        // What the store says is due is the truth once this round is stored.
        self.next_due = if all { None } else { Some(now) };
        round.due_changed = true;
    }

    /// A message whose time ends while it is played was received: it does not expire any more.
    fn received_in_time(&mut self, round: &mut Round, seq: u64, queue: &str) {
        let Some(in_hand) = self.queues.get_mut(queue).and_then(|queue| queue.in_hand.get_mut(&seq)) else { return };
        in_hand.message.state.expires = None;
        let state = in_hand.message.state.clone();
        round.changes.push(Change::Update { seq, queue: queue.to_owned(), state });
    }

    /// Starts as much as there are players for.
    pub(super) fn play_next(&mut self, effects: &mut Vec<Effect>, parking: &mut Round, now: Timestamp, host: &dyn Host) {
        if self.phase == Phase::Draining {
            return;
        }
        let names: Vec<Arc<str>> = self.queues.keys().cloned().collect();
        for name in names {
            while let Some((message, component)) = self.pick(&name, parking, now, host) {
                effects.extend(self.start(&name, message, component, now));
            }
        }
    }

    /// The next message of a queue that can be played now.
    fn pick(&mut self, name: &Arc<str>, parking: &mut Round, now: Timestamp, host: &dyn Host) -> Option<(Message, Component)> {
        loop {
            let queue = self.queues.get_mut(name)?;
            let policy = &queue.record.policy;
            let players = if policy.ordered { 1 } else { policy.max_players.unwrap_or(self.settings.players) };
            if queue.record.paused || queue.in_hand.len() >= usize::try_from(players).unwrap_or(usize::MAX) {
                return None;
            }
            if policy.ordered && !self.head_is_ready(name) {
                return None;
            }
            let queue = self.queues.get_mut(name)?;
            // In an ordered queue nobody overtakes.
            let looked_at = if queue.record.policy.ordered { 1 } else { usize::MAX };
            let playing: Vec<Guid> = queue.in_hand.values().map(|in_hand| in_hand.message.class).collect();
            let taken = queue.take_first(looked_at, |message| judge(message, &playing, host));
            match taken {
                Some((message, Turn::Play(component))) => return Some((message, component)),
                Some((message, Turn::Decide(event))) => self.advance(parking, message, &event, now, host),
                None if looked_at == 1 && queue.first().is_some() => return None,
                None if !self.read_ahead(name, host) => return None,
                None => {}
            }
        }
    }

    /// Reads more of a queue. `false` when there is nothing more that could be played.
    fn read_ahead(&mut self, name: &Arc<str>, host: &dyn Host) -> bool {
        let Some(queue) = self.queues.get_mut(name) else { return false };
        let after = match queue.horizon() {
            Horizon::Everything => return false,
            Horizon::UpTo(turn) => Some(turn),
            Horizon::Unknown => None,
        };
        let blocked = queue.blocked(host);
        let most = READ_AHEAD + queue.in_hand.len();
        let next = Next { queue: name, standing: Standing::Ready, after, without: &blocked, most };
        match self.store.next(&next) {
            Ok(messages) => {
                queue.extend(messages);
                true
            }
            Err(failure) => {
                tracing::error!(code = %failure.code, sentence = failure.sentence, queue = &**name, "the queue could not be read");
                false
            }
        }
    }

    /// In an ordered queue: whether the first of all its living messages is one that can be played.
    fn head_is_ready(&mut self, name: &Arc<str>) -> bool {
        let Some(queue) = self.queues.get(name) else { return false };
        let counts = queue.record.counts;
        if counts.waiting == 0 && counts.parked == 0 {
            return true;
        }
        let mut first = |standing| {
            let next = Next { queue: name, standing, after: None, without: &[], most: 1 };
            self.store.next(&next).ok().and_then(|messages| messages.first().map(|message| message.turn().key()))
        };
        let ready = first(Standing::Ready);
        let held = [first(Standing::Waiting), first(Standing::Parked)].into_iter().flatten().min();
        ready.is_some_and(|ready| held.is_none_or(|held| ready < held))
    }

    fn start(&mut self, name: &Arc<str>, message: Message, component: Component, now: Timestamp) -> Vec<Effect> {
        let Some(queue) = self.queues.get_mut(name) else { return Vec::new() };
        self.last_attempt += 1;
        let attempt = self.last_attempt;
        let timeout = Duration::from_secs(queue.record.policy.play_timeout.into());
        let (class, stage) = match message.state.place {
            Place::Exception(side) => (
                component.exception_class.unwrap_or(message.class),
                if side == Side::Server { Stage::FinalServerRetry } else { Stage::FinalClientRetry },
            ),
            _ => (message.class, Stage::Play),
        };
        let id = MessageId::of(self.number, message.seq);
        let play = Play {
            attempt,
            message: id,
            class,
            stage,
            calls: Arc::clone(&message.calls),
            number: message.state.attempts.saturating_add(1),
            queue: Arc::clone(name),
            label: message.label.clone(),
            priority: message.priority,
            app_specific: message.app_specific,
            caller: message.caller,
            timeout,
        };
        self.attempts.insert(attempt, (Arc::clone(name), message.seq));
        queue.in_hand.insert(message.seq, super::queue::InHand { message, attempt, deadline: now + timeout });
        vec![Effect::Event(QueueEvent::Receive { queue: name.to_string(), message: id }), Effect::Play(Box::new(play))]
    }

    /// A class is there, changed, or gone: what was parked for it may go on.
    pub(super) fn component_changed(&mut self, round: &mut Round, class: Guid, now: Timestamp) {
        let names: Vec<Arc<str>> = self.queues.keys().cloned().collect();
        for name in names {
            if let Some(queue) = self.queues.get_mut(&name) {
                queue.forget_window();
            }
            let mut after = None;
            loop {
                let next = Next { queue: &name, standing: Standing::Parked, after, without: &[], most: READ_AHEAD };
                let parked = match self.store.next(&next) {
                    Ok(parked) if !parked.is_empty() => parked,
                    Ok(_) => break,
                    Err(failure) => {
                        tracing::error!(code = %failure.code, sentence = failure.sentence, "parked messages could not be read");
                        break;
                    }
                };
                after = parked.last().map(Message::turn);
                for message in parked.into_iter().filter(|message| message.class == class) {
                    self.advance_alone(round, message, &Event::Understood, now);
                }
            }
        }
    }

    /// As [`Core::advance`] for an event that asks nobody.
    fn advance_alone(&mut self, round: &mut Round, message: Message, event: &Event, now: Timestamp) {
        self.apply(round, message, event, machine::ExceptionClass::Absent, now);
    }
}

impl super::queue::Queue {
    /// Classes of which nothing is played now, as far as they are known.
    fn blocked(&self, host: &dyn Host) -> Vec<Guid> {
        let mut classes: Vec<Guid> = self.held_classes();
        classes.sort_unstable();
        classes.dedup();
        classes.retain(|class| host.component(*class).is_some_and(|component| component.listener == Listener::Off));
        classes
    }
}

/// What is to become of a message whose turn it is; `None`: nothing, as long as its class is not served.
fn judge(message: &Message, playing: &[Guid], host: &dyn Host) -> Option<Turn> {
    let Some(component) = host.component(message.class) else {
        let reason = Reason::new(common::REGDB_E_CLASSNOTREG, format!("no class {} is registered", message.class));
        return Some(Turn::Decide(Event::NotUnderstood(reason)));
    };
    if matches!(message.state.place, Place::Exception(_)) && component.exception_class.is_none() {
        let reason = Reason::new(common::REGDB_E_CLASSNOTREG, "the class has no exception class any more");
        return Some(Turn::Decide(Event::Failed { call: None, reason }));
    }
    let busy = playing.iter().filter(|class| **class == message.class).count();
    let full = component.max_players.is_some_and(|most| busy >= usize::try_from(most).unwrap_or(usize::MAX));
    (component.listener == Listener::On && !full).then_some(Turn::Play(component))
}
