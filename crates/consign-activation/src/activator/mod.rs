//! Starts servers and keeps account of them: carries out what [`crate::server`] decides. Owns the
//! processes and who waits for them; knows connections by their numbers alone. No server outlives it.

mod deaths;
mod desk;
mod errands;
mod known;
mod launch;
mod lease;
mod options;
mod slot;
mod status;

#[cfg(test)]
mod forgetting_tests;

use std::{path::PathBuf, sync::Arc};

use consign_core::common;
use tokio::{sync::watch, task::spawn_blocking};

use crate::{
    class_file::{ClassFile, Host},
    failure::Failure,
    names::ClassId,
    registry::Registry,
    server::{Connection, Event, Refusal, RegisteredClass, StopReason, Token},
};

use desk::Desk;

pub use deaths::{Deaths, Died};
pub use lease::Lease;
pub use options::{HandStarted, Options, ServerLink, Tools};
pub use status::{ClassState, ClassStatus};

/// The servers of all classes. Dropped, it kills every process that it has started, with its group.
#[derive(Debug)]
pub struct Activator {
    desk: Arc<Desk>,
}

impl Activator {
    /// Starts nothing yet. Tasks run on `runtime`, which needs its timer and its I/O.
    pub fn new(options: Options, runtime: tokio::runtime::Handle) -> Self {
        Self { desk: Desk::new(options, runtime) }
    }

    /// A server of the class: the one that runs, or a new one. However many ask at once, one is
    /// started. The server is in use until the [`Lease`] is dropped. Corresponds to
    /// `CoGetClassObject` with `CLSCTX_LOCAL_SERVER`.
    ///
    /// # Errors
    /// `REGDB_E_CLASSNOTREG` and `REGDB_E_INVALIDVALUE` from the registry; `E_ACCESSDENIED` when its
    /// program may not be run; `CO_E_SERVER_EXEC_FAILURE` when it ended or took too long before it
    /// registered, registered another class, or keeps failing ([`Failure::retry_after`] says for how
    /// long no start is tried); `ERROR_SHUTDOWN_IN_PROGRESS`.
    pub async fn activate(&self, class: ClassId) -> Result<Lease, Failure> {
        // A running server is what is asked for most: no file is looked at.
        let answer = match self.desk.join(class)? {
            Some(answer) => answer,
            None => self.desk.wanted(self.read(class).await.inspect_err(|failure| self.unreadable(class, failure))?)?,
        };
        answer.await.unwrap_or_else(|_| Err(Failure::of(common::ERROR_SHUTDOWN_IN_PROGRESS)))
    }

    /// A connection says that it serves `class`, and shows the token that it was given, if any. When it
    /// is refused, nothing that it says counts; a server that was started for another class is ended,
    /// and its start has failed. Corresponds to `CoRegisterClassObject`. Without a token it may read
    /// the registry's folders.
    ///
    /// # Errors
    /// `E_ACCESSDENIED` for a token that is stale, unknown or missing; `CO_E_OBJISREG` when the class
    /// has a server; `CO_E_SERVER_EXEC_FAILURE` for another class than the token's;
    /// `REGDB_E_CLASSNOTREG` without a token for a class that is not registered;
    /// `ERROR_SHUTDOWN_IN_PROGRESS`.
    pub fn registered(&self, token: Option<&str>, class: ClassId, connection: Connection) -> Result<(), Failure> {
        let Some(text) = token else {
            return self.registered_without_token(class, connection);
        };
        let stale = || Failure::from(Refusal::StaleToken);
        let token: Token = text.parse().map_err(|_| stale())?;
        // The token says whose server it is, and the class is what it claims.
        let owner = self.desk.owner_of(&token).unwrap_or(class);
        let claimed = if owner == class { RegisteredClass::Wanted } else { RegisteredClass::Other };
        self.desk.registered(owner, None, Event::Registered { token: Some(token), class: claimed, connection })
    }

    /// Whose server was started with this token and has not registered yet: the class that it has to
    /// register.
    ///
    /// # Errors
    /// `E_ACCESSDENIED` for a token that is stale or unknown.
    pub fn class_of_token(&self, token: &str) -> Result<ClassId, Failure> {
        let token: Option<Token> = token.parse().ok();
        token.and_then(|token| self.desk.owner_of(&token)).ok_or_else(|| Refusal::StaleToken.into())
    }

    /// The connection closed, by whichever side. For a connection that registered nothing this is
    /// nothing.
    pub fn connection_closed(&self, connection: Connection) {
        self.desk.connection_closed(connection);
    }

    /// The server at this connection serves the class no more, whatever else it serves: for this class, as
    /// if the connection had closed, but announced. Its process has [`Options::grace`] to end; whoever
    /// wants the class meanwhile waits for a new start. Where the class has no server at this connection,
    /// this is nothing. Corresponds to `CoRevokeClassObject`.
    pub fn revoked(&self, class: ClassId, connection: Connection) {
        self.desk.revoked(class, connection);
    }

    /// Ends the server of a class, whoever uses it: it is asked, then terminated, then killed, each
    /// after [`Options::grace`]. Does not wait for it.
    pub fn stop(&self, class: ClassId, reason: StopReason) {
        self.desk.stop(class, reason);
    }

    /// Starts no server any more, ends all of them as [`Activator::stop`] does, and waits until they
    /// are gone. To cut it short, call [`Activator::kill_all`].
    pub async fn shutdown_all(&self) {
        self.desk.stop_all(|reason| Event::Stop { reason });
        self.desk.all_gone().await;
    }

    /// Starts no server any more, and kills every process group that was started, at once: when this
    /// returns, the signals are sent. Waits for no end. A process that is just being started is killed as
    /// soon as it is there; for a unit, its manager is told.
    pub fn kill_all(&self) {
        self.desk.stop_all(|reason| Event::Kill { reason });
    }

    /// Registers a class for the user, replacing an earlier registration, after its program was checked.
    /// A server that runs or is being started goes on; failures before are forgotten, so that the class
    /// can be started at once. Touches the disk.
    ///
    /// # Errors
    /// Those of [`crate::Policy::check`] and [`Registry::register`].
    pub fn register(&self, file: &ClassFile) -> Result<PathBuf, Failure> {
        let identity = match &file.host {
            Host::Program(command) => Some(self.desk.options.policy.check(command)?.identity()),
            Host::SystemdUnit(_) | Host::BusName(_) => None,
        };
        let path = self.desk.options.registry.register(file)?;
        if let Some(identity) = identity {
            self.desk.known.note_program(file.class, identity);
        }
        self.desk.renewed(file.class);
        // It may have been unregistered meanwhile, before there was anything to forget.
        if self.desk.options.registry.find(file.class).is_err() {
            self.desk.gone(file.class);
        }
        Ok(path)
    }

    /// Takes back the registration of a class, and stops its server; when that has ended, nothing is known
    /// of it any more. Touches the disk.
    ///
    /// # Errors
    /// Those of [`Registry::unregister`].
    pub fn unregister(&self, class: ClassId) -> Result<(), Failure> {
        self.desk.options.registry.unregister(class)?;
        self.desk.stop(class, StopReason::Unregistered);
        self.desk.gone(class);
        Ok(())
    }

    /// Whether the class is registered and its program may be run. Touches the disk.
    ///
    /// # Errors
    /// Those of [`Registry::find`] and [`crate::Policy::check`].
    pub fn check(&self, class: ClassId) -> Result<(), Failure> {
        if let Host::Program(command) = &self.desk.options.registry.find(class)?.host {
            self.desk.options.policy.check(command)?;
        }
        Ok(())
    }

    /// Where classes are looked up.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.desk.options.registry
    }

    /// What is known of the server of a class; `None` when none was wanted since the class was registered.
    pub fn status(&self, class: ClassId) -> Option<ClassStatus> {
        self.desk.status(class)
    }

    /// What the server of a class does: of [`Activator::status`] that alone, without copying the output.
    pub fn state(&self, class: ClassId) -> Option<ClassState> {
        self.desk.state(class)
    }

    /// Whether this is the id of a process that was started as a server and has not registered yet. It may
    /// connect before its start is reported to the activator: until then every child of the service that
    /// is not otherwise known counts, and for that `/proc` is looked at.
    pub fn is_starting_process(&self, process: u32) -> bool {
        self.desk.is_starting_process(process)
    }

    /// Changes whenever something has happened to a server: the number says nothing.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.desk.changes()
    }

    /// The servers that die from now on. Whoever holds it must read it.
    pub fn deaths(&self) -> Deaths {
        self.desk.deaths()
    }

    async fn read(&self, class: ClassId) -> Result<ClassFile, Failure> {
        let registry = Arc::clone(&self.desk.options.registry);
        spawn_blocking(move || registry.find(class)).await.unwrap_or_else(|_| Err(Failure::of(common::E_UNEXPECTED)))
    }

    /// A class may also go by its file being removed.
    fn unreadable(&self, class: ClassId, failure: &Failure) {
        if failure.code == common::REGDB_E_CLASSNOTREG {
            self.desk.gone(class);
        }
    }

    fn registered_without_token(&self, class: ClassId, connection: Connection) -> Result<(), Failure> {
        let file = self.desk.options.registry.find(class)?;
        let event = Event::Registered { token: None, class: RegisteredClass::Wanted, connection };
        self.desk.registered(class, Some(file), event)
    }
}
