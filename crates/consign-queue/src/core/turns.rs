//! Whose turn it is: starts what can be played, gives up what takes too long, wakes what is due.

use std::{sync::Arc, time::Duration};

use consign_core::{Guid, Timestamp, common};

use super::{
    AFTER_A_FAILURE, Core, Effect, Phase, Round,
    queue::{Horizon, InHand, InHandPhase},
};
use crate::{
    event::QueueEvent,
    host::{Component, Host, Listener, Outcome, Play, Stage},
    machine::{self, Event},
    message::{Message, MessageId, Place, Reason, Side, Standing},
    store::{Change, Next, Which},
};

/// How many messages are read ahead at once.
const READ_AHEAD: usize = 64;

/// How many due messages are woken in one round.
const WOKEN_AT_ONCE: usize = 256;

/// How many parked messages are looked at, and how many are parked, in one commit.
const PARKED_AT_ONCE: usize = 256;

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
            .filter(|in_hand| in_hand.phase == InHandPhase::Playing && in_hand.deadline <= now)
            .map(|in_hand| in_hand.attempt)
            .collect();
        for attempt in late {
            round.effects.push(Effect::GiveUp(attempt));
            let sentence = "it was played for longer than a message may be, and was given up".to_owned();
            let outcome = Outcome::Failed { code: common::RPC_E_TIMEOUT, sentence, call: None };
            self.settle(round, attempt, outcome, now, host);
        }
        if self.next_due.is_some_and(|due| due <= now) {
            // The store is asked, and must not know those who were given up as they were.
            self.commit(round, now);
            self.wake(round, now, host);
        }
    }

    fn wake(&mut self, round: &mut Round, now: Timestamp, host: &dyn Host) {
        let due = match self.store.due(now, WOKEN_AT_ONCE) {
            Ok(due) => due,
            Err(failure) => {
                tracing::error!(code = %failure.code, sentence = failure.sentence, "what is due could not be read");
                self.next_due = Some(now + AFTER_A_FAILURE);
                return;
            }
        };
        for message in due {
            // A message whose queue is not known would be due for ever.
            let name = self.queue_for(round, &message.queue);
            if self.queues.get(&name).is_some_and(|queue| queue.in_hand.contains_key(&message.seq)) {
                self.received_in_time(round, message.seq, &message.queue);
                continue;
            }
            let event = if message.state.expires.is_some_and(|expires| expires <= now) { Event::Expired } else { Event::Due };
            self.advance(round, message, &event, now, host);
        }
        // What the store says is due is the truth once this round is stored: there may be more at once.
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
            if policy.ordered && !self.head_is_ready(name, now) {
                return None;
            }
            let queue = self.queues.get_mut(name)?;
            let ordered = queue.record.policy.ordered;
            // In an ordered queue nobody overtakes.
            let looked_at = if ordered { 1 } else { usize::MAX };
            let playing = queue.playing();
            if parking.changes.is_empty() {
                queue.return_to_skipped(|class| !is_blocked(class, &playing, host));
            }
            // One under which the process has died is played alone, so that no other dies with it; those of
            // its class that come after it wait until it was.
            let mut held: Vec<Guid> = Vec::new();
            let taken = queue.take_first(looked_at, |message| {
                if held.contains(&message.class) {
                    return None;
                }
                if message.state.deaths > 0 && playing.classes.contains(&message.class) {
                    held.push(message.class);
                    return None;
                }
                judge(message, &playing, now, host)
            });
            match taken {
                Some((message, Turn::Play(component))) => return Some((message, component)),
                Some((message, Turn::Decide(event))) => {
                    self.advance(parking, message, &event, now, host);
                    if ordered {
                        // Whether the next one's turn has come shows when this is stored.
                        return None;
                    }
                    if parking.changes.len() >= PARKED_AT_ONCE {
                        self.look_again(now);
                        return None;
                    }
                }
                None if ordered && queue.first().is_some() => return None,
                None if !parking.changes.is_empty() => {
                    // The store knows them as they were until they are stored.
                    self.look_again(now);
                    return None;
                }
                None if !self.read_ahead(name, &held, now, host) => return None,
                None => {}
            }
        }
    }

    /// Reads more of a queue, but not of the classes that are held. `false` when there is nothing more that
    /// could be played.
    fn read_ahead(&mut self, name: &Arc<str>, held: &[Guid], now: Timestamp, host: &dyn Host) -> bool {
        let Some(queue) = self.queues.get_mut(name) else { return false };
        let after = match queue.horizon() {
            Horizon::Everything => return false,
            Horizon::UpTo(turn) => Some(turn),
            Horizon::Unknown => None,
        };
        let mut blocked = queue.blocked(host);
        blocked.extend(held.iter().filter(|class| !blocked.contains(class)).copied().collect::<Vec<_>>());
        let most = READ_AHEAD + queue.in_hand.len();
        let next = Next { queue: name, standing: Standing::Ready, after, which: Which::Without(&blocked), most };
        match self.store.next(&next) {
            Ok(messages) => {
                queue.extend(messages, &blocked);
                true
            }
            Err(failure) => {
                tracing::error!(code = %failure.code, sentence = failure.sentence, queue = &**name, "the queue could not be read");
                self.look_again(now + AFTER_A_FAILURE);
                false
            }
        }
    }

    /// In an ordered queue: whether the first of all its living messages is one that can be played.
    fn head_is_ready(&mut self, name: &Arc<str>, now: Timestamp) -> bool {
        let Some(queue) = self.queues.get(name) else { return false };
        let counts = queue.record.counts;
        if counts.waiting == 0 && counts.parked == 0 {
            return true;
        }
        let mut first = |standing| {
            let next = Next { queue: name, standing, after: None, which: Which::ALL, most: 1 };
            self.store.next(&next).map(|messages| messages.first().map(|message| message.turn().key()))
        };
        match (first(Standing::Ready), first(Standing::Waiting), first(Standing::Parked)) {
            (Ok(ready), Ok(waiting), Ok(parked)) => {
                let held = [waiting, parked].into_iter().flatten().min();
                ready.is_some_and(|ready| held.is_none_or(|held| ready < held))
            }
            (Err(failure), _, _) | (_, Err(failure), _) | (_, _, Err(failure)) => {
                tracing::error!(code = %failure.code, sentence = failure.sentence, queue = &**name, "the queue could not be read");
                self.look_again(now + AFTER_A_FAILURE);
                false
            }
        }
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
        queue.in_hand.insert(message.seq, InHand { message, attempt, deadline: now + timeout, phase: InHandPhase::Playing });
        vec![Effect::Event(QueueEvent::Receive { queue: name.to_string(), message: id }), Effect::Play(Box::new(play))]
    }

    /// A class is there, changed, or gone: what was parked for it may go on, and what may be played
    /// has changed.
    pub(super) fn component_changed(&mut self, class: Guid) {
        self.queues.values_mut().for_each(super::queue::Queue::forget_window);
        self.understood.insert(Some(class));
    }

    /// Lets parked messages go on whose class has changed. What cannot be stored is tried again.
    pub(super) fn look_at_parked(&mut self, round: &mut Round, now: Timestamp, host: &dyn Host) {
        for class in std::mem::take(&mut self.understood) {
            if !self.let_go_on(round, class, now, host) {
                self.understood.insert(class);
            }
        }
    }

    /// Whether all of them were looked at, and that is stored.
    fn let_go_on(&mut self, round: &mut Round, class: Option<Guid>, now: Timestamp, host: &dyn Host) -> bool {
        // What looks into the store must find there what was decided before.
        self.commit(round, now);
        let with_parked = self.queues.values().filter(|queue| queue.record.counts.parked > 0);
        let names: Vec<Arc<str>> = with_parked.map(|queue| Arc::clone(&queue.name)).collect();
        for name in names {
            let mut after = None;
            loop {
                let which = class.map_or(Which::ALL, Which::Only);
                let next = Next { queue: &name, standing: Standing::Parked, after, which, most: PARKED_AT_ONCE };
                let parked = match self.store.next(&next) {
                    Ok(parked) => parked,
                    Err(failure) => {
                        tracing::error!(code = %failure.code, sentence = failure.sentence, "parked messages could not be read");
                        self.look_again(now + AFTER_A_FAILURE);
                        return false;
                    }
                };
                let Some(last) = parked.last() else { break };
                after = Some(last.turn());
                for message in parked.into_iter().filter(|message| class.is_some() || host.component(message.class).is_some()) {
                    self.apply(round, message, &Event::Understood, machine::ExceptionClass::Absent, now);
                }
                self.commit(round, now);
                if self.failing.is_some() {
                    return false;
                }
            }
        }
        self.failing.is_none()
    }
}

impl super::queue::Queue {
    fn playing(&self) -> Playing {
        let in_hand = || self.in_hand.values().map(|in_hand| &in_hand.message);
        Playing {
            classes: in_hand().map(|message| message.class).collect(),
            alone: in_hand().filter(|message| message.state.deaths > 0).map(|message| message.class).collect(),
        }
    }

    /// Classes of which nothing is played now, as far as they are known.
    fn blocked(&self, host: &dyn Host) -> Vec<Guid> {
        let playing = self.playing();
        let mut classes = self.known_classes();
        classes.retain(|class| is_blocked(*class, &playing, host));
        classes
    }
}

/// What of a queue is being played.
struct Playing {
    /// The class of each message.
    classes: Vec<Guid>,
    /// Those of messages under which their process has died before.
    alone: Vec<Guid>,
}

/// Whether messages of a class wait until its listener is on, or one of its players free.
fn is_blocked(class: Guid, playing: &Playing, host: &dyn Host) -> bool {
    host.component(class).is_some_and(|component| component.listener == Listener::Off || is_full(class, &component, playing))
}

fn is_full(class: Guid, component: &Component, playing: &Playing) -> bool {
    let busy = playing.classes.iter().filter(|playing| **playing == class).count();
    playing.alone.contains(&class) || component.max_players.is_some_and(|most| busy >= usize::try_from(most).unwrap_or(usize::MAX))
}

/// What is to become of a message whose turn it is; `None`: nothing, as long as its class is not served.
fn judge(message: &Message, playing: &Playing, now: Timestamp, host: &dyn Host) -> Option<Turn> {
    if message.state.expires.is_some_and(|expires| expires <= now) {
        return Some(Turn::Decide(Event::Expired));
    }
    let Some(component) = host.component(message.class) else {
        let reason = Reason::new(common::REGDB_E_CLASSNOTREG, format!("no class {} is registered", message.class));
        return Some(Turn::Decide(Event::NotUnderstood(reason)));
    };
    if matches!(message.state.place, Place::Exception(_)) && component.exception_class.is_none() {
        let reason = Reason::new(common::REGDB_E_CLASSNOTREG, "the class has no exception class any more");
        return Some(Turn::Decide(Event::Failed { call: None, reason }));
    }
    let full = is_full(message.class, &component, playing);
    (component.listener == Listener::On && !full).then_some(Turn::Play(component))
}
