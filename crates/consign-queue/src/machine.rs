//! What becomes of a message: a pure function of where it stands and what happened. No I/O, no
//! clock, no memory.

use std::time::Duration;

use consign_core::{Hresult, Timestamp, common};

use crate::{
    message::{Attempt, Place, Reason, Side, Standing, State},
    policy::QueuePolicy,
};

/// A message that was being played when the component's process died so often is set aside: it goes
/// to the dead queue, because it would take the service's time for ever.
pub const MOST_DEATHS: u32 = 2;

/// What happened to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// All its calls succeeded.
    Played,
    /// A call failed, the object could not be made, or the component voted to abort.
    Failed {
        /// Which call, counted from 0.
        call: Option<u32>,
        /// With what.
        reason: Reason,
    },
    /// The component's process died while it was played.
    Died {
        /// How.
        sentence: String,
    },
    /// No component has the class, the interface or the method.
    NotUnderstood(Reason),
    /// The attempt was ended from outside, as at the end of the service. It counts for nothing.
    CutOff,
    /// Its time to be received is over.
    Expired,
    /// It can never be delivered.
    Undeliverable(Reason),
    /// Its wait is over.
    Due,
    /// A component is there that may understand it.
    Understood,
    /// A person wants it to be tried again from the beginning.
    Retry {
        /// A turn at the end of the input queue.
        position: u64,
    },
}

/// What is known beside the message.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The queue's.
    pub policy: &'a QueuePolicy,
    /// Whether there is somebody to tell before the dead queue.
    pub exception_class: ExceptionClass,
    /// A turn at the end of the queue, for a message that moves to a retry queue.
    pub position: u64,
    /// The time.
    pub now: Timestamp,
}

/// Whether the component has an exception class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExceptionClass {
    /// It has.
    Present,
    /// It has none.
    Absent,
}

/// What becomes of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its new state; `None`: it is gone.
    pub state: Option<State>,
    /// An attempt to be kept.
    pub attempt: Option<Attempt>,
}

/// What becomes of a message in `state` when `event` happens. What cannot happen to it there changes
/// nothing.
pub fn step(state: &State, event: &Event, given: &Given<'_>) -> Step {
    match (state.standing, event) {
        (_, Event::Retry { position }) => kept(State {
            place: Place::Input,
            standing: Standing::Ready,
            position: *position,
            due: None,
            attempts_here: 0,
            deaths: 0,
            ..state.clone()
        }),
        // Only a message that is ready is played, so only of that one can an attempt say anything.
        (Standing::Ready, Event::Played) => Step { state: None, attempt: None },
        (Standing::Ready, Event::Failed { call, reason }) => failed(state, *call, reason, given),
        (Standing::Ready, Event::Died { sentence }) => died(state, sentence, given),
        // An exception class that lacks the interface has failed, as COM+ has it.
        (Standing::Ready, Event::NotUnderstood(reason)) if matches!(state.place, Place::Exception(_)) => failed(state, None, reason, given),
        (Standing::Ready, Event::NotUnderstood(reason)) => {
            kept(State { standing: Standing::Parked, reason: reason.clone(), ..state.clone() })
        }
        (Standing::Waiting, Event::Due) => kept(State { standing: Standing::Ready, due: None, ..state.clone() }),
        (Standing::Parked, Event::Understood) => kept(State { standing: Standing::Ready, reason: Reason::none(), ..state.clone() }),
        (Standing::Ready | Standing::Waiting | Standing::Parked, Event::Expired) if state.expires.is_some() => {
            kept(last_resort(state.clone(), Side::Client, expired(), given))
        }
        (Standing::Ready | Standing::Waiting | Standing::Parked, Event::Undeliverable(reason)) => {
            kept(last_resort(state.clone(), Side::Client, reason.clone(), given))
        }
        _ => kept(state.clone()),
    }
}

fn kept(state: State) -> Step {
    Step { state: Some(state), attempt: None }
}

/// Counts an attempt, and sends the message where its failures lead.
fn failed(state: &State, call: Option<u32>, reason: &Reason, given: &Given<'_>) -> Step {
    let attempts = state.attempts.saturating_add(1);
    let attempt = Attempt { number: attempts, at: given.now, place: state.place, call, reason: reason.clone() };
    let counted = State { attempts, attempts_here: state.attempts_here.saturating_add(1), expires: None, ..state.clone() };
    let next = next_place(&counted, given.policy);
    let state = match next {
        // It goes on where it stands, before those that came after it.
        Next::Here => State { reason: reason.clone(), ..counted },
        Next::Retry(index, delay) => State {
            place: Place::Retry(index),
            standing: Standing::Waiting,
            // To the back of the next queue; in an ordered one nobody overtakes.
            position: if given.policy.ordered { counted.position } else { given.position },
            due: Some(given.now + delay),
            attempts_here: 0,
            reason: reason.clone(),
            ..counted
        },
        Next::Final => last_resort(counted, Side::Server, reason.clone(), given),
    };
    Step { state: Some(state), attempt: Some(attempt) }
}

enum Next {
    Here,
    Retry(u8, Duration),
    Final,
}

fn next_place(state: &State, policy: &QueuePolicy) -> Next {
    let (allowed, next) = match state.place {
        Place::Input => (policy.attempts, 0),
        // A retry queue that was taken away meanwhile tries no more.
        Place::Retry(index) => (policy.retry.get(usize::from(index)).map_or(0, |queue| queue.attempts), index.saturating_add(1)),
        Place::Exception(_) | Place::Dead => return Next::Final,
    };
    if state.attempts_here < allowed {
        return Next::Here;
    }
    policy.delay(next).map_or(Next::Final, |delay| Next::Retry(next, delay))
}

/// The exception class if there is one and it was not asked yet, else the dead queue.
fn last_resort(state: State, side: Side, reason: Reason, given: &Given<'_>) -> State {
    let asked = matches!(state.place, Place::Exception(_) | Place::Dead);
    if given.exception_class == ExceptionClass::Present && !asked {
        return State {
            place: Place::Exception(side),
            standing: Standing::Ready,
            due: None,
            expires: None,
            attempts_here: 0,
            reason,
            ..state
        };
    }
    // Why it came to the exception class says more than why that one failed: that stands in the history.
    let reason = if asked { state.reason.clone() } else { reason };
    State { place: Place::Dead, standing: Standing::Dead, due: None, expires: None, attempts_here: 0, reason, ..state }
}

fn died(state: &State, sentence: &str, given: &Given<'_>) -> Step {
    let deaths = state.deaths.saturating_add(1);
    let reason = Reason::new(common::RPC_E_SERVER_DIED, sentence);
    let attempts = state.attempts.saturating_add(1);
    let attempt = Some(Attempt { number: attempts, at: given.now, place: state.place, call: None, reason: reason.clone() });
    let counted = State { attempts, deaths, expires: None, ..state.clone() };
    let state = if deaths < MOST_DEATHS {
        // Its deaths are counted apart from its failures: it is tried again where it stands. Before the
        // exception class it keeps the reason for which it came there.
        let reason = if matches!(state.place, Place::Exception(_)) { state.reason.clone() } else { reason };
        State { reason, ..counted }
    } else {
        let sentence = format!("set aside: the component's process died {deaths} times while it was played; {sentence}");
        let reason = Reason::new(common::RPC_E_SERVER_DIED, sentence);
        State { place: Place::Dead, standing: Standing::Dead, due: None, attempts_here: 0, reason, ..counted }
    };
    Step { state: Some(state), attempt }
}

fn expired() -> Reason {
    Reason::new(common::MQ_ERROR_IO_TIMEOUT, "nobody received it within its MaxTimeToReceive")
}

/// Whether an outcome of this code means that the component does not know what was called.
pub fn is_not_understood(code: Hresult) -> bool {
    [common::REGDB_E_IIDNOTREG, common::DISP_E_MEMBERNOTFOUND, common::REGDB_E_CLASSNOTREG, common::CLASS_E_CLASSNOTAVAILABLE]
        .contains(&code)
}

#[cfg(test)]
mod tests;
