//! Processes that record through outboxes in one SQLite file, each transaction with a row of its own.

use std::{path::Path, process::Command, time::Duration};

use consign_outbox::measure;

use super::Bench;
use crate::{
    Outcome,
    ground::progress,
    measure::median,
    report::{Line, Row},
};

const PROCESSES: u32 = 8;

pub(super) fn row(bench: &Bench) -> Outcome<Row> {
    let program = std::env::current_exe()?;
    let (mut rates, mut longest, mut fairness) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..bench.rounds {
        progress(&format!("outboxes: round {} of {}", round + 1, bench.rounds));
        bench.settle()?;
        let database = bench.folder.path(&format!("outbox{round}.db"));
        let writer = || {
            let mut command = Command::new(&program);
            command.arg("outbox-writer").arg(&database).arg(bench.turn.as_millis().to_string());
            command
        };
        let found = measure::contend(writer, PROCESSES)?;
        rates.push(found.transactions() as f64 / bench.turn.as_secs_f64());
        longest.push(found.longest().as_secs_f64() * 1e3);
        fairness.push(found.slowest_to_fastest());
    }
    let mut row = Row {
        title: format!("{PROCESSES} processes record through outboxes in one SQLite file"),
        columns: vec!["commits/s", "longest ms", "slowest/fastest"],
        ..Row::default()
    };
    let [rate, wait, fair] = [&rates, &longest, &fairness].map(|values| median(values.iter().copied()));
    let cells = vec![format!("{rate:.0}"), format!("{wait:.1}"), format!("{fair:.2}")];
    row.lines.push(Line { name: "consign-outbox, with the fair lock".to_owned(), cells });
    row.remarks.push("medians of the rounds; each transaction writes a row of the application, too".to_owned());
    row.at_most("longest wait", 100.0, wait, " ms");
    row.at_least("slowest process / fastest", 0.5, fair, "");
    Ok(row)
}

/// One of the processes.
pub(crate) fn be_writer(database: &Path, milliseconds: u64) -> Outcome {
    measure::write_when_told(database, Duration::from_millis(milliseconds)).map_err(|error| error.to_string().into())
}
