use std::sync::{Arc, Mutex, PoisonError};

use consign_core::{Timestamp, clock::Monotonic};
use tokio::{sync::oneshot, task::AbortHandle};

use super::{
    errands::Answer,
    options::{HandStarted, Options},
    status::{ClassState, ClassStatus},
};
use crate::{
    class_file::{ClassFile, Host},
    failure::Failure,
    output::Output,
    process::Group,
    server::{Attempt, Hosting, Process, Refusal, Server, State, Terms, Tokenless},
};

/// What is kept of one class.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) server: Server,
    /// The attempt before the first of this slot. An attempt of a class that was forgotten and has come
    /// back is none of those before: a lease of theirs may still be held.
    before: Attempt,
    /// As it was when the class was last wanted.
    pub(super) file: ClassFile,
    pub(super) terms: Terms,
    /// Of the latest attempt: the file may say otherwise by now.
    pub(super) host: Host,
    /// As many as [`Server::waiting`] says.
    pub(super) waiters: Vec<oneshot::Sender<Answer>>,
    pub(super) group: Option<Group>,
    pub(super) output: Arc<Mutex<Output>>,
    pub(super) timer: Option<(Monotonic, AbortHandle)>,
    pub(super) started: Option<Timestamp>,
    pub(super) last_failure: Option<(Timestamp, Failure)>,
}

/// What holds for the servers of a class, by its file.
pub(super) fn terms(options: &Options, file: &ClassFile) -> Terms {
    let hosting = if matches!(file.host, Host::Program(_)) { Hosting::Own } else { Hosting::Elsewhere };
    let accepted = matches!(file.host, Host::BusName(_)) || options.hand_started == HandStarted::Accepted;
    Terms {
        hosting,
        start_timeout: file.start_timeout,
        idle_stop: file.idle_stop,
        grace: options.grace,
        backoff: options.backoff,
        tokenless: if accepted { Tokenless::Accepted } else { Tokenless::Refused },
    }
}

impl Slot {
    /// Of a class that nobody has wanted yet.
    pub(super) fn new(file: ClassFile, terms: Terms, before: Attempt) -> Self {
        Self {
            server: Server { attempt: before, ..Server::default() },
            before,
            host: file.host.clone(),
            file,
            terms,
            waiters: Vec::new(),
            group: None,
            output: Arc::default(),
            timer: None,
            started: None,
            last_failure: None,
        }
    }

    pub(super) fn state(&self, now: Monotonic) -> ClassState {
        match &self.server.state {
            State::Absent => ClassState::Absent,
            State::Starting { .. } => ClassState::Starting,
            State::Running { connection, users, .. } => ClassState::Running { connection: *connection, users: *users },
            State::Stopping { .. } => ClassState::Stopping,
            State::BackingOff { until } => ClassState::BackingOff(until.since(now)),
        }
    }

    pub(super) fn status(&self, now: Monotonic) -> ClassStatus {
        ClassStatus {
            state: self.state(now),
            process: self.process(),
            started: self.started,
            attempts: self.server.attempt.0 - self.before.0,
            failures: self.server.failures,
            last_failure: self.last_failure.clone(),
            output: self.output.lock().unwrap_or_else(PoisonError::into_inner).lines(),
        }
    }

    /// The process, where it is ours.
    pub(super) fn process(&self) -> Option<u32> {
        match self.server.process()? {
            Process::Own(id) => Some(id),
            Process::Pending | Process::Elsewhere => None,
        }
    }

    /// Whether there is nothing to it but memories.
    pub(super) fn is_over(&self) -> bool {
        let idle = matches!(self.server.state, State::Absent | State::BackingOff { .. });
        idle && self.waiters.is_empty() && self.group.is_none()
    }

    /// A refusal with what the server wrote last, where that may say why.
    pub(super) fn explain(&self, refusal: Refusal) -> Failure {
        let by_itself = matches!(refusal, Refusal::Exited(_) | Refusal::TimedOut | Refusal::WrongClass);
        let mut failure = Failure::from(refusal);
        let words = self.output.lock().unwrap_or_else(PoisonError::into_inner).last_words(self.started.unwrap_or_default());
        if by_itself && let Some(words) = words {
            failure.sentence = format!("{}; it wrote last: {words}", failure.sentence).into();
        }
        failure
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some((_, timer)) = self.timer.take() {
            timer.abort();
        }
    }
}
