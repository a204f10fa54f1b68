//! What is opened, what is refused, and what is set aside.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown, symlink},
        process::CommandExt,
    },
    path::Path,
};

use consign_core::common;
use consign_store::{
    OpenError, Opening, Schema, Store,
    rusqlite::{Connection, types::Value},
};

use crate::support::{self, APPLICATION_ID, Folder, SCHEMA, insert, numbers};

const THREE_STEPS: Schema = Schema {
    application_id: APPLICATION_ID,
    migrations: &[
        SCHEMA.migrations[0],
        "ALTER TABLE entry ADD COLUMN length INTEGER; UPDATE entry SET length = length(text)",
        "CREATE INDEX by_length ON entry (length)",
    ],
};

fn version(path: &Path) -> i32 {
    Connection::open(path).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn a_store_is_created_once_and_opened_after_that() {
    let folder = Folder::new();
    let (store, opening) = folder.open();
    assert_eq!(opening, Opening::Created);
    insert(&store, 1).wait().unwrap();
    store.close().wait().unwrap();
    assert_eq!(folder.names(), ["x.db"], "closing carries the log over");
    let (store, opening) = folder.open();
    assert_eq!(opening, Opening::Opened);
    assert_eq!(numbers(&store), [1]);
}

#[test]
fn what_durability_rests_on_is_set() {
    let (store, _) = Folder::new().open();
    for (name, wanted) in [
        ("journal_mode", Value::Text("wal".to_owned())),
        ("locking_mode", Value::Text("normal".to_owned())),
        ("synchronous", Value::Integer(2)),
        ("foreign_keys", Value::Integer(1)),
        ("trusted_schema", Value::Integer(0)),
        ("cell_size_check", Value::Integer(1)),
        ("application_id", Value::Integer(APPLICATION_ID.get().into())),
        ("user_version", Value::Integer(1)),
    ] {
        let found: Value = store.read(move |connection| connection.pragma_query_value(None, name, |row| row.get(0))).wait().unwrap();
        assert_eq!(found, wanted, "{name}");
    }
}

#[test]
fn what_a_newer_version_wrote_is_refused_and_not_touched() {
    let folder = Folder::new();
    let (store, _) = Store::open(&folder.database(), &THREE_STEPS).unwrap();
    insert_old(&store);
    // The log of a crashed service: it must stay where it is, too.
    let crashed = Folder::new();
    let (release, held) = support::hold(&store);
    for name in ["x.db", "x.db-wal"] {
        fs::copy(folder.path().join(name), crashed.path().join(name)).unwrap();
    }
    release.send(()).unwrap();
    held.wait().unwrap();
    store.close().wait().unwrap();

    for folder in [folder, crashed] {
        let read = |name: &str| fs::read(folder.path().join(name)).ok().filter(|bytes| !bytes.is_empty());
        let before = (read("x.db"), read("x.db-wal"));
        let error = Store::open(&folder.database(), &SCHEMA).unwrap_err();
        assert!(matches!(error, OpenError::Newer { found: 3, known: 1, .. }), "{error:?}");
        assert_eq!(error.code(), common::ERROR_PRODUCT_VERSION);
        assert_eq!((read("x.db"), read("x.db-wal")), before);
        assert!(!folder.names().iter().any(|name| name.contains("unreadable")));
        let (store, opening) = Store::open(&folder.database(), &THREE_STEPS).unwrap();
        assert_eq!(opening, Opening::Opened);
        assert_eq!(numbers(&store), [7]);
    }
}

fn insert_old(store: &Store) {
    store.write(|savepoint| savepoint.execute("INSERT INTO entry (number, text) VALUES (7, 'seven')", []).map(drop)).wait().unwrap();
}

#[test]
fn an_older_store_is_migrated() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    insert(&store, 1).wait().unwrap();
    store.close().wait().unwrap();
    let (store, opening) = Store::open(&folder.database(), &THREE_STEPS).unwrap();
    assert_eq!(opening, Opening::Opened);
    let length: i64 = store.read(|connection| connection.query_row("SELECT length FROM entry", [], |row| row.get(0))).wait().unwrap();
    assert_eq!(length, 4);
    store.close().wait().unwrap();
    assert_eq!(version(&folder.database()), 3);
}

#[test]
fn a_migration_that_fails_leaves_the_format_before_it() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    insert(&store, 1).wait().unwrap();
    store.close().wait().unwrap();
    for (broken, why) in [
        ("DELETE FROM entry; SELECT * FROM nowhere", "an error"),
        ("DELETE FROM entry; COMMIT", "a transaction of its own"),
        ("CREATE TABLE child (entry REFERENCES entry (number)); INSERT INTO child VALUES (99)", "a row that refers to nothing"),
    ] {
        let broken: &'static [&'static str] =
            vec![SCHEMA.migrations[0], "CREATE TABLE IF NOT EXISTS second (number INTEGER)", Box::leak(broken.to_owned().into_boxed_str())]
                .leak();
        let schema = Schema { application_id: APPLICATION_ID, migrations: broken };
        let error = Store::open(&folder.database(), &schema).unwrap_err();
        assert!(matches!(error, OpenError::Migration { from: 2, .. }), "{why}: {error:?}");
        assert_eq!(version(&folder.database()), 2, "{why}");
    }
    assert_eq!(folder.names(), ["x.db"]);
}

#[test]
fn a_migration_may_rebuild_a_table_that_others_refer_to() {
    let folder = Folder::new();
    let first = "CREATE TABLE parent (id INTEGER PRIMARY KEY);
         CREATE TABLE child (parent INTEGER REFERENCES parent ON DELETE CASCADE);
         INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1)";
    let second = "CREATE TABLE new_parent (id INTEGER PRIMARY KEY, name TEXT);
         INSERT INTO new_parent SELECT id, 'one' FROM parent;
         DROP TABLE parent; ALTER TABLE new_parent RENAME TO parent";
    let open = |migrations: Vec<&'static str>| {
        Store::open(&folder.database(), &Schema { application_id: APPLICATION_ID, migrations: migrations.leak() }).unwrap().0
    };
    open(vec![first]).close().wait().unwrap();
    let store = open(vec![first, second]);
    let children: i64 = store.read(|connection| connection.query_row("SELECT count(*) FROM child", [], |row| row.get(0))).wait().unwrap();
    assert_eq!(children, 1, "nothing was cascaded");
    let orphan = store.write(|savepoint| savepoint.execute("INSERT INTO child VALUES (2)", []).map(drop)).wait();
    assert!(support::is_failed(&orphan), "foreign keys are enforced again");
}

#[test]
fn what_is_no_database_is_set_aside_each_time_under_another_name() {
    let folder = Folder::new();
    let garbage = [b"this is not a database".repeat(400), vec![0; 5000]];
    for (bytes, number) in garbage.iter().zip(1..) {
        for suffix in ["", "-wal", "-shm"] {
            fs::write(folder.path().join(format!("x.db{suffix}")), [bytes.as_slice(), suffix.as_bytes()].concat()).unwrap();
        }
        let (store, opening) = folder.open();
        let Opening::SetAside { to, reason } = opening else { panic!("{opening:?}") };
        assert_eq!(to, folder.path().canonicalize().unwrap().join(format!("x.db.unreadable-{number}")));
        assert!(!reason.is_empty());
        assert_eq!(numbers(&store), [0; 0]);
        insert(&store, 1).wait().unwrap();
        store.close().wait().unwrap();
    }
    for (bytes, number) in garbage.iter().zip(1..) {
        for suffix in ["", "-wal"] {
            let kept = fs::read(folder.path().join(format!("x.db.unreadable-{number}{suffix}"))).unwrap();
            assert!(kept == [bytes.as_slice(), suffix.as_bytes()].concat(), "{number}{suffix}");
        }
    }
}

#[test]
fn a_damaged_store_is_set_aside() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    for number in 0..2000 {
        drop(insert(&store, number));
    }
    store.close().wait().unwrap();
    let mut bytes = fs::read(folder.database()).unwrap();
    // The head stays whole: only looking through the pages finds this.
    let last = bytes.len() - 4096;
    bytes[last..].fill(0xa5);
    fs::write(folder.database(), &bytes).unwrap();
    let (_, opening) = folder.open();
    let Opening::SetAside { to, .. } = opening else { panic!("{opening:?}") };
    assert!(fs::read(to).unwrap() == bytes);
}

#[test]
fn whatever_stands_in_the_head_nothing_is_lost() {
    let whole = Folder::new();
    let (store, _) = whole.open();
    insert(&store, 1).wait().unwrap();
    store.close().wait().unwrap();
    let whole = fs::read(whole.database()).unwrap();
    let (mut opened, mut set_aside, mut refused) = (0, 0, 0);
    for position in 0..100 {
        for value in [0x00, 0x03, 0xff] {
            let folder = Folder::new();
            let mut bytes = whole.clone();
            bytes[position] = value;
            fs::write(folder.database(), &bytes).unwrap();
            match Store::open(&folder.database(), &SCHEMA) {
                Ok((store, Opening::Opened)) => {
                    assert_eq!(numbers(&store), [1], "{position}={value}");
                    assert!(insert(&store, 2).wait().is_ok(), "{position}={value}: opened, but not for writing");
                    opened += 1;
                }
                Ok((store, Opening::SetAside { to, .. })) => {
                    assert!(fs::read(to).unwrap() == bytes, "{position}={value}");
                    insert(&store, 1).wait().unwrap();
                    set_aside += 1;
                }
                Ok((_, Opening::Created)) => panic!("{position}={value}: taken for an empty file"),
                Err(error) => {
                    assert!(matches!(error, OpenError::Newer { .. } | OpenError::ReadOnly { .. }), "{position}={value}: {error:?}");
                    assert!(fs::read(folder.database()).unwrap() == bytes, "{position}={value}");
                    refused += 1;
                }
            }
        }
    }
    assert!(opened > 0 && set_aside > 0 && refused > 0, "{opened} {set_aside} {refused}");
}

#[test]
fn a_database_of_another_application_is_set_aside() {
    let folder = Folder::new();
    Connection::open(folder.database()).unwrap().execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (42)").unwrap();
    let bytes = fs::read(folder.database()).unwrap();
    let (_, opening) = folder.open();
    let Opening::SetAside { to, .. } = opening else { panic!("{opening:?}") };
    assert!(fs::read(to).unwrap() == bytes);
}

#[test]
fn a_log_without_its_database_is_kept() {
    for empty in [false, true] {
        let folder = Folder::new();
        fs::write(folder.path().join("x.db-wal"), "somebody's work").unwrap();
        if empty {
            fs::write(folder.database(), "").unwrap();
        }
        let (_store, opening) = folder.open();
        let Opening::SetAside { to, .. } = opening else { panic!("{opening:?}") };
        let mut log = to.into_os_string();
        log.push("-wal");
        assert_eq!(fs::read(log).unwrap(), b"somebody's work");
    }
}

#[test]
fn an_empty_file_is_a_store_that_was_not_finished() {
    let folder = Folder::new();
    fs::write(folder.database(), "").unwrap();
    let (store, opening) = folder.open();
    assert_eq!(opening, Opening::Created);
    insert(&store, 1).wait().unwrap();
}

#[test]
fn what_is_no_plain_file_is_an_error_and_stays() {
    let folder = Folder::new();
    fs::create_dir(folder.path().join("folder")).unwrap();
    fs::write(folder.path().join("target"), "").unwrap();
    symlink(folder.path().join("target"), folder.path().join("link")).unwrap();
    symlink(folder.path().join("nowhere"), folder.path().join("dangling")).unwrap();
    let before = folder.names();
    for name in ["folder", "link", "dangling", ".."] {
        let error = Store::open(&folder.path().join(name), &SCHEMA).unwrap_err();
        assert!(matches!(error, OpenError::NotAFile { .. }), "{name}: {error:?}");
        assert_eq!(error.code(), common::ERROR_DIRECTORY);
    }
    let error = Store::open(&folder.path().join("missing/x.db"), &SCHEMA).unwrap_err();
    assert_eq!(error.code(), common::ERROR_PATH_NOT_FOUND, "{error:?}");
    assert_eq!(folder.names(), before);
}

#[test]
fn a_locked_file_is_an_error_and_stays() {
    let folder = Folder::new();
    folder.open().0.close().wait().unwrap();
    let other = Connection::open(folder.database()).unwrap();
    other.execute_batch("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    let error = Store::open(&folder.database(), &SCHEMA).unwrap_err();
    assert_eq!(error.code(), common::ERROR_TIMEOUT, "{error:?}");
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    assert!(!folder.names().iter().any(|name| name.contains("unreadable")));
    assert_eq!(folder.open().1, Opening::Opened);
}

#[test]
fn nobody_else_may_read_the_files_whatever_the_umask() {
    if let Some(database) = support::child() {
        let (store, _) = Store::open(&database, &SCHEMA).unwrap();
        store.write(|savepoint| savepoint.execute("DELETE FROM entry", []).map(drop)).wait().unwrap();
        let folder = database.parent().unwrap();
        let names = support::names(folder);
        assert_eq!(names, ["x.db", "x.db-shm", "x.db-wal"]);
        for name in names {
            let mode = fs::metadata(folder.join(&name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o600, "{name}: {mode:o}");
        }
        return;
    }
    let folder = Folder::new();
    let name = "opening::nobody_else_may_read_the_files_whatever_the_umask";
    let without_umask = ["sh", "-c", "umask 000; exec \"$0\" \"$@\""];
    support::passes(&mut support::again(&without_umask, name, &folder.database()));
    // And a file that was opened to others by hand is closed again.
    fs::set_permissions(folder.database(), fs::Permissions::from_mode(0o666)).unwrap();
    support::passes(&mut support::again(&without_umask, name, &folder.database()));
}

#[test]
fn without_permission_nothing_is_moved() {
    let name = "opening::without_permission_nothing_is_moved";
    if let Some(folder) = support::child() {
        for (file, code) in
            [("readable.db", common::E_ACCESSDENIED), ("closed.db", common::E_ACCESSDENIED), ("new.db", common::E_ACCESSDENIED)]
        {
            let error = Store::open(&folder.join(file), &SCHEMA).unwrap_err();
            assert_eq!(error.code(), code, "{file}: {error:?}");
        }
        return;
    }
    let folder = Folder::new();
    fs::write(folder.path().join("readable.db"), "garbage").unwrap();
    fs::write(folder.path().join("closed.db"), "garbage").unwrap();
    fs::set_permissions(folder.path().join("readable.db"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(folder.path().join("closed.db"), fs::Permissions::from_mode(0o000)).unwrap();
    let before = folder.names();
    let mut child = support::again(&[], name, folder.path());
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        // Permissions do not bind root, so somebody else has to try.
        for path in [folder.path().to_owned(), folder.path().join("readable.db"), folder.path().join("closed.db")] {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut probe = std::process::Command::new(std::env::current_exe().unwrap());
        if probe.arg("--list").uid(NOBODY).gid(NOBODY).output().is_err() {
            println!("skipped: running as root, and nobody else can run this binary");
            return;
        }
        child.uid(NOBODY).gid(NOBODY);
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    support::passes(&mut child);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(folder.names(), before);
}

const NOBODY: u32 = 65534;
