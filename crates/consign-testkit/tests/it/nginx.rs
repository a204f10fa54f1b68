//! Real nginx, where it is installed.

use std::{
    io::{Read, Write},
    net::SocketAddr,
};

use consign_testkit::{Body, Nginx};

use crate::client::{Answer, connect, read_all, split, tls};

fn ask(address: SocketAddr, request: &str) -> Answer {
    let mut stream = connect(address);
    stream.write_all(format!("{request}\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let (all, ended) = read_all(&mut stream);
    split(all, ended)
}

#[test]
fn nginx_serves_a_folder_and_comes_back_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let body = Body::pattern(1, 300_000);
    body.write_to(&folder.path().join("file")).unwrap();
    let Some(mut nginx) = Nginx::start(folder.path()).unwrap() else { return };
    let mut expected = Vec::new();
    body.reader().read_to_end(&mut expected).unwrap();
    for _ in 0..2 {
        let answer = ask(nginx.address(), "GET /file HTTP/1.1\r\nRange: bytes=100000-");
        assert_eq!((answer.status, answer.header("content-range")), (206, Some("bytes 100000-299999/300000")));
        assert!(answer.body == expected[100_000..]);
        nginx.kill().unwrap();
        assert!(std::net::TcpStream::connect(nginx.address()).is_err());
        nginx.restart().unwrap();
    }
    // The one process writes the line of an answer before it takes the next connection.
    assert_eq!(ask(nginx.address(), "GET /none HTTP/1.1").status, 404);
    assert_eq!(ask(nginx.address(), "GET /file HTTP/1.1").status, 200);
    assert!(nginx.access_log().unwrap().contains("GET /none HTTP/1.1 404 "));
    assert!(nginx.tls_url("/file").starts_with("https://127.0.0.1:"));
    let mut stream = tls(&nginx.ca_pem(), "localhost", nginx.tls_address());
    // The preface of HTTP/2 with empty settings, which the server answers with its own (frame type 4).
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!((stream.conn.alpn_protocol(), frame[3]), (Some(b"h2".as_slice()), 4));
}
