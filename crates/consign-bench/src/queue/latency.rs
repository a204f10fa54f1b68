//! How soon a recorded call is made: on a component that runs, and on one that has to be started.

use std::{env, process::Command, time::Duration};

use tokio::time::sleep;

use super::{
    Bench,
    ours::{CLASS, Ours, Rest, tell},
};
use crate::{
    Outcome,
    arguments::QueueRow,
    ground::progress,
    measure::{median, now, percentile},
    report::{Line, Row},
};

/// Between two calls, so that what follows the first one does not delay the next.
const PAUSE: Duration = Duration::from_millis(2);

pub(super) fn rows(bench: &Bench, wants: impl Fn(QueueRow) -> bool) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    if wants(QueueRow::Latency) {
        rows.push(running(bench)?);
    }
    if wants(QueueRow::Start) {
        rows.push(started(bench)?);
    }
    Ok(rows)
}

fn running(bench: &Bench) -> Outcome<Row> {
    let ours = Ours::start(bench, "running", Rest::Stays)?;
    let (mut answered, mut played) = (Vec::new(), Vec::new());
    bench.runtime.block_on(async {
        ours.warm_up().await?;
        for number in 0..bench.times * bench.rounds {
            if number % 100 == 0 {
                progress(&format!("to a running component: {number} of {}", bench.times * bench.rounds));
            }
            let began = now();
            tell(&ours.client, number as u64).await?;
            answered.push((now() - began) * 1e3);
            let said = ours.news.next().await?;
            if said.number != number as u64 {
                return Err("another call was played".into());
            }
            played.push((said.at - began) * 1e3);
            sleep(PAUSE).await;
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    })?;
    ours.stop(bench)?;
    let mut row = Row {
        title: format!("from the commit in a client to the method in a running component, {} times", played.len()),
        columns: vec!["median us", "99 % us", "most us"],
        ..Row::default()
    };
    for (name, times) in [("commit to its answer, durable", &answered), ("commit to the method's end", &played)] {
        let cells = [median(times.iter().copied()), percentile(times, 0.99), percentile(times, 1.0)];
        row.lines.push(Line { name: name.to_owned(), cells: cells.map(|time| format!("{time:.0}")).to_vec() });
    }
    row.remarks.push(format!("one call at a time, {} ms apart", PAUSE.as_millis()));
    row.at_most("median", 500.0, median(played.iter().copied()), " us");
    row.at_most("99 %", 2000.0, percentile(&played, 0.99), " us");
    Ok(row)
}

fn started(bench: &Bench) -> Outcome<Row> {
    let times = (bench.times / 20).max(5);
    let ours = Ours::start(bench, "started", Rest::Ends)?;
    let (mut entered, mut bare) = (Vec::new(), Vec::new());
    bench.runtime.block_on(async {
        for number in 0..times {
            progress(&format!("starts: {} of {times}", number + 1));
            let began = now();
            tell(&ours.client, number as u64).await?;
            entered.push(ours.news.next().await?.at - began);
            ours.drained().await?;
            while ours.client.class(CLASS).await?.class.details.is_ok_and(|class| class.process.is_some()) {
                sleep(Duration::from_millis(1)).await;
            }
            // The same program does nothing but to connect.
            let began = now();
            let mut command = Command::new(env::current_exe()?);
            command.arg("bare-client").env("CONSIGN_SOCKET", ours.service.folder().join("run/consign.sock"));
            let output = tokio::task::spawn_blocking(move || command.output()).await??;
            bare.push(String::from_utf8(output.stdout)?.trim().parse::<f64>()? - began);
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    })?;
    ours.stop(bench)?;
    let mut row = Row {
        title: format!("a message for a class that is not running, {times} times"),
        columns: vec!["median ms", "95 % ms"],
        ..Row::default()
    };
    for (name, times) in [("commit to the method in the new process", &entered), ("the process alone: start, connect", &bare)] {
        let cells = [median(times.iter().copied()), percentile(times, 0.95)];
        row.lines.push(Line { name: name.to_owned(), cells: cells.map(|time| format!("{time:.2}")).to_vec() });
    }
    let beyond = median(entered.iter().copied()) - median(bare.iter().copied());
    row.remarks.push("beyond: recording, the commit, registering the class and the way of the message included".to_owned());
    row.at_most("method entered, beyond start and connect", 5.0, beyond, " ms");
    Ok(row)
}
