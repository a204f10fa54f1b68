//! Random histories against what must always hold. The test plays the machine's surroundings: it
//! knows which processes live, which connections are open, and who waits.

use std::{collections::BTreeSet, time::Duration};

use consign_core::{
    clock::Monotonic,
    random::{Random, SeededRandom},
};
use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Happening {
    Wanted,
    Spawn,
    SpawnFails,
    Register(Shown),
    Close,
    Revoke,
    Kill,
    Renew,
    Exit(Exit),
    Release,
    Stop,
    Pass(u64),
    /// Something that is told late, of the attempt before.
    Late(u8),
}

#[derive(Clone, Copy, Debug)]
enum Shown {
    Right,
    OtherClass,
    Stale,
    Nothing,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => Just(Happening::Wanted),
        4 => Just(Happening::Spawn),
        1 => Just(Happening::SpawnFails),
        4 => prop_oneof![4 => Just(Shown::Right), 1 => Just(Shown::OtherClass), 1 => Just(Shown::Stale), 1 => Just(Shown::Nothing)]
            .prop_map(Happening::Register),
        1 => prop_oneof![Just(Happening::Close), Just(Happening::Revoke)],
        1 => prop_oneof![1 => Just(Happening::Kill), 2 => Just(Happening::Renew)],
        2 => prop_oneof![Just(Exit::Code(0)), Just(Exit::Code(1)), Just(Exit::Signal(9))].prop_map(Happening::Exit),
        2 => Just(Happening::Release),
        1 => Just(Happening::Stop),
        4 => (0_u64..100).prop_map(Happening::Pass),
        1 => (0_u8..4).prop_map(Happening::Late),
    ]
}

struct World {
    server: Server,
    terms: Terms,
    now: Monotonic,
    random: SeededRandom,
    /// Who waits, and who was answered.
    waiting: u32,
    users: u32,
    /// The attempt that was ordered and has no process yet.
    ordered: Option<(Attempt, Token)>,
    token: Option<Token>,
    latest: Attempt,
    /// The attempts whose process lives.
    alive: Option<Attempt>,
    killed: bool,
    open: Option<Connection>,
    connections: u64,
    died: BTreeSet<Connection>,
}

impl World {
    fn new(terms: Terms) -> Self {
        Self {
            server: Server::default(),
            terms,
            now: Monotonic::default(),
            random: SeededRandom::new(1),
            waiting: 0,
            users: 0,
            ordered: None,
            token: None,
            latest: Attempt::default(),
            alive: None,
            killed: false,
            open: None,
            connections: 0,
            died: BTreeSet::new(),
        }
    }

    fn token(&self) -> Token {
        Token::random(&self.random as &dyn Random)
    }

    fn play(&mut self, happening: Happening) {
        let attempt = self.server.attempt;
        match happening {
            Happening::Wanted => {
                self.waiting += 1;
                let token = self.token();
                self.tell(Event::Wanted { token });
            }
            Happening::Spawn => {
                if let Some((attempt, _)) = self.ordered.take() {
                    self.alive = Some(attempt);
                    let process = if self.terms.hosting == Hosting::Own { Process::Own(1) } else { Process::Elsewhere };
                    self.tell(Event::Spawned { attempt, process });
                }
            }
            Happening::SpawnFails => {
                if let Some((attempt, _)) = self.ordered.take() {
                    self.tell(Event::SpawnFailed { attempt, failure: Failure::of(consign_core::common::E_FAIL) });
                }
            }
            Happening::Register(shown) => self.register(shown),
            Happening::Close => {
                if let Some(connection) = self.open.take() {
                    self.tell(Event::ConnectionClosed { connection });
                }
            }
            Happening::Revoke => {
                if let Some(connection) = self.open.take() {
                    let failures = self.server.failures;
                    self.tell(Event::Revoked { connection });
                    assert!(self.server.failures <= failures, "what is announced is no failure");
                }
            }
            Happening::Kill => {
                self.tell(Event::Kill { reason: StopReason::ServiceEnds });
                assert_eq!(self.waiting, 0, "nobody is left waiting for what was killed");
                assert!(self.killed || self.alive.is_none() || self.terms.hosting == Hosting::Elsewhere, "no process is spared");
                assert_eq!(self.server.deadline(&self.terms), None);
            }
            Happening::Renew => {
                self.tell(Event::Renewed);
                assert!(self.server.failures == 0 && !matches!(self.server.state, State::BackingOff { .. }));
            }
            Happening::Exit(exit) if self.terms.hosting == Hosting::Own => {
                if let Some(attempt) = self.alive.take() {
                    let (failures, unregistered) = (self.server.failures, matches!(self.server.state, State::Starting { .. }));
                    self.tell(Event::ProcessExited { attempt, exit });
                    let in_order = exit.is_success() && !unregistered;
                    assert!(!in_order || self.server.failures <= failures, "what ends in order has not failed");
                }
            }
            Happening::Exit(_) => {}
            Happening::Release => {
                if self.users > 0 {
                    self.users -= 1;
                    self.tell(Event::Released { attempt });
                }
            }
            Happening::Stop => {
                self.tell(Event::Stop { reason: StopReason::Asked });
                assert_eq!(self.waiting, 0, "nobody is left waiting for what was stopped");
            }
            Happening::Pass(seconds) => {
                self.now = self.now + Duration::from_secs(seconds);
                self.tell(Event::TimeCame);
            }
            Happening::Late(which) => {
                let attempt = Attempt(attempt.0.wrapping_sub(1));
                let event = match which {
                    0 => Event::Spawned { attempt, process: Process::Own(2) },
                    1 => Event::SpawnFailed { attempt, failure: Failure::of(consign_core::common::E_FAIL) },
                    2 => Event::ProcessExited { attempt, exit: Exit::Code(1) },
                    _ => Event::Released { attempt },
                };
                let before = self.server.clone();
                assert!(self.tell(event).is_empty());
                assert_eq!(self.server, before, "an older attempt changes nothing");
            }
        }
    }

    fn register(&mut self, shown: Shown) {
        self.connections += 1;
        let connection = Connection(self.connections);
        let token = match shown {
            Shown::Right | Shown::OtherClass => self.token.clone(),
            Shown::Stale => Some(self.token()),
            Shown::Nothing => None,
        };
        let class = if matches!(shown, Shown::OtherClass) { RegisteredClass::Other } else { RegisteredClass::Wanted };
        let had_one = matches!(self.server.state, State::Running { .. });
        let starting = matches!(self.server.state, State::Starting { .. });
        let Step { server, answer, actions } =
            step(self.server.clone(), &self.terms, Event::Registered { token: token.clone(), class, connection }, self.now);
        self.server = server;
        if answer.is_ok() {
            assert!(!had_one && class == RegisteredClass::Wanted && !matches!(shown, Shown::Stale));
            assert!(token.is_some() || self.terms.tokenless == Tokenless::Accepted);
            assert!(token.is_none() || starting, "a token counts only while its server is started");
            self.open = Some(connection);
            if !starting {
                (self.users, self.alive, self.latest) = (0, None, self.server.attempt);
            }
        }
        self.do_all(&actions);
    }

    fn tell(&mut self, event: Event) -> Vec<Action> {
        let Step { server, answer, actions } = step(self.server.clone(), &self.terms, event, self.now);
        assert_eq!(answer, Ok(()));
        let says_why = |action: &Action| matches!(action, Action::Note(_) | Action::Refuse(_));
        assert!(server.failures <= self.server.failures || actions.iter().any(says_why), "every failure has its reason");
        self.server = server;
        self.do_all(&actions);
        actions
    }

    fn do_all(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Start { attempt, token } => {
                    assert!(self.ordered.is_none(), "one attempt at a time");
                    if self.terms.hosting == Hosting::Own {
                        assert!(self.alive.is_none(), "one process at a time");
                    }
                    assert!(self.open.is_none());
                    (self.users, self.killed, self.alive) = (0, false, None);
                    self.ordered = Some((*attempt, token.clone()));
                    self.token = Some(token.clone());
                    self.latest = *attempt;
                }
                Action::Serve { connection } => {
                    assert_eq!(self.open, Some(*connection), "only an open connection serves");
                    assert!(self.waiting > 0);
                    self.users += std::mem::take(&mut self.waiting);
                }
                Action::Refuse(refusal) => {
                    assert!(refusal.code().is_failure());
                    assert!(self.waiting > 0, "somebody is refused");
                    self.waiting = 0;
                }
                Action::AskToLeave { connection } => assert_eq!(self.open, Some(*connection)),
                Action::Terminate { attempt } | Action::Kill { attempt } => {
                    assert_eq!(*attempt, self.latest);
                    self.killed |= matches!(action, Action::Kill { .. });
                }
                Action::Close { connection } => {
                    if self.open == Some(*connection) {
                        self.open = None;
                    }
                }
                Action::Note(_) => assert!(self.server.failures > 0),
                Action::Died { connection } => {
                    assert!(self.died.insert(*connection), "it dies once");
                    self.open = None;
                    self.users = 0;
                }
            }
        }
        self.hold();
    }

    fn hold(&self) {
        assert_eq!(self.server.waiting(), self.waiting, "whoever waits is counted");
        match &self.server.state {
            State::Running { users, idle_since, connection, .. } => {
                assert_eq!(*users, self.users);
                assert_eq!(idle_since.is_some(), *users == 0);
                assert_eq!(self.open, Some(*connection));
            }
            State::Starting { waiting, .. } => assert!(*waiting > 0),
            State::BackingOff { until } => {
                assert!(self.server.failures > 0);
                assert!(until.since(self.now) <= Duration::from_secs(300));
            }
            State::Stopping { .. } | State::Absent => {}
        }
        if matches!(self.server.state, State::Absent | State::BackingOff { .. }) {
            assert!(self.ordered.is_none() && self.open.is_none());
            assert!(self.alive.is_none() || self.terms.hosting == Hosting::Elsewhere, "no process is forgotten");
        }
    }

    /// Stops it, with a server that ends only when it is killed.
    fn end(&mut self) {
        self.play(Happening::Stop);
        for _ in 0..4 {
            self.play(Happening::Spawn);
            self.play(Happening::Pass(10));
            if self.killed {
                self.play(Happening::Exit(Exit::Signal(9)));
            }
        }
        assert!(matches!(self.server.state, State::Absent | State::BackingOff { .. }), "{:?}", self.server);
    }
}

fn terms() -> impl Strategy<Value = Terms> {
    (any::<bool>(), any::<bool>(), proptest::option::of(0_u64..90)).prop_map(|(own, accepted, idle)| Terms {
        hosting: if own { Hosting::Own } else { Hosting::Elsewhere },
        start_timeout: Duration::from_secs(60),
        idle_stop: idle.map(Duration::from_secs),
        grace: Duration::from_secs(5),
        backoff: Backoff::default(),
        tokenless: if accepted { Tokenless::Accepted } else { Tokenless::Refused },
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_must_hold_holds(terms in terms(), history in proptest::collection::vec(happening(), 0..80)) {
        let mut world = World::new(terms);
        for happening in history {
            world.play(happening);
        }
        world.end();
    }
}
