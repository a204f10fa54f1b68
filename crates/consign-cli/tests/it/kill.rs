//! The service killed at random moments of a scripted workload: every job ends as promised, every
//! file is byte for byte what the server has, no temporary file is left.
//!
//! `CONSIGN_KILLS` says how often, `CONSIGN_TEST_SEED` repeats a run:
//!
//! ```text
//! CONSIGN_KILLS=200 cargo test -p consign-cli --test it kill:: -- --nocapture
//! ```

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use consign::{
    AutoComplete, Change, Client, ConnectOptions, Error, Job, JobId, JobState, JobType, Listing, NewFile, Paths, Priority, bits,
};
use consign_testkit::{
    Body, Close, Dice, Fault, Resource, Server,
    server::{Framing, Ranges},
};

/// So many kills in an ordinary run of the tests.
const KILLS: u64 = 15;

/// The longest time between a start and the kill.
const LIFE: Duration = Duration::from_millis(600);

/// Nothing here takes so long: a run that does not end is a failure.
const LIMIT: Duration = Duration::from_secs(900);

/// What a job of the script is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The service completes it.
    AutoComplete,
    /// The script completes it when it is transferred.
    Complete,
    /// The script cancels it on the way.
    Cancel,
}

/// What the script has been promised so far.
struct Planned {
    name: String,
    fate: Fate,
    /// Names and contents.
    files: Vec<(String, Body)>,
    id: Option<JobId>,
    resumed: bool,
    ended: bool,
}

struct Workload {
    folder: PathBuf,
    server: Server,
    jobs: Vec<Planned>,
}

#[test]
fn a_service_that_is_killed_again_and_again_keeps_every_promise() {
    let kills = std::env::var("CONSIGN_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let mut dice = Dice::from_environment();
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("files");
    std::fs::create_dir(&destination).unwrap();
    write_settings(folder.path());
    let mut workload = Workload { folder: destination.clone(), server: Server::start().unwrap(), jobs: Vec::new() };
    let options = ConnectOptions {
        paths: Some(Paths::under(folder.path())),
        program: Some(env!("CARGO_BIN_EXE_consign").into()),
        ..ConnectOptions::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let script = async {
            for kill in 0..kills {
                workload.plan(kill, &mut dice);
                let client = Client::connect_with(options.clone()).await.unwrap();
                let process = client.status().await.unwrap().process_id;
                let life = dice.time_up_to(LIFE);
                tokio::select! {
                    () = workload.go_on(&client, &mut dice) => {}
                    () = tokio::time::sleep(life) => {}
                }
                kill_process(process);
                client.closed().await;
            }
            let client = Client::connect_with(options.clone()).await.unwrap();
            workload.finish(&client, &mut dice).await;
            client.stop().await.unwrap();
        };
        tokio::time::timeout(LIMIT, script).await.expect("the script did not end in time");
    });
    workload.assert_kept(&destination);
    println!("{kills} kills, {} jobs: every promise kept", workload.jobs.len());
}

/// No waits that a test would have to sit through, no limits, and turns that are short enough to
/// be taken.
fn write_settings(folder: &Path) {
    std::fs::create_dir_all(folder.join("config")).unwrap();
    let settings = "[limits]\njobs_per_user = 10000\njobs_per_machine = 10000\n\n[jobs]\nminimum_retry_delay_floor = 0\ntime_slice = 1\n\n[fetch]\nstall_timeout = 3\n";
    std::fs::write(folder.join("config/consign.toml"), settings).unwrap();
}

fn kill_process(id: u32) {
    let process = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw).unwrap();
    // It may have ended by itself.
    let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
}

impl Workload {
    /// A new job for the script, with files and faults as the dice fall.
    fn plan(&mut self, number: u64, dice: &mut Dice) {
        let fate = *dice.one_of(&[Fate::AutoComplete, Fate::AutoComplete, Fate::Complete, Fate::Cancel]).unwrap();
        let files = (0..dice.within(1..5)).map(|index| {
            let name = format!("job{number}-{index}");
            let body = Body::pattern(dice.number(), dice.within(0..3_000_000));
            let mut resource = Resource::new(body.clone());
            resource = match dice.within(0..8) {
                0 => resource.then(Fault::cut(dice.within(0..1_000_000))),
                1 => resource.then(Fault::status(503)),
                2 => resource.ranges(Ranges::None),
                3 => resource.framing(Framing::Chunked),
                4 => resource.then(Fault::CloseBeforeAnswer(Close::Reset)),
                5 => resource.etag(None),
                _ => resource.then_times(3, Fault::slow(2_000_000)),
            };
            self.server.set(&format!("/{name}"), resource);
            (name, body)
        });
        let files = files.collect();
        self.jobs.push(Planned { name: format!("job{number}"), fate, files, id: None, resumed: false, ended: false });
    }

    /// Does for each job what comes next, until the service is gone.
    async fn go_on(&mut self, client: &Client, dice: &mut Dice) {
        loop {
            for index in 0..self.jobs.len() {
                match self.advance(index, client, dice).await {
                    Ok(()) => {}
                    Err(Error::Disconnected) => return,
                    // It moved on between the look and the call.
                    Err(error) if error.code() == bits::BG_E_INVALID_STATE => {}
                    Err(error) => panic!("{}: {error}", self.jobs[index].name),
                }
            }
            // The script is not in a hurry, so that kills fall into the transfers.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn advance(&mut self, index: usize, client: &Client, dice: &mut Dice) -> consign::Result<()> {
        let files: Vec<NewFile> = {
            let planned = &self.jobs[index];
            if planned.ended {
                return Ok(());
            }
            let file = |name: &String| NewFile {
                remote_name: self.server.url(&format!("/{name}")),
                local_name: self.folder.join(name),
                ..NewFile::default()
            };
            planned.files.iter().map(|(name, _)| file(name)).collect()
        };
        let planned = &mut self.jobs[index];
        let Some(id) = planned.id else {
            let job = client.create_job(&planned.name, JobType::Download).await?;
            planned.id = Some(job.id());
            return Ok(());
        };
        let job = client.job(id);
        // A `Resume` whose answer the kill took along may have brought the job to its end meanwhile.
        if !planned.resumed && !job.state().await?.is_final() {
            // Whether an unanswered call was carried out is seen by looking: all or nothing.
            let there = job.files().await?.len();
            if there == 0 {
                job.add_files(files).await?;
            } else {
                assert_eq!(there, files.len(), "{}: files are added all or not at all", planned.name);
            }
            let mut changes = vec![Change::MinimumRetryDelay(0), Change::Priority(*dice.one_of(Priority::ALL).unwrap())];
            if planned.fate == Fate::AutoComplete {
                changes.push(Change::AutoComplete(AutoComplete::On));
            }
            job.set(changes).await?;
            job.resume().await?;
            planned.resumed = true;
            return Ok(());
        }
        let snapshot = job.snapshot().await?;
        match (snapshot.state, planned.fate) {
            (JobState::Acknowledged, Fate::AutoComplete | Fate::Complete) | (JobState::Cancelled, Fate::Cancel) => planned.ended = true,
            (JobState::Error | JobState::Cancelled | JobState::Acknowledged, _) => panic!("{}: {snapshot:?}", planned.name),
            (JobState::Transferred, Fate::Complete) => {
                job.complete().await?;
            }
            (_, Fate::Cancel) if snapshot.progress.bytes_transferred > 0 || dice.within(0..4) == 0 => {
                job.cancel().await?;
            }
            (JobState::Suspended, _) => {
                job.resume().await?;
            }
            _ if dice.within(0..10) == 0 => {
                job.suspend().await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Lets every job come to its end, undisturbed.
    async fn finish(&mut self, client: &Client, dice: &mut Dice) {
        while self.jobs.iter().any(|job| !job.ended) {
            for index in 0..self.jobs.len() {
                match self.advance(index, client, dice).await {
                    Err(error) if error.code() == bits::BG_E_INVALID_STATE => {}
                    other => other.unwrap(),
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // A job whose creation was never answered may be there; nobody was promised it.
        let known: BTreeMap<JobId, ()> = self.jobs.iter().filter_map(|job| Some((job.id?, ()))).collect();
        for summary in client.jobs(Listing::Live).await.unwrap() {
            assert!(!known.contains_key(&summary.id), "it has ended: {summary:?}");
            Job::cancel(&client.job(summary.id)).await.unwrap();
        }
    }

    fn assert_kept(&self, folder: &Path) {
        let mut expected: Vec<PathBuf> = Vec::new();
        for job in self.jobs.iter().filter(|job| job.fate != Fate::Cancel) {
            for (name, body) in &job.files {
                let path = folder.join(name);
                body.check_file(&path).unwrap_or_else(|difference| panic!("{name} of {}: {difference}", job.name));
                expected.push(path);
            }
        }
        let mut found: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "nothing but the files that were asked for");
    }
}
