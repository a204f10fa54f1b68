//! What an attempt meets, from being picked to its end.

use consign_bits::{ErrorContext, Failure, bits};
use consign_core::{Hresult, Now, common::S_OK};

use super::{Action, Attempt, Draft, Notification, Severity, State, Wake};

type Answer = Result<Hresult, Failure>;

pub(super) fn picked(draft: &mut Draft) -> Answer {
    if matches!(draft.job.state, State::Queued) {
        draft.job.attempt = Attempt(draft.job.attempt.0 + 1);
        draft.job.state = State::Connecting { since: draft.now.monotonic };
        draft.act(Action::StartTransfer(draft.job.attempt));
        draft.act(Action::Notify(Notification::JobModification));
    }
    Ok(S_OK)
}

/// Back to the queue: the slice is over, a higher job came, the owner logged off.
pub(super) fn give_way(draft: &mut Draft) -> Answer {
    if draft.job.running().is_some() {
        draft.queue();
    }
    Ok(S_OK)
}

pub(super) fn connected(draft: &mut Draft, attempt: Attempt) -> Answer {
    if let State::Connecting { since } = draft.job.state
        && draft.job.attempt == attempt
    {
        draft.job.state = State::Transferring { since };
        draft.act(Action::Notify(Notification::JobModification));
    }
    Ok(S_OK)
}

pub(super) fn progressed(draft: &mut Draft, attempt: Attempt) -> Answer {
    if is_running(draft, attempt) {
        draft.job.no_progress_since = None;
        draft.job.error = None;
    }
    Ok(S_OK)
}

/// Also counts when it comes from an attempt that was stopped meanwhile: the file is on disk all
/// the same. The engine tells of each file once.
pub(super) fn file_transferred(draft: &mut Draft, attempt: Attempt) -> Answer {
    if draft.job.is_final() || draft.job.files_transferred >= draft.job.files_total {
        return Ok(S_OK);
    }
    draft.job.files_transferred += 1;
    draft.act(Action::Notify(Notification::JobModification));
    if is_running(draft, attempt) {
        draft.job.no_progress_since = None;
        draft.job.error = None;
        if draft.job.all_transferred() {
            draft.enter_transferred();
        }
    }
    Ok(S_OK)
}

pub(super) fn nothing_left(draft: &mut Draft, attempt: Attempt) -> Answer {
    if is_running(draft, attempt) && draft.job.all_transferred() {
        draft.enter_transferred();
    }
    Ok(S_OK)
}

pub(super) fn ranges_present(draft: &mut Draft, attempt: Attempt) -> Answer {
    if is_running(draft, attempt) {
        draft.stop_running();
        draft.job.state = State::Suspended;
        draft.act(Action::Notify(Notification::JobModification));
    }
    Ok(S_OK)
}

pub(super) fn file_lost(draft: &mut Draft, attempt: Attempt) -> Answer {
    if is_running(draft, attempt) {
        draft.job.files_transferred = draft.job.files_transferred.saturating_sub(1);
    }
    Ok(S_OK)
}

pub(super) fn failed(draft: &mut Draft, attempt: Attempt, failure: Failure, severity: Severity) -> Answer {
    if !is_running(draft, attempt) {
        return Ok(S_OK);
    }
    let choices = draft.job.choices;
    match severity {
        Severity::NetworkDown => without_network(draft, failure),
        Severity::Transient { not_before } => {
            draft.job.error_count = draft.job.error_count.saturating_add(1);
            if every_error_is_fatal(draft) {
                draft.enter_error(failure);
                return Ok(S_OK);
            }
            let since = *draft.job.no_progress_since.get_or_insert(draft.now);
            if draft.now.monotonic.since(since.monotonic) >= choices.no_progress_timeout {
                draft.enter_error(failure);
                return Ok(S_OK);
            }
            let delay = choices.minimum_retry_delay.max(not_before.unwrap_or_default());
            let at = Now { wall: draft.now.wall + delay, monotonic: draft.now.monotonic + delay };
            wait(draft, failure, Wake::At(at));
        }
        Severity::Fatal => {
            draft.job.error_count = draft.job.error_count.saturating_add(1);
            draft.enter_error(failure);
        }
    }
    Ok(S_OK)
}

/// TRANSIENT_ERROR until `wake`.
pub(super) fn wait(draft: &mut Draft, failure: Failure, wake: Wake) {
    draft.stop_running();
    draft.job.error = Some(Box::new(failure));
    draft.job.state = State::TransientError { wake };
    draft.act(Action::Notify(Notification::JobModification));
}

/// Neither counted nor waited for by time, but the no-progress clock runs.
pub(super) fn without_network(draft: &mut Draft, failure: Failure) {
    draft.job.no_progress_since.get_or_insert(draft.now);
    if every_error_is_fatal(draft) {
        draft.enter_error(failure);
    } else {
        wait(draft, failure, Wake::NetworkReturns);
    }
}

pub(super) fn network_disconnected() -> Failure {
    Failure::of(bits::BG_E_NETWORK_DISCONNECTED, ErrorContext::GeneralTransport)
}

/// How BITS documents both of these settings.
fn every_error_is_fatal(draft: &Draft) -> bool {
    let choices = draft.job.choices;
    choices.no_progress_timeout.is_zero() || choices.minimum_retry_delay > choices.no_progress_timeout
}

fn is_running(draft: &Draft, attempt: Attempt) -> bool {
    draft.job.running() == Some(attempt)
}
