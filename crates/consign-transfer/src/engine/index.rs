//! Who waits, who runs and who is due, kept in order: a change of one job among ten thousand looks
//! at no other.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use consign_bits::{JobId, JobState, Priority};
use consign_core::clock::Monotonic;

use super::entry::Core;
use crate::machine::State;

/// The sets, each ordered by what is asked of it.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// What time alone brings next.
    pub(super) deadlines: BTreeSet<(Monotonic, JobId)>,
    /// QUEUED, the next one first.
    pub(super) queued: BTreeSet<(Priority, u64, JobId)>,
    /// CONNECTING and TRANSFERRING.
    pub(super) running: BTreeSet<(Priority, JobId)>,
    /// Final jobs, the oldest first.
    pub(super) ended: BTreeSet<(i64, JobId)>,
    /// How many are in each state.
    pub(super) states: BTreeMap<JobState, u32>,
    /// How many are not final, by owner.
    pub(super) owners: BTreeMap<u32, u32>,
    /// After so long without activity a job is cancelled.
    pub(super) inactivity: Option<Duration>,
}

/// Where one job stands in the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keys {
    deadline: Option<Monotonic>,
    queued: Option<(Priority, u64)>,
    running: Option<Priority>,
    ended: Option<i64>,
    state: Option<JobState>,
}

impl Keys {
    fn of(core: &Core, inactivity: Option<Duration>) -> Self {
        let scavenged = inactivity.filter(|_| !core.machine.is_final()).map(|timeout| core.active + timeout);
        let deadline = core.machine.deadline().map(|(at, _)| at);
        let queued = matches!(core.machine.state, State::Queued).then_some((core.priority, core.turn));
        Self {
            deadline: deadline.into_iter().chain(scavenged).chain(core.rare.tell_again).chain(core.rare.modification_due).min(),
            queued,
            running: core.machine.running().map(|_| core.priority),
            ended: core.rare.ended.map(consign_core::Timestamp::as_millis),
            state: (!core.machine.is_final()).then(|| core.machine.shown_state()),
        }
    }
}

impl Index {
    /// Puts the job where it belongs now; `keys` remembers where that is.
    pub(super) fn place(&mut self, core: &Core, keys: &mut Keys) {
        let wanted = Keys::of(core, self.inactivity);
        if *keys != wanted {
            self.remove(core, keys);
            self.insert(core, &wanted);
            *keys = wanted;
        }
    }

    /// Forgets a job.
    pub(super) fn remove(&mut self, core: &Core, keys: &Keys) {
        let id = core.id;
        if let Some(at) = keys.deadline {
            self.deadlines.remove(&(at, id));
        }
        if let Some((priority, turn)) = keys.queued {
            self.queued.remove(&(priority, turn, id));
        }
        if let Some(priority) = keys.running {
            self.running.remove(&(priority, id));
        }
        if let Some(at) = keys.ended {
            self.ended.remove(&(at, id));
        }
        if let Some(state) = keys.state {
            decrease(&mut self.states, state);
            decrease(&mut self.owners, core.owner);
        }
    }

    fn insert(&mut self, core: &Core, keys: &Keys) {
        let id = core.id;
        self.deadlines.extend(keys.deadline.map(|at| (at, id)));
        self.queued.extend(keys.queued.map(|(priority, turn)| (priority, turn, id)));
        self.running.extend(keys.running.map(|priority| (priority, id)));
        self.ended.extend(keys.ended.map(|at| (at, id)));
        if let Some(state) = keys.state {
            *self.states.entry(state).or_default() += 1;
            *self.owners.entry(core.owner).or_default() += 1;
        }
    }
}

fn decrease<K: Ord>(counts: &mut BTreeMap<K, u32>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
        }
    }
}
