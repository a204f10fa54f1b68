//! What a request is told, and what it does to its neighbours.

use std::{sync::mpsc, time::Duration};

use consign_core::common;
use consign_store::{Store, StoreError, rusqlite};

use crate::support::{Folder, SCHEMA, commits_in_log, hold, insert, is_failed, numbers, select_numbers};

#[test]
fn what_waits_together_is_committed_together() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    insert(&store, 0).wait().unwrap();
    let before = commits_in_log(&folder.database());
    let (release, held) = hold(&store);
    let answers: Vec<_> = (1..=100).map(|number| insert(&store, number)).collect();
    release.send(()).unwrap();
    held.wait().unwrap();
    for answer in answers {
        answer.wait().unwrap();
    }
    assert_eq!(commits_in_log(&folder.database()) - before, 1);
    for number in 101..=103 {
        insert(&store, number).wait().unwrap();
    }
    assert_eq!(commits_in_log(&folder.database()) - before, 4, "who comes alone is not kept waiting for company");
    assert_eq!(numbers(&store), (0..=103).collect::<Vec<_>>());
}

#[test]
fn a_request_that_fails_takes_back_its_own_work_only() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    insert(&store, 0).wait().unwrap();
    let before = commits_in_log(&folder.database());
    let (release, held) = hold(&store);
    let first = insert(&store, 1);
    let half_way = store.write(|savepoint| {
        savepoint.execute("INSERT INTO entry VALUES (2, 'to be undone')", [])?;
        savepoint.execute("INSERT INTO entry VALUES (1, 'there already')", []).map(drop)
    });
    let changes_its_mind = store.write(|savepoint| {
        savepoint.execute("INSERT INTO entry VALUES (3, 'to be undone')", [])?;
        Err::<(), _>(rusqlite::Error::QueryReturnedNoRows)
    });
    let last = insert(&store, 4);
    release.send(()).unwrap();
    held.wait().unwrap();
    first.wait().unwrap();
    assert!(is_failed(&half_way.wait()));
    assert!(is_failed(&changes_its_mind.wait()));
    last.wait().unwrap();
    assert_eq!(numbers(&store), [0, 1, 4]);
    assert_eq!(commits_in_log(&folder.database()) - before, 1, "they were one batch");
}

#[test]
fn a_request_that_panics_is_answered_and_the_store_goes_on() {
    let (store, _) = Folder::new().open();
    let (release, held) = hold(&store);
    let before = insert(&store, 1);
    let panics = store.write(|savepoint| {
        savepoint.execute("INSERT INTO entry VALUES (2, 'to be undone')", [])?;
        let rows: Option<()> = None;
        rows.ok_or_else(|| panic!("this panic belongs to the test"))
    });
    let after = insert(&store, 3);
    let reading = store.read(|_| -> rusqlite::Result<()> { panic!("this panic belongs to the test, too") });
    release.send(()).unwrap();
    held.wait().unwrap();
    before.wait().unwrap();
    let error = panics.wait().unwrap_err();
    assert!(matches!(error, StoreError::Panicked), "{error:?}");
    assert_eq!(error.code(), common::E_UNEXPECTED);
    after.wait().unwrap();
    assert!(matches!(reading.wait(), Err(StoreError::Panicked)));
    assert_eq!(numbers(&store), [1, 3]);
}

#[test]
fn a_request_that_ends_the_transaction_costs_its_batch_and_no_more() {
    let (store, _) = Folder::new().open();
    let (release, held) = hold(&store);
    let before = insert(&store, 1);
    let breaks = store.write(|savepoint| savepoint.execute_batch("ROLLBACK"));
    let after = insert(&store, 2);
    release.send(()).unwrap();
    held.wait().unwrap();
    assert!(matches!(before.wait(), Err(StoreError::NotCommitted(_))));
    assert!(matches!(breaks.wait(), Err(StoreError::NotCommitted(_))));
    after.wait().unwrap();
    assert_eq!(numbers(&store), [2]);
}

#[test]
fn a_commit_that_is_refused_is_refused_to_all_of_it() {
    let folder = Folder::new();
    let deferred = "CREATE TABLE entry (number INTEGER PRIMARY KEY, text TEXT NOT NULL);
         CREATE TABLE child (entry REFERENCES entry DEFERRABLE INITIALLY DEFERRED)";
    let schema = consign_store::Schema { migrations: vec![deferred].leak(), ..SCHEMA };
    let (store, _) = Store::open(&folder.database(), &schema).unwrap();
    let (release, held) = hold(&store);
    let neighbour = insert(&store, 1);
    let orphan = store.write(|savepoint| savepoint.execute("INSERT INTO child VALUES (99)", []).map(drop));
    release.send(()).unwrap();
    held.wait().unwrap();
    assert!(matches!(neighbour.wait(), Err(StoreError::NotCommitted(_))));
    assert!(matches!(orphan.wait(), Err(StoreError::NotCommitted(_))));
    insert(&store, 2).wait().unwrap();
    assert_eq!(numbers(&store), [2]);
}

#[test]
fn a_reader_sees_what_was_asked_for_before_it_and_cannot_write() {
    let (store, _) = Folder::new().open();
    let (release, held) = hold(&store);
    let written = insert(&store, 1);
    let read = store.read(select_numbers);
    release.send(()).unwrap();
    held.wait().unwrap();
    assert_eq!(read.wait().unwrap(), [1]);
    written.wait().unwrap();
    let refused = store.read(|connection| connection.execute("INSERT INTO entry VALUES (2, 'no')", []).map(drop)).wait();
    assert!(is_failed(&refused));
    // Nor does one that forgets a transaction hold up those who write.
    store.read(|connection| connection.execute_batch("BEGIN; SELECT * FROM entry")).wait().unwrap();
    insert(&store, 3).wait().unwrap();
    assert_eq!(numbers(&store), [1, 3]);
}

#[test]
fn what_was_asked_for_is_done_though_nobody_waits_for_the_answer() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let (release, held) = hold(&store);
    drop(insert(&store, 1));
    let other = store.clone();
    drop(insert(&other, 2));
    let closed = store.close();
    let late = insert(&other, 3);
    release.send(()).unwrap();
    held.wait().unwrap();
    closed.wait().unwrap();
    let error = late.wait().unwrap_err();
    assert!(matches!(error, StoreError::Closed), "{error:?}");
    assert_eq!(error.code(), common::ERROR_SHUTDOWN_IN_PROGRESS);
    assert_eq!(folder.names(), ["x.db"]);
    assert_eq!(numbers(&folder.open().0), [1, 2]);
}

#[test]
fn dropping_the_last_handle_ends_the_thread_after_its_work() {
    /// Says when it is dropped, which the thread does at its very end.
    struct Ends(mpsc::Sender<()>);
    impl Drop for Ends {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    thread_local!(static ENDS: std::cell::RefCell<Option<Ends>> = const { std::cell::RefCell::new(None) });

    let folder = Folder::new();
    let (store, _) = folder.open();
    let (ended, has_ended) = mpsc::channel();
    let (release, held) = hold(&store);
    drop(store.read(move |_| {
        ENDS.with(|ends| *ends.borrow_mut() = Some(Ends(ended)));
        Ok(())
    }));
    drop(insert(&store, 1));
    drop(store);
    release.send(()).unwrap();
    held.wait().unwrap();
    has_ended.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(folder.names(), ["x.db"], "the log is carried over here, too");
    assert_eq!(numbers(&folder.open().0), [1]);
}

#[tokio::test]
async fn an_answer_can_be_awaited() {
    let (store, _) = Folder::new().open();
    let work = async {
        insert(&store, 1).await.unwrap();
        assert_eq!(store.read(select_numbers).await.unwrap(), [1]);
        store.close().await.unwrap();
    };
    tokio::time::timeout(Duration::from_secs(60), work).await.unwrap();
}
