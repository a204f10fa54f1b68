//! What outlives the engine.

use consign_bits::{JobState, NotifyFlags, Priority, ProxySettings, ProxyUsage, SecurityFlags};
use consign_testkit::{Body, Fault, Resource};
use consign_transfer::{AutoComplete, Change, JobView, Listing};

use crate::bench::{check, open};

#[test]
fn every_property_comes_back() {
    check(async |mut bench| {
        let changes = vec![
            Change::Description("described".into()),
            Change::Priority(Priority::Low),
            Change::MinimumRetryDelay(77),
            Change::NoProgressTimeout(88),
            Change::MaximumDownloadTime(99),
            Change::AutoComplete(AutoComplete::On),
            Change::NotifyFlags(NotifyFlags::JOB_ERROR),
            Change::Proxy(ProxySettings { usage: ProxyUsage::Override, list: Some("http://p:1".into()), bypass: Some("<local>".into()) }),
            Change::SecurityFlags(SecurityFlags::REDIRECT_DISALLOW),
        ];
        let job = bench.job_with("a", Resource::status(404), changes).await;
        let before = bench.engine.job(job).await.unwrap();
        let files = bench.engine.files(job, 0, 9).await.unwrap();
        bench.restart().await;
        assert_eq!(bench.engine.job(job).await.unwrap(), before);
        assert_eq!(bench.engine.files(job, 0, 9).await.unwrap(), files);
    });
}

#[test]
fn a_running_job_goes_on_by_itself_where_it_was() {
    check(async |mut bench| {
        let body = Body::pattern(1, 3_000_000);
        let resource = Resource::new(body.clone()).then(Fault::stall(2_000_000));
        let job = bench.job_with("a", resource, vec![Change::AutoComplete(AutoComplete::On)]).await;
        bench.engine.resume(job).await.unwrap();
        bench.wait_until(job, |view| view.progress.bytes_transferred >= 1_900_000).await;
        bench.restart().await;
        bench.wait(job, JobState::Acknowledged).await;
        bench.assert_whole("a", &body);
        let last = bench.server.requests_for("/a").pop().unwrap();
        assert!(last.range().is_some(), "it went on and did not begin again: {last:?}");
    });
}

#[test]
fn states_that_wait_for_somebody_stay_and_errors_are_remembered() {
    check(async |mut bench| {
        let failed = bench.job_with("failed", Resource::status(404), vec![]).await;
        let transferred = bench.job_with("transferred", Resource::new("x"), vec![]).await;
        let waiting = bench.job_with("waiting", Resource::status(503), vec![]).await;
        let suspended = bench.job_with("suspended", Resource::new("x"), vec![]).await;
        for job in [failed, transferred, waiting] {
            bench.engine.resume(job).await.unwrap();
        }
        let mut before = vec![
            bench.wait(failed, JobState::Error).await,
            bench.wait(transferred, JobState::Transferred).await,
            bench.wait(waiting, JobState::TransientError).await,
        ];
        before.push(bench.engine.job(suspended).await.unwrap());
        bench.restart().await;
        let essence = |view: &JobView| (view.id, view.state, view.error.clone(), view.error_count, view.transferred, view.progress);
        for view in before {
            let after = bench.engine.job(view.id).await.unwrap();
            assert_eq!(essence(&after), essence(&view));
        }
        let due = bench.engine.job(waiting).await.unwrap().next_attempt.unwrap();
        assert!(
            due.since(consign_core::Clock::now(&consign_core::SystemClock).wall).as_secs() > 500,
            "the wait is not begun anew or dropped"
        );
    });
}

#[test]
fn finished_jobs_are_remembered_for_a_while() {
    check(async |mut bench| {
        bench.settings.jobs.history_length = 1;
        bench.restart().await;
        let first = bench.job("first", vec![]).await;
        let second = bench.job("second", vec![]).await;
        bench.engine.cancel(first).await.unwrap();
        bench.engine.cancel(second).await.unwrap();
        bench.restart().await;
        let all = bench.engine.jobs(Listing::All).await.unwrap();
        assert_eq!(all.iter().map(|view| view.id).collect::<Vec<_>>(), [second]);
    });
}

#[test]
fn the_files_of_a_job_that_has_ended_are_shown_as_they_were() {
    check(async |mut bench| {
        let job = bench.job_with("a", Resource::new(Body::pattern(1, 1000)), vec![]).await;
        for (name, size) in [("b", 2000), ("c", 3000)] {
            bench.server.set(&format!("/{name}"), Resource::new(Body::pattern(2, size)));
            bench.add(job, name).await.unwrap();
        }
        bench.engine.resume(job).await.unwrap();
        let before = bench.wait(job, JobState::Transferred).await.progress;
        bench.engine.complete(job).await.unwrap();
        for _ in 0..2 {
            assert_eq!(bench.engine.job(job).await.unwrap().progress, before);
            let files = bench.engine.files(job, 0, u32::MAX).await.unwrap();
            let shown: Vec<_> = files.iter().map(|file| (file.index, file.local_name.clone(), file.bytes_total, file.completed)).collect();
            assert_eq!(
                shown,
                [(0, bench.path("a"), Some(1000), true), (1, bench.path("b"), Some(2000), true), (2, bench.path("c"), Some(3000), true)]
            );
            assert_eq!(bench.engine.files(job, 1, 1).await.unwrap(), files[1..2]);
            assert!(bench.engine.files(job, 3, 9).await.unwrap().is_empty());
            bench.restart().await;
        }
    });
}

#[test]
fn a_database_that_cannot_be_read_is_set_aside_and_its_temporary_files_are_found() {
    check(async |bench| {
        let job = bench.job_with("a", Resource::new("x"), vec![]).await;
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        let lost = bench.temporary_files();
        assert_eq!(lost.len(), 1);
        bench.engine.shutdown().await;
        let database = bench.folder.path().join("state/transfer.db");
        std::fs::write(&database, b"this is no database at all, and it is long enough to be looked at").unwrap();
        let engine = open(bench.folder.path(), &bench.settings).await.unwrap();
        let status = engine.status().await.unwrap();
        assert!(std::fs::read(status.set_aside.unwrap()).unwrap().starts_with(b"this is no database"));
        assert_eq!(status.orphans, lost);
        engine.shutdown().await;
        let engine = open(bench.folder.path(), &bench.settings).await.unwrap();
        assert_eq!(engine.status().await.unwrap().orphans, lost, "they are remembered until somebody deletes them");
        engine.shutdown().await;
        std::fs::remove_file(&lost[0]).unwrap();
        let engine = open(bench.folder.path(), &bench.settings).await.unwrap();
        assert_eq!(engine.status().await.unwrap().orphans, Vec::<std::path::PathBuf>::new());
    });
}

#[test]
fn calls_after_the_end_say_so() {
    check(async |bench| {
        bench.engine.shutdown().await;
        let refused = bench.engine.jobs(Listing::Live).await.unwrap_err();
        assert_eq!(refused.code, consign_core::common::ERROR_SHUTDOWN_IN_PROGRESS);
    });
}
