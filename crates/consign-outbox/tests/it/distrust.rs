//! Databases that are not what they should be.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
};

use consign::{Hresult, OutboxState, common};
use consign_outbox::{Wake, rusqlite::Connection};

use crate::setup::{Setup, sell};

/// What adding it is refused with.
fn refusal(setup: &Setup, name: &str) -> (Hresult, String) {
    let error = setup.add(name).unwrap_err();
    (error.code(), error.to_string())
}

#[test]
fn what_cannot_be_carried_from_is_refused_with_the_reason() {
    let setup = Setup::served();
    let check = |name: &str, code: Hresult, part: &str| {
        let (found, sentence) = refusal(&setup, name);
        assert_eq!(found, code, "{name}: {sentence}");
        assert!(sentence.contains(part), "{name}: {sentence}");
    };
    check("missing.db", common::ERROR_FILE_NOT_FOUND, "no such file");
    check("missing/till.db", common::ERROR_FILE_NOT_FOUND, "cannot be found");
    fs::write(setup.database("text.db"), "This is no database, although it is long enough to be one.".repeat(20)).unwrap();
    check("text.db", common::E_INVALIDARG, "no SQLite database");
    fs::write(setup.database("empty.db"), "").unwrap();
    check("empty.db", common::E_INVALIDARG, "has no outbox");
    let (good, _) = setup.till("good.db", Wake::Nobody);
    fs::create_dir(setup.database("folder.db")).unwrap();
    check("folder.db", common::E_ACCESSDENIED, "no plain file");
    symlink(setup.database("good.db"), setup.database("link.db")).unwrap();
    check("link.db", common::E_ACCESSDENIED, "link");
    fs::set_permissions(setup.database("good.db"), Permissions::from_mode(0o666)).unwrap();
    check("good.db", common::E_ACCESSDENIED, "written by others");
    fs::set_permissions(setup.database("good.db"), Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(setup.root(), Permissions::from_mode(0o777)).unwrap();
    check("good.db", common::E_ACCESSDENIED, "folder");
    fs::set_permissions(setup.root(), Permissions::from_mode(0o700)).unwrap();
    good.execute("UPDATE consign_outbox_origin SET version = 2", []).unwrap();
    check("good.db", common::CO_E_NOT_SUPPORTED, "newer version");
    good.execute("UPDATE consign_outbox_origin SET version = 1", []).unwrap();
    good.execute_batch("ALTER TABLE consign_outbox RENAME TO a; CREATE VIEW consign_outbox AS SELECT * FROM a").unwrap();
    check("good.db", common::E_INVALIDARG, "something else");
    good.execute_batch("DROP VIEW consign_outbox; ALTER TABLE a RENAME TO consign_outbox").unwrap();
    let bare = Connection::open(setup.database("bare.db")).unwrap();
    bare.execute_batch(
        "CREATE TABLE consign_outbox_origin (one, version, id, acknowledged);
         INSERT INTO consign_outbox_origin VALUES (1, 1, '97184d0f-f7ef-413a-8c6d-c1745018b2e9', 0);
         CREATE TABLE consign_outbox (number INTEGER PRIMARY KEY, target, label, priority, app_specific, time_to_reach_queue,
             time_to_receive, calls, recorded_at)",
    )
    .unwrap();
    check("bare.db", common::E_INVALIDARG, "AUTOINCREMENT");
    drop(good);
    fs::copy(setup.database("good.db"), setup.database("copy.db")).unwrap();
    setup.add("good.db").unwrap();
    check("copy.db", common::ERROR_ALREADY_EXISTS, "copy");
    if rustix::process::geteuid().is_root() {
        let (_other, _) = setup.till("other.db", Wake::Nobody);
        std::os::unix::fs::chown(setup.database("other.db"), Some(12345), None).unwrap();
        check("other.db", common::E_ACCESSDENIED, "another user");
    }
    assert_eq!(setup.outboxes().len(), 1);
}

#[test]
fn a_relative_path_is_refused() {
    let setup = Setup::served();
    let refused = crate::setup::limited(async { setup.client().await.add_outbox("till.db").await.unwrap_err() });
    assert_eq!(refused.code(), common::E_INVALIDARG, "{refused}");
}

#[test]
fn a_database_may_go_and_come_back() {
    let setup = Setup::served();
    fs::create_dir(setup.database("shop")).unwrap();
    let (connection, _) = setup.till("shop/till.db", Wake::Nobody);
    setup.add("shop/till.db").unwrap();
    setup.until("shop/till.db", |outbox| outbox.state == OutboxState::Idle);
    drop(connection);
    fs::remove_file(setup.database("shop/till.db")).unwrap();
    let gone = setup.until("shop/till.db", |outbox| outbox.state == OutboxState::Unusable);
    assert_eq!(gone.problem.unwrap().code, common::ERROR_FILE_NOT_FOUND);
    let (mut connection, outbox) = setup.till("shop/till.db", Wake::Nobody);
    sell(&mut connection, &outbox, 1).unwrap();
    setup.until_queued("shop/till.db", 1);
    drop(connection);
    // The whole folder goes; and comes back, from elsewhere.
    fs::rename(setup.database("shop"), setup.database("away")).unwrap();
    setup.until("shop/till.db", |outbox| outbox.state == OutboxState::Unusable);
    let (mut connection, outbox) = setup.till("away/till.db", Wake::Nobody);
    sell(&mut connection, &outbox, 2).unwrap();
    drop(connection);
    fs::rename(setup.database("away"), setup.database("shop")).unwrap();
    setup.until_queued("shop/till.db", 2);
    // And what was wrong with it is put right.
    fs::set_permissions(setup.database("shop/till.db"), Permissions::from_mode(0o666)).unwrap();
    setup.until("shop/till.db", |outbox| outbox.state == OutboxState::Unusable);
    fs::set_permissions(setup.database("shop/till.db"), Permissions::from_mode(0o600)).unwrap();
    setup.until("shop/till.db", |outbox| outbox.state == OutboxState::Idle);
}

#[test]
fn a_locked_database_is_tried_again() {
    let setup = Setup::served();
    let (mut connection, outbox) = setup.till("till.db", Wake::Service(setup.options()));
    setup.add("till.db").unwrap();
    setup.until("till.db", |outbox| outbox.state == OutboxState::Idle);
    let other = Connection::open(setup.database("till.db")).unwrap();
    sell(&mut connection, &outbox, 1).unwrap();
    setup.until_queued("till.db", 1);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    outbox.wake().unwrap();
    // Looking needs no lock; nothing is there to be taken away.
    setup.until("till.db", |outbox| outbox.state == OutboxState::Idle);
    let recorder = crate::setup::order("queue:Label=2/new:Test.Shipment", 2);
    outbox.inside(&other).unwrap().record(recorder).unwrap();
    other.execute_batch("COMMIT; BEGIN IMMEDIATE").unwrap();
    let waiting = setup.until("till.db", |outbox| outbox.state == OutboxState::Waiting);
    assert_eq!(waiting.problem.unwrap().code, common::ERROR_BUSY);
    assert_eq!(setup.queued().len(), 2, "taken, and not forgotten yet");
    other.execute_batch("ROLLBACK").unwrap();
    setup.until_queued("till.db", 2);
}

#[test]
fn a_database_from_a_copy_is_not_carried_from() {
    let setup = Setup::served();
    let (mut connection, outbox) = setup.till("till.db", Wake::Nobody);
    sell(&mut connection, &outbox, 1).unwrap();
    connection.pragma_update(None, "wal_checkpoint", "truncate").unwrap();
    fs::copy(setup.database("till.db"), setup.database("backup.db")).unwrap();
    setup.add("till.db").unwrap();
    sell(&mut connection, &outbox, 2).unwrap();
    setup.until_queued("till.db", 2);
    drop(connection);
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(setup.database(&format!("till.db{ending}")));
    }
    fs::rename(setup.database("backup.db"), setup.database("till.db")).unwrap();
    let found = setup.until("till.db", |outbox| outbox.problem.as_ref().is_some_and(|problem| problem.sentence.contains("copy")));
    assert_eq!(found.state, OutboxState::Unusable);
    assert_eq!(setup.queued().len(), 2);
    // As the reason says.
    Connection::open(setup.database("till.db")).unwrap().execute("DELETE FROM consign_outbox_origin", []).unwrap();
    let (mut connection, outbox) = setup.till("till.db", Wake::Nobody);
    sell(&mut connection, &outbox, 3).unwrap();
    // The first of them again: nobody can know that it is not new.
    setup.until_queued("till.db", 4);
}
