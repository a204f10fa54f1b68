//! What can fail.

use std::{io, path::PathBuf};

use consign_core::{Hresult, common};
use consign_store::{outbox::NoOutbox, sqlite_code};

/// What every call of this library returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something was not done. Nothing was written then, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// SQLite failed. A failed commit is none, but for a failure of the disk: then the next opening shows it.
    #[error("the database failed")]
    Sqlite(#[from] rusqlite::Error),
    /// The database is in memory, or temporary: nobody could carry anything from there.
    #[error("the database is no file")]
    NoFile,
    /// The connection is one to another database than the outbox was opened with.
    #[error("the connection is not one to {}", expected.display())]
    OtherDatabase {
        /// The database of the outbox.
        expected: PathBuf,
    },
    /// The database did not take a setting on which durability rests. Where that is wanted so, say
    /// [`Durability::LeftToTheApplication`](crate::Durability::LeftToTheApplication).
    #[error("the database did not take {setting}={wanted}: it has {found}")]
    NotDurable {
        /// The name of the pragma.
        setting: &'static str,
        /// What it was set to.
        wanted: &'static str,
        /// What was read back.
        found: String,
    },
    /// The tables of the outbox cannot be used.
    #[error(transparent)]
    Tables(NoOutbox),
    /// The fair lock beside the database could not be taken.
    #[error("the lock beside {} could not be taken", database.display())]
    Lock {
        /// The database.
        database: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The transaction was ended by the work inside it, with a COMMIT or a ROLLBACK of its own, and with it
    /// perhaps what was to be committed together.
    #[error("the transaction was ended before its end")]
    Ended,
    /// What must happen in a transaction was called outside of one.
    #[error("the connection has no transaction open")]
    NoTransaction,
    /// Messages are to be forgotten that may still be played again.
    #[error("what was played in the last hour is not forgotten")]
    TooSoon,
}

impl Error {
    /// The HRESULT of this error.
    pub fn code(&self) -> Hresult {
        match self {
            Self::Sqlite(error) | Self::Tables(NoOutbox::Sqlite(error)) => sqlite_code(error),
            Self::NoFile | Self::OtherDatabase { .. } | Self::TooSoon => common::E_INVALIDARG,
            Self::NotDurable { .. } | Self::Tables(_) => common::CO_E_NOT_SUPPORTED,
            Self::Lock { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => common::E_ACCESSDENIED,
            Self::Lock { .. } => common::E_FAIL,
            Self::Ended | Self::NoTransaction => common::E_UNEXPECTED,
        }
    }
}

/// A component's method can end with `?`: the message is tried again.
impl From<Error> for consign::Error {
    fn from(error: Error) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self::failed(error.code(), format!("{error}{cause}"))
    }
}
