//! Who is being called: a pure account of the calls under way.
//!
//! A few calls at a time share the slots of the user. A callee that lets a call wait gives its slot
//! back, and from then on has none of the shared ones until it answers quickly again; so whoever
//! hangs, however many jobs it has, holds up nobody else. At one callee, too, only a few calls wait
//! at a time.

use std::collections::{BTreeSet, HashMap};

use consign_bits::JobId;
use consign_core::Guid;

/// Whoever answers: jobs that have the same one wait for each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Callee {
    /// A client, by its connection.
    Connection(u64),
    /// The server of a class.
    Class(Guid),
    /// A program that is run as a command line.
    Program(String),
}

/// The calls under way, by their numbers.
#[derive(Debug)]
pub(super) struct Callees {
    most: usize,
    last: u64,
    under_way: HashMap<u64, UnderWay>,
    known: HashMap<Callee, Known>,
}

#[derive(Debug)]
struct UnderWay {
    callee: Callee,
    pace: Pace,
}

/// What is known of a callee.
#[derive(Debug, Default)]
struct Known {
    in_hand: usize,
    pace: Pace,
    /// Jobs that wait until it has answered.
    waiting: BTreeSet<JobId>,
}

/// Whether a call has a shared slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Pace {
    #[default]
    Quick,
    Slow,
}

/// Slow callees that are gone are remembered up to this number.
const MOST_KNOWN: usize = 4096;

impl Callees {
    pub(super) fn new(most: u32) -> Self {
        Self { most: most.max(1) as usize, last: 0, under_way: HashMap::new(), known: HashMap::new() }
    }

    /// How many more calls may begin.
    pub(super) fn room(&self) -> usize {
        self.most.saturating_sub(self.under_way.values().filter(|call| call.pace == Pace::Quick).count())
    }

    /// Begins a call, and gives it a number. `None` where the callee has enough in hand: the job is
    /// among those that [`Callees::ended`] answers.
    pub(super) fn begin(&mut self, callee: Callee, job: JobId) -> Option<u64> {
        if self.known.len() > MOST_KNOWN {
            self.known.retain(|_, known| known.in_hand > 0);
        }
        let known = self.known.entry(callee.clone()).or_default();
        if known.in_hand >= self.most {
            known.waiting.insert(job);
            return None;
        }
        known.in_hand += 1;
        self.last += 1;
        self.under_way.insert(self.last, UnderWay { callee, pace: known.pace });
        Some(self.last)
    }

    /// The call has not been answered for long.
    pub(super) fn is_slow(&mut self, number: u64) {
        let Some(call) = self.under_way.get_mut(&number) else { return };
        call.pace = Pace::Slow;
        if let Some(known) = self.known.get_mut(&call.callee) {
            known.pace = Pace::Slow;
        }
    }

    /// The call has ended; answers the jobs that waited for its callee.
    pub(super) fn ended(&mut self, number: u64, end: End) -> BTreeSet<JobId> {
        let Some(call) = self.under_way.remove(&number) else { return BTreeSet::new() };
        let Some(known) = self.known.get_mut(&call.callee) else { return BTreeSet::new() };
        known.in_hand -= 1;
        match end {
            End::Quick => known.pace = Pace::Quick,
            End::Slow => known.pace = Pace::Slow,
            End::Gone => known.pace = Pace::default(),
        }
        let waiting = std::mem::take(&mut known.waiting);
        if known.in_hand == 0 && known.pace == Pace::Quick {
            self.known.remove(&call.callee);
        }
        waiting
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was answered soon.
    Quick,
    /// It took long, whatever came of it.
    Slow,
    /// Its callee is gone.
    Gone,
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANGING: Callee = Callee::Connection(1);

    fn job(number: u8) -> JobId {
        JobId::new(Guid::from_bytes([number; 16]))
    }

    #[test]
    fn a_callee_that_hangs_has_no_shared_slot_from_its_second_call_on() {
        let mut callees = Callees::new(2);
        let first = callees.begin(HANGING, job(1)).unwrap();
        let second = callees.begin(HANGING, job(2)).unwrap();
        assert_eq!(callees.room(), 0);
        assert_eq!(callees.begin(HANGING, job(3)), None, "it has enough in hand");
        callees.is_slow(first);
        callees.is_slow(second);
        assert_eq!(callees.room(), 2);
        assert_eq!(callees.ended(first, End::Slow), [job(3)].into());
        let third = callees.begin(HANGING, job(3)).unwrap();
        assert_eq!(callees.room(), 2, "nobody waits for it again");
        callees.ended(third, End::Quick);
        callees.ended(second, End::Slow);
        let quick = callees.begin(HANGING, job(4)).unwrap();
        assert_eq!(callees.room(), 2, "its last call was slow");
        callees.ended(quick, End::Quick);
        callees.begin(HANGING, job(5)).unwrap();
        assert_eq!(callees.room(), 1, "it is quick again");
    }

    #[test]
    fn what_has_ended_leaves_nothing_behind() {
        let mut callees = Callees::new(1);
        let call = callees.begin(HANGING, job(1)).unwrap();
        callees.is_slow(call);
        assert_eq!(callees.ended(call, End::Gone), BTreeSet::new());
        assert_eq!(callees.ended(call, End::Quick), BTreeSet::new(), "twice is once");
        assert!(callees.known.is_empty() && callees.under_way.is_empty());
        assert_eq!(callees.room(), 1);
    }
}
