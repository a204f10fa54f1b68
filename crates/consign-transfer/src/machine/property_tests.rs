//! Random histories keep the invariants that ARCHITECTURE.md lists.

use std::time::Duration;

use consign_bits::{ErrorContext, Failure, JobState, JobType, bits};
use consign_core::{Now, Timestamp, clock::Monotonic};
use proptest::prelude::*;

use super::{Action, Attempt, Choices, CommitOutcome, Event, Job, Notification, Origin, Severity, State, Wake, step};

fn failure() -> Failure {
    Failure::of(bits::BG_E_CONNECT_FAILURE, ErrorContext::GeneralTransport)
}

/// An event; attempts are given as how far back they lie.
fn events() -> impl Strategy<Value = (Event, u64, u64)> {
    let choices = (0..3_u64, 0..4_u64, 1..5_u64, any::<bool>()).prop_map(|(retry, progress, maximum, auto_complete)| Choices {
        minimum_retry_delay: Duration::from_secs(retry),
        no_progress_timeout: Duration::from_secs(progress),
        maximum_download_time: Duration::from_secs(maximum),
        auto_complete,
    });
    let severity = prop_oneof![
        Just(Severity::Fatal),
        (0..9_u64).prop_map(|seconds| Severity::Transient { not_before: Some(Duration::from_secs(seconds)) }),
        Just(Severity::Transient { not_before: None }),
        Just(Severity::NetworkDown),
    ];
    let zero = Attempt(0);
    let event = prop_oneof![
        1 => (0..4_u32).prop_map(Event::FilesAdded),
        1 => choices.prop_map(Event::Chosen),
        4 => Just(Event::Resume),
        1 => Just(Event::Suspend),
        1 => Just(Event::Complete),
        1 => Just(Event::Cancel),
        1 => Just(Event::FoundInvalid(Origin::Server)),
        1 => Just(Event::FoundInvalid(Origin::Peer)),
        6 => Just(Event::Picked),
        1 => Just(Event::SliceOver),
        4 => Just(Event::Connected(zero)),
        1 => Just(Event::Progressed(zero)),
        6 => Just(Event::FileTransferred(zero)),
        1 => Just(Event::NothingLeft(zero)),
        1 => Just(Event::RangesPresent(zero)),
        1 => Just(Event::FileLost(zero)),
        1 => severity.prop_map(move |severity| Event::Failed(zero, failure(), severity)),
        1 => any::<bool>().prop_map(|all_deleted| Event::Committed(CommitOutcome::Done { all_deleted })),
        1 => (0..2_u32).prop_map(|lost| Event::Committed(CommitOutcome::Failed { failure: failure(), lost })),
        1 => Just(Event::NetworkLost),
        1 => Just(Event::NetworkReturned),
        1 => Just(Event::Blocked(failure())),
        1 => Just(Event::Unblocked),
        1 => Just(Event::RetryDue),
        1 => Just(Event::NoProgressDue),
        1 => Just(Event::MaximumTimeDue),
        1 => Just(Event::InactivityDue),
        2 => Just(Event::ServiceStarted),
    ];
    (event, prop_oneof![8 => Just(0_u64), 1 => 1..3_u64], 0..3_u64)
}

fn with_attempt(event: Event, attempt: Attempt) -> Event {
    match event {
        Event::Connected(_) => Event::Connected(attempt),
        Event::Progressed(_) => Event::Progressed(attempt),
        Event::FileTransferred(_) => Event::FileTransferred(attempt),
        Event::NothingLeft(_) => Event::NothingLeft(attempt),
        Event::RangesPresent(_) => Event::RangesPresent(attempt),
        Event::FileLost(_) => Event::FileLost(attempt),
        Event::Failed(_, failure, severity) => Event::Failed(attempt, failure, severity),
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_keep_the_invariants(history in prop::collection::vec(events(), 1..60)) {
        let choices = Choices {
            minimum_retry_delay: Duration::from_secs(1),
            no_progress_timeout: Duration::from_secs(3),
            maximum_download_time: Duration::from_secs(9),
            auto_complete: false,
        };
        let mut job = Job::new(JobType::Download, choices);
        let mut seconds = 0;
        // What a shell that does as it is told would have running.
        let mut running: Option<Attempt> = None;
        for (event, back, passed) in history {
            seconds += passed;
            let since = Duration::from_secs(seconds);
            let now = Now { wall: Timestamp::from_millis(0) + since, monotonic: Monotonic::from_duration(since) };
            let restarted = event == Event::ServiceStarted;
            let event = with_attempt(event, Attempt(job.attempt.0.saturating_sub(back)));
            let before = job.clone();
            let decided = step(&before, event.clone(), now);
            job = decided.job;
            if restarted {
                running = None;
            }
            for action in &decided.actions {
                match action {
                    Action::StartTransfer(attempt) => {
                        prop_assert!(running.is_none(), "two attempts at once");
                        prop_assert!(*attempt > before.attempt, "an attempt's number is used once");
                        running = Some(*attempt);
                    }
                    Action::StopTransfer(attempt) => {
                        prop_assert_eq!(running, Some(*attempt), "what does not run is not stopped");
                        running = None;
                    }
                    Action::CommitFiles => prop_assert!(matches!(job.state, State::Completing { .. }), "renames belong to a decided complete"),
                    Action::DeleteTemporaryFiles => prop_assert_eq!(&job.state, &State::Cancelled),
                    Action::Notify(Notification::JobTransferred) => {
                        prop_assert_eq!(job.shown_state(), JobState::Transferred);
                        prop_assert_eq!(job.transferred_at, Some(now.wall));
                    }
                    Action::Notify(Notification::JobError) => prop_assert_eq!(&job.state, &State::Error, "never for a transient error"),
                    Action::Notify(Notification::JobModification) | Action::WithdrawNotifications | Action::ForgetInvalidFile => {}
                }
            }
            let tells_of_itself = |job: &Job| matches!(job.shown_state(), JobState::Transferred | JobState::Error);
            if tells_of_itself(&job) && job.shown_state() != before.shown_state() && !matches!(event, Event::FileTransferred(_)) {
                let modification = Action::Notify(Notification::JobModification);
                prop_assert!(!decided.actions.contains(&modification), "the change into it has a method of its own: {event:?}");
            }
            prop_assert_eq!(job.running(), running, "what the state says runs is what runs");
            if before.is_final() {
                prop_assert_eq!(&job, &before, "a final job never changes");
            }
            if decided.answer.is_err() && !matches!(event, Event::Committed(_)) {
                prop_assert_eq!(&job, &before, "a refused call changes nothing");
                prop_assert!(decided.actions.is_empty());
            }
            prop_assert!(job.files_transferred <= job.files_total);
            prop_assert!(job.error_count >= before.error_count, "the error count is never reset");
            prop_assert!(job.attempt >= before.attempt);
            if matches!(job.state, State::Error | State::TransientError { .. }) {
                prop_assert!(job.error.is_some(), "who waits or stopped can say why");
            }
            if matches!(job.state, State::TransientError { wake: Wake::At(_) | Wake::NetworkReturns }) {
                prop_assert!(job.no_progress_since.is_some(), "whoever fails for too long stops");
            }
            if job.state == State::Transferred {
                prop_assert!(job.transferred_at.is_some());
            }
            let again = step(&job, Event::ServiceStarted, now);
            let twice = step(&again.job, Event::ServiceStarted, now);
            prop_assert_eq!(&again.job, &twice.job, "taking up the work twice is taking it up once");
            if job.sleeps_through_starts() {
                prop_assert_eq!(&again.job, &job, "what need not be taken up is as it was");
                prop_assert!(again.actions.is_empty());
            }
            prop_assert_eq!(again.actions, twice.actions);
        }
    }
}
