//! Queued calls: what it takes to record a call durably and to play it, beside the disk alone and
//! beside the queues that people use.

mod component;
mod contest;
mod crowd;
mod embedded;
mod latency;
mod ours;
mod outboxes;
mod peers;
mod raw;
mod units;
mod waiting;

use std::{fs, time::Duration};

use tokio::runtime::Runtime;

use crate::{
    Outcome,
    arguments::{Queue, QueueRow},
    ground::{Folder, progress},
    report::{Report, Row},
};

pub(crate) use component::be_component;
pub(crate) use outboxes::be_writer;

/// Those that record at the same time.
const CLIENTS: usize = 64;

/// The size of a record of the log, where the content of a message is not what counts.
const RECORD: usize = 512;

/// What all rows share.
struct Bench {
    runtime: Runtime,
    folder: Folder,
    rounds: usize,
    turn: Duration,
    times: usize,
}

pub(crate) fn run(options: &Queue) -> Outcome {
    let folder = Folder::new(options.folder.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let bench = Bench { runtime, folder, rounds: options.rounds(), turn: options.turn(), times: options.times() };
    let mut report = Report { machine: vec![load(&bench)?], rows: Vec::new() };
    report.machine.iter().for_each(|line| println!("{line}"));
    let mut add = |rows: Outcome<Vec<Row>>| -> Outcome {
        progress("");
        let rows = rows?;
        rows.iter().for_each(Row::print);
        report.rows.extend(rows);
        Ok(())
    };
    let wants = |row| options.wants(row);
    if wants(QueueRow::One) || wants(QueueRow::Clients) || wants(QueueRow::Play) {
        let peers = peers::find(&bench, options.job_queue.as_deref());
        add(contest::rows(&bench, peers, wants))?;
    }
    if wants(QueueRow::Embedded) {
        add(embedded::row(&bench).map(|row| vec![row]))?;
    }
    if wants(QueueRow::Calls) {
        add(units::row(&bench).map(|row| vec![row]))?;
    }
    if wants(QueueRow::Latency) || wants(QueueRow::Start) {
        add(latency::rows(&bench, wants))?;
    }
    if wants(QueueRow::Waiting) {
        add(waiting::row(&bench, options.messages()).map(|row| vec![row]))?;
    }
    if wants(QueueRow::Outboxes) {
        add(outboxes::row(&bench).map(|row| vec![row]))?;
    }
    report.machine.push(load(&bench)?);
    println!("\n{}", report.machine[1]);
    match &options.json {
        Some(path) => Ok(report.write(path)?),
        None => Ok(()),
    }
}

impl Bench {
    /// Nothing is left for the disk to write when a turn begins.
    fn settle(&self) -> Outcome {
        Ok(rustix::fs::syncfs(fs::File::open(self.folder.path("fetched"))?)?)
    }
}

/// Who else uses the machine: then the numbers say less.
fn load(bench: &Bench) -> Outcome<String> {
    let load = fs::read_to_string("/proc/loadavg")?;
    let load: Vec<&str> = load.split_whitespace().take(3).collect();
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(format!("{cpus} processors, load {}; {} rounds of {:.1} s", load.join(" "), bench.rounds, bench.turn.as_secs_f64()))
}
