//! Effects that happen once.

use std::time::Duration;

use consign::{Playback, PlayedMessage};
use consign_outbox::{
    Error,
    inbox::{self, Once},
    rusqlite::Connection,
};

use crate::setup::{Setup, count};

fn playback(id: &str) -> Playback {
    Playback::new(PlayedMessage { id: id.parse().unwrap(), ..PlayedMessage::default() })
}

#[test]
fn a_message_has_its_effects_once() {
    let setup = Setup::new();
    let mut connection = Connection::open(setup.database("account.db")).unwrap();
    connection.execute("CREATE TABLE payment (cents INTEGER)", []).unwrap();
    let first = playback("97184d0f-f7ef-413a-8c6d-c1745018b2e9");
    let pay = |connection: &mut Connection, playback: &Playback, fail: bool| {
        inbox::transaction(connection, playback, |transaction| {
            transaction.execute("INSERT INTO payment VALUES (1)", [])?;
            if fail { Err(Error::NoTransaction) } else { Ok("paid") }
        })
    };
    assert!(pay(&mut connection, &first, true).is_err());
    assert_eq!(count(&connection, "payment"), 0, "a failure leaves no note either");
    assert_eq!(pay(&mut connection, &first, false).unwrap(), Some("paid"));
    assert_eq!(pay(&mut connection, &first, false).unwrap(), None);
    assert_eq!(pay(&mut connection, &playback("97184d0f-f7ef-413a-8c6d-c1745018b2ea"), false).unwrap(), Some("paid"));
    assert_eq!((count(&connection, "payment"), count(&connection, "consign_inbox")), (2, 2));
}

#[test]
fn a_note_needs_a_transaction() {
    let setup = Setup::new();
    let connection = Connection::open(setup.database("account.db")).unwrap();
    let id = "97184d0f-f7ef-413a-8c6d-c1745018b2e9".parse().unwrap();
    assert!(matches!(inbox::once(&connection, id), Err(Error::NoTransaction)));
    connection.execute_batch("BEGIN").unwrap();
    assert_eq!(inbox::once(&connection, id).unwrap(), Once::First);
    assert_eq!(inbox::once(&connection, id).unwrap(), Once::Again);
    connection.execute_batch("ROLLBACK; BEGIN").unwrap();
    assert_eq!(inbox::once(&connection, id).unwrap(), Once::First, "the note went with the transaction");
}

#[test]
fn old_notes_are_forgotten_and_young_ones_are_not() {
    let setup = Setup::new();
    let mut connection = Connection::open(setup.database("account.db")).unwrap();
    for number in 0..10 {
        let id = format!("97184d0f-f7ef-413a-8c6d-c1745018b2e{number}");
        inbox::transaction(&mut connection, &playback(&id), |_| Ok::<_, Error>(())).unwrap();
    }
    let age = |connection: &Connection, numbers: &str, hours: i64| {
        let sql = format!("UPDATE consign_inbox SET at = at - ?1 WHERE number IN ({numbers})");
        connection.execute(&sql, [hours * 3_600_000]).unwrap();
    };
    assert!(matches!(inbox::prune(&mut connection, Duration::from_secs(60)), Err(Error::TooSoon)));
    assert_eq!(inbox::prune(&mut connection, Duration::from_secs(7200)).unwrap(), 0);
    assert_eq!(inbox::prune_to(&mut connection, 2).unwrap(), 0, "all are of the last hour");
    age(&connection, "1, 2, 3", 3);
    // One that looks old stands behind a young one: a clock was set.
    age(&connection, "7", 3);
    assert_eq!(inbox::prune(&mut connection, Duration::from_secs(7200)).unwrap(), 3);
    assert_eq!(count(&connection, "consign_inbox"), 7);
    age(&connection, "4, 5, 6", 2);
    assert_eq!(inbox::prune_to(&mut connection, 5).unwrap(), 2, "five are kept");
    assert_eq!(inbox::prune_to(&mut connection, 0).unwrap(), 2, "the rest is of the last hour, from the first that is");
}
