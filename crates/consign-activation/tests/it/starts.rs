use std::{sync::Arc, time::Duration};

use consign_activation::{
    ClassFile,
    activator::{ClassState, HandStarted},
    server::Connection,
};
use consign_core::{Now, clock::ManualClock, common};

use crate::bench::{Bench, Call, GOOD, id, lives, shell, until};

#[tokio::test]
async fn ten_who_ask_at_once_get_one_server() {
    let bench = Bench::new();
    let first = bench.begin(&shell(GOOD));
    let others: Vec<_> = (0..9).map(|_| bench.again(id(1))).collect();
    let hello = bench.hello().await;
    bench.activator().registered(Some(&hello.token), id(1), Connection(7)).unwrap();
    let mut leases = vec![first.answer().await.unwrap()];
    for other in others {
        leases.push(other.answer().await.unwrap());
    }
    assert!(leases.iter().all(|lease| lease.connection() == Connection(7)));
    assert_eq!(bench.status().state, ClassState::Running { connection: Connection(7), users: 10 });
    // It may be faster than the report of its start.
    until("its number", || bench.status().process == Some(hello.process)).await;
    assert_eq!(bench.status().attempts, 1);
    leases.truncate(3);
    assert_eq!(bench.status().state, ClassState::Running { connection: Connection(7), users: 3 });
}

#[tokio::test]
async fn a_process_is_known_from_its_first_words_until_it_has_registered() {
    let bench = Bench::new();
    let known = |process| bench.activator().is_starting_process(process);
    assert_eq!(bench.activator().state(id(1)), None);
    let waiting = bench.begin(&shell(GOOD));
    let hello = bench.hello().await;
    assert_eq!(bench.activator().state(id(1)), Some(ClassState::Starting));
    assert!(known(hello.process), "though its start may not be reported yet");
    until("its number", || bench.status().process == Some(hello.process)).await;
    assert!(known(hello.process));
    assert!(!known(std::process::id()) && !known(0) && !known(u32::MAX));
    bench.activator().registered(Some(&hello.token), id(1), Connection(7)).unwrap();
    let _lease = waiting.answer().await.unwrap();
    assert!(!known(hello.process));
    assert_eq!(bench.activator().state(id(1)), Some(bench.status().state));
    // Of two, each counts for itself.
    let _other = bench.begin(&ClassFile { class: id(2), ..shell(GOOD) });
    let other = bench.hello().await;
    assert!(known(other.process) && !known(hello.process));
}

#[tokio::test]
async fn a_process_is_known_before_its_start_is_reported() {
    let bench = Bench::new();
    let _waiting = bench.begin(&shell(GOOD));
    while bench.activator().state(id(1)).is_none() {
        tokio::task::yield_now().await;
    }
    // The start goes to a thread of its own; no report of it is taken while this thread waits.
    tokio::task::yield_now().await;
    let hello = bench.hello_at_once();
    assert!(bench.activator().is_starting_process(hello.process));
}

#[tokio::test]
async fn who_waits_no_more_uses_nothing() {
    let bench = Bench::new();
    let waiting = bench.begin(&shell(GOOD));
    let hello = bench.hello().await;
    let given_up = tokio::time::timeout(Duration::from_millis(1), bench.activator().activate(id(1))).await;
    assert!(given_up.is_err());
    bench.activator().registered(Some(&hello.token), id(1), Connection(7)).unwrap();
    let _lease = waiting.answer().await.unwrap();
    assert_eq!(bench.status().state, ClassState::Running { connection: Connection(7), users: 1 });
}

#[tokio::test]
async fn a_class_that_is_not_registered_is_not_started() {
    let bench = Bench::new();
    assert_eq!(bench.activator().activate(id(1)).await.unwrap_err().code, common::REGDB_E_CLASSNOTREG);
    assert_eq!(bench.activator().status(id(1)), None);
}

#[tokio::test]
async fn a_server_that_exits_at_once_has_failed() {
    let bench = Bench::new();
    let failure = bench.begin(&shell("echo no settings >&2; exit 3")).answer().await.unwrap_err();
    assert_eq!(failure.code, common::CO_E_SERVER_EXEC_FAILURE);
    assert!(failure.sentence.contains("exit status 3") && failure.sentence.ends_with("no settings"), "{failure}");
    let status = bench.status();
    assert_eq!((status.failures, status.last_failure.map(|(_, failure)| failure)), (1, Some(failure)));
    assert_eq!(status.output.last().unwrap().text, "no settings");
}

#[tokio::test]
async fn a_server_that_never_registers_is_ended() {
    let bench = Bench::new();
    let silent = shell("echo $$; exec sleep 1000");
    let failure = bench.begin(&ClassFile { start_timeout: Duration::from_secs(1), ..silent }).answer().await.unwrap_err();
    assert_eq!(failure.code, common::CO_E_SERVER_EXEC_FAILURE);
    assert!(failure.sentence.contains("in time"), "{failure}");
    bench.until(|state| matches!(state, ClassState::BackingOff(_))).await;
    assert_eq!(bench.status().failures, 1);
    // Where the machine was so busy that it said nothing, nothing is known of it.
    assert!(bench.status().output.first().is_none_or(|line| !lives(line.text.parse().unwrap())));
}

#[tokio::test]
async fn a_server_registers_once() {
    let bench = Bench::new();
    let (_lease, hello) = bench.running(&shell(GOOD), 7).await;
    let again = |token, connection| bench.activator().registered(token, id(1), Connection(connection)).unwrap_err().code;
    assert_eq!(again(Some(&hello.token), 7), common::CO_E_OBJISREG);
    assert_eq!(again(Some(&hello.token), 8), common::E_ACCESSDENIED, "a token counts once");
    assert_eq!(again(None, 8), common::E_ACCESSDENIED);
    assert_eq!(bench.status().state, ClassState::Running { connection: Connection(7), users: 1 });
}

#[tokio::test]
async fn a_stale_token_is_refused() {
    let bench = Bench::new();
    let waiting = bench.begin(&shell(GOOD));
    let hello = bench.hello().await;
    for bad in ["", "x", &"0".repeat(32), &hello.token[1..], &format!("{} ", hello.token)] {
        let refused = bench.activator().registered(Some(bad), id(1), Connection(7)).unwrap_err();
        assert_eq!(refused.code, common::E_ACCESSDENIED, "{bad}");
    }
    assert_eq!(bench.status().state, ClassState::Starting);
    bench.activator().registered(Some(&hello.token), id(1), Connection(8)).unwrap();
    assert_eq!(waiting.answer().await.unwrap().connection(), Connection(8));
}

#[tokio::test]
async fn a_server_of_another_class_has_failed() {
    let mut bench = Bench::new();
    let waiting = bench.begin(&shell(GOOD));
    let hello = bench.hello().await;
    let refused = bench.activator().registered(Some(&hello.token), id(2), Connection(7)).unwrap_err();
    assert_eq!(refused.code, common::CO_E_SERVER_EXEC_FAILURE);
    assert!(waiting.answer().await.unwrap_err().sentence.contains("another class"));
    assert_eq!(bench.asked().await, Call::Close(Connection(7)));
    bench.until(|state| matches!(state, ClassState::BackingOff(_))).await;
    assert!(!lives(hello.process));
    assert_eq!(bench.status().failures, 1);
}

#[tokio::test]
async fn a_server_that_keeps_dying_is_left_alone_for_longer_and_longer() {
    let clock = Arc::new(ManualClock::new(Now::default()));
    let bench = Bench::with(|options| options.clock = Arc::clone(&clock) as _);
    bench.activator().register(&shell("exit 1")).unwrap();
    for (attempt, seconds) in [(1, 1), (2, 2), (3, 4), (4, 8)] {
        let failure = bench.again(id(1)).answer().await.unwrap_err();
        assert_eq!((failure.retry_after, bench.status().attempts), (None, attempt));
        let refused = bench.again(id(1)).answer().await.unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (common::CO_E_SERVER_EXEC_FAILURE, Some(Duration::from_secs(seconds))));
        assert_eq!(bench.status().attempts, attempt, "nothing was started");
        clock.advance(Duration::from_secs(seconds));
    }
    // Well for a minute, it is trusted again.
    let (lease, hello) = bench.running(&shell(GOOD), 7).await;
    clock.advance(Duration::from_secs(60));
    rustix::process::kill_process(rustix::process::Pid::from_raw(hello.process.cast_signed()).unwrap(), rustix::process::Signal::KILL)
        .unwrap();
    bench.until(|state| state == ClassState::Absent).await;
    assert_eq!(bench.status().failures, 0);
    drop(lease);
}

#[tokio::test]
async fn a_class_that_is_registered_again_is_started_at_once() {
    let bench = Bench::with(|options| options.clock = Arc::new(ManualClock::new(Now::default())));
    bench.begin(&shell("exit 1")).answer().await.unwrap_err();
    assert_eq!(bench.again(id(1)).answer().await.unwrap_err().retry_after, Some(Duration::from_secs(1)));
    bench.activator().register(&shell(GOOD)).unwrap();
    assert_eq!((bench.status().state, bench.status().failures), (ClassState::Absent, 0));
    let (_lease, hello) = bench.running(&shell(GOOD), 7).await;
    bench.activator().register(&shell("exit 1")).unwrap();
    assert_eq!(bench.status().state, ClassState::Running { connection: Connection(7), users: 1 });
    assert!(lives(hello.process), "what runs goes on");
}

#[tokio::test]
async fn a_server_without_a_token_is_welcome_where_the_policy_says_so() {
    let bench = Bench::with(|options| options.hand_started = HandStarted::Accepted);
    assert_eq!(bench.activator().registered(None, id(1), Connection(7)).unwrap_err().code, common::REGDB_E_CLASSNOTREG);
    bench.activator().register(&shell("exit 1")).unwrap();
    bench.activator().registered(None, id(1), Connection(7)).unwrap();
    assert_eq!(bench.activator().registered(None, id(1), Connection(8)).unwrap_err().code, common::CO_E_OBJISREG);
    let lease = bench.again(id(1)).answer().await.unwrap();
    assert_eq!((lease.connection(), bench.status().process), (Connection(7), None));
    bench.activator().connection_closed(Connection(7));
    until("its end", || matches!(bench.status().state, ClassState::BackingOff(_))).await;
    assert_eq!(bench.status().last_failure.unwrap().1.sentence, "the server closed its connection while it was in use");
}

#[tokio::test]
async fn a_server_elsewhere_that_revokes_its_class_has_not_failed() {
    let bench = Bench::with(|options| options.hand_started = HandStarted::Accepted);
    bench.activator().register(&shell(GOOD)).unwrap();
    bench.activator().registered(None, id(1), Connection(7)).unwrap();
    let _lease = bench.again(id(1)).answer().await.unwrap();
    bench.activator().revoked(id(1), Connection(7));
    assert_eq!((bench.status().state, bench.status().failures), (ClassState::Absent, 0));
    let (lease, _) = bench.running(&shell(GOOD), 8).await;
    assert_eq!(lease.connection(), Connection(8));
}
