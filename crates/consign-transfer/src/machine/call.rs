//! What the owner calls.

use consign_bits::{ErrorContext, Failure, JobType, bits};
use consign_core::{Hresult, common::S_OK};

use super::{Action, Choices, CommitOutcome, Draft, Notification, Origin, State};

type Answer = Result<Hresult, Failure>;

pub(super) fn files_added(draft: &mut Draft, count: u32) -> Answer {
    draft.refuse_final()?;
    let total = draft.job.files_total.saturating_add(count);
    if draft.job.job_type != JobType::Download && total > 1 {
        return Err(Failure::refused(bits::BG_E_TOO_MANY_FILES, "an upload job has one file"));
    }
    draft.job.files_total = total;
    draft.act(Action::Notify(Notification::JobModification));
    Ok(S_OK)
}

pub(super) fn chosen(draft: &mut Draft, choices: Choices) -> Answer {
    draft.refuse_final()?;
    draft.job.choices = choices;
    draft.act(Action::Notify(Notification::JobModification));
    if choices.auto_complete && matches!(draft.job.state, State::Transferred) && draft.job.all_transferred() {
        draft.job.state = State::Completing { by_itself: true };
        draft.act(Action::CommitFiles);
    }
    Ok(S_OK)
}

pub(super) fn resume(draft: &mut Draft) -> Answer {
    draft.refuse_final()?;
    if draft.job.files_total == 0 {
        return Err(Failure::refused(bits::BG_E_EMPTY, "the job has no files: add one first"));
    }
    match draft.job.state {
        State::Queued | State::Connecting { .. } | State::Transferring { .. } => return Ok(S_OK),
        State::Transferred if draft.job.all_transferred() => return Ok(S_OK),
        _ => {}
    }
    draft.act(Action::WithdrawNotifications);
    draft.job.active_before = std::time::Duration::ZERO;
    if matches!(draft.job.state, State::Error) {
        // Somebody acted: the clock that may have stopped the job begins anew with its next failure.
        draft.job.no_progress_since = None;
    }
    if draft.job.all_transferred() {
        draft.enter_transferred();
    } else {
        draft.queue();
    }
    Ok(S_OK)
}

pub(super) fn suspend(draft: &mut Draft) -> Answer {
    draft.refuse_final()?;
    match draft.job.state {
        // These count as suspended already.
        State::Suspended | State::Error | State::Transferred => {}
        _ => {
            draft.stop_running();
            draft.job.state = State::Suspended;
            draft.act(Action::Notify(Notification::JobModification));
        }
    }
    Ok(S_OK)
}

pub(super) fn complete(draft: &mut Draft) -> Answer {
    draft.refuse_final()?;
    if draft.job.job_type != JobType::Download && !matches!(draft.job.state, State::Transferred) {
        return Err(Failure::refused(bits::BG_E_INVALID_STATE, "an upload can be completed only when it is transferred"));
    }
    draft.stop_running();
    draft.job.state = State::Completing { by_itself: false };
    draft.act(Action::WithdrawNotifications);
    draft.act(Action::CommitFiles);
    Ok(S_OK)
}

pub(super) fn committed(draft: &mut Draft, outcome: CommitOutcome) -> Answer {
    let State::Completing { by_itself } = draft.job.state else {
        return Ok(S_OK);
    };
    match outcome {
        CommitOutcome::Done { all_deleted } => {
            let whole = draft.job.files_transferred >= draft.job.files_total;
            draft.job.state = State::Acknowledged;
            draft.job.error = None;
            draft.act(Action::Notify(Notification::JobModification));
            Ok(match (all_deleted, whole) {
                (false, _) => bits::BG_S_UNABLE_TO_DELETE_FILES,
                (true, false) => bits::BG_S_PARTIAL_COMPLETE,
                (true, true) => S_OK,
            })
        }
        CommitOutcome::Failed { failure, lost } if by_itself => {
            draft.job.files_transferred = draft.job.files_transferred.saturating_sub(lost);
            draft.job.error_count = draft.job.error_count.saturating_add(1);
            draft.enter_error(failure.clone());
            Err(failure)
        }
        CommitOutcome::Failed { failure, lost } => {
            draft.job.files_transferred = draft.job.files_transferred.saturating_sub(lost);
            if draft.job.all_transferred() {
                // The last file may have come while the renames were under way.
                draft.job.transferred_at.get_or_insert(draft.now.wall);
                draft.job.state = State::Transferred;
            } else {
                draft.job.state = State::Suspended;
            }
            draft.act(Action::Notify(Notification::JobModification));
            Err(failure)
        }
    }
}

pub(super) fn cancel(draft: &mut Draft) -> Answer {
    draft.refuse_final()?;
    draft.stop_running();
    draft.job.state = State::Cancelled;
    draft.act(Action::WithdrawNotifications);
    draft.act(Action::DeleteTemporaryFiles);
    draft.act(Action::Notify(Notification::JobModification));
    Ok(S_OK)
}

pub(super) fn found_invalid(draft: &mut Draft, origin: Origin) -> Answer {
    draft.refuse_final()?;
    if draft.job.files_transferred == 0 {
        return Err(Failure::refused(consign_core::common::E_PENDING, "the file is not transferred yet"));
    }
    draft.job.files_transferred -= 1;
    draft.job.transferred_at = None;
    draft.act(Action::WithdrawNotifications);
    draft.act(Action::ForgetInvalidFile);
    match (origin, &draft.job.state) {
        (Origin::Server, _) => {
            draft.job.error_count = draft.job.error_count.saturating_add(1);
            draft.enter_error(Failure::of(bits::BG_E_VALIDATION_FAILED, ErrorContext::RemoteFile));
        }
        // What a peer spoilt is fetched again from the server, without anybody's doing.
        (Origin::Peer, State::Transferred) => draft.queue(),
        (Origin::Peer, _) => draft.act(Action::Notify(Notification::JobModification)),
    }
    Ok(S_OK)
}
