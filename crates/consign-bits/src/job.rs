//! A job's identity, kinds and states.

use std::{fmt, str::FromStr};

use consign_core::{Guid, guid::ParseGuidError};

use crate::property::UnknownValue;

/// `BG_SIZE_UNKNOWN`: the size of a file, or of a job, that is not known yet. In bytes.
pub const SIZE_UNKNOWN: u64 = u64::MAX;

/// `BG_LENGTH_TO_EOF`: a range that goes on to the end of the file.
pub const LENGTH_TO_EOF: u64 = u64::MAX;

/// Names one job, for ever.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(Guid);

/// The text names no job.
pub type ParseJobIdError = ParseGuidError;

impl JobId {
    /// The job named by `guid`.
    pub const fn new(guid: Guid) -> Self {
        Self(guid)
    }

    /// The GUID.
    pub const fn guid(self) -> Guid {
        self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobId({})", self.0)
    }
}

impl FromStr for JobId {
    type Err = ParseJobIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// An enum whose variants carry Microsoft's numbers and one name each, for people and for scripts.
macro_rules! numbered {
    ($(#[$outer:meta])* $name:ident, $what:literal { $($(#[$inner:meta])* $variant:ident = $number:literal, $text:literal;)* }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$inner])* $variant = $number,)*
        }

        impl $name {
            /// Every value, in the order of the numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The number of the Windows headers.
            pub const fn number(self) -> u32 {
                self as u32
            }

            /// The name as the command line and `--json` print it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl TryFrom<u32> for $name {
            type Error = UnknownValue;

            fn try_from(number: u32) -> Result<Self, UnknownValue> {
                match number {
                    $($number => Ok(Self::$variant),)*
                    _ => Err(UnknownValue { what: $what }),
                }
            }
        }

        impl FromStr for $name {
            type Err = UnknownValue;

            fn from_str(text: &str) -> Result<Self, UnknownValue> {
                match text.to_ascii_lowercase().replace('_', "-").as_str() {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(UnknownValue { what: $what }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

numbered! {
    /// `BG_JOB_STATE`.
    JobState, "job state" {
        /// Ready, and waiting for its turn.
        Queued = 0, "queued";
        /// Contacting the server.
        Connecting = 1, "connecting";
        /// Moving bytes.
        Transferring = 2, "transferring";
        /// New, or paused by its owner.
        Suspended = 3, "suspended";
        /// Stopped until somebody acts.
        Error = 4, "error";
        /// Failed in a way that passes; it is tried again without help.
        TransientError = 5, "transient-error";
        /// All data is here; waits for `Complete`.
        Transferred = 6, "transferred";
        /// `Complete` succeeded. Final.
        Acknowledged = 7, "acknowledged";
        /// Cancelled. Final.
        Cancelled = 8, "cancelled";
    }
}

impl JobState {
    /// Whether the job can never change again (ACKNOWLEDGED, CANCELLED).
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Acknowledged | Self::Cancelled)
    }
}

numbered! {
    /// `BG_JOB_TYPE`.
    JobType, "job type" {
        /// Files come from servers.
        Download = 0, "download";
        /// One file goes to a server.
        Upload = 1, "upload";
        /// One file goes to a server, and its answer comes back as a file.
        UploadReply = 2, "upload-reply";
    }
}

numbered! {
    /// `BG_JOB_PRIORITY`. Foreground jobs run at once; of the others one runs at a time, the
    /// highest level first, equal ones by turns.
    Priority, "priority" {
        /// Runs at once, beside everything else.
        Foreground = 0, "foreground";
        /// Before `Normal`.
        High = 1, "high";
        /// The default.
        Normal = 2, "normal";
        /// After everything else.
        Low = 3, "low";
    }
}

numbered! {
    /// `BG_JOB_PROXY_USAGE`.
    ProxyUsage, "proxy usage" {
        /// The proxy variables of the client that made the job (`http_proxy`, `no_proxy`, …).
        Preconfig = 0, "preconfig";
        /// No proxy.
        NoProxy = 1, "no-proxy";
        /// The lists given with the job.
        Override = 2, "override";
        /// Automatic discovery. Kept for its number; the setter refuses it with `E_NOTIMPL`.
        Autodetect = 3, "autodetect";
    }
}

numbered! {
    /// Whether the server of a file gives parts of it.
    RangeSupport, "range support" {
        /// No answer has told yet.
        Unknown = 0, "unknown";
        /// It does: an interrupted download goes on where it was.
        Yes = 1, "yes";
        /// It does not: an interrupted download starts again.
        No = 2, "no";
    }
}

#[expect(clippy::derivable_impls, reason = "the enum is made by a macro that knows no defaults")]
impl Default for RangeSupport {
    fn default() -> Self {
        Self::Unknown
    }
}

/// `BG_FILE_RANGE`: bytes of the remote file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileRange {
    /// Where the range begins, in bytes from the start of the remote file.
    pub initial_offset: u64,
    /// How long it is, in bytes, or [`LENGTH_TO_EOF`].
    pub length: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_go_both_ways() {
        for state in JobState::ALL {
            assert_eq!(JobState::try_from(state.number()), Ok(*state));
            assert_eq!(state.name().parse(), Ok(*state));
        }
        assert_eq!("TRANSIENT_ERROR".parse(), Ok(JobState::TransientError));
        assert!(JobState::try_from(9).is_err());
        assert!("waiting".parse::<JobState>().is_err());
    }
}
