//! Who runs when.

use consign_bits::{JobState, Priority};
use consign_testkit::{Fault, Resource};
use consign_transfer::Change;

use crate::bench::{check, check_with, settings};

#[test]
fn foreground_jobs_run_beside_the_one_background_job() {
    check(async |bench| {
        let stalled = || Resource::new("abc").then(Fault::stall(1));
        let first = bench.job_with("first", stalled(), vec![]).await;
        let second = bench.job_with("second", stalled(), vec![]).await;
        let front = bench.job_with("front", stalled(), vec![Change::Priority(Priority::Foreground)]).await;
        for job in [first, second, front] {
            bench.engine.resume(job).await.unwrap();
        }
        bench.wait(first, JobState::Transferring).await;
        bench.wait(front, JobState::Transferring).await;
        let waiting = bench.engine.job(second).await.unwrap();
        assert_eq!(waiting.state, JobState::Queued);
        assert_eq!(waiting.waiting_because.as_deref(), Some("another job has its turn: first"));
        bench.server.release();
        for job in [first, second, front] {
            bench.wait_until(job, |view| view.state != JobState::Queued).await;
        }
    });
}

#[test]
fn a_higher_priority_takes_the_place() {
    check(async |bench| {
        let low = bench.job_with("low", Resource::new("abc").then(Fault::stall(1)), vec![Change::Priority(Priority::Low)]).await;
        let high = bench.job_with("high", Resource::new("abc").then(Fault::stall(1)), vec![]).await;
        bench.engine.resume(low).await.unwrap();
        bench.wait(low, JobState::Transferring).await;
        bench.engine.resume(high).await.unwrap();
        bench.wait(high, JobState::Transferring).await;
        assert_eq!(bench.engine.job(low).await.unwrap().state, JobState::Queued);
        bench.engine.change(low, vec![Change::Priority(Priority::High)]).await.unwrap();
        bench.wait_until(high, |view| view.state == JobState::Queued).await;
        bench.wait(low, JobState::Transferred).await;
        bench.wait(high, JobState::Transferred).await;
    });
}

#[test]
fn equal_jobs_take_turns_in_slices() {
    let mut settings = settings();
    settings.jobs.time_slice = 1;
    settings.fetch.stall_timeout = 30;
    check_with(settings, async |bench| {
        let first = bench.job_with("first", Resource::new("abc").then(Fault::stall(1)).then(Fault::stall(0)), vec![]).await;
        let second = bench.job_with("second", Resource::new("abc").then(Fault::stall(1)).then(Fault::stall(0)), vec![]).await;
        bench.engine.resume(first).await.unwrap();
        bench.wait(first, JobState::Transferring).await;
        bench.engine.resume(second).await.unwrap();
        bench.wait(second, JobState::Transferring).await;
        assert_eq!(bench.engine.job(first).await.unwrap().state, JobState::Queued);
        bench.wait_until(first, |view| view.state != JobState::Queued).await;
    });
}

#[test]
fn a_job_that_cannot_progress_gives_up_its_turn() {
    check(async |bench| {
        let stuck = bench.job_with("stuck", Resource::status(503), vec![Change::Priority(Priority::High)]).await;
        let other = bench.job_with("other", Resource::new("x"), vec![Change::Priority(Priority::Low)]).await;
        bench.engine.resume(stuck).await.unwrap();
        bench.engine.resume(other).await.unwrap();
        bench.wait(other, JobState::Transferred).await;
        assert_eq!(bench.engine.job(stuck).await.unwrap().state, JobState::TransientError);
    });
}
