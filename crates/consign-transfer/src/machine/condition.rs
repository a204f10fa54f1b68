//! What the machine, the network and time do to a job.

use std::time::Duration;

use consign_bits::{ErrorContext, Failure, bits};
use consign_core::{Hresult, Now, common::S_OK};

use super::{
    Action, Draft, Job, Notification, State, Wake,
    attempt::{network_disconnected, wait, without_network},
};

type Answer = Result<Hresult, Failure>;

pub(super) fn network_lost(draft: &mut Draft) -> Answer {
    if matches!(draft.job.state, State::Queued | State::Connecting { .. } | State::Transferring { .. }) {
        without_network(draft, network_disconnected());
    }
    Ok(S_OK)
}

/// Every job that waits tries again, whatever its error was.
pub(super) fn network_returned(draft: &mut Draft) -> Answer {
    if matches!(draft.job.state, State::TransientError { wake: Wake::At(_) | Wake::NetworkReturns }) {
        draft.queue();
    }
    Ok(S_OK)
}

pub(super) fn blocked(draft: &mut Draft, failure: Failure) -> Answer {
    if matches!(draft.job.state, State::Queued | State::Connecting { .. } | State::Transferring { .. }) {
        wait(draft, failure, Wake::ConditionEnds);
    }
    Ok(S_OK)
}

pub(super) fn unblocked(draft: &mut Draft) -> Answer {
    if matches!(draft.job.state, State::TransientError { wake: Wake::ConditionEnds }) {
        draft.queue();
    }
    Ok(S_OK)
}

pub(super) fn retry_due(draft: &mut Draft) -> Answer {
    if let State::TransientError { wake: Wake::At(at) } = draft.job.state
        && at.monotonic <= draft.now.monotonic
    {
        draft.queue();
    }
    Ok(S_OK)
}

pub(super) fn no_progress_due(draft: &mut Draft) -> Answer {
    let over = draft
        .job
        .no_progress_since
        .is_some_and(|since| draft.now.monotonic.since(since.monotonic) >= draft.job.choices.no_progress_timeout);
    if over && matches!(draft.job.state, State::TransientError { .. }) {
        // What kept it from progressing says more than that it did not.
        let failure =
            draft.job.error.as_deref().cloned().unwrap_or_else(|| Failure::of(bits::BG_E_NO_PROGRESS, ErrorContext::GeneralQueueManager));
        draft.enter_error(failure);
    }
    Ok(S_OK)
}

pub(super) fn maximum_time_due(draft: &mut Draft) -> Answer {
    if let State::Connecting { since } | State::Transferring { since } = draft.job.state {
        let used = draft.job.active_before.saturating_add(draft.now.monotonic.since(since));
        if used >= draft.job.choices.maximum_download_time {
            draft.job.error_count = draft.job.error_count.saturating_add(1);
            draft.enter_error(Failure::of(bits::BG_E_MAXDOWNLOAD_TIMEOUT, ErrorContext::GeneralQueueManager));
        }
    }
    Ok(S_OK)
}

pub(super) fn inactivity_due(draft: &mut Draft) -> Answer {
    if draft.refuse_final().is_ok() {
        draft.stop_running();
        draft.job.state = State::Cancelled;
        draft.act(Action::WithdrawNotifications);
        draft.act(Action::DeleteTemporaryFiles);
        draft.act(Action::Notify(Notification::JobModification));
    }
    Ok(S_OK)
}

/// Nothing runs any more, and what was decided before the end is done again. The monotonic clock
/// begins anew with each start of the machine, so waits go on by the calendar.
pub(super) fn service_started(draft: &mut Draft) -> Answer {
    draft.job.no_progress_since = draft.job.no_progress_since.map(|since| rebased(since, draft.now));
    match &mut draft.job.state {
        // The time of the attempt that was cut off is not known and not counted.
        State::Connecting { .. } | State::Transferring { .. } => draft.job.state = State::Queued,
        State::TransientError { wake: Wake::At(at) } => {
            // A clock that was set back meanwhile must not make the wait longer than it was meant.
            let most = draft.job.choices.minimum_retry_delay.max(Duration::from_secs(86_400));
            let left = at.wall.since(draft.now.wall).min(most);
            *at = Now { wall: draft.now.wall + left, monotonic: draft.now.monotonic + left };
        }
        // Whether these still hold is found out by trying.
        State::TransientError { .. } => draft.job.state = State::Queued,
        State::Completing { .. } => draft.act(Action::CommitFiles),
        State::Cancelled => draft.act(Action::DeleteTemporaryFiles),
        State::Suspended | State::Queued | State::Error | State::Transferred | State::Acknowledged => {}
    }
    Ok(S_OK)
}

impl Job {
    /// Whether [`Event::ServiceStarted`] leaves the job as it is, as it does with most.
    ///
    /// [`Event::ServiceStarted`]: super::Event::ServiceStarted
    pub fn sleeps_through_starts(&self) -> bool {
        let at_rest = matches!(self.state, State::Suspended | State::Queued | State::Error | State::Transferred | State::Acknowledged);
        at_rest && self.no_progress_since.is_none()
    }
}

fn rebased(moment: Now, now: Now) -> Now {
    Now { wall: moment.wall, monotonic: now.monotonic - now.wall.since(moment.wall) }
}
