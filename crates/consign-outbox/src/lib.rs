//! Queued calls and the application's own data, in one SQLite transaction.
//!
//! An **outbox** is a table in the database that the application has anyway. What is recorded there is
//! committed together with the application's own rows or not at all; the service then carries it to its
//! queue, once, in the order of recording. No service need run, nor the component exist, at that moment.
//!
//! ```no_run
//! use consign::Recorder;
//! use consign_outbox::{Outbox, rusqlite::Connection};
//!
//! #[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9", queueable)]
//! pub trait Shipment {
//!     /// Ships an order.
//!     async fn ship_order(&self, order_number: u32) -> consign::Result<()>;
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut connection = Connection::open("/srv/till/till.db")?;
//! let outbox = Outbox::open(&connection)?;
//! outbox.transaction(&mut connection, |transaction| {
//!     transaction.execute("INSERT INTO sale (number, cents) VALUES (7, 1250)", [])?;
//!     let recorder = Recorder::detached("Contoso.Shipment")?;
//!     recorder.interface::<IShipment>().ship_order(7)?;
//!     transaction.record(recorder)?;
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! })?;
//! # Ok(())
//! # }
//! ```
//!
//! The service has to know the database, once: `consign outbox add /srv/till/till.db`, or
//! [`Client::add_outbox`](consign::Client::add_outbox).
//!
//! An [`inbox`] is the other end: a table in the database of a component, with which the effects of a
//! message happen once, however often it is played.
//!
//! [`rusqlite`] is the one that the application has to use, so that it can pass its connections.
//! `docs/outbox.md` describes the tables for other languages.

mod database;
mod error;
mod outbox;
mod transaction;
mod wake;

pub mod inbox;
pub mod measure;

pub use database::Durability;
pub use error::{Error, Result};
pub use outbox::{Options, Outbox, transaction};
pub use rusqlite;
pub use transaction::Transaction;
pub use wake::Wake;
