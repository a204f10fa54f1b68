use consign_core::clock::Monotonic;

use super::{
    Action, Again, Attempt, Connection, Event, Fault, Hosting, Process, Refusal, RegisteredClass, Server, Stage, State, Step, Terms, Token,
    Tokenless, Why,
};
use crate::process::Exit;

/// What becomes of a server by an event.
pub fn step(server: Server, terms: &Terms, event: Event, now: Monotonic) -> Step {
    let mut turn = Turn { server, terms, now, actions: Vec::new() };
    let answer = match event {
        Event::Registered { token, class, connection } => turn.registered(token.as_ref(), class, connection),
        other => {
            turn.happened(other);
            Ok(())
        }
    };
    Step { server: turn.server, answer, actions: turn.actions }
}

/// Whether a server said before that it would serve no more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Announced {
    Yes,
    No,
}

struct Turn<'a> {
    server: Server,
    terms: &'a Terms,
    now: Monotonic,
    actions: Vec<Action>,
}

impl Turn<'_> {
    fn happened(&mut self, event: Event) {
        match event {
            Event::Wanted { token } => self.wanted(token),
            Event::Spawned { attempt, process } if attempt == self.server.attempt => self.spawned(process),
            Event::SpawnFailed { attempt, failure } if attempt == self.server.attempt => self.spawn_failed(Refusal::SpawnFailed(failure)),
            Event::ProcessExited { attempt, exit } if attempt == self.server.attempt => self.exited(exit),
            Event::Released { attempt } if attempt == self.server.attempt => self.released(),
            // Of an older attempt.
            Event::Spawned { .. } | Event::SpawnFailed { .. } | Event::ProcessExited { .. } | Event::Released { .. } => {}
            Event::ConnectionClosed { connection } => self.connection_closed(connection, Announced::No),
            Event::Revoked { connection } => self.connection_closed(connection, Announced::Yes),
            Event::TimeCame => self.time_came(),
            Event::Stop { reason } => self.stop(Refusal::Stopped(reason)),
            Event::Kill { reason } => self.kill_now(Refusal::Stopped(reason)),
            Event::Renewed => self.renewed(),
            Event::Registered { .. } => {}
        }
    }

    fn wanted(&mut self, token: Token) {
        match &mut self.server.state {
            State::Absent => self.start(token, 1),
            State::BackingOff { until } if self.now >= *until => self.start(token, 1),
            State::BackingOff { until } | State::Stopping { why: Why::Failed { until } | Why::Lingered { until }, .. } => {
                let until = *until;
                self.refuse_until(until);
            }
            State::Starting { waiting, .. } => *waiting += 1,
            State::Running { connection, users, idle_since, .. } => {
                *users += 1;
                *idle_since = None;
                self.actions.push(Action::Serve { connection: *connection });
            }
            State::Stopping { again, .. } => again.get_or_insert(Again { token, waiting: 0 }).waiting += 1,
        }
    }

    fn start(&mut self, token: Token, waiting: u32) {
        let attempt = Attempt(self.server.attempt.0 + 1);
        self.server.attempt = attempt;
        self.actions.push(Action::Start { attempt, token: token.clone() });
        let deadline = self.now + self.terms.start_timeout;
        self.server.state = State::Starting { token, process: Process::Pending, deadline, waiting };
    }

    fn spawned(&mut self, spawned: Process) {
        let attempt = self.server.attempt;
        match &mut self.server.state {
            State::Starting { process: process @ Process::Pending, .. } | State::Running { process: process @ Process::Pending, .. } => {
                *process = spawned;
            }
            State::Stopping { process: process @ Process::Pending, stage, connection, .. } => {
                *process = spawned;
                let pressed = *stage;
                let out_of_reach = spawned == Process::Elsewhere && (connection.is_none() || pressed == Stage::Killed);
                match pressed {
                    Stage::Leaving => {}
                    Stage::Terminated => self.actions.push(Action::Terminate { attempt }),
                    Stage::Killed => self.actions.push(Action::Kill { attempt }),
                }
                if out_of_reach {
                    self.ended(None);
                }
            }
            _ => {}
        }
    }

    fn spawn_failed(&mut self, refusal: Refusal) {
        match &mut self.server.state {
            State::Starting { process: Process::Pending, .. } => {
                let until = self.fail();
                self.actions.push(Action::Refuse(refusal));
                self.server.state = State::BackingOff { until };
            }
            // Whoever was to start it failed, and it has come all the same.
            State::Running { process: process @ Process::Pending, .. } => *process = Process::Elsewhere,
            State::Stopping { process: process @ Process::Pending, connection: Some(_), stage, .. } => {
                *process = Process::Elsewhere;
                // What was due while there was no process to do it to.
                match *stage {
                    Stage::Leaving => {}
                    Stage::Terminated => self.actions.push(Action::Terminate { attempt: self.server.attempt }),
                    Stage::Killed => self.kill(),
                }
            }
            State::Stopping { process: Process::Pending, .. } => self.ended(None),
            _ => {}
        }
    }

    fn registered(&mut self, token: Option<&Token>, class: RegisteredClass, connection: Connection) -> Result<(), Refusal> {
        let tokenless = self.terms.tokenless;
        match &self.server.state {
            State::Starting { token: expected, process, waiting, .. } => {
                match token {
                    Some(shown) if shown == expected => {}
                    Some(_) => return Err(Refusal::StaleToken),
                    None if tokenless == Tokenless::Refused => return Err(Refusal::TokenNeeded),
                    // The child that is being started is the one that is waited for.
                    None if self.terms.hosting == Hosting::Own => return Err(Refusal::AlreadyRegistered),
                    None => {}
                }
                let (process, waiting) = (*process, *waiting);
                if class == RegisteredClass::Other {
                    self.give_up(process, Refusal::WrongClass);
                    self.actions.push(Action::Close { connection });
                    return Err(Refusal::WrongClass);
                }
                let since = self.now;
                self.server.state = State::Running { connection, process, since, users: waiting, idle_since: None };
                self.actions.push(Action::Serve { connection });
                Ok(())
            }
            State::Running { connection: known, .. } if *known == connection => Err(Refusal::AlreadyRegistered),
            _ if token.is_some() => Err(Refusal::StaleToken),
            _ if tokenless == Tokenless::Refused => Err(Refusal::TokenNeeded),
            State::Running { .. } | State::Stopping { .. } => Err(Refusal::AlreadyRegistered),
            State::Absent | State::BackingOff { .. } => {
                if class == RegisteredClass::Other {
                    return Err(Refusal::WrongClass);
                }
                self.server.attempt = Attempt(self.server.attempt.0 + 1);
                let (process, since) = (Process::Elsewhere, self.now);
                self.server.state = State::Running { connection, process, since, users: 0, idle_since: Some(since) };
                Ok(())
            }
        }
    }

    fn connection_closed(&mut self, closed: Connection, announced: Announced) {
        match &mut self.server.state {
            State::Running { connection, process, users, .. } if *connection == closed => {
                let (process, users) = (*process, if announced == Announced::Yes { 0 } else { *users });
                self.actions.push(Action::Died { connection: closed });
                let why = if self.was_healthy() { Why::Fine } else { Why::Left { users } };
                // It may be on its way out, and then says by its exit status how it went.
                self.stopping(None, process, Stage::Leaving, why);
                if process == Process::Elsewhere {
                    self.ended(None);
                }
            }
            State::Stopping { connection, process, .. } if *connection == Some(closed) => {
                *connection = None;
                let process = *process;
                self.actions.push(Action::Died { connection: closed });
                if process == Process::Elsewhere {
                    self.ended(None);
                }
            }
            _ => {}
        }
    }

    fn exited(&mut self, exit: Exit) {
        match &self.server.state {
            State::Starting { process: Process::Own(_), .. } => {
                let until = self.fail();
                self.actions.push(Action::Refuse(Refusal::Exited(exit)));
                self.server.state = State::BackingOff { until };
            }
            State::Running { process: process @ Process::Own(_), connection, users, .. } => {
                let (process, connection, users) = (*process, *connection, *users);
                // Its connection closes with it: which of the two is heard of first says nothing.
                let why = if self.was_healthy() { Why::Fine } else { Why::Left { users } };
                self.stopping(Some(connection), process, Stage::Leaving, why);
                self.ended(Some(exit));
            }
            State::Stopping { process: Process::Own(_), .. } => self.ended(Some(exit)),
            _ => {}
        }
    }

    fn released(&mut self) {
        if let State::Running { users, idle_since, .. } = &mut self.server.state
            && *users > 0
        {
            *users -= 1;
            if *users == 0 {
                *idle_since = Some(self.now);
            }
        }
    }

    fn time_came(&mut self) {
        if self.server.deadline(self.terms).is_none_or(|deadline| self.now < deadline) {
            return;
        }
        match &mut self.server.state {
            State::Absent | State::BackingOff { .. } => {}
            State::Starting { process, .. } => {
                let process = *process;
                self.give_up(process, Refusal::TimedOut);
            }
            State::Running { connection, process, .. } => {
                let (connection, process) = (*connection, *process);
                self.actions.push(Action::AskToLeave { connection });
                self.stopping(Some(connection), process, Stage::Leaving, Why::Fine);
            }
            State::Stopping { process, stage, deadline, why, .. } => {
                let (process, why) = (*process, *why);
                if *stage == Stage::Leaving {
                    *stage = Stage::Terminated;
                    *deadline = Some(self.now + self.terms.grace);
                    if let Why::Left { .. } = why {
                        self.lingered();
                    }
                    if process != Process::Pending {
                        self.actions.push(Action::Terminate { attempt: self.server.attempt });
                    }
                    return;
                }
                self.kill();
            }
        }
    }

    fn stop(&mut self, refusal: Refusal) {
        match &mut self.server.state {
            State::Absent => {}
            State::BackingOff { .. } => {
                self.server.state = State::Absent;
                self.server.failures = 0;
            }
            State::Starting { process, .. } => {
                let process = *process;
                self.actions.push(Action::Refuse(refusal));
                self.terminate(process, Why::Fine);
            }
            State::Running { connection, process, .. } => {
                let (connection, process) = (*connection, *process);
                self.actions.push(Action::AskToLeave { connection });
                self.stopping(Some(connection), process, Stage::Leaving, Why::Fine);
            }
            State::Stopping { again, .. } => {
                if again.take().is_some() {
                    self.actions.push(Action::Refuse(refusal));
                }
            }
        }
    }

    fn kill_now(&mut self, refusal: Refusal) {
        if self.server.waiting() > 0 {
            self.actions.push(Action::Refuse(refusal));
        }
        let (connection, process, why) = match &self.server.state {
            State::Absent | State::BackingOff { .. } => return,
            State::Starting { process, .. } => (None, *process, Why::Fine),
            State::Running { connection, process, .. } => (Some(*connection), *process, Why::Fine),
            State::Stopping { connection, process, why, .. } => (*connection, *process, *why),
        };
        self.stopping(connection, process, Stage::Killed, why);
        self.kill();
    }

    fn renewed(&mut self) {
        self.server.failures = 0;
        match &mut self.server.state {
            State::BackingOff { .. } => self.server.state = State::Absent,
            State::Stopping { why, .. } => *why = Why::Fine,
            State::Absent | State::Starting { .. } | State::Running { .. } => {}
        }
    }

    /// An attempt that did not come to serve.
    fn give_up(&mut self, process: Process, refusal: Refusal) {
        let until = self.fail();
        self.actions.push(Action::Refuse(refusal));
        self.terminate(process, Why::Failed { until });
    }

    /// The end of the grace of one that has [`Why::Left`].
    fn lingered(&mut self) {
        let until = self.fail();
        self.actions.push(Action::Note(Fault::Lingered(None)));
        if let State::Stopping { why, again, .. } = &mut self.server.state {
            *why = Why::Lingered { until };
            if again.take().is_some() {
                self.refuse_until(until);
            }
        }
    }

    /// Ends a server that cannot be asked.
    fn terminate(&mut self, process: Process, why: Why) {
        self.stopping(None, process, Stage::Terminated, why);
        if process != Process::Pending {
            self.actions.push(Action::Terminate { attempt: self.server.attempt });
        }
        if process == Process::Elsewhere {
            self.ended(None);
        }
    }

    /// The last that can be done to what is [`State::Stopping`].
    fn kill(&mut self) {
        let State::Stopping { process, stage, deadline, .. } = &mut self.server.state else { return };
        let process = *process;
        *stage = Stage::Killed;
        *deadline = None;
        if process != Process::Pending {
            self.actions.push(Action::Kill { attempt: self.server.attempt });
        }
        if process == Process::Elsewhere {
            self.ended(None);
        }
    }

    fn stopping(&mut self, connection: Option<Connection>, process: Process, stage: Stage, why: Why) {
        let deadline = Some(self.now + self.terms.grace);
        self.server.state = State::Stopping { connection, process, stage, deadline, why, again: None };
    }

    /// The end of what was [`State::Stopping`]; `exit` where its process is ours.
    fn ended(&mut self, exit: Option<Exit>) {
        let State::Stopping { connection, stage, why, again, .. } = &mut self.server.state else { return };
        let (connection, stage, why, again) = (*connection, *stage, *why, again.take());
        let fault = match (why, exit) {
            // It was made to end, and how it took that says nothing.
            (Why::Left { .. }, _) if stage != Stage::Leaving => None,
            (Why::Left { users }, Some(exit)) if !exit.is_success() => Some(Fault::of(exit, users)),
            (Why::Left { users: 1.. }, None) => Some(Fault::Closed),
            (Why::Lingered { .. }, Some(exit)) => Some(Fault::Lingered(Some(exit))),
            _ => None,
        };
        self.actions.extend(fault.map(Action::Note));
        if let Some(connection) = connection {
            self.actions.push(Action::Close { connection });
            self.actions.push(Action::Died { connection });
        }
        let until = match why {
            Why::Failed { until } | Why::Lingered { until } => Some(until),
            Why::Left { .. } => fault.map(|_| self.fail()),
            Why::Fine => {
                self.server.failures = 0;
                None
            }
        };
        match (until, again) {
            (None, None) => self.server.state = State::Absent,
            (None, Some(again)) => self.start(again.token, again.waiting),
            (Some(until), again) => {
                if again.is_some() {
                    self.refuse_until(until);
                }
                self.server.state = State::BackingOff { until };
            }
        }
    }

    fn refuse_until(&mut self, until: Monotonic) {
        let refusal = Refusal::BackingOff { failures: self.server.failures, left: until.since(self.now) };
        self.actions.push(Action::Refuse(refusal));
    }

    /// Whether it has served long enough to be trusted again, and if so, does.
    fn was_healthy(&mut self) -> bool {
        let healthy = matches!(self.server.state, State::Running { since, .. } if self.now.since(since) >= self.terms.backoff.healthy);
        if healthy {
            self.server.failures = 0;
        }
        healthy
    }

    /// Counts a failure; returns when the next try may come.
    fn fail(&mut self) -> Monotonic {
        self.server.failures = self.server.failures.saturating_add(1);
        self.now + self.terms.backoff.after(self.server.failures)
    }
}
