use std::{cell::Cell, ops::Deref};

use consign::{Calls, Moniker, Recorder};
use consign_core::{Clock, SystemClock};
use rusqlite::{Connection, params};

use crate::Result;

/// A transaction of the application in which calls are recorded. It is used as the [`Connection`] that it is
/// open on; committing is not its business.
#[derive(Debug)]
pub struct Transaction<'c> {
    connection: &'c Connection,
    recorded: Cell<u64>,
}

impl<'c> Transaction<'c> {
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self { connection, recorded: Cell::new(0) }
    }

    pub(crate) fn recorded(&self) -> u64 {
        self.recorded.get()
    }

    /// Records what a recorder holds as one message, and answers its number in the outbox. `None` where
    /// nothing was recorded: then there is no message. Corresponds to the release of a recorder inside a
    /// COM+ transaction.
    ///
    /// Whether the class is registered, and takes these calls, is looked at when the service carries the
    /// message to its queue. What can never be delivered goes to the exception class
    /// (`FinalClientRetry`), then to the dead queue.
    ///
    /// # Errors
    /// [`Error::Sqlite`](crate::Error::Sqlite).
    pub fn record(&self, recorder: Recorder) -> Result<Option<u64>> {
        let target = recorder.moniker().clone();
        recorder.into_calls().map(|calls| self.record_calls(&target, &calls)).transpose()
    }

    /// As [`record`](Self::record), for who has calls that no [`Recorder`] recorded.
    ///
    /// # Errors
    /// As there.
    pub fn record_calls(&self, target: &Moniker, calls: &Calls) -> Result<u64> {
        let sql = "INSERT INTO main.consign_outbox \
                   (target, label, priority, app_specific, time_to_reach_queue, time_to_receive, calls, recorded_at) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let label = (!target.label.is_empty()).then_some(&target.label);
        self.connection.prepare_cached(sql)?.execute(params![
            target.target.to_string(),
            label,
            target.priority.number(),
            target.app_specific,
            target.time_to_reach_queue.seconds(),
            target.time_to_receive.seconds(),
            calls.as_bytes(),
            SystemClock.now().wall.as_millis(),
        ])?;
        self.recorded.set(self.recorded.get() + 1);
        // Numbers begin at 1.
        Ok(u64::try_from(self.connection.last_insert_rowid()).unwrap_or_default())
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}
