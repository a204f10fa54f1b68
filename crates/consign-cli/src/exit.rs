//! How the command ends.

use std::process::ExitCode;

/// The exit status. There are no others, but for a command that was killed by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It was done, or there was nothing to do.
    Done = 0,
    /// It failed; the reason is on stderr.
    Failed = 1,
    /// The command line was not understood.
    Usage = 2,
    /// It was interrupted from the keyboard: 128 and the number of the signal, as shells count.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
