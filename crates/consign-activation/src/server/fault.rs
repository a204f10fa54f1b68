use consign_core::common;

use crate::{failure::Failure, process::Exit};

/// Why the end of a server that had registered was a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Its users lost it, and nothing is known of its process.
    #[error("the server closed its connection while it was in use")]
    Closed,
    /// Its users lost it by this.
    #[error("the server died while it was in use ({0})")]
    Died(Exit),
    /// Nobody lost anything.
    #[error("the server ended badly ({0})")]
    Ended(Exit),
    /// It had its grace, and stayed; then how it was made to end, once that is known.
    #[error("the server stopped serving and did not end{}", by_force(*.0))]
    Lingered(Option<Exit>),
}

fn by_force(exit: Option<Exit>) -> String {
    exit.map(|exit| format!(" until it was made to ({exit})")).unwrap_or_default()
}

impl Fault {
    /// How a process ended that so many used.
    pub(super) const fn of(exit: Exit, users: u32) -> Self {
        match users {
            0 => Self::Ended(exit),
            _ => Self::Died(exit),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let code = match fault {
            Fault::Closed | Fault::Died(_) => common::RPC_E_DISCONNECTED,
            Fault::Ended(_) | Fault::Lingered(_) => common::CO_E_SERVER_EXEC_FAILURE,
        };
        Self::new(code, fault.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_said() {
        let said = |fault: Fault| Failure::from(fault).sentence.into_owned();
        assert_eq!(said(Fault::of(Exit::Signal(9), 1)), "the server died while it was in use (signal 9)");
        assert_eq!(said(Fault::of(Exit::Code(3), 0)), "the server ended badly (exit status 3)");
        assert_eq!(said(Fault::Lingered(None)), "the server stopped serving and did not end");
        assert_eq!(
            said(Fault::Lingered(Some(Exit::Signal(15)))),
            "the server stopped serving and did not end until it was made to (signal 15)"
        );
    }
}
