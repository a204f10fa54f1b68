//! The thread that owns the database. It sleeps until somebody asks, and ends when nobody can ask
//! any more.

use std::{
    sync::mpsc::{Receiver, TryRecvError},
    thread,
};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{
    OpenError, StoreError,
    batch::{Committer, Write},
};

/// The most that is taken from the inbox at once, so that the first does not wait for ever behind
/// those that keep coming.
const MAX_BATCH: usize = 256;

/// What can be asked of the thread.
pub(crate) enum Message {
    Write(Box<dyn Write>),
    Read(Read),
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// Something to be read, which answers by itself. Never panics.
pub(crate) type Read = Box<dyn FnOnce(&Connection) + Send>;

/// Starts the thread.
pub(crate) fn start(committer: Committer, inbox: Receiver<Message>) -> Result<(), OpenError> {
    thread::Builder::new().name("store".to_owned()).spawn(move || run(committer, &inbox)).map(|_| ()).map_err(OpenError::Thread)
}

fn run(mut committer: Committer, inbox: &Receiver<Message>) {
    let closing = loop {
        let Ok(first) = inbox.recv() else { break None };
        let batch = Batch::collect(first, inbox);
        if !batch.writes.is_empty() {
            committer.carry_out(batch.writes);
        }
        for read in batch.reads {
            if let Err(error) = committer.read(read) {
                tracing::error!(%error, "the connection could not be prepared for reading, or after it");
            }
        }
        if batch.closing.is_some() {
            break batch.closing;
        }
        committer.tidy();
    };
    let closed = committer.close();
    if let Err(error) = &closed {
        tracing::error!(%error, cause = ?std::error::Error::source(error), "the store was not closed in order; what was reported stored is in its log");
    }
    if let Some(closing) = closing {
        // Nobody may be waiting any more.
        let _ = closing.send(closed);
    }
}

/// What was waiting at one moment. Reads come after the writes: each sees what was asked for before
/// it, and maybe more.
#[derive(Default)]
struct Batch {
    writes: Vec<Box<dyn Write>>,
    reads: Vec<Read>,
    closing: Option<oneshot::Sender<Result<(), StoreError>>>,
}

impl Batch {
    fn collect(first: Message, inbox: &Receiver<Message>) -> Self {
        let mut batch = Self::default();
        let mut next = Ok(first);
        loop {
            match next {
                Ok(Message::Write(write)) => batch.writes.push(write),
                Ok(Message::Read(read)) => batch.reads.push(read),
                Ok(Message::Close(closing)) => {
                    batch.closing = Some(closing);
                    return batch;
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return batch,
            }
            if batch.writes.len() + batch.reads.len() >= MAX_BATCH {
                return batch;
            }
            next = inbox.try_recv();
        }
    }
}
