//! No room left where the jobs are stored, while there is some where their files go.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use consign_bits::{Failure, JobId, JobState};
use consign_core::common;
use consign_testkit::{Body, Fault, Resource, server::Request};
use consign_transfer::{AutoComplete, Change, JobView, Listing};

use crate::{
    bench::{Bench, check_prepared, settings},
    namespace::{Own, inside, shell},
};

/// For what happens at once, unless the machine is busy.
const SOON: Duration = Duration::from_secs(30);

/// What is known of a job by what was answered.
#[derive(Clone, Debug, PartialEq)]
struct Promised {
    description: String,
    files: u32,
    state: JobState,
}

impl Promised {
    fn of(view: &JobView) -> Self {
        Self { description: view.description.clone(), files: view.progress.files_total, state: view.state }
    }
}

/// The answer, or the one refusal that is honest here.
fn told<T>(answer: Result<T, Failure>) -> Option<T> {
    match answer {
        Ok(value) => Some(value),
        Err(failure) => {
            assert_eq!(failure.code, common::ERROR_DISK_FULL, "{failure:?}");
            None
        }
    }
}

fn fill(path: &Path) {
    let mut ballast = std::fs::File::create(path).unwrap();
    for size in [65_536, 4096, 512, 1] {
        while ballast.write_all(&vec![1; size]).is_ok() {}
    }
}

#[test]
fn without_room_for_the_store_nothing_is_half_done() {
    let name = "full::without_room_for_the_store_nothing_is_half_done";
    if !inside(name, Own::Mounts, "mount -t tmpfs -o size=1m none /mnt") {
        return;
    }
    let mount = |folder: &Path| {
        let state = folder.join("state");
        std::fs::create_dir(&state).unwrap();
        shell(&format!("mount -t tmpfs -o size=4m,mode=0700 none {}", state.display()));
    };
    check_prepared(settings(), mount, async |mut bench| {
        let ballast = bench.folder.path().join("state/ballast");
        let body = Body::pattern(7, 3_000_000);
        let fault = Fault::stall(1_000_000);
        let changes = || vec![Change::MinimumRetryDelay(1), Change::AutoComplete(AutoComplete::On)];
        let running = bench.job_with("running", Resource::new(body.clone()).then(fault), changes()).await;
        bench.engine.resume(running).await.unwrap();
        tokio::task::block_in_place(|| bench.server.wait_stalled(1, SOON)).unwrap();

        fill(&ballast);
        let mut promised = BTreeMap::new();
        let refused = many_calls(&bench, &mut promised).await;
        assert!(refused > 0, "the disk is not full");
        compare(&bench, running, &promised).await;
        // The file comes to its end meanwhile. Its disk has room, but nothing can be noted of it.
        bench.server.release();
        let sent = |requests: &[Request]| requests.iter().any(|request| request.path == "/running" && request.finished);
        tokio::task::block_in_place(|| bench.server.wait_for(sent, SOON)).unwrap();
        assert!(many_calls(&bench, &mut promised).await > 0);

        std::fs::remove_file(&ballast).unwrap();
        bench.wait(running, JobState::Acknowledged).await;
        bench.assert_whole("running", &body);
        compare(&bench, running, &promised).await;
        assert_eq!(many_calls(&bench, &mut promised).await, 0, "there is room again");
        compare(&bench, running, &promised).await;

        bench.restart().await;
        compare(&bench, running, &promised).await;
        assert_eq!(bench.engine.job(running).await.unwrap().state, JobState::Acknowledged);
        assert_eq!(bench.temporary_files(), Vec::<PathBuf>::new());
    });
}

/// Makes jobs and changes them until one of the calls was refused for good, and keeps account of what
/// was answered. How many were refused.
async fn many_calls(bench: &Bench, promised: &mut BTreeMap<JobId, Promised>) -> u32 {
    let engine = &bench.engine;
    let mut refused = 0;
    let mut count = |is_refused: bool| refused += u32::from(is_refused);
    // Enough to fill what the log of the store still has room for.
    for number in 0..40 {
        let new = consign_transfer::NewJob { display_name: format!("job {number}"), ..Default::default() };
        let Some(job) = told(engine.create_job(new).await) else {
            count(true);
            continue;
        };
        let mut known = Promised { description: String::new(), files: 0, state: JobState::Suspended };
        match told(bench.add(job, "running").await) {
            Some(()) => known.files += 1,
            None => count(true),
        }
        let description = format!("{number} {}", "x".repeat(1000));
        match told(engine.change(job, vec![Change::Description(description.clone())]).await) {
            Some(()) => known.description = description,
            None => count(true),
        }
        promised.insert(job, known);
        if number % 2 == 0 {
            match told(engine.cancel(job).await) {
                Some(_) => drop(promised.remove(&job)),
                None => count(true),
            }
        }
    }
    refused
}

/// What the engine lists is what was answered, no more and no less.
async fn compare(bench: &Bench, running: JobId, promised: &BTreeMap<JobId, Promised>) {
    let listed = bench.engine.jobs(Listing::Live).await.unwrap();
    let listed: BTreeMap<_, _> = listed.iter().filter(|view| view.id != running).map(|view| (view.id, Promised::of(view))).collect();
    assert_eq!(&listed, promised);
}
