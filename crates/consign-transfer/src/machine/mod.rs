//! A job's state machine: every state and transition of BITS, as one pure total function.
//!
//! [`step`] is told what the job is, what happened and what time it is; it answers with what the
//! job becomes, what the caller hears, and what has to be done once that is stored. It does no
//! I/O and has no clock, so tests walk every pair of state and event, and a crash between deciding
//! and acting loses nothing: [`Event::ServiceStarted`] derives the same actions again.
//!
//! Nobody else makes a next state.

mod attempt;
mod call;
mod condition;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod table_tests;

use std::time::Duration;

use consign_bits::{Failure, JobState, JobType, bits};
use consign_core::{Hresult, Now, Timestamp, clock::Monotonic};

/// What the machine knows of a job: no names, no bytes, no files, only what it decides upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Uploads are in the machine from the start; the engine carries downloads so far.
    pub job_type: JobType,
    /// Where it stands.
    pub state: State,
    /// How many files it has.
    pub files_total: u32,
    /// How many of them are whole, verified and safe on disk.
    pub files_transferred: u32,
    /// The last failure, until bytes move again.
    pub error: Option<Box<Failure>>,
    /// Failed attempts, ever.
    pub error_count: u32,
    /// Since when nothing has come: the first transient error after the last byte.
    pub no_progress_since: Option<Now>,
    /// How long it was CONNECTING or TRANSFERRING before the present attempt, since the last
    /// `Resume`.
    pub active_before: Duration,
    /// The number of the present or last attempt. What an older one reports is dropped.
    pub attempt: Attempt,
    /// When TRANSFERRED was entered.
    pub transferred_at: Option<Timestamp>,
    /// What its owner chose.
    pub choices: Choices,
}

/// The properties that decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choices {
    /// `SetMinimumRetryDelay`.
    pub minimum_retry_delay: Duration,
    /// `SetNoProgressTimeout`.
    pub no_progress_timeout: Duration,
    /// `SetMaximumDownloadTime`.
    pub maximum_download_time: Duration,
    /// Whether the service calls `Complete` itself.
    pub auto_complete: bool,
}

/// One try at transferring, from being picked to giving up, however many connections it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Attempt(pub u64);

/// Where a job stands. Each variant carries what is valid there and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// `BG_JOB_STATE_SUSPENDED`.
    Suspended,
    /// `BG_JOB_STATE_QUEUED`.
    Queued,
    /// `BG_JOB_STATE_CONNECTING`.
    Connecting {
        /// When it was picked.
        since: Monotonic,
    },
    /// `BG_JOB_STATE_TRANSFERRING`.
    Transferring {
        /// When it was picked.
        since: Monotonic,
    },
    /// `BG_JOB_STATE_TRANSIENT_ERROR`.
    TransientError {
        /// What ends it.
        wake: Wake,
    },
    /// `BG_JOB_STATE_ERROR`.
    Error,
    /// `BG_JOB_STATE_TRANSFERRED`.
    Transferred,
    /// `Complete` was decided and its renames are under way. Shown as TRANSFERRED, or as
    /// SUSPENDED where files are missing. Stored, so that a crash does not leave half of it.
    Completing {
        /// Whether the service itself called `Complete`: nobody waits for the answer, so a
        /// failure becomes the job's error.
        by_itself: bool,
    },
    /// `BG_JOB_STATE_ACKNOWLEDGED`.
    Acknowledged,
    /// `BG_JOB_STATE_CANCELLED`.
    Cancelled,
}

/// What ends a transient error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The retry delay, or what the server asked for if that is longer.
    At(Now),
    /// The network.
    NetworkReturns,
    /// The condition that blocks it: a policy, a cost, a lock.
    ConditionEnds,
}

/// How bad a failure is: the split of the reference's part 4.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Somebody must act.
    Fatal,
    /// It passes; the server may have named a time.
    Transient {
        /// `Retry-After`.
        not_before: Option<Duration>,
    },
    /// There is no network: not counted, and not waited for by time.
    NetworkDown,
}

/// How `Complete`'s renames ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    /// Finished files have their names; what was left of the others is gone, or not.
    Done {
        /// Whether every temporary file could be deleted.
        all_deleted: bool,
    },
    /// A file could not be renamed.
    Failed {
        /// Why.
        failure: Failure,
        /// So many files that were done are gone from the disk and have to be fetched again.
        lost: u32,
    },
}

/// Whose data was found invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The server's.
    Server,
    /// A peer's.
    Peer,
}

/// Everything that can happen to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// `AddFile`, `AddFileSet`, `AddFileWithRanges`: so many were added.
    FilesAdded(u32),
    /// A setter of one of the [`Choices`].
    Chosen(Choices),
    /// `Resume`.
    Resume,
    /// `Suspend`.
    Suspend,
    /// `Complete`.
    Complete,
    /// `Cancel`.
    Cancel,
    /// `SetValidationState(FALSE)` on a file that was done.
    FoundInvalid(Origin),

    /// The scheduler picked it.
    Picked,
    /// Its time slice is over.
    SliceOver,
    /// A job of a higher level needs its place.
    Preempted,

    /// A server answers.
    Connected(Attempt),
    /// Bytes came.
    Progressed(Attempt),
    /// A file is whole, verified and safe on disk.
    FileTransferred(Attempt),
    /// Nothing is left to transfer.
    NothingLeft(Attempt),
    /// On demand: all requested ranges are here, and the file is not whole.
    RangesPresent(Attempt),
    /// A file cannot go on.
    Failed(Attempt, Failure, Severity),
    /// A file that was counted as done has to be fetched again.
    FileLost(Attempt),

    /// The renames of `Complete` ended.
    Committed(CommitOutcome),

    /// There is no network any more.
    NetworkLost,
    /// There is a network (again).
    NetworkReturned,
    /// A policy, cost, power state or lock blocks the job: with its code.
    Blocked(Failure),
    /// What blocked it has ended.
    Unblocked,
    /// The owner logged off. The engine itself never says so: jobs run for any user.
    OwnerLoggedOff,

    /// The retry delay is over.
    RetryDue,
    /// The no-progress timeout is over.
    NoProgressDue,
    /// The maximum download time is used up.
    MaximumTimeDue,
    /// Nobody touched the job for the inactivity timeout.
    InactivityDue,

    /// The service begins with this job in its store.
    ServiceStarted,
}

/// What has to be done once the decision is stored. Each can be done twice without harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Begin to transfer, under this attempt.
    StartTransfer(Attempt),
    /// End this attempt, keeping what is on disk.
    StopTransfer(Attempt),
    /// Give the finished files their names and delete the temporary files of the others; then
    /// [`Event::Committed`].
    CommitFiles,
    /// Delete all temporary files.
    DeleteTemporaryFiles,
    /// Forget what was transferred of the file that was found invalid.
    ForgetInvalidFile,
    /// Tell the owner.
    Notify(Notification),
    /// A notification that nobody received yet has lost its sense.
    WithdrawNotifications,
}

/// What the owner is told, by callback or command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notification {
    /// `JobTransferred`.
    JobTransferred,
    /// `JobError`.
    JobError,
    /// `JobModification`.
    JobModification,
}

/// What [`step`] decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The job as it is from now on.
    pub job: Job,
    /// What the caller hears, where the event was a call.
    pub answer: Result<Hresult, Failure>,
    /// What to do, in this order, after the job was stored.
    pub actions: Vec<Action>,
}

/// Decides.
pub fn step(job: &Job, event: Event, now: Now) -> Step {
    let mut next = Draft { job: job.clone(), actions: Vec::new(), now };
    let answer = match event {
        Event::FilesAdded(count) => call::files_added(&mut next, count),
        Event::Chosen(choices) => call::chosen(&mut next, choices),
        Event::Resume => call::resume(&mut next),
        Event::Suspend => call::suspend(&mut next),
        Event::Complete => call::complete(&mut next),
        Event::Cancel => call::cancel(&mut next),
        Event::FoundInvalid(origin) => call::found_invalid(&mut next, origin),
        Event::Committed(outcome) => call::committed(&mut next, outcome),

        Event::Picked => attempt::picked(&mut next),
        Event::SliceOver | Event::Preempted | Event::OwnerLoggedOff => attempt::give_way(&mut next),
        Event::Connected(attempt) => attempt::connected(&mut next, attempt),
        Event::Progressed(attempt) => attempt::progressed(&mut next, attempt),
        Event::FileTransferred(attempt) => attempt::file_transferred(&mut next, attempt),
        Event::NothingLeft(attempt) => attempt::nothing_left(&mut next, attempt),
        Event::RangesPresent(attempt) => attempt::ranges_present(&mut next, attempt),
        Event::Failed(attempt, failure, severity) => attempt::failed(&mut next, attempt, failure, severity),
        Event::FileLost(attempt) => attempt::file_lost(&mut next, attempt),

        Event::NetworkLost => condition::network_lost(&mut next),
        Event::NetworkReturned => condition::network_returned(&mut next),
        Event::Blocked(failure) => condition::blocked(&mut next, failure),
        Event::Unblocked => condition::unblocked(&mut next),
        Event::RetryDue => condition::retry_due(&mut next),
        Event::NoProgressDue => condition::no_progress_due(&mut next),
        Event::MaximumTimeDue => condition::maximum_time_due(&mut next),
        Event::InactivityDue => condition::inactivity_due(&mut next),
        Event::ServiceStarted => condition::service_started(&mut next),
    };
    Step { job: next.job, answer, actions: next.actions }
}

impl Job {
    /// An empty job, as `CreateJob` makes it.
    pub const fn new(job_type: JobType, choices: Choices) -> Self {
        Self {
            job_type,
            state: State::Suspended,
            files_total: 0,
            files_transferred: 0,
            error: None,
            error_count: 0,
            no_progress_since: None,
            active_before: Duration::ZERO,
            attempt: Attempt(0),
            transferred_at: None,
            choices,
        }
    }

    /// `GetState`.
    pub const fn shown_state(&self) -> JobState {
        match self.state {
            State::Suspended => JobState::Suspended,
            State::Queued => JobState::Queued,
            State::Connecting { .. } => JobState::Connecting,
            State::Transferring { .. } => JobState::Transferring,
            State::TransientError { .. } => JobState::TransientError,
            State::Error => JobState::Error,
            State::Transferred => JobState::Transferred,
            State::Completing { .. } => {
                if self.all_transferred() {
                    JobState::Transferred
                } else {
                    JobState::Suspended
                }
            }
            State::Acknowledged => JobState::Acknowledged,
            State::Cancelled => JobState::Cancelled,
        }
    }

    /// The attempt under way, if one is.
    pub const fn running(&self) -> Option<Attempt> {
        match self.state {
            State::Connecting { .. } | State::Transferring { .. } => Some(self.attempt),
            _ => None,
        }
    }

    /// Whether it can still change. A job whose `Complete` is under way can only end.
    pub const fn is_final(&self) -> bool {
        matches!(self.state, State::Acknowledged | State::Cancelled)
    }

    /// The next event that time alone brings, and when.
    pub fn deadline(&self) -> Option<(Monotonic, Event)> {
        let no_progress = self.no_progress_since.map(|since| (since.monotonic + self.choices.no_progress_timeout, Event::NoProgressDue));
        match self.state {
            State::Connecting { since } | State::Transferring { since } => {
                let left = self.choices.maximum_download_time.saturating_sub(self.active_before);
                Some((since + left, Event::MaximumTimeDue))
            }
            State::TransientError { wake: Wake::At(at) } => {
                let retry = (at.monotonic, Event::RetryDue);
                Some(no_progress.filter(|(due, _)| *due < retry.0).unwrap_or(retry))
            }
            State::TransientError { .. } => no_progress,
            _ => None,
        }
    }

    const fn all_transferred(&self) -> bool {
        self.files_total > 0 && self.files_transferred >= self.files_total
    }
}

/// A job being changed: what the families of transitions work on.
struct Draft {
    job: Job,
    actions: Vec<Action>,
    now: Now,
}

impl Draft {
    fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    fn refuse_final(&self) -> Result<(), Failure> {
        match self.job.state {
            State::Acknowledged => Err(Failure::refused(bits::BG_E_INVALID_STATE, "the job was completed and cannot change any more")),
            State::Completing { .. } => Err(Failure::refused(bits::BG_E_INVALID_STATE, "the job is being completed")),
            State::Cancelled => Err(Failure::refused(bits::BG_E_INVALID_STATE, "the job was cancelled and cannot change any more")),
            _ => Ok(()),
        }
    }

    /// Ends the attempt under way, if one is, and counts its time.
    fn stop_running(&mut self) {
        if let State::Connecting { since } | State::Transferring { since } = self.job.state {
            self.job.active_before = self.job.active_before.saturating_add(self.now.monotonic.since(since));
            self.act(Action::StopTransfer(self.job.attempt));
        }
    }

    fn queue(&mut self) {
        self.stop_running();
        self.job.state = State::Queued;
        self.act(Action::Notify(Notification::JobModification));
    }

    fn enter_error(&mut self, failure: Failure) {
        self.stop_running();
        self.job.error = Some(Box::new(failure));
        self.job.state = State::Error;
        self.act(Action::Notify(Notification::JobError));
    }

    fn enter_transferred(&mut self) {
        self.stop_running();
        self.job.no_progress_since = None;
        self.job.error = None;
        self.job.transferred_at = Some(self.now.wall);
        self.job.state = State::Transferred;
        self.act(Action::Notify(Notification::JobTransferred));
        if self.job.choices.auto_complete {
            self.job.state = State::Completing { by_itself: true };
            self.act(Action::CommitFiles);
        }
    }
}
