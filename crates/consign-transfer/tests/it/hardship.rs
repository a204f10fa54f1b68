//! A store that refuses, files that vanish, servers that ask for patience: what must hold all the
//! same.

use std::{path::Path, time::Duration};

use consign_bits::{JobState, Priority, ProxySettings, ProxyUsage};
use consign_testkit::{Body, Fault, Resource, server::Request};
use consign_transfer::{AutoComplete, Change, NewFile};
use tokio::time::{sleep, timeout};

use crate::bench::{Bench, check, check_with, open, settings};

const SOON: Duration = Duration::from_secs(15);

/// Works on the store behind the engine's back.
fn sql(folder: &Path, text: &str) {
    let connection = rusqlite::Connection::open(folder.join("state/transfer.db")).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    connection.execute_batch(text).unwrap();
}

/// The server waits on a thread of its own.
async fn wait_for_requests(bench: &Bench, fits: impl Fn(&[Request]) -> bool) {
    tokio::task::block_in_place(|| bench.server.wait_for(fits, SOON).map(drop)).unwrap();
}

#[test]
fn a_time_slice_of_zero_does_not_hang_the_engine() {
    let mut settings = settings();
    settings.jobs.time_slice = 0;
    check_with(settings, async |bench| {
        let first = bench.job_with("first", Resource::new("abc"), vec![]).await;
        let second = bench.job_with("second", Resource::new("abc"), vec![]).await;
        let both = async {
            let _ = tokio::join!(bench.engine.resume(first), bench.engine.resume(second));
            bench.wait(first, JobState::Transferred).await;
            bench.wait(second, JobState::Transferred).await;
        };
        assert!(timeout(SOON, both).await.is_ok(), "the engine answers no more");
    });
}

#[test]
fn a_first_commit_that_fails_leaves_no_job_stuck() {
    check(async |mut bench| {
        let done = bench.job_with("done", Resource::new("x"), vec![]).await;
        let waiting = bench.job_with("waiting", Resource::status(503), vec![]).await;
        for job in [done, waiting] {
            bench.engine.resume(job).await.unwrap();
        }
        bench.wait(done, JobState::Transferred).await;
        bench.wait(waiting, JobState::TransientError).await;
        bench.engine.shutdown().await;
        // As if the process had ended between `Complete`'s commit and its renames.
        sql(bench.folder.path(), "UPDATE jobs SET state = 101 WHERE display_name = 'done'");
        sql(bench.folder.path(), "CREATE TRIGGER refuse BEFORE INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'full'); END");
        bench.engine = open(bench.folder.path(), &bench.settings).await.unwrap();
        bench.engine.status().await.expect("reading needs no storing");
        sql(bench.folder.path(), "DROP TRIGGER refuse");
        bench.wait(done, JobState::Acknowledged).await;
        assert_eq!(bench.engine.job(waiting).await.unwrap().state, JobState::TransientError);
    });
}

#[test]
fn a_temporary_file_that_somebody_deleted_is_fetched_again() {
    check(async |bench| {
        let job = bench.job_with("a", Resource::new("new"), vec![]).await;
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        std::fs::remove_file(&bench.temporary_files()[0]).unwrap();
        let failure = bench.engine.complete(job).await.unwrap_err();
        assert!(failure.sentence.contains("resume the job to fetch it again"));
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        bench.engine.complete(job).await.expect("it was resumed, as the sentence says");
        assert_eq!(std::fs::read(bench.path("a")).unwrap(), b"new");
    });
}

#[test]
fn an_old_file_is_not_taken_for_the_new_one() {
    check(async |bench| {
        std::fs::write(bench.path("a"), "old").unwrap();
        let job = bench.job_with("a", Resource::new("the new version"), vec![]).await;
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        std::fs::remove_file(&bench.temporary_files()[0]).unwrap();
        let answer = bench.engine.complete(job).await;
        assert!(answer.is_err(), "{answer:?}, and the file holds {:?}", std::fs::read_to_string(bench.path("a")).unwrap());
    });
}

#[test]
fn no_spelling_of_a_url_shows_its_password() {
    check(async |bench| {
        let job = bench.job("a", vec![]).await;
        for url in [
            "http:/me:SECRET@127.0.0.1:9/x",
            "http:me:SECRET@127.0.0.1:9/x",
            "http:///me:SECRET@127.0.0.1:9/x",
            "http:\\\\me:SECRET@127.0.0.1:9/x",
        ] {
            let file = NewFile { remote_name: url.into(), local_name: bench.path("a"), ..NewFile::default() };
            let _ = bench.engine.add_files(job, vec![file]).await;
        }
        let shown: Vec<String> = bench.engine.files(job, 0, 9).await.unwrap().into_iter().map(|file| file.remote_name).collect();
        assert!(!shown.iter().any(|name| name.contains("SECRET")), "{shown:?}");
    });
}

#[test]
fn no_spelling_of_a_proxy_list_shows_its_password() {
    check(async |bench| {
        for list in ["http://a:b@one:1;http://c:SECRET@two:2", "http://one:1;http://c:SECRET@two:2", "http=one:1;https=c:SECRET@two:2"] {
            let proxy = ProxySettings { usage: ProxyUsage::Override, list: Some(list.into()), bypass: None };
            let job = bench.job("a", vec![Change::Proxy(proxy)]).await;
            let shown = bench.engine.job(job).await.unwrap().proxy.list.unwrap();
            assert!(!shown.contains("SECRET"), "{shown}");
        }
    });
}

#[test]
fn a_server_that_asks_to_be_left_alone_is_left_alone() {
    check(async |bench| {
        let busy = || Resource::new("x").always(Fault::status_later(503, consign_testkit::server::RetryAfter::Seconds(3600)));
        let job = bench.job_with("0", busy(), vec![]).await;
        for index in 1..150 {
            bench.server.set(&format!("/{index}"), busy());
            bench.add(job, &index.to_string()).await.unwrap();
        }
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::TransientError).await;
        let asked = bench.server.requests().len();
        assert!(asked <= 32, "{asked} requests after the first `Retry-After: 3600`");
    });
}

#[test]
fn auto_complete_does_not_give_up_files_that_were_added() {
    check(async |bench| {
        let job = bench.job_with("a", Resource::new("x"), vec![]).await;
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        bench.server.set("/b", Resource::new("y"));
        bench.add(job, "b").await.unwrap();
        bench.engine.change(job, vec![Change::AutoComplete(AutoComplete::On)]).await.unwrap();
        assert_eq!(bench.engine.job(job).await.unwrap().state, JobState::Transferred);
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Acknowledged).await;
        assert_eq!(std::fs::read(bench.path("b")).unwrap(), b"y");
    });
}

#[test]
fn what_could_not_be_stored_is_not_done_twice_at_once() {
    check(async |bench| {
        let body = Body::pattern(1, 1_000_000);
        let job = bench.job_with("a", Resource::new(body.clone()), vec![]).await;
        sql(bench.folder.path(), "CREATE TRIGGER refuse BEFORE INSERT ON files WHEN NEW.synced > 0 BEGIN SELECT RAISE(ABORT, 'full'); END");
        bench.engine.resume(job).await.unwrap();
        wait_for_requests(&bench, |requests| requests.iter().any(|request| request.finished)).await;
        bench.server.set("/a", Resource::new(body.clone()).then(Fault::stall(300_000)));
        while bench.engine.suspend(job).await.is_err() {}
        while bench.engine.resume(job).await.is_err() {}
        sql(bench.folder.path(), "DROP TRIGGER refuse");
        bench.server.release();
        bench.wait_until(job, |view| view.progress.files_transferred == 1).await;
        let answer = bench.engine.complete(job).await;
        let length = std::fs::metadata(bench.path("a")).map(|metadata| metadata.len());
        assert!(length.as_ref().map_or(true, |length| *length == 1_000_000), "{answer:?} with {length:?} bytes of 1000000");
    });
}

#[test]
fn temporary_files_are_found_when_the_database_is_gone() {
    check(async |bench| {
        let job = bench.job_with("a", Resource::new("x"), vec![]).await;
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        let lost = bench.temporary_files();
        bench.engine.shutdown().await;
        // As after a crash between setting the database aside and storing what was searched for.
        for name in ["transfer.db", "transfer.db-wal", "transfer.db-shm"] {
            let _ = std::fs::remove_file(bench.folder.path().join("state").join(name));
        }
        let engine = open(bench.folder.path(), &bench.settings).await.unwrap();
        assert_eq!(engine.status().await.unwrap().orphans, lost);
    });
}

#[test]
fn probes_keep_to_the_limit_of_connections() {
    let mut settings = settings();
    settings.fetch.at_once = 1;
    settings.fetch.stall_timeout = 30;
    check_with(settings, async |bench| {
        let hang = || Resource::new(Body::pattern(1, 1000)).always(Fault::NoAnswer);
        for index in 0..40 {
            let job = bench.job_with(&index.to_string(), hang(), vec![Change::Priority(Priority::Foreground)]).await;
            bench.engine.resume(job).await.unwrap();
        }
        // Time enough for several of the engine's ticks, at which it would ask.
        sleep(Duration::from_secs(2)).await;
        let open = bench.server.open_connections();
        assert!(open <= 4, "{open} connections, and fetch.at_once is 1");
    });
}

#[test]
fn a_job_that_waits_is_scavenged_too() {
    check(async |mut bench| {
        let waiting = bench.job_with("waiting", Resource::status(503), vec![]).await;
        let suspended = bench.job_with("suspended", Resource::new("x"), vec![]).await;
        bench.engine.resume(waiting).await.unwrap();
        bench.wait(waiting, JobState::TransientError).await;
        bench.settings.jobs.inactivity_timeout = 1;
        bench.restart().await;
        bench.wait(suspended, JobState::Cancelled).await;
        bench.wait(waiting, JobState::Cancelled).await;
    });
}
