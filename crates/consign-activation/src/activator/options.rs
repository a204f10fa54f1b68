use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use consign_core::{
    Clock, SystemClock,
    random::{Random, SystemRandom},
};

use crate::{
    Environment, Policy, Registry,
    server::{Backoff, Connection},
};

/// What an [`super::Activator`] works with.
#[derive(Clone)]
pub struct Options {
    /// Where classes are looked up.
    pub registry: Arc<Registry>,
    /// Which class programs may be run.
    pub policy: Policy,
    /// How servers are reached.
    pub link: Arc<dyn ServerLink>,
    /// The service's socket: `CONSIGN_SOCKET` of a server.
    pub socket: PathBuf,
    /// The service's folder for what does not outlive the session, 0700. Files for systemd units are
    /// written to `activation/` in it.
    pub runtime_folder: PathBuf,
    /// The environment of servers, but for the socket and the token.
    pub environment: Environment,
    /// How long a server has to end after it was asked, and again after SIGTERM.
    pub grace: Duration,
    /// How a server that keeps failing is left alone.
    pub backoff: Backoff,
    /// Whether servers that the user started may register.
    pub hand_started: HandStarted,
    /// What talks to the service manager and the bus.
    pub tools: Tools,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where tokens come from.
    pub random: Arc<dyn Random>,
}

/// What the owner of the connections does for the activator. Called without a lock held, from any
/// thread; must not block. The activator may be called from inside.
pub trait ServerLink: Send + Sync + 'static {
    /// Calls the server's `Shutdown`, and does not wait for its answer.
    fn request_shutdown(&self, connection: Connection);

    /// Closes the connection.
    fn close(&self, connection: Connection);
}

/// What is thought of a server without a token, of a class that has a program or a unit. Servers of
/// classes with a bus name have none and are always accepted: the connection's user is who vouches
/// for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HandStarted {
    /// It is refused.
    #[default]
    Refused,
    /// It is accepted where no other serves the class.
    Accepted,
}

/// The programs that talk to the service manager and the bus, by their absolute paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tools {
    /// `systemctl`.
    pub systemctl: String,
    /// `busctl`.
    pub busctl: String,
}

impl Default for Tools {
    fn default() -> Self {
        Self { systemctl: "/usr/bin/systemctl".to_owned(), busctl: "/usr/bin/busctl".to_owned() }
    }
}

impl Options {
    /// The defaults for the rest: 5 s of grace, no servers without token, the machine's clock.
    pub fn new(
        registry: Arc<Registry>,
        link: Arc<dyn ServerLink>,
        socket: PathBuf,
        runtime_folder: PathBuf,
        environment: Environment,
    ) -> Self {
        Self {
            registry,
            policy: Policy::default(),
            link,
            socket,
            runtime_folder,
            environment,
            grace: Duration::from_secs(5),
            backoff: Backoff::default(),
            hand_started: HandStarted::default(),
            tools: Tools::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("registry", &self.registry).field("policy", &self.policy).finish_non_exhaustive()
    }
}
