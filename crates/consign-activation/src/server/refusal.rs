use std::time::Duration;

use consign_core::{Hresult, common};

use crate::{failure::Failure, process::Exit};

/// Why somebody who wanted a server gets none, or a server was not registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The process could not be started.
    #[error("{0}")]
    SpawnFailed(Failure),
    /// It did not register in time.
    #[error("the server did not register in time")]
    TimedOut,
    /// It ended first. A server that goes into the background ends, too.
    #[error("the server ended before it had registered its class ({0})")]
    Exited(Exit),
    /// It registered another class.
    #[error("the server registered another class than the one it was started for")]
    WrongClass,
    /// It keeps failing.
    #[error("the server failed {}, and is not started again before {} s have passed", in_a_row(*failures), left.as_secs_f64().ceil())]
    BackingOff {
        /// How often.
        failures: u32,
        /// For how long.
        left: Duration,
    },
    /// It has to end.
    #[error("{}", .0.sentence())]
    Stopped(StopReason),
    /// The token is not the one of a server that is being started.
    #[error("the activation token is not that of a server that is being started")]
    StaleToken,
    /// There was no token.
    #[error("a server of this class registers with the activation token that it was started with")]
    TokenNeeded,
    /// There is a server already.
    #[error("the class has a server already")]
    AlreadyRegistered,
}

/// Why a server was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody asked for it.
    Asked,
    /// The class is not registered any more.
    Unregistered,
    /// The service ends.
    ServiceEnds,
}

impl StopReason {
    const fn sentence(self) -> &'static str {
        match self {
            Self::Asked => "the server was stopped",
            Self::Unregistered => "the class was unregistered",
            Self::ServiceEnds => "the service is ending",
        }
    }
}

impl Refusal {
    /// Which HRESULT.
    pub const fn code(&self) -> Hresult {
        match self {
            Self::SpawnFailed(failure) => failure.code,
            Self::TimedOut | Self::Exited(_) | Self::WrongClass | Self::BackingOff { .. } => common::CO_E_SERVER_EXEC_FAILURE,
            Self::Stopped(StopReason::Asked) => common::ERROR_OPERATION_ABORTED,
            Self::Stopped(StopReason::Unregistered) => common::REGDB_E_CLASSNOTREG,
            Self::Stopped(StopReason::ServiceEnds) => common::ERROR_SHUTDOWN_IN_PROGRESS,
            Self::StaleToken | Self::TokenNeeded => common::E_ACCESSDENIED,
            Self::AlreadyRegistered => common::CO_E_OBJISREG,
        }
    }
}

fn in_a_row(failures: u32) -> String {
    match failures {
        1 => "once".to_owned(),
        many => format!("{many} times in a row"),
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let retry_after = match &refusal {
            Refusal::SpawnFailed(failure) => return failure.clone(),
            Refusal::BackingOff { left, .. } => Some(*left),
            _ => None,
        };
        Self { retry_after, ..Self::new(refusal.code(), refusal.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_in_words() {
        let said = |failures| Refusal::BackingOff { failures, left: Duration::from_millis(1500) }.to_string();
        assert_eq!(said(1), "the server failed once, and is not started again before 2 s have passed");
        assert_eq!(said(2), "the server failed 2 times in a row, and is not started again before 2 s have passed");
    }
}
