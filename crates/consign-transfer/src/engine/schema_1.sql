CREATE TABLE jobs (
    id BLOB PRIMARY KEY,
    sequence INTEGER NOT NULL UNIQUE,
    owner INTEGER NOT NULL,
    type INTEGER NOT NULL,
    display_name TEXT NOT NULL,
    description TEXT NOT NULL,
    priority INTEGER NOT NULL,
    state INTEGER NOT NULL,
    files_total INTEGER NOT NULL,
    files_transferred INTEGER NOT NULL,
    notify_flags INTEGER NOT NULL,
    proxy_usage INTEGER NOT NULL,
    proxy_list TEXT,
    proxy_bypass TEXT,
    proxy_http TEXT,
    proxy_https TEXT,
    proxy_all TEXT,
    proxy_none TEXT,
    security_flags INTEGER NOT NULL,
    created INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    transferred INTEGER,
    ended INTEGER,
    minimum_retry_delay INTEGER NOT NULL,
    no_progress_timeout INTEGER NOT NULL,
    maximum_download_time INTEGER NOT NULL,
    auto_complete INTEGER NOT NULL,
    error_count INTEGER NOT NULL,
    error_code INTEGER,
    error_context INTEGER,
    error_sentence TEXT,
    error_file INTEGER,
    error_at INTEGER NOT NULL,
    retry_at INTEGER,
    no_progress_since INTEGER,
    active_before INTEGER NOT NULL,
    cleanup_pending INTEGER NOT NULL,
    umask INTEGER NOT NULL,
    notification_class BLOB,
    command_program TEXT,
    -- Separated by NUL.
    command_arguments TEXT,
    notification_interval INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- No foreign key: INSERT OR REPLACE of a job would take its files along.
CREATE TABLE files (
    job BLOB NOT NULL,
    number INTEGER NOT NULL,
    url TEXT NOT NULL,
    folder BLOB NOT NULL,
    name BLOB NOT NULL,
    temporary_name BLOB NOT NULL,
    ranges BLOB NOT NULL,
    checksum TEXT,
    stage INTEGER NOT NULL,
    synced INTEGER NOT NULL,
    size INTEGER,
    etag TEXT,
    last_modified TEXT,
    range_support INTEGER NOT NULL,
    validity INTEGER,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;

-- What owners have to be told and have not heard. An id is never used again.
CREATE TABLE notices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job BLOB NOT NULL,
    kind INTEGER NOT NULL,
    file INTEGER
) STRICT;

CREATE TABLE orphans (
    path BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Has its one row once the folders of an earlier database were searched for temporary files.
CREATE TABLE searched (
    once INTEGER PRIMARY KEY CHECK (once = 1)
) STRICT;
