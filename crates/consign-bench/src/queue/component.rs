//! The component on which messages are played: this program, started by the service.

use std::{
    io::{self, ErrorKind},
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use consign::{Component, Error, Result, Server, common::E_FAIL};
use tokio::time::timeout;

use crate::{Outcome, measure::now};

/// So often the component says how many messages it has played.
pub(super) const EVERY: u64 = 1000;

/// No news comes later.
const LIMIT: Duration = Duration::from_secs(120);

/// What the client records.
#[consign::interface(uuid = "5d7cb4f7-3a1d-4a51-90a3-6f0a5f0c8d51", queueable)]
pub trait Work {
    /// Counts. The first and every thousandth time it is told.
    async fn count(&self, number: u64) -> consign::Result<()>;

    /// Is told at once.
    async fn tell(&self, number: u64) -> consign::Result<()>;
}

/// An object, new for each message.
struct Worker(Arc<Told>);

/// What all objects share.
struct Told {
    socket: UnixDatagram,
    count: AtomicU64,
}

impl Work for Worker {
    async fn count(&self, _: u64) -> Result<()> {
        let count = self.0.count.fetch_add(1, Ordering::Relaxed) + 1;
        if count != 1 && !count.is_multiple_of(EVERY) {
            return Ok(());
        }
        match self.0.tell(count) {
            // Nobody reads it: then nobody needs it.
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            told => told.map_err(unheard),
        }
    }

    async fn tell(&self, number: u64) -> Result<()> {
        self.0.tell(number).map_err(unheard)
    }
}

impl Told {
    fn tell(&self, number: u64) -> io::Result<()> {
        let mut news = [0; 16];
        news[..8].copy_from_slice(&now().to_le_bytes());
        news[8..].copy_from_slice(&number.to_le_bytes());
        self.socket.send(&news).map(drop)
    }
}

fn unheard(error: io::Error) -> Error {
    Error::failed(E_FAIL, format!("nobody hears what was played: {error}"))
}

/// Serves the class until the service needs it no more.
pub(crate) fn be_component(class: &str, news: &Path) -> Outcome {
    let socket = UnixDatagram::unbound()?;
    socket.connect(news)?;
    socket.set_nonblocking(true)?;
    let told = Arc::new(Told { socket, count: AtomicU64::new(0) });
    let component = Component::new(move |_| Ok(Worker(Arc::clone(&told)))).interface::<IWork>();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(Server::new().component(class.parse()?, component).run())?)
}

/// Where the component's news come.
pub(super) struct News {
    socket: tokio::net::UnixDatagram,
    path: PathBuf,
}

/// What a component said: when, in milliseconds of the machine's clock, and a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) at: f64,
    pub(super) number: u64,
}

impl News {
    /// To be called inside a runtime.
    pub(super) fn at(path: PathBuf) -> Outcome<Self> {
        Ok(Self { socket: tokio::net::UnixDatagram::bind(&path)?, path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) async fn next(&self) -> Outcome<Said> {
        let mut news = [0; 16];
        let length = timeout(LIMIT, self.socket.recv(&mut news)).await.map_err(|_| "the component did not say anything")??;
        match (<[u8; 8]>::try_from(&news[..8]), <[u8; 8]>::try_from(&news[8..length])) {
            (Ok(at), Ok(number)) => Ok(Said { at: f64::from_le_bytes(at), number: u64::from_le_bytes(number) }),
            _ => Err("the component said something else".into()),
        }
    }
}
