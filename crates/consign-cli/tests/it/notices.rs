//! Service, client and server of a class killed at random moments: every event is heard at least once,
//! in order, always with the same id, and no server is left.
//!
//! `CONSIGN_KILLS` says how often each of the three is killed, `CONSIGN_TEST_SEED` repeats a run:
//!
//! ```text
//! CONSIGN_KILLS=200 cargo test -p consign-cli --test it notices:: -- --nocapture
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use consign::{
    BackgroundCopyCallback, Change, Client, EventId, Guid, Hresult, Job, JobError, JobId, JobOptions, JobState, JobType, Listing, NewFile,
    NotifyFlags, Server, bits,
    common::{E_FAIL, S_OK},
};
use consign_testkit::{Dice, Fault, Process, Resource};

use crate::roles::{self, kill, options};

/// So many kills of each in an ordinary run of the tests.
const KILLS: u64 = 8;

/// The longest time between two kills.
const LIFE: Duration = Duration::from_millis(150);

/// Nothing here takes so long: a run that does not end is a failure.
const LIMIT: Duration = Duration::from_secs(900);

/// The test that plays them.
const ROLES: &str = "notices::plays_its_role";

const CLASS: &str = "1f0dbe2c-58f1-4d7e-9d51-3d1d7d1c7b55";

/// What this program does when the test below or the service starts it again.
#[test]
fn plays_its_role() {
    let (Ok(role), Some(folder)) = (env::var("TEST_ROLE"), env::var_os("TEST_FOLDER")) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        match role.as_str() {
            "client" => be_client(folder.as_ref()).await,
            // The service may be gone before it has begun.
            _ => drop(Server::new().class_with(CLASS.parse().unwrap(), || Recorder("server")).run().await),
        }
    });
}

/// Registers an object for every second job, for ever.
async fn be_client(folder: &Path) {
    loop {
        let Ok(client) = Client::connect_with(options(folder)).await else { continue };
        let mut known = BTreeSet::new();
        while let Ok(jobs) = client.jobs(Listing::Live).await {
            for job in jobs.into_iter().filter(|job| is_clients(&job.display_name)) {
                if known.insert(job.id) {
                    // It may end in this moment.
                    let _ = client.job(job.id).set_notify_interface(Recorder("client")).await;
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn is_clients(name: &str) -> bool {
    name.trim_start_matches("job").parse::<u64>().is_ok_and(|number| number.is_multiple_of(2))
}

/// Writes down what it hears, and ends the job.
struct Recorder(&'static str);

impl Recorder {
    fn note(&self, kind: &str, job: &Job, event: EventId) {
        let path = Path::new(&env::var_os("TEST_FOLDER").unwrap()).join("log");
        let mut log = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        // One write: a line is there whole or not at all.
        log.write_all(format!("{} {kind} {} {event}\n", self.0, job.id()).as_bytes()).unwrap();
    }

    /// Now and then a receiver does not want to hear it yet.
    fn refuses() -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        now.subsec_micros().is_multiple_of(8)
    }
}

impl BackgroundCopyCallback for Recorder {
    async fn job_transferred(&self, job: Job, event: EventId) -> Hresult {
        self.note("transferred", &job, event);
        if !Self::refuses() && job.complete().await.is_ok() { S_OK } else { E_FAIL }
    }

    async fn job_error(&self, job: Job, error: JobError, event: EventId) -> Hresult {
        assert_eq!(error.failure.code, bits::http_error(404));
        self.note("error", &job, event);
        if !Self::refuses() && job.cancel().await.is_ok() { S_OK } else { E_FAIL }
    }

    async fn file_transferred(&self, job: Job, file: u32, event: EventId) -> Hresult {
        self.note(&format!("file{file}"), &job, event);
        if Self::refuses() { E_FAIL } else { S_OK }
    }
}

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Service,
    Client,
    Server,
}

/// A job that was promised.
struct Planned {
    id: JobId,
    files: u32,
    fails: bool,
}

struct Bench {
    folder: PathBuf,
    web: consign_testkit::Server,
    client: Client,
    applications: Process,
    jobs: Vec<Planned>,
}

#[test]
fn killed_again_and_again_everybody_hears_everything() {
    let kills = env::var("CONSIGN_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let mut dice = Dice::from_environment();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    write_settings(&path);
    let web = consign_testkit::Server::start().unwrap();
    web.set("/file", Resource::new("abc"));
    let slow = Resource::new(vec![7; 300_000]);
    web.set("/slow", (0..1000).fold(slow, |slow, _| slow.then(Fault::slow(3_000_000))));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (jobs, log) = runtime.block_on(async {
        let script = async {
            let client = Client::connect_with(options(&path)).await.unwrap();
            client.register_class(&format!("clsid = '{CLASS}'\n{}", roles::exec(&path, "server", ROLES))).await.unwrap();
            let mut bench =
                Bench { applications: roles::start(&path, "client", ROLES), folder: path.clone(), web, client, jobs: Vec::new() };
            let mut victims: Vec<Victim> =
                [Victim::Service, Victim::Client, Victim::Server].into_iter().flat_map(|victim| (0..kills).map(move |_| victim)).collect();
            while !victims.is_empty() {
                bench.plan(&mut dice).await;
                tokio::time::sleep(dice.time_up_to(LIFE)).await;
                let victim = victims.swap_remove(usize::try_from(dice.within(0..victims.len() as u64)).unwrap());
                bench.kill(victim, &mut dice).await;
            }
            bench.finish().await
        };
        tokio::time::timeout(LIMIT, script).await.expect("the script did not end in time")
    });
    let heard = assert_heard(&jobs, &log);
    println!("service, client and server killed {kills} times each; {} jobs, {heard} events, each heard", jobs.len());
}

/// No waits that a test would have to sit through, and no limits.
fn write_settings(folder: &Path) {
    fs::create_dir_all(folder.join("config")).unwrap();
    let settings = "[limits]\njobs_per_user = 10000\njobs_per_machine = 10000\n\n[jobs]\nminimum_retry_delay_floor = 0\n\n\
                    [classes]\nrestart_delay = 0.01\nrestart_delay_longest = 0.05\n";
    fs::write(folder.join("config/consign.toml"), settings).unwrap();
    fs::create_dir(folder.join("files")).unwrap();
}

impl Bench {
    /// A new job, handed over whole, whoever dies meanwhile.
    async fn plan(&mut self, dice: &mut Dice) {
        let number = self.jobs.len();
        let (files, fails) = (u32::try_from(dice.within(1..4)).unwrap(), dice.within(0..4) == 0);
        let class: Guid = CLASS.parse().unwrap();
        let flags = NotifyFlags::default() | NotifyFlags::FILE_TRANSFERRED;
        let changes = vec![Change::NotificationClass(class), Change::NotifyFlags(flags), Change::MinimumRetryDelay(0)];
        let new_file = |index: u32| {
            let name = if dice.within(0..3) == 0 { "slow" } else { "file" };
            let name = if fails && index + 1 == files { "missing" } else { name };
            let local_name = self.folder.join(format!("files/{number}-{index}"));
            NewFile { remote_name: self.web.url(&format!("/{name}")), local_name, ..NewFile::default() }
        };
        let new_files: Vec<NewFile> = (0..files).map(new_file).collect();
        let mut id = None;
        loop {
            let handed_over = async {
                let job = match id {
                    Some(id) => self.client.job(id),
                    None => {
                        let options = JobOptions { changes: changes.clone(), ..JobOptions::default() };
                        self.client.create_job_with(&format!("job{number}"), JobType::Download, options).await?
                    }
                };
                id = Some(job.id());
                if job.snapshot().await?.progress.files_total == 0 {
                    job.add_files(new_files.clone()).await?;
                }
                if job.state().await? == JobState::Suspended {
                    job.resume().await?;
                }
                Ok(job.id())
            };
            let handed_over: consign::Result<JobId> = handed_over.await;
            match handed_over {
                Ok(id) => return self.jobs.push(Planned { id, files, fails }),
                Err(error) if error.is_worth_retrying() => self.client.reconnect().await.unwrap(),
                Err(error) => panic!("{error}"),
            }
        }
    }

    async fn kill(&mut self, victim: Victim, dice: &mut Dice) {
        match victim {
            Victim::Service => {
                // It may have been killed with the last call.
                if let Ok(status) = self.client.status().await {
                    kill(status.process_id);
                    self.client.closed().await;
                }
                self.client.reconnect().await.unwrap();
            }
            Victim::Client => {
                kill(self.applications.id());
                self.applications = roles::start(&self.folder, "client", ROLES);
            }
            Victim::Server => loop {
                if let Some(server) = roles::playing(&self.folder, "server").first() {
                    kill(*server);
                    break;
                }
                // There is one as soon as there is something to tell.
                self.plan(dice).await;
                tokio::time::sleep(dice.time_up_to(LIFE)).await;
            },
        }
    }

    /// Lets every job come to its end, undisturbed, and answers what was heard.
    async fn finish(self) -> (Vec<Planned>, String) {
        let Self { folder, client, applications, jobs, web } = self;
        for planned in &jobs {
            let job = client.job(planned.id);
            let end = job.wait(|snapshot| snapshot.state.is_final() && snapshot.notices_pending == 0).await.unwrap();
            let expected = if planned.fails { JobState::Cancelled } else { JobState::Acknowledged };
            assert_eq!(end.state, expected, "{end:?}");
        }
        drop(applications);
        client.stop().await.unwrap();
        client.closed().await;
        while !roles::playing(&folder, "server").is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Its runtime may not be dropped inside ours.
        tokio::task::spawn_blocking(move || drop(web)).await.unwrap();
        (jobs, fs::read_to_string(folder.join("log")).unwrap())
    }
}

/// Every job's events were heard: all of them, in order, each under one id. Answers how many.
fn assert_heard(jobs: &[Planned], log: &str) -> usize {
    // Of each job the events in the order in which they were first heard.
    let mut heard: BTreeMap<JobId, Vec<(&str, u64)>> = BTreeMap::new();
    for line in log.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let [_, kind, job, event] = words[..] else { panic!("{line}") };
        let events = heard.entry(job.parse().unwrap()).or_default();
        let event = (kind, event.parse().unwrap());
        if !events.contains(&event) {
            events.push(event);
        }
    }
    let all: Vec<u64> = heard.values().flatten().map(|(_, event)| *event).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "an id tells of one event");
    for planned in jobs {
        let events = heard.remove(&planned.id).unwrap_or_default();
        let kinds: Vec<_> = events.iter().map(|(kind, _)| *kind).collect();
        let ids: Vec<_> = events.iter().map(|(_, event)| *event).collect();
        assert!(ids.is_sorted(), "{}: heard in order: {events:?}", planned.id);
        assert_eq!(kinds.iter().collect::<BTreeSet<_>>().len(), kinds.len(), "{}: one event, one id: {events:?}", planned.id);
        let (last, files) = kinds.split_last().unwrap_or_else(|| panic!("{}: nothing was heard", planned.id));
        assert!(files.iter().all(|kind| kind.starts_with("file")), "{}: {kinds:?}", planned.id);
        if planned.fails {
            assert_eq!(*last, "error", "{}: {kinds:?}", planned.id);
        } else {
            assert_eq!((*last, files.len()), ("transferred", planned.files as usize), "{}: {kinds:?}", planned.id);
        }
    }
    assert!(heard.is_empty(), "nothing was told of jobs that nobody handed over: {heard:?}");
    all.len()
}
