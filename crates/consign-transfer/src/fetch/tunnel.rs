//! `CONNECT`: a tunnel through a proxy to an `https` server.

use std::time::SystemTime;

use consign_bits::{ErrorContext, bits};
use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{address::Origin, head, proxy::Proxy, task::Retry, trouble::Trouble};

/// The head of the proxy's answer may have so many bytes.
const HEAD_BYTES: usize = 16 * 1024;

/// Asks `proxy`, at the other end of `stream`, for a tunnel to `target`.
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, target: &Origin, proxy: &Proxy) -> Result<(), Trouble> {
    let to = target.host_and_port();
    let mut request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
    if let Some(value) = proxy.authorization.as_ref().and_then(|value| value.to_str().ok()) {
        request.push_str(&format!("Proxy-Authorization: {value}\r\n"));
    }
    request.push_str("\r\n");
    let unreachable = |why: &dyn std::fmt::Display| {
        let sentence = format!("the proxy {} broke off: {why}", proxy.origin.host_and_port());
        Trouble::passing(bits::BG_E_CONNECT_FAILURE, ErrorContext::GeneralTransport, sentence)
    };
    stream.write_all(request.as_bytes()).await.map_err(|error| unreachable(&error))?;
    stream.flush().await.map_err(|error| unreachable(&error))?;
    let mut answer = Vec::new();
    // Byte by byte, so that nothing behind the head is taken from the tunnel. It is short.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= HEAD_BYTES {
            return Err(lie(proxy, "too long"));
        }
        match stream.read_u8().await {
            Ok(byte) => answer.push(byte),
            Err(error) => return Err(unreachable(&error)),
        }
    }
    match status(&answer) {
        Some(200..=299) => Ok(()),
        Some(status @ 300..=599) => {
            let sentence = match status {
                407 => format!("the proxy {} asks for credentials; put them into the proxy setting", proxy.origin.host_and_port()),
                _ => format!("the proxy {} refused a tunnel to {to} with status {status}", proxy.origin.host_and_port()),
            };
            let trouble = Trouble::fatal(bits::http_error(status), ErrorContext::GeneralTransport, sentence);
            // A redirect of a proxy is never followed, so it does not pass either.
            let retry = if status < 400 { Retry::Never } else { head::retry(status, &HeaderMap::new(), SystemTime::UNIX_EPOCH) };
            Err(Trouble { retry, ..trouble })
        }
        _ => Err(lie(proxy, "not one of HTTP")),
    }
}

fn lie(proxy: &Proxy, what: &str) -> Trouble {
    let sentence = format!("the answer of the proxy {} is {what}", proxy.origin.host_and_port());
    Trouble {
        failure: consign_bits::Failure { context: ErrorContext::GeneralTransport, ..Trouble::lie(sentence.clone()).failure },
        ..Trouble::lie(sentence)
    }
}

fn status(answer: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(answer.split(|byte| *byte == b'\r').next()?).ok()?;
    let mut words = line.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next().filter(|status| status.len() == 3).and_then(|status| status.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::address::Scheme;

    async fn check(answer: &[u8]) -> Result<(), Trouble> {
        let (mut ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let origin = |host: &str, port| Origin { scheme: Scheme::Https, host: host.into(), port };
        let proxy = Proxy { origin: origin("proxy", 80), authorization: Some(http::HeaderValue::from_static("Basic eA==")) };
        theirs.write_all(answer).await.unwrap();
        theirs.shutdown().await.unwrap();
        let result = open(&mut ours, &origin("[::1]", 443), &proxy).await;
        drop(ours);
        let mut request = String::new();
        theirs.read_to_string(&mut request).await.unwrap();
        assert_eq!(request, "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\nProxy-Authorization: Basic eA==\r\n\r\n");
        result
    }

    #[tokio::test]
    async fn answers_of_proxies_are_read() {
        assert!(check(b"HTTP/1.0 200 yes\r\nVia: x\r\n\r\n").await.is_ok());
        for (answer, code, retry) in [
            (&b"HTTP/1.1 407 who\r\n\r\n"[..], bits::http_error(407), Retry::Never),
            (b"HTTP/1.1 502 no\r\n\r\n", bits::http_error(502), Retry::After(None)),
            (b"HTTP/1.1 403 no\r\n\r\n", bits::http_error(403), Retry::Never),
            (b"SSH-2.0-x\r\n\r\n", bits::BG_E_INVALID_SERVER_RESPONSE, Retry::Never),
            (b"HTTP/1.1 20", bits::BG_E_CONNECT_FAILURE, Retry::After(None)),
            (&[b'x'; HEAD_BYTES + 1], bits::BG_E_INVALID_SERVER_RESPONSE, Retry::Never),
        ] {
            let trouble = check(answer).await.unwrap_err();
            assert_eq!((trouble.failure.code, trouble.retry), (code, retry), "{}", String::from_utf8_lossy(answer));
        }
    }
}
