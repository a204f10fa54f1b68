//! `Complete` and `Cancel`.

use std::os::unix::fs::symlink;

use consign_bits::{JobState, bits};
use consign_core::common::{ERROR_DIRECTORY, S_OK};
use consign_testkit::{Body, Fault, Resource};
use consign_transfer::{AutoComplete, Change, Listing};

use crate::bench::check;

#[test]
fn complete_with_one_of_three_files_keeps_that_one() {
    check(async |bench| {
        let body = Body::pattern(1, 1000);
        let job = bench.job_with("done", Resource::new(body.clone()), vec![]).await;
        for name in ["slow1", "slow2"] {
            bench.server.set(&format!("/{name}"), Resource::new(Body::pattern(2, 1_000_000)).always(Fault::stall(500_000)));
            bench.add(job, name).await.unwrap();
        }
        bench.engine.resume(job).await.unwrap();
        bench.wait_until(job, |view| view.progress.files_transferred == 1 && view.progress.bytes_transferred > 100_000).await;
        assert_eq!(bench.engine.complete(job).await.unwrap(), bits::BG_S_PARTIAL_COMPLETE);
        bench.assert_whole("done", &body);
        assert!(bench.temporary_files().is_empty());
        assert!(bench.engine.jobs(Listing::Live).await.unwrap().is_empty());
    });
}

#[test]
fn complete_fails_where_a_folder_has_the_name_and_works_once_it_is_gone() {
    check(async |bench| {
        let (a, b) = (Body::pattern(1, 1000), Body::pattern(2, 1000));
        let job = bench.job_with("a", Resource::new(a.clone()), vec![]).await;
        bench.server.set("/b", Resource::new(b.clone()));
        bench.add(job, "b").await.unwrap();
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        std::fs::create_dir(bench.path("b")).unwrap();
        assert_eq!(bench.engine.complete(job).await.unwrap_err().code, ERROR_DIRECTORY);
        assert_eq!(bench.engine.job(job).await.unwrap().state, JobState::Transferred);
        bench.assert_whole("a", &a);
        std::fs::remove_dir(bench.path("b")).unwrap();
        assert_eq!(bench.engine.complete(job).await.unwrap(), S_OK);
        bench.assert_whole("b", &b);
    });
}

#[test]
fn auto_complete_that_fails_is_an_error_of_the_job() {
    check(async |bench| {
        let job = bench.job_with("a", Resource::new("x").then(Fault::stall(0)), vec![Change::AutoComplete(AutoComplete::On)]).await;
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferring).await;
        std::fs::create_dir(bench.path("a")).unwrap();
        bench.server.release();
        let failed = bench.wait(job, JobState::Error).await;
        assert_eq!(failed.error.unwrap().failure.code, ERROR_DIRECTORY);
        std::fs::remove_dir(bench.path("a")).unwrap();
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Acknowledged).await;
        assert_eq!(std::fs::read(bench.path("a")).unwrap(), b"x");
    });
}

#[test]
fn cancel_leaves_nothing() {
    check(async |bench| {
        let job = bench.job_with("done", Resource::new("x"), vec![]).await;
        bench.server.set("/slow", Resource::new(Body::pattern(2, 1_000_000)).always(Fault::stall(500_000)));
        bench.add(job, "slow").await.unwrap();
        bench.engine.resume(job).await.unwrap();
        bench.wait_until(job, |view| view.progress.files_transferred == 1 && view.progress.bytes_transferred > 100_000).await;
        assert_eq!(bench.temporary_files().len(), 2);
        assert_eq!(bench.engine.cancel(job).await.unwrap(), S_OK);
        assert!(bench.temporary_files().is_empty());
        assert!(!bench.path("done").exists());
        assert_eq!(bench.engine.job(job).await.unwrap().state, JobState::Cancelled, "who has its id can still read it");
        assert_eq!(bench.engine.cancel(job).await.unwrap_err().code, bits::BG_E_INVALID_STATE);
    });
}

#[test]
fn a_link_planted_before_complete_is_replaced_and_not_followed() {
    check(async |bench| {
        let job = bench.job_with("a", Resource::new("new"), vec![]).await;
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        std::fs::write(bench.path("precious"), "precious").unwrap();
        symlink(bench.path("precious"), bench.path("a")).unwrap();
        bench.engine.complete(job).await.unwrap();
        assert_eq!(std::fs::read(bench.path("precious")).unwrap(), b"precious");
        assert!(bench.path("a").symlink_metadata().unwrap().is_file());
    });
}

#[test]
fn a_folder_that_became_a_link_is_refused() {
    check(async |bench| {
        std::fs::create_dir(bench.path("folder")).unwrap();
        std::fs::create_dir(bench.path("elsewhere")).unwrap();
        bench.server.set("/a", Resource::new("x"));
        let job = bench.job("a", vec![]).await;
        let file =
            consign_transfer::NewFile { remote_name: bench.server.url("/a"), local_name: bench.path("folder/a"), ..Default::default() };
        bench.engine.add_files(job, vec![file]).await.unwrap();
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        std::fs::rename(bench.path("folder"), bench.path("moved")).unwrap();
        symlink(bench.path("elsewhere"), bench.path("folder")).unwrap();
        assert_eq!(bench.engine.complete(job).await.unwrap_err().code, consign_core::common::ERROR_CANT_ACCESS_FILE);
        assert_eq!(std::fs::read_dir(bench.path("elsewhere")).unwrap().count(), 0);
    });
}
