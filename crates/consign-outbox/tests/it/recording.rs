//! Together, or not at all.

use consign_outbox::{
    Durability, Error, Options, Outbox, Wake,
    rusqlite::{self, Connection},
    transaction,
};

use crate::setup::{Setup, count, order, sell};

fn quiet() -> Options {
    Options { wake: Wake::Nobody, ..Options::default() }
}

#[test]
fn what_is_rolled_back_leaves_neither() {
    let setup = Setup::new();
    let (mut connection, outbox) = setup.till("till.db", Wake::Nobody);
    sell(&mut connection, &outbox, 1).unwrap();
    assert_eq!((count(&connection, "sale"), count(&connection, "consign_outbox")), (1, 1));
    let refused = sell(&mut connection, &outbox, 1).unwrap_err();
    assert!(matches!(refused, Error::Sqlite(_)), "sold already: {refused:?}");
    let failed: Result<(), Box<dyn std::error::Error>> = outbox.transaction(&mut connection, |transaction| {
        transaction.execute("INSERT INTO sale (number) VALUES (2)", [])?;
        transaction.record(order("Test.Shipment", 2))?;
        Err("the card was refused".into())
    });
    assert_eq!(failed.unwrap_err().to_string(), "the card was refused");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        outbox.transaction(&mut connection, |transaction| {
            transaction.record(order("Test.Shipment", 3))?;
            if transaction.is_autocommit() { Ok(()) } else { panic!("on purpose") }
        })
    }));
    let _: Box<dyn std::any::Any + Send> = panicked.map(|ended: consign_outbox::Result<()>| ended).unwrap_err();
    assert_eq!((count(&connection, "sale"), count(&connection, "consign_outbox")), (1, 1));
    sell(&mut connection, &outbox, 4).unwrap();
    let numbers: String = connection.query_row("SELECT group_concat(number) FROM consign_outbox", [], |row| row.get(0)).unwrap();
    assert_eq!(numbers, "1,2", "numbers are given in the order of the commits");
}

#[test]
fn a_row_says_what_the_moniker_said() {
    let setup = Setup::new();
    let (mut connection, outbox) = setup.till("till.db", Wake::Nobody);
    let target = "queue:Label=\"a, b\",Priority=6,MaxTimeToReachQueue=60,AppSpecific=9/new:Test.Shipment";
    let recorded = outbox.transaction(&mut connection, |transaction| transaction.record(order(target, 1))).unwrap();
    assert_eq!(recorded, Some(1));
    let sql = "SELECT target, label, priority, app_specific, time_to_reach_queue, time_to_receive, calls FROM consign_outbox";
    let row = connection.query_row(sql, [], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, i64>(2)?,
            row.get::<_, i64>(3)?,
            row.get::<_, i64>(4)?,
            row.get::<_, Option<i64>>(5)?,
            row.get::<_, Vec<u8>>(6)?,
        ))
    });
    let calls = order(target, 1).into_calls().unwrap().as_bytes().to_vec();
    assert_eq!(row.unwrap(), ("Test.Shipment".into(), "a, b".into(), 6, 9, 60, None, calls));
    let nothing =
        outbox.transaction(&mut connection, |transaction| transaction.record(consign::Recorder::detached("Test.Shipment").unwrap()));
    assert_eq!(nothing.unwrap(), None, "no calls, no message");
}

#[test]
fn a_commit_is_durable_or_refused() {
    let setup = Setup::new();
    let connection = Connection::open(setup.database("till.db")).unwrap();
    connection.pragma_update(None, "synchronous", "off").unwrap();
    let left = Options { durability: Durability::LeftToTheApplication, ..quiet() };
    Outbox::open_with(&connection, left).unwrap();
    let setting = |connection: &Connection, name: &str| {
        connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0)).unwrap()
    };
    assert_eq!(setting(&connection, "synchronous"), rusqlite::types::Value::Integer(0), "it was said by name");
    assert_eq!(setting(&connection, "journal_mode"), rusqlite::types::Value::Text("delete".into()));
    let outbox = Outbox::open_with(&connection, quiet()).unwrap();
    assert_eq!(setting(&connection, "synchronous"), rusqlite::types::Value::Integer(2));
    assert_eq!(setting(&connection, "journal_mode"), rusqlite::types::Value::Text("wal".into()));
    let mut other = Connection::open(setup.database("till.db")).unwrap();
    other.pragma_update(None, "synchronous", "normal").unwrap();
    outbox.transaction(&mut other, |transaction| transaction.record(order("Test.Shipment", 1))).unwrap();
    assert_eq!(setting(&other, "synchronous"), rusqlite::types::Value::Integer(2), "each connection is looked at");
    assert!(matches!(Outbox::open(&Connection::open_in_memory().unwrap()), Err(Error::NoFile)));
    assert!(matches!(Outbox::open(&Connection::open("").unwrap()), Err(Error::NoFile)));
    // Whoever reads keeps the mode of the journal from being changed.
    let slow = Connection::open(setup.database("slow.db")).unwrap();
    slow.execute_batch("CREATE TABLE a (b); INSERT INTO a VALUES (1)").unwrap();
    slow.execute_batch("BEGIN; SELECT * FROM a").unwrap();
    let mut statement = slow.prepare("SELECT * FROM a").unwrap();
    let mut rows = statement.query([]).unwrap();
    rows.next().unwrap();
    let second = Connection::open(setup.database("slow.db")).unwrap();
    second.busy_timeout(std::time::Duration::ZERO).unwrap();
    let refused = Outbox::open_with(&second, quiet()).unwrap_err();
    assert!(matches!(refused, Error::NotDurable { setting: "journal_mode", .. } | Error::Sqlite(_)), "{refused:?}");
}

#[test]
fn mistakes_are_noticed() {
    let setup = Setup::new();
    let (mut connection, outbox) = setup.till("till.db", Wake::Nobody);
    let (mut other, _) = setup.till("other.db", Wake::Nobody);
    let elsewhere = sell(&mut other, &outbox, 1).unwrap_err();
    assert!(matches!(elsewhere, Error::OtherDatabase { .. }), "{elsewhere:?}");
    let ended = outbox.transaction(&mut connection, |transaction| transaction.execute_batch("COMMIT").map_err(Error::from));
    assert!(matches!(ended, Err(Error::Ended)), "{ended:?}");
    assert!(matches!(outbox.inside(&connection), Err(Error::NoTransaction)));
    connection.execute_batch("BEGIN").unwrap();
    outbox.inside(&connection).unwrap().record(order("Test.Shipment", 1)).unwrap();
    connection.execute_batch("COMMIT").unwrap();
    assert_eq!(count(&connection, "consign_outbox"), 1);
    connection.execute("UPDATE consign_outbox_origin SET version = 99", []).unwrap();
    let newer = Outbox::open_with(&connection, quiet()).unwrap_err();
    assert!(newer.to_string().contains("newer version"), "{newer}");
}

#[test]
fn an_outbox_is_made_once() {
    let setup = Setup::new();
    let ids: Vec<_> = std::thread::scope(|scope| {
        let open = || {
            let connection = Connection::open(setup.database("till.db")).unwrap();
            connection.busy_timeout(crate::setup::LIMIT).unwrap();
            Outbox::open_with(&connection, quiet()).unwrap().id()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
    let mut connection = Connection::open(setup.database("till.db")).unwrap();
    // No service is there to be woken, and none is to be started here.
    assert_eq!(Outbox::open(&connection).unwrap().id(), ids[0]);
    transaction(&mut connection, |_| Ok::<_, Error>(())).unwrap();
}
