//! Classes on the connections: who serves one, and how objects of it are made.
//!
//! Owns the activator, and which connection is whose server. What is run, when, and what becomes of it
//! the activator decides; what objects are for is their users' matter.

mod created;
mod servers;

use std::{path::PathBuf, sync::Arc};

use consign_activation::{
    Activator, ClassFile, ClassId, ClassStatus, Entry, Failure as ActivationFailure, Lease, Registry, ServerLink,
    activator::{ClassState, Options},
    server::{Connection, StopReason},
};
use consign_bits::{ErrorContext, Failure};
use consign_core::{Guid, common};
use tokio::{sync::watch, task::spawn_blocking};
use zbus::OwnedObjectPath;

use crate::{
    dispatch::class_factory,
    face::{NoAnswer, Peer},
};

pub(crate) use created::Created;
pub(crate) use servers::Servers;

pub(crate) use servers::Server;

use servers::{ClassObject, Registration};

/// The classes of a service and their servers. Dropped, it kills every server that it has started.
pub struct Classes {
    activator: Arc<Activator>,
    servers: Arc<Servers>,
    /// Whether servers can reach the service.
    open: watch::Sender<bool>,
}

/// Whether a class that jobs use may be unregistered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unregister {
    /// Not while a job uses it.
    IfUnused,
    /// Whatever uses it.
    Force,
}

impl Classes {
    /// With the options of the activator, but for how servers are reached: that is by the connections
    /// of this service. To be called inside a runtime.
    pub fn new(options: impl FnOnce(Arc<dyn ServerLink>) -> Options) -> Arc<Self> {
        let servers = Arc::new(Servers::default());
        let options = options(Arc::clone(&servers) as Arc<dyn ServerLink>);
        let activator = Arc::new(Activator::new(options, tokio::runtime::Handle::current()));
        Arc::new(Self { activator, servers, open: watch::Sender::new(false) })
    }

    /// From now on servers can be started: the socket is there for them. Whoever wants one waits until
    /// then.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// The server of the class, which is started if need be.
    pub(crate) async fn activate(&self, class: ClassId) -> Result<Lease, ActivationFailure> {
        // The sender lives as long as we do.
        let _ = self.open.subscribe().wait_for(|open| *open).await;
        self.activator.activate(class).await
    }

    /// A new object in an activated server; `None` where the server went meanwhile. With
    /// [`Classes::activate`] corresponds to `CoCreateInstance` with `CLSCTX_LOCAL_SERVER`.
    pub(crate) async fn create(&self, lease: Lease, interface: Guid) -> Result<Option<Created>, Failure> {
        let Some(server) = self.servers.find(lease.connection(), lease.class()) else { return Ok(None) };
        let call = class_factory::create_instance(&server.peer_name, &server.factory, lease.class(), interface).map_err(unwritable)?;
        // In a task of its own: an object that comes when nobody waits for it any more is released.
        let made = tokio::spawn(async move {
            match server.outbound.call(call).await {
                Ok(answer) => Ok(Some(Created::new(server, class_factory::created(&answer)?, lease))),
                Err(NoAnswer::Disconnected) => Ok(None),
                Err(NoAnswer::TooMany) => Err(Failure::refused(common::E_FAIL, "the server does not read what it is told")),
            }
        });
        made.await.unwrap_or_else(|_| Err(Failure::refused(common::E_UNEXPECTED, "the object could not be made")))
    }

    /// The server that plays messages of the class; `None` where it went meanwhile. It is in use until the
    /// lease is dropped.
    pub(crate) fn player(&self, lease: &Lease) -> Option<Server> {
        self.servers.find(lease.connection(), lease.class())
    }

    /// The class files.
    pub(crate) fn registry(&self) -> &Arc<Registry> {
        self.activator.registry()
    }

    /// `RegisterClass` of this peer; answers the cookie.
    pub(crate) async fn register_object(
        &self,
        peer: &Peer,
        token: String,
        class: ClassId,
        factory: OwnedObjectPath,
        suspended: bool,
    ) -> Result<u32, Failure> {
        // What was not given to a server registers nothing, not even in suspense.
        let token = if token.is_empty() { None } else { Some(token) };
        if let Some(token) = &token {
            self.activator.class_of_token(token).map_err(refused)?;
        }
        let registration = Registration { token, object: ClassObject { class, factory } };
        if suspended {
            return self.servers.suspend(peer, registration);
        }
        self.serve(peer, registration, None).await
    }

    /// `RevokeClass` of this peer: the class of that registration is served no more.
    pub(crate) fn revoke(&self, peer: &Peer, cookie: u32) -> Result<(), Failure> {
        let unknown = || Failure::refused(common::E_INVALIDARG, "this connection has no registration with this cookie");
        if let Some(class) = self.servers.revoke(peer.number, cookie).ok_or_else(unknown)? {
            self.activator.revoked(class, Connection(peer.number));
        }
        Ok(())
    }

    /// `ResumeClasses` of this peer.
    pub(crate) async fn resume(&self, peer: &Peer) -> Result<(), Failure> {
        let suspended = self.servers.take_suspended(peer.number);
        // A server was started for one class. If it has that one, the others are let go.
        let wanted = |(_, registration): &(u32, Registration)| match &registration.token {
            Some(token) => self.activator.class_of_token(token).ok() == Some(registration.object.class),
            None => true,
        };
        let (wanted, others): (Vec<_>, Vec<_>) = suspended.into_iter().partition(wanted);
        if wanted.is_empty() {
            // The activator says what is wrong with it, and ends it.
            if let Some((cookie, other)) = others.into_iter().next() {
                self.serve(peer, other, Some(cookie)).await?;
            }
            return Ok(());
        }
        for (cookie, registration) in wanted {
            self.serve(peer, registration, Some(cookie)).await?;
        }
        Ok(())
    }

    async fn serve(&self, peer: &Peer, registration: Registration, resumed: Option<u32>) -> Result<u32, Failure> {
        let connection = Connection(peer.number);
        let Registration { token, object } = registration;
        let class = object.class;
        // Before the activator answers those who wait: they look for it.
        let cookie = self.servers.add(peer, object, resumed)?;
        let (activator, servers) = (Arc::clone(&self.activator), Arc::clone(&self.servers));
        let registered = blocking(move || {
            activator.registered(token.as_deref(), class, connection)?;
            // It went while it was being registered, and nobody told the activator afterwards.
            if !servers.has(connection) {
                activator.connection_closed(connection);
            }
            Ok(())
        });
        registered.await.inspect_err(|_| self.servers.remove(connection, class))?;
        Ok(cookie)
    }

    /// The connection of this peer has ended.
    pub(crate) fn peer_gone(&self, peer: u64) {
        if self.servers.gone(peer) {
            self.activator.connection_closed(Connection(peer));
        }
    }

    /// Whether a job may name this class: it is registered, and could be started.
    pub(crate) async fn check(&self, class: Guid) -> Result<(), Failure> {
        let class = class.try_into().map_err(|_| Failure::refused(common::REGDB_E_CLASSNOTREG, "GUID_NULL is no class"))?;
        let activator = Arc::clone(&self.activator);
        blocking(move || activator.check(class)).await
    }

    /// What `name` means: a CLSID, or the ProgID of a registered class.
    pub(crate) async fn resolve(&self, name: String) -> Result<ClassId, Failure> {
        let activator = Arc::clone(&self.activator);
        blocking(move || activator.registry().resolve(&name)).await
    }

    pub(crate) async fn register(&self, file: ClassFile) -> Result<PathBuf, Failure> {
        let activator = Arc::clone(&self.activator);
        blocking(move || activator.register(&file)).await
    }

    pub(crate) async fn unregister(&self, class: ClassId) -> Result<(), Failure> {
        let activator = Arc::clone(&self.activator);
        blocking(move || activator.unregister(class)).await
    }

    /// Every class file.
    pub(crate) async fn entries(&self) -> Result<Vec<Entry>, Failure> {
        let activator = Arc::clone(&self.activator);
        blocking(move || Ok(activator.registry().entries())).await
    }

    pub(crate) fn status(&self, class: ClassId) -> Option<ClassStatus> {
        self.activator.status(class)
    }

    /// Ends the server of a class, and waits for that.
    pub(crate) async fn stop(&self, class: ClassId) {
        let mut changes = self.activator.changes();
        self.activator.stop(class, StopReason::Asked);
        let has_ended = || self.activator.state(class).is_none_or(|state| matches!(state, ClassState::Absent | ClassState::BackingOff(_)));
        while !has_ended() {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// How many connections are of servers that nobody uses: they keep the service no more than they
    /// keep themselves.
    pub(crate) fn unused(&self) -> usize {
        let is_used = |class: &ClassId| match self.activator.state(*class) {
            Some(ClassState::Running { users, .. }) => users > 0,
            Some(ClassState::Starting) => true,
            _ => false,
        };
        self.servers.classes().iter().filter(|classes| !classes.iter().any(is_used)).count()
    }

    /// How many connections are of servers.
    pub(crate) fn connections(&self) -> usize {
        self.servers.classes().len()
    }

    /// Whether a server was started as this process, and has not registered yet.
    pub(crate) fn is_starting(&self, process: i32) -> bool {
        u32::try_from(process).is_ok_and(|process| self.activator.is_starting_process(process))
    }

    /// Kills whatever servers are left. Nothing is started afterwards.
    pub(crate) fn kill(&self) {
        self.activator.kill_all();
    }

    /// Changes whenever something has happened to a server.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.activator.changes()
    }

    /// Asks all servers to end, presses those that do not, and waits until they are gone.
    pub async fn shutdown(&self) {
        self.activator.shutdown_all().await;
    }
}

impl std::fmt::Debug for Classes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Classes").finish_non_exhaustive()
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, ActivationFailure> + Send + 'static) -> Result<T, Failure> {
    match spawn_blocking(work).await {
        Ok(result) => result.map_err(refused),
        Err(_) => Err(Failure::refused(common::E_UNEXPECTED, "the classes could not be looked at")),
    }
}

pub(crate) fn refused(failure: ActivationFailure) -> Failure {
    Failure::new(failure.code, ErrorContext::None, failure.sentence)
}

fn unwritable(error: zbus::Error) -> Failure {
    Failure::refused(common::E_UNEXPECTED, format!("the call could not be written: {error}"))
}
