//! From the first client to the end.

use std::{io, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use consign_transfer::{Due, Engine};
use tokio::{
    net::UnixStream,
    signal::unix::{Signal, SignalKind, signal},
    sync::broadcast::{Receiver, error::RecvError},
    task::JoinSet,
    time::{Sleep, sleep, timeout},
};

use super::{ServiceSettings, lock::Lock, socket::Socket, supervisor::Supervisor};
use crate::{classes::Classes, face::Face, queues::Queues};

/// How long the service waits to accept again when it has no descriptor left: one is given back
/// when a connection or a transfer ends, which nobody tells it.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(200);

/// Everything that a running service owns.
pub(super) struct Serving {
    pub(super) face: Face,
    pub(super) engine: Engine,
    pub(super) queues: Arc<Queues>,
    pub(super) classes: Arc<Classes>,
    pub(super) socket: Socket,
    pub(super) path: PathBuf,
    pub(super) lock: Lock,
    pub(super) signals: Signals,
    pub(super) supervisor: Supervisor,
    pub(super) settings: ServiceSettings,
}

/// The signals that ask a process to end.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl Serving {
    pub(super) async fn run(mut self) {
        let mut connections = JoinSet::new();
        let why = self.serve(&mut connections).await;
        tracing::info!(why, "ending");
        self.end(connections).await;
    }

    /// Until it is told to end, or idle; says which.
    async fn serve(&mut self, connections: &mut JoinSet<()>) -> &'static str {
        let face = self.face.clone();
        let mut stop = Box::pin(face.stop_requested());
        let mut events = self.engine.subscribe();
        let mut queue_events = self.queues.engine().events();
        let mut outboxes = self.queues.outboxes().changes();
        let mut servers = self.classes.changes();
        let mut idle = Idle::new(self.settings.idle_exit);
        let mut full = false;
        idle.begin();
        loop {
            tokio::select! {
                accepted = self.socket.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        idle.end();
                        self.take(stream, connections, &mut full);
                        if self.nobody(connections) {
                            idle.begin();
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "no connection can be accepted");
                        sleep(OUT_OF_DESCRIPTORS).await;
                    }
                },
                Some(ended) = connections.join_next(), if !connections.is_empty() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a connection broke off");
                    }
                    if self.nobody(connections) {
                        idle.begin();
                    }
                }
                () = happened(&mut events), if self.nobody(connections) => idle.begin(),
                () = happened(&mut queue_events), if self.nobody(connections) => idle.begin(),
                Ok(()) = outboxes.changed(), if self.nobody(connections) => idle.go_on(),
                Ok(()) = servers.changed() => if self.nobody(connections) { idle.begin() } else { idle.end() },
                () = idle.over() => {
                    if self.nothing_due(&mut idle).await && self.leave(connections, &mut full).await {
                        return "nothing is left to do";
                    }
                }
                () = self.signals.next() => return "a signal",
                () = &mut stop => return "a client asked for it",
            }
        }
    }

    /// Whether no client is connected: servers that nobody uses are none.
    fn nobody(&self, connections: &JoinSet<()>) -> bool {
        connections.len() <= self.classes.unused()
    }

    fn take(&self, stream: UnixStream, connections: &mut JoinSet<()>, full: &mut bool) {
        // A server that is being started takes nobody's place: it was wanted before.
        let clients = connections.len().saturating_sub(self.classes.connections());
        let is_server = || stream.peer_cred().is_ok_and(|peer| peer.pid().is_some_and(|process| self.classes.is_starting(process)));
        if clients >= usize::try_from(self.settings.connections).unwrap_or(usize::MAX) && !is_server() {
            // One line, not one for each that is refused.
            if !std::mem::replace(full, true) {
                tracing::warn!(connections = connections.len(), "a connection was refused: there are as many as the settings allow");
            }
            return;
        }
        *full = false;
        let face = self.face.clone();
        connections.spawn(async move {
            if let Err(error) = face.serve(stream).await {
                tracing::warn!(%error, "a connection was refused");
            }
        });
    }

    /// Whether nothing that is stored can become due without a client. If only later, the question
    /// is asked again then.
    async fn nothing_due(&self, idle: &mut Idle) -> bool {
        idle.end();
        // The queues tell when that changes.
        if self.queues.has_work().await {
            return false;
        }
        match self.engine.status().await.map(|status| status.due) {
            Ok(Due::Nothing) => true,
            Ok(Due::In(time)) => {
                idle.begin_after(time);
                false
            }
            // The engine tells when that changes.
            Ok(Due::Now) => false,
            Err(failure) => {
                tracing::error!(%failure, "the engine does not answer");
                true
            }
        }
    }

    /// Closes the door, and looks whether somebody has come in meanwhile: then it is opened again.
    /// A socket of systemd's stays open, and systemd starts us again for whoever comes.
    async fn leave(&mut self, connections: &mut JoinSet<()>, full: &mut bool) -> bool {
        if self.queues.outboxes().last_look().await || self.queues.has_work().await {
            self.queues.outboxes().stay();
            return false;
        }
        if !self.socket.is_own() {
            return true;
        }
        self.lock.mark_ending();
        self.socket.unlink();
        while let Some(stream) = self.socket.accept_now() {
            self.take(stream, connections, full);
        }
        if self.nobody(connections) {
            return true;
        }
        match Socket::bind(&self.path) {
            Ok(socket) => self.socket = socket,
            // Those who came are served; nobody else will come.
            Err(error) => tracing::error!(%error, "the socket cannot be opened again"),
        }
        self.queues.outboxes().stay();
        self.lock.mark_staying();
        false
    }

    /// The end, in order. A second signal means now.
    async fn end(mut self, mut connections: JoinSet<()>) {
        self.supervisor.stopping();
        if self.socket.is_own() {
            self.lock.mark_ending();
            self.socket.unlink();
        }
        let classes = Arc::clone(&self.classes);
        let orderly = async {
            // Before connections close: their ends would be taken for those of receivers, and for deaths
            // of components.
            self.engine.stop_telling().await;
            self.queues.stop(self.settings.stop_grace).await;
            // While they can still be asked. Those that do not go hear it from their connection.
            if timeout(self.settings.stop_grace, self.classes.shutdown()).await.is_err() {
                tracing::warn!("servers of classes are cut off");
            }
            self.face.close();
            let finished = async { while connections.join_next().await.is_some() {} };
            if timeout(self.settings.stop_grace, finished).await.is_err() {
                tracing::warn!("calls in hand are cut off");
            }
            connections.shutdown().await;
            self.engine.shutdown().await;
        };
        tokio::select! {
            () = orderly => tracing::info!("ended"),
            () = self.signals.next() => tracing::warn!("ended at once"),
        }
        classes.kill();
        // The lock goes last, with `self`.
    }
}

/// Waits for something to change in an engine.
async fn happened<T: Clone>(events: &mut Receiver<T>) {
    if let Err(RecvError::Closed) = events.recv().await {
        std::future::pending::<()>().await;
    }
}

/// The timer of an idle service. It runs only while there is no client.
struct Idle {
    patience: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Idle {
    const fn new(patience: Duration) -> Self {
        Self { patience, timer: None }
    }

    fn begin(&mut self) {
        self.begin_after(self.patience);
    }

    /// Begins if it does not run already.
    fn go_on(&mut self) {
        if self.timer.is_none() {
            self.begin();
        }
    }

    fn begin_after(&mut self, time: Duration) {
        // 0 means that the service never ends by itself.
        self.timer = (!self.patience.is_zero()).then(|| Box::pin(sleep(time.max(self.patience))));
    }

    fn end(&mut self) {
        self.timer = None;
    }

    async fn over(&mut self) {
        match &mut self.timer {
            Some(timer) => timer.await,
            None => std::future::pending().await,
        }
    }
}
