//! Requests, as they came.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A request as the server read it, and what became of it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, as it was written.
    pub method: String,
    /// The request target, as it was written: a path with its query; for a proxy a whole URL or an authority.
    pub target: String,
    /// The target's path, without its query.
    pub path: String,
    /// The headers in their order, with their names as they were written.
    pub headers: Vec<(String, String)>,
    /// The first 64 KiB of the body.
    pub body: Vec<u8>,
    /// The size of the whole body.
    pub body_size: u64,
    /// Which of the server's connections it came by, counted from 1.
    pub connection: u64,
    /// The status it was answered with; `None` as long as no answer was begun, and for garbage.
    pub status: Option<u16>,
    /// How many bytes of the answer's body were given to the socket so far.
    pub body_sent: u64,
    /// Whether the answer was sent to its end, as far as it was meant to be sent.
    pub finished: bool,
    /// Whether the server is done with it: the answer was sent to its end, or broken off by a fault or
    /// by the client.
    pub over: bool,
}

impl Request {
    /// The first header of this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// What the `Range` header says.
    pub fn range(&self) -> Option<&str> {
        self.header("range")
    }

    /// Whether credentials for the server itself came with it.
    pub fn has_authorization(&self) -> bool {
        self.header("authorization").is_some()
    }
}

/// Longer heads than this end the connection.
const LONGEST_HEAD: usize = 2 * 1024 * 1024;
/// So much of a body is kept in the log.
const KEPT_BODY: usize = 64 * 1024;

/// Reads the next request. `buffer` holds what came after the one before.
pub(super) async fn read<W>(wire: &mut W, buffer: &mut Vec<u8>, connection: u64) -> io::Result<Option<Request>>
where
    W: AsyncRead + AsyncWrite + Unpin,
{
    let mut searched = 0;
    let end = loop {
        if let Some(at) = find(&buffer[searched..], b"\r\n\r\n") {
            break searched + at;
        }
        searched = buffer.len().saturating_sub(3);
        if buffer.len() > LONGEST_HEAD || wire.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.drain(..end + 4);

    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().splitn(3, ' ');
    let (Some(method), Some(target), Some(_version)) = (first.next(), first.next(), first.next()) else {
        return Ok(None);
    };
    let headers = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    let mut request = Request {
        method: method.to_owned(),
        path: path_of(target).to_owned(),
        target: target.to_owned(),
        headers,
        body: Vec::new(),
        body_size: 0,
        connection,
        status: None,
        body_sent: 0,
        finished: false,
        over: false,
    };
    if request.header("expect").is_some() {
        wire.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    read_body(wire, buffer, &mut request).await?;
    Ok(Some(request))
}

// Chunked request bodies are not read: nothing sends them yet.
async fn read_body<W: AsyncRead + Unpin>(wire: &mut W, buffer: &mut Vec<u8>, request: &mut Request) -> io::Result<()> {
    let mut left = request.header("content-length").and_then(|length| length.parse::<u64>().ok()).unwrap_or(0);
    while left > 0 {
        if buffer.is_empty() && wire.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let kept = count.min(KEPT_BODY - request.body.len());
        request.body.extend_from_slice(&buffer[..kept]);
        request.body_size += count as u64;
        buffer.drain(..count);
        left -= count as u64;
    }
    Ok(())
}

fn path_of(target: &str) -> &str {
    let path = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    path.split(['?', '#']).next().unwrap_or(path)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
