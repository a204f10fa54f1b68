//! Messages of many calls: recording them, and playing them.

use std::fs;

use super::{
    Bench,
    contest::range,
    crowd::together,
    ours::{Ours, Rest},
};
use crate::{
    Outcome,
    ground::progress,
    measure::{median, now},
    report::{Line, Row},
};

/// Calls of a message.
const CALLS: u64 = 256;

/// Clients that record them.
const RECORDERS: usize = 8;

pub(super) fn row(bench: &Bench) -> Outcome<Row> {
    let (mut recorded, mut played) = (Vec::new(), Vec::new());
    for round in 0..bench.rounds {
        progress(&format!("messages of {CALLS} calls: round {} of {}", round + 1, bench.rounds));
        bench.settle()?;
        let name = format!("calls{round}");
        let ours = Ours::start(bench, &name, Rest::Stays)?;
        bench.runtime.block_on(async {
            ours.warm_up().await?;
            ours.pause().await?;
            let recorders = ours.recorders(bench, RECORDERS, CALLS).await?;
            recorded.push(together(recorders, bench.turn).await?.rate());
            let waiting = ours.queue().await?.ready * CALLS;
            let began = now();
            ours.resume().await?;
            ours.drained().await?;
            played.push(waiting as f64 / (now() - began) * 1e3);
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        })?;
        ours.stop(bench)?;
        fs::remove_dir_all(bench.folder.path(&name))?;
    }
    let mut row =
        Row { title: format!("messages of {CALLS} calls through the service"), columns: vec!["calls/s", "from-to"], ..Row::default() };
    for (name, rates, least) in
        [(format!("recorded by {RECORDERS} clients"), &recorded, 500_000.0), ("played".to_owned(), &played, 200_000.0)]
    {
        let middle = median(rates.iter().copied());
        row.at_least(format!("calls per second, {name}"), least, middle, "");
        row.lines.push(Line { name, cells: vec![format!("{middle:.0}"), range(rates)] });
    }
    Ok(row)
}
