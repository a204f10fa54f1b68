//! The same work by everybody: one client, then 64, each message with one call; then all that was
//! recorded is played, or taken and acknowledged.

use std::fs;

use super::{
    Bench, CLIENTS, RECORD,
    crowd::together,
    embedded,
    ours::{Ours, Rest},
    peers::{Peer, Turn},
    raw::{self, Appender},
};
use crate::{
    Outcome,
    arguments::QueueRow,
    ground::progress,
    measure::{self, median, percentile},
    report::{Line, Row},
};

/// What was measured of one contender, over all rounds.
#[derive(Default)]
struct Score {
    name: String,
    /// One client, each time, in microseconds.
    one: Vec<f64>,
    recorded: Vec<f64>,
    played: Vec<f64>,
    /// Processor time of each message in the service and in its clients, in microseconds.
    cpu: [Vec<f64>; 2],
}

pub(super) fn rows(bench: &Bench, peers: Vec<Box<dyn Peer>>, wants: impl Fn(QueueRow) -> bool) -> Outcome<Vec<Row>> {
    let size = embedded::message(0)?.calls.as_bytes().len();
    let mut scores: Vec<Score> = Vec::new();
    scores.push(Score { name: "consign, through the service".to_owned(), ..Score::default() });
    scores.extend(peers.iter().map(|peer| Score { name: peer.name(), ..Score::default() }));
    let (mut sync, mut logs) = (Vec::new(), [Vec::new(), Vec::new()]);
    for round in 0..bench.rounds {
        for turn in 0..=scores.len() {
            let place = (turn + round) % (scores.len() + 1);
            bench.settle()?;
            if place == scores.len() {
                progress(&format!("round {} of {}: the disk alone", round + 1, bench.rounds));
                for (log, size) in logs.iter_mut().zip([RECORD, size]) {
                    log.push(bench.runtime.block_on(raw::log(&bench.folder.path("log"), CLIENTS, size, bench.turn))?);
                }
                continue;
            }
            progress(&format!("round {} of {}: {}", round + 1, bench.rounds, scores[place].name));
            let score = &mut scores[place];
            if place == 0 {
                ours(bench, &format!("ours{round}"), score, &mut sync, &wants)?;
            } else {
                let folder = bench.folder.path(&format!("peer{round}.{place}"));
                fs::create_dir(&folder)?;
                let turn = Turn { bench, folder: &folder, size };
                let took = peers[place - 1].turn(&turn).map_err(|error| format!("{}: {error}", score.name))?;
                score.one.extend(took.one);
                score.recorded.push(took.recorded);
                score.played.push(took.played);
                fs::remove_dir_all(folder)?;
            }
        }
    }
    let mut rows = Vec::new();
    if wants(QueueRow::One) {
        rows.push(one(bench, &scores, &sync));
    }
    if wants(QueueRow::Clients) {
        rows.push(clients(&scores, &logs, size));
    }
    if wants(QueueRow::Play) {
        rows.push(played(&scores));
    }
    Ok(rows)
}

fn ours(bench: &Bench, name: &str, score: &mut Score, sync: &mut Vec<f64>, wants: impl Fn(QueueRow) -> bool) -> Outcome {
    let ours = Ours::start(bench, name, Rest::Stays)?;
    let mut appender = Appender::new(&bench.folder.path("appended"))?;
    bench.runtime.block_on(async {
        ours.warm_up().await?;
        ours.pause().await?;
        if wants(QueueRow::One) {
            let mut one = ours.recorders(bench, 1, 1).await?;
            for _ in 0..bench.times {
                // In turn, so that whatever disturbs the disk disturbs both.
                sync.push(appender.append(&[7; RECORD])?);
                score.one.push(one_by_one(&mut one[0]).await?);
            }
        }
        let recorders = ours.recorders(bench, CLIENTS, 1).await?;
        let before = (ours.service.cpu()?, measure::cpu(std::process::id())?);
        let done = together(recorders, bench.turn).await?;
        let after = (ours.service.cpu()?, measure::cpu(std::process::id())?);
        for (cpu, time) in score.cpu.iter_mut().zip([after.0 - before.0, after.1 - before.1]) {
            cpu.push(time.as_secs_f64() * 1e6 / done.count as f64);
        }
        score.recorded.push(done.rate());
        let waiting = ours.queue().await?.ready;
        let began = measure::now();
        ours.resume().await?;
        ours.drained().await?;
        score.played.push(waiting as f64 / (measure::now() - began) * 1e3);
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    })?;
    ours.stop(bench)?;
    fs::remove_file(bench.folder.path("appended"))?;
    Ok(fs::remove_dir_all(bench.folder.path(name))?)
}

/// What one step took, in microseconds.
pub(super) async fn one_by_one(worker: &mut impl super::crowd::Worker) -> Outcome<f64> {
    let began = measure::now();
    worker.step().await?;
    Ok((measure::now() - began) * 1e3)
}

fn one(bench: &Bench, scores: &[Score], sync: &[f64]) -> Row {
    let disk = median(sync.iter().copied());
    let mut row = Row {
        title: format!("one client records one call, answered durable, {} times", bench.times * bench.rounds),
        columns: vec!["median us", "99 % us", "/sync"],
        ..Row::default()
    };
    let mut line = |name: &str, times: &[f64]| {
        let middle = median(times.iter().copied());
        let cells = vec![format!("{middle:.0}"), format!("{:.0}", percentile(times, 0.99)), format!("{:.2}", middle / disk)];
        row.lines.push(Line { name: name.to_owned(), cells });
        middle
    };
    line("append and fdatasync alone", sync);
    let times: Vec<f64> = scores.iter().map(|score| line(&score.name, &score.one)).collect();
    row.at_most("consign / fdatasync", 1.6, times[0] / disk, "");
    row
}

fn clients(scores: &[Score], logs: &[Vec<f64>; 2], size: usize) -> Row {
    let mut row = Row {
        title: format!("{CLIENTS} clients with a connection each, one call in each message, answered durable"),
        columns: vec!["messages/s", "from-to", "/log"],
        ..Row::default()
    };
    let log = median(logs[0].iter().copied());
    let mut line = |name: String, rates: &[f64]| {
        let middle = median(rates.iter().copied());
        row.lines.push(Line { name, cells: vec![format!("{middle:.0}"), range(rates), format!("{:.2}", middle / log)] });
        middle
    };
    line(format!("log, records of {RECORD} bytes"), &logs[0]);
    line(format!("log, records of {size} bytes"), &logs[1]);
    let rates: Vec<f64> = scores.iter().map(|score| line(score.name.clone(), &score.recorded)).collect();
    let [service, client] = &scores[0].cpu;
    row.remarks.push(format!(
        "processor time of a message: {:.1} us in the service, {:.1} us in its clients",
        median(service.iter().copied()),
        median(client.iter().copied())
    ));
    row.at_least("/ log", 0.5, rates[0] / log, "");
    ahead(&mut row, scores, &rates);
    row
}

fn played(scores: &[Score]) -> Row {
    let mut row = Row {
        title: "what they recorded is played on a running component, or taken and acknowledged".to_owned(),
        columns: vec!["messages/s", "from-to"],
        ..Row::default()
    };
    let mut rates = Vec::new();
    for score in scores {
        let middle = median(score.played.iter().copied());
        row.lines.push(Line { name: score.name.clone(), cells: vec![format!("{middle:.0}"), range(&score.played)] });
        rates.push(middle);
    }
    row.at_least("messages per second", 10_000.0, rates[0], "");
    ahead(&mut row, scores, &rates);
    row
}

/// The first of them beside each of the others.
fn ahead(row: &mut Row, scores: &[Score], rates: &[f64]) {
    for (score, rate) in scores.iter().zip(rates).skip(1) {
        row.at_least(format!("/ {}", score.name), 1.0, rates[0] / rate, "");
    }
}

pub(super) fn range(values: &[f64]) -> String {
    let (least, most) = values.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), value| (least.min(*value), most.max(*value)));
    format!("{least:.0}-{most:.0}")
}
