//! From a path to a connection that keeps the rules, or to the reason why there is none.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::{
    OpenError, Schema,
    connection::{self, Cache},
    error::is_damage,
    place::{Place, Standing},
    schema::Found,
};

/// The largest database that is checked page by page when it is opened, in bytes. Beyond, opening
/// would take time with the size; damage is then found by the statement that meets it.
const MAX_CHECKED: i64 = 64 << 20;

/// How a store came to be open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It was there, and it is the current version now.
    Opened,
    /// There was none.
    Created,
    /// What was there cannot be read. It stands under another name now, and this store is new.
    SetAside {
        /// The name of the database; its log has the same name with `-wal` behind it.
        to: PathBuf,
        /// Why it cannot be read.
        reason: String,
    },
}

/// Opens or makes the database at `path`.
pub(crate) fn open(path: &Path, schema: &Schema) -> Result<(Connection, Opening), OpenError> {
    let place = Place::new(path)?;
    let reason = match place.look()? {
        Standing::Nothing => {
            place.create()?;
            return fresh(&place, schema, Opening::Created);
        }
        Standing::LogAlone => "its log is there, but the database is missing or empty".to_owned(),
        Standing::File => match prepare(&place, schema) {
            Ok(ready) => return Ok(ready),
            Err(Trouble::Refused(error)) => return Err(error),
            Err(Trouble::Sqlite(source)) => return Err(OpenError::Sqlite { doing: "opened", path: place.path(), source }),
            Err(Trouble::Unreadable(reason)) => reason,
        },
    };
    let to = place.set_aside()?;
    tracing::error!(path = %place.path().display(), to = %to.display(), reason, "the store cannot be read; it is set aside, and a new one begun");
    place.create()?;
    fresh(&place, schema, Opening::SetAside { to, reason })
}

/// What stops an opening.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The file is at fault: it is set aside.
    Unreadable(String),
    /// Something else is: the file stays.
    Refused(OpenError),
    /// Something else is, and SQLite says what.
    Sqlite(rusqlite::Error),
}

impl Trouble {
    /// The statements of a first look are always the same, so that one of them is an error, as
    /// opposed to a failure, is the file's doing: its format is not one that SQLite knows.
    fn of_a_first_look(error: rusqlite::Error) -> Self {
        match error.sqlite_error() {
            Some(cause) if cause.extended_code == rusqlite::ffi::SQLITE_ERROR => Self::Unreadable(error.to_string()),
            _ => error.into(),
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        if is_damage(&error) { Self::Unreadable(error.to_string()) } else { Self::Sqlite(error) }
    }
}

impl From<OpenError> for Trouble {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Migration { source, .. } | OpenError::Sqlite { source, .. } if is_damage(&source) => {
                Self::Unreadable(source.to_string())
            }
            other => Self::Refused(other),
        }
    }
}

/// Sets up a file that was just made. If that cannot be read either, there is no second try.
fn fresh(place: &Place, schema: &Schema, opening: Opening) -> Result<(Connection, Opening), OpenError> {
    let unusable = |source| OpenError::Sqlite { doing: "created", path: place.path(), source };
    match prepare(place, schema) {
        Ok((connection, _)) => Ok((connection, opening)),
        Err(Trouble::Refused(error)) => Err(error),
        Err(Trouble::Sqlite(source)) => Err(unusable(source)),
        Err(Trouble::Unreadable(reason)) => {
            Err(unusable(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), Some(reason))))
        }
    }
}

fn prepare(place: &Place, schema: &Schema) -> Result<(Connection, Opening), Trouble> {
    let path = place.path();
    place.close_to_others()?;
    let mut connection = connection::connect(&path)?;
    // Nothing is written before it is known whose file this is.
    let (from, opening) = match schema.recognize(&connection).map_err(Trouble::of_a_first_look)? {
        Found::Blank => (0, Opening::Created),
        Found::Version(version) => (version, Opening::Opened),
        Found::Newer(found) => return Err(OpenError::Newer { path, found, known: schema.version() }.into()),
        Found::Foreign(reason) => return Err(Trouble::Unreadable(reason)),
    };
    if connection.is_readonly("main")? {
        return Err(OpenError::ReadOnly { path }.into());
    }
    check(&connection)?;
    connection::make_durable(&connection)?;
    schema.migrate(&mut connection, from)?;
    connection::keep(&connection)?;
    Ok((connection, opening))
}

fn check(connection: &Connection) -> Result<(), Trouble> {
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let page_size: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    if pages.saturating_mul(page_size) > MAX_CHECKED {
        return Ok(());
    }
    connection::set_cache(connection, Cache::Reading)?;
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    connection::set_cache(connection, Cache::Writing)?;
    if verdict == "ok" { Ok(()) } else { Err(Trouble::Unreadable(verdict)) }
}
