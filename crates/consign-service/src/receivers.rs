//! Carries what the engine has to tell to those who are to hear it: objects of connected clients,
//! and whatever a [`Launcher`] starts.
//!
//! Owns the names of the objects that clients registered. It exists before the engine, which needs
//! it, and before the face, which is told to it when there is one. It decides nothing: the ladder
//! is the engine's.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

use consign_bits::{Failure, JobId};
use consign_core::common;
use consign_transfer::{Change, Engine, JobError, Notice, NoticeKind, ObjectId, Receiver, Receivers, Telling, Told};
use tokio::task::spawn_blocking;
use zbus::OwnedObjectPath;

use crate::{
    dispatch::callback,
    face::{NoAnswer, Outbound, Peer, Shared},
    launcher::Launcher,
};

/// The receivers of a service. Made first, given to the engine and then to the face.
pub struct ClientReceivers {
    registry: Mutex<Registry>,
    /// Weak: the engine owns its receivers, and must not own itself through them.
    face: OnceLock<Weak<Shared>>,
    launcher: Arc<dyn Launcher>,
}

/// The objects that are registered, one for a job.
#[derive(Default)]
struct Registry {
    last: u64,
    objects: BTreeMap<ObjectId, Object>,
    of_jobs: HashMap<JobId, ObjectId>,
    /// Jobs that have ended with an object, of which something may still be told.
    ended: VecDeque<JobId>,
}

/// An object in a connected client.
#[derive(Clone)]
struct Object {
    peer: u64,
    peer_name: String,
    path: OwnedObjectPath,
    job: JobId,
    outbound: Arc<Outbound>,
}

impl ClientReceivers {
    /// Nobody is registered yet. What is not running is started by `launcher`.
    pub fn new(launcher: Arc<dyn Launcher>) -> Arc<Self> {
        Arc::new(Self { registry: Mutex::default(), face: OnceLock::new(), launcher })
    }

    /// The face whose clients are called.
    pub(crate) fn serve(&self, face: Weak<Shared>) {
        // A second face of one engine has clients, whose objects are called all the same.
        let _ = self.face.set(face);
    }

    /// `SetNotifyInterface` of this peer; without a path it clears. The client that is displaced is
    /// told.
    pub(crate) async fn set(&self, engine: &Engine, job: JobId, peer: &Peer, path: Option<OwnedObjectPath>) -> Result<(), Failure> {
        let object = path.clone().map(|path| self.register(peer, job, path));
        let displaced = match engine.set_notify_interface(job, object).await {
            Ok(displaced) => displaced,
            Err(failure) => {
                object.map(|object| self.forget(object));
                return Err(failure);
            }
        };
        if let Some(displaced) = displaced.and_then(|displaced| self.forget(displaced)) {
            // Who takes its own object away, or sets it again, knows.
            let knows = displaced.peer == peer.number && path.is_none_or(|path| path == displaced.path);
            if !knows && let Some(message) = written(callback::displaced(&displaced.peer_name, &displaced.path, job)) {
                displaced.outbound.tell(message);
            }
        }
        Ok(())
    }

    /// Refuses classes and programs that could not be started.
    pub(crate) async fn check(&self, changes: &[Change]) -> Result<(), Failure> {
        for change in changes {
            match change {
                Change::NotificationClass(class) if *class != consign_core::Guid::NULL => self.launcher.check_class(*class)?,
                Change::CommandLine(Some(line)) => {
                    let (launcher, line) = (Arc::clone(&self.launcher), line.clone());
                    // It looks at folders, which may be slow to answer.
                    let checked = spawn_blocking(move || launcher.check_command_line(&line)).await;
                    checked.unwrap_or_else(|_| Err(Failure::refused(common::E_UNEXPECTED, "the program could not be looked at")))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The job has ended: once all was told of it, its object is needed no more.
    pub(crate) async fn job_ended(&self, engine: &Engine, job: JobId) {
        {
            let mut registry = self.registry();
            if !registry.of_jobs.contains_key(&job) {
                return;
            }
            registry.ended.push_back(job);
        }
        // This one, and one of those that had something to tell when they ended.
        for _ in 0..2 {
            let Some(job) = self.registry().ended.pop_front() else { return };
            let pending = engine.job(job).await.map_or(0, |view| view.notices_pending);
            let mut registry = self.registry();
            if pending > 0 {
                registry.ended.push_back(job);
            } else if let Some(object) = registry.of_jobs.remove(&job) {
                registry.objects.remove(&object);
            }
        }
    }

    /// The connection of this peer has ended; answers which objects went with it.
    pub(crate) fn peer_gone(&self, peer: u64) -> Vec<ObjectId> {
        let mut registry = self.registry();
        let gone: Vec<ObjectId> = registry.objects.iter().filter(|(_, object)| object.peer == peer).map(|(id, _)| *id).collect();
        for id in &gone {
            registry.forget(*id);
        }
        let Registry { ended, of_jobs, .. } = &mut *registry;
        ended.retain(|job| of_jobs.contains_key(job));
        gone
    }

    fn register(&self, peer: &Peer, job: JobId, path: OwnedObjectPath) -> ObjectId {
        let object = Object { peer: peer.number, peer_name: peer.unique_name(), path, job, outbound: peer.outbound() };
        let mut registry = self.registry();
        registry.last += 1;
        let id = ObjectId(registry.last);
        registry.objects.insert(id, object);
        registry.of_jobs.insert(job, id);
        id
    }

    fn forget(&self, object: ObjectId) -> Option<Object> {
        self.registry().forget(object)
    }

    fn find(&self, object: ObjectId) -> Option<Object> {
        self.registry().objects.get(&object).cloned()
    }

    fn engine(&self) -> Option<Engine> {
        Some(self.face.get()?.upgrade()?.engine.clone())
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    fn forget(&mut self, id: ObjectId) -> Option<Object> {
        let object = self.objects.remove(&id)?;
        if self.of_jobs.get(&object.job) == Some(&id) {
            self.of_jobs.remove(&object.job);
        }
        Some(object)
    }
}

impl Receivers for ClientReceivers {
    fn tell(&self, job: JobId, notice: Notice, receiver: Receiver) -> Telling {
        match receiver {
            Receiver::Object(object) => match self.find(object) {
                Some(object) => Box::pin(tell_object(object, job, notice, self.engine())),
                None => Box::pin(async { Told::Disconnected }),
            },
            Receiver::Class(class) => self.launcher.activate(job, notice, class),
            Receiver::CommandLine(line) => self.launcher.run(job, line),
        }
    }
}

impl fmt::Debug for ClientReceivers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientReceivers").field("objects", &self.registry().objects.len()).finish_non_exhaustive()
    }
}

async fn tell_object(object: Object, job: JobId, notice: Notice, engine: Option<Engine>) -> Told {
    let error = match (notice.kind, engine) {
        (NoticeKind::JobError, Some(engine)) => match engine.job(job).await {
            Ok(view) => view.error,
            Err(failure) => return Told::Failed(failure.sentence.into_owned()),
        },
        // The handle is not kept while the callee takes its time.
        _ => None,
    };
    let Some(call) = written(call(&object, job, notice, error.as_ref())) else {
        return Told::Failed("the call could not be written".into());
    };
    match object.outbound.call(call).await {
        Ok(answer) => callback::told(&answer),
        Err(NoAnswer::Disconnected) => Told::Disconnected,
        Err(NoAnswer::TooMany) => Told::Failed("the client does not read what it is told".into()),
    }
}

fn call(object: &Object, job: JobId, notice: Notice, error: Option<&JobError>) -> zbus::Result<zbus::Message> {
    callback::call(&object.peer_name, &object.path, job, notice, error)
}

fn written(message: zbus::Result<zbus::Message>) -> Option<zbus::Message> {
    message.inspect_err(|error| tracing::error!(%error, "a call could not be written")).ok()
}
