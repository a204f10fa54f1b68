//! The two halves of a peer's socket: what comes in is measured before it is taken, what goes out
//! has a deadline.

use std::{io, os::fd::OwnedFd, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::unix::{OwnedReadHalf, OwnedWriteHalf},
    sync::{Mutex, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use zbus::{Message, connection::socket::ReadHalf, export::async_trait::async_trait};

use super::{
    handshake::{Handshake, LONGEST_LINE, Step},
    head::{HEAD, HeadError, LONGEST, message_length},
};

/// Messages up to this size are taken without asking; one connection holds a few at a time.
const SMALL: usize = 64 << 10;

/// What all longer messages together may hold, in units of [`SMALL`]: 64 MiB.
const LARGE_MESSAGES: usize = 8 * LONGEST / SMALL;

/// Why a connection ended, other than by its peer's wish.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    #[error("the handshake took too long")]
    HandshakeTooLong,
    #[error("the handshake was refused: {0}")]
    Handshake(&'static str),
    #[error("refused: {0}")]
    Head(#[from] HeadError),
    #[error("not a message: {0}")]
    Message(zbus::Error),
    #[error("half a message, and nothing more")]
    HalfMessage,
    #[error("it does not read what it asked for")]
    DoesNotRead,
    #[error("more signals wait for it than it may have")]
    TooManySignals,
    #[error("{0}")]
    Socket(#[from] io::Error),
}

/// A message, and the room it takes while it is worked on.
pub(crate) struct Received {
    pub(crate) message: Message,
    _room: Option<OwnedSemaphorePermit>,
}

/// The room for long messages of all connections.
pub(crate) fn room_for_large_messages() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(LARGE_MESSAGES))
}

/// The half that is read.
#[derive(Debug)]
pub(crate) struct Incoming {
    bytes: Bytes,
    count: u64,
    room: Arc<Semaphore>,
    /// For the rest of a message that has begun.
    deadline: Duration,
}

/// Gives zbus the bytes of one message; it never sees the others.
#[derive(Debug)]
struct Bytes(BufReader<OwnedReadHalf>);

#[async_trait]
impl ReadHalf for Bytes {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        // A plain read: descriptors that a peer sends along are closed by the kernel.
        Ok((self.0.read(buffer).await?, Vec::new()))
    }
}

impl Incoming {
    pub(crate) fn new(half: OwnedReadHalf, room: Arc<Semaphore>, deadline: Duration) -> Self {
        Self { bytes: Bytes(BufReader::with_capacity(4096, half)), count: 0, room, deadline }
    }

    /// The handshake, up to the line after which messages follow.
    pub(crate) async fn handshake(&mut self, mut handshake: Handshake, out: &mut OwnedWriteHalf) -> Result<(), Ended> {
        // The byte with which credentials travel on systems that need one.
        if self.bytes.0.read_u8().await? != 0 {
            return Err(Ended::Handshake("it does not begin with NUL"));
        }
        loop {
            let mut line = Vec::new();
            (&mut self.bytes.0).take(LONGEST_LINE as u64).read_until(b'\n', &mut line).await?;
            let Some(line) = line.strip_suffix(b"\r\n") else {
                return Err(Ended::Handshake("a line that is too long or has no end"));
            };
            match handshake.line(line) {
                Step::Answer(answer) => out.write_all(format!("{answer}\r\n").as_bytes()).await?,
                Step::Begin => return Ok(()),
                Step::Refuse(reason) => return Err(Ended::Handshake(reason)),
            }
        }
    }

    /// Waits until a message begins; `false` if the peer has closed its side. May be dropped.
    pub(crate) async fn begins(&mut self) -> Result<bool, Ended> {
        Ok(!self.bytes.0.fill_buf().await?.is_empty())
    }

    /// The message that has begun. Not to be dropped, unless with the connection.
    pub(crate) async fn message(&mut self) -> Result<Received, Ended> {
        timeout(self.deadline, self.rest()).await.unwrap_or(Err(Ended::HalfMessage))
    }

    async fn rest(&mut self) -> Result<Received, Ended> {
        let mut head = [0; HEAD];
        self.bytes.0.read_exact(&mut head).await.map_err(half)?;
        let length = message_length(&head)?;
        let room = if length > SMALL {
            let units = u32::try_from(length.div_ceil(SMALL)).unwrap_or(u32::MAX);
            Some(Arc::clone(&self.room).acquire_many_owned(units).await.map_err(|_| Ended::HalfMessage)?)
        } else {
            None
        };
        self.count += 1;
        let message = self.bytes.receive_message(self.count, &mut head.to_vec(), &mut Vec::new()).await.map_err(Ended::Message)?;
        Ok(Received { message, _room: room })
    }
}

fn half(error: io::Error) -> Ended {
    if error.kind() == io::ErrorKind::UnexpectedEof { Ended::HalfMessage } else { Ended::Socket(error) }
}

/// The half that is written: replies and signals, a whole message at a time.
#[derive(Debug)]
pub(crate) struct Outgoing {
    half: Mutex<OwnedWriteHalf>,
    deadline: Duration,
}

impl Outgoing {
    pub(crate) fn new(half: OwnedWriteHalf, deadline: Duration) -> Self {
        Self { half: Mutex::new(half), deadline }
    }

    /// Waits for its turn, then writes. Not to be dropped, unless with the connection: half a
    /// message would be left.
    pub(crate) async fn send(&self, message: &Message) -> Result<(), Ended> {
        let mut half = self.half.lock().await;
        match timeout(self.deadline, half.write_all(message.data())).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(Ended::DoesNotRead),
        }
    }
}
