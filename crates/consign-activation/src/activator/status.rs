use std::time::Duration;

use consign_core::Timestamp;

use crate::{failure::Failure, output::OutputLine, server::Connection};

/// What is known of the server of a class: what `consign class show` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassStatus {
    /// What it does.
    pub state: ClassState,
    /// Its process, where that is a child of the service.
    pub process: Option<u32>,
    /// When the latest attempt at it was begun.
    pub started: Option<Timestamp>,
    /// How many processes were started.
    pub attempts: u64,
    /// How many attempts in a row have failed.
    pub failures: u32,
    /// When and why the last one failed.
    pub last_failure: Option<(Timestamp, Failure)>,
    /// The last 64 KiB of what its processes wrote.
    pub output: Vec<OutputLine>,
}

/// The state of a class's server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassState {
    /// There is none.
    Absent,
    /// It has not registered yet.
    Starting,
    /// It serves.
    Running {
        /// Where it is reached.
        connection: Connection,
        /// How many use it.
        users: u32,
    },
    /// It has to end.
    Stopping,
    /// It is not started before this time has passed.
    BackingOff(Duration),
}

impl ClassState {
    /// As it is printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Starting => "starting",
            Self::Running { .. } => "running",
            Self::Stopping => "stopping",
            Self::BackingOff(_) => "backing-off",
        }
    }
}
