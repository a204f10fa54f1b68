//! Processes that are killed, and processes that write at once.

use std::{
    io::BufRead,
    process::{Command, Stdio},
    time::Duration,
};

use consign::OutboxState;
use consign_outbox::{Outbox, Wake, measure::contend, rusqlite::Connection};
use consign_testkit::Dice;

use crate::setup::{Setup, count, eventually, example, sell};

#[test]
fn a_service_killed_between_taking_and_forgetting_takes_nothing_twice() {
    let mut setup = Setup::served();
    let (mut connection, outbox) = setup.till("till.db", Wake::Nobody);
    setup.add("till.db").unwrap();
    (1..=5).for_each(|number| sell(&mut connection, &outbox, number).unwrap());
    setup.until_queued("till.db", 5);
    for round in 0..3_u32 {
        // Whoever holds the lock keeps the service from forgetting what it has taken.
        let lock = std::fs::File::open(setup.database("till.db-consign-lock")).unwrap();
        lock.lock().unwrap();
        let numbers = 10 * round + 6..10 * round + 16;
        connection.execute_batch("BEGIN").unwrap();
        for number in numbers {
            let recorder = crate::setup::order(&format!("queue:Label={number}/new:Test.Shipment"), number);
            outbox.inside(&connection).unwrap().record(recorder).unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
        let expected = 15 + 10 * usize::try_from(round).unwrap();
        eventually("the messages to be taken", || (setup.queued().len() == expected).then_some(()));
        assert_eq!(count(&connection, "consign_outbox"), 10, "taken, and not forgotten yet");
        setup.kill();
        drop(lock);
        setup.start();
        setup.until_queued("till.db", expected);
        assert_eq!(count(&connection, "consign_outbox"), 0);
    }
}

#[test]
fn a_service_killed_anywhere_takes_everything_once() {
    let mut setup = Setup::served();
    let (mut connection, outbox) = setup.till("till.db", Wake::Service(setup.options()));
    setup.add("till.db").unwrap();
    let mut dice = Dice::from_environment();
    let mut number = 0;
    for _ in 0..8 {
        for _ in 0..40 {
            number += 1;
            sell(&mut connection, &outbox, number).unwrap();
        }
        // However far it has come.
        std::thread::sleep(dice.time_up_to(Duration::from_millis(20)));
        setup.kill();
        setup.start();
    }
    let queued = setup.until_queued("till.db", usize::try_from(number).unwrap());
    let labels: Vec<u32> = queued.iter().map(|message| message.label.parse().unwrap()).collect();
    assert_eq!(labels, (1..=number).collect::<Vec<_>>());
}

#[test]
fn a_writer_killed_anywhere_leaves_both_or_neither() {
    let setup = Setup::new();
    let database = setup.database("till.db");
    let mut dice = Dice::from_environment();
    for _ in 0..12 {
        let mut writer = Command::new(example("contend")).arg(&database).arg("60").stdin(Stdio::piped()).spawn().unwrap();
        drop(writer.stdin.take());
        std::thread::sleep(dice.time_up_to(Duration::from_millis(80)));
        writer.kill().unwrap();
        writer.wait().unwrap();
        let Ok(connection) = Connection::open(&database) else { continue };
        let there = |table: &str| {
            connection.query_row("SELECT count(*) FROM sqlite_schema WHERE name = ?1", [table], |row| row.get::<_, i64>(0)).unwrap() == 1
        };
        if there("sale") && there("consign_outbox") {
            assert_eq!(count(&connection, "sale"), count(&connection, "consign_outbox"));
        }
    }
    // The lock went with those who held it.
    let (mut connection, outbox) = setup.till("till.db", Wake::Nobody);
    let before = count(&connection, "consign_outbox");
    outbox.transaction(&mut connection, |transaction| transaction.record(crate::setup::order("Test.Shipment", 1))).unwrap();
    assert_eq!(count(&connection, "consign_outbox"), before + 1);
}

#[test]
fn eight_processes_write_and_everything_arrives() {
    let setup = Setup::served();
    let connection = Connection::open(setup.database("till.db")).unwrap();
    Outbox::open_with(&connection, Wake::Nobody.into()).unwrap();
    let database = setup.database("till.db");
    setup.add("till.db").unwrap();
    let writer = || {
        let mut command = Command::new(example("contend"));
        command.arg(&database).arg("1");
        command
    };
    let found = contend(writer, 8).unwrap();
    assert!(found.processes.iter().all(|process| process.transactions > 0), "every process has its turn: {found:?}");
    let sum = found.transactions();
    assert_eq!(count(&connection, "sale"), i64::try_from(sum).unwrap());
    // Nobody has registered their class, so they go where undeliverable messages go: all of them, once.
    let queued = setup.until_queued("till.db", usize::try_from(sum).unwrap());
    assert!(queued.iter().all(|message| message.queue == "Undelivered" && message.standing == 3));
    setup.until("till.db", |outbox| outbox.state == OutboxState::Idle && outbox.taken == sum);
}

#[test]
fn contend_says_what_came_of_it() {
    let setup = Setup::new();
    let mut command = Command::new(example("contend"));
    let ended = command.arg(setup.database("till.db")).args(["0.2", "3"]).output().unwrap();
    let line = ended.stdout.lines().next().unwrap().unwrap();
    assert!(line.contains("transactions; slowest to fastest ") && line.contains("longest wait"), "{line}");
}
