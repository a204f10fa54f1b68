//! What becomes of the server process of a class: a pure function of its state, what happened, and the
//! time. Starts, signals and waits for nothing; whoever carries out the [`Action`]s does.

mod backoff;
mod fault;
mod refusal;
mod step;
mod token;

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod table_tests;

use std::time::Duration;

use consign_core::clock::Monotonic;

use crate::{failure::Failure, process::Exit};

pub use backoff::Backoff;
pub use fault::Fault;
pub use refusal::{Refusal, StopReason};
pub use step::step;
pub use token::Token;

/// The server of one class. At most one attempt at a process is made at a time; what happens to an
/// older one changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Server {
    /// What it does now.
    pub state: State,
    /// The latest attempt: the running one in the states that have one.
    pub attempt: Attempt,
    /// How many attempts in a row have failed. A server that stayed well for [`Backoff::healthy`] begins
    /// anew, and so does a class that is registered again.
    pub failures: u32,
}

/// The states of a server.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum State {
    /// There is none.
    #[default]
    Absent,
    /// It was started and has not registered yet.
    Starting {
        /// What it has to show.
        token: Token,
        /// Its process.
        process: Process,
        /// When it has failed.
        deadline: Monotonic,
        /// How many wait for it.
        waiting: u32,
    },
    /// It has registered, and serves.
    Running {
        /// Where it is reached.
        connection: Connection,
        /// Its process.
        process: Process,
        /// When it registered.
        since: Monotonic,
        /// How many use it.
        users: u32,
        /// Since when nobody does.
        idle_since: Option<Monotonic>,
    },
    /// It has to end, and is waited for.
    Stopping {
        /// Where it is reached, until that closes.
        connection: Option<Connection>,
        /// Its process.
        process: Process,
        /// What was done to make it end.
        stage: Stage,
        /// When more is done.
        deadline: Option<Monotonic>,
        /// What follows.
        why: Why,
        /// Who wants it started again after its end.
        again: Option<Again>,
    },
    /// It failed, and is not started before the time has come.
    BackingOff {
        /// When it may be started again.
        until: Monotonic,
    },
}

/// What is known of a server's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// It is being started.
    Pending,
    /// A child, with this id.
    Own(u32),
    /// Somebody else's child: its connection is all that is known of it.
    Elsewhere,
}

/// How hard a server is pressed to end. Each stage has [`Terms::grace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It was asked, or is to end by itself.
    Leaving,
    /// SIGTERM.
    Terminated,
    /// SIGKILL.
    Killed,
}

/// Why a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was told to, had served well for [`Backoff::healthy`], or its class was registered again: no
    /// failure, however it ends.
    Fine,
    /// It serves no more, and may be ending in order, in use or not: what is used may be an object that is
    /// kept for later. A failure if its process does not end with status 0 within the grace; where nothing
    /// is known of its process, a failure if that was unannounced and it was in use.
    Left {
        /// How many used it, unless it was announced by [`Event::Revoked`].
        users: u32,
    },
    /// It serves no more and did not end within the grace: that is a failure.
    Lingered {
        /// The end of the back-off.
        until: Monotonic,
    },
    /// It failed; this is when it may be started again.
    Failed {
        /// The end of the back-off.
        until: Monotonic,
    },
}

/// A start that waits for the end of the attempt before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// For the new process.
    pub token: Token,
    /// How many wait.
    pub waiting: u32,
}

/// The number of an attempt at a server process; the first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Attempt(pub u64);

/// The key of a connection, given by whoever owns the connections; unique while the service runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Connection(pub u64);

/// What holds for the servers of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Whose children they are.
    pub hosting: Hosting,
    /// How long one may take to register.
    pub start_timeout: Duration,
    /// How long one may go unused.
    pub idle_stop: Option<Duration>,
    /// How long one has to end after it was asked, and again after SIGTERM.
    pub grace: Duration,
    /// How one that keeps failing is left alone.
    pub backoff: Backoff,
    /// What is thought of one that shows no token.
    pub tokenless: Tokenless,
}

/// Whose child a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosting {
    /// The service's.
    Own,
    /// The service manager's or the bus's.
    Elsewhere,
}

/// What is thought of a server that shows no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokenless {
    /// It is refused.
    Refused,
    /// It is accepted, unless a child of the service is being started.
    Accepted,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants to use the class. One [`Action::Serve`] or [`Action::Refuse`] answers.
    Wanted {
        /// Nobody has seen it before; it is used if a process has to be started.
        token: Token,
    },
    /// The attempt has a process.
    Spawned {
        /// Of which attempt.
        attempt: Attempt,
        /// Not [`Process::Pending`].
        process: Process,
    },
    /// The attempt got no process.
    SpawnFailed {
        /// Of which attempt.
        attempt: Attempt,
        /// Why.
        failure: Failure,
    },
    /// A connection says that it serves a class. [`Step::answer`] answers.
    Registered {
        /// What it showed.
        token: Option<Token>,
        /// Which class.
        class: RegisteredClass,
        /// Where it is reached.
        connection: Connection,
    },
    /// A connection closed.
    ConnectionClosed {
        /// Which.
        connection: Connection,
    },
    /// The server at a connection serves the class no more, and said so.
    Revoked {
        /// Which.
        connection: Connection,
    },
    /// The process of an attempt ended, and with it its group.
    ProcessExited {
        /// Of which attempt.
        attempt: Attempt,
        /// How.
        exit: Exit,
    },
    /// One of those who were served needs it no more.
    Released {
        /// Of which attempt.
        attempt: Attempt,
    },
    /// [`Server::deadline`] may have come.
    TimeCame,
    /// It has to end, whoever uses it.
    Stop {
        /// Why.
        reason: StopReason,
    },
    /// It has to end now: it is not asked, nor given time.
    Kill {
        /// Why.
        reason: StopReason,
    },
    /// The class was registered again: what failed before says nothing about the next attempt.
    Renewed,
}

/// Which class a server says to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisteredClass {
    /// The one it was started for.
    Wanted,
    /// Another.
    Other,
}

/// What has to be done. Each can be done late or twice without harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a process for the attempt, and report [`Event::Spawned`] or [`Event::SpawnFailed`].
    Start {
        /// Which attempt.
        attempt: Attempt,
        /// What the process has to show.
        token: Token,
    },
    /// Everybody who waits is served by this connection.
    Serve {
        /// Where.
        connection: Connection,
    },
    /// Everybody who waits is refused.
    Refuse(Refusal),
    /// Ask the server to end.
    AskToLeave {
        /// Where.
        connection: Connection,
    },
    /// SIGTERM to the group of the attempt's process.
    Terminate {
        /// Which attempt.
        attempt: Attempt,
    },
    /// SIGKILL to the group of the attempt's process.
    Kill {
        /// Which attempt.
        attempt: Attempt,
    },
    /// Close the connection: nothing that it says counts any more.
    Close {
        /// Which.
        connection: Connection,
    },
    /// Keep this as the latest failure.
    Note(Fault),
    /// Tell whoever uses the server that it is gone. Once for every registered connection.
    Died {
        /// Which.
        connection: Connection,
    },
}

/// The next state and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The server after the event.
    pub server: Server,
    /// The answer to [`Event::Registered`]; `Ok` for every other event.
    pub answer: Result<(), Refusal>,
    /// To be done in this order.
    pub actions: Vec<Action>,
}

impl Server {
    /// When [`Event::TimeCame`] is due.
    pub fn deadline(&self, terms: &Terms) -> Option<Monotonic> {
        match &self.state {
            State::Absent | State::BackingOff { .. } => None,
            State::Starting { deadline, .. } => Some(*deadline),
            State::Running { idle_since, .. } => Some((*idle_since)? + terms.idle_stop?),
            State::Stopping { deadline, .. } => *deadline,
        }
    }

    /// Its process, in the states that have one.
    pub const fn process(&self) -> Option<Process> {
        match &self.state {
            State::Absent | State::BackingOff { .. } => None,
            State::Starting { process, .. } | State::Running { process, .. } | State::Stopping { process, .. } => Some(*process),
        }
    }

    /// How many wait for an answer.
    pub fn waiting(&self) -> u32 {
        match &self.state {
            State::Starting { waiting, .. } => *waiting,
            State::Stopping { again: Some(again), .. } => again.waiting,
            _ => 0,
        }
    }
}
