//! Runs one command to its end: a job's command line, a helper program. Decides nothing about
//! repeating it.

use std::time::Duration;

use consign_core::{Clock, common};
use tokio::{task::spawn_blocking, time::timeout};

use crate::{
    environment::Environment,
    failure::Failure,
    output::{Output, OutputLine},
    policy::Program,
    process::{Exit, Group},
};

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// The last 64 KiB of what it wrote.
    pub output: Vec<OutputLine>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Exited(Exit),
    /// It ran at the deadline, and was killed with everything it had started.
    TimedOut,
}

/// Runs `program` with nothing but `environment`, in a process group of its own that does not outlive
/// this call, not even when its future is dropped. Whatever it leaves running in its group is killed
/// when it ends.
///
/// # Errors
/// `CO_E_SERVER_EXEC_FAILURE` when it could not be started, `E_ACCESSDENIED` when it was replaced since
/// it was checked.
pub async fn run(program: Program, environment: Environment, deadline: Duration, clock: &dyn Clock) -> Result<Outcome, Failure> {
    let path = program.path().to_owned();
    let started = spawn_blocking(move || Group::spawn(&program, &environment)).await;
    let (group, voice) = match started.unwrap_or_else(|_| Err(Failure::of(common::E_UNEXPECTED))) {
        Ok(started) => started,
        Err(failure) => {
            tracing::warn!(program = %path.display(), %failure, "a command could not be started");
            return Err(failure);
        }
    };
    tracing::info!(program = %path.display(), process = group.id(), "a command runs");
    let mut output = Output::default();
    let end = match timeout(deadline, voice.follow(|bytes| output.append(bytes, clock.now().wall))).await {
        Ok(Ok(())) => End::Exited(group.reap()),
        Ok(Err(error)) => return Err(Failure::system("following a command", &error)),
        Err(_) => {
            drop(group);
            End::TimedOut
        }
    };
    match end {
        End::Exited(exit) => tracing::info!(program = %path.display(), %exit, "a command has ended"),
        End::TimedOut => tracing::warn!(program = %path.display(), limit = ?deadline, "a command was killed at its deadline"),
    }
    Ok(Outcome { end, output: output.lines() })
}
