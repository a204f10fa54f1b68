//! Group commit: what waits is carried out in one transaction and answered after its commit.
//!
//! Owns the connection. Nobody is told that a change is stored before the commit that holds it has
//! returned.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
};

use rusqlite::{Connection, Savepoint, TransactionBehavior, ffi};

use crate::{
    StoreError,
    connection::{self, Cache},
    error::is_disk_failure,
};

/// The log is carried over into the database when it is this long, in pages. SQLite's own default.
const LOG_LIMIT: i32 = 1000;

/// A change that somebody asked for and waits for.
pub(crate) trait Write: Send {
    /// Makes the change, inside the transaction. Called once; never panics.
    fn run(&mut self, savepoint: &Savepoint<'_>) -> Result<(), StoreError>;

    /// Tells whoever waits: with what [`run`](Self::run) found, or why it is not stored.
    fn answer(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// The connection, and whether it can still be trusted.
pub(crate) struct Committer {
    connection: Connection,
    /// How long the log was after the last commit, in pages.
    log: Arc<AtomicI32>,
    poisoned: bool,
}

/// How a transaction ended that is not stored.
struct Loss {
    error: Arc<rusqlite::Error>,
    during: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Work,
    Commit,
}

impl Committer {
    pub(crate) fn new(mut connection: Connection) -> rusqlite::Result<Self> {
        let log = Arc::new(AtomicI32::new(0));
        let length = Arc::clone(&log);
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            length.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { connection, log, poisoned: false })
    }

    /// Carries out all of `writes` and answers each.
    pub(crate) fn carry_out(&mut self, writes: Vec<Box<dyn Write + '_>>) {
        let mut waiting = VecDeque::from(writes);
        // More than one round is needed only when SQLite gave up a transaction half way.
        while !waiting.is_empty() {
            if self.poisoned {
                waiting.drain(..).for_each(|write| write.answer(Err(StoreError::Poisoned)));
                return;
            }
            let mut done = Vec::new();
            let outcome = self.transaction(&mut waiting, &mut done).map_err(|loss| self.judge(&loss));
            done.into_iter().for_each(|write| write.answer(outcome.clone()));
        }
    }

    /// Runs what waits, and commits. `done` gets what shares the fate of the commit; what failed by
    /// itself is answered at once.
    fn transaction<'a>(&mut self, waiting: &mut VecDeque<Box<dyn Write + 'a>>, done: &mut Vec<Box<dyn Write + 'a>>) -> Result<(), Loss> {
        let mut transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|error| {
            done.extend(waiting.drain(..));
            Loss::new(error, Phase::Work)
        })?;
        while let Some(mut write) = waiting.pop_front() {
            let mut savepoint = match transaction.savepoint() {
                Ok(savepoint) => savepoint,
                Err(error) => {
                    done.push(write);
                    return Err(Loss::new(error, Phase::Work));
                }
            };
            let outcome = write.run(&savepoint);
            // SQLite rolls the whole transaction back by itself when the disk is full or fails.
            let lost = savepoint.is_autocommit();
            match outcome {
                Err(error) => {
                    let undone = if lost { Ok(()) } else { savepoint.rollback() };
                    drop(savepoint);
                    let cause = match &error {
                        StoreError::Failed(cause) if lost || is_disk_failure(cause) => Some(Arc::clone(cause)),
                        _ => None,
                    };
                    write.answer(Err(error));
                    // What could not be undone alone must be undone with everything.
                    undone.map_err(|error| Loss::new(error, Phase::Work))?;
                    if let Some(error) = cause {
                        return Err(Loss { error, during: Phase::Work });
                    }
                    if lost {
                        return Err(Loss::new(rolled_back(), Phase::Work));
                    }
                }
                Ok(()) => {
                    done.push(write);
                    if lost {
                        return Err(Loss::new(rolled_back(), Phase::Work));
                    }
                    savepoint.commit().map_err(|error| Loss::new(error, Phase::Work))?;
                }
            }
        }
        if done.is_empty() {
            return transaction.rollback().map_err(|error| Loss::new(error, Phase::Work));
        }
        transaction.commit().map_err(|error| Loss::new(error, Phase::Commit))
    }

    /// What everybody in a lost transaction is told. Also decides whether there will be another.
    fn judge(&mut self, loss: &Loss) -> StoreError {
        let failed = is_disk_failure(&loss.error);
        if failed || !self.connection.is_autocommit() {
            self.poison(&loss.error);
        } else {
            tracing::warn!(error = %loss.error, "a transaction was rolled back");
        }
        if failed && loss.during == Phase::Commit {
            StoreError::Uncertain(Arc::clone(&loss.error))
        } else {
            StoreError::NotCommitted(Arc::clone(&loss.error))
        }
    }

    /// After a failed sync the kernel may have thrown away what it could not write, and says so only
    /// once. A second try that succeeds would prove nothing.
    fn poison(&mut self, error: &rusqlite::Error) {
        tracing::error!(%error, "the disk failed; nothing more is written until the store is opened again");
        self.poisoned = true;
        // The next opening must find the log as it is.
        if let Err(error) = connection::leave_log_on_close(&self.connection) {
            tracing::error!(%error, "the log could not be held back");
        }
    }

    /// Carries the log over into the database when it has grown long. Everything in it is durable
    /// already, so nobody waits for this.
    pub(crate) fn tidy(&mut self) {
        if self.poisoned || self.log.load(Ordering::Relaxed) < LOG_LIMIT {
            return;
        }
        match self.checkpoint("PRAGMA wal_checkpoint(PASSIVE)") {
            Ok(()) => self.log.store(0, Ordering::Relaxed),
            Err(error) if is_disk_failure(&error) => self.poison(&error),
            Err(error) => tracing::warn!(%error, "the log could not be carried over into the database, and grows"),
        }
    }

    /// Gives `read` the connection for as long as it takes, without the right to write.
    pub(crate) fn read(&self, read: impl FnOnce(&Connection)) -> rusqlite::Result<()> {
        self.connection.pragma_update(None, "query_only", true)?;
        connection::set_cache(&self.connection, Cache::Reading)?;
        read(&self.connection);
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        connection::set_cache(&self.connection, Cache::Writing)?;
        self.connection.pragma_update(None, "query_only", false)
    }

    /// Carries the log over and closes the file.
    pub(crate) fn close(self) -> Result<(), StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        let tidied = self.checkpoint("PRAGMA wal_checkpoint(TRUNCATE)");
        let closed = self.connection.close().map_err(|(_, error)| error);
        tidied.and(closed).map_err(|error| StoreError::Failed(Arc::new(error)))
    }

    fn checkpoint(&self, pragma: &str) -> rusqlite::Result<()> {
        // The row says whether somebody was in the way, which is no failure: the log stays.
        self.connection.query_row(pragma, [], |_| Ok(()))
    }
}

impl Loss {
    fn new(error: rusqlite::Error, during: Phase) -> Self {
        Self { error: Arc::new(error), during }
    }
}

/// The error for a transaction that ended inside a request which did not say so.
fn rolled_back() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        ffi::Error::new(ffi::SQLITE_ABORT_ROLLBACK),
        Some("the transaction ended inside one of its requests".to_owned()),
    )
}
