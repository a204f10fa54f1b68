//! The examples as programs.

use consign_outbox::rusqlite::Connection;
use consign_testkit::Trusted;

use crate::setup::{Setup, count, eventually, example};

#[test]
fn outbox() {
    let mut setup = Setup::new();
    setup.start();
    let program = Trusted::program(&example("outbox")).unwrap();
    let (database, book) = (setup.database("till.db"), setup.database("book"));
    let ended = setup.example(&program, &[database.to_str().unwrap(), book.to_str().unwrap(), "1", "2", "2", "3"]);
    assert!(ended.status.success(), "{ended:?}");
    let said = String::from_utf8(ended.stdout).unwrap();
    assert!(said.starts_with("sold 1\nsold 2\nnot sold 2: ") && said.ends_with("sold 3\n"), "{said}");
    // The client has ended.
    let shipped = eventually("all that was sold", || {
        let shipped = std::fs::read_to_string(&book).ok()?;
        (shipped.lines().count() >= 3).then_some(shipped)
    });
    let mut shipped: Vec<_> = shipped.lines().collect();
    shipped.sort_unstable();
    assert_eq!(shipped, ["shipped 1", "shipped 2", "shipped 3"], "what was not sold is not shipped");
    let connection = Connection::open(&database).unwrap();
    // One that comes too late: the exception class hears of it before it is given the calls.
    let late = consign::Recorder::detached("Contoso.TillShipment").unwrap();
    late.interface::<crate::setup::IShipment>().ship_order(9).unwrap();
    let calls = late.into_calls().unwrap();
    let sql = "INSERT INTO consign_outbox (target, time_to_reach_queue, calls, recorded_at) VALUES ('Contoso.TillShipment', 1, ?1, 1)";
    connection.execute(sql, [calls.as_bytes()]).unwrap();
    eventually("the complaint", || std::fs::read_to_string(&book).ok().filter(|book| book.contains("never delivered: not shipped 9\n")));
    eventually("the end", || (setup.queued().is_empty() && count(&connection, "consign_outbox") == 0).then_some(()));
}

#[test]
fn exactly_once() {
    let mut setup = Setup::new();
    // A class whose server died is started again at once, or its messages use up their attempts and wait a minute.
    std::fs::write(setup.paths.settings(), "[classes]\nrestart_delay = 0\n").unwrap();
    setup.start();
    let program = Trusted::program(&example("exactly_once")).unwrap();
    let database = setup.database("account.db");
    let ended = setup.example(&program, &[database.to_str().unwrap(), "100", "20", "3"]);
    assert!(ended.status.success(), "{ended:?}");
    eventually("the payments", || (database.is_file() && setup.queued().is_empty()).then_some(()));
    let connection = Connection::open(&database).unwrap();
    let sum: i64 = connection.query_row("SELECT sum(cents) FROM payment", [], |row| row.get(0)).unwrap();
    assert_eq!((sum, count(&connection, "payment"), count(&connection, "consign_inbox")), (123, 3, 3), "each once");
    assert_eq!(setup.log().matches("while it was in use (signal 9)").count(), 1, "its process was killed once");
}
