//! What a proxy does with a request: forwards it, or opens a tunnel. It reaches loopback only.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional},
    net::TcpStream,
};

use super::{
    answer,
    request::Request,
    state::State,
    wire::{End, Wire},
};

/// Whether the request is one for a proxy.
pub(super) fn concerns(request: &Request) -> bool {
    request.method == "CONNECT" || request.target.contains("://")
}

/// Carries out the request; the connection serves for nothing else afterwards.
pub(super) async fn forward(wire: &mut Wire, buffer: &[u8], state: &State, request: Request) -> End {
    let index = state.log(request.clone());
    // Whoever left needs no answer.
    let _ = attempt(wire, buffer, state, index, &request).await;
    state.finish(index);
    state.end(index);
    End::Proper
}

async fn attempt(wire: &mut Wire, buffer: &[u8], state: &State, index: usize, request: &Request) -> io::Result<()> {
    if !state.proxy_admits(request) {
        return refuse(wire, state, index, request, 407).await;
    }
    let Some(address) = target(state, request) else {
        return refuse(wire, state, index, request, 403).await;
    };
    // Longer bodies are not kept, so they cannot be sent on.
    if request.body_size > request.body.len() as u64 {
        return refuse(wire, state, index, request, 413).await;
    }
    let Ok(mut target) = TcpStream::connect(address).await else {
        return refuse(wire, state, index, request, 502).await;
    };

    if request.method == "CONNECT" {
        state.begin(index, 200);
        wire.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        target.write_all(buffer).await?;
        copy_bidirectional(wire, &mut target).await?;
        return Ok(());
    }

    target.write_all(&rewritten(request)).await?;
    let mut first = [0; 4096];
    let count = target.read(&mut first).await?;
    let status = first[..count].get(9..12).and_then(|code| std::str::from_utf8(code).ok()).and_then(|code| code.parse().ok());
    if let Some(status) = status {
        state.begin(index, status);
    }
    wire.write_all(&first[..count]).await?;
    copy(&mut target, wire).await?;
    Ok(())
}

async fn refuse(wire: &mut Wire, state: &State, index: usize, request: &Request, status: u16) -> io::Result<()> {
    let challenge = [("Proxy-Authenticate", "Basic realm=\"test proxy\""), ("Connection", "close")];
    let headers = if status == 407 { &challenge[..] } else { &challenge[1..] };
    let answer = answer::plain(request, status, headers, "");
    state.begin(index, status);
    wire.write_all(&answer.head).await
}

/// The request as the target gets it.
fn rewritten(request: &Request) -> Vec<u8> {
    let rest = request.target.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    let mut head = format!("{} {path} HTTP/1.1\r\n", request.method);
    for (name, value) in &request.headers {
        let hop = name.to_ascii_lowercase();
        if !hop.starts_with("proxy-") && hop != "connection" {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str("Via: 1.1 test-proxy\r\nConnection: close\r\n\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&request.body);
    bytes
}

fn target(state: &State, request: &Request) -> Option<SocketAddr> {
    let (authority, default_port) = match request.target.split_once("://") {
        Some(("http", rest)) => (rest.split('/').next()?, Some(80)),
        Some(_) => return None,
        None => (request.target.as_str(), None),
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (authority, default_port?),
    };
    if let Some(address) = state.lock().hosts.get(host) {
        return Some(*address);
    }
    let address: IpAddr = if host == "localhost" { [127, 0, 0, 1].into() } else { host.trim_matches(['[', ']']).parse().ok()? };
    address.is_loopback().then_some((address, port).into())
}
