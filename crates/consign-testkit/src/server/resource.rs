//! What a path of the server holds, and its script of faults.

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime},
};

use super::fault::Fault;
use crate::body::Body;

/// What a path of the server holds. By default it behaves as a file behind a good server: strong
/// ETag, Last-Modified, ranges, HEAD, Content-Length.
///
/// The script of faults is used up by requests in order, one entry each; when it is empty, what
/// [`always`](Self::always) names applies. Which methods count is told by
/// [`faults_only_on`](Self::faults_only_on).
#[derive(Clone, Debug)]
pub struct Resource {
    pub(super) body: Body,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<SystemTime>,
    pub(super) content_type: String,
    pub(super) ranges: Ranges,
    pub(super) multiple_ranges: MultipleRanges,
    pub(super) head: Head,
    pub(super) framing: Framing,
    pub(super) credentials: Option<(String, String)>,
    script: VecDeque<Vec<Fault>>,
    always: Vec<Fault>,
    only_on: Option<String>,
    requests: usize,
    next: Option<(usize, Box<Resource>)>,
}

/// What becomes of a request for a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranges {
    /// Answered with 206; `Accept-Ranges: bytes` on every answer.
    Honoured,
    /// Answered with 206, but there is no `Accept-Ranges`.
    HonouredUnannounced,
    /// Answered with 200 and everything; there is no `Accept-Ranges`.
    Ignored,
    /// Answered with 200 and everything, although `Accept-Ranges: bytes` says otherwise.
    IgnoredButAnnounced,
    /// Answered with 200 and everything; `Accept-Ranges: none`.
    None,
}

/// What becomes of a request for several ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MultipleRanges {
    /// `multipart/byteranges`, as nginx does.
    Multipart,
    /// Only the first.
    FirstOnly,
    /// 200 and everything.
    Whole,
}

/// What becomes of HEAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Answered as GET without the body.
    Supported,
    /// Answered with this status (405, 501, …).
    Refused(u16),
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`.
    Length,
    /// Chunks; the length is not told.
    Chunked,
    /// The end of the connection; the length is not told.
    UntilClose,
}

impl Resource {
    /// A file behind a good server. Its ETag is made of its size and a part of its contents.
    pub fn new(body: impl Into<Body>) -> Self {
        let body = body.into();
        let etag = Some(format!("\"{}\"", fingerprint(&body)));
        Self {
            body,
            etag,
            // 2020-09-13 12:26:40, a Sunday.
            last_modified: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000)),
            content_type: "application/octet-stream".to_owned(),
            ranges: Ranges::Honoured,
            multiple_ranges: MultipleRanges::Multipart,
            head: Head::Supported,
            framing: Framing::Length,
            credentials: None,
            script: VecDeque::new(),
            always: Vec::new(),
            only_on: None,
            requests: 0,
            next: None,
        }
    }

    /// Always this status, with a short body.
    pub fn status(code: u16) -> Self {
        Self::new("").always(Fault::status(code))
    }

    /// Always a redirect to this location, which is sent as it is: a path, a whole URL, another
    /// scheme, or this resource's own path for a loop.
    pub fn redirect(code: u16, location: impl Into<String>) -> Self {
        Self::new("").always(Fault::redirect(code, location))
    }

    /// The ETag as it is sent (`"strong"` or `W/"weak"`, quotes included), or none.
    pub fn etag(mut self, etag: Option<&str>) -> Self {
        self.etag = etag.map(str::to_owned);
        self
    }

    /// Turns the ETag into a weak one.
    pub fn weak_etag(mut self) -> Self {
        self.etag = self.etag.map(|etag| if etag.starts_with("W/") { etag } else { format!("W/{etag}") });
        self
    }

    /// `Last-Modified`, or none.
    pub fn last_modified(mut self, at: Option<SystemTime>) -> Self {
        self.last_modified = at;
        self
    }

    /// `Content-Type`.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = content_type.into();
        self
    }

    /// What becomes of a request for a range.
    pub fn ranges(mut self, ranges: Ranges) -> Self {
        self.ranges = ranges;
        self
    }

    /// What becomes of a request for several ranges.
    pub fn multiple_ranges(mut self, multiple: MultipleRanges) -> Self {
        self.multiple_ranges = multiple;
        self
    }

    /// What becomes of HEAD.
    pub fn head(mut self, head: Head) -> Self {
        self.head = head;
        self
    }

    /// How the end of the body is told.
    pub fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// Needs Basic authentication: 401 otherwise.
    pub fn basic_auth(mut self, user: &str, password: &str) -> Self {
        self.credentials = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// The next request that has no entry in the script yet meets this fault.
    pub fn then(self, fault: Fault) -> Self {
        self.then_all([fault])
    }

    /// The next request that has no entry in the script yet meets all of these at once.
    pub fn then_all(mut self, faults: impl IntoIterator<Item = Fault>) -> Self {
        self.script.push_back(faults.into_iter().collect());
        self
    }

    /// The next `count` requests that have no entry in the script yet meet this fault.
    pub fn then_times(mut self, count: usize, fault: Fault) -> Self {
        for _ in 0..count {
            self.script.push_back(vec![fault.clone()]);
        }
        self
    }

    /// Every request that finds the script used up meets this fault. Called again, it adds another.
    pub fn always(mut self, fault: Fault) -> Self {
        self.always.push(fault);
        self
    }

    /// Only requests with this method meet faults and use up the script; others are answered well.
    pub fn faults_only_on(mut self, method: &str) -> Self {
        self.only_on = Some(method.to_owned());
        self
    }

    /// After `requests` requests (of any method) the path holds `next` instead: a file that changes.
    /// Answers already being sent go on with what they began with.
    pub fn changes_after(mut self, requests: usize, next: Resource) -> Self {
        self.next = Some((requests, Box::new(next)));
        self
    }

    /// Counts a request: what answers it, and the faults it meets.
    pub(super) fn take(&mut self, method: &str) -> (Self, Vec<Fault>) {
        while self.next.as_ref().is_some_and(|(after, _)| self.requests >= *after) {
            if let Some((_, next)) = self.next.take() {
                *self = *next;
            }
        }
        self.requests += 1;
        let faults = match &self.only_on {
            Some(only) if only != method => Vec::new(),
            _ => self.script.pop_front().unwrap_or_else(|| self.always.clone()),
        };
        (self.clone(), faults)
    }
}

/// FNV-1a over the size and up to 4 KiB: enough to tell the contents of tests apart.
fn fingerprint(body: &Body) -> String {
    let mut bytes = vec![0; 4096];
    let count = body.read_at(0, &mut bytes);
    let hash = body
        .size()
        .to_le_bytes()
        .iter()
        .chain(&bytes[..count])
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{:x}-{hash:016x}", body.size())
}
