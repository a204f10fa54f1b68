//! What can go wrong with an answer.

use std::time::{Duration, SystemTime};

/// How a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// An orderly end of the stream (FIN; with TLS no `close_notify` before it).
    Fin,
    /// A reset (RST), after what was sent before has arrived.
    Reset,
}

/// What `Retry-After` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// So many seconds.
    Seconds(u64),
    /// A moment, as an HTTP date.
    At(SystemTime),
}

/// One thing that is wrong with an answer. Several can apply to the same answer.
///
/// Numbers of bytes count the bytes of this answer's body, not offsets in the file, and not the
/// framing of chunks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing: a place in a script where all goes well.
    None,

    /// The connection ends after `after` bytes of the body. A shorter body is not cut.
    Cut {
        /// How many bytes arrive.
        after: u64,
        /// How it ends.
        how: Close,
    },
    /// After `after` bytes nothing more comes until [`Server::release`](super::Server::release).
    Stall {
        /// How many bytes arrive.
        after: u64,
    },
    /// `bytes` at a time, with a pause after each.
    Slow {
        /// How many bytes come at once.
        bytes: u64,
        /// The pause.
        every: Duration,
    },

    /// `Content-Length` announces so many bytes more than come; then the connection ends.
    LengthTooLong(u64),
    /// The answer ends so many bytes early, and `Content-Length` agrees with what comes.
    BodyTooShort(u64),
    /// So many more bytes follow the announced body; then the connection ends. In a chunked body
    /// they stand in the chunks.
    BodyTooLong(u64),

    /// `Content-Range` names a range so far off the one that was asked for, which is what comes.
    ContentRangeShifted(i64),
    /// `Content-Range` names this total size, or `*`.
    ContentRangeTotal(Option<u64>),
    /// 206 without `Content-Range`.
    ContentRangeMissing,
    /// Another range than the one asked for comes, shifted so far, and `Content-Range` says so.
    OtherRange(i64),
    /// 200 and everything, although a range was asked for.
    IgnoreRange,
    /// 206 and everything, although no range was asked for.
    PartialForPlain,
    /// `multipart/byteranges`, although at most one range was asked for.
    Multipart,
    /// 416, with the total size.
    NotSatisfiable,

    /// Another status, with a body of its own.
    Status {
        /// The status.
        code: u16,
        /// A `Retry-After` header.
        retry_after: Option<RetryAfter>,
        /// The body.
        body: Vec<u8>,
    },
    /// A redirect; without a location the header is missing.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        code: u16,
        /// What `Location` says, untouched.
        location: Option<String>,
    },
    /// Adds a header, or replaces it where there is one.
    Header(String, String),
    /// Leaves a header out.
    NoHeader(String),
    /// Says `Content-Encoding: gzip`. The body is not compressed.
    GzipHeader,
    /// Informational answers (100, 102, 103) come first.
    Interim(Vec<u16>),

    /// A status line that is none.
    GarbageStatusLine,
    /// A chunk whose size is no number; needs a chunked body.
    GarbageChunk,
    /// One header of so many bytes.
    HugeHeader(usize),
    /// Headers that never end. They stop when the client leaves.
    EndlessHeaders,
    /// The answer is in HTTP/1.0: no keep-alive, no chunks.
    Http10,

    /// The connection ends instead of an answer.
    CloseBeforeAnswer(Close),
    /// No answer comes until [`Server::release`](super::Server::release).
    NoAnswer,
    /// `Connection: close`, and the connection ends after the answer.
    ConnectionClose,
    /// The connection ends after the answer, and no header says so.
    CloseSilently,
}

impl Fault {
    /// A reset after so many bytes of the body.
    pub const fn cut(after: u64) -> Self {
        Self::Cut { after, how: Close::Reset }
    }

    /// An end of the stream after so many bytes of the body.
    pub const fn end(after: u64) -> Self {
        Self::Cut { after, how: Close::Fin }
    }

    /// Nothing more after so many bytes of the body, until the server is told.
    pub const fn stall(after: u64) -> Self {
        Self::Stall { after }
    }

    /// About so many bytes a second, in 20 pieces.
    pub fn slow(bytes_per_second: u64) -> Self {
        Self::Slow { bytes: (bytes_per_second / 20).max(1), every: Duration::from_millis(50) }
    }

    /// A status with a short body.
    pub fn status(code: u16) -> Self {
        Self::Status { code, retry_after: None, body: format!("status {code}\n").into_bytes() }
    }

    /// A status with `Retry-After`.
    pub fn status_later(code: u16, retry_after: RetryAfter) -> Self {
        Self::Status { code, retry_after: Some(retry_after), body: format!("status {code}\n").into_bytes() }
    }

    /// A redirect to a location, which is sent as it is.
    pub fn redirect(code: u16, location: impl Into<String>) -> Self {
        Self::Redirect { code, location: Some(location.into()) }
    }
}
