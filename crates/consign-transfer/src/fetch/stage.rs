//! The way of a large file past the page cache.
//!
//! Bytes are gathered in aligned memory. What is full is written to the disk itself by a thread that
//! may block, while the next is gathered: so the network and the disk work at the same time, nothing
//! is copied once more, what others have in the page cache stays there, and the sync at the end has
//! little left to do. Where a file system cannot do that, the same writes go through the page cache.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};

use rustix::{fs::OFlags, io::Errno};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinError, JoinHandle},
};

/// So much is written at a time. Two such pieces are in memory for each file.
const PIECE: usize = 1 << 20;
/// What memory, offset and length of a direct write must be multiples of. No common disk wants more.
const ALIGNMENT: usize = 4096;
/// So many files are staged at the same time, so that memory is bounded. Others take the page cache.
const STAGES: usize = 4;

/// Lends stages. Cloned handles share them.
#[derive(Clone, Debug)]
pub(super) struct Stages(Arc<Semaphore>);

impl Stages {
    /// With fewer bytes to come a file is not large.
    pub(super) const LARGE: u64 = 8 << 20;

    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(STAGES)))
    }

    /// A stage for what is appended to `file` from `position` on, if one is free and the file system
    /// knows direct writes. Until [`Stage::finish`] nobody else may write to the file.
    pub(super) fn begin(&self, file: &Arc<File>, position: u64) -> Option<Stage> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok()?;
        set_direct(file, Way::Direct).ok()?;
        Some(Stage { file: Arc::clone(file), gathered: Piece::new(position), writing: None, underway: 0, spare: None, _permit: permit })
    }
}

/// One file's stage.
#[derive(Debug)]
pub(super) struct Stage {
    file: Arc<File>,
    gathered: Piece,
    writing: Option<JoinHandle<(Piece, io::Result<()>)>>,
    /// Bytes of the piece that is being written.
    underway: u64,
    spare: Option<Piece>,
    _permit: OwnedSemaphorePermit,
}

impl Stage {
    /// Bytes that may not be in the file yet.
    pub(super) fn pending(&self) -> u64 {
        self.gathered.length as u64 + self.underway
    }

    /// Takes bytes. Waits while two pieces are full.
    pub(super) async fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        loop {
            bytes = &bytes[self.gathered.take(bytes)..];
            if bytes.is_empty() {
                return Ok(());
            }
            self.write().await?;
        }
    }

    /// Writes all that was gathered, and waits for it.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if self.gathered.length > 0 {
            self.write().await?;
        }
        self.written().await
    }

    /// What is pending counts for nothing any more.
    pub(super) fn forget(&mut self) {
        self.underway = 0;
        self.gathered.length = 0;
    }

    /// Leaves the file as it was found: nothing under way, and its writes through the page cache.
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        let flushed = self.flush().await;
        // One more than was waited for may be under way after a failure.
        let ended = self.written().await;
        set_direct(&self.file, Way::PageCache)?;
        flushed.and(ended)
    }

    /// Hands over what was gathered.
    async fn write(&mut self) -> io::Result<()> {
        self.written().await?;
        let next = self.gathered.end();
        let spare = self.spare.take().map_or_else(|| Piece::new(next), |piece| piece.at(next));
        let piece = std::mem::replace(&mut self.gathered, spare);
        self.underway = piece.length as u64;
        let file = Arc::clone(&self.file);
        self.writing = Some(tokio::task::spawn_blocking(move || {
            let result = write(&file, piece.bytes(), piece.position);
            (piece, result)
        }));
        Ok(())
    }

    /// Waits until nothing is under way.
    async fn written(&mut self) -> io::Result<()> {
        let Some(writing) = &mut self.writing else { return Ok(()) };
        // Waited for in place: a fetch that is told to stop meanwhile waits again.
        let ended = writing.await;
        self.writing = None;
        let (piece, result) = ended.map_err(|error: JoinError| io::Error::other(error))?;
        self.spare = Some(piece);
        result?;
        self.underway = 0;
        Ok(())
    }
}

/// Memory whose addresses are aligned as the offsets are to which its bytes go.
#[derive(Debug)]
struct Piece {
    memory: Vec<u8>,
    /// Where in it an aligned offset would be.
    aligned: usize,
    /// The offset of the first byte.
    position: u64,
    length: usize,
}

impl Piece {
    fn new(position: u64) -> Self {
        let memory = vec![0; PIECE + ALIGNMENT];
        // Where that cannot be told, writes are refused for their alignment, and take the page cache.
        let aligned = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { memory, aligned, position, length: 0 }
    }

    /// The same memory for what comes from `position` on.
    fn at(self, position: u64) -> Self {
        Self { position, length: 0, ..self }
    }

    fn begin(&self) -> usize {
        self.aligned + misalignment(self.position)
    }

    fn bytes(&self) -> &[u8] {
        &self.memory[self.begin()..self.begin() + self.length]
    }

    fn end(&self) -> u64 {
        self.position + self.length as u64
    }

    /// Takes as many of the bytes as fit; a full piece ends at an aligned offset.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let from = self.begin() + self.length;
        let count = bytes.len().min(self.aligned + PIECE - from);
        self.memory[from..from + count].copy_from_slice(&bytes[..count]);
        self.length += count;
        count
    }
}

/// How writes of a file are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Direct,
    PageCache,
}

fn set_direct(file: &File, way: Way) -> io::Result<()> {
    let mut flags = rustix::fs::fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, way == Way::Direct);
    Ok(rustix::fs::fcntl_setfl(file, flags)?)
}

/// How far the offset is beyond an aligned one.
fn misalignment(position: u64) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "less than the alignment")]
    let beyond = (position % ALIGNMENT as u64) as usize;
    beyond
}

/// Writes directly what is aligned, and the rest through the page cache.
fn write(file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
    let head = match misalignment(position) {
        0 => 0,
        beyond => (ALIGNMENT - beyond).min(bytes.len()),
    };
    let (head, rest) = bytes.split_at(head);
    let (middle, tail) = rest.split_at(rest.len() - rest.len() % ALIGNMENT);
    let after_head = position + head.len() as u64;
    cached(file, head, position)?;
    match file.write_all_at(middle, after_head) {
        // This disk wants another alignment, or the file system only pretends.
        Err(error) if Errno::from_io_error(&error) == Some(Errno::INVAL) => cached(file, middle, after_head)?,
        written => written?,
    }
    cached(file, tail, after_head + middle.len() as u64)
}

fn cached(file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    set_direct(file, Way::PageCache)?;
    let written = file.write_all_at(bytes, position);
    set_direct(file, Way::Direct)?;
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// On the disk of the build: the usual folder for temporary files may be memory.
    fn file() -> Arc<File> {
        Arc::new(tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap())
    }

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect()
    }

    async fn check(length: usize, chunk: usize, flush_every: usize) {
        let (file, stages) = (file(), Stages::new());
        let content = content(length);
        let Some(mut stage) = stages.begin(&file, 0) else {
            println!("skipped: no direct writes here");
            return;
        };
        for (index, chunk) in content.chunks(chunk).enumerate() {
            stage.append(chunk).await.unwrap();
            if index % flush_every == flush_every - 1 {
                stage.flush().await.unwrap();
                assert_eq!(stage.pending(), 0);
            }
        }
        stage.finish().await.unwrap();
        assert_eq!(stage.pending(), 0);
        assert!(!rustix::fs::fcntl_getfl(&*file).unwrap().contains(OFlags::DIRECT));
        let mut read = Vec::new();
        (&*file).read_to_end(&mut read).unwrap();
        assert!(read == content, "{length} bytes in chunks of {chunk}");
    }

    #[tokio::test]
    async fn what_is_appended_is_in_the_file() {
        for (length, chunk) in
            [(0, 1), (1, 1), (4096, 4096), (5000, 777), (PIECE, PIECE), (3 * PIECE + 17, 100_000), (2 * PIECE, 3 * PIECE)]
        {
            check(length, chunk, usize::MAX).await;
            check(length, chunk, 1).await;
            check(length, chunk, 3).await;
        }
    }

    #[tokio::test]
    async fn a_file_goes_on_anywhere() {
        let (file, stages) = (file(), Stages::new());
        file.write_all_at(&content(5000), 0).unwrap();
        let Some(mut stage) = stages.begin(&file, 5000) else { return };
        stage.append(&content(2 * PIECE)).await.unwrap();
        stage.finish().await.unwrap();
        let mut read = Vec::new();
        (&*file).read_to_end(&mut read).unwrap();
        assert!(read[..5000] == content(5000) && read[5000..] == content(2 * PIECE));
    }

    #[tokio::test]
    async fn stages_are_counted() {
        let (file, stages) = (file(), Stages::new());
        let begun: Vec<_> = (0..STAGES).map_while(|_| stages.begin(&file, 0)).collect();
        if begun.len() < STAGES {
            println!("skipped: no direct writes here");
            return;
        }
        assert!(stages.begin(&file, 0).is_none());
        drop(begun);
        assert!(stages.begin(&file, 0).is_some());
    }

    #[tokio::test]
    async fn a_write_that_fails_is_told() {
        let stages = Stages::new();
        let path = tempfile::NamedTempFile::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        // Open for reading alone.
        let Some(mut stage) = stages.begin(&Arc::new(File::open(path.path()).unwrap()), 0) else { return };
        let mut told = false;
        for _ in 0..4 {
            told |= stage.append(&content(PIECE)).await.is_err();
        }
        assert!(told);
        stage.forget();
        assert_eq!(stage.pending(), 0);
    }
}
