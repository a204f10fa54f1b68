//! The application's database: where it is, whether a commit is durable, and whose turn it is to write.

use std::path::{Path, PathBuf};

use consign_store::FairLock;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::{Error, Result};

/// What a commit is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A commit survives the end of the power: the connection gets WAL and `synchronous=FULL`, both are read
    /// back, and a database that does not take them is refused.
    #[default]
    Full,
    /// The settings stay as the application has them. What was committed may be lost when the power goes, the
    /// application's rows and the recorded calls alike; still both or neither.
    LeftToTheApplication,
}

#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
    lock: FairLock,
    durability: Durability,
}

impl Database {
    /// Of an open connection.
    pub(crate) fn of(connection: &Connection, durability: Durability) -> Result<Self> {
        let path = connection.path().filter(|path| !path.is_empty()).ok_or(Error::NoFile)?;
        let path = PathBuf::from(path);
        Ok(Self { lock: FairLock::of(&path), path, durability })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in a transaction, when it is this process's turn, and commits.
    pub(crate) fn write<T, E: From<Error>>(
        &self,
        connection: &mut Connection,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        if connection.path() != self.path.to_str() {
            return Err(Error::OtherDatabase { expected: self.path.clone() }.into());
        }
        self.prepare(connection)?;
        self.locked(|| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(Error::Sqlite)?;
            let value = work(&transaction)?;
            if transaction.is_autocommit() {
                return Err(Error::Ended.into());
            }
            transaction.commit().map_err(Error::Sqlite)?;
            Ok(value)
        })
    }

    /// Runs `work` when it is this process's turn. What it begins has ended when it returns.
    pub(crate) fn locked<T, E: From<Error>>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let _turn = self.lock.wait().map_err(|source| Error::Lock { database: self.path.clone(), source })?;
        work()
    }

    /// Makes commits durable, where that is wanted. Asked each time: both are settings of a connection, or can
    /// be changed by another one.
    pub(crate) fn prepare(&self, connection: &Connection) -> Result<()> {
        if self.durability == Durability::LeftToTheApplication {
            return Ok(());
        }
        let synchronous = || connection.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0));
        // EXTRA (3) is more than FULL (2).
        if synchronous()? < 2 {
            connection.pragma_update(None, "synchronous", "full")?;
            let found = synchronous()?;
            if found < 2 {
                return Err(Error::NotDurable { setting: "synchronous", wanted: "full", found: found.to_string() });
            }
        }
        let text = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        let mode = || connection.pragma_query_value(None, "journal_mode", text);
        if mode()? == "wal" {
            return Ok(());
        }
        // SQLite waits for nobody here: two who begin to use a new database would be in each other's way.
        self.locked(|| {
            if mode()? == "wal" {
                return Ok(());
            }
            let found = connection.pragma_update_and_check(None, "journal_mode", "wal", text)?;
            if found == "wal" { Ok(()) } else { Err(Error::NotDurable { setting: "journal_mode", wanted: "wal", found }) }
        })
    }
}
