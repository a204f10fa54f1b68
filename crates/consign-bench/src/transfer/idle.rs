//! Many suspended jobs: how soon a service with them answers, that it rests, and what it takes to
//! read one of them.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use consign::{Client, Job, JobId, JobType, Listing};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    Outcome,
    ground::{Ground, progress},
    measure::{self, median},
    report::{Line, Row},
    service::{Service, connect},
};

/// How long a service is watched at rest, and left alone before.
const REST: Duration = Duration::from_secs(10);
const SETTLE: Duration = Duration::from_secs(12);
/// The few jobs that the many are compared to.
const FEW: usize = 10;
/// How often each reading is repeated: the median counts.
const READS: usize = 50;
const LISTS: usize = 5;

struct Reading {
    /// In milliseconds: all jobs, one job, and until the first news of one job.
    list: f64,
    show: f64,
    follow: f64,
}

pub(super) fn row(ground: &Ground, count: usize) -> Outcome<Row> {
    let mut readings = Vec::new();
    let mut row =
        Row { title: format!("{count} suspended jobs stored, and {FEW} beside them"), columns: vec!["few", "many"], ..Row::default() };
    ground.prepare(0)?;
    let (mut starts, mut rest) = (Vec::new(), Vec::new());
    for (jobs, name) in [(FEW, "few"), (count, "many")] {
        progress(&format!("{jobs} jobs are made"));
        let service = ground.service(name)?;
        let client = service.client(&ground.runtime)?;
        let ids = ground.runtime.block_on(make(&client, &ground.fetched(), jobs))?;
        drop(client);
        let mut service = Some(service);
        let mut times = Vec::new();
        for round in 0..ground.rounds {
            progress(&format!("{jobs} jobs: start {} of {}", round + 1, ground.rounds));
            if let Some(service) = service.take() {
                service.stop(&ground.runtime)?;
            }
            let began = Instant::now();
            ground.runtime.block_on(async { connect(&ground.path(name), &ground.program).await?.status().await })?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            service = Some(ground.service(name)?);
        }
        starts.push(median(times));
        let service = service.ok_or("no round, no service")?;
        progress(&format!("{jobs} jobs: the service rests"));
        rest.push(at_rest(&service)?);
        progress(&format!("{jobs} jobs are read"));
        let client = service.client(&ground.runtime)?;
        readings.push(ground.runtime.block_on(read(&client, &ids))?);
        drop(client);
        service.stop(&ground.runtime)?;
    }
    let mut line = |name: &str, few: f64, many: f64, digits: usize| {
        row.lines.push(Line { name: name.to_owned(), cells: vec![format!("{few:.digits$}"), format!("{many:.digits$}")] });
    };
    let (few, many) = (&readings[0], &readings[1]);
    let per_job = |list: f64, jobs: usize| list * 1e3 / jobs as f64;
    line("start to first answer, ms", starts[0], starts[1], 1);
    line("memory at rest, MiB", rest[0].memory, rest[1].memory, 1);
    line("wake-ups in 10 s", rest[0].switches, rest[1].switches, 0);
    line("CPU in 10 s, ms", rest[0].cpu, rest[1].cpu, 0);
    line("list all, ms", few.list, many.list, 2);
    line("list, us per job", per_job(few.list, FEW), per_job(many.list, count), 1);
    line("show one, ms", few.show, many.show, 2);
    line("follow one to its news, ms", few.follow, many.follow, 2);
    row.at_most("start to first answer", 50.0, starts[1], " ms");
    row.at_most("memory at rest", 20.0, rest[1].memory, " MiB");
    row.at_most("wake-ups in 10 s", 0.0, rest[1].switches, "");
    row.at_most("CPU in 10 s", 0.0, rest[1].cpu, " ms");
    row.at_most("list, for each job", 5.0, many.list / count as f64, " ms");
    row.at_most("show one", 5.0, many.show, " ms");
    row.at_most("follow one", 5.0, many.follow, " ms");
    row.at_most("list, per job / with few", 1.0, per_job(many.list, count) / per_job(few.list, FEW), "");
    row.at_most("show / with few", 1.25, many.show / few.show, "");
    row.at_most("follow / with few", 1.25, many.follow / few.follow, "");
    row.remarks.push("follow: from the call to the snapshot after a change that was made then".into());
    row.remarks.push("of two equal numbers one is larger by chance: up to 1.25 counts as no dearer".into());
    Ok(row)
}

async fn make(client: &Client, folder: &Path, count: usize) -> consign::Result<Vec<JobId>> {
    let one = |number: usize| async move {
        let job = client.create_job(&format!("job {number}"), JobType::Download).await?;
        job.add_file(format!("http://127.0.0.1:9/files/{number}"), folder.join(format!("file{number}"))).await?;
        Ok(job.id())
    };
    stream::iter(0..count).map(one).buffer_unordered(64).try_collect().await
}

struct Rest {
    /// In MiB.
    memory: f64,
    switches: f64,
    /// In milliseconds.
    cpu: f64,
}

fn at_rest(service: &Service) -> Outcome<Rest> {
    std::thread::sleep(SETTLE);
    let process = service.process();
    let (switches, cpu) = (measure::switches(process)?, measure::cpu(process)?);
    std::thread::sleep(REST);
    Ok(Rest {
        memory: measure::resident(process).unwrap_or(0) as f64 / f64::from(1 << 20),
        switches: measure::wake_ups(&switches, &measure::switches(process)?) as f64,
        cpu: (measure::cpu(process)? - cpu).as_secs_f64() * 1e3,
    })
}

async fn read(client: &Client, ids: &[JobId]) -> Outcome<Reading> {
    let mut list = Vec::new();
    for _ in 0..LISTS {
        let began = Instant::now();
        let jobs = client.jobs(Listing::Live).await?;
        list.push(began.elapsed().as_secs_f64() * 1e3);
        if jobs.len() != ids.len() {
            return Err(format!("{} jobs were listed, and there are {}", jobs.len(), ids.len()).into());
        }
    }
    let (mut show, mut follow) = (Vec::new(), Vec::new());
    // Some from everywhere.
    for number in 0..READS {
        let job = client.job(ids[number * ids.len() / READS]);
        let began = Instant::now();
        job.snapshot().await?;
        show.push(began.elapsed().as_secs_f64() * 1e3);
        let began = Instant::now();
        news(&job, number).await?;
        follow.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Reading { list: median(list), show: median(show), follow: median(follow) })
}

/// Follows a job until it shows a change that is made meanwhile.
async fn news(job: &Job, number: usize) -> Outcome {
    let mut changes = job.follow().await?;
    let description = format!("change {number}");
    job.set_description(description.clone()).await?;
    while let Some(snapshot) = changes.next().await {
        if snapshot?.description == description {
            return Ok(());
        }
    }
    Err("the news did not come".into())
}
