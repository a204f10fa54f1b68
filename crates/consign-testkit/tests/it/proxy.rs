//! The proxy: whole URLs, tunnels, credentials.

use std::io::Write;

use consign_testkit::{Resource, Server};

use crate::client::{LIMIT, connect, get, read_all, read_one, split};

#[test]
fn a_whole_url_is_forwarded() {
    let (proxy, origin) = (Server::start_proxy().unwrap(), Server::start().unwrap());
    origin.set("/file", Resource::new("0123456789"));
    let answer = get(&proxy, &origin.url("/file?a"), &["Range: bytes=2-3", "Proxy-Authorization: Basic eA=="]);
    assert_eq!((answer.status, answer.body.as_slice()), (206, b"23".as_slice()));

    let arrived = &origin.requests()[0];
    assert_eq!((arrived.target.as_str(), arrived.range()), ("/file?a", Some("bytes=2-3")));
    assert_eq!(arrived.header("proxy-authorization"), None);
    assert!(arrived.header("via").is_some());
    let requests = proxy.wait_for(|requests| requests.iter().all(|request| request.finished), LIMIT).unwrap();
    assert_eq!((requests[0].target.clone(), requests[0].status), (origin.url("/file?a"), Some(206)));
}

#[test]
fn a_host_may_be_known_to_the_proxy_alone() {
    let (proxy, origin) = (Server::start_proxy().unwrap(), Server::start().unwrap());
    origin.set("/file", Resource::new("contents"));
    proxy.map_host("files.test", origin.address());
    assert_eq!(get(&proxy, "http://files.test/file", &[]).body, b"contents");
    assert_eq!(get(&proxy, "http://other.test/file", &[]).status, 403);
    proxy.set("http://files.test/file", Resource::status(502));
    assert_eq!(get(&proxy, "http://files.test/file", &[]).status, 502);
}

#[test]
fn a_tunnel_carries_bytes_both_ways() {
    let (proxy, origin) = (Server::start_proxy().unwrap(), Server::start().unwrap());
    origin.set("/file", Resource::new("contents"));
    let mut stream = connect(proxy.address());
    write!(stream, "CONNECT {} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", origin.address()).unwrap();
    let mut head = [0; 39];
    std::io::Read::read_exact(&mut stream, &mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 Connection established\r\n\r\n");
    for _ in 0..2 {
        stream.write_all(b"GET /file HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert_eq!(read_one(&mut stream), b"contents");
    }
    stream.write_all(b"GET /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let (all, ended) = read_all(&mut stream);
    assert_eq!(split(all, ended).body, b"contents");
    assert_eq!(origin.requests().len(), 3);
    assert_eq!(proxy.requests()[0].method, "CONNECT");
}

#[test]
fn a_proxy_can_want_credentials() {
    let (proxy, origin) = (Server::start_proxy().unwrap(), Server::start().unwrap());
    proxy.set_proxy_credentials("me", "secret");
    let url = origin.url("/file");
    let answer = get(&proxy, &url, &[]);
    assert_eq!((answer.status, answer.header("proxy-authenticate")), (407, Some("Basic realm=\"test proxy\"")));
    assert_eq!(get(&proxy, &url, &["Proxy-Authorization: Basic bWU6c2VjcmV0"]).status, 404);
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn a_dead_target_is_a_bad_gateway() {
    let (proxy, origin) = (Server::start_proxy().unwrap(), Server::start().unwrap());
    let url = origin.url("/file");
    drop(origin);
    assert_eq!(get(&proxy, &url, &[]).status, 502);
}
