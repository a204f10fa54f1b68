//! Records jobs in effectum, and has them run, as `consign-bench queue` asks:
//! `name`, or `run FOLDER CLIENTS BYTES MILLISECONDS TIMES`.
//!
//! Prints what each recording by one client took, in microseconds, and in a second line how many jobs
//! were recorded in a second by all clients, and how many were run.

use std::{
    env,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use effectum::{Job, JobRunner, Queue, RunningJob, Worker};
use tokio::task::JoinSet;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How many jobs run at once.
const AT_ONCE: u16 = 32;

const JOB: &str = "count";

fn main() -> Outcome {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["name"] => println!("effectum 0.7.0"),
        ["run", folder, clients, bytes, milliseconds, times] => {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            let turn = Duration::from_millis(milliseconds.parse()?);
            runtime.block_on(run(Path::new(folder), clients.parse()?, bytes.parse()?, turn, times.parse()?))?;
        }
        _ => return Err("usage: consign-bench-job-queue name | run FOLDER CLIENTS BYTES MILLISECONDS TIMES".into()),
    }
    Ok(())
}

async fn run(folder: &Path, clients: usize, bytes: usize, turn: Duration, times: usize) -> Outcome {
    let queue = Arc::new(Queue::new(&folder.join("jobs.db")).await?);
    let mut one = Vec::with_capacity(times);
    for _ in 0..times {
        let began = Instant::now();
        record(&queue, bytes).await?;
        one.push(format!("{:.1}", began.elapsed().as_secs_f64() * 1e6));
    }
    println!("{}", one.join(" "));
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for _ in 0..clients {
        let queue = Arc::clone(&queue);
        tasks.spawn(async move {
            let mut count = 0_usize;
            while began.elapsed() < turn {
                record(&queue, bytes).await?;
                count += 1;
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(count)
        });
    }
    let mut count = 0;
    while let Some(more) = tasks.join_next().await {
        count += more??;
    }
    let recorded = count as f64 / began.elapsed().as_secs_f64();
    let began = Instant::now();
    let worker = Worker::builder(&queue, ()).jobs([JobRunner::builder(JOB, work).build()]).max_concurrency(AT_ONCE).build().await?;
    let waiting = count + times;
    loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let finished = usize::try_from(worker.counts().finished)?;
        if finished >= waiting || began.elapsed() >= turn {
            println!("{recorded} {}", finished as f64 / began.elapsed().as_secs_f64());
            break;
        }
    }
    worker.unregister(Some(Duration::from_secs(10))).await?;
    Ok(queue.close(Duration::from_secs(10)).await?)
}

async fn record(queue: &Queue, bytes: usize) -> Outcome {
    Job::builder(JOB).payload(vec![b'x'; bytes]).add_to(queue).await?;
    Ok(())
}

async fn work(_: RunningJob, (): ()) -> Result<(), String> {
    Ok(())
}
