//! The other direction: a program that the service starts because somebody wants its class.
//!
//! Owns the class objects and the connection that they are called over. The objects that are made are
//! kept and called by [`crate::callbacks`].

use std::{env, sync::Arc};

use consign_bits::ErrorContext;
use consign_core::{
    Guid, Hresult,
    common::{CLASS_E_CLASSNOTAVAILABLE, E_INVALIDARG, E_NOINTERFACE, E_NOTIMPL, E_UNEXPECTED},
};
use consign_wire::names;
use tokio::sync::watch;
use zbus::{
    Message, ObjectPath, OwnedObjectPath,
    message::{Flags, Header},
};

use crate::{
    BackgroundCopyCallback, Client, Player, Result,
    callbacks::{self, Callbacks, Callee, Tasks},
    calls,
    client::WeakClient,
};

/// Where the factory of all classes is.
pub(crate) const FACTORY_PATH: &str = "/org/consign/factory";

/// An out-of-process COM server: serves classes for the service that started it, and ends when it is
/// asked to or the service is gone. Corresponds to `CoRegisterClassObject` with
/// `CLSCTX_LOCAL_SERVER`, and the message loop around it.
///
/// The program is named by a class file, which `consign class register` writes. It is started when
/// an event of a job is due whose notification class it is
/// ([`Job::set_notification_class`](crate::Job::set_notification_class)).
///
/// ```no_run
/// use consign::{BackgroundCopyCallback, EventId, Hresult, Job, Server, common::{E_FAIL, S_OK}};
///
/// #[derive(Default)]
/// struct Completer;
///
/// impl BackgroundCopyCallback for Completer {
///     async fn job_transferred(&self, job: Job, _: EventId) -> Hresult {
///         if job.complete().await.is_ok() { S_OK } else { E_FAIL }
///     }
/// }
///
/// #[tokio::main]
/// async fn main() -> consign::Result<()> {
///     let class = "9b2f8f0e-4c1d-4d0a-8a49-3f3f6a5d0c11".parse().expect("a CLSID");
///     Server::new().class::<Completer>(class).run().await
/// }
/// ```
#[derive(Default)]
pub struct Server {
    classes: Vec<Class>,
}

/// A class, and what its objects are for.
pub(crate) struct Class {
    class: Guid,
    serves: Serves,
}

/// What a class is served for.
enum Serves {
    /// What makes the objects that are told of jobs.
    Jobs(Arc<dyn Fn() -> Arc<dyn Callee> + Send + Sync>),
    /// What plays messages.
    Messages(Arc<dyn Player>),
}

impl Server {
    /// A server without classes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a class whose objects begin with their default. Each job has an object of its own.
    #[must_use]
    pub fn class<T: BackgroundCopyCallback + Default>(self, class: Guid) -> Self {
        self.class_with(class, T::default)
    }

    /// Adds a class whose objects `create` makes.
    #[must_use]
    pub fn class_with<T: BackgroundCopyCallback>(self, class: Guid, create: impl Fn() -> T + Send + Sync + 'static) -> Self {
        self.add(class, move || Arc::new(Tasks(Arc::new(create()))))
    }

    /// Adds a queued component: messages that were recorded for its class are played on it, each on a new
    /// object.
    #[must_use]
    pub fn component(mut self, class: Guid, component: impl Player) -> Self {
        self.classes.push(Class { class, serves: Serves::Messages(Arc::new(component)) });
        self
    }

    pub(crate) fn add(mut self, class: Guid, create: impl Fn() -> Arc<dyn Callee> + Send + Sync + 'static) -> Self {
        self.classes.push(Class { class, serves: Serves::Jobs(Arc::new(create)) });
        self
    }

    /// Serves. Returns when the service asks it to end (after the calls in hand were answered) or has
    /// closed the connection; then the program ends, too.
    ///
    /// The service starts the program with the environment variables `CONSIGN_SOCKET` and
    /// `CONSIGN_ACTIVATION_TOKEN`. Started by hand it has neither; it is then refused unless the
    /// setting `policy.hand_started_servers` allows it.
    ///
    /// # Errors
    /// `E_ACCESSDENIED` (the token is stale or missing), `CO_E_SERVER_EXEC_FAILURE` (started for a
    /// class that it does not have), `CO_E_OBJISREG` (the class has a server),
    /// `REGDB_E_CLASSNOTREG`, and those of [`Client::connect`].
    pub async fn run(self) -> Result<()> {
        let client = Client::connect().await?;
        self.serve(&client, &env::var(names::TOKEN_VARIABLE).unwrap_or_default()).await
    }

    pub(crate) async fn serve(self, client: &Client, token: &str) -> Result<()> {
        let classes: Vec<Guid> = self.classes.iter().map(|class| class.class).collect();
        let objects = ClassObjects {
            classes: self.classes,
            client: client.downgrade(),
            shutdown: watch::Sender::new(false),
            in_hand: Arc::new(watch::Sender::new(0)),
        };
        let (mut shutdown, mut in_hand) = (objects.shutdown.subscribe(), objects.in_hand.subscribe());
        // Before they are registered: the first call may come before the answer.
        client.callbacks().serve_classes(objects);
        let factory = ObjectPath::from_static_str_unchecked(FACTORY_PATH);
        let flags = names::REGCLS_MULTIPLEUSE | names::REGCLS_SUSPENDED;
        let connection = client.connection();
        for class in classes {
            let body = (token, class.to_string(), &factory, flags);
            let _cookie: u32 = connection.call(names::MANAGER_PATH, names::ACTIVATION, "RegisterClass", &body).await?;
        }
        connection.call::<_, ()>(names::MANAGER_PATH, names::ACTIVATION, "ResumeClasses", &()).await?;
        tokio::select! {
            () = client.closed() => return Ok(()),
            // The sender lives as long as the client.
            _ = shutdown.wait_for(|asked| *asked) => {}
        }
        tokio::select! {
            () = client.closed() => {}
            _ = in_hand.wait_for(|calls| *calls == 0) => {}
        }
        Ok(())
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.classes.iter().map(|class| class.class)).finish()
    }
}

/// What `IClassFactory` is to COM, for all classes of a server.
pub(crate) struct ClassObjects {
    classes: Vec<Class>,
    client: WeakClient,
    shutdown: watch::Sender<bool>,
    in_hand: Arc<watch::Sender<usize>>,
}

/// A call that is not answered yet.
pub(crate) struct InHand(Arc<watch::Sender<usize>>);

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls -= 1);
    }
}

/// Why there is no object, and the code that says so.
type Refusal = (Hresult, &'static str);

impl ClassObjects {
    /// Keeps the server from ending until it is dropped.
    pub(crate) fn in_hand(&self) -> InHand {
        self.in_hand.send_modify(|calls| *calls += 1);
        InHand(Arc::clone(&self.in_hand))
    }

    /// Answers a call on the factory.
    pub(crate) async fn answer(&self, callbacks: &Callbacks, bus: &zbus::Connection, message: &Message) {
        let header = message.header();
        let wanted = !message.primary_header().flags().contains(Flags::NO_REPLY_EXPECTED);
        if header.interface().is_some_and(|interface| *interface == names::PLAYER) {
            let played = calls::answer_play(message, |class| self.player(class)).await;
            // A connection that has closed wants no answer.
            let _ = bus.reply(&header, &played).await;
            return;
        }
        let answer = match header.member().map(|member| member.as_str()) {
            _ if header.interface().is_some_and(|interface| *interface != names::CLASS_FACTORY) => {
                Err((E_NOTIMPL, "there is no such interface"))
            }
            Some("CreateInstance") => self.create(callbacks, message).await.map(Some),
            Some("Release") => self.release(callbacks, message).map(|()| None),
            Some("Shutdown") => {
                self.shutdown.send_replace(true);
                Ok(None)
            }
            _ => Err((E_NOTIMPL, "there is no such method")),
        };
        if wanted {
            // A connection that has closed wants no answer.
            let _ = reply(bus, &header, answer).await;
        }
    }

    async fn create(&self, callbacks: &Callbacks, message: &Message) -> Result<OwnedObjectPath, Refusal> {
        let (class, interface): (String, String) =
            message.body().deserialize().map_err(|_| (E_INVALIDARG, "the arguments are not understood"))?;
        let class: Guid = class.parse().map_err(|_| (E_INVALIDARG, "the CLSID is no GUID"))?;
        let interface: Guid = interface.parse().map_err(|_| (E_INVALIDARG, "the IID is no GUID"))?;
        let class = self.classes.iter().find(|known| known.class == class);
        let class = class.ok_or((CLASS_E_CLASSNOTAVAILABLE, "the server does not have this class"))?;
        if !INTERFACES.contains(&interface) {
            return Err((E_NOINTERFACE, "objects of the class do not have this interface"));
        }
        let Serves::Jobs(create) = &class.serves else {
            return Err((E_NOINTERFACE, "the class is a queued component: messages are played on it, and jobs are not told to it"));
        };
        let create = Arc::clone(create);
        // In a task, so that a panic is an answer.
        let callee = tokio::spawn(async move { create() }).await.map_err(|_| (E_UNEXPECTED, "the object could not be made"))?;
        let number = callbacks.add(None, self.client.clone(), callee);
        OwnedObjectPath::try_from(callbacks::path(number)).map_err(|_| (E_UNEXPECTED, "the object has no path"))
    }

    fn player(&self, class: Guid) -> Option<Arc<dyn Player>> {
        self.classes.iter().find(|known| known.class == class).and_then(|known| match &known.serves {
            Serves::Messages(player) => Some(Arc::clone(player)),
            Serves::Jobs(_) => None,
        })
    }

    fn release(&self, callbacks: &Callbacks, message: &Message) -> Result<(), Refusal> {
        let path: OwnedObjectPath = message.body().deserialize().map_err(|_| (E_INVALIDARG, "the argument is not understood"))?;
        if let Some(number) = callbacks::number(path.as_str()) {
            callbacks.remove(number);
        }
        Ok(())
    }
}

async fn reply(bus: &zbus::Connection, header: &Header<'_>, answer: Result<Option<OwnedObjectPath>, Refusal>) -> zbus::Result<()> {
    match answer {
        Ok(Some(path)) => bus.reply(header, &path).await,
        Ok(None) => bus.reply(header, &()).await,
        Err((code, sentence)) => {
            let name = code.entry().map_or("E_FAIL", |entry| entry.symbol);
            let body = (sentence, code.as_i32(), ErrorContext::None.number());
            bus.reply_error(header, format!("{}{name}", consign_wire::error::PREFIX), &body).await
        }
    }
}

/// `IUnknown` and `IBackgroundCopyCallback` to `IBackgroundCopyCallback3`: what an object of a
/// class can be asked for.
const INTERFACES: [Guid; 4] = [
    Guid::from_bytes([0, 0, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46]),
    names::IID_BACKGROUND_COPY_CALLBACK,
    Guid::from_bytes([0x65, 0x9c, 0xde, 0xac, 0x48, 0x9e, 0x11, 0xd9, 0xa9, 0xcd, 0x00, 0x0d, 0x56, 0x96, 0x52, 0x51]),
    Guid::from_bytes([0x98, 0xc9, 0x7b, 0xd2, 0xe3, 0x2b, 0x4a, 0xd8, 0xa5, 0x28, 0x95, 0xfd, 0x8b, 0x16, 0xbd, 0x42]),
];
