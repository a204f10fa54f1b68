//! The story, chapter by chapter.

use std::{
    collections::BTreeMap,
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use consign::{Change, Client, Guid, Job, JobOptions, JobSnapshot, JobState, JobType, Priority, ProxyEnvironment, common};
use consign_core::random::{Random, SystemRandom};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::{
    sync::mpsc,
    task::spawn_blocking,
    time::{sleep, timeout},
};

use super::{
    WHAT,
    origin::{CHUNK, Origin, Resource, hexadecimal},
    receivers::{self, Heard, Object},
    stage::Stage,
    teller::{Kept, Teller},
};
use crate::{
    commands::class::show::output,
    problem::{Outcome, Problem},
    text::{Calendar, bytes, now, shown},
    wording::short,
};

/// So many bytes the service writes before it makes them safe on disk.
const WRITE_BACK: u64 = 32 << 20;
/// Large enough that the half of it is more than that, with a second for the disk.
const MAPS: Resource = Resource { name: "maps.tar", size: 1536 * CHUNK, pace: 16 << 20, gate: None };
const CHARTS: Resource = Resource { name: "charts.tar", size: 128 * CHUNK, pace: 8 << 20, gate: Some(64 * CHUNK) };
const PROGID: &str = "Consign.Demo.1";
/// How long something may take that nobody has to wait for.
const LIMIT: Duration = Duration::from_secs(60);
/// How often it is looked at what only the file system tells.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) async fn tell(stage: &Stage, teller: &mut Teller<'_>) -> Outcome<()> {
    let folder = stage.folder().join("files");
    DirBuilder::new().mode(0o700).create(&folder).map_err(|error| broken_off(&folder, &error))?;
    let origin = Origin::start(vec![MAPS, CHARTS]).await.map_err(|error| Problem::failed(WHAT, format!("no web server: {error}")))?;
    let mut story = Story { stage, teller, origin, folder };
    let place = shown(&stage.folder().to_string_lossy());
    story.teller.preface(&format!("Everything happens on this machine, in {place}, and is removed at the end."))?;
    story.teller.chapter("A download outlives its service")?;
    let (client, mut heard) = story.download().await?;
    story.teller.chapter("An event starts a program that is not running")?;
    let written = story.notification(client).await?;
    // Whatever was told twice has had its time to come.
    let again = heard.try_recv().is_ok() || receivers::lines(&written).map_err(|error| broken_off(&written, &error))?.len() != 1;
    story.teller.promise("told-once", "each event was told once", Kept::when(!again), json!({}))
}

struct Story<'a, 'b> {
    stage: &'a Stage,
    teller: &'a mut Teller<'b>,
    origin: Origin,
    /// Where the files are put.
    folder: PathBuf,
}

type Ear = mpsc::UnboundedReceiver<Heard>;

impl Story<'_, '_> {
    /// The first chapter: a download, its service killed, its callback object.
    async fn download(&mut self) -> Outcome<(Client, Ear)> {
        let sentence = format!("a web server at {} has {}, {}", self.origin.address, MAPS.name, bytes(MAPS.size));
        self.teller.step("web-server", &sentence, json!({ "address": self.origin.address.to_string(), "bytes_total": MAPS.size }))?;
        let (client, first) = self.stage.connect().await?;
        self.teller.step(
            "service-started",
            &format!("the first call has started the service, process {first}"),
            json!({ "pid": first }),
        )?;
        let job = self.job(&client, &MAPS, Vec::new()).await?;
        let (ear, mut heard) = mpsc::unbounded_channel();
        job.set_notify_interface(Object(ear)).await.map_err(failed)?;
        job.resume().await.map_err(failed)?;
        let sentence = format!("job {} is to fetch it; an object of this process is its callback", short(job.id()));
        self.teller.step("job-made", &sentence, json!({ "job": job.id().to_string() }))?;

        let before = self.follow(&job, |job| job.progress.bytes_transferred >= MAPS.size / 2).await?;
        self.kill(&client, first, &before).await?;
        let second = self.stage.reconnect(&client).await?;
        self.teller.step(
            "service-restarted",
            &format!("the next call has started it again, process {second}"),
            json!({ "pid": second }),
        )?;
        let after = job.snapshot().await.map_err(failed)?;
        self.follow(&job, |job| job.state == JobState::Transferred).await?;

        let event = match timeout(LIMIT, heard.recv()).await {
            Ok(Some(Heard::Transferred(event))) => Some(event),
            Ok(Some(Heard::Error(error))) => return Err(Problem::of_failure(WHAT, &error.failure)),
            Ok(None) | Err(_) => None,
        };
        self.resumed(&before, &after)?;
        let completed = event.is_some() && job.state().await.map_err(failed)? == JobState::Acknowledged;
        let sentence = "the callback object heard of it, although the service was another one, and has completed the job";
        self.teller.promise("object-called", sentence, Kept::when(completed), json!({ "event": event.map(|event| event.number()) }))?;
        self.compare(&MAPS).await?;
        Ok((client, heard))
    }

    /// The second chapter: a class, whose server nobody but the service starts. Answers the file to
    /// which it writes.
    async fn notification(&mut self, client: Client) -> Outcome<PathBuf> {
        let (class, written) = (Guid::from_random_bytes(SystemRandom.bytes()), self.stage.folder().join("heard"));
        self.register(&client, class, &written).await?;
        let job = self.job(&client, &CHARTS, vec![Change::NotificationClass(class)]).await?;
        job.resume().await.map_err(failed)?;
        let id = job.id();
        let sentence = format!("job {} is to fetch {}, and names the class as the one to notify", short(id), CHARTS.name);
        self.teller.step("job-made", &sentence, json!({ "job": id.to_string() }))?;
        self.follow(&job, |job| job.progress.bytes_transferred >= CHARTS.size / 2).await?;
        drop((job, client));
        self.teller.step("client-left", "half-way, the client has disconnected: nobody is there who could be told", json!({}))?;

        self.origin.open_gate();
        let look = async {
            loop {
                match receivers::lines(&written) {
                    Ok(lines) if lines.is_empty() => sleep(PAUSE).await,
                    lines => return lines.map_err(|error| broken_off(&written, &error)),
                }
            }
        };
        let heard = timeout(LIMIT, look).await.unwrap_or(Ok(Vec::new()))?;
        let heard = heard.into_iter().next().filter(|line| line.transferred && line.job == id.to_string());
        let process = heard.as_ref().map_or_else(|| "-".to_owned(), |line| line.pid.to_string());
        let kept = Kept::when(heard.as_ref().is_some_and(|line| line.pid != std::process::id()));
        let facts = json!({ "event": heard.as_ref().map(|line| line.event), "pid": heard.as_ref().map(|line| line.pid) });
        let sentence = format!("the event has started the class's server, process {process}, which heard that the job is transferred");
        self.teller.promise("class-activated", &sentence, kept, facts)?;

        let (client, _) = self.stage.connect().await?;
        let ended = timeout(LIMIT, client.job(id).wait(|job| job.state.is_final())).await;
        let state = ended.ok().and_then(Result::ok).map(|job| job.state);
        let sentence = "the server has completed the job";
        self.teller.promise("class-completed", sentence, Kept::when(state == Some(JobState::Acknowledged)), json!({}))?;
        self.quote(&client, class).await?;
        self.compare(&CHARTS).await?;
        Ok(written)
    }

    async fn job(&self, client: &Client, resource: &Resource, mut changes: Vec<Change>) -> Outcome<Job> {
        // A demonstration that is killed leaves no job that tries for days.
        changes.extend([Change::Priority(Priority::Foreground), Change::NoProgressTimeout(60), Change::MinimumRetryDelay(5)]);
        // The web server is on this machine, whatever proxies there are.
        let options = JobOptions { changes, proxy_environment: ProxyEnvironment::Given(BTreeMap::new()) };
        let job = client.create_job_with(resource.name, JobType::Download, options).await.map_err(failed)?;
        job.add_file(self.origin.url(resource), self.folder.join(resource.name)).await.map_err(failed)?;
        Ok(job)
    }

    /// Shows the job until it is far enough or has ended.
    async fn follow(&mut self, job: &Job, enough: impl Fn(&JobSnapshot) -> bool) -> Outcome<JobSnapshot> {
        let mut changes = job.changes().await.map_err(failed)?;
        while let Some(snapshot) = changes.next().await {
            let snapshot = snapshot.map_err(failed)?;
            self.teller.progress(&snapshot)?;
            if let (JobState::Error, Some(error)) = (snapshot.state, &snapshot.error) {
                return Err(Problem::of_failure(WHAT, &error.failure));
            }
            if snapshot.state.is_final() || enough(&snapshot) {
                self.teller.settle()?;
                return Ok(snapshot);
            }
        }
        Err(failed(consign::Error::Disconnected))
    }

    async fn kill(&mut self, client: &Client, process: u32, before: &JobSnapshot) -> Outcome<()> {
        let why = |why: String| Problem::failed(WHAT, format!("the service could not be killed: {why}"));
        let service = self.stage.service().ok_or_else(|| why("its process was not found".to_owned()))?;
        service.kill().map_err(|error| why(error.to_string()))?;
        if timeout(LIMIT, client.closed()).await.is_err() || !service.ended(LIMIT).await {
            return Err(why("it does not end".to_owned()));
        }
        let here = before.progress.bytes_transferred;
        let sentence = format!("process {process}, the service, was killed (SIGKILL) when {} were here", bytes(here));
        self.teller.step("service-killed", &sentence, json!({ "pid": process, "bytes_transferred": here }))
    }

    /// Whether the download went on where it was, as the web server saw it.
    fn resumed(&mut self, before: &JobSnapshot, after: &JobSnapshot) -> Outcome<()> {
        let answered = self.origin.answered(&MAPS);
        let (first, later) = answered.split_first().map_or((0, &answered[..]), |(first, later)| (first.sent, later));
        let resumed_at = later.iter().map(|answer| answer.from).min().unwrap_or(0);
        let twice = before.progress.bytes_transferred.saturating_sub(resumed_at);
        let sentence = if resumed_at > 0 {
            let (kept, twice) = (bytes(resumed_at), bytes(twice));
            format!("the download went on where it was: {kept} were not fetched twice; {twice} were, as they were not safe on disk yet")
        } else {
            "the download began again, as nothing was safe on disk yet: the disk is slow".to_owned()
        };
        // A disk can be too slow for the story. The service then says itself that it has nothing.
        let kept = resumed_at > 0 || after.progress.bytes_transferred < WRITE_BACK / 2;
        let facts = json!({
            "resumed_at": resumed_at,
            "bytes_sent": answered.iter().map(|answer| answer.sent).sum::<u64>(),
            "bytes_sent_before": first,
            "bytes_total": MAPS.size,
        });
        self.teller.promise("resumed", &sentence, Kept::when(!later.is_empty() && resumed_at <= first && kept), facts)
    }

    async fn register(&mut self, client: &Client, class: Guid, written: &Path) -> Outcome<()> {
        let program = utf8(self.stage.program())?;
        let arguments = [program.as_str(), "demo-server", &class.to_string(), &utf8(written)?].map(toml::Value::from);
        let keys = [
            ("clsid", class.to_string().into()),
            ("progid", PROGID.into()),
            ("name", "Server of the demonstration".into()),
            ("exec", toml::Value::Array(arguments.into())),
            ("idle_stop", toml::Value::Integer(0)),
        ];
        let file = toml::to_string(&toml::Table::from_iter(keys.map(|(key, value)| (key.to_owned(), value))));
        let file = file.map_err(|error| Problem::failed(WHAT, error.to_string()))?;
        client.register_class(&file).await.map_err(|error| {
            let problem = Problem::of("the class of the demonstration was not registered", &error);
            if error.code() != common::E_ACCESSDENIED {
                return problem;
            }
            problem.help(format!(
                "the service runs no program that others could change: copy {} to a folder where it and every folder above it are \
                 writable by nobody but you and root (~/.local/bin, for example), and run the copy",
                shown(&program)
            ))
        })?;
        let sentence = format!("class {PROGID} is registered: {} serves it, when it is started", shown(&program));
        self.teller.step("class-registered", &sentence, json!({ "clsid": class.to_string(), "progid": PROGID, "program": program }))
    }

    /// What the server printed, as `class show` has it.
    async fn quote(&mut self, client: &Client, class: Guid) -> Outcome<()> {
        let look = async {
            loop {
                match client.class(&class.to_string()).await {
                    // It was written already, and is on its way through a pipe.
                    Ok(report) if report.output.is_empty() => sleep(PAUSE).await,
                    report => return report,
                }
            }
        };
        let lines = match timeout(LIMIT, look).await {
            Ok(report) => report.map_err(failed)?.output,
            Err(_) => Vec::new(),
        };
        let sentence = format!("what it printed is kept; `consign class show {PROGID}` shows it");
        let facts = json!({ "output": lines.iter().map(|line| &line.text).collect::<Vec<_>>() });
        self.teller.promise("output-kept", &sentence, Kept::when(!lines.is_empty()), facts)?;
        self.teller.quote(output(&lines, &Calendar::of_this_machine(), now()).map(|line| line.trim_start().to_owned()))
    }

    /// Whether the file is what the web server has.
    async fn compare(&mut self, resource: &Resource) -> Outcome<()> {
        let (path, resource) = (self.folder.join(resource.name), *resource);
        let sums = spawn_blocking(move || (resource.sha256(), sha256_of(&path)));
        let (expected, found) = sums.await.map_err(|error| Problem::failed(WHAT, error.to_string()))?;
        let found = found.unwrap_or_else(|error| error.to_string());
        let sentence = format!("{} is whole: its SHA-256 is the web server's, {}…", resource.name, &expected[..16]);
        let facts = json!({ "sha256": found, "sha256_expected": expected });
        self.teller.promise("checksum", &sentence, Kept::when(found == expected), facts)
    }
}

fn sha256_of(path: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; CHUNK as usize];
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
            0 => return Ok(hexadecimal(&digest.finalize())),
            count => digest.update(&buffer[..count]),
        }
    }
}

fn utf8(path: &Path) -> Outcome<String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Problem::failed(WHAT, format!("{} is not UTF-8, and a class file is", path.display())))
}

fn failed(error: consign::Error) -> Problem {
    Problem::of(WHAT, &error)
}

fn broken_off(path: &Path, error: &io::Error) -> Problem {
    Problem::failed(WHAT, format!("{}: {error}", path.display()))
}
