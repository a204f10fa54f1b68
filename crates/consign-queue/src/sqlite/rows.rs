//! Rows to messages and back.

use std::sync::Arc;

use consign_core::{Hresult, Timestamp};
use consign_store::rusqlite::{self, Connection, Row, params, types::Type};

use super::guid;
use crate::{
    message::{Attempt, Caller, HIGHEST_PRIORITY, Message, Place, Reason, Side, Standing, State},
    store::{Change, Counts, Loaded, QueueRecord},
};

pub(super) const COLUMNS: &str = "seq, queue, standing, rank, position, place, due, expires, attempts_here, attempts, deaths, code, \
     sentence, class, label, app_specific, uid, pid, arrived, count, calls";

pub(super) fn write(connection: &Connection, change: &Change) -> rusqlite::Result<()> {
    match change {
        Change::Insert(message) => insert(connection, message),
        Change::Update { seq, queue, state } => update(connection, *seq, queue, state),
        Change::Delete { seq } => {
            // A message that never failed has no attempts: its row says so, and spares a search.
            let sql = "DELETE FROM message WHERE seq = ?1 RETURNING attempts";
            let attempts: i64 = connection.prepare_cached(sql)?.query_row([signed(*seq)], |row| row.get(0))?;
            if attempts > 0 {
                connection.prepare_cached("DELETE FROM attempt WHERE seq = ?1")?.execute([signed(*seq)])?;
            }
            Ok(())
        }
        Change::Attempt { seq, attempt } => {
            let sql = "INSERT INTO attempt (seq, number, at, place, call, code, sentence) \
                       SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE EXISTS (SELECT 1 FROM message WHERE seq = ?1)";
            let Attempt { number, at, place, call, reason } = attempt;
            let values = params![signed(*seq), number, at.as_millis(), place_number(*place), call, reason.code.as_i32(), reason.sentence];
            one(connection.prepare_cached(sql)?.execute(values)?)
        }
        Change::Queue(queue) => {
            let sql = "INSERT INTO queue (name, paused, policy, ready, waiting, parked, dead, bytes) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (name) DO UPDATE SET paused = ?2, policy = ?3, \
                       ready = ?4, waiting = ?5, parked = ?6, dead = ?7, bytes = ?8";
            let policy = serde_json::to_string(&queue.policy).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            let Counts { ready, waiting, parked, dead, bytes } = queue.counts;
            let counts = [ready, waiting, parked, dead, bytes].map(signed);
            let values = params![queue.name, queue.paused, policy, counts[0], counts[1], counts[2], counts[3], counts[4]];
            connection.prepare_cached(sql)?.execute(values).map(drop)
        }
        Change::RemoveQueue(name) => connection.prepare_cached("DELETE FROM queue WHERE name = ?1")?.execute([name]).map(drop),
        Change::Stream(origin, last) => {
            let sql = "INSERT INTO stream (origin, last) VALUES (?1, ?2) ON CONFLICT (origin) DO UPDATE SET last = ?2";
            connection.prepare_cached(sql)?.execute(params![&origin.as_bytes()[..], signed(*last)]).map(drop)
        }
        Change::Reserve(up_to) => connection.prepare_cached("UPDATE origin SET reserved = ?1")?.execute([signed(*up_to)]).map(drop),
        Change::Catalogue(key, Some(text)) => {
            let sql = "INSERT INTO catalogue (key, text) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET text = ?2";
            connection.prepare_cached(sql)?.execute([key, text]).map(drop)
        }
        Change::Catalogue(key, None) => connection.prepare_cached("DELETE FROM catalogue WHERE key = ?1")?.execute([key]).map(drop),
    }
}

fn insert(connection: &Connection, message: &Message) -> rusqlite::Result<()> {
    let sql = "INSERT INTO message (seq, queue, standing, rank, position, place, due, expires, attempts_here, attempts, deaths, code, \
               sentence, class, label, app_specific, uid, pid, arrived, count, calls) VALUES \
               (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)";
    let state = &message.state;
    let values = params![
        signed(message.seq),
        message.queue,
        standing_number(state.standing),
        rank(message.priority),
        signed(state.position),
        place_number(state.place),
        state.due.map(Timestamp::as_millis),
        state.expires.map(Timestamp::as_millis),
        state.attempts_here,
        state.attempts,
        state.deaths,
        state.reason.code.as_i32(),
        state.reason.sentence,
        &message.class.as_bytes()[..],
        message.label,
        message.app_specific,
        message.caller.uid,
        message.caller.pid,
        message.arrived.as_millis(),
        message.count,
        &message.calls[..],
    ];
    connection.prepare_cached(sql)?.execute(values).map(drop)
}

fn update(connection: &Connection, seq: u64, queue: &str, state: &State) -> rusqlite::Result<()> {
    let sql = "UPDATE message SET queue = ?2, standing = ?3, position = ?4, place = ?5, due = ?6, expires = ?7, attempts_here = ?8, \
               attempts = ?9, deaths = ?10, code = ?11, sentence = ?12 WHERE seq = ?1";
    let values = params![
        signed(seq),
        queue,
        standing_number(state.standing),
        signed(state.position),
        place_number(state.place),
        state.due.map(Timestamp::as_millis),
        state.expires.map(Timestamp::as_millis),
        state.attempts_here,
        state.attempts,
        state.deaths,
        state.reason.code.as_i32(),
        state.reason.sentence,
    ];
    one(connection.prepare_cached(sql)?.execute(values)?)
}

/// A message that is not there cannot be changed.
fn one(rows: usize) -> rusqlite::Result<()> {
    if rows == 1 { Ok(()) } else { Err(rusqlite::Error::QueryReturnedNoRows) }
}

pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let rank: u8 = row.get(3)?;
    Ok(Message {
        seq: unsigned(row, 0)?,
        queue: row.get(1)?,
        class: guid(row.get_ref(13)?.as_blob()?).ok_or_else(|| strange(13, Type::Blob))?,
        calls: Arc::from(row.get_ref(20)?.as_blob()?),
        count: row.get(19)?,
        label: row.get(14)?,
        priority: HIGHEST_PRIORITY.checked_sub(rank).ok_or_else(|| strange(3, Type::Integer))?,
        app_specific: row.get(15)?,
        caller: Caller { uid: row.get(16)?, pid: row.get(17)? },
        arrived: Timestamp::from_millis(row.get(18)?),
        state: State {
            place: place(row.get(5)?).ok_or_else(|| strange(5, Type::Integer))?,
            standing: standing(row.get(2)?).ok_or_else(|| strange(2, Type::Integer))?,
            position: unsigned(row, 4)?,
            due: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_millis),
            expires: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_millis),
            attempts_here: row.get(8)?,
            attempts: row.get(9)?,
            deaths: row.get(10)?,
            reason: Reason { code: Hresult::from_i32(row.get(11)?), sentence: row.get(12)? },
        },
    })
}

pub(super) fn attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        number: row.get(0)?,
        at: Timestamp::from_millis(row.get(1)?),
        place: place(row.get(2)?).ok_or_else(|| strange(2, Type::Integer))?,
        call: row.get(3)?,
        reason: Reason { code: Hresult::from_i32(row.get(4)?), sentence: row.get(5)? },
    })
}

pub(super) fn loaded(connection: &Connection) -> rusqlite::Result<Loaded> {
    let (number, next_seq) = connection.query_row("SELECT number, reserved FROM origin", [], |row| {
        let bytes = <[u8; 8]>::try_from(row.get_ref(0)?.as_blob()?).map_err(|_| strange(0, Type::Blob))?;
        Ok((u64::from_be_bytes(bytes), unsigned(row, 1)?))
    })?;
    let mut queues = connection.prepare("SELECT name, paused, policy, ready, waiting, parked, dead, bytes FROM queue")?;
    let queues = queues.query_map([], |row| {
        let policy: String = row.get(2)?;
        Ok(QueueRecord {
            name: row.get(0)?,
            paused: row.get(1)?,
            policy: serde_json::from_str(&policy)
                .map_err(|error| rusqlite::Error::FromSqlConversionFailure(2, Type::Text, error.into()))?,
            counts: Counts {
                ready: unsigned(row, 3)?,
                waiting: unsigned(row, 4)?,
                parked: unsigned(row, 5)?,
                dead: unsigned(row, 6)?,
                bytes: unsigned(row, 7)?,
            },
        })
    })?;
    let queues = queues.collect::<rusqlite::Result<_>>()?;
    let mut streams = connection.prepare("SELECT origin, last FROM stream")?;
    let streams =
        streams.query_map([], |row| Ok((guid(row.get_ref(0)?.as_blob()?).ok_or_else(|| strange(0, Type::Blob))?, unsigned(row, 1)?)))?;
    let streams = streams.collect::<rusqlite::Result<_>>()?;
    let mut catalogue = connection.prepare("SELECT key, text FROM catalogue")?;
    let catalogue = catalogue.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    Ok(Loaded { number, next_seq, queues, streams, catalogue })
}

pub(super) fn rank(priority: u8) -> i64 {
    i64::from(HIGHEST_PRIORITY.saturating_sub(priority))
}

/// Numbers here are counted up from 0 and never come near the sign.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn standing_number(standing: Standing) -> u8 {
    match standing {
        Standing::Ready => 0,
        Standing::Waiting => 1,
        Standing::Parked => 2,
        Standing::Dead => 3,
    }
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| strange(column, Type::Integer))
}

fn standing(number: u8) -> Option<Standing> {
    [Standing::Ready, Standing::Waiting, Standing::Parked, Standing::Dead].get(usize::from(number)).copied()
}

fn place_number(place: Place) -> i16 {
    match place {
        Place::Input => -1,
        Place::Retry(index) => index.into(),
        Place::Exception(Side::Server) => 100,
        Place::Exception(Side::Client) => 101,
        Place::Dead => 102,
    }
}

fn place(number: i16) -> Option<Place> {
    match number {
        -1 => Some(Place::Input),
        100 => Some(Place::Exception(Side::Server)),
        101 => Some(Place::Exception(Side::Client)),
        102 => Some(Place::Dead),
        index => u8::try_from(index).ok().filter(|index| *index < 64).map(Place::Retry),
    }
}

fn strange(column: usize, kind: Type) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, "a value that was never written".into())
}
