//! What goes wrong, and what the job says of it.

use consign_bits::{ErrorContext, JobState, bits};
use consign_core::common;
use consign_testkit::{Body, Fault, Resource, server::RetryAfter};
use consign_transfer::{AutoComplete, Change, NewFile};

use crate::bench::check;

#[test]
fn a_missing_file_stops_the_job_and_resume_tries_again() {
    check(async |bench| {
        let job = bench.job_with("a", Resource::status(404), vec![]).await;
        bench.engine.resume(job).await.unwrap();
        let failed = bench.wait(job, JobState::Error).await;
        let error = failed.error.unwrap();
        assert_eq!((error.failure.code, error.failure.context), (bits::http_error(404), ErrorContext::RemoteFile));
        assert_eq!(error.file.unwrap().0, 0);
        assert_eq!(error.protocol, Some("http"));
        assert_eq!(failed.error_count, 1);
        assert!(failed.waiting_because.unwrap().contains("resume it once the cause is gone"));
        bench.server.set("/a", Resource::new("here now"));
        bench.engine.resume(job).await.unwrap();
        let done = bench.wait(job, JobState::Transferred).await;
        assert!(done.error.is_none(), "bytes moved: the error is history");
        assert_eq!(done.error_count, 1, "the count is never reset");
    });
}

#[test]
fn an_unavailable_server_is_tried_again_by_itself() {
    check(async |bench| {
        let changes = vec![Change::MinimumRetryDelay(1)];
        let job = bench.job_with("a", Resource::new("x").then(Fault::status(503)).then(Fault::status(503)), changes).await;
        bench.engine.resume(job).await.unwrap();
        let waiting = bench.wait(job, JobState::TransientError).await;
        assert!(waiting.next_attempt.is_some() && waiting.waiting_because.is_some());
        let done = bench.wait(job, JobState::Transferred).await;
        assert_eq!(done.error_count, 2);
    });
}

#[test]
fn retry_after_is_honoured() {
    check(async |bench| {
        let fault = Fault::status_later(503, RetryAfter::Seconds(3000));
        let job = bench.job_with("a", Resource::new("x").then(fault), vec![Change::MinimumRetryDelay(1)]).await;
        bench.engine.resume(job).await.unwrap();
        let waiting = bench.wait(job, JobState::TransientError).await;
        let wait = waiting.next_attempt.unwrap().since(waiting.modified);
        assert!((2990..=3000).contains(&wait.as_secs()), "{wait:?}");
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
    });
}

#[test]
fn without_a_no_progress_timeout_the_first_error_is_final() {
    check(async |bench| {
        let job = bench.job_with("a", Resource::status(503), vec![Change::NoProgressTimeout(0)]).await;
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Error).await;
    });
}

#[test]
fn one_file_that_waits_does_not_keep_the_others() {
    check(async |bench| {
        let job = bench.job_with("late", Resource::status(503), vec![]).await;
        for number in 0..20 {
            let name = format!("file{number}");
            bench.server.set(&format!("/{name}"), Resource::new("x"));
            bench.add(job, &name).await.unwrap();
        }
        bench.engine.resume(job).await.unwrap();
        let waiting = bench.wait(job, JobState::TransientError).await;
        assert_eq!(waiting.progress.files_transferred, 20);
        assert_eq!(waiting.error.unwrap().file.unwrap().0, 0);
    });
}

#[test]
fn a_wrong_checksum_never_counts_as_transferred() {
    check(async |bench| {
        bench.server.set("/a", Resource::new("content"));
        let job = bench.job("a", vec![Change::AutoComplete(AutoComplete::On)]).await;
        let checksum = format!("sha256:{}", "00".repeat(32)).parse().unwrap();
        let file =
            NewFile { remote_name: bench.server.url("/a"), local_name: bench.path("a"), checksum: Some(checksum), ..NewFile::default() };
        bench.engine.add_files(job, vec![file]).await.unwrap();
        bench.engine.resume(job).await.unwrap();
        let failed = bench.wait(job, JobState::Error).await;
        assert_eq!(failed.error.unwrap().failure.code, bits::BG_E_VALIDATION_FAILED);
        assert_eq!(failed.progress.bytes_transferred, 0);
        assert!(!bench.path("a").exists());
    });
}

#[test]
fn a_folder_that_vanished_is_named_and_can_come_back() {
    check(async |bench| {
        let folder = bench.path("folder");
        std::fs::create_dir(&folder).unwrap();
        bench.server.set("/a", Resource::new(Body::pattern(1, 100)));
        let job = bench.job("a", vec![]).await;
        let file = NewFile { remote_name: bench.server.url("/a"), local_name: folder.join("a"), ..NewFile::default() };
        bench.engine.add_files(job, vec![file]).await.unwrap();
        std::fs::remove_dir(&folder).unwrap();
        bench.engine.resume(job).await.unwrap();
        let failed = bench.wait(job, JobState::Error).await;
        let failure = failed.error.unwrap().failure;
        assert_eq!((failure.code, failure.context), (common::ERROR_PATH_NOT_FOUND, ErrorContext::LocalFile));
        std::fs::create_dir(&folder).unwrap();
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
    });
}

#[test]
fn the_maximum_download_time_ends_the_attempt() {
    check(async |bench| {
        let job = bench.job_with("a", Resource::new("abc").always(Fault::stall(1)), vec![Change::MaximumDownloadTime(1)]).await;
        bench.engine.resume(job).await.unwrap();
        let failed = bench.wait(job, JobState::Error).await;
        assert_eq!(failed.error.unwrap().failure.code, bits::BG_E_MAXDOWNLOAD_TIMEOUT);
    });
}
