//! A job and its files as the engine holds them in memory.

use std::{
    collections::{BTreeSet, VecDeque},
    ffi::OsStr,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use consign_bits::{Checksum, FileRange, JobId, LENGTH_TO_EOF, NotifyFlags, Priority, RangeSupport};
use consign_core::{Guid, Timestamp, clock::Monotonic};
use tokio_util::sync::CancellationToken;

use super::{
    api::JobProgress,
    index::Keys,
    lazy::{Empty, Lazy},
    notice::{CommandLine, Notice, ObjectId},
    notify::{Call, Validity},
};
use crate::{
    fetch::{Checkpoint, FileFacts, JobContext},
    files::Place,
    machine,
};

/// One job.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) core: Core,
    /// Shared with changes that are being stored and with work under way, until one is changed.
    pub(super) files: Vec<Arc<FileEntry>>,
    /// Of a job that has ended, instead of its files: those are in the store alone.
    pub(super) past: Option<Box<Past>>,
    /// What has to be told and nobody has heard yet, the oldest first. Stored.
    pub(super) notices: Lazy<VecDeque<Notice>>,
    /// What is under way for it. Nothing of this survives a restart, or needs to.
    pub(super) activity: Lazy<Activity>,
    /// The keys under which it stands in the index.
    pub(super) keys: Keys,
}

/// What is shown of the files of a job that has ended.
#[derive(Debug)]
pub(super) struct Past {
    bytes_total: Option<u64>,
    bytes_transferred: u64,
    /// The one that the last failure was about.
    error_file: Option<Arc<FileEntry>>,
}

/// A job without its files: small enough to be copied before it is changed.
#[derive(Clone, Debug)]
pub(super) struct Core {
    pub(super) id: JobId,
    /// The order in which jobs were made.
    pub(super) sequence: i64,
    pub(super) owner: u32,
    pub(super) display_name: Box<str>,
    pub(super) description: Box<str>,
    pub(super) priority: Priority,
    pub(super) notify_flags: NotifyFlags,
    /// What all fetches of the job have in common; most jobs share it.
    pub(super) context: Arc<JobContext>,
    /// Between two `JobModification`, in milliseconds.
    pub(super) notification_interval: u32,
    /// Of the application that made the job.
    pub(super) umask: u32,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    /// The same on the clock that can be waited for.
    pub(super) active: Monotonic,
    /// Temporary files of a cancelled job may still be there.
    pub(super) cleanup_pending: bool,
    pub(super) machine: machine::Job,
    /// Its place among equal jobs: the lowest has waited longest.
    pub(super) turn: u64,
    pub(super) rare: Lazy<Rare>,
}

/// What most jobs have none of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rare {
    /// The class whose objects are told where no object is.
    pub(super) notification_class: Option<Guid>,
    /// What is run where nobody else has heard.
    pub(super) command_line: Option<CommandLine>,
    /// When notices are tried again. Not stored: a new process tries at once.
    pub(super) tell_again: Option<Monotonic>,
    /// When a modification may be told that came too soon after the last one.
    pub(super) modification_due: Option<Monotonic>,
    /// When it became final.
    pub(super) ended: Option<Timestamp>,
    /// The file that the last failure was about.
    pub(super) error_file: Option<u32>,
    /// When that was; the beginning of the calendar where there was none.
    pub(super) error_at: Timestamp,
}

/// One file. There may be millions at rest: what few of them have, or only while they are fetched, is
/// not kept in place.
#[derive(Clone, Debug)]
pub(super) struct FileEntry {
    pub(super) url: Box<str>,
    pub(super) place: Place,
    pub(super) temporary_name: Box<OsStr>,
    pub(super) ranges: Box<[FileRange]>,
    pub(super) checksum: Option<Box<Checksum>>,
    pub(super) checkpoint: Lazy<Checkpoint>,
    pub(super) stage: Stage,
    /// What its owner said of it.
    pub(super) validity: Option<Validity>,
    /// What the server said last. The checkpoint has what goes with the bytes on disk.
    pub(super) answered: Option<Box<FileFacts>>,
    /// How far the fetch under way has come, in bytes.
    pub(super) meter: Option<Arc<AtomicU64>>,
}

/// How far a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing of it was fetched yet.
    Waiting,
    /// A fetch began: there may be a temporary file.
    Begun,
    /// Whole, verified and safe on disk, under its temporary name.
    Transferred,
    /// Under its final name.
    Named,
}

/// What is under way for a job.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// Ends the attempt's fetches. Replaced with each attempt.
    pub(super) stop: Option<CancellationToken>,
    /// Fetches that have not ended yet, of this attempt or an older one.
    pub(super) fetching: u32,
    /// The files among them whose bytes are all here: they wait for the disk alone.
    pub(super) settling: BTreeSet<u32>,
    /// Files before this one were looked at in this attempt.
    pub(super) cursor: usize,
    /// What went wrong in this attempt without ending it.
    pub(super) setback: Option<Setback>,
    /// The callback object.
    pub(super) object: Option<ObjectId>,
    /// The class that the object was made of, if it was.
    pub(super) object_class: Option<Guid>,
    /// The call to the owner that is under way: one at a time.
    pub(super) call: Option<Call>,
    /// Why the owner could not be told, and when it is told again.
    pub(super) unheard: Option<Unheard>,
    /// Whether something changed since the owner was last told to look.
    pub(super) modification: bool,
    /// When it was last told to look.
    pub(super) modification_told: Option<Monotonic>,
    /// What waits until no fetch is under way.
    pub(super) afterwards: Option<Afterwards>,
    /// Who waits for the end of `Complete` or `Cancel`.
    pub(super) waiting: Vec<super::handle::Reply<consign_core::Hresult>>,
    /// Whether it stands in the queue of those that may have more to fetch.
    pub(super) hungry: bool,
    /// Whether an earlier process may have carried out a part of `Complete`.
    pub(super) completing_again: bool,
    /// Files before this one were asked for their size in this attempt.
    pub(super) probe_cursor: usize,
    /// Finished files at the last tick.
    pub(super) done_at_tick: Option<u32>,
    /// Bytes that were last told to subscribers.
    pub(super) told: u64,
}

/// A notice that nobody has heard.
#[derive(Clone, Debug)]
pub(super) struct Unheard {
    pub(super) why: String,
    pub(super) again: Option<consign_core::Timestamp>,
}

/// A transient failure of one file, while others of the job go on.
#[derive(Clone, Debug)]
pub(super) struct Setback {
    pub(super) file: u32,
    pub(super) failure: consign_bits::Failure,
    pub(super) not_before: Option<std::time::Duration>,
    /// Files of this attempt that met one.
    pub(super) files: u32,
}

/// Work on the files of a job that must not overlap with fetching them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Afterwards {
    /// Names for the finished files, nothing left of the others.
    Commit,
    /// Nothing left of any.
    Discard,
}

impl Entry {
    /// A job of which nothing is under way and nothing has to be told.
    pub(super) fn at_rest(core: Core, files: Vec<Arc<FileEntry>>) -> Self {
        Self { core, files, past: None, notices: Lazy::default(), activity: Lazy::default(), keys: Keys::default() }
    }

    /// Whether nothing is under way for the job.
    pub(super) fn is_quiet(&self) -> bool {
        let activity = &self.activity;
        !self.core.cleanup_pending && activity.fetching == 0 && activity.waiting.is_empty() && activity.call.is_none()
    }

    /// Fetches that still move bytes.
    pub(super) fn moving(&self) -> u32 {
        self.activity.fetching - u32::try_from(self.activity.settling.len()).unwrap_or(u32::MAX)
    }

    /// Whether all that its attempt was to fetch is here, and the disk is what it waits for. A job
    /// that went wrong somewhere is none of these: it will stop.
    pub(super) fn only_settles(&self) -> bool {
        self.activity.fetching > 0
            && self.moving() == 0
            && self.activity.setback.is_none()
            && self.files.iter().skip(self.activity.cursor).all(|file| file.is_done())
    }

    /// Lets go of the files of a job that has ended, when there is nothing to do with them any more and
    /// all that is known of them is stored.
    pub(super) fn put_away(&mut self) {
        let needed = !self.core.is_final() || self.core.cleanup_pending || self.activity.fetching > 0;
        if needed || self.files.is_empty() || self.files.iter().any(|file| file.answered.is_some() || file.starts_anew()) {
            return;
        }
        let JobProgress { bytes_total, bytes_transferred, .. } = self.progress();
        let error_file = self.core.rare.error_file.and_then(|number| self.files.get(number as usize)).cloned();
        self.past = Some(Box::new(Past { bytes_total, bytes_transferred, error_file }));
        self.files = Vec::new();
    }

    /// The file that the last failure was about.
    pub(super) fn error_file(&self) -> Option<(u32, &FileEntry)> {
        let number = self.core.rare.error_file?;
        let file = self.past.as_ref().map_or_else(|| self.files.get(number as usize), |past| past.error_file.as_ref());
        file.map(|file| (number, &**file))
    }

    /// A file, to be changed.
    pub(super) fn file_mut(&mut self, index: u32) -> Option<&mut FileEntry> {
        self.files.get_mut(index as usize).map(Arc::make_mut)
    }

    pub(super) fn progress(&self) -> JobProgress {
        let mut progress = JobProgress {
            bytes_total: Some(0),
            bytes_transferred: 0,
            files_total: self.core.machine.files_total,
            files_transferred: self.core.machine.files_transferred,
        };
        if let Some(past) = &self.past {
            (progress.bytes_total, progress.bytes_transferred) = (past.bytes_total, past.bytes_transferred);
        }
        for file in &self.files {
            progress.bytes_total = progress.bytes_total.zip(file.total()).map(|(sum, total)| sum.saturating_add(total));
            progress.bytes_transferred = progress.bytes_transferred.saturating_add(file.position());
        }
        progress
    }
}

impl FileEntry {
    /// How many bytes the finished file has, once known.
    pub(super) fn total(&self) -> Option<u64> {
        if matches!(self.stage, Stage::Transferred | Stage::Named) {
            return Some(self.checkpoint.synced);
        }
        let size = self.facts().size;
        if self.ranges.is_empty() {
            return size;
        }
        self.ranges.iter().try_fold(0_u64, |sum, range| match range.length {
            LENGTH_TO_EOF => Some(sum.saturating_add(size?.saturating_sub(range.initial_offset))),
            length => Some(sum.saturating_add(length)),
        })
    }

    /// What is known of the remote file.
    pub(super) fn facts(&self) -> &FileFacts {
        self.answered.as_deref().unwrap_or(&self.checkpoint.facts)
    }

    /// How many bytes of it are here.
    pub(super) fn position(&self) -> u64 {
        self.meter.as_ref().map_or(self.checkpoint.synced, |meter| meter.load(Ordering::Relaxed))
    }

    pub(super) const fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Transferred | Stage::Named)
    }

    /// Whether an interruption costs all that was fetched of it.
    pub(super) fn starts_anew(&self) -> bool {
        self.stage == Stage::Begun && self.facts().ranges == RangeSupport::No
    }

    /// What was fetched counts for nothing any more. Its bytes are overwritten.
    pub(super) fn forget(&mut self) {
        (self.stage, self.checkpoint, self.answered) = (Stage::Waiting, Lazy::default(), None);
    }

    /// What becomes the file's modification time: the server's, where it told one.
    pub(super) fn modified(&self) -> Option<SystemTime> {
        let text = self.checkpoint.facts.validator.last_modified.as_deref()?;
        match text.parse::<u128>() {
            // A local source tells nanoseconds since 1970.
            Ok(nanos) => {
                let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
                let rest = u32::try_from(nanos % 1_000_000_000).ok()?;
                SystemTime::UNIX_EPOCH.checked_add(std::time::Duration::new(seconds, rest))
            }
            Err(_) => httpdate::parse_http_date(text).ok(),
        }
    }
}

impl Empty for VecDeque<Notice> {
    fn empty() -> &'static Self {
        static EMPTY: VecDeque<Notice> = VecDeque::new();
        &EMPTY
    }
}

impl Empty for Checkpoint {
    fn empty() -> &'static Self {
        static EMPTY: LazyLock<Checkpoint> = LazyLock::new(Checkpoint::default);
        &EMPTY
    }
}

impl Empty for Activity {
    fn empty() -> &'static Self {
        static EMPTY: LazyLock<Activity> = LazyLock::new(Activity::default);
        &EMPTY
    }
}

impl Empty for Rare {
    fn empty() -> &'static Self {
        static EMPTY: LazyLock<Rare> = LazyLock::new(Rare::default);
        &EMPTY
    }
}
