//! A store without a thread of its own, for an engine that decides and commits on one thread: then
//! what waits while a commit is under way is the next transaction, without a second queue.

use std::{path::Path, sync::Arc};

use rusqlite::{Connection, Savepoint};

use crate::{
    OpenError, Opening, Schema, StoreError,
    batch::{Committer, Write},
    open,
};

/// An open store that belongs to one thread.
pub struct OwnedStore {
    committer: Committer,
}

impl OwnedStore {
    /// As [`crate::Store::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(path: &Path, schema: &Schema) -> Result<(Self, Opening), OpenError> {
        let (connection, opening) = open::open(path, schema)?;
        let committer =
            Committer::new(connection).map_err(|source| OpenError::Sqlite { doing: "opened", path: path.to_owned(), source })?;
        Ok((Self { committer }, opening))
    }

    /// Makes a change and commits it: all of it is durable when this returns `Ok`, none of it is
    /// stored otherwise, but for [`StoreError::Uncertain`].
    ///
    /// # Errors
    /// Those of a store. After a failure of the disk every further write is refused.
    pub fn write<T: Send>(&mut self, change: impl FnOnce(&Savepoint<'_>) -> rusqlite::Result<T> + Send) -> Result<T, StoreError> {
        let mut outcome = Err(StoreError::Closed);
        self.committer.carry_out(vec![Box::new(Only { change: Some(change), value: None, outcome: &mut outcome })]);
        outcome
    }

    /// Reads, without the right to write.
    ///
    /// # Errors
    /// Those of the query.
    pub fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let mut outcome = None;
        let prepared = self.committer.read(|connection| outcome = Some(query(connection)));
        let failed = |error| StoreError::Failed(Arc::new(error));
        prepared.map_err(failed)?;
        outcome.unwrap_or_else(|| Err(rusqlite::Error::InvalidQuery)).map_err(failed)
    }

    /// Carries the log over into the database when it has grown long. For moments when nobody waits.
    pub fn tidy(&mut self) {
        self.committer.tidy();
    }

    /// Carries the log over and closes the file.
    ///
    /// # Errors
    /// When the log could not be carried over. Nothing that was reported stored is lost by that.
    pub fn close(self) -> Result<(), StoreError> {
        self.committer.close()
    }
}

struct Only<'a, F, T> {
    change: Option<F>,
    value: Option<T>,
    outcome: &'a mut Result<T, StoreError>,
}

impl<F, T> Write for Only<'_, F, T>
where
    F: FnOnce(&Savepoint<'_>) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn run(&mut self, savepoint: &Savepoint<'_>) -> Result<(), StoreError> {
        let Some(change) = self.change.take() else { return Ok(()) };
        self.value = Some(change(savepoint).map_err(|error| StoreError::Failed(Arc::new(error)))?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { value, outcome: told, .. } = *self;
        if let Some(outcome) = outcome.map(|()| value).transpose() {
            *told = outcome;
        }
    }
}
