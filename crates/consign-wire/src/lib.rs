//! The D-Bus face as data: object paths, interfaces, records, errors. What the service and the
//! client library must agree on, and nothing else.
//!
//! Times are milliseconds since 1970 (UTC), 0 where there is none. Sizes are bytes,
//! `BG_SIZE_UNKNOWN` where they are not known. Texts that are absent are empty.

pub mod error;
pub mod names;
pub mod queue;
mod record;

pub use record::{ClassRecord, ErrorRecord, FileRecord, JobRecord, NewFileRecord, ProxyRecord, RangeRecord};
