//! What a call of this library can fail with.

use std::{io, path::PathBuf};

use consign_bits::{ErrorContext, Failure, Sentence, describe};
use consign_core::{Hresult, PersistError, common, paths::NoHome};

/// What every call of this library returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The service refused the call, or tells what became of it.
    #[error("{}", .0.sentence)]
    Refused(Failure),
    /// The service is not running, and [`StartPolicy::Never`](crate::StartPolicy::Never) was asked
    /// for.
    #[error("the service is not running")]
    NotRunning,
    /// The connection was closed: the service ended or was killed. The jobs go on as soon as it
    /// runs again; [`Client::reconnect`](crate::Client::reconnect) starts it.
    #[error("the service has closed the connection")]
    Disconnected,
    /// The service could not be started.
    #[error("the service could not be started: {sentence}")]
    NotStarted {
        /// What it said, or what the system said of it.
        sentence: String,
    },
    /// The socket belongs to somebody else.
    #[error("the socket {} is served by user {uid}, not by us", socket.display())]
    ForeignService {
        /// Which socket.
        socket: PathBuf,
        /// Who serves it.
        uid: u32,
    },
    /// The socket could not be used.
    #[error("the socket {} could not be used", socket.display())]
    Socket {
        /// Which socket.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The environment names no folder for the service.
    #[error(transparent)]
    NoFolder(#[from] NoHome),
    /// The other side does not speak as it should: a different version, or no Consign at all.
    #[error("the service gave an answer that is not understood: {sentence}")]
    Protocol {
        /// What was wrong.
        sentence: String,
    },
    /// A call of [`blocking`](crate::blocking) was made on a thread that runs an async runtime.
    #[error("a blocking call was made inside an async runtime")]
    InsideRuntime,
    /// The runtime of [`blocking`](crate::blocking) could not be made.
    #[error("the threads of the library could not be started")]
    NoRuntime(#[source] io::Error),
}

impl Error {
    /// What a method of a component answers when it fails: a code to look up, and a sentence for people.
    pub fn failed(code: Hresult, sentence: impl Into<Sentence>) -> Self {
        Self::Refused(Failure::refused(code, sentence))
    }

    /// The HRESULT: the number to look up, the same on Windows where Windows has it.
    pub fn code(&self) -> Hresult {
        match self {
            Self::Refused(failure) => failure.code,
            Self::NotRunning => common::ERROR_SERVICE_NOT_ACTIVE,
            Self::Disconnected => common::RPC_E_DISCONNECTED,
            Self::NotStarted { .. } => common::CO_E_SERVER_EXEC_FAILURE,
            Self::ForeignService { .. } => common::E_ACCESSDENIED,
            Self::Socket { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => common::E_ACCESSDENIED,
            Self::NoFolder(_) => common::ERROR_PATH_NOT_FOUND,
            Self::Socket { .. } | Self::NoRuntime(_) => common::E_FAIL,
            Self::Protocol { .. } | Self::InsideRuntime => common::E_UNEXPECTED,
        }
    }

    /// The symbol of [`code`](Self::code), for example `BG_E_NOT_FOUND`.
    pub fn symbol(&self) -> Sentence {
        describe(self.code()).symbol
    }

    /// In which context it happened: [`ErrorContext::None`] for a refused call.
    pub fn context(&self) -> ErrorContext {
        match self {
            Self::Refused(failure) => failure.context,
            _ => ErrorContext::None,
        }
    }

    /// Whether the same call may succeed later without anything else being changed.
    pub fn is_worth_retrying(&self) -> bool {
        match self {
            Self::Refused(failure) => failure.code == common::ERROR_SHUTDOWN_IN_PROGRESS,
            Self::Disconnected | Self::NotRunning => true,
            _ => false,
        }
    }

    pub(crate) fn protocol(sentence: impl ToString) -> Self {
        Self::Protocol { sentence: sentence.to_string() }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Refused(failure)
    }
}

impl From<PersistError> for Error {
    fn from(error: PersistError) -> Self {
        Self::Refused(Failure::refused(error.code, error.sentence))
    }
}

impl From<zbus::Error> for Error {
    fn from(error: zbus::Error) -> Self {
        match error {
            zbus::Error::InputOutput(_) => Self::Disconnected,
            zbus::Error::MethodError(name, sentence, message) => match message.body().deserialize::<consign_wire::error::Body>() {
                Ok(body) => Self::Refused(consign_wire::error::from_wire(body)),
                Err(_) => Self::protocol(format!("{name}: {}", sentence.unwrap_or_default())),
            },
            other => Self::protocol(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consign_bits::bits;

    #[test]
    fn every_error_has_a_code_and_a_symbol() {
        let refused = Error::Refused(Failure::of(bits::BG_E_EMPTY, ErrorContext::None));
        assert_eq!((refused.symbol().as_ref(), refused.to_string().as_str()), ("BG_E_EMPTY", "the job has no files"));
        assert_eq!(Error::Disconnected.symbol(), "RPC_E_DISCONNECTED");
        assert!(Error::Disconnected.is_worth_retrying() && !refused.is_worth_retrying());
    }

    #[test]
    fn a_message_reads_after_failed_to() {
        for error in [Error::NotRunning, Error::Disconnected, Error::InsideRuntime, Error::protocol("x")] {
            let text = error.to_string();
            assert!(text.starts_with(char::is_lowercase) && !text.ends_with('.'), "{text}");
        }
    }
}
