//! Sets up connections: names, TCP, proxies, TLS, and which HTTP is spoken.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use bytes::Bytes;
use consign_bits::{ErrorContext, wininet};
use http_body_util::Empty;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::rustls::pki_types::ServerName;

use super::{
    address::{Origin, Scheme},
    pool::{Connection, Sender},
    proxy::Route,
    tls::{Tls, handshake_failed},
    trouble::Trouble,
    tunnel,
};

/// Sets up connections.
#[derive(Debug)]
pub(super) struct Connector {
    timeout: Duration,
    tls: Tls,
}

/// A byte stream, whatever it is made of.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
type BoxedStream = Box<dyn Stream>;

/// The head of an answer may have so many bytes and fields.
const HEAD_BYTES: usize = 64 * 1024;
const HEAD_FIELDS: usize = 256;
/// The read buffer of HTTP/1 grows to this where bytes come fast: fewer and larger writes.
const READ_BUFFER: usize = 1 << 20;
/// What an HTTP/2 server may send ahead of us: 4 MiB are 320 Mbit/s over 100 ms. Fixed, so that
/// memory is bounded.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// Larger frames mean larger writes.
const FRAME: u32 = 256 * 1024;

impl Connector {
    pub(super) fn new(timeout: Duration, tls: Tls) -> Self {
        Self { timeout, tls }
    }

    /// Connects to `target` by `route`.
    pub(super) async fn connect(&self, target: &Origin, route: &Route) -> Result<Connection, Trouble> {
        match timeout(self.timeout, self.connect_without_limit(target, route)).await {
            Ok(result) => result,
            Err(_) => Err(Trouble::timed_out(&format!("no connection to {} came about", named(target, route)), self.timeout)),
        }
    }

    async fn connect_without_limit(&self, target: &Origin, route: &Route) -> Result<Connection, Trouble> {
        let stream = match route {
            Route::Direct => boxed(self.tcp(target).await?),
            Route::Through(proxy) => {
                let mut stream = boxed(self.tcp(&proxy.origin).await?);
                if proxy.origin.scheme == Scheme::Https {
                    stream = self.tls(stream, &proxy.origin).await?.0;
                }
                if target.scheme == Scheme::Https {
                    tunnel::open(&mut stream, target, proxy).await?;
                }
                stream
            }
        };
        let (stream, speaks_http2) = match target.scheme {
            Scheme::Http => (stream, false),
            Scheme::Https => self.tls(stream, target).await?,
        };
        let refused = |error: hyper::Error| {
            tracing::debug!(%error, "the handshake of HTTP failed");
            Trouble::cut(&target.host)
        };
        if speaks_http2 {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .max_frame_size(FRAME)
                .max_header_list_size(HEAD_BYTES as u32);
            let (sender, connection) = builder.handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await.map_err(refused)?;
            let driver = tokio::spawn(async move {
                let ended = connection.await;
                tracing::trace!(?ended, "an HTTP/2 connection ended");
                false
            });
            return Ok(Connection::new(Sender::Http2(sender), driver));
        }
        let mut builder = http1::Builder::new();
        builder.max_buf_size(READ_BUFFER).max_headers(HEAD_FIELDS).max_header_size(HEAD_BYTES);
        let (sender, mut connection) = builder.handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await.map_err(refused)?;
        let driver = tokio::spawn(async move {
            let ended = std::future::poll_fn(|context| connection.poll_without_shutdown(context)).await;
            let unread = connection.into_parts().read_buf;
            tracing::trace!(?ended, unread = unread.len(), "an HTTP/1 connection ended");
            // Bytes that belong to no answer: the server sent more than it announced.
            !unread.is_empty()
        });
        Ok(Connection::new(Sender::Http1(sender), driver))
    }

    /// Tries the addresses of the host in turn, each with its share of the time that is left.
    async fn tcp(&self, host: &Origin) -> Result<TcpStream, Trouble> {
        let deadline = Instant::now() + self.timeout;
        let addresses = resolve(host).await?;
        let mut trouble = None;
        for (index, address) in addresses.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
            let error = match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Requests are written whole; waiting for more of them only costs time.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => error,
                Err(_) => io::Error::from(rustix::io::Errno::TIMEDOUT),
            };
            let next = Trouble::connect(&error, &host.host_and_port(), address.ip().is_loopback());
            // A server that refuses says more than a family of addresses without a route.
            if trouble.as_ref().is_none_or(|trouble: &Trouble| trouble.retry == super::task::Retry::WhenNetworkReturns) {
                trouble = Some(next);
            }
        }
        Err(trouble.unwrap_or_else(|| not_resolved(host, "it has no address")))
    }

    async fn tls(&self, stream: BoxedStream, host: &Origin) -> Result<(BoxedStream, bool), Trouble> {
        let connector = self.tls.connector().await?;
        let name = ServerName::try_from(host.bare_host().to_owned()).map_err(|_| {
            let sentence = format!("{} is no name that a certificate can be for", host.host);
            Trouble::fatal(wininet::WININET_E_INVALID_URL, ErrorContext::RemoteFile, sentence)
        })?;
        let stream = connector.connect(name, stream).await.map_err(|error| handshake_failed(&error, &host.host))?;
        let speaks_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((boxed(stream), speaks_http2))
    }
}

fn boxed(stream: impl Stream + 'static) -> BoxedStream {
    Box::new(stream)
}

/// The host that is connected, as it is named in sentences.
fn named(target: &Origin, route: &Route) -> String {
    match route {
        Route::Direct => target.host_and_port(),
        Route::Through(proxy) => format!("{} by the proxy {}", target.host_and_port(), proxy.origin.host_and_port()),
    }
}

async fn resolve(host: &Origin) -> Result<Vec<SocketAddr>, Trouble> {
    let resolved = tokio::net::lookup_host((host.bare_host(), host.port)).await.map_err(|error| {
        if has_route() {
            return not_resolved(host, &error.to_string());
        }
        // Without any route a name server cannot be asked: that is what is wrong, not the name.
        Trouble::connect(&rustix::io::Errno::NETUNREACH.into(), &host.host, false)
    })?;
    Ok(resolved.collect())
}

fn not_resolved(host: &Origin, why: &str) -> Trouble {
    let sentence = format!("the name {} could not be resolved: {why}; check the URL", host.host);
    Trouble::passing(wininet::WININET_E_NAME_NOT_RESOLVED, ErrorContext::GeneralTransport, sentence)
}

/// Whether the kernel knows a way to anywhere. Connecting a datagram socket sends nothing; the
/// addresses are those of documentation.
fn has_route() -> bool {
    let leads_out = |from: SocketAddr, to: SocketAddr| UdpSocket::bind(from).and_then(|socket| socket.connect(to)).is_ok();
    leads_out((Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv4Addr::new(192, 0, 2, 1), 9).into())
        || leads_out((Ipv6Addr::UNSPECIFIED, 0).into(), (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into())
}
