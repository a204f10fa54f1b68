//! The life of a job, from nothing to a file under its name.

use consign_bits::{JobState, RangeSupport, bits};
use consign_core::common::S_OK;
use consign_testkit::{
    Body, Fault, Resource,
    server::{Framing, Ranges},
};
use consign_transfer::{AutoComplete, Change, Listing, NewJob};

use crate::bench::{check, check_with, settings};

#[test]
fn a_file_goes_from_the_server_to_its_name() {
    check(async |bench| {
        let body = Body::pattern(1, 3_000_000);
        let job = bench.job_with("a", Resource::new(body.clone()), vec![]).await;
        let new = bench.engine.job(job).await.unwrap();
        assert_eq!(new.state, JobState::Suspended);
        assert_eq!(new.progress.bytes_total, None, "the size is not known before the first contact");
        assert_eq!(bench.engine.resume(job).await.unwrap(), S_OK);
        let done = bench.wait(job, JobState::Transferred).await;
        assert_eq!(done.progress.bytes_total, Some(3_000_000));
        assert_eq!(done.progress.bytes_transferred, 3_000_000);
        assert_eq!((done.progress.files_total, done.progress.files_transferred), (1, 1));
        assert!(done.transferred.is_some() && done.error.is_none());
        assert!(!bench.path("a").exists(), "no name before Complete");
        let file = &bench.engine.files(job, 0, 10).await.unwrap()[0];
        body.check_file(file.temporary_name.as_ref().unwrap()).unwrap();
        assert_eq!(bench.engine.complete(job).await.unwrap(), S_OK);
        bench.assert_whole("a", &body);
        assert!(bench.temporary_files().is_empty());
        assert!(bench.engine.jobs(Listing::Live).await.unwrap().is_empty());
        assert_eq!(bench.engine.jobs(Listing::All).await.unwrap()[0].state, JobState::Acknowledged);
        assert_eq!(bench.engine.complete(job).await.unwrap_err().code, bits::BG_E_INVALID_STATE);
        assert_eq!(bench.engine.cancel(job).await.unwrap_err().code, bits::BG_E_INVALID_STATE);
    });
}

#[test]
fn auto_complete_needs_nobody() {
    check(async |bench| {
        let body = Body::pattern(2, 100_000);
        let job = bench.job_with("a", Resource::new(body.clone()), vec![Change::AutoComplete(AutoComplete::On)]).await;
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Acknowledged).await;
        bench.assert_whole("a", &body);
    });
}

#[test]
fn many_files_of_one_job_share_few_connections() {
    check(async |bench| {
        let job = bench.job("many", vec![Change::AutoComplete(AutoComplete::On)]).await;
        for number in 0..100 {
            let name = format!("file{number}");
            bench.server.set(&format!("/{name}"), Resource::new(Body::pattern(number, 4096)));
            bench.add(job, &name).await.unwrap();
        }
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Acknowledged).await;
        for number in 0..100 {
            bench.assert_whole(&format!("file{number}"), &Body::pattern(number, 4096));
        }
        let most = u64::from(bench.settings.fetch.files_at_once);
        let used = bench.server.connections();
        assert!(used <= most, "{used} connections for files that are fetched {most} at a time");
    });
}

#[test]
fn what_was_cut_goes_on_where_it_was() {
    check(async |bench| {
        let body = Body::pattern(3, 4_000_000);
        let job = bench.job_with("a", Resource::new(body.clone()).then(Fault::cut(1_500_000)), vec![]).await;
        bench.engine.resume(job).await.unwrap();
        let done = bench.wait(job, JobState::Transferred).await;
        assert_eq!(done.error_count, 0, "bytes were gained: it is the same attempt");
        let requests = bench.server.requests_for("/a");
        assert!(requests.len() >= 2 && requests.last().unwrap().range().is_some(), "{requests:?}");
        bench.engine.complete(job).await.unwrap();
        bench.assert_whole("a", &body);
    });
}

#[test]
fn suspend_keeps_what_is_here_and_resume_goes_on() {
    check(async |bench| {
        let body = Body::pattern(4, 2_000_000);
        let job = bench.job_with("a", Resource::new(body.clone()).then(Fault::stall(1_000_000)), vec![]).await;
        bench.engine.resume(job).await.unwrap();
        bench.wait_until(job, |view| view.progress.bytes_transferred >= 900_000).await;
        bench.engine.suspend(job).await.unwrap();
        let suspended = bench.engine.job(job).await.unwrap();
        assert_eq!(suspended.state, JobState::Suspended);
        assert!(suspended.waiting_because.unwrap().contains("resume"));
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        bench.engine.complete(job).await.unwrap();
        bench.assert_whole("a", &body);
    });
}

#[test]
fn a_server_without_ranges_works_and_the_job_says_so() {
    check(async |bench| {
        let body = Body::pattern(5, 1_000_000);
        let resource = Resource::new(body.clone()).ranges(Ranges::None).then(Fault::cut(400_000)).then(Fault::stall(500_000));
        let job = bench.job_with("a", resource, vec![]).await;
        bench.engine.resume(job).await.unwrap();
        let told = bench.wait_until(job, |view| view.remark.is_some()).await;
        assert!(told.remark.unwrap().contains("starts again"));
        assert_eq!(bench.engine.files(job, 0, 1).await.unwrap()[0].range_support, RangeSupport::No);
        bench.server.release();
        bench.wait(job, JobState::Transferred).await;
        bench.engine.complete(job).await.unwrap();
        bench.assert_whole("a", &body);
    });
}

#[test]
fn an_unknown_size_is_shown_as_unknown_until_the_end() {
    check(async |bench| {
        let body = Body::pattern(6, 300_000);
        let resource = Resource::new(body.clone()).framing(Framing::Chunked).then(Fault::stall(100_000));
        let job = bench.job_with("a", resource, vec![]).await;
        bench.engine.resume(job).await.unwrap();
        let moving = bench.wait_until(job, |view| view.progress.bytes_transferred > 0).await;
        assert_eq!(moving.progress.bytes_total, None);
        bench.server.release();
        let done = bench.wait(job, JobState::Transferred).await;
        assert_eq!(done.progress.bytes_total, Some(300_000));
        bench.engine.complete(job).await.unwrap();
        bench.assert_whole("a", &body);
    });
}

#[test]
fn the_sizes_of_files_that_wait_are_asked_for() {
    let mut settings = settings();
    settings.fetch.files_at_once = 1;
    check_with(settings, async |bench| {
        let job = bench.job_with("slow", Resource::new(Body::pattern(1, 1000)).faults_only_on("GET").then(Fault::stall(500)), vec![]).await;
        for number in 0..10 {
            let name = format!("file{number}");
            bench.server.set(&format!("/{name}"), Resource::new(Body::pattern(number, 100)));
            bench.add(job, &name).await.unwrap();
        }
        bench.engine.resume(job).await.unwrap();
        let known = bench.wait_until(job, |view| view.progress.bytes_total.is_some()).await;
        assert_eq!(known.progress.bytes_total, Some(2000));
        assert_eq!(known.progress.files_transferred, 0);
        bench.server.release();
        bench.wait(job, JobState::Transferred).await;
    });
}

#[test]
fn a_job_is_found_by_id_by_its_beginning_and_by_name() {
    check(async |bench| {
        let one = bench.job("one", vec![]).await;
        let two = bench.job("two", vec![]).await;
        let beginning = one.guid().simple()[..12].to_owned();
        for text in [one.to_string(), beginning, "one".into(), format!("{{{one}}}")] {
            assert_eq!(bench.engine.find(&text).await.unwrap(), one, "{text}");
        }
        bench.engine.create_job(NewJob { display_name: "two".into(), ..NewJob::default() }).await.unwrap();
        let several = bench.engine.find("two").await.unwrap_err();
        assert!(several.sentence.contains(&two.to_string()), "{several}");
        assert_eq!(bench.engine.find("three").await.unwrap_err().code, bits::BG_E_NOT_FOUND);
    });
}
