//! Very many messages waiting, and few beside them: the start of a service with them, its memory, and
//! what it takes to play one of them.

use std::fs;

use consign_core::Paths;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    Bench,
    component::{EVERY, News},
    embedded,
    ours::{Ours, Rest},
};
use crate::{
    Outcome,
    ground::progress,
    measure::{self, median, now},
    report::{Line, Row},
    service::{Service, connect},
};

/// The few, of which [`EVERY`] are played in one round.
const FEW: usize = EVERY as usize + 100;

/// Messages that are on their way into the store at the same time.
const AT_ONCE: usize = 1024;

#[derive(Default)]
struct Readings {
    /// In milliseconds.
    first: Vec<f64>,
    /// In microseconds.
    each: Vec<f64>,
    /// In MiB.
    peak: f64,
    resident: f64,
}

pub(super) fn row(bench: &Bench, many: usize) -> Outcome<Row> {
    let few = readings(bench, "few", FEW)?;
    let many_read = readings(bench, "many", many)?;
    let mut row = Row {
        title: format!("{many} messages waiting, and {FEW} beside them"),
        columns: vec!["few", "many", "many/few"],
        ..Row::default()
    };
    let mut line = |name: &str, few: f64, many: f64| {
        let cells = vec![format!("{few:.1}"), format!("{many:.1}"), format!("{:.2}", many / few)];
        row.lines.push(Line { name: name.to_owned(), cells });
        (many, many / few)
    };
    let (first, _) = line("start to first play, ms", median(few.first), median(many_read.first));
    let (_, each) = line("played, us for each message", median(few.each), median(many_read.each));
    let (peak, _) = line("memory at most, MiB", few.peak, many_read.peak);
    line("memory after playing, MiB", few.resident, many_read.resident);
    row.remarks.push(format!("started {} times; {EVERY} messages played after each start are counted", bench.rounds));
    row.remarks.push("the first play includes the start of the component's process".to_owned());
    row.at_most("memory of the service", 40.0, peak, " MiB");
    row.at_most("start to first play", 200.0, first, " ms");
    row.at_most("each message / with few", 1.0, each, "");
    Ok(row)
}

fn readings(bench: &Bench, name: &str, count: usize) -> Outcome<Readings> {
    let folder = bench.folder.path(name);
    let ours = Ours::start(bench, name, Rest::Stays)?;
    bench.runtime.block_on(ours.pause())?;
    ours.stop(bench)?;
    let mut readings = Readings::default();
    let mut left = 0_usize;
    for round in 0..bench.rounds {
        if left < FEW {
            bench.runtime.block_on(fill(&folder, count - left))?;
        }
        progress(&format!("{count} messages: start {} of {}", round + 1, bench.rounds));
        bench.settle()?;
        bench.runtime.block_on(async {
            fs::remove_file(folder.join("news"))?;
            let news = News::at(folder.join("news"))?;
            let began = now();
            connect(&folder, bench.folder.program()).await?;
            let first = news.next().await?;
            let last = news.next().await?;
            if (first.number, last.number) != (1, EVERY) {
                return Err("the component did not count".into());
            }
            readings.first.push(first.at - began);
            readings.each.push((last.at - first.at) * 1e3 / (EVERY - 1) as f64);
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        })?;
        let service = Service::start(&bench.runtime, &folder, bench.folder.program(), None)?;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        readings.peak = readings.peak.max(mib(service.peak()));
        readings.resident = readings.resident.max(mib(measure::resident(service.process()).unwrap_or(0)));
        service.stop(&bench.runtime)?;
        left = bench.runtime.block_on(left_in(&folder))?;
    }
    fs::remove_dir_all(folder)?;
    Ok(readings)
}

/// Puts messages into the store of a service that does not run.
async fn fill(folder: &std::path::Path, count: usize) -> Outcome {
    let engine = embedded::engine(&Paths::under(folder).queue_database()).await?;
    let messages = stream::iter(0..count).map(|number| {
        let engine = engine.clone();
        async move {
            if number % 10_000 == 0 {
                progress(&format!("{number} of {count} messages are made"));
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(engine.enqueue(embedded::message(number as u64)?).await?)
        }
    });
    messages.buffer_unordered(AT_ONCE).try_for_each(|_| async { Ok(()) }).await?;
    engine.resume(super::ours::QUEUE).await?;
    engine.stop(std::time::Duration::ZERO).await;
    Ok(())
}

async fn left_in(folder: &std::path::Path) -> Outcome<usize> {
    let engine = embedded::engine(&Paths::under(folder).queue_database()).await?;
    let queue = engine.queue(super::ours::QUEUE).await?;
    engine.resume(super::ours::QUEUE).await?;
    engine.stop(std::time::Duration::ZERO).await;
    Ok(usize::try_from(queue.counts.ready)?)
}
