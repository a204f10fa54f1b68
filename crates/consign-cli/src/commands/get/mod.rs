//! `consign get`: one job that the service completes by itself, and somebody who waits for it.

mod progress;
pub(super) mod target;

use std::{cell::Cell, time::Instant};

use consign::{AutoComplete, Change, Client, Job, JobId, JobOptions, JobSnapshot, JobState, JobType, NewFile, Priority};
use serde::Serialize;

use self::{progress::Progress, target::Target};
use crate::{
    arguments::Get,
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    text::{self, now, shown},
    wording::short,
};

/// Seconds. BITS's 600 are for work that nobody waits for.
const RETRY_DELAY: u32 = 5;

/// The service may end while the job is being made; then it is made again, this often.
const ATTEMPTS: u32 = 3;

#[derive(Serialize)]
struct Detached<'a> {
    id: String,
    paths: Vec<std::borrow::Cow<'a, str>>,
}

pub(super) async fn run(get: Get, console: &Console) -> Outcome {
    if get.checksum.is_some() && get.urls.len() > 1 {
        return Err(Problem::usage("nothing was fetched", "--checksum is for a single URL"));
    }
    let targets = target::plan(&get.urls, get.output.as_deref())?;
    // Until there is a job, an interrupt may end us as it ends any program; from then on it is ours.
    let interrupted = tokio::signal::ctrl_c();
    let made = Cell::new(None);
    tokio::pin!(interrupted);
    let client = super::connect().await?;
    let job = tokio::select! {
        job = make(&client, &get, &targets, &made) => job?,
        _ = &mut interrupted => {
            // Not resumed yet: nobody would know of it.
            if let Some(id) = made.take() {
                cancel(&client.job(id)).await;
            }
            return Ok(Exit::Interrupted);
        }
    };
    if get.detach {
        return detached(&job, &targets, console);
    }
    let mut progress = Progress::new(console);
    let ended = tokio::select! {
        ended = follow(&job, &mut progress) => Some(ended),
        _ = &mut interrupted => None,
    };
    progress.clear()?;
    match ended {
        None => leave(job.id(), console),
        Some(snapshot) => report(&job, &snapshot?, &targets, &progress, console),
    }
}

/// Makes the job and lets it run. Where that fails half-way, nothing is left of it.
async fn make(client: &Client, get: &Get, targets: &[Target], made: &Cell<Option<JobId>>) -> Outcome<Job> {
    let mut attempt = 1;
    loop {
        let error = match try_make(client, get, targets, made).await {
            Ok(job) => return Ok(job),
            Err(error) => error,
        };
        let again = error.is_worth_retrying() && attempt < ATTEMPTS && client.reconnect().await.is_ok();
        if let Some(id) = made.take() {
            cancel(&client.job(id)).await;
        }
        if !again {
            return Err(Problem::of(format!("{} was not fetched", title(targets)), &error));
        }
        attempt += 1;
    }
}

async fn try_make(client: &Client, get: &Get, targets: &[Target], made: &Cell<Option<JobId>>) -> consign::Result<Job> {
    let default = if get.detach { Priority::Normal } else { Priority::Foreground };
    let changes = vec![
        Change::Priority(get.priority.unwrap_or(default)),
        Change::AutoComplete(AutoComplete::On),
        Change::MinimumRetryDelay(RETRY_DELAY),
    ];
    let job = client.create_job_with(&title(targets), JobType::Download, JobOptions { changes, ..JobOptions::default() }).await?;
    made.set(Some(job.id()));
    let file = |target: &Target| NewFile {
        remote_name: target.url.clone(),
        local_name: target.path.clone(),
        ranges: Vec::new(),
        checksum: get.checksum.clone(),
    };
    job.add_files(targets.iter().map(file)).await?;
    job.resume().await?;
    Ok(job)
}

/// A display name: what people will look for in the list.
fn title(targets: &[Target]) -> String {
    let first = targets.first().map_or("nothing", |target| target.name.as_str());
    let name: String = first.chars().filter(|character| !character.is_control()).take(200).collect();
    if targets.len() > 1 { format!("{name} and {} more", targets.len() - 1) } else { name }
}

async fn cancel(job: &Job) {
    // The service may be gone; the job then stays suspended and can be seen in the list.
    let _ = job.cancel().await;
}

fn detached(job: &Job, targets: &[Target], console: &Console) -> Outcome {
    match console.form {
        Form::People => console.line(job.id().to_string())?,
        Form::Programs => {
            let paths = targets.iter().map(|target| target.path.to_string_lossy()).collect();
            console.document(&Detached { id: job.id().to_string(), paths })?;
        }
    }
    Ok(Exit::Done)
}

/// Shows the job until there is nothing more to wait for.
async fn follow(job: &Job, progress: &mut Progress<'_>) -> Outcome<JobSnapshot> {
    let failed = |error: consign::Error| {
        let id = short(job.id());
        let help = format!("the job goes on when the service runs: `consign job watch {id}`");
        Problem::of(format!("job {id} could not be watched any longer"), &error).help(help)
    };
    let mut changes = job.follow().await.map_err(failed)?;
    let mut tick = tokio::time::interval(progress::TICK);
    loop {
        tokio::select! {
            change = changes.next() => match change {
                Some(snapshot) => {
                    let snapshot = snapshot.map_err(failed)?;
                    progress.show(&snapshot, Instant::now())?;
                    if snapshot.state.is_final() || snapshot.state == JobState::Error {
                        return Ok(snapshot);
                    }
                }
                None => return Err(failed(consign::Error::Disconnected)),
            },
            // The time that is left grows while nothing comes.
            _ = tick.tick(), if progress.is_live() => progress.redraw()?,
        }
    }
}

/// After an interrupt.
fn leave(id: JobId, console: &Console) -> Outcome {
    match console.form {
        Form::Programs => {
            console.record(&document::Event::new("interrupted", now(), document::Id::from(id)))?;
        }
        Form::People => {
            let id = short(id);
            console.remark(format!("job {id} goes on in the background"));
            console.remark(format!("`consign job watch {id}` watches it, `consign job cancel {id}` ends it"));
        }
    }
    Ok(Exit::Interrupted)
}

fn report(job: &Job, end: &JobSnapshot, targets: &[Target], progress: &Progress<'_>, console: &Console) -> Outcome {
    let (id, what) = (short(job.id()), format!("{} was not fetched", shown(&end.display_name)));
    match end.state {
        JobState::Acknowledged => {
            match console.form {
                Form::Programs => {
                    let paths = targets.iter().map(|target| target.path.to_string_lossy().into_owned()).collect();
                    console.record(&document::Event { paths, ..document::Event::new("completed", now(), document::Job::from(end)) })?;
                }
                Form::People => {
                    if console.stderr.is_terminal {
                        let size = text::bytes(end.progress.bytes_transferred);
                        console.remark(format!("{}: {size} in {}", shown(&end.display_name), text::duration(progress.elapsed())));
                    }
                    console.lines(targets.iter().map(|target| shown(&target.path.to_string_lossy())))?;
                }
            }
            Ok(Exit::Done)
        }
        JobState::Error => {
            let problem = match &end.error {
                Some(error) => Problem::of_failure(what, &error.failure),
                None => Problem::failed(what, "the service does not say why"),
            };
            Err(problem.help(format!("the job is kept: `consign job resume {id}` tries again, `consign job cancel {id}` gives it up")))
        }
        _ => Err(Problem::failed(what, "the job was cancelled")),
    }
}
