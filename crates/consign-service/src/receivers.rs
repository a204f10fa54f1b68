//! Carries what the engine has to tell to those who are to hear it: objects of connected clients,
//! objects of classes, and command lines.
//!
//! Owns the names of the objects that jobs have. It decides nothing: the ladder is the engine's.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use consign_activation::ClassId;
use consign_bits::{Failure, JobId};
use consign_core::{Guid, common};
use consign_transfer::{Change, Engine, JobError, Notice, ObjectId, Receiver, Receivers, Telling, Told};
use consign_wire::names::IID_BACKGROUND_COPY_CALLBACK;
use tokio::{task::spawn_blocking, time::timeout};
use zbus::{ObjectPath, OwnedObjectPath};

use crate::{
    classes::{Classes, Created},
    command_lines::CommandRunner,
    dispatch::callback,
    face::{NoAnswer, Outbound, Peer},
};

/// The receivers of a service. Made first, given to the engine and to the face.
pub struct ClientReceivers {
    registry: Arc<Registry>,
    commands: CommandRunner,
    classes: Option<Arc<Classes>>,
    /// How long an object of a class has to answer, once its server runs.
    deadline: Duration,
}

/// The objects that jobs have.
#[derive(Default)]
struct Registry(Mutex<Objects>);

#[derive(Default)]
struct Objects {
    last: u64,
    objects: BTreeMap<ObjectId, Object>,
}

/// What is told.
struct Event {
    job: JobId,
    notice: Notice,
    error: Option<JobError>,
}

/// An object in a connected client.
#[derive(Clone)]
struct Object {
    peer: u64,
    peer_name: String,
    path: OwnedObjectPath,
    job: JobId,
    outbound: Arc<Outbound>,
    /// What keeps an object of a class.
    created: Option<Arc<Created>>,
}

impl ClientReceivers {
    /// Nobody is registered yet. Classes and command lines have `deadline`; without `classes` there
    /// are none.
    pub fn new(commands: CommandRunner, classes: Option<Arc<Classes>>, deadline: Duration) -> Arc<Self> {
        Arc::new(Self { registry: Arc::default(), commands, classes, deadline })
    }

    /// `SetNotifyInterface` of this peer; without a path it clears. The client that is displaced is
    /// told.
    ///
    /// Goes on to its end, whether or not somebody waits for it: what is displaced is let go.
    pub(crate) async fn set(&self, engine: &Engine, job: JobId, peer: &Peer, path: Option<OwnedObjectPath>) -> Result<(), Failure> {
        let object = path.map(|path| Object {
            peer: peer.number,
            peer_name: peer.unique_name(),
            path,
            job,
            outbound: peer.outbound(),
            created: None,
        });
        let set = set(Arc::clone(&self.registry), engine.clone(), job, peer.number, object);
        tokio::spawn(set).await.unwrap_or_else(|_| Err(Failure::refused(common::E_UNEXPECTED, "the object could not be set")))
    }

    /// Refuses classes and programs that could not be started.
    pub(crate) async fn check(&self, changes: &[Change]) -> Result<(), Failure> {
        for change in changes {
            match change {
                Change::NotificationClass(class) if *class != Guid::NULL => match &self.classes {
                    Some(classes) => classes.check(*class).await?,
                    None => return Err(Failure::refused(common::REGDB_E_CLASSNOTREG, "classes need the service")),
                },
                Change::CommandLine(Some(line)) => {
                    let (commands, line) = (self.commands.clone(), line.clone());
                    // It looks at folders, which may be slow to answer.
                    let checked = spawn_blocking(move || commands.check(&line)).await;
                    checked.unwrap_or_else(|_| Err(Failure::refused(common::E_UNEXPECTED, "the program could not be looked at")))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The connection of this peer has ended; answers which objects went with it.
    pub(crate) fn peer_gone(&self, peer: u64) -> Vec<ObjectId> {
        let gone = self.registry.of_peer(peer);
        for id in &gone {
            self.registry.remove(*id);
        }
        gone
    }

    /// The classes, where there are any.
    pub(crate) fn classes(&self) -> Option<&Arc<Classes>> {
        self.classes.as_ref()
    }
}

impl Object {
    /// Tells what needs no answer.
    fn tell(&self, what: fn(&str, &ObjectPath<'_>, JobId) -> zbus::Result<zbus::Message>) {
        if let Some(message) = written(what(&self.peer_name, &self.path, self.job)) {
            self.outbound.tell(message);
        }
    }
}

impl Registry {
    fn add(&self, object: Object) -> ObjectId {
        let mut objects = self.lock();
        objects.last += 1;
        let id = ObjectId(objects.last);
        objects.objects.insert(id, object);
        id
    }

    /// Dropped outside the lock: an object of a class is told.
    fn remove(&self, object: ObjectId) -> Option<Object> {
        self.lock().objects.remove(&object)
    }

    fn find(&self, object: ObjectId) -> Option<Object> {
        self.lock().objects.get(&object).cloned()
    }

    fn of_peer(&self, peer: u64) -> Vec<ObjectId> {
        self.lock().objects.iter().filter(|(_, object)| object.peer == peer).map(|(id, _)| *id).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Objects> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Receivers for ClientReceivers {
    fn tell(&self, job: JobId, notice: Notice, error: Option<JobError>, receiver: Receiver) -> Telling {
        let event = Event { job, notice, error };
        match receiver {
            Receiver::Object(object) => match self.registry.find(object) {
                Some(object) => Box::pin(tell_object(object, event)),
                None => Box::pin(async { Told::Disconnected }),
            },
            Receiver::Class(class) => match (&self.classes, class.try_into()) {
                (Some(classes), Ok(class)) => {
                    let (classes, registry) = (Arc::clone(classes), Arc::clone(&self.registry));
                    Box::pin(tell_class(classes, registry, class, event, self.deadline))
                }
                _ => Box::pin(async { Told::Failed("classes need the service".into()) }),
            },
            Receiver::CommandLine(line) => self.commands.run(job, line),
        }
    }

    fn connection_of(&self, object: ObjectId) -> u64 {
        // One that is gone is nobody's: it is not called.
        self.registry.find(object).map_or(u64::MAX, |object| object.peer)
    }

    fn released(&self, object: ObjectId) {
        if let Some(object) = self.registry.remove(object)
            && object.created.is_none()
        {
            object.tell(callback::released);
        }
    }
}

impl fmt::Debug for ClientReceivers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientReceivers").field("objects", &self.registry.lock().objects.len()).finish_non_exhaustive()
    }
}

async fn set(registry: Arc<Registry>, engine: Engine, job: JobId, peer: u64, object: Option<Object>) -> Result<(), Failure> {
    let path = object.as_ref().map(|object| object.path.clone());
    let id = object.map(|object| registry.add(object));
    let displaced = match engine.set_notify_interface(job, id).await {
        Ok(displaced) => displaced,
        Err(failure) => {
            id.map(|id| registry.remove(id));
            return Err(failure);
        }
    };
    if let Some(displaced) = displaced.and_then(|displaced| registry.remove(displaced)) {
        // Who takes its own object away, or sets it again, knows; an object of a class hears that it is
        // released.
        let sets_it_itself = displaced.peer == peer && path.is_none_or(|path| path == displaced.path);
        if !sets_it_itself && displaced.created.is_none() {
            displaced.tell(callback::displaced);
        }
    }
    Ok(())
}

/// Makes an object of the class, which serves the job from now on if it answers.
async fn tell_class(classes: Arc<Classes>, registry: Arc<Registry>, class: ClassId, event: Event, deadline: Duration) -> Told {
    let created = match make(&classes, class, deadline).await {
        Ok(created) => Arc::new(created),
        Err(told) => return told,
    };
    let object = Object {
        peer: created.peer(),
        peer_name: created.peer_name().to_owned(),
        path: created.path().clone(),
        job: event.job,
        outbound: Arc::clone(created.outbound()),
        created: Some(created),
    };
    let id = registry.add(object.clone());
    match timeout(deadline, tell_object(object, event)).await {
        Ok(Told::Answered { result, .. }) => Told::Answered { result, object: Some(id) },
        Ok(told) => {
            registry.remove(id);
            told
        }
        Err(_) => {
            registry.remove(id);
            Told::Failed(format!("no answer within {} s", deadline.as_secs()))
        }
    }
}

/// Makes an object. The start of its server has a time limit of its own.
async fn make(classes: &Classes, class: ClassId, deadline: Duration) -> Result<Created, Told> {
    // A server that ran may end in the moment in which it is asked: then there is another.
    for _ in 0..2 {
        let lease = classes.activate(class).await.map_err(|failure| match failure.retry_after {
            Some(time) => Told::NotYet(failure.to_string(), time),
            None => Told::Failed(failure.to_string()),
        })?;
        match timeout(deadline, classes.create(lease, IID_BACKGROUND_COPY_CALLBACK)).await {
            Ok(Ok(Some(created))) => return Ok(created),
            Ok(Ok(None)) => {}
            Ok(Err(failure)) => return Err(Told::Failed(failure.to_string())),
            Err(_) => return Err(Told::Failed(format!("no object within {} s", deadline.as_secs()))),
        }
    }
    Err(Told::Failed("the server ended while it made an object".into()))
}

async fn tell_object(object: Object, event: Event) -> Told {
    let call = callback::call(&object.peer_name, &object.path, event.job, event.notice, event.error.as_ref());
    let Some(call) = written(call) else {
        return Told::Failed("the call could not be written".into());
    };
    match object.outbound.call(call).await {
        Ok(answer) => callback::told(&answer),
        Err(NoAnswer::Disconnected) => Told::Disconnected,
        Err(NoAnswer::TooMany) => Told::Failed("the client does not read what it is told".into()),
    }
}

fn written(message: zbus::Result<zbus::Message>) -> Option<zbus::Message> {
    message.inspect_err(|error| tracing::error!(%error, "a call could not be written")).ok()
}
