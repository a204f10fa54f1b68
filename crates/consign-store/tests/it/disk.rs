//! What happens when the disk is full, fails, or is read-only.

use std::{fs, io::Write, process::Command};

use consign_core::common;
use consign_store::{Store, StoreError};

use crate::support::{self, Folder, SCHEMA, insert, insert_text, mount, mounting, numbers};

#[test]
fn a_full_disk_is_told_to_all_and_passes() {
    if let Some(folder) = support::child() {
        return on_a_full_disk(&folder);
    }
    let Some(launcher) = mounting() else { return };
    let folder = Folder::new();
    support::passes(&mut support::again(launcher, "disk::a_full_disk_is_told_to_all_and_passes", folder.path()));
}

fn on_a_full_disk(folder: &std::path::Path) {
    mount("size=2m", folder);
    let database = folder.join("x.db");
    let (store, _) = Store::open(&database, &SCHEMA).unwrap();
    insert(&store, 0).wait().unwrap();
    let mut ballast = fs::File::create(folder.join("ballast")).unwrap();
    while ballast.write_all(&[0; 4096]).is_ok() {}

    let (release, held) = support::hold(&store);
    let answers: Vec<_> = (1..=3).map(|number| insert_text(&store, number, "x".repeat(200_000))).collect();
    release.send(()).unwrap();
    held.wait().unwrap();
    for answer in answers {
        let error = answer.wait().unwrap_err();
        assert!(matches!(error, StoreError::NotCommitted(_)), "{error:?}");
        assert_eq!(error.code(), common::ERROR_DISK_FULL);
    }
    // One that fills SQLite's memory meets the full disk before the commit.
    let (release, held) = support::hold(&store);
    let neighbour = insert(&store, 5);
    let spills = store.write(|savepoint| {
        (10..40).try_for_each(|number| savepoint.execute("INSERT INTO entry VALUES (?1, ?2)", (number, "x".repeat(200_000))).map(drop))
    });
    let after = store.write(|_| Ok(()));
    release.send(()).unwrap();
    held.wait().unwrap();
    for answer in [neighbour, spills] {
        let error = answer.wait().unwrap_err();
        assert_eq!(error.code(), common::ERROR_DISK_FULL, "{error:?}");
    }
    after.wait().unwrap();
    assert_eq!(numbers(&store), [0], "what is stored can be read");

    drop(ballast);
    fs::remove_file(folder.join("ballast")).unwrap();
    insert_text(&store, 4, "x".repeat(200_000)).wait().unwrap();
    store.close().wait().unwrap();
    let (store, _) = Store::open(&database, &SCHEMA).unwrap();
    assert_eq!(numbers(&store), [0, 4]);
    store.close().wait().unwrap();

    // Where there is no room for a store, there is none to be set aside either.
    let mut ballast = fs::File::create(folder.join("ballast")).unwrap();
    while ballast.write_all(&[0; 512]).is_ok() {}
    let error = Store::open(&folder.join("new.db"), &SCHEMA).unwrap_err();
    assert_eq!(error.code(), common::ERROR_DISK_FULL, "{error:?}");
    assert!(!support::names(folder).iter().any(|name| name.contains("unreadable")));
}

#[test]
fn a_read_only_disk_is_an_error_and_nothing_is_moved() {
    if let Some(folder) = support::child() {
        mount("size=2m", &folder);
        Store::open(&folder.join("x.db"), &SCHEMA).unwrap().0.close().wait().unwrap();
        fs::write(folder.join("garbage.db"), "garbage").unwrap();
        let before = support::names(&folder);
        assert!(Command::new("mount").args(["-o", "remount,ro"]).arg(&folder).status().unwrap().success());
        for name in ["x.db", "garbage.db", "new.db"] {
            let error = Store::open(&folder.join(name), &SCHEMA).unwrap_err();
            assert!(matches!(error.code(), common::ERROR_WRITE_PROTECT | common::E_ACCESSDENIED), "{name}: {error:?}");
        }
        assert_eq!(support::names(&folder), before);
        return;
    }
    let Some(launcher) = mounting() else { return };
    let folder = Folder::new();
    support::passes(&mut support::again(launcher, "disk::a_read_only_disk_is_an_error_and_nothing_is_moved", folder.path()));
}

#[test]
fn a_failing_disk_poisons_the_store_until_it_is_opened_again() {
    let name = "disk::a_failing_disk_poisons_the_store_until_it_is_opened_again";
    if let Some(database) = support::child() {
        return on_a_failing_disk(&database);
    }
    let folder = Folder::new();
    // A limit on the size of files is an I/O error to SQLite. Ignoring the signal is inherited.
    let limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\""];
    support::passes(&mut support::again(&limited, name, &folder.database()));
    // The limit is gone, as the fault is after a repair.
    let (store, _) = folder.open();
    assert_eq!(numbers(&store), [1, 2]);
    insert(&store, 7).wait().unwrap();
    store.close().wait().unwrap();
}

fn on_a_failing_disk(database: &std::path::Path) {
    let (store, _) = Store::open(database, &SCHEMA).unwrap();
    insert(&store, 1).wait().unwrap();
    insert(&store, 2).wait().unwrap();
    let (release, held) = support::hold(&store);
    let neighbour = insert(&store, 3);
    let cause = insert_text(&store, 4, "x".repeat(1_700_000));
    release.send(()).unwrap();
    held.wait().unwrap();
    for answer in [neighbour, cause] {
        let error = answer.wait().unwrap_err();
        assert!(matches!(error, StoreError::Uncertain(_)), "{error:?}");
        assert_eq!(error.code(), common::ERROR_IO_DEVICE);
    }
    let log = || fs::read(database.with_extension("db-wal")).unwrap();
    let before = log();
    for number in [5, 6] {
        let error = insert(&store, number).wait().unwrap_err();
        assert!(matches!(error, StoreError::Poisoned), "{error:?}");
        assert_eq!(error.code(), common::ERROR_IO_DEVICE);
    }
    assert_eq!(numbers(&store), [1, 2], "reading goes on");
    assert!(matches!(store.close().wait(), Err(StoreError::Poisoned)));
    assert!(log() == before, "the next opening finds the log as it was");
}
