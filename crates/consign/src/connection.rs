//! One connection to the service: dialled, checked, and read to its end.
//!
//! Owns the task that reads the signals. Whatever waits for something of this connection is woken
//! when it closes; nothing in here dials again.

use std::{
    io,
    os::{fd::AsRawFd, unix::ffi::OsStrExt, unix::net::UnixStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use consign_bits::JobId;
use consign_wire::names;
use futures_util::StreamExt;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{runtime::Handle, sync::broadcast, task::JoinHandle};
use zbus::{DynamicType, Message, MessageStream, Type};

use crate::{
    ClientEvent, Error, QueueEvent, Result,
    callbacks::Callbacks,
    changes::{PropertyCache, PropertyWatch},
    queues,
};

/// A service that accepts and then says nothing is given up after this.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// Events kept for one who reads slowly; what it missed beyond is counted.
const EVENTS_KEPT: usize = 1024;

/// The longest path that a socket address holds.
const SOCKET_PATH_LIMIT: usize = 107;

const BUS: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";
pub(crate) const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

pub(crate) struct Connection {
    bus: zbus::Connection,
    watches: Arc<Watches>,
    events: broadcast::WeakSender<ClientEvent>,
    queue_events: broadcast::WeakSender<QueueEvent>,
    pump: JoinHandle<()>,
    /// The objects that the service may call; there are none before the client has them.
    callbacks: Arc<OnceLock<Arc<Callbacks>>>,
    runtime: Handle,
}

/// Who waits for changes of jobs. Emptied when the connection closes, which wakes them all.
#[derive(Default)]
struct Watches(Mutex<Vec<PropertyWatch>>);

impl Connection {
    /// Dials the socket. `Ok(None)` says that nobody serves it.
    pub(crate) async fn dial(socket: &Path) -> Result<Option<Self>> {
        let socket = socket.to_owned();
        let stream = match connect(&socket).await {
            Ok(stream) => stream,
            // Reset: it died with us in its queue.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset) =>
            {
                return Ok(None);
            }
            Err(source) => return Err(Error::Socket { socket, source }),
        };
        let uid = stream.peer_cred().map_err(|source| Error::Socket { socket: socket.clone(), source })?.uid();
        if uid != rustix::process::geteuid().as_raw() {
            return Err(Error::ForeignService { socket, uid });
        }
        let stream = stream.into_std().map_err(|source| Error::Socket { socket, source })?;
        match Self::over(stream).await {
            // It ended between our connect and its answer: the same as not being there.
            Err(Error::Disconnected) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Shakes hands over a stream whose other end is the service.
    pub(crate) async fn over(stream: UnixStream) -> Result<Self> {
        let handshake = async {
            let stream = zbus::connection::Builder::unix_stream(stream).p2p().build_message_stream().await?;
            let bus = zbus::Connection::from(&stream);
            // Read from the start: a stream that nobody reads holds up the answers behind it.
            let watches = Arc::new(Watches::default());
            let (events, _) = broadcast::channel(EVENTS_KEPT);
            let (queue_events, _) = broadcast::channel(EVENTS_KEPT);
            let (weak, weak_of_queues) = (events.downgrade(), queue_events.downgrade());
            let callbacks = Arc::default();
            let heard = Heard { watches: Arc::clone(&watches), events, queue_events };
            let pump = tokio::spawn(pump(stream, heard, Arc::clone(&callbacks)));
            let runtime = Handle::current();
            let connection = Self { bus, watches, events: weak, queue_events: weak_of_queues, pump, callbacks, runtime };
            connection.call_bus::<_, String>("Hello", &()).await?;
            Ok(connection)
        };
        match tokio::time::timeout(HANDSHAKE_LIMIT, handshake).await {
            Ok(result) => result.map_err(|error: Error| match error {
                Error::Protocol { sentence } if sentence.contains("andshake") => Error::Disconnected,
                other => other,
            }),
            Err(_) => Err(Error::protocol("no answer to the handshake")),
        }
    }

    /// From now on the service may call these objects.
    pub(crate) fn serve(&self, callbacks: Arc<Callbacks>) {
        // Only the client does it, once.
        let _ = self.callbacks.set(callbacks);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.bus.is_closed()
    }

    pub(crate) async fn closed(&self) {
        self.bus.closed().await;
    }

    pub(crate) async fn call<B, R>(&self, path: &str, interface: &str, method: &str, body: &B) -> Result<R>
    where
        B: Serialize + DynamicType + Sync,
        R: DeserializeOwned + Type,
    {
        let reply = self.call_for_message(path, interface, method, body).await?;
        reply.body().deserialize().map_err(Error::protocol)
    }

    pub(crate) async fn call_for_message<B>(&self, path: &str, interface: &str, method: &str, body: &B) -> Result<Message>
    where
        B: Serialize + DynamicType + Sync,
    {
        if self.is_closed() {
            return Err(Error::Disconnected);
        }
        Ok(self.bus.call_method(None::<&str>, path, Some(interface), method, body).await?)
    }

    async fn call_bus<B, R>(&self, method: &str, body: &B) -> Result<R>
    where
        B: Serialize + DynamicType + Sync,
        R: DeserializeOwned + Type,
    {
        let reply = self.bus.call_method(Some(BUS), BUS_PATH, Some(BUS), method, body).await?;
        reply.body().deserialize().map_err(Error::protocol)
    }

    /// Asks for the signals that `rule` names, until the answer is dropped.
    pub(crate) async fn add_match(self: &Arc<Self>, rule: String) -> Result<MatchGuard> {
        self.call_bus::<_, ()>("AddMatch", &rule).await?;
        Ok(MatchGuard { connection: Arc::clone(self), rule })
    }

    /// From now on `watch` is given the changes of its job.
    pub(crate) fn watch(&self, watch: PropertyWatch) -> Result<()> {
        let mut watches = self.watches.lock();
        watches.retain(PropertyWatch::is_wanted);
        // Checked under the lock: the pump empties the list once, when it ends.
        if self.pump.is_finished() || self.is_closed() {
            return Err(Error::Disconnected);
        }
        watches.push(watch);
        Ok(())
    }

    pub(crate) fn events(&self) -> Result<broadcast::Receiver<ClientEvent>> {
        self.events.upgrade().map(|events| events.subscribe()).ok_or(Error::Disconnected)
    }

    pub(crate) fn queue_events(&self) -> Result<broadcast::Receiver<QueueEvent>> {
        self.queue_events.upgrade().map(|events| events.subscribe()).ok_or(Error::Disconnected)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The pump holds the socket open otherwise.
        self.pump.abort();
    }
}

impl Watches {
    fn lock(&self) -> MutexGuard<'_, Vec<PropertyWatch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A subscription; dropping it ends it.
pub(crate) struct MatchGuard {
    connection: Arc<Connection>,
    rule: String,
}

impl Drop for MatchGuard {
    fn drop(&mut self) {
        if self.connection.is_closed() {
            return;
        }
        let (connection, rule) = (Arc::clone(&self.connection), std::mem::take(&mut self.rule));
        // Nobody waits for the answer; a service that is gone has no rule to remove.
        self.connection.runtime.spawn(async move {
            let _ = connection.call_bus::<_, ()>("RemoveMatch", &rule).await;
        });
    }
}

/// Where signals go.
struct Heard {
    watches: Arc<Watches>,
    events: broadcast::Sender<ClientEvent>,
    queue_events: broadcast::Sender<QueueEvent>,
}

/// Hands every signal and every call to whom it concerns, until the connection closes.
async fn pump(mut stream: MessageStream, heard: Heard, callbacks: Arc<OnceLock<Arc<Callbacks>>>) {
    while let Some(Ok(message)) = stream.next().await {
        match message.message_type() {
            zbus::message::Type::Signal => deliver(&message, &heard),
            zbus::message::Type::MethodCall => {
                if let Some(callbacks) = callbacks.get() {
                    callbacks.serve(zbus::Connection::from(&stream), message);
                }
            }
            zbus::message::Type::MethodReturn | zbus::message::Type::Error => {}
        }
    }
    heard.watches.lock().clear();
}

fn deliver(message: &Message, heard: &Heard) {
    let header = message.header();
    let (Some(interface), Some(member), Some(path)) = (header.interface(), header.member(), header.path()) else { return };
    if interface.as_str() == names::QUEUES {
        if let Some(event) = queues::read_event(member.as_str(), message) {
            // Nobody may be listening.
            let _ = heard.queue_events.send(event);
        }
        return;
    }
    let event = match (interface.as_str(), member.as_str()) {
        (names::MANAGER, "JobAdded") => job_of_body(message).map(ClientEvent::JobAdded),
        (names::MANAGER, "JobEnded") => job_of_body(message).map(ClientEvent::JobEnded),
        (PROPERTIES, "PropertiesChanged") => names::job_of_path(path.as_str()).map(|job| {
            let mut watches = heard.watches.lock();
            watches.retain(PropertyWatch::is_wanted);
            for watch in watches.iter().filter(|watch| watch.job() == job) {
                watch.update(|cache: &mut PropertyCache| cache.apply_signal(message));
            }
            ClientEvent::JobChanged(job)
        }),
        _ => None,
    };
    if let Some(event) = event {
        // Nobody may be listening.
        let _ = heard.events.send(event);
    }
}

fn job_of_body(message: &Message) -> Option<JobId> {
    let path: zbus::OwnedObjectPath = message.body().deserialize().ok()?;
    names::job_of_path(path.as_str())
}

async fn connect(socket: &Path) -> io::Result<tokio::net::UnixStream> {
    if socket.as_os_str().as_bytes().len() <= SOCKET_PATH_LIMIT {
        return tokio::net::UnixStream::connect(socket).await;
    }
    // An address has no room for the path, but for a name in an open folder.
    let folder = socket.parent().unwrap_or(Path::new("/"));
    let folder = rustix::fs::open(folder, rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC, rustix::fs::Mode::empty())?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(socket.file_name().unwrap_or_default());
    tokio::net::UnixStream::connect(short).await
}
