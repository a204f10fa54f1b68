//! The store over SQLite: one table of messages with one index for their turns, so that a message costs
//! two places in the log when it comes and two when it goes.

mod rows;
mod schema;

use std::path::Path;

use consign_core::{Guid, Timestamp, random::Random};
use consign_store::{
    OpenError, Opening, OwnedStore, StoreError,
    rusqlite::{self, Connection, OptionalExtension, params},
};

use crate::{
    message::{Attempt, Message},
    store::{Change, HEAVIEST_ANSWER, Loaded, Next, Store, StoreFailure, Which},
};

/// `queue.db`.
pub struct SqliteStore {
    store: OwnedStore,
}

impl SqliteStore {
    /// Opens the store at `path`, or makes one.
    ///
    /// # Errors
    /// When a newer version wrote it, or when the disk, a lock or permissions are in the way. A file
    /// that can be reached but not understood is set aside.
    pub fn open(path: &Path, random: &dyn Random) -> Result<(Self, Opening), OpenError> {
        let (mut store, opening) = OwnedStore::open(path, &schema::SCHEMA)?;
        let number = random.bytes();
        let made = store.write(|transaction| {
            let statement = "INSERT OR IGNORE INTO origin (one, number, reserved) VALUES (1, ?1, 1)";
            transaction.execute(statement, [&number[..8]]).map(drop)
        });
        match made {
            Ok(()) => Ok((Self { store }, opening)),
            Err(StoreError::Failed(source) | StoreError::NotCommitted(source) | StoreError::Uncertain(source)) => {
                let source = rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(source.sqlite_error().map_or(rusqlite::ffi::SQLITE_ERROR, |error| error.extended_code)),
                    Some(source.to_string()),
                );
                Err(OpenError::Sqlite { doing: "set up", path: path.to_owned(), source })
            }
            Err(_) => Err(OpenError::Sqlite { doing: "set up", path: path.to_owned(), source: rusqlite::Error::InvalidQuery }),
        }
    }

    /// Carries the log over and closes the file.
    ///
    /// # Errors
    /// When the log could not be carried over. Nothing that was stored is lost by that.
    pub fn close(self) -> Result<(), StoreFailure> {
        self.store.close().map_err(failure)
    }
}

impl Store for SqliteStore {
    fn load(&mut self) -> Result<Loaded, StoreFailure> {
        self.store.read(rows::loaded).map_err(failure)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreFailure> {
        let write = |transaction: &rusqlite::Savepoint<'_>| changes.iter().try_for_each(|change| rows::write(transaction, change));
        self.store.write(write).map_err(failure)
    }

    fn next(&mut self, query: &Next<'_>) -> Result<Vec<Message>, StoreFailure> {
        let read = |connection: &Connection| {
            let narrowed = match query.which {
                Which::Without([]) => String::new(),
                Which::Without(classes) => format!("AND class NOT IN ({})", classes.iter().map(literal).collect::<Vec<_>>().join(",")),
                Which::Only(class) => format!("AND class = {}", literal(&class)),
            };
            let sql = format!(
                "SELECT {} FROM message WHERE queue = ?1 AND standing = ?2 AND (rank, position) > (?3, ?4) {} ORDER BY rank, position LIMIT ?5",
                rows::COLUMNS,
                narrowed
            );
            let (rank, position) = query.after.map_or((-1, -1), |turn| (rows::rank(turn.priority), rows::signed(turn.position)));
            let mut statement = connection.prepare_cached(&sql)?;
            let standing = rows::standing_number(query.standing);
            collect(statement.query(params![query.queue, standing, rank, position, rows::signed(query.most as u64)])?)
        };
        self.store.read(read).map_err(failure)
    }

    fn due(&mut self, now: Timestamp, most: usize) -> Result<Vec<Message>, StoreFailure> {
        let read = |connection: &Connection| {
            let sql = format!("SELECT {} FROM message WHERE wake IS NOT NULL AND wake <= ?1 ORDER BY wake LIMIT ?2", rows::COLUMNS);
            let mut statement = connection.prepare_cached(&sql)?;
            collect(statement.query(params![now.as_millis(), rows::signed(most as u64)])?)
        };
        self.store.read(read).map_err(failure)
    }

    fn next_due(&mut self) -> Result<Option<Timestamp>, StoreFailure> {
        let read = |connection: &Connection| {
            let sql = "SELECT wake FROM message WHERE wake IS NOT NULL ORDER BY wake LIMIT 1";
            let wake: Option<i64> = connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
            Ok(wake.map(Timestamp::from_millis))
        };
        self.store.read(read).map_err(failure)
    }

    fn message(&mut self, seq: u64) -> Result<Option<Message>, StoreFailure> {
        let read = |connection: &Connection| {
            let sql = format!("SELECT {} FROM message WHERE seq = ?1", rows::COLUMNS);
            connection.prepare_cached(&sql)?.query_row([rows::signed(seq)], rows::message).optional()
        };
        self.store.read(read).map_err(failure)
    }

    fn attempts(&mut self, seq: u64) -> Result<Vec<Attempt>, StoreFailure> {
        let read = |connection: &Connection| {
            let sql = "SELECT number, at, place, call, code, sentence FROM attempt WHERE seq = ?1 ORDER BY number";
            connection.prepare_cached(sql)?.query_map([rows::signed(seq)], rows::attempt)?.collect()
        };
        self.store.read(read).map_err(failure)
    }

    fn tidy(&mut self) {
        self.store.tidy();
    }
}

/// The messages of these rows, until they weigh too much.
fn collect(mut rows: rusqlite::Rows<'_>) -> rusqlite::Result<Vec<Message>> {
    let (mut messages, mut weight) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let message = rows::message(row)?;
        weight += message.calls.len();
        messages.push(message);
        if weight >= HEAVIEST_ANSWER {
            break;
        }
    }
    Ok(messages)
}

/// A class as it is written in a statement: digits, because a list cannot be bound as one value.
fn literal(class: &Guid) -> String {
    format!("x'{}'", class.simple())
}

/// The bytes of a GUID, as the store keeps it.
fn guid(bytes: &[u8]) -> Option<Guid> {
    <[u8; 16]>::try_from(bytes).ok().map(Guid::from_bytes)
}

fn failure(error: StoreError) -> StoreFailure {
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    StoreFailure { code: error.code(), sentence: format!("{error}{cause}") }
}
