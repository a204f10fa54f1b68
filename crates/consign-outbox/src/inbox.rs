//! The inbox of a component: the effects of a message happen once, however often it is played.
//!
//! A message can be played again although all its calls succeeded: when the component's process, the service
//! or the machine died before the answer was stored. The id of a message never changes. So a component whose
//! effects are rows in a SQLite database writes the id into a table beside them, in the same transaction, and
//! does nothing when it is there already.

use std::time::Duration;

use consign::Playback;
use consign_core::{Clock, Guid, SystemClock};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{Durability, Error, Result, database::Database};

/// Ids come in the order of their numbers, so that old ones are found without another index.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS main.consign_inbox (\
                     number INTEGER PRIMARY KEY, message TEXT NOT NULL UNIQUE, at INTEGER NOT NULL)";

/// Nothing is forgotten sooner: the default schedule of retries takes 31 minutes and the attempts between.
const SHORTEST: Duration = Duration::from_secs(60 * 60);

/// The most ids that are forgotten at once, so that nobody waits for long.
const FORGOTTEN_AT_ONCE: i64 = 10_000;

/// Whether a message was here before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Once {
    /// It was not: its effects are to happen now, in this transaction.
    First,
    /// Its effects have happened. What is left is to say so: the method succeeds.
    Again,
}

/// Notes the message in the component's transaction, which is open on this connection. If that is rolled
/// back, so is the note.
///
/// # Errors
/// [`Error::NoTransaction`], [`Error::Sqlite`].
pub fn once(transaction: &Connection, message: Guid) -> Result<Once> {
    if transaction.is_autocommit() {
        return Err(Error::NoTransaction);
    }
    transaction.execute(TABLE, [])?;
    let sql = "INSERT INTO main.consign_inbox (message, at) VALUES (?1, ?2) ON CONFLICT (message) DO NOTHING";
    let noted = transaction.prepare_cached(sql)?.execute(params![message.to_string(), SystemClock.now().wall.as_millis()])?;
    Ok(if noted == 1 { Once::First } else { Once::Again })
}

/// Runs `work` in a transaction, unless that has been done for this message; `None` then. For a message of
/// several calls this is to be done once, in the last, or with what makes the calls different: the message
/// is noted, not the call.
///
/// The connection gets WAL and `synchronous=FULL`, and writers queue as at an [`Outbox`](crate::Outbox).
///
/// # Errors
/// Those of `work`; [`Error::NoFile`], [`Error::NotDurable`], [`Error::Lock`], [`Error::Ended`],
/// [`Error::Sqlite`].
pub fn transaction<T, E: From<Error>>(
    connection: &mut Connection,
    playback: &Playback,
    work: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, E>,
) -> Result<Option<T>, E> {
    let database = Database::of(connection, Durability::Full)?;
    database.write(connection, |transaction| match once(transaction, playback.message().id)? {
        Once::First => work(transaction).map(Some),
        Once::Again => Ok(None),
    })
}

/// Forgets messages that were noted longer ago than `keep`, at most ten thousand at once; answers how many.
///
/// A message that is still in a queue, or in the dead queue, must not be forgotten: if it is played again, its
/// effects happen again. So `keep` is longer than the longest time for which a message waits for its retries,
/// and than the time within which somebody tries dead messages again. An hour is the least.
///
/// # Errors
/// [`Error::TooSoon`], and those of [`transaction()`].
pub fn prune(connection: &mut Connection, keep: Duration) -> Result<u64> {
    if keep < SHORTEST {
        return Err(Error::TooSoon);
    }
    let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
    forget(connection, |transaction, youngest_allowed| {
        let limit = SystemClock.now().wall.as_millis().saturating_sub(keep).min(youngest_allowed);
        // Up to the first that is young enough: a clock that was set must not make young ones old.
        let sql = "SELECT number FROM main.consign_inbox WHERE at >= ?1 ORDER BY number LIMIT 1";
        transaction.query_row(sql, [limit], |row| row.get(0)).optional().map(|first| first.unwrap_or(i64::MAX))
    })
}

/// Forgets all but the `most` messages that were noted last, and those of the last hour; at most ten thousand
/// at once; answers how many. What [`prune`] says of messages that are still in a queue holds here, too.
///
/// # Errors
/// Those of [`transaction()`].
pub fn prune_to(connection: &mut Connection, most: u64) -> Result<u64> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    forget(connection, |transaction, youngest_allowed| {
        let last: Option<i64> = transaction.query_row("SELECT max(number) FROM main.consign_inbox", [], |row| row.get(0))?;
        let sql = "SELECT number FROM main.consign_inbox WHERE at >= ?1 ORDER BY number LIMIT 1";
        let young: Option<i64> = transaction.query_row(sql, [youngest_allowed], |row| row.get(0)).optional()?;
        Ok(young.unwrap_or(i64::MAX).min(last.unwrap_or(0).saturating_sub(most).saturating_add(1)))
    })
}

/// Takes away what stands before the number that `first_kept` finds, given the time before which anything may go.
fn forget(connection: &mut Connection, first_kept: impl FnOnce(&Connection, i64) -> rusqlite::Result<i64>) -> Result<u64> {
    let database = Database::of(connection, Durability::Full)?;
    database.write(connection, |transaction| {
        transaction.execute(TABLE, [])?;
        let shortest = i64::try_from(SHORTEST.as_millis()).unwrap_or(i64::MAX);
        let first = first_kept(transaction, SystemClock.now().wall.as_millis().saturating_sub(shortest))?;
        let sql = "DELETE FROM main.consign_inbox WHERE number IN \
                   (SELECT number FROM main.consign_inbox WHERE number < ?1 ORDER BY number LIMIT ?2)";
        let forgotten = transaction.execute(sql, params![first, FORGOTTEN_AT_ONCE])?;
        Ok(u64::try_from(forgotten).unwrap_or(u64::MAX))
    })
}
