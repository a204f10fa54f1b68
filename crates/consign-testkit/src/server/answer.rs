//! Decides what an answer consists of. It sends nothing.

use std::time::{Duration, SystemTime};

use super::{
    fault::{Close, Fault, RetryAfter},
    range::{self, Asked},
    request::Request,
    resource::{Framing, Head, MultipleRanges, Ranges, Resource},
};
use crate::body::Body;

/// An answer, ready to be sent.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) opening: Opening,
    pub(super) status: u16,
    pub(super) head: Vec<u8>,
    pub(super) body: Vec<Piece>,
    pub(super) chunked: bool,
    pub(super) garbage_chunk: bool,
    pub(super) cut: Option<(u64, Close)>,
    pub(super) stall: Option<u64>,
    pub(super) slow: Option<(u64, Duration)>,
    /// Whether the connection ends after the answer.
    pub(super) last: bool,
}

/// What comes first.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opening {
    Head,
    EndlessHeaders,
    Close(Close),
    Silence,
}

/// A part of a body.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Bytes(Vec<u8>),
    Slice { body: Body, offset: u64, size: u64 },
}

impl Piece {
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Slice { size, .. } => *size,
        }
    }

    /// Copies what stands at `done` into the buffer, as far as it fits.
    pub(super) fn read_at(&self, done: u64, buffer: &mut [u8]) -> usize {
        let left = usize::try_from(self.size().saturating_sub(done)).unwrap_or(usize::MAX).min(buffer.len());
        match self {
            Self::Bytes(bytes) => {
                let from = usize::try_from(done).unwrap_or(usize::MAX).min(bytes.len());
                buffer[..left].copy_from_slice(&bytes[from..from + left]);
                left
            }
            Self::Slice { body, offset, .. } => body.read_at(offset + done, &mut buffer[..left]),
        }
    }
}

const BOUNDARY: &str = "consign-boundary-1f3a";

/// What answers the request, faults included.
pub(super) fn answer(request: &Request, resource: &Resource, faults: &[Fault]) -> Answer {
    let mut draft = Draft::of(request, resource, faults);
    for fault in faults {
        draft.apply(fault, resource);
    }
    draft.finish(request)
}

/// The answer for a path that holds nothing.
pub(super) fn not_found(request: &Request) -> Answer {
    let mut draft = Draft::empty(404);
    draft.body = vec![Piece::Bytes(b"not found\n".to_vec())];
    draft.finish(request)
}

/// A short answer of the server itself.
pub(super) fn plain(request: &Request, status: u16, headers: &[(&str, &str)], text: &str) -> Answer {
    let mut draft = Draft::empty(status);
    for (name, value) in headers {
        draft.set(name, *value);
    }
    draft.body = vec![Piece::Bytes(text.as_bytes().to_vec())];
    draft.finish(request)
}

struct Draft {
    opening: Opening,
    interim: Vec<u16>,
    garbage_line: bool,
    version: &'static str,
    status: u16,
    headers: Vec<(String, String)>,
    huge: Option<usize>,
    body: Vec<Piece>,
    framing: Framing,
    announced_more: i128,
    garbage_chunk: bool,
    cut: Option<(u64, Close)>,
    stall: Option<u64>,
    slow: Option<(u64, Duration)>,
    last: bool,
}

impl Draft {
    fn empty(status: u16) -> Self {
        Self {
            opening: Opening::Head,
            interim: Vec::new(),
            garbage_line: false,
            version: "HTTP/1.1",
            status,
            headers: vec![date()],
            huge: None,
            body: Vec::new(),
            framing: Framing::Length,
            announced_more: 0,
            garbage_chunk: false,
            cut: None,
            stall: None,
            slow: None,
            last: false,
        }
    }

    /// The answer of the resource, with the faults that decide which bytes are sent.
    fn of(request: &Request, resource: &Resource, faults: &[Fault]) -> Self {
        if let Some((user, password)) = &resource.credentials
            && request.header("authorization") != Some(&basic(user, password))
        {
            let mut draft = Self::empty(401);
            draft.set("WWW-Authenticate", "Basic realm=\"test\"");
            draft.body = vec![Piece::Bytes(b"unauthorized\n".to_vec())];
            return draft;
        }
        if let (Head::Refused(status), "HEAD") = (resource.head, request.method.as_str()) {
            let mut draft = Self::empty(status);
            draft.set("Allow", "GET");
            return draft;
        }
        if range::precondition_fails(request, resource) {
            return Self::empty(412);
        }

        let mut draft = Self::empty(200);
        draft.framing = resource.framing;
        draft.set("Content-Type", &resource.content_type);
        if let Some(etag) = &resource.etag {
            draft.set("ETag", etag);
        }
        if let Some(date) = range::last_modified(resource) {
            draft.set("Last-Modified", date);
        }
        match resource.ranges {
            Ranges::Honoured | Ranges::IgnoredButAnnounced => draft.set("Accept-Ranges", "bytes"),
            Ranges::None => draft.set("Accept-Ranges", "none"),
            Ranges::HonouredUnannounced | Ranges::Ignored => {}
        }
        draft.choose_bytes(request, resource, faults);
        draft
    }

    fn choose_bytes(&mut self, request: &Request, resource: &Resource, faults: &[Fault]) {
        let size = resource.body.size();
        let honoured = matches!(resource.ranges, Ranges::Honoured | Ranges::HonouredUnannounced) && !faults.contains(&Fault::IgnoreRange);
        let asked = if honoured && request.method == "GET" { range::asked(request, resource) } else { Asked::Whole };
        let whole = (0, size.saturating_sub(1));
        let mut parts = match asked {
            Asked::NotSatisfiable => return self.not_satisfiable(size),
            Asked::Parts(parts) => parts,
            Asked::Whole if faults.contains(&Fault::PartialForPlain) || faults.contains(&Fault::Multipart) => vec![whole],
            Asked::Whole => Vec::new(),
        };
        for fault in faults {
            if let Fault::OtherRange(by) = fault {
                for part in &mut parts {
                    let last = size.saturating_sub(1);
                    *part = (part.0.saturating_add_signed(*by).min(last), part.1.saturating_add_signed(*by).min(last));
                }
            }
        }
        let multipart = faults.contains(&Fault::Multipart) || (parts.len() > 1 && resource.multiple_ranges == MultipleRanges::Multipart);
        if parts.len() > 1 && resource.multiple_ranges == MultipleRanges::Whole {
            parts.clear();
        }
        match parts.first() {
            None => self.body = vec![Piece::Slice { body: resource.body.clone(), offset: 0, size }],
            Some(_) if multipart => self.multipart(resource, &parts),
            Some(&(first, last)) => {
                self.status = 206;
                self.set("Content-Range", format!("bytes {first}-{last}/{size}"));
                self.body = vec![Piece::Slice { body: resource.body.clone(), offset: first, size: (last + 1 - first).min(size) }];
            }
        }
    }

    fn multipart(&mut self, resource: &Resource, parts: &[(u64, u64)]) {
        let size = resource.body.size();
        self.status = 206;
        self.set("Content-Type", format!("multipart/byteranges; boundary={BOUNDARY}"));
        for (first, last) in parts {
            let kind = &resource.content_type;
            let head = format!("\r\n--{BOUNDARY}\r\nContent-Type: {kind}\r\nContent-Range: bytes {first}-{last}/{size}\r\n\r\n");
            self.body.push(Piece::Bytes(head.into_bytes()));
            self.body.push(Piece::Slice { body: resource.body.clone(), offset: *first, size: (last + 1 - first).min(size) });
        }
        self.body.push(Piece::Bytes(format!("\r\n--{BOUNDARY}--\r\n").into_bytes()));
    }

    fn not_satisfiable(&mut self, size: u64) {
        self.replace_with(416, b"range not satisfiable\n".to_vec());
        self.set("Content-Range", format!("bytes */{size}"));
    }

    /// Another answer altogether, of known length.
    fn replace_with(&mut self, status: u16, body: Vec<u8>) {
        self.status = status;
        self.headers = vec![date()];
        self.framing = Framing::Length;
        self.body = vec![Piece::Bytes(body)];
    }

    fn apply(&mut self, fault: &Fault, resource: &Resource) {
        match fault {
            // These were considered when the bytes were chosen.
            Fault::None | Fault::IgnoreRange | Fault::PartialForPlain | Fault::Multipart | Fault::OtherRange(_) => {}

            Fault::Cut { after, how } => self.cut = Some((*after, *how)),
            Fault::Stall { after } => self.stall = Some(*after),
            Fault::Slow { bytes, every } => self.slow = Some(((*bytes).max(1), *every)),

            Fault::LengthTooLong(by) => {
                self.announced_more += i128::from(*by);
                self.last = true;
            }
            Fault::BodyTooShort(by) => self.shorten(*by),
            Fault::BodyTooLong(by) => {
                self.body.push(Piece::Slice { body: Body::pattern(u64::MAX, *by), offset: 0, size: *by });
                self.announced_more -= i128::from(*by);
                self.last = true;
            }

            Fault::ContentRangeShifted(by) => self.edit_content_range(|first, last, total| {
                (first.saturating_add_signed(*by), last.saturating_add_signed(*by), total.to_owned())
            }),
            Fault::ContentRangeTotal(total) => {
                self.edit_content_range(|first, last, _| (first, last, total.map_or_else(|| "*".to_owned(), |total| total.to_string())))
            }
            Fault::ContentRangeMissing => self.remove("Content-Range"),
            Fault::NotSatisfiable => self.not_satisfiable(resource.body.size()),

            Fault::Status { code, retry_after, body } => {
                self.replace_with(*code, body.clone());
                match retry_after {
                    Some(RetryAfter::Seconds(seconds)) => self.set("Retry-After", seconds.to_string()),
                    Some(RetryAfter::At(moment)) => self.set("Retry-After", httpdate::fmt_http_date(*moment)),
                    None => {}
                }
            }
            Fault::Redirect { code, location } => {
                self.replace_with(*code, b"elsewhere\n".to_vec());
                if let Some(location) = location {
                    self.set("Location", location);
                }
            }
            Fault::Header(name, value) => self.set(name, value),
            Fault::NoHeader(name) => self.remove(name),
            Fault::GzipHeader => self.set("Content-Encoding", "gzip"),
            Fault::Interim(codes) => self.interim.extend(codes),

            Fault::GarbageStatusLine => self.garbage_line = true,
            Fault::GarbageChunk => self.garbage_chunk = true,
            Fault::HugeHeader(size) => self.huge = Some(*size),
            Fault::EndlessHeaders => self.opening = Opening::EndlessHeaders,
            Fault::Http10 => {
                self.version = "HTTP/1.0";
                self.last = true;
                if self.framing == Framing::Chunked {
                    self.framing = Framing::UntilClose;
                }
            }

            Fault::CloseBeforeAnswer(how) => self.opening = Opening::Close(*how),
            Fault::NoAnswer => self.opening = Opening::Silence,
            Fault::ConnectionClose => {
                self.set("Connection", "close");
                self.last = true;
            }
            Fault::CloseSilently => self.last = true,
        }
    }

    fn shorten(&mut self, by: u64) {
        let mut left = by;
        while let Some(piece) = self.body.pop() {
            let size = piece.size();
            if size <= left {
                left -= size;
                continue;
            }
            self.body.push(match piece {
                Piece::Bytes(mut bytes) => {
                    bytes.truncate(usize::try_from(size - left).unwrap_or(usize::MAX));
                    Piece::Bytes(bytes)
                }
                Piece::Slice { body, offset, size } => Piece::Slice { body, offset, size: size - left },
            });
            return;
        }
    }

    fn edit_content_range(&mut self, edit: impl Fn(u64, u64, &str) -> (u64, u64, String)) {
        for (name, value) in &mut self.headers {
            if name == "Content-Range"
                && let Some((range, total)) = value.strip_prefix("bytes ").and_then(|rest| rest.split_once('/'))
                && let Some((first, last)) = range.split_once('-')
                && let (Ok(first), Ok(last)) = (first.parse(), last.parse())
            {
                let (first, last, total) = edit(first, last, total);
                *value = format!("bytes {first}-{last}/{total}");
                return;
            }
        }
    }

    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.into()));
    }

    fn remove(&mut self, name: &str) {
        self.headers.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
    }

    fn finish(mut self, request: &Request) -> Answer {
        let size: u64 = self.body.iter().map(Piece::size).sum();
        let bodiless = matches!(self.status, 100..=199 | 204 | 304);
        let mut head = Vec::new();
        for code in &self.interim {
            head.extend_from_slice(format!("HTTP/1.1 {code} {}\r\n\r\n", reason(*code)).as_bytes());
        }
        if self.garbage_line {
            head.extend_from_slice(b"ICY \x00\xff not http at all\r\n");
            self.last = true;
        } else {
            head.extend_from_slice(format!("{} {} {}\r\n", self.version, self.status, reason(self.status)).as_bytes());
        }
        head.extend_from_slice(b"Server: consign-testkit\r\n");
        for (name, value) in &self.headers {
            head.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if let Some(size) = self.huge {
            head.extend_from_slice(b"X-Huge: ");
            head.resize(head.len() + size, b'a');
            head.extend_from_slice(b"\r\n");
        }
        let told = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        match self.framing {
            _ if bodiless || told => {}
            Framing::Length => {
                let announced = (i128::from(size) + self.announced_more).max(0);
                head.extend_from_slice(format!("Content-Length: {announced}\r\n").as_bytes());
            }
            Framing::Chunked => head.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            Framing::UntilClose => self.last = true,
        }
        if request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("connection")) {
                head.extend_from_slice(b"Connection: close\r\n");
            }
            self.last = true;
        }
        head.extend_from_slice(b"\r\n");
        Answer {
            opening: self.opening,
            status: self.status,
            head,
            body: if bodiless || request.method == "HEAD" { Vec::new() } else { self.body },
            chunked: self.framing == Framing::Chunked && !bodiless && request.method != "HEAD",
            garbage_chunk: self.garbage_chunk,
            cut: self.cut,
            stall: self.stall,
            slow: self.slow,
            last: self.last,
        }
    }
}

// By it a client tells whether Last-Modified is old enough to be a strong validator.
fn date() -> (String, String) {
    ("Date".to_owned(), httpdate::fmt_http_date(SystemTime::now()))
}

/// What stands in an `Authorization` header for Basic authentication.
pub(super) fn basic(user: &str, password: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = "Basic ".to_owned();
    for three in format!("{user}:{password}").as_bytes().chunks(3) {
        let word = three.iter().enumerate().fold(0_u32, |word, (index, byte)| word | u32::from(*byte) << (16 - 8 * index));
        for index in 0..4 {
            let letter = ALPHABET[(word >> (18 - 6 * index) & 63) as usize];
            encoded.push(if index <= three.len() { char::from(letter) } else { '=' });
        }
    }
    encoded
}

const fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        103 => "Early Hints",
        200 => "OK",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        412 => "Precondition Failed",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn credentials_are_encoded_as_the_standard_says() {
        assert_eq!(super::basic("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(super::basic("a", "b"), "Basic YTpi");
        assert_eq!(super::basic("ab", "c"), "Basic YWI6Yw==");
        assert_eq!(super::basic("ab", "cd"), "Basic YWI6Y2Q=");
    }
}
