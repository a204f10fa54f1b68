//! The tables of an outbox: what the service and the applications that record into their own database have
//! to agree on. `docs/outbox.md` describes them for other languages; what stands there holds for ever.
//!
//! Only the form. What a row means, the writer and the service know.

use consign_core::Guid;
use rusqlite::{Connection, OptionalExtension};

/// The version of these tables.
pub const VERSION: i64 = 1;

/// Makes the tables where there are none, the id apart.
///
/// A number is never given twice, also when all rows are gone (AUTOINCREMENT): the service tells by the
/// number what it has taken.
pub const TABLES: &str = "\
CREATE TABLE IF NOT EXISTS main.consign_outbox_origin (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    id TEXT NOT NULL,
    acknowledged INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS main.consign_outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    target TEXT NOT NULL,
    label TEXT,
    priority INTEGER,
    app_specific INTEGER,
    time_to_reach_queue INTEGER,
    time_to_receive INTEGER,
    calls BLOB NOT NULL,
    recorded_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
);
";

/// Which outbox it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Made when the outbox was made: the name of its stream of messages.
    pub id: Guid,
    /// The last number whose row the service has taken away.
    pub acknowledged: u64,
}

/// Why a database has no outbox that can be used.
#[derive(Debug, thiserror::Error)]
pub enum NoOutbox {
    /// It has no such tables, or no id.
    #[error("the database has no outbox")]
    Absent,
    /// A newer version made it.
    #[error("the outbox was made by a newer version: its format is {found}, the newest known here is {VERSION}")]
    Newer {
        /// Its version.
        found: i64,
    },
    /// What stands there is something else.
    #[error("the tables of the outbox are not as they should be: {0}")]
    Malformed(&'static str),
    /// SQLite failed.
    #[error("the database cannot be read")]
    Sqlite(#[from] rusqlite::Error),
}

/// The outbox that a database has.
///
/// # Errors
/// When it has none that can be used.
pub fn origin(connection: &Connection) -> Result<Origin, NoOutbox> {
    let kinds =
        "SELECT count(*), ifnull(sum(type = 'table'), 0) FROM main.sqlite_schema WHERE name IN ('consign_outbox', 'consign_outbox_origin')";
    match connection.query_row(kinds, [], |row| Ok((row.get(0)?, row.get(1)?)))? {
        (2_i64, 2_i64) => {}
        (named, _) if named < 2 => return Err(NoOutbox::Absent),
        _ => return Err(NoOutbox::Malformed("something else has their name")),
    }
    let query = "SELECT version, substr(id, 1, 64), acknowledged FROM main.consign_outbox_origin WHERE one = 1";
    let found = connection.query_row(query, [], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))).optional()?;
    let Some((version, id, acknowledged)) = found else { return Err(NoOutbox::Absent) };
    if version > VERSION {
        return Err(NoOutbox::Newer { found: version });
    }
    let id = id.parse().ok().filter(|id| *id != Guid::NULL).ok_or(NoOutbox::Malformed("the id is no GUID"))?;
    let acknowledged = u64::try_from(acknowledged).map_err(|_| NoOutbox::Malformed("what was acknowledged is no number"))?;
    Ok(Origin { id, acknowledged })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_outbox_is_told_apart() {
        let connection = Connection::open_in_memory().unwrap();
        assert!(matches!(origin(&connection), Err(NoOutbox::Absent)));
        connection.execute_batch(TABLES).unwrap();
        assert!(matches!(origin(&connection), Err(NoOutbox::Absent)), "it has no id yet");
        let set = |version: i64, id: &str| {
            let sql = "INSERT OR REPLACE INTO consign_outbox_origin (one, version, id) VALUES (1, ?1, ?2)";
            connection.execute(sql, rusqlite::params![version, id]).unwrap();
            origin(&connection)
        };
        assert!(matches!(set(VERSION + 1, "97184d0f-f7ef-413a-8c6d-c1745018b2e9"), Err(NoOutbox::Newer { found: 2 })));
        assert!(matches!(set(VERSION, "x"), Err(NoOutbox::Malformed(_))));
        assert!(matches!(set(VERSION, "97184d0f-f7ef-413a-8c6d-c1745018b2e9"), Ok(Origin { acknowledged: 0, .. })));
        connection.execute_batch("DROP TABLE consign_outbox; CREATE VIEW consign_outbox AS SELECT 1").unwrap();
        assert!(origin(&connection).is_err(), "a view is no table");
    }
}
