//! What `consign-bench` measures of outboxes: one of several processes that record into the same database.

use std::{
    fmt,
    path::Path,
    str::FromStr,
    time::{Duration, Instant},
};

use consign_core::{Calls, Guid, Moniker};
use rusqlite::Connection;

use crate::{Options, Outbox, Result, Wake};

/// What one process did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// How many transactions it committed, each with a row of its own and a message of one call.
    pub transactions: u64,
    /// How long the slowest of them took, from the call to its end.
    pub longest: Duration,
}

/// Writes into the database at `path` for `time`, one transaction after the other, as an application does,
/// and wakes nobody. Two tables are made there.
///
/// # Errors
/// Those of the outbox.
pub fn record_for(path: &Path, time: Duration) -> Result<Measured> {
    let mut connection = Connection::open(path)?;
    // The turns are what is measured; making the tables is not.
    connection.busy_timeout(Duration::from_secs(30))?;
    let outbox = Outbox::open_with(&connection, Options { wake: Wake::Nobody, ..Options::default() })?;
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
