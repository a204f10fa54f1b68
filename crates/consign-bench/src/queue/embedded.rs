//! The engine in one process, without a service.

use std::{path::Path, sync::Arc, time::Duration};

use consign::Interface;
use consign_core::{Calls, Guid, SystemClock, random::SystemRandom};
use consign_queue::{
    Caller, Component, Engine, EngineOptions, Host, Listener, NewMessage, Play, QueuePolicy, Report, SqliteStore, message::DEFAULT_PRIORITY,
};

use super::{
    Bench, CLIENTS, RECORD,
    component::IWork,
    crowd::{Worker, together},
    ours::{CLASS, QUEUE},
    raw,
};
use crate::{
    Outcome,
    ground::progress,
    measure::median,
    report::{Line, Row},
};

/// Nobody plays here.
struct Nobody;

impl Host for Nobody {
    fn component(&self, _: Guid) -> Option<Component> {
        Some(Component { listener: Listener::Off, ..Component::default() })
    }

    fn play(&self, _: Play, _: Report) {}

    fn give_up(&self, _: u64) {}
}

/// An engine on the store at `path`, whose queue is there and paused.
pub(super) async fn engine(path: &Path) -> Outcome<Engine> {
    let (store, _) = SqliteStore::open(path, &SystemRandom)?;
    let options = EngineOptions { store: Box::new(store), host: Arc::new(Nobody), clock: Arc::new(SystemClock), players: 0 };
    let engine = Engine::start(options)?;
    engine.set_policy(QUEUE, QueuePolicy::default()).await?;
    engine.pause(QUEUE).await?;
    Ok(engine)
}

/// A message of one call, as a client records it.
pub(super) fn message(number: u64) -> Outcome<NewMessage> {
    let model = IWork::model();
    let count = model.methods.first().ok_or("the interface has no methods")?;
    let mut calls = Calls::builder();
    calls.push(model.iid, &count.name, "t", |writer| writer.u64(number))?;
    let calls = calls.finish().ok_or("nothing was recorded")?;
    Ok(NewMessage {
        queue: QUEUE.to_owned(),
        class: CLASS.parse()?,
        calls,
        label: String::new(),
        priority: DEFAULT_PRIORITY,
        app_specific: 0,
        time_to_receive: None,
        caller: Caller { uid: rustix::process::getuid().as_raw(), pid: Some(std::process::id()) },
    })
}

struct Recorder {
    engine: Engine,
    number: u64,
}

impl Worker for Recorder {
    async fn step(&mut self) -> Outcome<usize> {
        self.number += 1;
        self.engine.enqueue(message(self.number)?).await?;
        Ok(1)
    }
}

pub(super) fn row(bench: &Bench) -> Outcome<Row> {
    let size = message(0)?.calls.as_bytes().len();
    let mut rates = [const { Vec::new() }; 3];
    for round in 0..bench.rounds {
        for place in 0..rates.len() {
            progress(&format!("embedded: round {} of {}", round + 1, bench.rounds));
            let place = (place + round) % rates.len();
            bench.settle()?;
            let rate = bench.runtime.block_on(async {
                match place {
                    0 => {
                        let folder = bench.folder.path(&format!("embedded{round}"));
                        std::fs::create_dir(&folder)?;
                        let engine = engine(&folder.join("queue.db")).await?;
                        let recorders = (0..CLIENTS).map(|_| Recorder { engine: engine.clone(), number: 0 }).collect();
                        let done = together(recorders, bench.turn).await?;
                        engine.stop(Duration::ZERO).await;
                        std::fs::remove_dir_all(folder)?;
                        Ok(done.rate())
                    }
                    1 => raw::log(&bench.folder.path("log"), CLIENTS, RECORD, bench.turn).await,
                    _ => raw::log(&bench.folder.path("log"), CLIENTS, size, bench.turn).await,
                }
            })?;
            rates[place].push(rate);
        }
    }
    let [ours, log, small] = rates.map(|rates| (median(rates.iter().copied()), rates));
    let mut row = Row {
        title: format!("the engine in one process, {CLIENTS} recorders, one call in each message"),
        columns: vec!["messages/s", "from-to", "/log"],
        ..Row::default()
    };
    for (name, (rate, all)) in [
        ("consign, engine embedded".to_owned(), &ours),
        (format!("log, records of {RECORD} bytes"), &log),
        (format!("log, records of {size} bytes"), &small),
    ] {
        row.lines.push(Line { name, cells: vec![format!("{rate:.0}"), super::contest::range(all), format!("{:.2}", rate / log.0)] });
    }
    row.remarks.push(format!("the content of a message has {size} bytes; the log has one writer, and group commit"));
    row.at_least(format!("/ log of {RECORD} bytes"), 0.9, ours.0 / log.0, "");
    row.at_least(format!("/ log of {size} bytes"), 0.9, ours.0 / small.0, "");
    Ok(row)
}
