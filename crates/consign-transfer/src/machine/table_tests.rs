//! Every pair of state and event, in one table. A letter is the state that follows; `!` after it
//! says that the call was refused.

use std::time::Duration;

use consign_bits::{ErrorContext, Failure, JobType, bits};
use consign_core::{Now, Timestamp, clock::Monotonic};

use super::{Attempt, Choices, CommitOutcome, Event, Job, Origin, Severity, State, Step, Wake, step};

const ATTEMPT: Attempt = Attempt(7);
const OLDER: Attempt = Attempt(6);

fn at(seconds: u64) -> Now {
    let since = Duration::from_secs(seconds);
    Now { wall: Timestamp::from_millis(0) + since, monotonic: Monotonic::from_duration(since) }
}

fn choices() -> Choices {
    Choices {
        minimum_retry_delay: Duration::from_secs(600),
        no_progress_timeout: Duration::from_secs(10_000),
        maximum_download_time: Duration::from_secs(10_000),
        auto_complete: false,
    }
}

/// A job with one of two files done; in the transferred states, both.
fn job(letter: char) -> Job {
    let since = at(1000).monotonic;
    let wake = |wake| State::TransientError { wake };
    let state = match letter {
        'S' => State::Suspended,
        'Q' => State::Queued,
        'C' => State::Connecting { since },
        'T' => State::Transferring { since },
        'W' => wake(Wake::At(at(11_000))),
        'N' => wake(Wake::NetworkReturns),
        'B' => wake(Wake::ConditionEnds),
        'E' => State::Error,
        'D' => State::Transferred,
        'P' => State::Completing { by_itself: false },
        'A' => State::Acknowledged,
        'X' => State::Cancelled,
        other => panic!("no state {other}"),
    };
    let failed = matches!(letter, 'W' | 'N' | 'B' | 'E');
    Job {
        state,
        files_total: 2,
        files_transferred: if matches!(letter, 'D' | 'A') { 2 } else { 1 },
        error: failed.then(broken).map(Box::new),
        no_progress_since: failed.then(|| at(1000)),
        attempt: ATTEMPT,
        ..Job::new(JobType::Download, choices())
    }
}

fn letter(job: &Job) -> char {
    match job.state {
        State::Suspended => 'S',
        State::Queued => 'Q',
        State::Connecting { .. } => 'C',
        State::Transferring { .. } => 'T',
        State::TransientError { wake: Wake::At(_) } => 'W',
        State::TransientError { wake: Wake::NetworkReturns } => 'N',
        State::TransientError { wake: Wake::ConditionEnds } => 'B',
        State::Error => 'E',
        State::Transferred => 'D',
        State::Completing { .. } => 'P',
        State::Acknowledged => 'A',
        State::Cancelled => 'X',
    }
}

fn broken() -> Failure {
    Failure::of(bits::BG_E_CONNECTION_CLOSED, ErrorContext::GeneralTransport)
}

const STATES: &str = "S  Q  C  T  W  N  B  E  D  P  A  X";

#[test]
fn every_state_meets_every_event() {
    let fatal = Severity::Fatal;
    let transient = Severity::Transient { not_before: None };
    let done = CommitOutcome::Done { all_deleted: true };
    let stays = STATES;
    let table: &[(Event, &str)] = &[
        (Event::FilesAdded(1), "S  Q  C  T  W  N  B  E  D  P! A! X!"),
        (Event::Chosen(choices()), "S  Q  C  T  W  N  B  E  D  P! A! X!"),
        (Event::Resume, "Q  Q  C  T  Q  Q  Q  Q  D  P! A! X!"),
        (Event::Suspend, "S  S  S  S  S  S  S  E  D  P! A! X!"),
        (Event::Complete, "P  P  P  P  P  P  P  P  P  P! A! X!"),
        (Event::Cancel, "X  X  X  X  X  X  X  X  X  P! A! X!"),
        (Event::FoundInvalid(Origin::Server), "E  E  E  E  E  E  E  E  E  P! A! X!"),
        (Event::FoundInvalid(Origin::Peer), "S  Q  C  T  W  N  B  E  Q  P! A! X!"),
        (Event::Picked, "S  C  C  T  W  N  B  E  D  P  A  X"),
        (Event::SliceOver, "S  Q  Q  Q  W  N  B  E  D  P  A  X"),
        (Event::Preempted, "S  Q  Q  Q  W  N  B  E  D  P  A  X"),
        (Event::OwnerLoggedOff, "S  Q  Q  Q  W  N  B  E  D  P  A  X"),
        (Event::Connected(ATTEMPT), "S  Q  T  T  W  N  B  E  D  P  A  X"),
        (Event::Connected(OLDER), stays),
        (Event::Progressed(ATTEMPT), stays),
        (Event::FileTransferred(ATTEMPT), "S  Q  D  D  W  N  B  E  D  P  A  X"),
        (Event::FileTransferred(OLDER), stays),
        (Event::NothingLeft(ATTEMPT), stays),
        (Event::RangesPresent(ATTEMPT), "S  Q  S  S  W  N  B  E  D  P  A  X"),
        (Event::RangesPresent(OLDER), stays),
        (Event::Failed(ATTEMPT, broken(), fatal), "S  Q  E  E  W  N  B  E  D  P  A  X"),
        (Event::Failed(ATTEMPT, broken(), transient), "S  Q  W  W  W  N  B  E  D  P  A  X"),
        (Event::Failed(ATTEMPT, broken(), Severity::NetworkDown), "S  Q  N  N  W  N  B  E  D  P  A  X"),
        (Event::Failed(OLDER, broken(), fatal), stays),
        (Event::FileLost(ATTEMPT), stays),
        (Event::Committed(done), "S  Q  C  T  W  N  B  E  D  A  A  X"),
        (Event::Committed(CommitOutcome::Failed { failure: broken(), lost: 0 }), "S  Q  C  T  W  N  B  E  D  S! A  X"),
        (Event::NetworkLost, "S  N  N  N  W  N  B  E  D  P  A  X"),
        (Event::NetworkReturned, "S  Q  C  T  Q  Q  B  E  D  P  A  X"),
        (Event::Blocked(broken()), "S  B  B  B  W  N  B  E  D  P  A  X"),
        (Event::Unblocked, "S  Q  C  T  W  N  Q  E  D  P  A  X"),
        (Event::RetryDue, "S  Q  C  T  Q  N  B  E  D  P  A  X"),
        (Event::NoProgressDue, "S  Q  C  T  E  E  E  E  D  P  A  X"),
        (Event::MaximumTimeDue, "S  Q  E  E  W  N  B  E  D  P  A  X"),
        (Event::InactivityDue, "X  X  X  X  X  X  X  X  X  P  A  X"),
        (Event::ServiceStarted, "S  Q  Q  Q  W  Q  Q  E  D  P  A  X"),
    ];
    for (event, expected) in table {
        let reached: Vec<String> = STATES
            .split_whitespace()
            .map(|column| {
                let Step { job, answer, .. } = step(&job(column.chars().next().unwrap()), event.clone(), at(11_000));
                format!("{}{}", letter(&job), if answer.is_err() { "!" } else { "" })
            })
            .collect();
        let expected: Vec<&str> = expected.split_whitespace().collect();
        assert_eq!(reached, expected, "{event:?} in {STATES}");
    }
}

fn after(job: &Job, event: Event) -> Job {
    step(job, event, at(11_000)).job
}

#[test]
fn resume_on_an_empty_job_says_so_and_changes_nothing() {
    let empty = Job::new(JobType::Download, choices());
    let answer = step(&empty, Event::Resume, at(0));
    assert_eq!(answer.answer.unwrap_err().code, bits::BG_E_EMPTY);
    assert_eq!(answer.job, empty);
}

#[test]
fn the_last_file_makes_the_job_transferred_and_auto_complete_completes_it() {
    let mut running = job('T');
    let transferred = after(&running, Event::FileTransferred(ATTEMPT));
    assert_eq!(transferred.transferred_at, Some(at(11_000).wall));
    running.choices.auto_complete = true;
    let completing = after(&running, Event::FileTransferred(ATTEMPT));
    assert_eq!(completing.state, State::Completing { by_itself: true });
    let failed = after(&completing, Event::Committed(CommitOutcome::Failed { failure: broken(), lost: 0 }));
    assert_eq!(failed.state, State::Error, "nobody waits for the answer, so it must be seen");
    assert_eq!(after(&failed, Event::Resume).state, State::Completing { by_itself: true }, "nothing is fetched twice");
}

#[test]
fn added_files_need_a_resume_once_the_job_is_transferred() {
    let more = after(&job('D'), Event::FilesAdded(1));
    assert_eq!(more.state, State::Transferred);
    assert_eq!(after(&more, Event::Resume).state, State::Queued);
}

#[test]
fn complete_keeps_what_is_done_and_says_what_is_not() {
    let partial = step(&after(&job('T'), Event::Complete), Event::Committed(CommitOutcome::Done { all_deleted: true }), at(1));
    assert_eq!(partial.answer, Ok(bits::BG_S_PARTIAL_COMPLETE));
    let left = step(&after(&job('D'), Event::Complete), Event::Committed(CommitOutcome::Done { all_deleted: false }), at(1));
    assert_eq!(left.answer, Ok(bits::BG_S_UNABLE_TO_DELETE_FILES));
    let locked = after(&after(&job('D'), Event::Complete), Event::Committed(CommitOutcome::Failed { failure: broken(), lost: 0 }));
    assert_eq!(locked.state, State::Transferred, "it stays, and can be completed again");
}

#[test]
fn uploads_complete_only_when_transferred_and_have_one_file() {
    let mut upload = Job { job_type: JobType::Upload, files_total: 1, files_transferred: 0, ..job('T') };
    assert_eq!(step(&upload, Event::Complete, at(0)).answer.unwrap_err().code, bits::BG_E_INVALID_STATE);
    assert_eq!(step(&upload, Event::FilesAdded(1), at(0)).answer.unwrap_err().code, bits::BG_E_TOO_MANY_FILES);
    upload.files_transferred = 1;
    upload.state = State::Transferred;
    assert_eq!(after(&upload, Event::Complete).state, State::Completing { by_itself: false });
}

#[test]
fn without_a_no_progress_timeout_or_with_a_longer_retry_delay_every_error_is_fatal() {
    let transient = Severity::Transient { not_before: None };
    for (retry, no_progress) in [(600, 0), (600, 599)] {
        let mut running = job('T');
        running.choices.minimum_retry_delay = Duration::from_secs(retry);
        running.choices.no_progress_timeout = Duration::from_secs(no_progress);
        assert_eq!(after(&running, Event::Failed(ATTEMPT, broken(), transient)).state, State::Error);
    }
}

#[test]
fn the_server_may_ask_for_a_longer_wait_but_not_for_a_shorter_one() {
    for (asked, waited) in [(5, 600), (3600, 3600)] {
        let transient = Severity::Transient { not_before: Some(Duration::from_secs(asked)) };
        let waiting = after(&job('T'), Event::Failed(ATTEMPT, broken(), transient));
        assert_eq!(waiting.state, State::TransientError { wake: Wake::At(at(11_000 + waited)) });
    }
}

#[test]
fn the_error_count_counts_attempts_and_not_the_network() {
    let transient = Severity::Transient { not_before: None };
    assert_eq!(after(&job('T'), Event::Failed(ATTEMPT, broken(), transient)).error_count, 1);
    assert_eq!(after(&job('T'), Event::Failed(ATTEMPT, broken(), Severity::Fatal)).error_count, 1);
    assert_eq!(after(&job('T'), Event::NetworkLost).error_count, 0);
    assert_eq!(after(&job('T'), Event::Blocked(broken())).error_count, 0);
}

#[test]
fn the_maximum_download_time_counts_running_alone_and_begins_again_at_resume() {
    let waiting = after(&job('T'), Event::Failed(ATTEMPT, broken(), Severity::Transient { not_before: None }));
    assert_eq!(waiting.active_before, Duration::from_secs(10_000));
    let queued = step(&waiting, Event::RetryDue, at(20_000)).job;
    let picked = step(&queued, Event::Picked, at(30_000)).job;
    assert_eq!(step(&picked, Event::MaximumTimeDue, at(30_000)).job.state, State::Error);
    assert_eq!(after(&waiting, Event::Resume).active_before, Duration::ZERO);
}

#[test]
fn a_wait_goes_on_by_the_calendar_after_a_restart() {
    let waiting = job('W');
    let restarted = step(&waiting, Event::ServiceStarted, Now { wall: at(10_990).wall, monotonic: at(5).monotonic }).job;
    let due = Now { wall: at(11_000).wall, monotonic: at(15).monotonic };
    assert_eq!(restarted.state, State::TransientError { wake: Wake::At(due) });
    assert_eq!(restarted.deadline().map(|(at, _)| at), Some(due.monotonic.min(at(0).monotonic + Duration::from_secs(10_000))));
}
