//! Every pair of state and event, in one table: the state by its letter, the event, then the state
//! that follows, how many failures it counts, what is done in order, and after `!` how a registration
//! was refused.

use std::time::Duration;

use consign_core::{clock::Monotonic, common, random::SeededRandom};

use super::*;

const NOW: u64 = 1000;
const CURRENT: Attempt = Attempt(7);
const OLDER: Attempt = Attempt(6);
const CONNECTION: Connection = Connection(5);
const STRANGER: Connection = Connection(9);

fn at(seconds: u64) -> Monotonic {
    Monotonic::from_duration(Duration::from_secs(seconds))
}

fn token(seed: u64) -> Token {
    Token::random(&SeededRandom::new(seed))
}

fn terms(host: char) -> Terms {
    Terms {
        hosting: if host == 'e' { Hosting::Elsewhere } else { Hosting::Own },
        start_timeout: Duration::from_secs(60),
        idle_stop: Some(Duration::from_secs(30)),
        grace: Duration::from_secs(5),
        backoff: Backoff::default(),
        tokenless: if host == 'e' { Tokenless::Accepted } else { Tokenless::Refused },
    }
}

/// The states by their letters. Whatever has a deadline has reached it.
fn server(letter: char, process: Process) -> Server {
    let starting = |process| State::Starting { token: token(1), process, deadline: at(NOW), waiting: 2 };
    let running = |process, since, users| State::Running {
        connection: CONNECTION,
        process,
        since: at(since),
        users,
        idle_since: (users == 0).then(|| at(NOW - 30)),
    };
    let stopping_of =
        |process, connection, stage, why| State::Stopping { connection, process, stage, deadline: Some(at(NOW)), why, again: None };
    let stopping = |connection, stage, why| stopping_of(process, connection, stage, why);
    let unknown = |connection, stage, why| stopping_of(Process::Pending, connection, stage, why);
    let state = match letter {
        'A' => State::Absent,
        'P' => starting(Process::Pending),
        'S' => starting(process),
        'U' => running(process, NOW - 59, 1),
        'H' => running(process, NOW - 60, 1),
        'I' => running(process, NOW - 59, 0),
        'L' => stopping(Some(CONNECTION), Stage::Leaving, Why::Fine),
        'G' => stopping(None, Stage::Leaving, Why::Left { users: 0 }),
        'X' => State::Stopping {
            connection: None,
            process,
            stage: Stage::Leaving,
            deadline: Some(at(NOW)),
            why: Why::Left { users: 1 },
            again: Some(Again { token: token(2), waiting: 1 }),
        },
        'D' => unknown(None, Stage::Leaving, Why::Left { users: 1 }),
        'C' => unknown(Some(CONNECTION), Stage::Terminated, Why::Fine),
        'Z' => unknown(Some(CONNECTION), Stage::Killed, Why::Fine),
        'O' => stopping(None, Stage::Terminated, Why::Lingered { until: at(NOW + 2) }),
        'T' => stopping(None, Stage::Terminated, Why::Failed { until: at(NOW + 2) }),
        'K' => State::Stopping {
            connection: None,
            process,
            stage: Stage::Killed,
            deadline: None,
            why: Why::Fine,
            again: Some(Again { token: token(2), waiting: 1 }),
        },
        'W' => State::BackingOff { until: at(NOW + 2) },
        'B' => State::BackingOff { until: at(NOW) },
        other => panic!("no state {other}"),
    };
    Server { state, attempt: CURRENT, failures: 2 }
}

fn event(name: &str) -> Event {
    let own = |attempt| Event::Spawned { attempt, process: Process::Own(11) };
    let exited = |attempt, exit| Event::ProcessExited { attempt, exit };
    let registered = |token, class, connection| Event::Registered { token, class, connection };
    let failure = || Failure::of(common::E_ACCESSDENIED);
    match name {
        "wanted" => Event::Wanted { token: token(3) },
        "spawned" => own(CURRENT),
        "spawned-late" => own(OLDER),
        "spawn-failed" => Event::SpawnFailed { attempt: CURRENT, failure: failure() },
        "spawn-failed-late" => Event::SpawnFailed { attempt: OLDER, failure: failure() },
        "registered" => registered(Some(token(1)), RegisteredClass::Wanted, CONNECTION),
        "registered-other" => registered(Some(token(1)), RegisteredClass::Other, CONNECTION),
        "registered-stale" => registered(Some(token(4)), RegisteredClass::Wanted, STRANGER),
        "registered-bare" => registered(None, RegisteredClass::Wanted, STRANGER),
        "closed" => Event::ConnectionClosed { connection: CONNECTION },
        "closed-strange" => Event::ConnectionClosed { connection: STRANGER },
        "exited-well" => exited(CURRENT, Exit::Code(0)),
        "exited-badly" => exited(CURRENT, Exit::Signal(11)),
        "exited-late" => exited(OLDER, Exit::Code(1)),
        "released" => Event::Released { attempt: CURRENT },
        "released-late" => Event::Released { attempt: OLDER },
        "time" => Event::TimeCame,
        "revoked" => Event::Revoked { connection: CONNECTION },
        "revoked-strange" => Event::Revoked { connection: STRANGER },
        "kill" => Event::Kill { reason: StopReason::ServiceEnds },
        "renewed" => Event::Renewed,
        "stop" => Event::Stop { reason: StopReason::Asked },
        other => panic!("no event {other}"),
    }
}

fn shown(step: &Step) -> String {
    let state = match &step.server.state {
        State::Absent => "absent",
        State::Starting { .. } => "starting",
        State::Running { .. } => "running",
        State::Stopping { stage: Stage::Leaving, .. } => "leaving",
        State::Stopping { stage: Stage::Terminated, .. } => "terminated",
        State::Stopping { stage: Stage::Killed, .. } => "killed",
        State::BackingOff { .. } => "waits",
    };
    let mut shown = format!("{state}/{}", step.server.failures);
    for action in &step.actions {
        shown.push_str(match action {
            Action::Start { .. } => " start",
            Action::Serve { .. } => " serve",
            Action::Refuse(_) => " refuse",
            Action::AskToLeave { .. } => " ask",
            Action::Terminate { .. } => " term",
            Action::Kill { .. } => " kill",
            Action::Close { .. } => " close",
            Action::Died { .. } => " died",
            Action::Note(_) => " note",
        });
    }
    match &step.answer {
        Ok(()) => {}
        Err(Refusal::StaleToken) => shown.push_str(" !stale"),
        Err(Refusal::TokenNeeded) => shown.push_str(" !token"),
        Err(Refusal::AlreadyRegistered) => shown.push_str(" !twice"),
        Err(Refusal::WrongClass) => shown.push_str(" !class"),
        Err(other) => panic!("no answer to a registration: {other}"),
    }
    shown
}

const STATES: &str = "APSUHILGXOTKDCZWB";
const EVENTS: &[&str] = &[
    "wanted",
    "spawned",
    "spawned-late",
    "spawn-failed",
    "spawn-failed-late",
    "registered",
    "registered-other",
    "registered-stale",
    "registered-bare",
    "closed",
    "closed-strange",
    "exited-well",
    "exited-badly",
    "exited-late",
    "released",
    "released-late",
    "time",
    "stop",
    "kill",
    "renewed",
    "revoked",
    "revoked-strange",
];

/// `state event: what follows`. What is not in the list changes nothing and does nothing.
fn check(host: char, process: Process, changes: &str) {
    let changes: Vec<(char, &str, &str)> = changes
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (pair, expected) = line.split_once(": ").unwrap();
            let (state, event) = pair.split_once(' ').unwrap();
            (state.chars().next().unwrap(), event, expected)
        })
        .collect();
    for (state, event, _) in &changes {
        assert!(STATES.contains(*state) && EVENTS.contains(event), "{state} {event}");
    }
    let mut wrong = String::new();
    for letter in STATES.chars() {
        for name in EVENTS {
            let before = server(letter, process);
            let after = step(before.clone(), &terms(host), event(name), at(NOW));
            let expected = changes.iter().find(|(state, event, _)| *state == letter && event == name).map(|(.., expected)| *expected);
            let unchanged = after.server == before && after.actions.is_empty() && after.answer.is_ok();
            if expected.is_none() && unchanged || expected == Some(shown(&after).as_str()) {
                continue;
            }
            wrong.push_str(&format!("{letter} {name}: {}\n", shown(&after)));
        }
    }
    assert!(wrong.is_empty(), "not as in the table:\n{wrong}");
}

#[test]
fn every_pair_of_state_and_event_of_a_child() {
    check(
        'o',
        Process::Own(11),
        "
        A wanted: starting/2 start
        A registered: absent/2 !stale
        A registered-other: absent/2 !stale
        A registered-stale: absent/2 !stale
        A registered-bare: absent/2 !token
        A renewed: absent/0
        P wanted: starting/2
        P spawned: starting/2
        P spawn-failed: waits/3 refuse
        P registered: running/2 serve
        P registered-other: terminated/3 refuse close !class
        P registered-stale: starting/2 !stale
        P registered-bare: starting/2 !token
        P time: terminated/3 refuse
        P stop: terminated/2 refuse
        P kill: killed/2 refuse
        P renewed: starting/0
        S wanted: starting/2
        S registered: running/2 serve
        S registered-other: terminated/3 refuse term close !class
        S registered-stale: starting/2 !stale
        S registered-bare: starting/2 !token
        S exited-well: waits/3 refuse
        S exited-badly: waits/3 refuse
        S time: terminated/3 refuse term
        S stop: terminated/2 refuse term
        S kill: killed/2 refuse kill
        S renewed: starting/0
        U wanted: running/2 serve
        U registered: running/2 !twice
        U registered-other: running/2 !twice
        U registered-stale: running/2 !stale
        U registered-bare: running/2 !token
        U closed: leaving/2 died
        U exited-well: absent/2 close died
        U exited-badly: waits/3 note close died
        U released: running/2
        U stop: leaving/2 ask
        U kill: killed/2 kill
        U renewed: running/0
        U revoked: leaving/2 died
        H wanted: running/2 serve
        H registered: running/2 !twice
        H registered-other: running/2 !twice
        H registered-stale: running/2 !stale
        H registered-bare: running/2 !token
        H closed: leaving/0 died
        H exited-well: absent/0 close died
        H exited-badly: absent/0 close died
        H released: running/2
        H stop: leaving/2 ask
        H kill: killed/2 kill
        H renewed: running/0
        H revoked: leaving/0 died
        I wanted: running/2 serve
        I registered: running/2 !twice
        I registered-other: running/2 !twice
        I registered-stale: running/2 !stale
        I registered-bare: running/2 !token
        I closed: leaving/2 died
        I exited-well: absent/2 close died
        I exited-badly: waits/3 note close died
        I time: leaving/2 ask
        I stop: leaving/2 ask
        I kill: killed/2 kill
        I renewed: running/0
        I revoked: leaving/2 died
        L wanted: leaving/2
        L registered: leaving/2 !stale
        L registered-other: leaving/2 !stale
        L registered-stale: leaving/2 !stale
        L registered-bare: leaving/2 !token
        L closed: leaving/2 died
        L exited-well: absent/0 close died
        L exited-badly: absent/0 close died
        L time: terminated/2 term
        L kill: killed/2 kill
        L renewed: leaving/0
        L revoked: leaving/2 died
        G wanted: leaving/2
        G registered: leaving/2 !stale
        G registered-other: leaving/2 !stale
        G registered-stale: leaving/2 !stale
        G registered-bare: leaving/2 !token
        G exited-well: absent/2
        G exited-badly: waits/3 note
        G time: terminated/3 note term
        G kill: killed/2 kill
        G renewed: leaving/0
        X wanted: leaving/2
        X registered: leaving/2 !stale
        X registered-other: leaving/2 !stale
        X registered-stale: leaving/2 !stale
        X registered-bare: leaving/2 !token
        X exited-well: starting/2 start
        X exited-badly: waits/3 note refuse
        X time: terminated/3 note refuse term
        X stop: leaving/2 refuse
        X kill: killed/2 refuse kill
        X renewed: leaving/0
        O wanted: terminated/2 refuse
        O registered: terminated/2 !stale
        O registered-other: terminated/2 !stale
        O registered-stale: terminated/2 !stale
        O registered-bare: terminated/2 !token
        O exited-well: waits/2 note
        O exited-badly: waits/2 note
        O time: killed/2 kill
        O kill: killed/2 kill
        O renewed: terminated/0
        T wanted: terminated/2 refuse
        T registered: terminated/2 !stale
        T registered-other: terminated/2 !stale
        T registered-stale: terminated/2 !stale
        T registered-bare: terminated/2 !token
        T exited-well: waits/2
        T exited-badly: waits/2
        T time: killed/2 kill
        T kill: killed/2 kill
        T renewed: terminated/0
        K wanted: killed/2
        K registered: killed/2 !stale
        K registered-other: killed/2 !stale
        K registered-stale: killed/2 !stale
        K registered-bare: killed/2 !token
        K exited-well: starting/0 start
        K exited-badly: starting/0 start
        K stop: killed/2 refuse
        K kill: killed/2 refuse kill
        K renewed: killed/0
        D wanted: leaving/2
        D spawned: leaving/2
        D spawn-failed: waits/3 note
        D registered: leaving/2 !stale
        D registered-other: leaving/2 !stale
        D registered-stale: leaving/2 !stale
        D registered-bare: leaving/2 !token
        D time: terminated/3 note
        D kill: killed/2
        D renewed: leaving/0
        C wanted: terminated/2
        C spawned: terminated/2 term
        C spawn-failed: terminated/2 term
        C registered: terminated/2 !stale
        C registered-other: terminated/2 !stale
        C registered-stale: terminated/2 !stale
        C registered-bare: terminated/2 !token
        C closed: terminated/2 died
        C time: killed/2
        C kill: killed/2
        C renewed: terminated/0
        C revoked: terminated/2 died
        Z wanted: killed/2
        Z spawned: killed/2 kill
        Z spawn-failed: absent/0 kill close died
        Z registered: killed/2 !stale
        Z registered-other: killed/2 !stale
        Z registered-stale: killed/2 !stale
        Z registered-bare: killed/2 !token
        Z closed: killed/2 died
        Z time: killed/2
        Z kill: killed/2
        Z renewed: killed/0
        Z revoked: killed/2 died
        W wanted: waits/2 refuse
        W registered: waits/2 !stale
        W registered-other: waits/2 !stale
        W registered-stale: waits/2 !stale
        W registered-bare: waits/2 !token
        W stop: absent/0
        W renewed: absent/0
        B wanted: starting/2 start
        B registered: waits/2 !stale
        B registered-other: waits/2 !stale
        B registered-stale: waits/2 !stale
        B registered-bare: waits/2 !token
        B stop: absent/0
        B renewed: absent/0
        ",
    );
}

#[test]
fn every_pair_of_state_and_event_of_a_server_elsewhere() {
    check(
        'e',
        Process::Elsewhere,
        "
        A wanted: starting/2 start
        A registered: absent/2 !stale
        A registered-other: absent/2 !stale
        A registered-stale: absent/2 !stale
        A registered-bare: running/2
        A renewed: absent/0
        P wanted: starting/2
        P spawned: starting/2
        P spawn-failed: waits/3 refuse
        P registered: running/2 serve
        P registered-other: terminated/3 refuse close !class
        P registered-stale: starting/2 !stale
        P registered-bare: running/2 serve
        P time: terminated/3 refuse
        P stop: terminated/2 refuse
        P kill: killed/2 refuse
        P renewed: starting/0
        S wanted: starting/2
        S registered: running/2 serve
        S registered-other: waits/3 refuse term close !class
        S registered-stale: starting/2 !stale
        S registered-bare: running/2 serve
        S time: waits/3 refuse term
        S stop: absent/0 refuse term
        S kill: absent/0 refuse kill
        S renewed: starting/0
        U wanted: running/2 serve
        U registered: running/2 !twice
        U registered-other: running/2 !twice
        U registered-stale: running/2 !stale
        U registered-bare: running/2 !twice
        U closed: waits/3 died note
        U released: running/2
        U stop: leaving/2 ask
        U kill: absent/0 kill close died
        U renewed: running/0
        U revoked: absent/2 died
        H wanted: running/2 serve
        H registered: running/2 !twice
        H registered-other: running/2 !twice
        H registered-stale: running/2 !stale
        H registered-bare: running/2 !twice
        H closed: absent/0 died
        H released: running/2
        H stop: leaving/2 ask
        H kill: absent/0 kill close died
        H renewed: running/0
        H revoked: absent/0 died
        I wanted: running/2 serve
        I registered: running/2 !twice
        I registered-other: running/2 !twice
        I registered-stale: running/2 !stale
        I registered-bare: running/2 !twice
        I closed: absent/2 died
        I time: leaving/2 ask
        I stop: leaving/2 ask
        I kill: absent/0 kill close died
        I renewed: running/0
        I revoked: absent/2 died
        L wanted: leaving/2
        L registered: leaving/2 !stale
        L registered-other: leaving/2 !stale
        L registered-stale: leaving/2 !stale
        L registered-bare: leaving/2 !twice
        L closed: absent/0 died
        L time: terminated/2 term
        L kill: absent/0 kill close died
        L renewed: leaving/0
        L revoked: absent/0 died
        G wanted: leaving/2
        G registered: leaving/2 !stale
        G registered-other: leaving/2 !stale
        G registered-stale: leaving/2 !stale
        G registered-bare: leaving/2 !twice
        G time: terminated/3 note term
        G kill: absent/2 kill
        G renewed: leaving/0
        X wanted: leaving/2
        X registered: leaving/2 !stale
        X registered-other: leaving/2 !stale
        X registered-stale: leaving/2 !stale
        X registered-bare: leaving/2 !twice
        X time: terminated/3 note refuse term
        X stop: leaving/2 refuse
        X kill: absent/2 refuse kill
        X renewed: leaving/0
        O wanted: terminated/2 refuse
        O registered: terminated/2 !stale
        O registered-other: terminated/2 !stale
        O registered-stale: terminated/2 !stale
        O registered-bare: terminated/2 !twice
        O time: waits/2 kill
        O kill: waits/2 kill
        O renewed: terminated/0
        T wanted: terminated/2 refuse
        T registered: terminated/2 !stale
        T registered-other: terminated/2 !stale
        T registered-stale: terminated/2 !stale
        T registered-bare: terminated/2 !twice
        T time: waits/2 kill
        T kill: waits/2 kill
        T renewed: terminated/0
        K wanted: killed/2
        K registered: killed/2 !stale
        K registered-other: killed/2 !stale
        K registered-stale: killed/2 !stale
        K registered-bare: killed/2 !twice
        K stop: killed/2 refuse
        K kill: absent/0 refuse kill
        K renewed: killed/0
        D wanted: leaving/2
        D spawned: leaving/2
        D spawn-failed: waits/3 note
        D registered: leaving/2 !stale
        D registered-other: leaving/2 !stale
        D registered-stale: leaving/2 !stale
        D registered-bare: leaving/2 !twice
        D time: terminated/3 note
        D kill: killed/2
        D renewed: leaving/0
        C wanted: terminated/2
        C spawned: terminated/2 term
        C spawn-failed: terminated/2 term
        C registered: terminated/2 !stale
        C registered-other: terminated/2 !stale
        C registered-stale: terminated/2 !stale
        C registered-bare: terminated/2 !twice
        C closed: terminated/2 died
        C time: killed/2
        C kill: killed/2
        C renewed: terminated/0
        C revoked: terminated/2 died
        Z wanted: killed/2
        Z spawned: killed/2 kill
        Z spawn-failed: absent/0 kill close died
        Z registered: killed/2 !stale
        Z registered-other: killed/2 !stale
        Z registered-stale: killed/2 !stale
        Z registered-bare: killed/2 !twice
        Z closed: killed/2 died
        Z time: killed/2
        Z kill: killed/2
        Z renewed: killed/0
        Z revoked: killed/2 died
        W wanted: waits/2 refuse
        W registered: waits/2 !stale
        W registered-other: waits/2 !stale
        W registered-stale: waits/2 !stale
        W registered-bare: running/2
        W stop: absent/0
        W renewed: absent/0
        B wanted: starting/2 start
        B registered: waits/2 !stale
        B registered-other: waits/2 !stale
        B registered-stale: waits/2 !stale
        B registered-bare: running/2
        B stop: absent/0
        B renewed: absent/0
        ",
    );
}
