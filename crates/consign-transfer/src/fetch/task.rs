//! What is asked of the fetcher and what it answers.

use std::{ffi::OsString, time::Duration};

use consign_bits::{Checksum, Failure, FileRange, ProxySettings, RangeSupport, SecurityFlags};

use crate::files::Place;

/// One file, as the fetcher needs to know it.
#[derive(Clone, Debug)]
pub(crate) struct FileTask {
    /// The remote name.
    pub(crate) url: String,
    /// Where the file goes in the end; the temporary file stands beside it.
    pub(crate) place: Place,
    /// The name of the temporary file. Chosen and stored before it is made, so that a crash leaves
    /// no file that nobody knows.
    pub(crate) temporary_name: OsString,
    /// The parts that are wanted, in the order in which they are glued together; empty for all.
    pub(crate) ranges: Vec<FileRange>,
    /// What the whole file must hash to.
    pub(crate) checksum: Option<Checksum>,
    /// What is on disk already.
    pub(crate) checkpoint: Checkpoint,
}

/// What all files of a job have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct JobContext {
    pub(crate) proxy: ProxySettings,
    pub(crate) proxy_environment: ProxyEnvironment,
    pub(crate) security: SecurityFlags,
}

/// The proxy variables of the client that made the job. Values may hold credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct ProxyEnvironment {
    /// `http_proxy` (lower case alone, as curl has it: the upper-case one can be set by a CGI request).
    pub(crate) http: Option<String>,
    /// `https_proxy` or `HTTPS_PROXY`.
    pub(crate) https: Option<String>,
    /// `all_proxy` or `ALL_PROXY`.
    pub(crate) all: Option<String>,
    /// `no_proxy` or `NO_PROXY`.
    pub(crate) none: Option<String>,
}

/// What is known of a file and what of it is safe on disk.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Checkpoint {
    /// So many bytes of the temporary file were synced: they survive a power cut.
    pub(crate) synced: u64,
    /// What the server told of the file.
    pub(crate) facts: FileFacts,
}

/// What the server told of a file.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct FileFacts {
    /// The size of the whole remote file, in bytes, once known.
    pub(crate) size: Option<u64>,
    /// By what a later request knows that it is still the same file.
    pub(crate) validator: Validator,
    /// Whether parts of it can be had.
    pub(crate) ranges: RangeSupport,
    /// Where redirects led, where that differs from the remote name.
    pub(crate) final_url: Option<String>,
}

/// A strong entity tag, or the date of the last change. Weak tags are not kept: they do not
/// promise the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Validator {
    /// As the server wrote it, quotes included.
    pub(crate) etag: Option<String>,
    /// As the server wrote it. For `file:` the time in nanoseconds.
    pub(crate) last_modified: Option<String>,
}

/// Hears what happens while a file is fetched. Called from the fetching task: must not block.
pub(crate) trait Observer: Send + Sync {
    /// The server answers: its head is here, and was found good.
    fn answered(&self, facts: &FileFacts);
    /// So many bytes of the result are in the temporary file, synced or not. It can go back to
    /// zero, when the file changed on the server or has to be fetched again from its start.
    fn reached(&self, position: u64);
    /// All bytes are in the temporary file: what is left of the fetch is the disk's work alone.
    fn arrived(&self);
    /// So much is safe on disk. A restart from zero is told here before the temporary file is cut,
    /// and must be stored before this returns: this call alone may block for that. Otherwise a
    /// power cut soon after could leave a checkpoint that speaks of bytes which are no more.
    fn checkpoint(&self, checkpoint: Checkpoint);
}

/// How a fetch ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The temporary file is whole, verified and synced.
    Done(Checkpoint),
    /// It was told to stop; what it had is synced.
    Stopped(Checkpoint),
    /// It cannot go on now.
    Failed(FetchFailure),
}

/// Why a fetch failed and when it is worth trying again.
#[derive(Clone, Debug)]
pub(crate) struct FetchFailure {
    pub(crate) failure: Failure,
    pub(crate) retry: Retry,
    /// What is safe on disk.
    pub(crate) checkpoint: Checkpoint,
    /// With redirects disallowed: where the server wanted to send us.
    pub(crate) redirect: Option<String>,
}

/// When a failure is worth another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Fatal: not before somebody acts.
    Never,
    /// Transient. The server may have asked for a time (`Retry-After`).
    After(Option<Duration>),
    /// When there is a network again.
    WhenNetworkReturns,
}
