//! How a connection is set up. There is no other way to one in this crate.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::OpenError;

/// How long a lock held by somebody outside is waited for: long enough for a glance with the
/// `sqlite3` shell, short enough to be an answer.
const BUSY_TIMEOUT: Duration = Duration::from_millis(500);

/// A log that was longer than this is cut back when it was carried over. In bytes.
const LOG_KEPT: i64 = 16 << 20;

/// Connects to a file that exists, with distrust, and without changing it: also when it is closed,
/// what the log holds stays there until [`keep`] was called.
pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags)?;
    leave_log_on_close(&connection)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // A misspelt column in double quotes must be an error, not a string.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// How many pages of the file are kept in memory.
#[derive(Clone, Copy)]
pub(crate) enum Cache {
    /// What is read is all of it, or rarely: most pages are not wanted twice, and the system has them.
    Reading,
    /// What is changed is soon changed again. SQLite's own default.
    Writing,
}

pub(crate) fn set_cache(connection: &Connection, cache: Cache) -> rusqlite::Result<()> {
    // Negative numbers are KiB.
    let size = match cache {
        Cache::Reading => -256,
        Cache::Writing => -2000,
    };
    connection.pragma_update(None, "cache_size", size)
}

/// Sets what durability rests on, and reads it back.
pub(crate) fn make_durable(connection: &Connection) -> Result<(), Refusal> {
    set(connection, "locking_mode", "normal", "normal")?;
    set(connection, "synchronous", "full", "2")?;
    set(connection, "journal_mode", "wal", "wal")?;
    set(connection, "foreign_keys", "on", "1")?;
    connection.pragma_update(None, "journal_size_limit", LOG_KEPT)?;
    // Sorting must neither need room on another file system nor leave private rows there.
    connection.pragma_update(None, "temp_store", "memory")?;
    // The writer does it, because SQLite would hide its failure.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(())
}

/// From now on, closing the connection carries the log over into the database.
pub(crate) fn keep(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map(|_| ())
}

/// Closing the connection leaves database and log as they are.
pub(crate) fn leave_log_on_close(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map(|_| ())
}

/// Why a connection is not as it must be.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A setting was read back with another value.
    Setting { setting: &'static str, wanted: &'static str, found: String },
    /// SQLite failed.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Refusal> for crate::open::Trouble {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Setting { setting, wanted, found } => Self::Refused(OpenError::Setting { setting, wanted, found }),
            Refusal::Sqlite(error) => error.into(),
        }
    }
}

fn set(connection: &Connection, setting: &'static str, wanted: &'static str, shown: &str) -> Result<(), Refusal> {
    // Some pragmas answer with a row when they are set, and some do not.
    connection.pragma_update(None, setting, wanted)?;
    let found = connection.pragma_query_value(None, setting, |row| row.get::<_, rusqlite::types::Value>(0))?;
    let found = match found {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => format!("{other:?}"),
    };
    if found == shown { Ok(()) } else { Err(Refusal::Setting { setting, wanted, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_cannot_have_a_log_is_refused() {
        let memory = Connection::open_in_memory().unwrap();
        let refusal = make_durable(&memory).unwrap_err();
        assert!(
            matches!(refusal, Refusal::Setting { setting: "journal_mode", wanted: "wal", ref found } if found == "memory"),
            "{refusal:?}"
        );
    }

    #[test]
    fn a_setting_that_does_not_take_is_noticed() {
        let memory = Connection::open_in_memory().unwrap();
        memory.execute_batch("BEGIN").unwrap();
        // Within a transaction SQLite ignores the switch without a word.
        let refusal = set(&memory, "foreign_keys", "off", "0").unwrap_err();
        assert!(matches!(refusal, Refusal::Setting { setting: "foreign_keys", ref found, .. } if found == "1"), "{refusal:?}");
    }
}
