//! Who hears of the jobs: the object in the demonstration's own process, and the server of the class,
//! which is another process.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use consign::{
    BackgroundCopyCallback, EventId, Hresult, Job, JobError, Server,
    common::{E_FAIL, S_OK},
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::{
    arguments::DemoServer,
    exit::Exit,
    problem::{Outcome, Problem},
    wording::short,
};

/// What a receiver heard.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    Transferred(EventId),
    Error(Box<JobError>),
}

/// The object. Completes the job.
pub(super) struct Object(pub(super) mpsc::UnboundedSender<Heard>);

impl BackgroundCopyCallback for Object {
    async fn job_transferred(&self, job: Job, event: EventId) -> Hresult {
        let completed = job.complete().await.is_ok();
        // A story that has ended does not listen.
        let _ = self.0.send(Heard::Transferred(event));
        if completed { S_OK } else { E_FAIL }
    }

    async fn job_error(&self, _: Job, error: JobError, _: EventId) -> Hresult {
        let _ = self.0.send(Heard::Error(error.into()));
        S_OK
    }
}

/// A line that the server of the class writes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) event: u64,
    pub(super) job: String,
    pub(super) transferred: bool,
    pub(super) pid: u32,
}

/// An object of the class. Completes the job.
struct Notified(PathBuf);

impl Notified {
    /// One call of the system writes the line: its reader sees all of it or nothing.
    fn note(&self, job: &Job, event: EventId, transferred: bool) -> io::Result<()> {
        let line = Line { event: event.number(), job: job.id().to_string(), transferred, pid: std::process::id() };
        let text = serde_json::to_string(&line)? + "\n";
        OpenOptions::new().append(true).create(true).mode(0o600).open(&self.0)?.write_all(text.as_bytes())?;
        // What a server prints, the service keeps.
        let what = if transferred { "is transferred, and is now completed" } else { "has failed" };
        writeln!(io::stdout().lock(), "event {event}: job {} {what}", short(job.id()))
    }
}

impl BackgroundCopyCallback for Notified {
    async fn job_transferred(&self, job: Job, event: EventId) -> Hresult {
        if self.note(&job, event, true).is_ok() && job.complete().await.is_ok() { S_OK } else { E_FAIL }
    }

    async fn job_error(&self, job: Job, _: JobError, event: EventId) -> Hresult {
        if self.note(&job, event, false).is_ok() { S_OK } else { E_FAIL }
    }
}

/// `consign demo-server`: the server of the class.
pub(in crate::commands) async fn serve(server: DemoServer) -> Outcome {
    let DemoServer { class, file } = server;
    let served = Server::new().class_with(class, move || Notified(file.clone())).run().await;
    served.map_err(|error| Problem::of("the class of the demonstration was not served", &error))?;
    Ok(Exit::Done)
}

/// What the server of the class has written so far.
pub(super) fn lines(file: &Path) -> io::Result<Vec<Line>> {
    match std::fs::read_to_string(file) {
        Ok(text) => text.lines().map(|line| serde_json::from_str(line).map_err(io::Error::from)).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
