//! A small web server: what GET and HEAD with ranges need, and the count of what it gave.
//!
//! It serves the demonstration and nobody else: on loopback, two files, HTTP/1.1, one request for each
//! connection.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

/// A web server. Ends when it is dropped.
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// A file that it has: bytes that can be made again at any place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resource {
    pub(super) name: &'static str,
    /// A whole number of [`CHUNK`]s.
    pub(super) size: u64,
    /// Bytes in a second.
    pub(super) pace: u64,
    /// Beyond so many bytes nothing is given before [`Origin::open_gate`].
    pub(super) gate: Option<u64>,
}

/// A GET that was answered with content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) name: &'static str,
    pub(super) from: u64,
    /// So many bytes were handed to the kernel.
    pub(super) sent: u64,
}

struct Shared {
    resources: Vec<Resource>,
    answered: Mutex<Vec<Answered>>,
    gate: watch::Sender<bool>,
}

pub(super) const CHUNK: u64 = 64 * 1024;
const CONNECTIONS: usize = 16;
const LONGEST_HEAD: usize = 8 * 1024;
/// How long a request may take to arrive, or a chunk to be taken.
const PATIENCE: Duration = Duration::from_secs(30);

impl Origin {
    pub(super) async fn start(resources: Vec<Resource>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { resources, answered: Mutex::default(), gate: watch::Sender::new(false) });
        let task = tokio::spawn(listen(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, task })
    }

    pub(super) fn url(&self, resource: &Resource) -> String {
        format!("http://{}/{}", self.address, resource.name)
    }

    /// What was given of a file, in the order in which it was asked for.
    pub(super) fn answered(&self, resource: &Resource) -> Vec<Answered> {
        self.shared.lock().iter().filter(|answered| answered.name == resource.name).copied().collect()
    }

    pub(super) fn open_gate(&self) {
        self.shared.gate.send_replace(true);
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Resource {
    /// The chunk at this place, which is a multiple of [`CHUNK`]: noise that repeats, and the place, so
    /// that no chunk can be taken for another.
    fn chunk(&self, place: u64) -> Vec<u8> {
        let mut state = self.size;
        let mut chunk = Vec::with_capacity(CHUNK as usize);
        chunk.extend_from_slice(&place.to_le_bytes());
        while chunk.len() < CHUNK as usize {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            chunk.extend_from_slice(&state.rotate_right(19).to_le_bytes());
        }
        chunk
    }

    /// The SHA-256 of all of it. Takes a while.
    pub(super) fn sha256(&self) -> String {
        let mut digest = Sha256::new();
        let mut chunk = self.chunk(0);
        for place in (0..self.size).step_by(CHUNK as usize) {
            chunk[..8].copy_from_slice(&place.to_le_bytes());
            digest.update(&chunk);
        }
        hexadecimal(&digest.finalize())
    }

    fn etag(&self) -> String {
        format!("\"{}-{}\"", self.name, self.size)
    }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Answered>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends with its task; connections end with their clients or with the runtime.
async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { return };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // A client that went away is no matter of ours: it comes again.
            let _ = serve(stream, &shared).await;
            drop(permit);
        });
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let head = timeout(PATIENCE, read_head(&mut stream)).await??;
    let request = Request::read(&head);
    let answer = Answer::to(&request, &shared.resources);
    stream.write_all(answer.head.as_bytes()).await?;
    if let (Some((resource, from, end)), "GET") = (answer.body, request.method) {
        send(&mut stream, shared, &resource, from, end).await?;
    }
    stream.shutdown().await
}

async fn send(stream: &mut TcpStream, shared: &Shared, resource: &Resource, from: u64, end: u64) -> io::Result<()> {
    let number = {
        let mut answered = shared.lock();
        answered.push(Answered { name: resource.name, from, sent: 0 });
        answered.len() - 1
    };
    let (began, mut place, mut gate) = (Instant::now(), from, shared.gate.subscribe());
    let mut chunk = resource.chunk(0);
    while place < end {
        if resource.gate.is_some_and(|limit| place >= limit) {
            // Its sender lives as long as we do.
            let _ = gate.wait_for(|open| *open).await;
        }
        let (first, skip) = (place - place % CHUNK, (place % CHUNK) as usize);
        chunk[..8].copy_from_slice(&first.to_le_bytes());
        let take = ((end - first).min(CHUNK)) as usize;
        timeout(PATIENCE, stream.write_all(&chunk[skip..take])).await??;
        place += (take - skip) as u64;
        if let Some(answered) = shared.lock().get_mut(number) {
            answered.sent = place - from;
        }
        sleep_until(began + Duration::from_micros((place - from).saturating_mul(1_000_000) / resource.pace)).await;
    }
    Ok(())
}

async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    loop {
        let before = head.len();
        (&mut *stream).take((LONGEST_HEAD - before) as u64).read_buf(&mut head).await?;
        if head.windows(4).any(|end| end == b"\r\n\r\n") {
            return String::from_utf8(head).map_err(|_| io::Error::from(io::ErrorKind::InvalidData));
        }
        if head.len() == before {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// What matters of a request.
#[derive(Debug, Default, PartialEq, Eq)]
struct Request<'a> {
    method: &'a str,
    path: &'a str,
    range: Option<&'a str>,
    if_range: Option<&'a str>,
}

impl<'a> Request<'a> {
    fn read(head: &'a str) -> Self {
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let mut request = Self { method: words.next().unwrap_or_default(), path: words.next().unwrap_or_default(), ..Self::default() };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            match name.to_ascii_lowercase().as_str() {
                "range" => request.range = Some(value.trim()),
                "if-range" => request.if_range = Some(value.trim()),
                _ => {}
            }
        }
        request
    }
}

struct Answer {
    head: String,
    /// The file, and which bytes of it.
    body: Option<(Resource, u64, u64)>,
}

impl Answer {
    fn to(request: &Request<'_>, resources: &[Resource]) -> Self {
        let nothing = |status: &str, header: &str| Self {
            head: format!("HTTP/1.1 {status}\r\n{header}Content-Length: 0\r\nConnection: close\r\n\r\n"),
            body: None,
        };
        if !matches!(request.method, "GET" | "HEAD") {
            return nothing("405 Method Not Allowed", "Allow: GET, HEAD\r\n");
        }
        let name = request.path.strip_prefix('/').unwrap_or_default();
        let Some(resource) = resources.iter().find(|resource| resource.name == name) else {
            return nothing("404 Not Found", "");
        };
        let (size, etag) = (resource.size, resource.etag());
        let range = request.range.filter(|_| request.if_range.is_none_or(|wanted| wanted == etag)).and_then(range);
        let (status, from, end) = match range {
            None => ("200 OK", 0, size),
            Some((from, _)) if from >= size => return nothing("416 Range Not Satisfiable", &format!("Content-Range: bytes */{size}\r\n")),
            Some((from, last)) => ("206 Partial Content", from, last.map_or(size, |last| (last + 1).min(size))),
        };
        let part = if range.is_some() { format!("Content-Range: bytes {from}-{}/{size}\r\n", end - 1) } else { String::new() };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n{part}ETag: {etag}\r\n\
             Accept-Ranges: bytes\r\nConnection: close\r\n\r\n",
            end - from
        );
        Self { head, body: Some((*resource, from, end)) }
    }
}

/// `bytes=FROM-` and `bytes=FROM-LAST`. What is written otherwise is ignored, as HTTP allows.
fn range(text: &str) -> Option<(u64, Option<u64>)> {
    let (from, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let from: u64 = from.parse().ok()?;
    let last: Option<u64> = if last.is_empty() { None } else { Some(last.parse().ok()?) };
    last.is_none_or(|last| last >= from && last < u64::MAX).then_some((from, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: Resource = Resource { name: "a", size: 2 * CHUNK, pace: u64::MAX, gate: None };

    fn answer(request: &str) -> Answer {
        Answer::to(&Request::read(request), &[FILE])
    }

    fn body(request: &str) -> Option<(u64, u64)> {
        answer(request).body.map(|(_, from, end)| (from, end))
    }

    #[test]
    fn parts_are_given_of_the_same_file_alone() {
        assert_eq!(body("GET /a HTTP/1.1\r\n\r\n"), Some((0, 2 * CHUNK)));
        assert_eq!(body("GET /a HTTP/1.1\r\nRange: bytes=7-\r\n\r\n"), Some((7, 2 * CHUNK)));
        assert_eq!(body("GET /a HTTP/1.1\r\nrange: bytes=7-9\r\nIF-RANGE: \"a-131072\"\r\n\r\n"), Some((7, 10)));
        assert_eq!(body("GET /a HTTP/1.1\r\nRange: bytes=7-\r\nIf-Range: \"b\"\r\n\r\n"), Some((0, 2 * CHUNK)));
        for ignored in ["bytes=-5", "bytes=9-7", "lines=1-", "bytes=a-", "bytes=0-18446744073709551615"] {
            assert_eq!(body(&format!("GET /a HTTP/1.1\r\nRange: {ignored}\r\n\r\n")), Some((0, 2 * CHUNK)), "{ignored}");
        }
    }

    #[test]
    fn what_cannot_be_given_is_refused() {
        for (request, status) in [
            ("GET /b HTTP/1.1\r\n\r\n", "404"),
            ("PUT /a HTTP/1.1\r\n\r\n", "405"),
            ("GET /a HTTP/1.1\r\nRange: bytes=131072-\r\n\r\n", "416"),
            ("\r\n\r\n", "405"),
            ("GET\r\n\r\n", "404"),
        ] {
            let answer = answer(request);
            assert!(answer.head.starts_with(&format!("HTTP/1.1 {status} ")) && answer.body.is_none(), "{request}: {}", answer.head);
        }
    }

    #[tokio::test]
    async fn the_bytes_are_those_of_the_checksum() {
        let origin = Origin::start(vec![FILE]).await.unwrap();
        let fetch = async |head: &str| {
            let mut stream = TcpStream::connect(origin.address).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
            let end = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
            answer.split_off(end)
        };
        let whole = fetch("GET /a HTTP/1.1\r\n\r\n").await;
        assert_eq!(hexadecimal(&Sha256::digest(&whole)), FILE.sha256());
        let rest = fetch("GET /a HTTP/1.1\r\nRange: bytes=65530-\r\n\r\n").await;
        assert_eq!(rest, whole[65530..]);
        assert!(fetch("HEAD /a HTTP/1.1\r\n\r\n").await.is_empty());
        let sent: Vec<_> = origin.answered(&FILE).iter().map(|answered| (answered.from, answered.sent)).collect();
        assert_eq!(sent, [(0, 2 * CHUNK), (65530, 2 * CHUNK - 65530)]);
    }

    #[tokio::test]
    async fn a_gate_holds_back_what_is_behind_it() {
        let origin = Origin::start(vec![Resource { gate: Some(CHUNK), ..FILE }]).await.unwrap();
        let mut stream = TcpStream::connect(origin.address).await.unwrap();
        stream.write_all(b"GET /a HTTP/1.1\r\n\r\n").await.unwrap();
        let mut before = vec![0; CHUNK as usize];
        timeout(PATIENCE, stream.read_exact(&mut before)).await.unwrap().unwrap();
        assert_eq!(origin.answered(&FILE)[0].sent, CHUNK);
        origin.open_gate();
        timeout(PATIENCE, stream.read_exact(&mut before)).await.unwrap().unwrap();
    }
}
