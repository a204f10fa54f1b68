//! Which connections are of servers, and what each of them serves.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use consign_activation::{ClassId, ServerLink, server::Connection};
use consign_bits::Failure;
use consign_core::common;
use tokio::sync::Notify;
use zbus::OwnedObjectPath;

use crate::{
    dispatch::class_factory,
    face::{Outbound, Peer},
};

/// The servers, by the number of their connection.
#[derive(Default)]
pub(crate) struct Servers(Mutex<BTreeMap<u64, Entry>>);

/// Classes of one server. More are refused.
const MOST_CLASSES: usize = 256;

struct Entry {
    peer_name: String,
    outbound: Arc<Outbound>,
    /// Ends the connection.
    cut: Arc<Notify>,
    /// Whether it was told to end: its end is no death then.
    dismissed: Arc<AtomicBool>,
    last_cookie: u32,
    /// With the cookie of its registration.
    serving: Vec<(u32, ClassObject)>,
    suspended: Vec<(u32, Registration)>,
}

/// `RegisterClass`, as it came.
pub(super) struct Registration {
    pub(super) token: Option<String>,
    pub(super) object: ClassObject,
}

/// A class and the factory that makes its objects.
pub(super) struct ClassObject {
    pub(super) class: ClassId,
    pub(super) factory: OwnedObjectPath,
}

/// Where the factory of a class is reached.
pub(crate) struct Server {
    pub(crate) peer_name: String,
    pub(crate) factory: OwnedObjectPath,
    pub(crate) outbound: Arc<Outbound>,
    dismissed: Arc<AtomicBool>,
}

impl Server {
    /// Whether it was told to end.
    pub(crate) fn is_dismissed(&self) -> bool {
        self.dismissed.load(Ordering::Relaxed)
    }
}

impl Servers {
    /// From now on this peer serves the class; answers the cookie of the registration. One that was
    /// suspended keeps its own.
    pub(super) fn add(&self, peer: &Peer, object: ClassObject, resumed: Option<u32>) -> Result<u32, Failure> {
        self.enter(peer, |entry, cookie| {
            if entry.serving.iter().any(|(_, serving)| serving.class == object.class) {
                return Err(Failure::refused(common::CO_E_OBJISREG, "this server has registered the class already"));
            }
            entry.serving.push((resumed.unwrap_or(cookie), object));
            Ok(())
        })
    }

    /// Keeps a registration for [`Servers::take_suspended`].
    pub(super) fn suspend(&self, peer: &Peer, registration: Registration) -> Result<u32, Failure> {
        self.enter(peer, |entry, cookie| {
            entry.suspended.push((cookie, registration));
            Ok(())
        })
    }

    fn enter(&self, peer: &Peer, add: impl FnOnce(&mut Entry, u32) -> Result<(), Failure>) -> Result<u32, Failure> {
        let mut servers = self.lock();
        let entry = servers.entry(peer.number).or_insert_with(|| Entry {
            peer_name: peer.unique_name(),
            outbound: peer.outbound(),
            cut: peer.cut(),
            dismissed: Arc::default(),
            last_cookie: 0,
            serving: Vec::new(),
            suspended: Vec::new(),
        });
        if entry.serving.len() + entry.suspended.len() >= MOST_CLASSES {
            return Err(Failure::refused(common::E_OUTOFMEMORY, format!("a server has at most {MOST_CLASSES} classes")));
        }
        let cookie = entry.last_cookie + 1;
        add(entry, cookie)?;
        entry.last_cookie = cookie;
        Ok(cookie)
    }

    pub(super) fn take_suspended(&self, peer: u64) -> Vec<(u32, Registration)> {
        self.lock().get_mut(&peer).map(|entry| std::mem::take(&mut entry.suspended)).unwrap_or_default()
    }

    /// The registration came to nothing.
    pub(super) fn remove(&self, connection: Connection, class: ClassId) {
        if let Some(entry) = self.lock().get_mut(&connection.0) {
            entry.serving.retain(|(_, object)| object.class != class);
        }
    }

    /// Forgets a registration; answers the class if it was served. `None` where there is no such
    /// registration.
    pub(super) fn revoke(&self, peer: u64, cookie: u32) -> Option<Option<ClassId>> {
        let mut servers = self.lock();
        let entry = servers.get_mut(&peer)?;
        entry.dismissed.store(true, Ordering::Relaxed);
        if let Some(at) = entry.suspended.iter().position(|(suspended, _)| *suspended == cookie) {
            entry.suspended.remove(at);
            return Some(None);
        }
        let at = entry.serving.iter().position(|(serving, _)| *serving == cookie)?;
        Some(Some(entry.serving.remove(at).1.class))
    }

    pub(super) fn find(&self, connection: Connection, class: ClassId) -> Option<Server> {
        let servers = self.lock();
        let entry = servers.get(&connection.0)?;
        let object = entry.serving.iter().map(|(_, object)| object).find(|object| object.class == class)?;
        Some(Server {
            peer_name: entry.peer_name.clone(),
            factory: object.factory.clone(),
            outbound: Arc::clone(&entry.outbound),
            dismissed: Arc::clone(&entry.dismissed),
        })
    }

    pub(super) fn has(&self, connection: Connection) -> bool {
        self.lock().contains_key(&connection.0)
    }

    /// Forgets a connection; whether it was a server's.
    pub(super) fn gone(&self, peer: u64) -> bool {
        self.lock().remove(&peer).is_some()
    }

    /// What each server serves.
    pub(super) fn classes(&self) -> Vec<Vec<ClassId>> {
        let served = |entry: &Entry| entry.serving.iter().map(|(_, object)| object.class).collect::<Vec<_>>();
        self.lock().values().map(served).filter(|classes| !classes.is_empty()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerLink for Servers {
    fn request_shutdown(&self, connection: Connection) {
        let servers = self.lock();
        let Some((entry, object)) = servers.get(&connection.0).and_then(|entry| Some((entry, &entry.serving.first()?.1))) else { return };
        entry.dismissed.store(true, Ordering::Relaxed);
        match class_factory::shutdown(&entry.peer_name, &object.factory) {
            Ok(call) => entry.outbound.tell(call),
            Err(error) => tracing::error!(%error, "a call could not be written"),
        }
    }

    fn close(&self, connection: Connection) {
        if let Some(entry) = self.lock().get(&connection.0) {
            entry.dismissed.store(true, Ordering::Relaxed);
            entry.cut.notify_one();
        }
    }
}
