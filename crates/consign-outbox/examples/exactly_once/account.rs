//! The interface and its component.

use std::path::PathBuf;

use consign::{Error, Playback, Result, common::E_FAIL};
use consign_outbox::{
    inbox,
    rusqlite::{self, Connection},
};

/// `CLSID_Account`.
pub(crate) const CLASS: &str = "b3c1d2a4-08a6-4c0f-9f0b-5d6f7a8b9c0d";

/// Takes payments.
#[consign::interface(uuid = "5a1f8a3e-9a6b-4df8-8f5c-6f3a1b2c4d5e", queueable)]
pub(crate) trait Payments {
    /// Adds to the account.
    async fn pay(&self, cents: u32) -> consign::Result<()>;
}

pub(crate) use IPayments as IAccount;

/// A new one for each message.
pub(crate) struct Account {
    /// Holds the payments.
    pub(crate) database: PathBuf,
    /// The message.
    pub(crate) playback: Playback,
}

impl Payments for Account {
    async fn pay(&self, cents: u32) -> Result<()> {
        let failed = |error: rusqlite::Error| Error::failed(E_FAIL, format!("the account cannot be written: {error}"));
        let mut connection = Connection::open(&self.database).map_err(failed)?;
        let paid = inbox::transaction(&mut connection, &self.playback, |transaction| {
            transaction.execute("CREATE TABLE IF NOT EXISTS payment (number INTEGER PRIMARY KEY, cents INTEGER)", [])?;
            let first = transaction.query_row("SELECT count(*) FROM payment", [], |row| row.get::<_, i64>(0))? == 0;
            transaction.execute("INSERT INTO payment (cents) VALUES (?1)", [cents])?;
            Ok::<_, consign_outbox::Error>(first)
        })?;
        if paid == Some(true) {
            // Committed, and nobody has heard of it. SIGKILL leaves no time for anything.
            let killed = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            return killed.map_err(|error| Error::failed(E_FAIL, error.to_string()));
        }
        Ok(())
    }
}
