//! Many jobs of one small file each, from their creation to ACKNOWLEDGED.

use std::{
    collections::HashSet,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use consign::{AutoComplete, Change, Client, ClientEvent, Interest, Job, JobOptions, JobState, JobType, Priority};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::timeout;

use super::MEMORY;
use crate::{
    Outcome,
    ground::{Ground, progress, write_file},
    measure::{self, median},
    report::{Line, Row},
    service::Service,
};

const LIMIT: Duration = Duration::from_secs(300);
/// Calls under way at the same time where jobs are made side by side.
const CALLS: usize = 16;

/// How the jobs are handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The next one when the last one has ended.
    OneByOne,
    /// Many calls at the same time; the service completes the jobs.
    Together(Priority),
    /// The same, and the client completes each job when it hears that it is transferred.
    CompletedByClient,
}

const WAYS: [(&str, Way); 4] = [
    ("normal, 16 calls at once", Way::Together(Priority::Normal)),
    ("foreground, 16 calls at once", Way::Together(Priority::Foreground)),
    ("normal, completed by client", Way::CompletedByClient),
    ("normal, one after the other", Way::OneByOne),
];

pub(super) fn row(ground: &Ground, count: usize) -> Outcome<Row> {
    fs::create_dir_all(ground.served().join("small"))?;
    write_file(&ground.served().join("small/one"), 4096)?;
    let url = ground.nginx.url("/small/one");
    let mut row = Row {
        title: format!("{count} jobs of one file of 4 KiB, from create to acknowledged, all durable"),
        columns: vec!["jobs/s", "from-to", "wall s", "CPU s", "client CPU", "peak MiB"],
        ..Row::default()
    };
    let service = ground.service("jobs")?;
    let mut all_peaks = 0.0_f64;
    let mut rates: Vec<Vec<(f64, f64, f64, f64)>> = vec![Vec::new(); WAYS.len()];
    for round in 0..ground.rounds {
        for ((name, way), rates) in WAYS.iter().zip(&mut rates) {
            progress(&format!("jobs: round {} of {}, {name}", round + 1, ground.rounds));
            ground.prepare(64 << 20)?;
            measure::reset_peak(service.process());
            let (before, own) = (service.cpu()?, measure::cpu(std::process::id())?);
            let wall =
                ground.runtime.block_on(async { timeout(LIMIT, hand_over(&service, &url, &ground.fetched(), count, *way)).await })??;
            let wall = wall.as_secs_f64();
            let cpu = service.cpu()?.saturating_sub(before).as_secs_f64();
            let own = measure::cpu(std::process::id())?.saturating_sub(own).as_secs_f64();
            let peak = service.peak() as f64 / f64::from(1 << 20);
            if fs::read_dir(ground.fetched())?.count() != count {
                return Err("not every job brought its file".into());
            }
            all_peaks = all_peaks.max(peak);
            rates.push((wall, cpu, own, peak));
        }
    }
    service.stop(&ground.runtime)?;
    let mut best = 0.0_f64;
    for ((name, _), turns) in WAYS.iter().zip(&rates) {
        let wall = median(turns.iter().map(|turn| turn.0));
        let per_second = turns.iter().map(|turn| count as f64 / turn.0);
        let (least, most) = per_second.fold((f64::INFINITY, 0.0_f64), |(least, most), rate| (least.min(rate), most.max(rate)));
        best = if best == 0.0 { count as f64 / wall } else { best };
        row.lines.push(Line {
            name: (*name).to_owned(),
            cells: vec![
                format!("{:.0}", count as f64 / wall),
                format!("{least:.0}-{most:.0}"),
                format!("{wall:.2}"),
                format!("{:.2}", median(turns.iter().map(|turn| turn.1))),
                format!("{:.2}", median(turns.iter().map(|turn| turn.2))),
                format!("{:.1}", turns.iter().map(|turn| turn.3).fold(0.0, f64::max)),
            ],
        });
    }
    row.remarks.push("one client of the library; of normal jobs one runs at a time, foreground jobs run side by side".into());
    row.at_least("jobs per second (normal, 16 calls at once)", 500.0, best, "");
    row.at_most("memory of the service", MEMORY, all_peaks, " MiB");
    Ok(row)
}

async fn hand_over(service: &Service, url: &str, folder: &Path, count: usize, way: Way) -> Outcome<Duration> {
    let client = &crate::service::connect(service.folder(), Path::new("/nowhere")).await?;
    let began = Instant::now();
    match way {
        Way::OneByOne => {
            for number in 0..count {
                let job = make(client, url, folder, number, Priority::Normal, AutoComplete::On).await?;
                let ended = job.wait(|_| false).await?;
                if ended.state != JobState::Acknowledged {
                    return Err(format!("a job is {}", ended.state).into());
                }
            }
        }
        Way::Together(priority) => {
            // Told of by one subscription, however many jobs there are.
            let mut events = client.events(Interest::AddedAndEnded).await?;
            let made = async {
                let jobs = stream::iter(0..count).map(|number| make(client, url, folder, number, priority, AutoComplete::On));
                let jobs: Vec<Job> = jobs.buffer_unordered(CALLS).try_collect().await?;
                Ok::<_, consign::Error>(jobs)
            };
            let heard = async {
                let mut ended = HashSet::new();
                while ended.len() < count {
                    match events.next().await.ok_or(consign::Error::Disconnected)?? {
                        ClientEvent::JobEnded(id) => drop(ended.insert(id)),
                        ClientEvent::Missed(_) => return Err(consign::Error::Disconnected),
                        _ => {}
                    }
                }
                Ok(ended)
            };
            let (made, ended) = tokio::try_join!(made, heard)?;
            if made.iter().any(|job| !ended.contains(&job.id())) {
                return Err("a job did not end".into());
            }
        }
        Way::CompletedByClient => {
            let whole = |number| async move {
                let job = make(client, url, folder, number, Priority::Normal, AutoComplete::Off).await?;
                job.wait_until_ended_or_error().await?;
                job.complete().await
            };
            stream::iter(0..count).map(whole).buffer_unordered(CALLS).try_collect::<Vec<_>>().await?;
        }
    }
    Ok(began.elapsed())
}

async fn make(
    client: &Client,
    url: &str,
    folder: &Path,
    number: usize,
    priority: Priority,
    auto_complete: AutoComplete,
) -> consign::Result<Job> {
    let changes = vec![Change::Priority(priority), Change::AutoComplete(auto_complete)];
    let options = JobOptions { changes, ..JobOptions::default() };
    let job = client.create_job_with(&format!("job {number}"), JobType::Download, options).await?;
    job.add_file(url, folder.join(number.to_string())).await?;
    job.resume().await?;
    Ok(job)
}
