//! One fetch: from what is on disk already to the whole, verified, synced file.
//!
//! Owns the order of things: what is asked for next, when the file starts again, when a broken
//! connection is replaced at once, and what the observer hears.

use std::{sync::Arc, time::SystemTime};

use consign_bits::{ErrorContext, RangeSupport, ShownUrl, bits};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    address,
    client::Client,
    digest::digest,
    head::Again,
    local::Copying,
    ranges::{Glue, Part},
    sink::Sink,
    stage::Stages,
    syncer::{Coming, Syncer},
    task::{Checkpoint, FileFacts, FileTask, JobContext, Observer, Outcome, Validator},
    trouble::{At, Trouble},
};

/// One fetch while it runs.
pub(super) struct Download<'a> {
    pub(super) client: &'a Client,
    pub(super) syncer: &'a Syncer,
    pub(super) stages: &'a Stages,
    pub(super) task: &'a FileTask,
    pub(super) context: &'a JobContext,
    pub(super) observer: &'a Arc<dyn Observer>,
    /// What is known of the file.
    pub(super) facts: FileFacts,
    pub(super) sink: Option<Sink>,
    /// The date of the last change, for the finished file.
    pub(super) modified: Option<SystemTime>,
    glue: Option<Glue>,
    /// Until all bytes are here.
    coming: Option<Coming>,
    /// The piece of a local file that is being copied.
    pub(super) copying: Option<JoinHandle<Result<u64, Copying>>>,
    /// So many bytes came in this attempt, those included that were given up.
    received: u64,
    patience: Patience,
}

/// What of the file is asked for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Everything from here on; with zero, all of it.
    From(u64),
    /// A part of a declared range.
    Part(Part),
    /// Nothing: it is whole.
    Nothing,
}

impl Next {
    /// Whether it goes on where the last answer ended, short of what was asked for.
    fn is_continued(self) -> bool {
        match self {
            Self::From(from) => from > 0,
            Self::Part(part) => part.is_continued,
            Self::Nothing => false,
        }
    }
}

/// A file may start again so many times within one attempt.
const RESTARTS: u32 = 5;
/// A connection that brought so many bytes was worth it, and is replaced at once however many came
/// before it: the size of the file bounds them.
const WORTHWHILE: u64 = 1 << 20;
/// So many connections (or answers) that brought fewer are replaced at once within one attempt: a server that
/// gives a byte at a time is left alone for the retry delay.
const POOR_CONNECTIONS: u32 = 20;

/// How much more is put up with within this attempt.
#[derive(Debug, Default)]
struct Patience {
    restarts: u32,
    poor_connections: u32,
}

impl<'a> Download<'a> {
    pub(super) fn new(
        client: &'a Client,
        syncer: &'a Syncer,
        stages: &'a Stages,
        task: &'a FileTask,
        context: &'a JobContext,
        observer: &'a Arc<dyn Observer>,
    ) -> Self {
        let glue = (!task.ranges.is_empty()).then(|| Glue::new(task.ranges.clone()));
        let facts = task.checkpoint.facts.clone();
        Self {
            client,
            syncer,
            stages,
            task,
            context,
            observer,
            facts,
            sink: None,
            modified: None,
            glue,
            coming: Some(syncer.expect()),
            copying: None,
            received: 0,
            patience: Patience::default(),
        }
    }

    /// Runs until done, stopped or failed. Whatever happens, what is in the file is synced first.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Outcome {
        let result = tokio::select! {
            biased;
            () = stop.cancelled() => None,
            result = self.carry_out() => Some(result),
        };
        let trouble = match result {
            Some(Ok(())) => return Outcome::Done(self.checkpoint()),
            Some(Err(trouble)) => Some(trouble),
            None => None,
        };
        if let Some(copying) = self.copying.take() {
            // It must not write any more when the file is opened again.
            let _ = copying.await;
        }
        let synced = self.sync().await;
        match (trouble, synced) {
            (Some(trouble), _) | (None, Err(trouble)) => Outcome::Failed(trouble.with(self.checkpoint())),
            (None, Ok(())) => Outcome::Stopped(self.checkpoint()),
        }
    }

    async fn carry_out(&mut self) -> Result<(), Trouble> {
        self.open()?;
        let url = address::parse(&self.task.url)?;
        loop {
            let before = self.received;
            let result = match url.scheme() {
                "file" => self.copy(&url).await,
                _ => self.request(&url).await,
            };
            match result {
                Ok(Next::Nothing) => break,
                Ok(next) if next.is_continued() && !self.is_worth_another(before) => {
                    let sentence = format!("the server gives {} in crumbs", ShownUrl(&self.task.url));
                    return Err(Trouble::passing(bits::BG_E_NO_PROGRESS, ErrorContext::RemoteFile, sentence));
                }
                Ok(_) => {}
                Err(trouble) if trouble.at == At::Connection && self.is_worth_another(before) => {
                    tracing::debug!(url = %ShownUrl(&self.task.url), position = self.position(), failure = %trouble.failure, "connecting again");
                }
                Err(trouble) => return Err(trouble),
            }
        }
        self.finish().await
    }

    /// Opens the temporary file with what counts of it.
    fn open(&mut self) -> Result<(), Trouble> {
        let mut sink = Sink::open(self.task)?;
        let synced = sink.synced();
        if synced < self.task.checkpoint.synced {
            tracing::warn!(url = %ShownUrl(&self.task.url), "the temporary file lost what it had; starting again");
            self.observer.checkpoint(Checkpoint { synced, facts: self.facts.clone() });
        }
        sink.cut(synced)?;
        self.sink = Some(sink);
        self.observer.reached(synced);
        Ok(())
    }

    /// What is to be asked for next. Starts again where what is there cannot be continued.
    pub(super) fn next(&mut self) -> Result<Next, Trouble> {
        let position = self.position();
        if position > 0 && !self.can_continue() {
            // What an earlier attempt left is no fault of this one; what this one got is counted, so
            // that it ends.
            if self.received == 0 {
                self.forget()?
            } else {
                self.start_again(Again::NotContinued)?
            }
            return self.next();
        }
        Ok(match &self.glue {
            Some(glue) => glue.at(position, self.facts.size).map_or(Next::Nothing, Next::Part),
            None if self.facts.size == Some(position) && position > 0 => Next::Nothing,
            None => Next::From(position),
        })
    }

    /// Whether what is there may be continued: only where something proves that the file is still
    /// the same, or where nothing is missing.
    fn can_continue(&self) -> bool {
        if self.result_length() == Some(self.position()) {
            return true;
        }
        let part = self.glue.as_ref().and_then(|glue| glue.at(self.position(), self.facts.size));
        // The next range of several, in the attempt that began with the first: each answer is
        // checked against the others by what the server tells.
        let begins_range = part.is_some_and(|part| !part.is_continued) && self.synced_before() == 0;
        (self.facts.validator != Validator::default() || begins_range) && self.facts.ranges != RangeSupport::No
    }

    /// What this attempt began with.
    fn synced_before(&self) -> u64 {
        if self.patience.restarts > 0 { 0 } else { self.task.checkpoint.synced }
    }

    /// The length of the result, once it is known.
    pub(super) fn result_length(&self) -> Option<u64> {
        match &self.glue {
            Some(glue) => glue.length(self.facts.size),
            None => self.facts.size,
        }
    }

    /// Takes what an answer tells of the file, and makes room for it.
    pub(super) fn learn(&mut self, facts: FileFacts) -> Result<(), Trouble> {
        self.facts = facts;
        if let (Some(glue), Some(size)) = (&self.glue, self.facts.size)
            && glue.check(size).is_err()
        {
            return Err(self.outside_file());
        }
        self.observer.answered(&self.facts);
        let length = self.result_length();
        if let (Some(sink), Some(length)) = (&mut self.sink, length) {
            sink.reserve(length)?;
        }
        Ok(())
    }

    pub(super) fn outside_file(&self) -> Trouble {
        let sentence = match self.facts.size {
            Some(size) => format!("a range lies outside {}, which has {size} bytes", ShownUrl(&self.task.url)),
            None => format!("a range lies outside {}", ShownUrl(&self.task.url)),
        };
        Trouble::fatal(bits::BG_E_INVALID_RANGE, ErrorContext::RemoteFile, sentence)
    }

    /// Gives up what is there, because of what an answer says.
    pub(super) fn start_again(&mut self, why: Again) -> Result<(), Trouble> {
        self.patience.restarts += 1;
        if self.patience.restarts > RESTARTS {
            return Err(match why {
                Again::Changed => {
                    let sentence = format!(
                        "{} changed {} times while it was being transferred; resume the job when it is at rest",
                        ShownUrl(&self.task.url),
                        self.patience.restarts
                    );
                    Trouble::fatal(bits::BG_E_REMOTE_FILE_CHANGED, ErrorContext::RemoteFile, sentence)
                }
                Again::NotContinued => {
                    let sentence = format!("{} broke off again and again, and the server does not continue it", ShownUrl(&self.task.url));
                    Trouble::passing(bits::BG_E_CONNECTION_CLOSED, ErrorContext::GeneralTransport, sentence)
                }
            });
        }
        tracing::info!(url = %ShownUrl(&self.task.url), ?why, "starting again");
        self.forget()
    }

    fn forget(&mut self) -> Result<(), Trouble> {
        // Told before the file is cut. What the server does with ranges stays true of it.
        let facts = FileFacts { ranges: self.facts.ranges, ..FileFacts::default() };
        self.facts = facts.clone();
        self.modified = None;
        self.observer.checkpoint(Checkpoint { synced: 0, facts });
        if let Some(sink) = &mut self.sink {
            sink.cut(0)?;
        }
        self.observer.reached(0);
        Ok(())
    }

    /// Appends bytes that came.
    pub(super) async fn take(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        if let Some(sink) = &mut self.sink {
            sink.write(bytes).await?;
        }
        self.received += bytes.len() as u64;
        self.took().await
    }

    /// Tells of bytes that were appended, and keeps the disk busy.
    pub(super) async fn took(&mut self) -> Result<(), Trouble> {
        let Some(sink) = &mut self.sink else { return Ok(()) };
        self.observer.reached(sink.written());
        if sink.write_back().await? {
            self.observer.checkpoint(self.checkpoint());
        }
        Ok(())
    }

    fn is_worth_another(&mut self, before: u64) -> bool {
        let gained = self.received - before;
        if gained >= WORTHWHILE {
            return true;
        }
        self.patience.poor_connections += 1;
        gained > 0 && self.patience.poor_connections <= POOR_CONNECTIONS
    }

    async fn finish(&mut self) -> Result<(), Trouble> {
        self.facts.size = self.facts.size.or(Some(self.position()));
        let modified = self.modified;
        if let Some(sink) = &mut self.sink {
            sink.finish(modified)?;
        }
        self.coming = None;
        self.observer.arrived();
        if self.task.checksum.is_some() {
            self.sync().await?;
            return self.verify().await;
        }
        // The end of the fetch tells of the same checkpoint in a moment.
        match &mut self.sink {
            Some(sink) => sink.sync(self.syncer).await,
            None => Ok(()),
        }
    }

    async fn verify(&mut self) -> Result<(), Trouble> {
        let (Some(expected), Some(sink)) = (&self.task.checksum, &self.sink) else { return Ok(()) };
        let (file, length, algorithm) = (Arc::clone(sink.file()), sink.written(), expected.algorithm);
        // Dropped with this future: reading then ends, too.
        let stop = CancellationToken::new();
        let _guard = stop.clone().drop_guard();
        let computed = tokio::task::spawn_blocking(move || digest(&file, length, algorithm, &stop))
            .await
            .map_err(|error| Trouble::worker(&error))?
            .map_err(|error| Trouble::disk(&error, "read back", &self.task.place.folder.join(&self.task.temporary_name)))?;
        if computed == *expected {
            return Ok(());
        }
        let sentence = format!(
            "{} has the checksum {computed}, and {expected} was declared; correct one of them, then `consign job resume`",
            ShownUrl(&self.task.url)
        );
        self.forget()?;
        Err(Trouble::fatal(bits::BG_E_VALIDATION_FAILED, ErrorContext::RemoteFile, sentence))
    }

    async fn sync(&mut self) -> Result<(), Trouble> {
        let Some(sink) = &mut self.sink else { return Ok(()) };
        let before = sink.synced();
        let result = sink.sync(self.syncer).await;
        if sink.synced() != before {
            self.observer.checkpoint(self.checkpoint());
        }
        result
    }

    /// So many bytes of the result are in the file.
    pub(super) fn position(&self) -> u64 {
        self.sink.as_ref().map_or(0, Sink::written)
    }

    fn checkpoint(&self) -> Checkpoint {
        // Without the file open nothing was changed.
        let synced = self.sink.as_ref().map_or(self.task.checkpoint.synced, Sink::synced);
        Checkpoint { synced, facts: self.facts.clone() }
    }
}
