//! Queued calls in the service: the queue engine, the catalogue of components, and who plays.
//!
//! Owns the engine and the catalogue. Which message is played when the engine decides; how a server
//! comes to be there the activator does; what an interface is `consign-core` says.

mod catalogue;
mod import;
mod outboxes;
mod players;
mod recorders;

use std::{sync::Arc, time::Duration};

use consign_bits::Failure;
use consign_core::{Calls, Guid, Paths, SystemClock, common, random::SystemRandom};
use consign_queue::{Engine, EngineOptions, MessageId, NewMessage, Refusal, SqliteStore};
use consign_store::Opening;
use tokio::{runtime::Handle, task::spawn_blocking};

use crate::classes::Classes;

use catalogue::Catalogue;
use outboxes::Outboxes;
use players::Players;
use recorders::Recorders;

pub(crate) use recorders::Recorded;

/// The queues of a service.
pub struct Queues {
    engine: Engine,
    catalogue: Arc<Catalogue>,
    outboxes: Arc<Outboxes>,
    recorders: Recorders,
    /// Held while the catalogue is changed: what is decided of it must still hold when it is stored.
    changing: tokio::sync::Mutex<()>,
}

/// How a message is to be kept.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    /// A CLSID or a ProgID.
    pub(crate) class: String,
    pub(crate) label: String,
    pub(crate) priority: u8,
    pub(crate) app_specific: u32,
    pub(crate) time_to_receive: Option<Duration>,
    pub(crate) calls: Calls,
    pub(crate) caller: consign_queue::Caller,
}

impl Queues {
    /// Opens the store below `paths` and begins to play. To be called inside a runtime.
    ///
    /// # Errors
    /// When the store cannot be opened or read.
    pub async fn open(paths: &Paths, classes: Arc<Classes>, players: u32) -> Result<Arc<Self>, Failure> {
        let path = paths.queue_database();
        let opened = spawn_blocking(move || SqliteStore::open(&path, &SystemRandom)).await;
        let opened = opened.map_err(|_| Failure::refused(common::E_UNEXPECTED, "the store of the queues could not be opened"))?;
        let (store, opening) = opened.map_err(|error| Failure::refused(error.code(), error.to_string()))?;
        if let Opening::SetAside { to, reason } = opening {
            tracing::error!(to = %to.display(), reason, "the queues could not be read: what was in them is set aside, and a new store begun");
        }
        let catalogue = Arc::new(Catalogue::new(Arc::clone(classes.registry())));
        let host = Players::new(classes, Arc::clone(&catalogue), Handle::current());
        let options = EngineOptions { store: Box::new(store), host: Arc::new(host), clock: Arc::new(SystemClock), players };
        let engine = Engine::start(options).map_err(refused)?;
        let (of_outboxes, entries): (Vec<_>, _) =
            engine.catalogue().await.map_err(refused)?.into_iter().partition(|(key, _)| key.starts_with(outboxes::KEY));
        catalogue.load(entries);
        let outboxes = Outboxes::open(engine.clone(), Arc::clone(&catalogue), &of_outboxes, paths.wake_socket());
        Ok(Arc::new(Self { engine, catalogue, outboxes, recorders: Recorders::default(), changing: tokio::sync::Mutex::default() }))
    }

    /// The engine, for what concerns queues and messages alone.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The outboxes.
    pub(crate) fn outboxes(&self) -> &Arc<Outboxes> {
        &self.outboxes
    }

    /// Takes a message; it is durable when this answers.
    ///
    /// # Errors
    /// `CO_E_CLASSSTRING`, `REGDB_E_CLASSNOTREG`, `COMQC_E_NO_QUEUEABLE_INTERFACES`, `E_NOINTERFACE`,
    /// `DISP_E_MEMBERNOTFOUND`, `DISP_E_TYPEMISMATCH`, and those of the engine.
    pub(crate) async fn record(&self, recording: Recording) -> Result<MessageId, Failure> {
        let Recording { class, label, priority, app_specific, time_to_receive, calls, caller } = recording;
        let class = self.catalogue.resolve(&class)?;
        let queue = self.catalogue.check(class, &calls)?;
        let message = NewMessage { queue, class, calls, label, priority, app_specific, time_to_receive, caller };
        self.engine.enqueue(message).await.map_err(refused)
    }

    /// A class was registered, changed or taken away.
    pub(crate) fn class_changed(&self, class: Guid) {
        self.catalogue.forget_classes();
        self.engine.component_changed(class);
    }

    /// The messages for a class, for whoever wants to take the class away.
    pub(crate) async fn using(&self, class: Guid) -> Result<Vec<(String, String)>, Failure> {
        let messages = self.engine.using(class).await.map_err(refused)?;
        Ok(messages.into_iter().map(|message| (message.id.to_string(), message.place.queue_name(&message.queue))).collect())
    }

    /// Whether something stored can become due, or be played, without a client.
    pub(crate) async fn has_work(&self) -> bool {
        self.outboxes.has_work() || self.engine.has_work().await
    }

    /// Plays nothing more, waits `grace` for what is being played, and closes the store.
    pub async fn stop(&self, grace: Duration) {
        self.outboxes.stop();
        self.engine.stop(grace).await;
    }
}

impl std::fmt::Debug for Queues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queues").finish_non_exhaustive()
    }
}

/// In the words of the wire.
pub(crate) fn refused(refusal: Refusal) -> Failure {
    Failure::refused(refusal.code, refusal.sentence)
}
