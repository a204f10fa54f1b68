//! TLS and its faults, seen by a client that trusts the tests' authority.

use std::io::{ErrorKind, Read, Write};

use consign_testkit::{Close, Fault, Resource, Server, server::TlsFault};

use crate::client::{Ended, split, tls};

/// What a client receives; or why not.
fn fetch(server: &Server, host: &'static str) -> std::io::Result<Vec<u8>> {
    let mut stream = tls(&server.ca_pem(), host, server.address());
    stream.write_all(b"GET /file HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut all = Vec::new();
    stream.read_to_end(&mut all)?;
    assert_eq!(stream.conn.alpn_protocol(), Some(b"http/1.1".as_slice()));
    Ok(all)
}

#[test]
fn a_good_certificate_is_trusted_under_every_name() {
    let server = Server::start_tls(TlsFault::None).unwrap();
    assert!(server.url("/file").starts_with("https://127.0.0.1:"));
    server.set("/file", Resource::new("contents").always(Fault::None));
    for host in ["localhost", "127.0.0.1"] {
        let answer = split(fetch(&server, host).unwrap(), Ended::Fin);
        assert_eq!((answer.status, answer.body.as_slice()), (200, b"contents".as_slice()));
    }
}

#[test]
fn a_bad_certificate_is_not_trusted() {
    for (fault, says) in [
        (TlsFault::Expired, "expired"),
        (TlsFault::NotYetValid, "not valid yet"),
        (TlsFault::WrongHost, "not valid for name"),
        (TlsFault::UnknownAuthority, "UnknownIssuer"),
    ] {
        let server = Server::start_tls(fault).unwrap();
        let error = fetch(&server, "localhost").unwrap_err().to_string();
        assert!(error.contains(says), "{fault:?}: {error}");
        assert!(server.requests().is_empty());
    }
}

#[test]
fn a_handshake_is_cut_off() {
    for (how, kind) in [(Close::Reset, ErrorKind::ConnectionReset), (Close::Fin, ErrorKind::UnexpectedEof)] {
        let server = Server::start_tls(TlsFault::HandshakeCut(how)).unwrap();
        assert_eq!(fetch(&server, "localhost").unwrap_err().kind(), kind);
    }
}

#[test]
fn a_cut_body_has_no_farewell() {
    let server = Server::start_tls(TlsFault::None).unwrap();
    server.set("/file", Resource::new("contents").then(Fault::end(3)).then(Fault::cut(3)));
    assert_eq!(fetch(&server, "localhost").unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(fetch(&server, "localhost").unwrap_err().kind(), ErrorKind::ConnectionReset);
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.over && !request.finished && request.body_sent == 3), "{requests:?}");
}
