//! What `consign-bench` measures of outboxes: several processes that record into the same database.
//!
//! The program that measures starts itself once for each process ([`contend`]); there it calls
//! [`write_when_told`]. The example `contend` does just that.

use std::{
    fmt,
    io::{self, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    str::FromStr,
    time::{Duration, Instant},
};

use crate::{Outbox, Result, Wake};
use consign_core::{Calls, Guid, Moniker};

/// What one process did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// How many transactions it committed, each with a row of its own and a message of one call.
    pub transactions: u64,
    /// How long the slowest of them took, from the call to its end.
    pub longest: Duration,
}

/// What several did at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contention {
    /// Each of them.
    pub processes: Vec<Measured>,
}

impl Contention {
    /// The transactions of all.
    pub fn transactions(&self) -> u64 {
        self.processes.iter().map(|measured| measured.transactions).sum()
    }

    /// The longest transaction of all, most of which is waiting for a turn.
    pub fn longest(&self) -> Duration {
        self.processes.iter().map(|measured| measured.longest).max().unwrap_or_default()
    }

    /// How many transactions the slowest process made for each of the fastest: 1 is fair.
    pub fn slowest_to_fastest(&self) -> f64 {
        let counts = || self.processes.iter().map(|measured| measured.transactions);
        #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
        let ratio = |least: u64, most: u64| least as f64 / most as f64;
        ratio(counts().min().unwrap_or(0), counts().max().unwrap_or(0).max(1))
    }
}

/// Starts `writer` so many times, tells all to begin when all are there, and waits for them.
///
/// # Errors
/// When one cannot be started, or does not say what it did.
pub fn contend(writer: impl Fn() -> Command, processes: u32) -> io::Result<Contention> {
    let start = |_| writer().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut children = (0..processes).map(start).collect::<io::Result<Vec<Child>>>()?;
    for child in &mut children {
        // Closing it is the word.
        drop(child.stdin.take());
    }
    let mut contention = Contention::default();
    for mut child in children {
        let mut text = String::new();
        if let Some(mut stdout) = child.stdout.take() {
            stdout.read_to_string(&mut text)?;
        }
        child.wait()?;
        contention.processes.push(text.parse().map_err(io::Error::other)?);
    }
    Ok(contention)
}

/// Waits until its standard input is closed, writes as [`record_for`] does, and prints what it did.
///
/// # Errors
/// Those of [`record_for`], and of the two streams.
pub fn write_when_told(path: &Path, time: Duration) -> Result<(), Box<dyn std::error::Error>> {
    io::stdin().read_to_end(&mut Vec::new())?;
    let measured = record_for(path, time)?;
    Ok(write!(io::stdout(), "{measured}")?)
}

/// Writes into the database at `path` for `time`, one transaction after the other, as an application does,
/// and wakes nobody. Two tables are made there.
///
/// # Errors
/// Those of the outbox.
pub fn record_for(path: &Path, time: Duration) -> Result<Measured> {
    let (mut connection, outbox) = Outbox::open_file(path, Wake::Nobody.into())?;
    outbox.transaction(&mut connection, |transaction| {
        transaction.execute("CREATE TABLE IF NOT EXISTS sale (number INTEGER PRIMARY KEY, cents INTEGER)", []).map_err(crate::Error::from)
    })?;
    let target = Moniker::new(Guid::from_bytes([1; 16]).into());
    let mut calls = Calls::builder();
    // Within every limit.
    let _ = calls.push(Guid::from_bytes([2; 16]), "ShipOrder", "u", |arguments| arguments.u32(7));
    let Some(calls) = calls.finish() else { return Ok(Measured::default()) };
    let mut measured = Measured::default();
    let begun = Instant::now();
    while begun.elapsed() < time {
        let before = Instant::now();
        outbox.transaction(&mut connection, |transaction| {
            transaction.execute("INSERT INTO sale (cents) VALUES (1250)", [])?;
            transaction.record_calls(&target, &calls)
        })?;
        measured.transactions += 1;
        measured.longest = measured.longest.max(before.elapsed());
    }
    Ok(measured)
}

/// Two numbers: transactions, and microseconds of the longest. So a process tells another.
impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.transactions, self.longest.as_micros())
    }
}

impl FromStr for Measured {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let (transactions, longest) = text.trim().split_once(' ').unwrap_or((text, ""));
        Ok(Self { transactions: transactions.parse()?, longest: Duration::from_micros(longest.parse()?) })
    }
}
