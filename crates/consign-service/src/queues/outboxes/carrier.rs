//! One outbox: when it is looked into, and what that came to.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use consign_core::{Clock, Guid, SystemClock, Timestamp, common};
use consign_queue::{Caller, Engine, StreamBatch};
use tokio::{
    runtime::Handle,
    sync::{Notify, oneshot, watch},
    time::Instant,
};

use super::{
    super::catalogue::Catalogue,
    Identities, letter,
    source::{Again, Batch, Source, Trouble},
};

/// After a look that found nothing, changes of the files are not followed at once: an application writes for
/// reasons of its own. What wakes the service is.
const FIRST_CALM: Duration = Duration::from_millis(20);
const LONGEST_CALM: Duration = Duration::from_secs(1);

/// How long after something that may pass by itself it is tried again; twice as long each time.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What carriers have in common.
pub(super) struct Means {
    pub(super) engine: Engine,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) runtime: Handle,
    pub(super) identities: Identities,
    /// Told when an outbox begins or ends to have something to do.
    pub(super) changes: watch::Sender<()>,
}

/// An outbox, and what is known of it.
pub(super) struct Carrier {
    path: PathBuf,
    status: Mutex<Status>,
    notify: Notify,
    /// Somebody said that there is something, as opposed to a file that changed.
    urgent: AtomicBool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Status {
    pub(super) id: Option<Guid>,
    pub(super) standing: Standing,
    pub(super) pending: u64,
    pub(super) taken: u64,
    pub(super) trouble: Option<Trouble>,
    pub(super) scanned: Option<Timestamp>,
    pub(super) next_attempt: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing waits.
    Idle,
    /// It is being looked into, or will be at once.
    #[default]
    Carrying,
    /// It is tried again after some time.
    Waiting,
    /// It is tried again when it changes.
    Unusable,
}

impl Carrier {
    /// It looks as soon as it runs.
    pub(super) fn new(path: PathBuf) -> Self {
        let notify = Notify::new();
        notify.notify_one();
        Self { path, status: Mutex::default(), notify, urgent: AtomicBool::new(true) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn status(&self) -> Status {
        self.lock().clone()
    }

    /// Whether it has something to do, or will without anybody asking.
    pub(super) fn has_work(&self) -> bool {
        matches!(self.lock().standing, Standing::Carrying | Standing::Waiting)
    }

    /// One of its files has changed.
    pub(super) fn changed(&self) {
        self.notify.notify_one();
    }

    /// Somebody says that there is something.
    pub(super) fn wake(&self) {
        self.urgent.store(true, Ordering::Release);
        // Whoever asks whether there is work must not be told of none before it has looked.
        self.lock().standing = Standing::Carrying;
        self.notify.notify_one();
    }

    /// Looks whenever there may be something, until it is aborted.
    pub(super) async fn run(self: Arc<Self>, means: Arc<Means>) {
        let (mut calm, mut wait) = (Duration::ZERO, FIRST_WAIT);
        let mut last = Instant::now();
        loop {
            match self.next_attempt() {
                Some(at) => tokio::select! {
                    () = self.notify.notified() => {}
                    () = tokio::time::sleep_until(at) => {}
                },
                None => self.notify.notified().await,
            }
            self.until_calm(last + calm).await;
            self.urgent.store(false, Ordering::Release);
            self.lock().standing = Standing::Carrying;
            means.changes.send_replace(());
            let ended = self.look(&means).await;
            last = Instant::now();
            calm = match &ended {
                Ok(1..) => Duration::ZERO,
                Ok(0) | Err(_) => (calm * 2).clamp(FIRST_CALM, LONGEST_CALM),
            };
            wait = match &ended {
                Err(Trouble { again: Again::ByItself, .. }) => (wait * 2).min(LONGEST_WAIT),
                _ => FIRST_WAIT,
            };
            self.note(ended.err(), wait);
            means.changes.send_replace(());
        }
    }

    /// When it is to look again by time alone.
    fn next_attempt(&self) -> Option<Instant> {
        let next = self.lock().next_attempt?;
        Some(Instant::now() + next.since(SystemClock.now().wall))
    }

    async fn until_calm(&self, calm: Instant) {
        while !self.urgent.load(Ordering::Acquire) {
            tokio::select! {
                () = tokio::time::sleep_until(calm) => return,
                () = self.notify.notified() => {}
            }
        }
    }

    /// On a thread of its own, because it waits for the disk and for its turn; and one that nobody waits for
    /// when the process ends, because an application may keep the turn for ever.
    async fn look(self: &Arc<Self>, means: &Arc<Means>) -> Result<u64, Trouble> {
        let (done, ended) = oneshot::channel();
        let (carrier, for_thread) = (Arc::clone(self), Arc::clone(means));
        let work = move || drop(done.send(carrier.carry(&for_thread)));
        let thread = thread::Builder::new().name("outbox".to_owned()).spawn(work);
        match thread {
            Ok(_) => ended.await.unwrap_or_else(|_| Err(Trouble::busy("the look into it broke off"))),
            Err(error) => Err(Trouble::busy(format!("no thread to look into it: {error}"))),
        }
    }

    /// Carries over what there is; answers how much that was. A crash between two steps leaves rows that were
    /// taken: they are handed over again, the queue knows their numbers, and then they are taken away.
    fn carry(&self, means: &Means) -> Result<u64, Trouble> {
        let mut source = Source::open(&self.path)?;
        let mut carried = 0;
        loop {
            let batch = source.batch()?;
            means.identities.claim(batch.origin, &self.path)?;
            self.saw(&batch);
            let now = SystemClock.now().wall;
            let caller = Caller { uid: rustix::process::geteuid().as_raw(), pid: None };
            let Batch { origin, acknowledged, rows, .. } = batch;
            let numbers: Vec<u64> = rows.iter().map(|row| row.number).collect();
            let messages = rows.into_iter().map(|row| letter::message(row, caller, now, &means.catalogue)).collect();
            let taken = means.runtime.block_on(means.engine.take(StreamBatch { origin, messages }));
            let up_to = taken.map_err(|refusal| Trouble { code: refusal.code, sentence: refusal.sentence, again: Again::ByItself })?.up_to;
            is_no_copy(up_to, acknowledged, &numbers)?;
            self.lock().taken = up_to;
            let Some(last) = numbers.last().copied() else { return Ok(carried) };
            let pending = source.forget(origin, up_to.min(last))?;
            self.lock().pending = pending;
            carried += 1;
            if up_to < last {
                return Err(Trouble {
                    code: common::MQ_ERROR_INSUFFICIENT_RESOURCES,
                    sentence: "the queue of the next message is full".to_owned(),
                    again: Again::ByItself,
                });
            }
        }
    }

    fn saw(&self, batch: &Batch) {
        let mut status = self.lock();
        status.id = Some(batch.origin);
        status.pending = batch.pending;
        status.scanned = Some(SystemClock.now().wall);
    }

    fn note(&self, trouble: Option<Trouble>, wait: Duration) {
        let mut status = self.lock();
        status.next_attempt = None;
        status.standing = match &trouble {
            // Somebody came while it looked.
            _ if self.urgent.load(Ordering::Acquire) => Standing::Carrying,
            None => Standing::Idle,
            Some(Trouble { again: Again::OnChange, .. }) => Standing::Unusable,
            Some(Trouble { again: Again::ByItself, .. }) => {
                status.next_attempt = Some(SystemClock.now().wall + wait);
                Standing::Waiting
            }
        };
        if let Some(trouble) = &trouble
            && status.trouble.as_ref() != Some(trouble)
        {
            tracing::warn!(path = %self.path.display(), code = %trouble.code, sentence = trouble.sentence, "an outbox cannot be emptied");
        }
        status.trouble = trouble;
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A database that was put back from a copy gives numbers again that the queue has seen: rows that were never
/// carried would be taken for others that were.
///
/// What was taken was taken away after that, and noted there; or the service died before, and its last row still
/// stands among the first.
fn is_no_copy(taken: u64, acknowledged: u64, numbers: &[u64]) -> Result<(), Trouble> {
    // What was acknowledged was taken away in the same transaction.
    if let Some(again) = numbers.iter().find(|number| **number <= acknowledged) {
        let sentence = format!(
            "number {again} stands in it, and everything up to {acknowledged} was taken from it before: numbers are given twice; \
             `DELETE FROM consign_outbox_origin` gives it a new id when the application opens it, and what waits in it is taken as new"
        );
        return Err(Trouble { code: common::E_INVALIDARG, sentence, again: Again::OnChange });
    }
    if taken <= acknowledged || numbers.contains(&taken) {
        return Ok(());
    }
    Err(Trouble {
        code: common::E_INVALIDARG,
        sentence: format!(
            "messages up to number {taken} were taken from it, and it knows of {acknowledged}: the database was put back from a copy; \
             `DELETE FROM consign_outbox_origin` gives it a new id when the application opens it, and what waits in it is taken as new"
        ),
        again: Again::OnChange,
    })
}

#[cfg(test)]
mod tests {
    use super::is_no_copy;

    #[test]
    fn a_database_from_a_copy_is_noticed() {
        assert!(is_no_copy(5, 5, &[3, 6]).is_err(), "a number that was acknowledged is given again");
        assert!(is_no_copy(0, 0, &[]).is_ok(), "nothing was taken yet");
        assert!(is_no_copy(300, 300, &[]).is_ok());
        assert!(is_no_copy(302, 300, &[301, 302, 303]).is_ok(), "taken, and the service died before it could take them away");
        assert!(is_no_copy(0, 300, &[]).is_ok(), "it is the queue that was lost");
        assert!(is_no_copy(302, 300, &[]).is_err(), "its end is missing");
        assert!(is_no_copy(302, 100, &[101, 102]).is_err());
    }
}
