//! What can never be delivered is handed over with its reason, and holds up nobody.

use consign::{Recorder, common};
use consign_outbox::{
    Wake,
    rusqlite::{Connection, params},
};

use crate::setup::{CLASS, IStranger, Setup, order, sell};

#[test]
fn each_reason_is_told_and_the_rest_arrives() {
    let setup = Setup::served();
    let (mut connection, outbox) = setup.till("till.db", Wake::Nobody);
    let good = order("Test.Shipment", 1).into_calls().unwrap().as_bytes().to_vec();
    sell(&mut connection, &outbox, 1).unwrap();
    let mut expected = vec![(0, "Ships", 0, "")];
    outbox.transaction(&mut connection, |transaction| transaction.record(order("No.Such.Class", 2))).unwrap();
    expected.push((3, "Undelivered", common::CO_E_CLASSSTRING.as_i32(), "No.Such.Class"));
    let unknown = "{97184d0f-f7ef-413a-8c6d-c1745018b2ff}";
    outbox.transaction(&mut connection, |transaction| transaction.record(order(&format!("queue:/new:{unknown}"), 2))).unwrap();
    expected.push((3, "Undelivered", common::REGDB_E_CLASSNOTREG.as_i32(), "97184d0f"));
    let stranger = Recorder::detached("Test.Shipment").unwrap();
    stranger.interface::<IStranger>().greet().unwrap();
    outbox.transaction(&mut connection, |transaction| transaction.record(stranger)).unwrap();
    expected.push((3, "Ships", common::E_NOINTERFACE.as_i32(), "not queued"));
    let raw = |column: &str, value: &dyn consign_outbox::rusqlite::ToSql| {
        let (target, calls) = ("Test.Shipment".to_owned(), good.clone());
        let target: &dyn consign_outbox::rusqlite::ToSql = if column == "target" { value } else { &target };
        let calls: &dyn consign_outbox::rusqlite::ToSql = if column == "calls" { value } else { &calls };
        connection.execute("INSERT INTO consign_outbox (target, calls) VALUES (?1, ?2)", params![target, calls]).unwrap();
        if !["target", "calls"].contains(&column) {
            let sql = format!("UPDATE consign_outbox SET {column} = ?1 WHERE number = last_insert_rowid()");
            connection.execute(&sql, [value]).unwrap();
        }
    };
    let bad = common::COMQC_E_BAD_MESSAGE.as_i32();
    raw("calls", &b"no calls".as_slice());
    expected.push((3, "Ships", bad, "cannot be read"));
    raw("calls", &"a text");
    expected.push((3, "Ships", bad, "no bytes"));
    raw("calls", &vec![0_u8; 20 << 20]);
    expected.push((3, "Ships", bad, "more than a message may have"));
    raw("target", &"x".repeat(100_000));
    expected.push((3, "Undelivered", bad, "too long"));
    raw("target", &b"\xff\xfe".as_slice());
    expected.push((3, "Undelivered", bad, "no text"));
    raw("target", &"queue:Label=/");
    expected.push((3, "Undelivered", common::MK_E_SYNTAX.as_i32(), "moniker"));
    raw("label", &"y".repeat(300));
    expected.push((3, "Undelivered", common::MQ_ERROR_LABEL_TOO_LONG.as_i32(), "label"));
    raw("priority", &8);
    expected.push((3, "Undelivered", bad, "priority"));
    raw("time_to_receive", &"soon");
    expected.push((3, "Undelivered", bad, "time_to_receive"));
    raw("recorded_at", &"yesterday");
    expected.push((3, "Undelivered", bad, "recorded_at"));
    raw("target", &CLASS);
    expected.push((0, "Ships", 0, ""));
    sell(&mut connection, &outbox, 3).unwrap();
    expected.push((0, "Ships", 0, ""));
    setup.add("till.db").unwrap();
    let queued = setup.until_queued("till.db", expected.len());
    for (index, (message, (standing, queue, code, part))) in queued.iter().zip(&expected).enumerate() {
        assert_eq!((message.standing, message.queue.as_str(), message.code), (*standing, *queue, *code), "{index}: {message:?}");
        assert!(message.sentence.contains(part), "{index}: {}", message.sentence);
    }
}

#[test]
fn a_message_may_come_too_late() {
    let setup = Setup::served();
    let (mut connection, outbox) = setup.till("till.db", Wake::Nobody);
    for label in ["late", "early"] {
        let target = format!("queue:Label={label},MaxTimeToReachQueue=3600/new:Test.Shipment");
        outbox.transaction(&mut connection, |transaction| transaction.record(order(&target, 1))).unwrap();
    }
    age(&connection, "late");
    setup.add("till.db").unwrap();
    let queued = setup.until_queued("till.db", 2);
    assert_eq!((queued[0].label.as_str(), queued[0].standing, queued[0].code), ("late", 3, common::MQ_ERROR_IO_TIMEOUT.as_i32()));
    assert!(queued[0].sentence.contains("MaxTimeToReachQueue"), "{}", queued[0].sentence);
    assert_eq!((queued[1].label.as_str(), queued[1].standing), ("early", 0));
}

/// Two hours pass for one of them.
fn age(connection: &Connection, label: &str) {
    connection.execute("UPDATE consign_outbox SET recorded_at = recorded_at - 7200000 WHERE label = ?1", [label]).unwrap();
}
