//! The tables. What people read with `sqlite3` should explain itself.

use std::num::NonZeroI32;

use consign_store::Schema;

/// "CnsQ".
const APPLICATION_ID: NonZeroI32 = NonZeroI32::new(0x436e_7351).unwrap();

pub(super) const SCHEMA: Schema = Schema { application_id: APPLICATION_ID, migrations: &[VERSION_1] };

/// `standing`: 0 ready, 1 waiting, 2 parked, 3 dead. `place`: -1 input, n retry queue n, 100 exception
/// class (server), 101 exception class (client), 102 dead queue. `rank`: 7 - priority. Times in
/// milliseconds since 1970. `wake`: the earlier of `due` and `expires`.
const VERSION_1: &str = "
CREATE TABLE origin (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    number BLOB NOT NULL,
    reserved INTEGER NOT NULL
) STRICT;

CREATE TABLE queue (
    name TEXT PRIMARY KEY,
    paused INTEGER NOT NULL,
    policy TEXT NOT NULL,
    ready INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    parked INTEGER NOT NULL,
    dead INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
    seq INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    standing INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    position INTEGER NOT NULL,
    place INTEGER NOT NULL,
    due INTEGER,
    expires INTEGER,
    wake INTEGER AS (CASE WHEN due IS NULL THEN expires WHEN expires IS NULL THEN due ELSE min(due, expires) END) VIRTUAL,
    attempts_here INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    deaths INTEGER NOT NULL,
    code INTEGER NOT NULL,
    sentence TEXT NOT NULL,
    class BLOB NOT NULL,
    label TEXT NOT NULL,
    app_specific INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    pid INTEGER,
    arrived INTEGER NOT NULL,
    count INTEGER NOT NULL,
    calls BLOB NOT NULL
) STRICT;

CREATE INDEX message_turn ON message (queue, standing, rank, position);
CREATE INDEX message_wake ON message (wake) WHERE wake IS NOT NULL;

CREATE TABLE attempt (
    seq INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    place INTEGER NOT NULL,
    call INTEGER,
    code INTEGER NOT NULL,
    sentence TEXT NOT NULL,
    PRIMARY KEY (seq, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE stream (
    origin BLOB PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE catalogue (
    key TEXT PRIMARY KEY,
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";
