//! Why the service did not start.

use std::{io, path::PathBuf};

use consign_bits::{ErrorContext, Failure};
use consign_core::{Hresult, common, paths::NoHome};

use super::{SettingsError, lock::LockError};

/// The service did not start, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The environment names no folder for the state.
    #[error(transparent)]
    NoHome(#[from] NoHome),
    /// Another instance owns the state folder.
    #[error("the service is running already{}", process.map(|pid| format!(", as process {pid}")).unwrap_or_default())]
    AlreadyRunning {
        /// Its process, if it has said so yet.
        process: Option<u32>,
    },
    /// A folder, the lock, the log or the socket.
    #[error("{what} ({}) cannot be used", path.display())]
    Place {
        /// What it is for, for example `the state folder`.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The state would be on a network file system.
    #[error(
        "the state folder ({}) is on a network file system ({kind}), whose locks are not to be trusted: set CONSIGN_DIR or \
         XDG_STATE_HOME to a local folder",
        path.display()
    )]
    NetworkFileSystem {
        /// The folder.
        path: PathBuf,
        /// Which one.
        kind: &'static str,
    },
    /// `consign.toml`.
    #[error("the settings cannot be used")]
    Settings(#[from] SettingsError),
    /// The engine cannot use its state.
    #[error("the state cannot be used")]
    Engine(#[from] Failure),
    /// The operating system.
    #[error("{what} failed")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The process that was started in the background said so.
    #[error("{0}")]
    Background(String),
}

impl StartError {
    pub(super) fn place(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Place { what, path, source }
    }

    pub(super) const fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }

    pub(super) fn lock(path: PathBuf) -> impl FnOnce(LockError) -> Self {
        move |error| match error {
            LockError::Held { pid } => Self::AlreadyRunning { process: pid },
            LockError::Failed(source) => Self::Place { what: "the lock", path, source },
        }
    }

    /// The HRESULT.
    pub fn code(&self) -> Hresult {
        match self {
            Self::AlreadyRunning { .. } => common::ERROR_SERVICE_ALREADY_RUNNING,
            Self::NoHome(_) => common::ERROR_PATH_NOT_FOUND,
            Self::Settings(_) => common::E_INVALIDARG,
            Self::NetworkFileSystem { .. } => common::CO_E_NOT_SUPPORTED,
            Self::Engine(failure) => failure.code,
            Self::Place { source, .. } | Self::System { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => common::E_ACCESSDENIED,
                io::ErrorKind::NotFound => common::ERROR_PATH_NOT_FOUND,
                io::ErrorKind::NotADirectory => common::ERROR_DIRECTORY,
                io::ErrorKind::StorageFull => common::ERROR_DISK_FULL,
                io::ErrorKind::ReadOnlyFilesystem => common::ERROR_WRITE_PROTECT,
                _ => common::E_FAIL,
            },
            Self::Background(_) => common::CO_E_SERVER_EXEC_FAILURE,
        }
    }

    /// The error with its causes, in one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text.replace('\n', " ")
    }

    /// The same, as everything else here says it.
    pub fn to_failure(&self) -> Failure {
        Failure::new(self.code(), ErrorContext::GeneralQueueManager, self.chain())
    }
}
