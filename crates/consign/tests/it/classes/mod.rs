//! Notification classes from end to end: jobs whose events start a server process. The servers are
//! this test program itself, started again ([`server`]).

mod bad;
mod ladder;
mod server;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use consign::{Change, Client, Guid, Job, JobOptions, JobSnapshot, JobType, NotifyFlags};
use consign_testkit::{Resource, Server};

use crate::setup::{Served, places, until};

/// The class that tests use.
fn class() -> Guid {
    "6f7c1d8e-2b0a-4a55-9d3b-0c6a1e5f4b01".parse().unwrap()
}

fn other_class() -> Guid {
    "6f7c1d8e-2b0a-4a55-9d3b-0c6a1e5f4b02".parse().unwrap()
}

/// A service, a web server, and a log in which servers of classes write what they hear.
struct Bench {
    served: Served,
    client: Client,
    files: PathBuf,
    web: Server,
    log: PathBuf,
    folder: tempfile::TempDir,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    process: u32,
    /// Which object of its server, counted from 1.
    object: u32,
    method: String,
    job: String,
    event: u64,
}

impl Bench {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut consign_service::Settings)) -> Self {
        // The web server's runtime may not be dropped inside ours.
        let (folder, files, web) = tokio::task::spawn_blocking(places).await.unwrap();
        web.set("/a", Resource::new("abc"));
        let served = Served::start_with(folder.path(), |settings| {
            settings.jobs.minimum_retry_delay_floor = 1;
            change(settings);
        })
        .await;
        let client = served.client().await;
        Self { served, client, log: folder.path().join("log"), files, web, folder }
    }

    /// Ends, and waits until the service and all servers have.
    async fn end(self) {
        let Self { served, client, web, folder, .. } = self;
        drop(client);
        served.stop().await;
        tokio::task::spawn_blocking(move || drop((web, folder))).await.unwrap();
    }

    /// The text of a class file whose server is this program in one of its roles.
    fn class_file(&self, class: Guid, role: &str) -> String {
        let program = std::env::current_exe().unwrap();
        let log = self.log.to_str().unwrap();
        format!(
            "clsid = '{class}'\nstart_timeout = 30\nexec = ['/usr/bin/env', 'TEST_ROLE={role}', 'TEST_CLASS={class}', 'TEST_LOG={log}', \
             '{}', '--exact', 'classes::server::plays_its_role', '--nocapture']\n",
            program.display()
        )
    }

    async fn register(&self, role: &str) {
        self.client.register_class(&self.class_file(class(), role)).await.unwrap();
    }

    /// A job with the class, not resumed yet.
    async fn job(&self, name: &str, flags: NotifyFlags) -> Job {
        let changes = vec![Change::NotificationClass(class()), Change::NotifyFlags(flags), Change::MinimumRetryDelay(1)];
        let job = self.client.create_job_with(name, JobType::Download, JobOptions { changes, ..JobOptions::default() }).await.unwrap();
        job.add_file(self.web.url("/a"), self.files.join(name)).await.unwrap();
        job
    }

    async fn running_job(&self, name: &str) -> Job {
        let job = self.job(name, NotifyFlags::default()).await;
        job.resume().await.unwrap();
        job
    }

    fn lines(&self) -> Vec<Line> {
        read_log(&self.log)
    }

    /// Waits for this many lines.
    async fn heard(&self, count: usize) -> Vec<Line> {
        loop {
            let lines = self.lines();
            if lines.len() >= count {
                return lines;
            }
            pause().await;
        }
    }
}

/// A file cannot be waited for without help: it is looked at again.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

fn read_log(log: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let read = |line: &str| {
        let mut words = line.split(' ');
        let mut next = || words.next().unwrap().to_owned();
        let (process, object, method, job, event) = (next(), next(), next(), next(), next());
        Line { process: process.parse().unwrap(), object: object.parse().unwrap(), method, job, event: event.parse().unwrap() }
    };
    whole.lines().map(read).collect()
}

/// Waits until the job is completed or cancelled.
async fn ended(job: &Job) -> JobSnapshot {
    until(job, |snapshot| snapshot.state.is_final()).await
}

/// Waits until a process is gone. One that nobody has waited for is.
async fn until_gone(process: u32) {
    let lives = || std::fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    while lives() {
        pause().await;
    }
}
