//! The database of an application, as the service reads it: with distrust, and without leaving anything
//! behind but rows that are gone. Everything here blocks.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use consign_core::{Guid, Hresult, calls::LONGEST, common, filesystem::network_file_system};
use consign_store::{
    FairLock,
    outbox::{self, NoOutbox},
    rusqlite::{
        Connection, ErrorCode, OpenFlags, Row as SqliteRow, Transaction, TransactionBehavior, config::DbConfig, limits::Limit,
        types::ValueRef,
    },
    sqlite_code,
};

/// How long another process is waited for that does not queue: turns are what the fair lock is for.
const BUSY_TIMEOUT: Duration = Duration::from_millis(250);

/// The most rows that are carried at once.
const MOST_ROWS: u64 = 256;
/// And about the most bytes of their calls, but for a single row.
const MOST_BYTES: usize = 1 << 20;

/// A longer text is none that a message could have, in bytes.
const LONGEST_TEXT: usize = 4096;
/// Nothing longer than this is made of what stands in the database, in bytes.
const LONGEST_VALUE: i32 = 16 << 20;

/// A database that is open.
pub(super) struct Source {
    connection: Connection,
    path: PathBuf,
}

/// What was read at once.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) origin: Guid,
    /// The last number that was taken away.
    pub(super) acknowledged: u64,
    /// How many rows there may be; never too few.
    pub(super) pending: u64,
    pub(super) rows: Vec<Row>,
}

/// A recorded message as it stands there.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) number: u64,
    pub(super) target: Cell,
    pub(super) label: Cell,
    pub(super) priority: Cell,
    pub(super) app_specific: Cell,
    pub(super) time_to_reach_queue: Cell,
    pub(super) time_to_receive: Cell,
    pub(super) calls: Cell,
    pub(super) recorded_at: Cell,
}

/// What stands in a column, if it is short enough to be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Cell {
    #[default]
    Absent,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
    Bad,
}

/// What is in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) code: Hresult,
    pub(super) sentence: String,
    pub(super) again: Again,
}

/// When it is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// After some time: it may pass by itself.
    ByItself,
    /// When the database changes.
    OnChange,
}

impl Source {
    /// Opens the database, if it is one of ours that only we can write to.
    pub(super) fn open(path: &Path) -> Result<Self, Trouble> {
        inspect(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | OpenFlags::SQLITE_OPEN_EXRESCODE;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        for (setting, on) in [
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
            (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
            // Rows are read from a table and taken away from it; nothing else is to happen by that.
            (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false),
            (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
            // Closing must not change the files: whoever watches them would be woken by that, and we do.
            (DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true),
        ] {
            connection.set_db_config(setting, on)?;
        }
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.pragma_update(None, "synchronous", "full")?;
        if connection.is_readonly("main")? {
            return Err(Trouble::denied("what was carried over could not be taken away: the database cannot be written"));
        }
        Ok(Self { connection, path: path.to_owned() })
    }

    /// The rows that come first.
    pub(super) fn batch(&mut self) -> Result<Batch, Trouble> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        let outbox::Origin { id, acknowledged } = outbox::origin(&transaction)?;
        never_twice(&transaction)?;
        let mut rows = Vec::new();
        let mut bytes = 0;
        {
            let mut statement = transaction.prepare(&format!(
                "SELECT number, {}, {}, {}, {}, {}, {}, {}, {} FROM main.consign_outbox WHERE number > 0 ORDER BY number LIMIT {MOST_ROWS}",
                short("target", LONGEST_TEXT),
                short("label", LONGEST_TEXT),
                short("priority", LONGEST_TEXT),
                short("app_specific", LONGEST_TEXT),
                short("time_to_reach_queue", LONGEST_TEXT),
                short("time_to_receive", LONGEST_TEXT),
                short("recorded_at", LONGEST_TEXT),
                short("calls", LONGEST),
            ))?;
            let mut found = statement.query([])?;
            while let Some(row) = found.next()? {
                let row = Row::read(row)?;
                let size = if let Cell::Bytes(calls) = &row.calls { calls.len() } else { 0 };
                if bytes + size > MOST_BYTES && !rows.is_empty() {
                    break;
                }
                bytes += size;
                rows.push(row);
            }
        }
        let pending = pending(&transaction)?;
        Ok(Batch { origin: id, acknowledged, pending, rows })
    }

    /// Takes the rows up to this number away, when it is our turn; answers how many may be left.
    pub(super) fn forget(&mut self, origin: Guid, up_to: u64) -> Result<u64, Trouble> {
        let _turn = FairLock::of(&self.path).wait().map_err(|error| Trouble {
            code: common::E_ACCESSDENIED,
            sentence: format!("the lock beside the database could not be taken: {error}"),
            again: Again::ByItself,
        })?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if outbox::origin(&transaction)?.id != origin {
            return Err(Trouble::busy("the outbox got another id meanwhile"));
        }
        let number = i64::try_from(up_to).unwrap_or(i64::MAX);
        transaction.execute("DELETE FROM main.consign_outbox WHERE number > 0 AND number <= ?1", [number])?;
        transaction.execute("UPDATE main.consign_outbox_origin SET acknowledged = max(acknowledged, ?1) WHERE one = 1", [number])?;
        let pending = pending(&transaction)?;
        transaction.commit()?;
        Ok(pending)
    }
}

/// Whether the file may be opened at all.
fn inspect(path: &Path) -> Result<(), Trouble> {
    let own = rustix::process::geteuid().as_raw();
    let Some(folder) = path.parent().filter(|_| path.is_absolute()) else {
        return Err(Trouble { code: common::E_INVALIDARG, sentence: "it is no absolute path".to_owned(), again: Again::OnChange });
    };
    let missing = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => Trouble::denied(error.to_string()),
        _ => Trouble { code: common::ERROR_FILE_NOT_FOUND, sentence: "there is no such file".to_owned(), again: Again::OnChange },
    };
    let above = folder.symlink_metadata().map_err(missing)?;
    if !above.is_dir() || ![own, 0].contains(&above.uid()) || above.mode() & 0o022 != 0 {
        return Err(Trouble::denied("its folder belongs to somebody else, is a link, or can be written by others"));
    }
    if let Some(kind) = network_file_system(folder).map_err(missing)? {
        let sentence = format!("it is on a network file system ({kind}), where the locks of SQLite are not to be trusted");
        return Err(Trouble { code: common::CO_E_NOT_SUPPORTED, sentence, again: Again::OnChange });
    }
    let file = path.symlink_metadata().map_err(missing)?;
    if !file.is_file() {
        return Err(Trouble::denied("it is a link, or no plain file"));
    }
    if file.uid() != own {
        return Err(Trouble::denied("it belongs to another user"));
    }
    if file.mode() & 0o022 != 0 {
        return Err(Trouble::denied("it can be written by others"));
    }
    Ok(())
}

/// An expression for a column that is read only if it is short. Its length is known without reading it.
fn short(column: &str, longest: usize) -> String {
    format!("CASE WHEN {column} IS NULL OR octet_length({column}) <= {longest} THEN {column} ELSE 0.0 END")
}

/// Whether SQLite remembers the numbers that it gave.
fn never_twice(transaction: &Transaction<'_>) -> Result<(), Trouble> {
    let remembered = "SELECT coalesce((SELECT seq FROM main.sqlite_sequence WHERE name = 'consign_outbox'), 0) \
                      >= coalesce((SELECT max(number) FROM main.consign_outbox), 0)";
    // Without any such table there is no sqlite_sequence either.
    let remembers = transaction.query_row(remembered, [], |row| row.get(0)).unwrap_or(false);
    if remembers { Ok(()) } else { Err(()) }.map_err(|()| {
        let sentence = "the numbers of its rows are not AUTOINCREMENT: one could be given twice".to_owned();
        Trouble { code: common::E_INVALIDARG, sentence, again: Again::OnChange }
    })
}

/// By the numbers: counting would read all rows.
fn pending(transaction: &Transaction<'_>) -> Result<u64, Trouble> {
    let end = |which: &str| -> Result<Option<i64>, Trouble> {
        Ok(transaction.query_row(&format!("SELECT {which}(number) FROM main.consign_outbox WHERE number > 0"), [], |row| row.get(0))?)
    };
    let (first, last) = (end("min")?, end("max")?);
    Ok(first.zip(last).map_or(0, |(first, last)| u64::try_from(last.saturating_sub(first)).unwrap_or(0).saturating_add(1)))
}

impl Row {
    fn read(row: &SqliteRow<'_>) -> Result<Self, Trouble> {
        let cell = |index| -> Result<Cell, Trouble> {
            Ok(match row.get_ref(index)? {
                ValueRef::Null => Cell::Absent,
                ValueRef::Integer(number) => Cell::Number(number),
                ValueRef::Real(_) => Cell::Bad,
                ValueRef::Text(text) => String::from_utf8(text.to_vec()).map_or(Cell::Bad, Cell::Text),
                ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
            })
        };
        Ok(Self {
            number: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
            target: cell(1)?,
            label: cell(2)?,
            priority: cell(3)?,
            app_specific: cell(4)?,
            time_to_reach_queue: cell(5)?,
            time_to_receive: cell(6)?,
            recorded_at: cell(7)?,
            calls: cell(8)?,
        })
    }
}

impl Trouble {
    pub(super) fn denied(sentence: impl Into<String>) -> Self {
        Self { code: common::E_ACCESSDENIED, sentence: sentence.into(), again: Again::OnChange }
    }

    pub(super) fn busy(sentence: impl Into<String>) -> Self {
        Self { code: common::ERROR_BUSY, sentence: sentence.into(), again: Again::ByItself }
    }
}

impl From<consign_store::rusqlite::Error> for Trouble {
    fn from(error: consign_store::rusqlite::Error) -> Self {
        let sentence = format!("the database failed: {error}");
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::busy("the database is locked"),
            Some(ErrorCode::NotADatabase) => {
                Self { code: common::E_INVALIDARG, sentence: "it is no SQLite database".to_owned(), again: Again::OnChange }
            }
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory) => {
                Self { code: sqlite_code(&error), sentence, again: Again::ByItself }
            }
            _ => Self { code: sqlite_code(&error), sentence, again: Again::OnChange },
        }
    }
}

impl From<NoOutbox> for Trouble {
    fn from(problem: NoOutbox) -> Self {
        let (code, sentence) = match problem {
            NoOutbox::Sqlite(error) => return error.into(),
            NoOutbox::Absent => (common::E_INVALIDARG, "it has no outbox; the application makes one when it opens it".to_owned()),
            NoOutbox::Newer { .. } => (common::CO_E_NOT_SUPPORTED, problem.to_string()),
            NoOutbox::Malformed(_) => (common::E_INVALIDARG, problem.to_string()),
        };
        Self { code, sentence, again: Again::OnChange }
    }
}
