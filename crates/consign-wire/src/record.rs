//! What travels: structures with fixed signatures. A field is never removed or moved.

use serde::{Deserialize, Serialize};
use zbus::{OwnedObjectPath, OwnedVariant, Type, Variant};

/// One job in a list: what a table shows, without asking again for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct JobRecord {
    /// The object.
    pub path: OwnedObjectPath,
    /// The id, with hyphens.
    pub id: String,
    /// The display name.
    pub display_name: String,
    /// `BG_JOB_TYPE`.
    pub job_type: u32,
    /// `BG_JOB_STATE`.
    pub state: u32,
    /// `BG_JOB_PRIORITY`.
    pub priority: u32,
    /// In bytes, or `BG_SIZE_UNKNOWN`.
    pub bytes_total: u64,
    /// In bytes.
    pub bytes_transferred: u64,
    /// All files.
    pub files_total: u32,
    /// Finished files.
    pub files_transferred: u32,
    /// When it was created.
    pub created: i64,
    /// When it last changed.
    pub modified: i64,
    /// The last error's code, 0 for none.
    pub error: i32,
    /// The last error's sentence, empty for none.
    pub error_sentence: String,
    /// Why it does not run, empty while it does.
    pub waiting_because: String,
    /// When the next attempt begins, 0 if time does not decide.
    pub next_attempt: i64,
}

/// `IBackgroundCopyError`.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, Type, Variant, OwnedVariant)]
pub struct ErrorRecord {
    /// `BG_ERROR_CONTEXT`; 0 for no error.
    pub context: u32,
    /// The HRESULT.
    pub code: i32,
    /// Its symbol.
    pub symbol: String,
    /// What happened.
    pub sentence: String,
    /// What the context means.
    pub context_sentence: String,
    /// The number of the file at hand, `u32::MAX` for none.
    pub file: u32,
    /// Its remote name without password, empty for none.
    pub remote_name: String,
    /// `http` or `file`, empty for none.
    pub protocol: String,
    /// When it happened.
    pub at: i64,
}

/// A range: offset and length in bytes, `BG_LENGTH_TO_EOF` for all the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type, Variant, OwnedVariant)]
pub struct RangeRecord {
    /// From the start of the remote file.
    pub initial_offset: u64,
    /// How long.
    pub length: u64,
}

/// A file to add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct NewFileRecord {
    /// The URL.
    pub remote_name: String,
    /// The absolute path, as bytes without NUL: paths need not be UTF-8.
    pub local_name: Vec<u8>,
    /// Empty for the whole file.
    pub ranges: Vec<RangeRecord>,
    /// `sha256:HEX` and the like, empty for none.
    pub checksum: String,
}

/// A file of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct FileRecord {
    /// Counted from 0.
    pub index: u32,
    /// The URL, its password hidden.
    pub remote_name: String,
    /// The absolute path, as bytes.
    pub local_name: Vec<u8>,
    /// The temporary file's path, as bytes; empty before there is one.
    pub temporary_name: Vec<u8>,
    /// Empty for the whole file.
    pub ranges: Vec<RangeRecord>,
    /// The declared checksum, empty for none.
    pub checksum: String,
    /// In bytes, or `BG_SIZE_UNKNOWN`.
    pub bytes_total: u64,
    /// In bytes.
    pub bytes_transferred: u64,
    /// Whole, verified and safe on disk.
    pub completed: bool,
    /// Whether the server gives parts of it: 0 not known yet, 1 yes, 2 no.
    pub range_support: u32,
    /// What its owner said of it: 0 nothing, 1 valid, 2 invalid.
    pub validation: u32,
    /// Whether it could be given to peers: 0 no, 1 validated, 2 completed.
    pub peer_availability: u32,
}

/// `SetProxySettings`.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, Type, Variant, OwnedVariant)]
pub struct ProxyRecord {
    /// `BG_JOB_PROXY_USAGE`.
    pub usage: u32,
    /// Empty for none.
    pub list: String,
    /// Empty for none.
    pub bypass: String,
}

/// A class file, and what is known of the class's server.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, Type)]
pub struct ClassRecord {
    /// The path of the class file.
    pub file: String,
    /// Why the file describes no class, 0 where it does. Where it does not, the rest is empty.
    pub problem: i32,
    /// The same in words.
    pub problem_sentence: String,
    /// The CLSID.
    pub clsid: String,
    /// Its name for people.
    pub progid: String,
    /// What it is.
    pub name: String,
    /// What it belongs to.
    pub application: String,
    /// `exec`, `systemd_unit` or `dbus_name`.
    pub host: String,
    /// Program and arguments, or the one name.
    pub command: Vec<String>,
    /// In seconds.
    pub start_timeout: u32,
    /// In seconds, -1 for never.
    pub idle_stop: i64,
    /// `absent`, `starting`, `running`, `stopping` or `backing-off`.
    pub state: String,
    /// How many use the server.
    pub users: u32,
    /// The process where the service started it, 0 for none.
    pub process: u32,
    /// When the latest start was begun.
    pub started: i64,
    /// How many starts there were.
    pub attempts: u64,
    /// How many in a row have failed.
    pub failures: u32,
    /// When it is started again at the earliest, where the state is `backing-off`.
    pub retry: i64,
    /// When the last one failed.
    pub failure_at: i64,
    /// Its code, 0 for none.
    pub failure: i32,
    /// Its sentence.
    pub failure_sentence: String,
}
