//! The byte stream below HTTP, and how it ends.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};
use tokio_rustls::server::TlsStream;

use super::fault::Close;

/// A connection, with or without TLS.
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// How a connection ends, seen from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// As HTTP and TLS want it.
    Proper,
    /// As a fault wants it.
    Fault(Close),
}

/// How long the client gets to read what is left before the connection is closed all the same.
const LINGER: Duration = Duration::from_secs(2);

impl Wire {
    pub(super) fn tcp(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_mut().0,
        }
    }

    pub(super) async fn close(mut self, end: End) {
        // Whoever left already needs no farewell: errors have no meaning here.
        match end {
            End::Proper => {
                let _ = self.shutdown().await;
                self.read_out().await;
            }
            End::Fault(Close::Fin) => {
                let _ = self.flush().await;
                let _ = self.tcp().shutdown().await;
                self.read_out().await;
            }
            End::Fault(Close::Reset) => {
                let _ = self.flush().await;
                // A reset throws away what the kernel has not delivered yet.
                wait_until_delivered(self.tcp()).await;
                let _ = self.tcp().set_zero_linger();
            }
        }
    }

    /// Closing with unread bytes would turn the FIN into a reset, which can overtake the answer.
    async fn read_out(&mut self) {
        let mut rest = [0; 4096];
        let tcp = self.tcp();
        let _ = timeout(LINGER, async { while tcp.read(&mut rest).await.is_ok_and(|count| count > 0) {} }).await;
    }
}

/// Waits until the client's kernel has acknowledged everything. The length of the send queue can be
/// had by `ioctl` (which is `unsafe`) or from here.
async fn wait_until_delivered(tcp: &TcpStream) {
    let (Ok(local), Ok(peer)) = (tcp.local_addr(), tcp.peer_addr()) else { return };
    let deadline = Instant::now() + LINGER;
    while Instant::now() < deadline {
        match send_queue(local, peer) {
            Ok(Some(0) | None) | Err(_) => return,
            Ok(Some(_)) => sleep(Duration::from_millis(2)).await,
        }
    }
}

/// The unacknowledged bytes of a connection, from the kernel's table.
fn send_queue(local: SocketAddr, peer: SocketAddr) -> io::Result<Option<u64>> {
    let table = std::fs::read_to_string(if local.is_ipv4() { "/proc/self/net/tcp" } else { "/proc/self/net/tcp6" })?;
    let (local, peer) = (format!(":{:04X}", local.port()), format!(":{:04X}", peer.port()));
    Ok(table.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let ours = fields.next()?.ends_with(&local) && fields.next()?.ends_with(&peer);
        let queues = fields.nth(1)?;
        if ours { u64::from_str_radix(queues.split(':').next()?, 16).ok() } else { None }
    }))
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
