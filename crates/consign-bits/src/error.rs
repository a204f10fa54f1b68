//! What a failure says: a code, a context, a sentence.

use std::{borrow::Cow, fmt};

use consign_core::Hresult;

use crate::{codes::describe, property::UnknownValue};

/// `BG_ERROR_CONTEXT`: where it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum ErrorContext {
    /// No error.
    #[default]
    None = 0,
    /// The place is not known.
    Unknown = 1,
    /// The service itself: limits, time-outs, policies.
    GeneralQueueManager = 2,
    /// While the application was called back.
    QueueManagerNotification = 3,
    /// The local file.
    LocalFile = 4,
    /// The remote file: what the server said of this URL.
    RemoteFile = 5,
    /// The network, on the way to the server.
    GeneralTransport = 6,
    /// The application behind an upload server.
    RemoteApplication = 7,
    /// The application's check of the server's certificate.
    ServerCertificateCallback = 8,
}

impl ErrorContext {
    /// The number of the headers.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The name as it is printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Unknown => "unknown",
            Self::GeneralQueueManager => "general-queue-manager",
            Self::QueueManagerNotification => "queue-manager-notification",
            Self::LocalFile => "local-file",
            Self::RemoteFile => "remote-file",
            Self::GeneralTransport => "general-transport",
            Self::RemoteApplication => "remote-application",
            Self::ServerCertificateCallback => "server-certificate-callback",
        }
    }

    /// What `GetErrorContextDescription` says.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::None => "no error occurred",
            Self::Unknown => "the place of the error is not known",
            Self::GeneralQueueManager => "the error occurred in the service itself",
            Self::QueueManagerNotification => "the error occurred while the application was being notified",
            Self::LocalFile => "the error occurred while the local file was being processed",
            Self::RemoteFile => "the error occurred while the remote file was being processed",
            Self::GeneralTransport => "the error occurred in the network, on the way to the server",
            Self::RemoteApplication => "the error occurred in the application behind the server",
            Self::ServerCertificateCallback => "the application refused the certificate of the server",
        }
    }
}

impl TryFrom<u32> for ErrorContext {
    type Error = UnknownValue;

    fn try_from(number: u32) -> Result<Self, UnknownValue> {
        [
            Self::None,
            Self::Unknown,
            Self::GeneralQueueManager,
            Self::QueueManagerNotification,
            Self::LocalFile,
            Self::RemoteFile,
            Self::GeneralTransport,
            Self::RemoteApplication,
            Self::ServerCertificateCallback,
        ]
        .into_iter()
        .find(|context| context.number() == number)
        .ok_or(UnknownValue { what: "error context" })
    }
}

/// A sentence for people: lower case, no full stop, reads after "failed: ".
pub type Sentence = Cow<'static, str>;

/// A refused call or a failed job: the code, where, and why in plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which HRESULT.
    pub code: Hresult,
    /// In which context.
    pub context: ErrorContext,
    /// What happened and, where that helps, what to do.
    pub sentence: Sentence,
}

impl Failure {
    /// A failure with the words of its code's own description.
    pub fn of(code: Hresult, context: ErrorContext) -> Self {
        Self { code, context, sentence: describe(code).sentence }
    }

    /// A failure that says more than its code.
    pub fn new(code: Hresult, context: ErrorContext, sentence: impl Into<Sentence>) -> Self {
        Self { code, context, sentence: sentence.into() }
    }

    /// A call that was refused: no context, because no job failed.
    pub fn refused(code: Hresult, sentence: impl Into<Sentence>) -> Self {
        Self::new(code, ErrorContext::None, sentence)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.sentence, describe(self.code).symbol, self.code)
    }
}

impl std::error::Error for Failure {}
