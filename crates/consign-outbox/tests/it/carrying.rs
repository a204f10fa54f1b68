//! From outboxes to queues: everything, once, in order.

use std::{path::Path, process::Command};

use consign::{ConnectOptions, OutboxState, StartPolicy, common};
use consign_outbox::{Wake, rusqlite::Connection};

use crate::setup::{Setup, count, eventually, example, order, sell};

fn labels(queued: &[crate::setup::Queued]) -> Vec<u32> {
    queued.iter().map(|message| message.label.parse().unwrap()).collect()
}

#[test]
fn ten_thousand_rows_are_carried_in_order() {
    let setup = Setup::served();
    let (mut connection, outbox) = setup.till("till.db", Wake::Nobody);
    outbox
        .transaction(&mut connection, |transaction| {
            (1..=10_000)
                .try_for_each(|number| transaction.record(order(&format!("queue:Label={number}/new:Test.Shipment"), number)).map(drop))
        })
        .unwrap();
    setup.add("till.db").unwrap();
    let queued = setup.until_queued("till.db", 10_000);
    assert_eq!(labels(&queued), (1..=10_000).collect::<Vec<_>>());
    assert!(queued.iter().all(|message| message.queue == "Ships" && message.standing == 0));
    let snapshot = setup.until("till.db", |_| true);
    assert_eq!((snapshot.taken, snapshot.id, snapshot.problem), (10_000, Some(outbox.id()), None));
    assert_eq!(count(&connection, "consign_outbox"), 0);
}

#[test]
fn a_large_message_is_carried_alone() {
    let setup = Setup::served();
    let (mut connection, outbox) = setup.till("till.db", Wake::Service(setup.options()));
    setup.add("till.db").unwrap();
    outbox
        .transaction(&mut connection, |transaction| {
            for _ in 0..3 {
                let recorder = consign::Recorder::detached("Test.Shipment").unwrap();
                let shipment = recorder.interface::<crate::setup::IShipment>();
                // Nearly a whole MiB, with which a batch is full.
                (0..50_000).for_each(|number| shipment.ship_order(number).unwrap());
                transaction.record(recorder)?;
            }
            Ok::<_, consign_outbox::Error>(())
        })
        .unwrap();
    let queued = setup.until_queued("till.db", 3);
    assert!(queued.iter().all(|message| message.calls.len() > 700_000), "{}", queued[0].calls.len());
}

#[test]
fn two_outboxes_do_not_mix() {
    let mut setup = Setup::served();
    let (mut first, first_outbox) = setup.till("first.db", Wake::Service(setup.options()));
    let (mut second, second_outbox) = setup.till("second.db", Wake::Service(setup.options()));
    setup.add("first.db").unwrap();
    setup.add("second.db").unwrap();
    assert_eq!(setup.add("second.db").unwrap_err().code(), common::ERROR_ALREADY_EXISTS);
    for number in 1..=20 {
        sell(&mut first, &first_outbox, number).unwrap();
        sell(&mut second, &second_outbox, number + 100).unwrap();
    }
    eventually("all messages", || (setup.queued().len() == 40).then_some(()));
    let all = labels(&setup.queued());
    let of = |wanted: bool| all.iter().copied().filter(|number| (*number > 100) == wanted).collect::<Vec<_>>();
    assert_eq!((of(false), of(true)), ((1..=20).collect(), (101..=120).collect()));
    setup.remove("first.db").unwrap();
    assert_eq!(setup.remove("first.db").unwrap_err().code(), common::ERROR_FILE_NOT_FOUND);
    sell(&mut first, &first_outbox, 21).unwrap();
    sell(&mut second, &second_outbox, 121).unwrap();
    eventually("the message of the other", || (setup.queued().len() == 41).then_some(()));
    assert_eq!(count(&first, "consign_outbox"), 1, "it waits where it is");
    // Which there are survives.
    setup.stop();
    setup.start();
    assert_eq!(setup.outboxes().len(), 1);
    setup.add("first.db").unwrap();
    setup.until_queued("first.db", 42);
}

#[test]
fn a_service_that_does_not_run_is_started_by_a_commit() {
    let mut setup = Setup::new();
    std::fs::write(setup.paths.settings(), "[service]\nidle_exit = 0.2\n").unwrap();
    setup.start();
    setup.register();
    let service =
        ConnectOptions { paths: Some(setup.paths.clone()), start: StartPolicy::OnDemand, program: Some(example("outbox_service")) };
    let (mut connection, outbox) = setup.till("till.db", Wake::Service(service));
    setup.add("till.db").unwrap();
    sell(&mut connection, &outbox, 1).unwrap();
    eventually("the message", || (setup.queued().len() == 1).then_some(()));
    // A message that waits for its component keeps the service; it is taken away to see that an outbox does not.
    setup.stop();
    Connection::open(setup.paths.queue_database())
        .unwrap()
        .execute_batch("DELETE FROM message; UPDATE queue SET ready = 0, bytes = 0")
        .unwrap();
    setup.start();
    setup.left();
    sell(&mut connection, &outbox, 2).unwrap();
    let queued = eventually("the message", || Some(setup.queued()).filter(|queued| !queued.is_empty()));
    assert_eq!(labels(&queued), [2]);
    eventually("the row to be gone", || (count(&connection, "consign_outbox") == 0).then_some(()));
    crate::setup::limited(async { setup.client().await.stop().await.unwrap() });
}

#[test]
fn nobody_need_wake_the_service() {
    let setup = Setup::served();
    let (mut connection, outbox) = setup.till("till.db", Wake::Nobody);
    setup.add("till.db").unwrap();
    for number in 1..=3 {
        sell(&mut connection, &outbox, number).unwrap();
        setup.until_queued("till.db", usize::try_from(number).unwrap());
    }
}

#[test]
fn a_full_queue_keeps_the_rest_in_the_outbox() {
    let setup = Setup::served();
    let (mut connection, outbox) = setup.till("till.db", Wake::Service(setup.options()));
    setup.set_policy("Ships", r#"{"max_messages": 3}"#);
    setup.add("till.db").unwrap();
    (1..=5).for_each(|number| sell(&mut connection, &outbox, number).unwrap());
    let stuck = setup.until("till.db", |outbox| outbox.state == OutboxState::Waiting && outbox.pending == 2);
    assert_eq!(stuck.problem.unwrap().code, common::MQ_ERROR_INSUFFICIENT_RESOURCES);
    assert!(stuck.next_attempt.is_some());
    setup.set_policy("Ships", "{}");
    let queued = setup.until_queued("till.db", 5);
    assert_eq!(labels(&queued), [1, 2, 3, 4, 5]);
}

#[test]
fn the_example_in_python_records_what_the_library_would() {
    let Some(python) = python() else { return };
    let setup = Setup::served();
    let (mut connection, outbox) = setup.till("till.db", Wake::Service(setup.options()));
    setup.add("till.db").unwrap();
    let text = include_str!("../../../../docs/outbox.md");
    let script = text.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let ended = Command::new(python).args(["-c", script]).arg(setup.database("till.db")).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let queued = setup.until_queued("till.db", 1);
    assert_eq!((queued[0].label.as_str(), queued[0].standing, queued[0].sentence.as_str()), ("sale 7", 0, ""));
    assert_eq!(queued[0].calls, order("Test.Shipment", 7).into_calls().unwrap().as_bytes(), "the same bytes");
    assert_eq!(count(&connection, "sale"), 1);
    sell(&mut connection, &outbox, 8).unwrap();
    setup.until_queued("till.db", 2);
}

fn python() -> Option<&'static Path> {
    let python = Path::new("python3");
    let works = Command::new(python).args(["-c", "import sqlite3"]).output().is_ok_and(|ended| ended.status.success());
    if !works {
        assert!(std::env::var_os("CONSIGN_REQUIRE_TOOLS").is_none_or(|value| value != "1"), "python3 does not run");
        eprintln!("skipped: python3 does not run");
    }
    works.then_some(python)
}
