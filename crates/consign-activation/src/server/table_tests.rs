//! Every pair of state and event, in one table. A letter is the state that follows; what stands after
//! it is what is done, in order.

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
    let stopping = |connection, stage, why| State::Stopping { connection, process, stage, deadline: Some(at(NOW)), why, again: None };
    let state = match letter {
        'A' => State::Absent,
        'P' => starting(Process::Pending),
        'S' => starting(process),
        'U' => running(process, NOW - 59, 1),
        'H' => running(process, NOW - 60, 1),
        'I' => running(process, NOW - 59, 0),
        'L' => stopping(Some(CONNECTION), Stage::Leaving, Why::Fine),
        'G' => stopping(None, Stage::Leaving, Why::Left),
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

const STATES: &str = "APSUHILGTKWB";
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
        ",
    );
}

#[test]
fn every_pair_of_state_and_event_of_a_server_elsewhere() {
    check(
        'e',
        Process::Elsewhere,
        "
        ",
    );
}
