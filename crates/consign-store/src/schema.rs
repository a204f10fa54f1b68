//! The format of a store: how it is recognized, and how an older one becomes the current one.

use std::num::NonZeroI32;

use rusqlite::{Connection, TransactionBehavior};

use crate::OpenError;

/// What a store holds. Its current version is the number of its migrations.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Kept in `PRAGMA application_id`, so that no other database is taken for this one.
    pub application_id: NonZeroI32,
    /// The SQL from version n to n + 1, at index n; the first makes version 1 out of nothing. Run
    /// each in a transaction of its own, with foreign keys checked at its end alone. It must not
    /// begin or end a transaction itself. A released one is never changed.
    pub migrations: &'static [&'static str],
}

/// What was read of a file's head, before anything was written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing was ever stored in it.
    Blank,
    /// A store of this version, which is not newer than the current one.
    Version(i32),
    /// A store of this version, which is newer.
    Newer(i32),
    /// A database of something else.
    Foreign(String),
}

impl Schema {
    /// The version that this program writes.
    pub fn version(&self) -> i32 {
        i32::try_from(self.migrations.len()).unwrap_or(i32::MAX)
    }

    pub(crate) fn recognize(&self, connection: &Connection) -> rusqlite::Result<Found> {
        let application_id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok(if application_id == self.application_id.get() {
            match version {
                // Both numbers are written in one transaction, so one never stands without the other.
                ..=0 => Found::Foreign(format!("its format is {version}, which never was")),
                _ if version > self.version() => Found::Newer(version),
                _ => Found::Version(version),
            }
        } else if application_id == 0 && version == 0 && objects == 0 {
            Found::Blank
        } else {
            Found::Foreign(format!("it belongs to another application, {application_id:#010x}"))
        })
    }

    /// Brings a database from version `from` to the current one, step by step.
    pub(crate) fn migrate(&self, connection: &mut Connection, from: i32) -> Result<(), OpenError> {
        for (version, sql) in (0_i32..).zip(self.migrations).filter(|(version, _)| *version >= from) {
            self.step(connection, version, sql).map_err(|source| OpenError::Migration { from: version, source })?;
            tracing::info!(from = version, to = version + 1, "the store has a new format");
        }
        Ok(())
    }

    fn step(&self, connection: &mut Connection, version: i32, sql: &str) -> rusqlite::Result<()> {
        // Rebuilding a table drops the old one, which enforced foreign keys would forbid. The switch
        // does nothing within a transaction.
        connection.pragma_update(None, "foreign_keys", false)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        if transaction.is_autocommit() {
            return Err(misuse("the migration ended its transaction"));
        }
        if transaction.prepare("PRAGMA foreign_key_check")?.exists([])? {
            return Err(misuse("the migration left rows that refer to nothing"));
        }
        transaction.pragma_update(None, "application_id", self.application_id.get())?;
        transaction.pragma_update(None, "user_version", version + 1)?;
        transaction.commit()?;
        connection.pragma_update(None, "foreign_keys", true)
    }
}

fn misuse(what: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_MISUSE), Some(what.to_owned()))
}
