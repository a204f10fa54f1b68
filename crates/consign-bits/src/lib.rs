//! The vocabulary of BITS: what a job is, in Microsoft's words and numbers.
//!
//! Shared by the engine, the wire and the client library, so that each says the same thing. No
//! behaviour lives here, and nothing that only one of them needs.

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;

mod codes;
mod error;
mod flags;
mod job;
pub mod limits;
mod property;
mod url;

pub use codes::{Description, bits, describe, http_status, wininet};
pub use error::{ErrorContext, Failure, Sentence};
pub use flags::{NotifyFlags, SecurityFlags};
pub use job::{FileRange, JobId, JobState, JobType, LENGTH_TO_EOF, ParseJobIdError, Priority, ProxyUsage, RangeSupport, SIZE_UNKNOWN};
pub use property::{Checksum, ChecksumAlgorithm, ParseChecksumError, ProxySettings, UnknownValue};
pub use url::ShownUrl;
