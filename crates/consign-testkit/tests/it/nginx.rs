//! Real nginx, where it is installed.

use std::{
    io::{Read, Write},
    net::SocketAddr,
};

use consign_testkit::{Body, Nginx};

use crate::client::{Answer, connect, read_all, split};

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
        assert!(nginx.access_log().unwrap().contains("GET /file HTTP/1.1 206 200000 \"bytes=100000-\""));
        nginx.kill().unwrap();
        assert!(std::net::TcpStream::connect(nginx.address()).is_err());
        nginx.restart().unwrap();
    }
    assert!(nginx.tls_url("/file").starts_with("https://127.0.0.1:"));
}
