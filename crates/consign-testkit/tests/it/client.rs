//! A client that shows what came, byte by byte, and how it ended.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use consign_testkit::Server;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

/// How long anything here may take before the test gives up.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Fin,
    Reset,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) ended: Ended,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// A connection that offers HTTP/2 and HTTP/1.1, and trusts one authority; the handshake comes with
/// the first bytes.
pub(crate) fn tls(ca_pem: &str, host: &'static str, address: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let client = ClientConnection::new(Arc::new(config), ServerName::try_from(host).unwrap()).unwrap();
    StreamOwned::new(client, connect(address))
}

/// Reads to the end of the connection.
pub(crate) fn read_all(stream: &mut impl Read) -> (Vec<u8>, Ended) {
    let mut all = Vec::new();
    let mut piece = [0; 8192];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return (all, Ended::Fin),
            Ok(count) => all.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return (all, Ended::Reset),
            Err(error) => panic!("{error} after {} bytes", all.len()),
        }
    }
}

/// Reads one answer of announced length, and leaves the connection open.
pub(crate) fn read_one(stream: &mut impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    let mut byte = [0];
    while !all.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        all.push(byte[0]);
    }
    let answer = split(all, Ended::Fin);
    let mut body = vec![0; answer.header("content-length").unwrap().parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    body
}

pub(crate) fn split(all: Vec<u8>, ended: Ended) -> Answer {
    let at = all.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head");
    let head = String::from_utf8_lossy(&all[..at]).into_owned();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap_or(0);
    Answer { status, head, body: all[at + 4..].to_vec(), ended }
}

/// One request on a connection of its own; `headers` are whole lines without their ends.
pub(crate) fn raw(server: &Server, method: &str, path: &str, headers: &[&str]) -> (Vec<u8>, Ended) {
    let mut stream = connect(server.address());
    let lines: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n").unwrap();
    read_all(&mut stream)
}

pub(crate) fn get(server: &Server, path: &str, headers: &[&str]) -> Answer {
    let (all, ended) = raw(server, "GET", path, headers);
    split(all, ended)
}

pub(crate) fn head(server: &Server, path: &str) -> Answer {
    let (all, ended) = raw(server, "HEAD", path, &[]);
    split(all, ended)
}
