//! The temporary file while it is written.
//!
//! Owns the file and knows which of its bytes are on the disk. Small writes are done in place,
//! because the runtime serves nothing but transfers; whatever waits for the disk is done elsewhere.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustix::{fs::FallocateFlags, io::Errno};
use tokio::{task::JoinHandle, time::Instant};

use super::{
    stage::{Stage, Stages},
    syncer::{Syncer, Unsynced},
    task::FileTask,
    trouble::Trouble,
};
use crate::files::{self, Folder};

/// After so many bytes, or so long after the first of them, what was written is synced.
const SYNC_BYTES: u64 = 32 << 20;
const SYNC_TIME: Duration = Duration::from_secs(5);
/// So many bytes may be written while a sync runs; then the writer waits for it, so that a slow
/// disk does not fill the memory.
const AHEAD_BYTES: u64 = 256 << 20;

/// The temporary file of one fetch.
#[derive(Debug)]
pub(super) struct Sink {
    file: Arc<File>,
    folder: Arc<Folder>,
    path: PathBuf,
    /// Whether the name of the file may not be on disk yet.
    is_new: bool,
    /// So many bytes are in the file, or on their way there.
    written: u64,
    /// Whether something may stand, or be reserved, behind them.
    has_tail: bool,
    /// Where they wait that are on their way.
    stage: Option<Stage>,
    /// So many were synced.
    synced: u64,
    /// When the first byte was written that no sync covers.
    dirty_since: Option<Instant>,
    opened: std::time::Instant,
    running: Option<(u64, JoinHandle<io::Result<()>>)>,
}

impl Sink {
    /// Opens the temporary file of `task`, with as much of it as is there and was synced. Blocks.
    pub(super) fn open(task: &FileTask) -> Result<Self, Trouble> {
        let path = task.place.folder.join(&task.temporary_name);
        let folder = Folder::open(&task.place.folder).map_err(|error| Trouble::disk(&error, "open the folder", &task.place.folder))?;
        let opened = files::open_temporary(&folder, &task.temporary_name)
            .map_err(|error| Trouble::disk(&error, "write the temporary file", &path))?;
        // A file shorter than what was synced is not the file that was synced.
        let synced = if opened.before.is_some_and(|length| length >= task.checkpoint.synced) { task.checkpoint.synced } else { 0 };
        Ok(Self {
            file: Arc::new(opened.file),
            folder: Arc::new(folder),
            path,
            // An earlier run may have made it, and ended before any sync.
            is_new: synced == 0,
            written: synced,
            has_tail: opened.before.is_some_and(|length| length != synced),
            stage: None,
            synced,
            dirty_since: None,
            opened: std::time::Instant::now(),
            running: None,
        })
    }

    /// So many bytes were appended, synced or not.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// So many bytes are safe.
    pub(super) fn synced(&self) -> u64 {
        self.synced
    }

    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Cuts the file to what counts. What was written behind it by an earlier run is not to be
    /// trusted: it may never have come from the page cache to the disk.
    pub(super) fn cut(&mut self, length: u64) -> Result<(), Trouble> {
        // A sync that is on its way is about bytes that no longer count.
        self.running = None;
        self.dirty_since = None;
        self.has_tail |= self.written != length;
        self.written = length;
        self.synced = self.synced.min(length);
        self.trim()
    }

    /// Makes the file exactly as long as what was written; also gives back what was reserved behind it.
    fn trim(&mut self) -> Result<(), Trouble> {
        if self.has_tail {
            self.file.set_len(self.written).map_err(|error| self.trouble(&error, "cut"))?;
            self.has_tail = false;
        }
        Ok(())
    }

    /// Reserves space for the whole file. What is small is written at once: the write finds out as soon.
    pub(super) fn reserve(&mut self, length: u64) -> Result<(), Trouble> {
        if length <= self.written + Syncer::SMALL {
            return Ok(());
        }
        self.has_tail = true;
        match rustix::fs::fallocate(&*self.file, FallocateFlags::KEEP_SIZE, 0, length) {
            // Not every file system can; on those a full disk shows when it is full.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INTR) => Ok(()),
            Err(error) => Err(self.trouble(&error.into(), "reserve space for")),
        }
    }

    /// Takes the way past the page cache for what comes, if that is much, until
    /// [`Sink::unstage`].
    pub(super) fn stage(&mut self, coming: Option<u64>, stages: &Stages) {
        if self.stage.is_none() && coming.is_some_and(|coming| coming >= Stages::LARGE) {
            self.stage = stages.begin(&self.file, self.written);
            self.has_tail |= self.stage.is_some();
        }
    }

    /// Writes what is on its way, and waits for it.
    pub(super) async fn unstage(&mut self) -> Result<(), Trouble> {
        let Some(stage) = &mut self.stage else { return Ok(()) };
        let result = stage.finish().await;
        let result = self.staged(result);
        self.stage = None;
        result
    }

    /// Appends `bytes`.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        if let Some(stage) = &mut self.stage {
            // Counted first: what is told of the stage is what is missing from this.
            self.written += bytes.len() as u64;
            let result = stage.append(bytes).await;
            self.staged(result)?;
            self.has_written(0);
        } else {
            self.file.write_all_at(bytes, self.written).map_err(|error| self.trouble(&error, "write"))?;
            self.has_written(bytes.len() as u64);
        }
        Ok(())
    }

    /// Takes note of what came of staged writes.
    fn staged(&mut self, result: io::Result<()>) -> Result<(), Trouble> {
        let Err(error) = result else { return Ok(()) };
        self.has_tail = true;
        self.written = self.in_file();
        if let Some(stage) = &mut self.stage {
            stage.forget();
        }
        Err(self.trouble(&error, "write"))
    }

    /// So many bytes are in the file for certain.
    fn in_file(&self) -> u64 {
        self.written - self.stage.as_ref().map_or(0, Stage::pending)
    }

    /// Takes note of bytes that were appended by somebody else.
    pub(super) fn has_written(&mut self, length: u64) {
        self.written += length;
        self.dirty_since.get_or_insert_with(Instant::now);
    }

    /// Starts a sync if one is due, and takes note of one that is done: then the answer is `true`,
    /// and [`Sink::synced`] has moved.
    pub(super) async fn write_back(&mut self) -> Result<bool, Trouble> {
        let mut moved = false;
        if let Some((position, running)) = &mut self.running
            && (running.is_finished() || self.written.saturating_sub(*position) >= AHEAD_BYTES)
        {
            let position = *position;
            let result = running.await;
            self.running = None;
            self.settle(position, result.map_err(|error| Trouble::worker(&error))?)?;
            moved = true;
        }
        if self.running.is_some() {
            return Ok(moved);
        }
        let is_late = self.dirty_since.is_some_and(|since| since.elapsed() >= SYNC_TIME);
        if is_late && let Some(stage) = &mut self.stage {
            let flushed = stage.flush().await;
            self.staged(flushed)?;
        }
        let in_file = self.in_file();
        if in_file > self.synced && (is_late || in_file - self.synced >= SYNC_BYTES) {
            let unsynced = self.unsynced();
            self.running = Some((in_file, tokio::task::spawn_blocking(move || unsynced.sync())));
            self.dirty_since = None;
        }
        Ok(moved)
    }

    /// Syncs everything, and waits for it.
    pub(super) async fn sync(&mut self, syncer: &Syncer) -> Result<(), Trouble> {
        self.unstage().await?;
        if let Some((position, running)) = self.running.take() {
            let result = running.await.map_err(|error| Trouble::worker(&error))?;
            self.settle(position, result)?;
        }
        if self.written == self.synced && !self.is_new {
            return Ok(());
        }
        let position = self.written;
        let result = if position - self.synced <= Syncer::SMALL {
            syncer.sync(self.unsynced()).await
        } else {
            let unsynced = self.unsynced();
            tokio::task::spawn_blocking(move || unsynced.sync()).await.map_err(|error| Trouble::worker(&error))?
        };
        self.settle(position, result)
    }

    /// Makes the file exactly as long as what was written, with the time of its origin.
    pub(super) fn finish(&mut self, modified: Option<SystemTime>) -> Result<(), Trouble> {
        self.trim()?;
        if let Some(modified) = modified {
            files::set_modified(&self.file, modified).map_err(|error| self.trouble(&error, "set the time of"))?;
        }
        Ok(())
    }

    fn unsynced(&self) -> Unsynced {
        Unsynced { file: Arc::clone(&self.file), folder: Arc::clone(&self.folder), is_new: self.is_new, opened: self.opened }
    }

    fn settle(&mut self, position: u64, result: io::Result<()>) -> Result<(), Trouble> {
        if let Err(error) = result {
            // The kernel may have dropped what it could not write, and says so only once: what is
            // behind the last good sync is written again, never read back.
            self.written = self.synced;
            self.has_tail = true;
            if let Some(stage) = &mut self.stage {
                stage.forget();
            }
            return Err(self.trouble(&error, "sync"));
        }
        self.synced = position;
        self.is_new = false;
        if self.written == position {
            self.dirty_since = None;
        }
        Ok(())
    }

    fn trouble(&self, error: &io::Error, doing: &str) -> Trouble {
        Trouble::disk(error, doing, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fetch::{Checkpoint, FileTask},
        files::Place,
    };

    fn task(folder: &std::path::Path) -> FileTask {
        FileTask {
            url: String::new(),
            place: Place::check(&folder.canonicalize().unwrap().join("file")).unwrap(),
            temporary_name: ".BIT0000000000000000.tmp".into(),
            ranges: Vec::new(),
            checksum: None,
            checkpoint: Checkpoint::default(),
        }
    }

    #[tokio::test]
    async fn after_a_failed_sync_only_the_last_good_one_counts() {
        let folder = tempfile::tempdir().unwrap();
        let syncer = Syncer::start().unwrap();
        let mut sink = Sink::open(&task(folder.path())).unwrap();
        sink.write(b"0123456789").await.unwrap();
        sink.sync(&syncer).await.unwrap();
        assert_eq!((sink.written(), sink.synced()), (10, 10));
        sink.write(b"abcdef").await.unwrap();
        let trouble = sink.settle(16, Err(Errno::IO.into())).unwrap_err();
        assert_eq!(trouble.failure.code, consign_core::common::ERROR_IO_DEVICE);
        assert_eq!((sink.written(), sink.synced()), (10, 10), "what the kernel may have dropped is written again");
    }

    #[tokio::test]
    async fn the_finished_file_is_exactly_as_long_as_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let task = task(folder.path());
        let mut sink = Sink::open(&task).unwrap();
        sink.reserve(8 << 20).unwrap();
        sink.write(b"0123456789").await.unwrap();
        sink.finish(Some(SystemTime::UNIX_EPOCH + Duration::from_secs(5))).unwrap();
        sink.sync(&Syncer::start().unwrap()).await.unwrap();
        let metadata = folder.path().join(&task.temporary_name).metadata().unwrap();
        assert_eq!(metadata.len(), 10);
        assert!(std::os::unix::fs::MetadataExt::blocks(&metadata) * 512 < 8 << 20, "what was reserved is given back");
        assert_eq!(metadata.modified().unwrap(), SystemTime::UNIX_EPOCH + Duration::from_secs(5));
    }

    #[tokio::test]
    async fn a_sync_runs_beside_the_writing() {
        let folder = tempfile::tempdir().unwrap();
        let mut sink = Sink::open(&task(folder.path())).unwrap();
        let piece = vec![7; 1 << 20];
        let mut moved = 0;
        while moved < 3 {
            sink.write(&piece).await.unwrap();
            moved += usize::from(sink.write_back().await.unwrap());
            assert!(sink.written() < 4 << 30, "no sync ever ended");
        }
        assert!(sink.synced() >= 3 * SYNC_BYTES);
    }
}
