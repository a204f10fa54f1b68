//! What fetches and other work under way tell the engine.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
    mpsc::SyncSender,
};

use consign_bits::{Failure, JobId};
use tokio::sync::mpsc::UnboundedSender;

use super::notice::Told;
use crate::{
    fetch::{Checkpoint, FileFacts, Observer, Outcome},
    machine::Attempt,
};

/// One report. Of one fetch they come in order.
#[derive(Clone, Debug)]
pub(super) enum Report {
    /// The server of a file answers.
    Answered { job: JobId, attempt: Attempt, file: u32, facts: FileFacts },
    /// Bytes of a file came, the first of this fetch.
    Progressed { job: JobId, attempt: Attempt },
    /// So much of a file is safe on disk.
    Checkpoint { job: JobId, file: u32, checkpoint: Checkpoint, stored: Option<SyncSender<()>> },
    /// A fetch ended. Comes exactly once for each.
    Ended { job: JobId, attempt: Attempt, file: u32, outcome: Outcome },
    /// What came of a fetch, its end being counted already.
    CameOf { job: JobId, attempt: Attempt, file: u32, outcome: Outcome },
    /// A callee has not answered yet, and others need not wait for it.
    CallIsSlow { job: JobId, number: u64 },
    /// What came of a call to the owner.
    Told { job: JobId, number: u64, told: Told },
    /// The process began with this job in its store.
    TakeUp { job: JobId },
    /// Every file of the attempt was tried.
    AttemptOver { job: JobId, attempt: Attempt },
    /// The size of a file that waits was asked for; `None` where the server does not tell.
    Probed { job: JobId, file: u32, facts: Option<FileFacts> },
    /// `Complete`'s or `Cancel`'s work on the files ended.
    Handled { job: JobId, handled: Handled },
    /// The machine has a (new) way into the network.
    NetworkReturned,
    /// Nobody will tell when the network returns.
    NetworkUnwatched,
}

/// All bytes of a file came; its fetch goes on until the disk has them. Nothing is stored for it, so it
/// waits for no commit: it comes apart from the reports, and may come after the end of its fetch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) job: JobId,
    pub(super) attempt: Attempt,
    pub(super) file: u32,
}

/// What came of naming and deleting a job's files.
#[derive(Clone, Debug)]
pub(super) enum Handled {
    Committed { named: Vec<u32>, lost: Vec<u32>, failed: Option<(u32, Failure)>, all_deleted: bool },
    Discarded { all_deleted: bool },
}

/// The reports of one fetch.
pub(super) struct Meter {
    pub(super) job: JobId,
    pub(super) attempt: Attempt,
    pub(super) file: u32,
    pub(super) position: Arc<AtomicU64>,
    pub(super) progressed: AtomicBool,
    pub(super) synced: AtomicU64,
    pub(super) reports: UnboundedSender<Report>,
    pub(super) arrivals: UnboundedSender<Arrival>,
}

impl Meter {
    fn send(&self, report: Report) {
        // The engine has ended: nobody needs to hear.
        let _ = self.reports.send(report);
    }
}

impl Observer for Meter {
    fn answered(&self, facts: &FileFacts) {
        self.send(Report::Answered { job: self.job, attempt: self.attempt, file: self.file, facts: facts.clone() });
    }

    fn reached(&self, position: u64) {
        let before = self.position.swap(position, Ordering::Relaxed);
        if position > before && !self.progressed.swap(true, Ordering::Relaxed) {
            self.send(Report::Progressed { job: self.job, attempt: self.attempt });
        }
    }

    fn arrived(&self) {
        // As with reports.
        let _ = self.arrivals.send(Arrival { job: self.job, attempt: self.attempt, file: self.file });
    }

    fn checkpoint(&self, checkpoint: Checkpoint) {
        let back = checkpoint.synced < self.synced.swap(checkpoint.synced, Ordering::Relaxed);
        let (job, file) = (self.job, self.file);
        if back {
            // What is stored must not promise bytes that are about to be overwritten. Going back
            // is rare, and the commit takes less than a millisecond.
            let (stored, wait) = std::sync::mpsc::sync_channel(1);
            self.send(Report::Checkpoint { job, file, checkpoint, stored: Some(stored) });
            let _ = tokio::task::block_in_place(|| wait.recv());
        } else {
            self.send(Report::Checkpoint { job, file, checkpoint, stored: None });
        }
    }
}
