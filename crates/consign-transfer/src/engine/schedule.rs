//! Whose turn it is: a pure decision over who waits and who runs.
//!
//! Foreground jobs run at once, beside everything else. Of the others one runs: the highest
//! priority first; equal ones take turns, each for a time slice. A job that cannot progress is not
//! QUEUED and so is not in the way; one whose bytes are all here, and that waits for the disk alone,
//! does not count as running.

use std::time::Duration;

use consign_bits::{JobId, Priority};
use consign_core::clock::Monotonic;

/// A background job that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) id: JobId,
    pub(super) priority: Priority,
    /// When its slice began.
    pub(super) since: Monotonic,
}

/// What to do with the background now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Leave it as it is, and look again at this time, if one is given.
    Keep(Option<Monotonic>),
    /// Start this job.
    Start(JobId),
    /// A higher one waits: this one gives way.
    Preempt(JobId),
    /// Its slice is over and an equal one waits.
    EndSlice(JobId),
}

/// Decides about the background: `next` is the first job that waits, `running` those that run
/// (more than one only for a moment, when a foreground job was made a background one).
pub(super) fn background(next: Option<(Priority, JobId)>, running: &[Running], slice: Duration, now: Monotonic) -> Decision {
    let worst = running.iter().max_by_key(|job| (job.priority, job.since));
    let Some(worst) = worst else {
        return next.map_or(Decision::Keep(None), |(_, id)| Decision::Start(id));
    };
    if running.len() > 1 {
        return Decision::Preempt(worst.id);
    }
    match next {
        Some((priority, _)) if priority < worst.priority => Decision::Preempt(worst.id),
        Some((priority, _)) if priority == worst.priority => {
            if now.since(worst.since) >= slice {
                Decision::EndSlice(worst.id)
            } else {
                Decision::Keep(Some(worst.since + slice))
            }
        }
        _ => Decision::Keep(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consign_core::Guid;

    const SLICE: Duration = Duration::from_secs(300);

    fn id(number: u8) -> JobId {
        JobId::new(Guid::from_bytes([number; 16]))
    }

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_duration(Duration::from_secs(seconds))
    }

    fn running(number: u8, priority: Priority, since: u64) -> Running {
        Running { id: id(number), priority, since: at(since) }
    }

    #[test]
    fn one_background_job_runs_the_highest_first() {
        assert_eq!(background(None, &[], SLICE, at(0)), Decision::Keep(None));
        assert_eq!(background(Some((Priority::Low, id(1))), &[], SLICE, at(0)), Decision::Start(id(1)));
        let low = running(2, Priority::Low, 0);
        assert_eq!(background(Some((Priority::High, id(1))), &[low], SLICE, at(1)), Decision::Preempt(id(2)));
        let high = running(2, Priority::High, 0);
        assert_eq!(background(Some((Priority::Low, id(1))), &[high], SLICE, at(9_999)), Decision::Keep(None));
    }

    #[test]
    fn equal_jobs_take_turns() {
        let job = running(2, Priority::Normal, 100);
        let next = Some((Priority::Normal, id(1)));
        assert_eq!(background(next, &[job], SLICE, at(399)), Decision::Keep(Some(at(400))));
        assert_eq!(background(next, &[job], SLICE, at(400)), Decision::EndSlice(id(2)));
        assert_eq!(background(None, &[job], SLICE, at(400)), Decision::Keep(None), "alone it goes on");
    }

    #[test]
    fn a_job_that_left_the_foreground_makes_room() {
        let jobs = [running(1, Priority::Low, 0), running(2, Priority::High, 5)];
        assert_eq!(background(None, &jobs, SLICE, at(9)), Decision::Preempt(id(1)));
    }
}
