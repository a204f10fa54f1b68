//! Outboxes.

use consign::{OutboxSnapshot, OutboxState, describe};
use serde::Serialize;

use crate::text::exact;

/// An outbox, as `outbox list` prints it.
#[derive(Serialize)]
pub(crate) struct Outbox {
    path: String,
    /// Null while it was never read.
    id: Option<String>,
    state: &'static str,
    pending: u64,
    taken: u64,
    /// What is in the way.
    problem: Option<OutboxProblem>,
    scan_time: Option<String>,
    /// Null if time does not decide.
    next_attempt: Option<String>,
}

#[derive(Serialize)]
struct OutboxProblem {
    code: String,
    symbol: String,
    sentence: String,
}

/// An outbox to which something was done.
#[derive(Serialize)]
pub(crate) struct OutboxDone {
    path: String,
}

impl OutboxDone {
    pub(crate) fn new(path: &str) -> Self {
        Self { path: path.to_owned() }
    }
}

impl From<&OutboxSnapshot> for Outbox {
    fn from(outbox: &OutboxSnapshot) -> Self {
        Self {
            path: outbox.path.clone(),
            id: outbox.id.map(|id| id.to_string()),
            state: match outbox.state {
                OutboxState::Idle => "idle",
                OutboxState::Carrying => "carrying",
                OutboxState::Waiting => "waiting",
                OutboxState::Unusable => "unusable",
                _ => "unknown",
            },
            pending: outbox.pending,
            taken: outbox.taken,
            problem: outbox.problem.as_ref().map(|problem| OutboxProblem {
                code: problem.code.to_string(),
                symbol: describe(problem.code).symbol.into_owned(),
                sentence: problem.sentence.to_string(),
            }),
            scan_time: outbox.scanned.map(exact),
            next_attempt: outbox.next_attempt.map(exact),
        }
    }
}
