//! What went wrong inside the fetcher, before it is known what is safe on disk.

use std::{io, path::Path, time::Duration};

use consign_bits::{ErrorContext, Failure, Sentence, bits, wininet};
use consign_core::{Hresult, common};
use rustix::io::Errno;

use super::task::{Checkpoint, FetchFailure, Retry};
use crate::files;

/// A failure on its way out.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) failure: Failure,
    pub(super) retry: Retry,
    /// With redirects disallowed: where the server wanted to send us.
    pub(super) redirect: Option<String>,
    pub(super) at: At,
}

/// Where a trouble struck, as far as what comes next depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// On the connection, while bytes moved: worth a new one at once.
    Connection,
    /// On the disk: nothing that is not synced can be relied on.
    Disk,
    /// Anywhere else.
    Elsewhere,
}

impl Trouble {
    /// Not worth another attempt before somebody acts.
    pub(super) fn fatal(code: Hresult, context: ErrorContext, sentence: impl Into<Sentence>) -> Self {
        Self { failure: Failure::new(code, context, sentence), retry: Retry::Never, redirect: None, at: At::Elsewhere }
    }

    /// Worth another attempt later.
    pub(super) fn passing(code: Hresult, context: ErrorContext, sentence: impl Into<Sentence>) -> Self {
        Self { retry: Retry::After(None), ..Self::fatal(code, context, sentence) }
    }

    /// The server broke the protocol; what it sends cannot be trusted.
    pub(super) fn lie(sentence: impl Into<Sentence>) -> Self {
        Self::fatal(bits::BG_E_INVALID_SERVER_RESPONSE, ErrorContext::RemoteFile, sentence)
    }

    /// The connection broke after it had been set up.
    pub(super) fn cut(host: &str) -> Self {
        let sentence = format!("{host} closed the connection before the answer was whole");
        Self { at: At::Connection, ..Self::passing(bits::BG_E_CONNECTION_CLOSED, ErrorContext::GeneralTransport, sentence) }
    }

    /// The body stopped coming.
    pub(super) fn stalled(host: &str, limit: Duration) -> Self {
        let sentence = format!("{host} sent nothing for {} s", limit.as_secs());
        Self { at: At::Connection, ..Self::passing(bits::BG_E_NO_PROGRESS, ErrorContext::GeneralTransport, sentence) }
    }

    /// No answer came.
    pub(super) fn timed_out(what: &str, limit: Duration) -> Self {
        let sentence = format!("{what} within {} s", limit.as_secs());
        Self::passing(wininet::WININET_E_TIMEOUT, ErrorContext::GeneralTransport, sentence)
    }

    /// The file system failed.
    pub(super) fn disk(error: &io::Error, doing: &str, path: &Path) -> Self {
        let failure = files::local_failure(error, doing, path);
        let retry = if files::is_passing(failure.code) { Retry::After(None) } else { Retry::Never };
        Self { failure, retry, redirect: None, at: At::Disk }
    }

    /// A thread that worked for us died: a defect of ours, and the file may be fetched again.
    pub(super) fn worker(error: &tokio::task::JoinError) -> Self {
        Self::passing(common::E_UNEXPECTED, ErrorContext::GeneralQueueManager, format!("a worker of the service failed: {error}"))
    }

    /// `host` could not be connected.
    pub(super) fn connect(error: &io::Error, host: &str, is_loopback: bool) -> Self {
        let passing = |code, sentence: String| Self::passing(code, ErrorContext::GeneralTransport, sentence);
        match Errno::from_io_error(error) {
            Some(Errno::NETUNREACH | Errno::NETDOWN | Errno::AFNOSUPPORT) if !is_loopback => {
                let sentence = format!("there is no network that leads to {host}; the job goes on when there is");
                Self { retry: Retry::WhenNetworkReturns, ..passing(bits::BG_E_NETWORK_DISCONNECTED, sentence) }
            }
            Some(Errno::TIMEDOUT) => passing(wininet::WININET_E_TIMEOUT, format!("{host} did not answer in time")),
            Some(Errno::MFILE | Errno::NFILE) => {
                passing(common::ERROR_TOO_MANY_OPEN_FILES, "too many files and connections are open".into())
            }
            Some(Errno::CONNREFUSED) => passing(bits::BG_E_CONNECT_FAILURE, format!("{host} refused the connection")),
            _ => passing(bits::BG_E_CONNECT_FAILURE, format!("{host} could not be connected: {error}")),
        }
    }

    /// The outcome, once it is known what is safe.
    pub(super) fn with(self, checkpoint: Checkpoint) -> FetchFailure {
        FetchFailure { failure: self.failure, retry: self.retry, checkpoint, redirect: self.redirect }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_errors_have_their_codes() {
        let of = |errno: Errno, is_loopback| {
            let trouble = Trouble::connect(&errno.into(), "host", is_loopback);
            (trouble.failure.code, trouble.retry)
        };
        assert_eq!(of(Errno::CONNREFUSED, false), (bits::BG_E_CONNECT_FAILURE, Retry::After(None)));
        assert_eq!(of(Errno::HOSTUNREACH, false), (bits::BG_E_CONNECT_FAILURE, Retry::After(None)));
        assert_eq!(of(Errno::TIMEDOUT, false), (wininet::WININET_E_TIMEOUT, Retry::After(None)));
        assert_eq!(of(Errno::NETUNREACH, false), (bits::BG_E_NETWORK_DISCONNECTED, Retry::WhenNetworkReturns));
        assert_eq!(of(Errno::NETDOWN, false), (bits::BG_E_NETWORK_DISCONNECTED, Retry::WhenNetworkReturns));
        assert_eq!(of(Errno::NETUNREACH, true), (bits::BG_E_CONNECT_FAILURE, Retry::After(None)));
        assert_eq!(of(Errno::MFILE, false), (common::ERROR_TOO_MANY_OPEN_FILES, Retry::After(None)));
    }
}
