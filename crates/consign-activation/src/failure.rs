use std::{borrow::Cow, fmt, io, time::Duration};

use consign_core::{Hresult, common};

/// Why a call failed: which HRESULT, why in plain words, and when it may be worth another try.
/// The context of the failed call is the caller's to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which HRESULT.
    pub code: Hresult,
    /// Lower case, no full stop, reads after "failed: ".
    pub sentence: Cow<'static, str>,
    /// A try before this time has passed is refused without anything being started. `None` says
    /// nothing about later tries.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure with its own words.
    pub fn new(code: Hresult, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self { code, sentence: sentence.into(), retry_after: None }
    }

    /// A failure with the words of its code.
    pub fn of(code: Hresult) -> Self {
        Self::new(code, code.entry().map_or("unspecified failure", |entry| entry.sentence))
    }

    /// What the system said while `doing`.
    pub(crate) fn system(doing: &str, error: &io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::NotFound => common::ERROR_FILE_NOT_FOUND,
            io::ErrorKind::PermissionDenied => common::E_ACCESSDENIED,
            io::ErrorKind::AlreadyExists => common::ERROR_ALREADY_EXISTS,
            io::ErrorKind::NotADirectory => common::ERROR_DIRECTORY,
            io::ErrorKind::StorageFull => common::ERROR_DISK_FULL,
            io::ErrorKind::QuotaExceeded => common::ERROR_DISK_QUOTA_EXCEEDED,
            io::ErrorKind::ReadOnlyFilesystem => common::ERROR_WRITE_PROTECT,
            io::ErrorKind::InvalidFilename => common::ERROR_FILENAME_EXCED_RANGE,
            io::ErrorKind::OutOfMemory => common::E_OUTOFMEMORY,
            _ => common::E_FAIL,
        };
        Self::new(code, format!("{doing}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code.entry() {
            Some(entry) => write!(f, "{} ({} {})", self.sentence, entry.symbol, self.code),
            None => write!(f, "{} ({})", self.sentence, self.code),
        }
    }
}

impl std::error::Error for Failure {}
