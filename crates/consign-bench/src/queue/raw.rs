//! The disk alone: what nobody who keeps his word can be faster than, or hardly.

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::mpsc::{Receiver, Sender, channel},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::crowd::{Worker, together};
use crate::Outcome;

/// A record, and who waits for it.
type Record = (Vec<u8>, oneshot::Sender<()>);

/// Who gives a record to the log, and waits until it is durable before he gives the next.
struct Producer {
    records: Sender<Record>,
    size: usize,
}

impl Worker for Producer {
    async fn step(&mut self) -> Outcome<usize> {
        let (answer, written) = oneshot::channel();
        self.records.send((vec![7; self.size], answer)).map_err(|_| "the log has ended")?;
        written.await.map_err(|_| "the log has failed")?;
        Ok(1)
    }
}

/// Records in a second, appended to one file with group commit: what comes while a sync is under way shares the next one.
pub(super) async fn log(path: &Path, producers: usize, size: usize, turn: Duration) -> Outcome<f64> {
    let file = File::create(path)?;
    let (records, inbox) = channel();
    let writer = std::thread::Builder::new().name("log".to_owned()).spawn(move || write(file, &inbox))?;
    let producers = (0..producers).map(|_| Producer { records: records.clone(), size }).collect();
    drop(records);
    let done = together(producers, turn).await?;
    writer.join().map_err(|_| "the log panicked")??;
    std::fs::remove_file(path)?;
    Ok(done.rate())
}

fn write(mut file: File, inbox: &Receiver<Record>) -> std::io::Result<()> {
    let (mut bytes, mut waiting) = (Vec::new(), Vec::new());
    while let Ok((record, answer)) = inbox.recv() {
        bytes.extend_from_slice(&record);
        waiting.push(answer);
        for (record, answer) in inbox.try_iter() {
            bytes.extend_from_slice(&record);
            waiting.push(answer);
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        bytes.clear();
        for answer in waiting.drain(..) {
            // Who gave up does not want it.
            let _ = answer.send(());
        }
    }
    Ok(())
}

/// Appends to a file, and waits for the disk each time.
pub(super) struct Appender(File);

impl Appender {
    pub(super) fn new(path: &Path) -> Outcome<Self> {
        Ok(Self(File::create(path)?))
    }

    /// What one append with its sync took, in microseconds.
    pub(super) fn append(&mut self, record: &[u8]) -> Outcome<f64> {
        let began = Instant::now();
        self.0.write_all(record)?;
        self.0.sync_data()?;
        Ok(began.elapsed().as_secs_f64() * 1e6)
    }
}
