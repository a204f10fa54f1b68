//! The storage rules: SQLite that keeps what it reported durable.
//!
//! Responsible for one database file: how it is opened, set up, written and closed. It owns the
//! connection and the thread that uses it. It must not know what is stored: tables and statements
//! belong to the engine that opens the store.
//!
//! Which rule is kept where:
//!
//! | rule | where |
//! | --- | --- |
//! | every connection sets WAL and `synchronous=FULL`, and reads both back | `connection` |
//! | a file that cannot be read is set aside, never overwritten | `open`, `place` |
//! | what a newer version wrote is refused and left as it is; older is migrated, one transaction a step | `schema` |
//! | nobody but the user can read the files, from the first moment on | `place` |
//! | one thread writes; what waits is committed together, then answered | `writer`, `batch` |
//! | a failed sync is never tried again: the store is poisoned until it is opened anew | `batch` |
//! | nothing polls | `writer`: the thread sleeps on its inbox |
//!
//! Deliberately absent: waiting for other processes. The service owns its state folder by a lock
//! that is taken elsewhere, before a store is opened. SQLite's busy handler starves writers for
//! seconds, so it is set to give up soon and nothing here relies on it. Where several processes write
//! to one database, an application's own, they queue at the [`FairLock`] first.

mod batch;
mod connection;
mod error;
mod fair_lock;
mod open;
mod owned;
mod place;
mod schema;
mod store;
mod writer;

pub mod outbox;

pub use error::{OpenError, StoreError, sqlite_code};
pub use fair_lock::{FairLock, Turn};
pub use open::Opening;
pub use owned::OwnedStore;
pub use rusqlite;
pub use schema::Schema;
pub use store::{Answer, Store};
