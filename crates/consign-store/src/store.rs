//! The handle to an open store.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    pin::Pin,
    sync::{Arc, mpsc},
    task::{Context, Poll},
};

use rusqlite::{Connection, Savepoint};
use tokio::sync::oneshot;

use crate::{
    OpenError, Opening, Schema, StoreError,
    batch::{Committer, Write},
    open,
    writer::{self, Message},
};

/// An open store. Clones are handles to the same one; when the last is dropped, what was asked for
/// is still done, and the file is closed.
///
/// What waits is not counted here: who lets others ask bounds how many may.
#[derive(Clone)]
pub struct Store {
    inbox: mpsc::Sender<Message>,
}

impl Store {
    /// Opens the store at `path`, whose folder must exist, or makes one. Blocks while it looks
    /// through the file. Nobody else may have it open: the caller holds the lock of the folder.
    ///
    /// # Errors
    /// When a newer version wrote it, when what stands there is no plain file, or when the disk, a
    /// lock or permissions are in the way. In each case the file is left where it is. A file that
    /// can be reached but not understood is no error: see [`Opening::SetAside`].
    pub fn open(path: &Path, schema: &Schema) -> Result<(Self, Opening), OpenError> {
        let (connection, opening) = open::open(path, schema)?;
        let committer =
            Committer::new(connection).map_err(|source| OpenError::Sqlite { doing: "opened", path: path.to_owned(), source })?;
        let (inbox, received) = mpsc::channel();
        writer::start(committer, received)?;
        Ok((Self { inbox }, opening))
    }

    /// Asks for a change. All of it is stored or nothing, and it is durable when the answer is `Ok`.
    ///
    /// It is queued by this call, not by waiting for the answer: changes are made in the order in
    /// which they were asked for, and dropping the answer takes nothing back. `change` runs on the
    /// store's thread, and everybody waits for it: it decides nothing and does no other I/O. It must
    /// pass on errors of the database as they are, and neither begin nor end a transaction.
    ///
    /// # Errors
    /// With the answer: [`StoreError::Failed`] and [`StoreError::Panicked`] are this change's own.
    /// The others it shares with those that were to be committed with it; so does it share a
    /// `DEFERRABLE` foreign key that is not satisfied at the commit.
    pub fn write<T, F>(&self, change: F) -> Answer<T>
    where
        F: FnOnce(&Savepoint<'_>) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Write(Box::new(Change { change: Some(change), value: None, reply })));
        Answer(answer)
    }

    /// Asks for what is stored. It sees every change that was asked for before, unless that failed.
    /// `query` runs on the store's thread between commits, and cannot write.
    ///
    /// # Errors
    /// With the answer. Reading goes on when the store is poisoned.
    pub fn read<T, F>(&self, query: F) -> Answer<T>
    where
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Read(Box::new(move |connection| {
            // Nobody may be waiting any more.
            let _ = reply.send(guarded(|| query(connection)));
        })));
        Answer(answer)
    }

    /// Finishes what was asked for, carries the log over into the database and closes the file. It
    /// can be opened again when the answer is there. Other handles get [`StoreError::Closed`].
    ///
    /// # Errors
    /// With the answer: when the log could not be carried over. Nothing that was reported stored is
    /// lost by that; the next opening does it.
    pub fn close(self) -> Answer<()> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Close(reply));
        Answer(answer)
    }

    fn send(&self, message: Message) {
        // If the thread has ended, the message is dropped, and with it the reply: the answer is `Closed`.
        let _ = self.inbox.send(message);
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// What the store will say. Await it, or [`wait`](Self::wait) for it without a runtime.
#[must_use = "nothing is durable before the answer says so"]
#[derive(Debug)]
pub struct Answer<T>(oneshot::Receiver<Result<T, StoreError>>);

impl<T> Answer<T> {
    /// Blocks until the answer is there. Not for asynchronous code.
    ///
    /// # Errors
    /// Those of what was asked.
    ///
    /// # Panics
    /// When called by a task of an asynchronous runtime, which it would hold up.
    pub fn wait(self) -> Result<T, StoreError> {
        self.0.blocking_recv().unwrap_or(Err(StoreError::Closed))
    }
}

impl<T> Future for Answer<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|received| received.unwrap_or(Err(StoreError::Closed)))
    }
}

struct Change<F, T> {
    /// Taken when it is made.
    change: Option<F>,
    /// There when it was made.
    value: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Write for Change<F, T>
where
    F: FnOnce(&Savepoint<'_>) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn run(&mut self, savepoint: &Savepoint<'_>) -> Result<(), StoreError> {
        let Some(change) = self.change.take() else { return Ok(()) };
        self.value = Some(guarded(|| change(savepoint))?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { value, reply, .. } = *self;
        // Without a value there is nothing to send: dropping the reply says `Closed`.
        if let Some(answer) = outcome.map(|()| value).transpose() {
            // Nobody may be waiting any more.
            let _ = reply.send(answer);
        }
    }
}

/// A panic becomes an answer. What the request shares with the thread is the connection alone, and
/// the savepoint around it is rolled back.
fn guarded<T>(request: impl FnOnce() -> rusqlite::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(request)) {
        Ok(outcome) => outcome.map_err(|error| StoreError::Failed(Arc::new(error))),
        Err(payload) => {
            let message = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            tracing::error!(message = message.unwrap_or("no message"), "a request to the store panicked");
            Err(StoreError::Panicked)
        }
    }
}
