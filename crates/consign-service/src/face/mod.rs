//! The D-Bus face over one engine: peers come as streams, and are served until they leave.
//!
//! It owns the connections and what waits to be sent on them. It decides nothing about jobs: every
//! call goes to the engine as it came. It knows neither sockets in the file system nor processes;
//! `run` does.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;

mod connection;
mod handshake;
mod head;
mod hub;
mod mailbox;
mod outbound;
mod stream;
mod subscriptions;
mod turn;

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use consign_core::{
    Timestamp,
    random::{Random, SystemRandom},
};
use consign_transfer::Engine;
use tokio::{
    net::UnixStream,
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::{queues::Queues, receivers::ClientReceivers};

pub(crate) use connection::Peer;
pub(crate) use mailbox::News;
use mailbox::Next;
pub(crate) use outbound::{NoAnswer, Outbound};
pub(crate) use subscriptions::{LONGEST_RULE, MOST_RULES, RuleError};
pub(crate) use turn::Turn;

/// This side's unique name.
pub(crate) const OWN_NAME: &str = ":1.0";

/// What is true of this service as long as it runs.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Where the state lives.
    pub state_folder: PathBuf,
    /// When it began.
    pub started: Timestamp,
    /// Whether a peer may end it.
    pub stop: StopPolicy,
}

/// Who may end the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopPolicy {
    /// Any peer, by `Stop`.
    ByPeers,
    /// The process that it lives in, alone: the engine is embedded.
    ByHostOnly,
}

/// How long a peer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the handshake.
    pub handshake: Duration,
    /// For the rest of a message that has begun.
    pub read: Duration,
    /// For a message to be taken.
    pub write: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { handshake: Duration::from_secs(10), read: Duration::from_secs(30), write: Duration::from_secs(30) }
    }
}

/// A peer that is not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The kernel does not say who it is.
    #[error("the kernel does not say who the peer is")]
    Unknown(#[source] std::io::Error),
    /// It runs under another user, root included.
    #[error("the peer runs as user {uid}, and this service is of user {own} alone")]
    OtherUser {
        /// The peer's.
        uid: u32,
        /// The service's.
        own: u32,
    },
}

/// The face. Clones are the same face; it ends when [`Face::close`] was called or the last clone
/// and the last connection are gone.
#[derive(Clone)]
pub struct Face {
    pub(crate) shared: Arc<Shared>,
}

/// What all connections have in common.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) receivers: Arc<ClientReceivers>,
    /// An embedded engine has none.
    pub(crate) queues: Option<Arc<Queues>>,
    pub(crate) facts: Facts,
    pub(crate) patience: Patience,
    /// Names this server in handshakes, and this machine's instance of the face.
    pub(crate) guid: String,
    mailboxes: Arc<hub::Mailboxes>,
    room: Arc<Semaphore>,
    next_peer: AtomicU64,
    connections: AtomicU32,
    closing: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    /// Ends with the face.
    _hub: JoinSet<()>,
}

impl fmt::Debug for Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Face").field("connections", &self.connections()).finish_non_exhaustive()
    }
}

impl Face {
    /// A face over `engine`, whose receivers are `receivers`, and over the queues where there are some. To be
    /// called inside a runtime.
    pub fn new(engine: Engine, receivers: Arc<ClientReceivers>, queues: Option<Arc<Queues>>, facts: Facts, patience: Patience) -> Self {
        let mailboxes = Arc::new(hub::Mailboxes::default());
        let mut hub = JoinSet::new();
        hub.spawn(hub::distribute(engine.clone(), engine.subscribe(), Arc::clone(&mailboxes)));
        if let Some(queues) = &queues {
            hub.spawn(hub::distribute_queue_events(queues.engine().events(), Arc::clone(&mailboxes)));
        }
        let shared = Arc::new(Shared {
            engine,
            receivers,
            queues,
            facts,
            patience,
            guid: SystemRandom.bytes().iter().map(|byte| format!("{byte:02x}")).collect(),
            mailboxes,
            room: stream::room_for_large_messages(),
            next_peer: AtomicU64::new(1),
            connections: AtomicU32::new(0),
            closing: watch::Sender::new(false),
            stop: watch::Sender::new(false),
            _hub: hub,
        });
        Self { shared }
    }

    /// Serves one peer until it leaves, breaks the rules, or the face is closed. Why it ended is
    /// logged: nothing depends on it.
    ///
    /// # Errors
    /// When the peer is not of this process's user.
    pub async fn serve(&self, stream: UnixStream) -> Result<(), ServeError> {
        let credentials = stream.peer_cred().map_err(ServeError::Unknown)?;
        let own = rustix::process::geteuid().as_raw();
        if credentials.uid() != own {
            return Err(ServeError::OtherUser { uid: credentials.uid(), own });
        }
        let number = self.shared.next_peer.fetch_add(1, Ordering::Relaxed);
        let peer = Peer::new(number, credentials.uid(), credentials.pid().and_then(|pid| u32::try_from(pid).ok()));
        let _counted = Counted::new(&self.shared);
        connection::serve(&self.shared, peer, stream).await;
        Ok(())
    }

    /// How many peers are being served.
    pub fn connections(&self) -> u32 {
        self.shared.connections()
    }

    /// Takes no more calls. Each peer still gets the answer to the call in hand, then its
    /// connection ends.
    pub fn close(&self) {
        self.shared.closing.send_replace(true);
    }

    /// Waits until a peer has called `Stop`.
    pub async fn stop_requested(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.shared.stop.subscribe().wait_for(|stop| *stop).await;
    }
}

impl Shared {
    pub(crate) fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn request_stop(&self) {
        self.stop.send_replace(true);
    }
}

/// One connection in the count.
struct Counted<'a>(&'a Shared);

impl<'a> Counted<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
