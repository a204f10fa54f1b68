//! What can go wrong, and the HRESULT of each.

use std::{io, path::PathBuf, sync::Arc};

use consign_core::{Hresult, common};
use rusqlite::{ErrorCode, ffi};

/// A request was not carried out, or nobody can say that it was.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The request itself failed. What it had written is rolled back; its neighbours are not touched.
    #[error("the database refused the request")]
    Failed(#[source] Arc<rusqlite::Error>),
    /// The transaction that the request was part of was rolled back, for a cause that may pass: a
    /// full disk, a lock. Nothing of it is stored, and it can be asked for again.
    #[error("the changes could not be committed")]
    NotCommitted(#[source] Arc<rusqlite::Error>),
    /// The disk failed while the change was made durable. Whether it is stored shows when the store
    /// is opened again; until then every write is refused.
    #[error("the disk failed while the changes were committed")]
    Uncertain(#[source] Arc<rusqlite::Error>),
    /// The disk failed earlier. Nothing is written until the store is opened again.
    #[error("the store met a disk error and takes no more writes: restart the service")]
    Poisoned,
    /// The request panicked. What it had written is rolled back.
    #[error("the request panicked")]
    Panicked,
    /// The store was closed before the request was carried out.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// The HRESULT of this error.
    pub fn code(&self) -> Hresult {
        match self {
            Self::Failed(error) | Self::NotCommitted(error) | Self::Uncertain(error) => sqlite_code(error),
            Self::Poisoned => common::ERROR_IO_DEVICE,
            Self::Panicked => common::E_UNEXPECTED,
            Self::Closed => common::ERROR_SHUTDOWN_IN_PROGRESS,
        }
    }
}

/// A store could not be opened. The file is where it was, unless the error says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A newer version wrote it. It was not changed.
    #[error("{} was written by a newer version: its format is {found}, the newest known here is {known}", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// The format that the file has.
        found: i32,
        /// The newest format that this program can read.
        known: i32,
    },
    /// A folder, a symbolic link, a device or the like stands where the file should be.
    #[error("{} is not a plain file", path.display())]
    NotAFile {
        /// The database.
        path: PathBuf,
    },
    /// The file can be read but not written.
    #[error("{} cannot be written", path.display())]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },
    /// A setting on which durability rests did not take.
    #[error("the database did not take {setting}={wanted}: it has {found}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What it was set to.
        wanted: &'static str,
        /// What was read back.
        found: String,
    },
    /// A step to a newer format failed. The file has the format it had before the step.
    #[error("the database could not be brought from format {from} to the next")]
    Migration {
        /// The format that it still has.
        from: i32,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// SQLite could not do its part, and not because the file is unreadable.
    #[error("{} could not be {doing}", path.display())]
    Sqlite {
        /// What was tried, as a participle.
        doing: &'static str,
        /// The database.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The file system refused.
    #[error("{} could not be {doing}", path.display())]
    Io {
        /// What was tried, as a participle.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The thread that writes could not be started.
    #[error("the writer could not be started")]
    Thread(#[source] io::Error),
}

impl OpenError {
    /// The HRESULT of this error.
    pub fn code(&self) -> Hresult {
        match self {
            Self::Newer { .. } => common::ERROR_PRODUCT_VERSION,
            Self::NotAFile { .. } => common::ERROR_DIRECTORY,
            Self::ReadOnly { .. } => common::ERROR_WRITE_PROTECT,
            Self::Setting { .. } => common::CO_E_NOT_SUPPORTED,
            Self::Migration { source, .. } | Self::Sqlite { source, .. } => sqlite_code(source),
            Self::Io { source, .. } | Self::Thread(source) => io_code(source),
        }
    }
}

/// Whether the file itself is at fault, as opposed to what stands between it and us.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

/// Whether the disk failed in a way that makes it unknown what is durable. A full disk is not that,
/// also where SQLite reports it as an error of the shared memory, which is built anew when opened.
pub(crate) fn is_disk_failure(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        error.code == ErrorCode::SystemIoFailure && !matches!(error.extended_code, ffi::SQLITE_IOERR_SHMSIZE | ffi::SQLITE_IOERR_NOMEM)
    })
}

/// The HRESULT of what SQLite said.
pub fn sqlite_code(error: &rusqlite::Error) -> Hresult {
    let Some(error) = error.sqlite_error() else { return common::E_FAIL };
    match error.code {
        ErrorCode::DiskFull => common::ERROR_DISK_FULL,
        ErrorCode::SystemIoFailure if error.extended_code == ffi::SQLITE_IOERR_SHMSIZE => common::ERROR_DISK_FULL,
        ErrorCode::SystemIoFailure if error.extended_code == ffi::SQLITE_IOERR_NOMEM => common::E_OUTOFMEMORY,
        ErrorCode::SystemIoFailure => common::ERROR_IO_DEVICE,
        ErrorCode::OutOfMemory => common::E_OUTOFMEMORY,
        ErrorCode::PermissionDenied | ErrorCode::CannotOpen => common::E_ACCESSDENIED,
        ErrorCode::ReadOnly => common::ERROR_WRITE_PROTECT,
        // Only somebody who looks into the file from outside can hold it, and not for long.
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => common::ERROR_TIMEOUT,
        ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt => common::E_UNEXPECTED,
        _ => common::E_FAIL,
    }
}

fn io_code(error: &io::Error) -> Hresult {
    match error.kind() {
        io::ErrorKind::NotFound => common::ERROR_PATH_NOT_FOUND,
        io::ErrorKind::PermissionDenied => common::E_ACCESSDENIED,
        io::ErrorKind::ReadOnlyFilesystem => common::ERROR_WRITE_PROTECT,
        io::ErrorKind::StorageFull => common::ERROR_DISK_FULL,
        io::ErrorKind::QuotaExceeded => common::ERROR_DISK_QUOTA_EXCEEDED,
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => common::ERROR_DIRECTORY,
        io::ErrorKind::OutOfMemory => common::E_OUTOFMEMORY,
        io::ErrorKind::AlreadyExists => common::ERROR_ALREADY_EXISTS,
        io::ErrorKind::InvalidFilename => common::ERROR_FILENAME_EXCED_RANGE,
        _ => common::ERROR_IO_DEVICE,
    }
}
