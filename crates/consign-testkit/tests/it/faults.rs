//! Faults of framing, of connections, of statuses.

use std::{io::Write, time::Duration};

use consign_testkit::{
    Body, Close, Fault, Resource, Server,
    server::{Accepting, Framing, KeepAlive, Options, RetryAfter},
};

use crate::client::{Ended, LIMIT, connect, get, head, raw, read_all, read_one, split};

#[test]
fn a_body_is_cut_to_the_byte() {
    let server = Server::start().unwrap();
    let body = Body::pattern(1, 3_000_000);
    for (after, how, ended) in [
        (0, Close::Fin, Ended::Fin),
        (1, Close::Reset, Ended::Reset),
        (1_234_567, Close::Reset, Ended::Reset),
        (1_234_567, Close::Fin, Ended::Fin),
        (3_000_000, Close::Reset, Ended::Reset),
    ] {
        server.set("/file", Resource::new(body.clone()).then(Fault::Cut { after, how }));
        let answer = get(&server, "/file", &[]);
        assert_eq!((answer.status, answer.body.len() as u64, answer.ended), (200, after, ended));
        assert_eq!(answer.header("content-length"), Some("3000000"));
        assert_eq!(get(&server, "/file", &[]).body.len(), 3_000_000);
    }
    // The second resumes where the first was cut, and meets a cut of its own.
    server.set("/file", Resource::new(body.clone()).then(Fault::cut(10)).then(Fault::end(20)));
    let first = get(&server, "/file", &[]);
    let second = get(&server, "/file", &["Range: bytes=10-"]);
    let mut start = vec![0; 30];
    body.read_at(0, &mut start);
    assert_eq!([first.body, second.body].concat(), start);
    let requests = server.requests();
    assert_eq!(requests.last().map(|request| (request.body_sent, request.finished)), Some((20, false)));
}

#[test]
fn a_chunked_body_is_cut_within_a_chunk() {
    let server = Server::start().unwrap();
    server.set("/file", Resource::new("0123456789").framing(Framing::Chunked).then(Fault::end(4)).then(Fault::GarbageChunk));
    let answer = get(&server, "/file", &[]);
    assert_eq!((answer.header("transfer-encoding"), answer.header("content-length")), (Some("chunked"), None));
    assert_eq!(answer.body, b"a\r\n0123");
    assert_eq!(get(&server, "/file", &[]).body, b"zz;\r\n0123456789\r\n0\r\n\r\n");
    assert_eq!(get(&server, "/file", &[]).body, b"a\r\n0123456789\r\n0\r\n\r\n");
    let head = head(&server, "/file");
    assert_eq!((head.header("transfer-encoding"), head.body.len()), (Some("chunked"), 0));
}

#[test]
fn a_body_can_end_with_its_connection() {
    let server = Server::start().unwrap();
    server.set("/file", Resource::new("0123456789").framing(Framing::UntilClose));
    let mut stream = connect(server.address());
    stream.write_all(b"GET /file HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let (all, ended) = read_all(&mut stream);
    let answer = split(all, ended);
    assert_eq!((answer.header("content-length"), answer.header("transfer-encoding")), (None, None));
    assert_eq!((answer.body.as_slice(), ended), (b"0123456789".as_slice(), Ended::Fin));
}

#[test]
fn a_stalled_body_goes_on_when_told() {
    let server = Server::start().unwrap();
    server.set("/file", Resource::new("0123456789").then(Fault::stall(4)).then(Fault::NoAnswer));
    for sent in [4, 0] {
        let mut stream = connect(server.address());
        stream.write_all(b"GET /file HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
        server.wait_stalled(1, LIMIT).unwrap();
        assert_eq!(server.requests().last().map(|request| request.body_sent), Some(sent));
        server.release();
        let (all, ended) = read_all(&mut stream);
        assert_eq!(split(all, ended).body, b"0123456789");
        server.wait_for(|requests| requests.iter().all(|request| request.finished), LIMIT).unwrap();
    }
}

#[test]
fn a_client_that_leaves_a_stalled_answer_is_noticed() {
    let server = Server::start().unwrap();
    server.set("/file", Resource::new("0123456789").always(Fault::stall(4)));
    let mut stream = connect(server.address());
    stream.write_all(b"GET /file HTTP/1.1\r\n\r\n").unwrap();
    server.wait_stalled(1, LIMIT).unwrap();
    assert_eq!(server.open_connections(), 1);
    drop(stream);
    server.wait_open_at_most(0, LIMIT).unwrap();
    assert!(server.wait_stalled(1, Duration::ZERO).is_err());
}

#[test]
fn a_slow_body_comes_whole() {
    let server = Server::start().unwrap();
    let slow = Fault::Slow { bytes: 30, every: Duration::from_millis(1) };
    server.set("/file", Resource::new(Body::pattern(1, 1000)).then(slow.clone()).then_all([slow, Fault::end(95)]));
    assert_eq!(get(&server, "/file", &[]).body.len(), 1000);
    assert_eq!(get(&server, "/file", &[]).body.len(), 95);
}

#[test]
fn lengths_can_lie_in_every_way() {
    let server = Server::start().unwrap();
    for (fault, announced, came) in [
        (Fault::LengthTooLong(5), "15", 10),
        (Fault::BodyTooShort(3), "7", 7),
        (Fault::BodyTooShort(99), "0", 0),
        (Fault::BodyTooLong(5), "10", 15),
    ] {
        server.set("/file", Resource::new("0123456789").then(fault.clone()));
        let answer = get(&server, "/file", &[]);
        assert_eq!((answer.header("content-length"), answer.body.len()), (Some(announced), came), "{fault:?}");
    }
    server.set("/file", Resource::new("0123456789").framing(Framing::Chunked).then(Fault::BodyTooLong(5)));
    assert!(get(&server, "/file", &[]).body.starts_with(b"f\r\n0123456789"));
}

#[test]
fn a_file_changes_after_so_many_requests() {
    let server = Server::start().unwrap();
    server.set("/file", Resource::new("old").changes_after(2, Resource::new("new").changes_after(1, Resource::new("newest"))));
    let answers: Vec<_> = (0..4).map(|_| get(&server, "/file", &[])).collect();
    let bodies: Vec<_> = answers.iter().map(|answer| String::from_utf8_lossy(&answer.body).into_owned()).collect();
    assert_eq!(bodies, ["old", "old", "new", "newest"]);
    assert_eq!(answers[0].header("etag"), answers[1].header("etag"));
    assert_ne!(answers[1].header("etag"), answers[2].header("etag"));
}

#[test]
fn statuses_redirects_and_headers_come_as_asked() {
    let server = Server::start().unwrap();
    let date = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    server.set(
        "/file",
        Resource::new("contents")
            .then(Fault::status_later(503, RetryAfter::Seconds(7)))
            .then(Fault::status_later(429, RetryAfter::At(date)))
            .then(Fault::redirect(302, "file:///etc/passwd"))
            .then(Fault::Redirect { code: 301, location: None })
            .then(Fault::GzipHeader)
            .then_all([Fault::Header("etag".to_owned(), "\"x\"".to_owned()), Fault::NoHeader("Last-Modified".to_owned())]),
    );
    let next = || get(&server, "/file", &[]);
    let answer = next();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("7")));
    let answer = next();
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("Sun, 13 Sep 2020 12:26:40 GMT")));
    let answer = next();
    assert_eq!((answer.status, answer.header("location")), (302, Some("file:///etc/passwd")));
    let answer = next();
    assert_eq!((answer.status, answer.header("location")), (301, None));
    assert_eq!(next().header("content-encoding"), Some("gzip"));
    let answer = next();
    assert_eq!((answer.header("etag"), answer.header("last-modified")), (Some("\"x\""), None));
    assert_eq!(next().status, 200);

    server.set_redirects("/chain", 3, 307, "/file");
    let mut path = "/chain".to_owned();
    for _ in 0..3 {
        let answer = get(&server, &path, &[]);
        assert_eq!(answer.status, 307);
        path = answer.header("location").unwrap().to_owned();
    }
    assert_eq!(path, "/file");
}

#[test]
fn faults_can_be_kept_to_one_method() {
    let server = Server::start().unwrap();
    server.set("/file", Resource::new("contents").then(Fault::status(500)).faults_only_on("GET"));
    assert_eq!(head(&server, "/file").status, 200);
    assert_eq!(get(&server, "/file", &[]).status, 500);
    assert_eq!(get(&server, "/file", &[]).status, 200);
}

#[test]
fn heads_can_be_wrong_in_every_way() {
    let server = Server::start().unwrap();
    server.set(
        "/file",
        Resource::new("contents")
            .then(Fault::GarbageStatusLine)
            .then(Fault::HugeHeader(1 << 20))
            .then(Fault::Interim(vec![100, 103]))
            .then(Fault::Http10)
            .then(Fault::CloseBeforeAnswer(Close::Fin))
            .then(Fault::CloseBeforeAnswer(Close::Reset))
            .then(Fault::EndlessHeaders),
    );
    let next = || raw(&server, "GET", "/file", &[]);
    assert!(!next().0.starts_with(b"HTTP/"));
    assert!(next().0.len() > 1 << 20);
    assert!(next().0.starts_with(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n"));
    assert!(next().0.starts_with(b"HTTP/1.0 200 OK\r\n"));
    assert_eq!(next(), (Vec::new(), Ended::Fin));
    assert_eq!(next(), (Vec::new(), Ended::Reset));

    let mut stream = connect(server.address());
    stream.write_all(b"GET /file HTTP/1.1\r\n\r\n").unwrap();
    let mut received = vec![0; 1 << 20];
    std::io::Read::read_exact(&mut stream, &mut received).unwrap();
    assert!(received.starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert!(!received.windows(4).any(|window| window == b"\r\n\r\n"));
    drop(stream);
    server.wait_open_at_most(0, LIMIT).unwrap();
}

#[test]
fn connections_are_kept_and_closed_as_told() {
    let server = Server::start().unwrap();
    server.set("/file", Resource::new("contents"));
    let ask = |stream: &mut std::net::TcpStream| stream.write_all(b"GET /file HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();

    let mut stream = connect(server.address());
    for _ in 0..3 {
        ask(&mut stream);
        assert_eq!(read_one(&mut stream), b"contents");
    }
    assert_eq!(server.connections(), 1);
    server.set_keep_alive(KeepAlive::Requests(2));
    let mut stream = connect(server.address());
    for _ in 0..2 {
        ask(&mut stream);
        assert_eq!(read_one(&mut stream), b"contents");
    }
    assert_eq!(read_all(&mut stream), (Vec::new(), Ended::Fin));
    server.set_keep_alive(KeepAlive::Always);

    server.set("/file", Resource::new("contents").then(Fault::CloseSilently).then(Fault::ConnectionClose));
    for told in [None, Some("close")] {
        let mut stream = connect(server.address());
        ask(&mut stream);
        let (all, ended) = read_all(&mut stream);
        let answer = split(all, ended);
        assert_eq!((answer.header("connection"), answer.body.as_slice()), (told, b"contents".as_slice()));
    }
}

#[test]
fn the_network_breaks_and_the_server_comes_back() {
    let server = Server::start().unwrap();
    server.set("/file", Resource::new("0123456789").always(Fault::stall(4)));
    for how in [Close::Reset, Close::Fin] {
        let mut stream = connect(server.address());
        stream.write_all(b"GET /file HTTP/1.1\r\n\r\n").unwrap();
        server.wait_stalled(1, LIMIT).unwrap();
        server.cut_connections(how);
        let ended = read_all(&mut stream).1;
        assert_eq!(ended, if how == Close::Reset { Ended::Reset } else { Ended::Fin });
        drop(stream);
        server.wait_open_at_most(0, LIMIT).unwrap();
    }
    server.set_accepting(Accepting::None);
    assert!(read_all(&mut connect(server.address())).0.is_empty());
    server.set_accepting(Accepting::AtMost(1));
    server.set("/file", Resource::new("contents"));
    let mut first = connect(server.address());
    first.write_all(b"GET /file HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(read_one(&mut first), b"contents");
    assert!(read_all(&mut connect(server.address())).0.is_empty());
    drop(first);
    server.wait_open_at_most(0, LIMIT).unwrap();
    assert_eq!(get(&server, "/file", &[]).status, 200);

    let port = server.port();
    drop(server);
    let again = Server::start_with(Options { port, ..Options::default() }).unwrap();
    assert_eq!(get(&again, "/file", &[]).status, 404);
}

#[test]
fn credentials_are_asked_for_and_logged() {
    let server = Server::start().unwrap();
    server.set("/file", Resource::new("contents").basic_auth("me", "secret"));
    let answer = get(&server, "/file", &[]);
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Basic realm=\"test\"")));
    assert_eq!(get(&server, "/file", &["Authorization: Basic bWU6d3Jvbmc="]).status, 401);
    assert_eq!(get(&server, "/file", &["Authorization: Basic bWU6c2VjcmV0"]).status, 200);
    let arrived: Vec<_> = server.requests().iter().map(consign_testkit::server::Request::has_authorization).collect();
    assert_eq!(arrived, [false, true, true]);
}

#[test]
fn a_server_on_another_address_is_another_host() {
    let (one, other) =
        (Server::start().unwrap(), Server::start_with(Options { address: [127, 0, 0, 2].into(), ..Options::default() }).unwrap());
    one.set("/file", Resource::redirect(302, other.url("/file")));
    other.set("/file", Resource::new("contents"));
    let location = get(&one, "/file", &["Authorization: x"]).header("location").unwrap().to_owned();
    assert_eq!(location, format!("http://127.0.0.2:{}/file", other.port()));
    assert_eq!(get(&other, "/file", &[]).body, b"contents");
    assert!(one.requests()[0].has_authorization() && !other.requests()[0].has_authorization());
    let six = Server::start_with(Options { address: std::net::Ipv6Addr::LOCALHOST.into(), ..Options::default() });
    // Where there is IPv6.
    if let Ok(six) = six {
        assert_eq!(six.url("/a"), format!("http://[::1]:{}/a", six.port()));
    }
}
