//! A fetch from a `file:` URL: a copy that can be interrupted, and that notices a changed origin.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use consign_bits::{ErrorContext, RangeSupport, ShownUrl, wininet};
use consign_core::common;
use rustix::fs::OFlags;
use url::Url;

use super::{
    download::{Download, Next},
    head::Again,
    task::{FileFacts, Validator},
    trouble::Trouble,
};

/// So much is copied at a time by a thread that may block; between, the fetch can be stopped.
const PIECE: u64 = 16 << 20;
const BUFFER: usize = 1 << 20;

impl Download<'_> {
    /// Copies until the end of what is to be copied, or until the origin turns out to have changed.
    pub(super) async fn copy(&mut self, url: &Url) -> Result<Next, Trouble> {
        let path = origin_path(url)?;
        let (origin, metadata) = blocking({
            let path = path.clone();
            move || open_origin(&path)
        })
        .await?
        .map_err(|error| self.origin_failed(&error, &path))?;
        let facts = facts(&metadata);
        if self.position() > 0 && self.facts.validator != facts.validator {
            self.start_again(Again::Changed)?;
        }
        self.modified = metadata.modified().ok();
        self.learn(facts.clone())?;
        let origin = Arc::new(origin);
        loop {
            let (from, end) = match self.next()? {
                Next::Nothing => break,
                Next::From(from) if from >= metadata.len() => break,
                Next::From(from) => (from, metadata.len()),
                Next::Part(part) => (part.from, part.end.unwrap_or(metadata.len())),
            };
            let Some(sink) = &self.sink else { break };
            let (origin, target, at) = (Arc::clone(&origin), Arc::clone(sink.file()), sink.written());
            let length = (end - from).min(PIECE);
            let temporary = self.task.place.folder.join(&self.task.temporary_name);
            let copying = self.copying.insert(tokio::task::spawn_blocking(move || copy_piece(&origin, from, &target, at, length)));
            let copied = copying.await;
            self.copying = None;
            match copied.map_err(|error| Trouble::worker(&error))? {
                Ok(copied) => {
                    if let Some(sink) = &mut self.sink {
                        sink.has_written(copied);
                    }
                    self.took().await?;
                    if copied < length {
                        break;
                    }
                }
                Err(Copying::Read(error)) => return Err(self.origin_failed(&error, &path)),
                Err(Copying::Write(error)) => return Err(Trouble::disk(&error, "write", &temporary)),
            }
        }
        // Only now is it known that what was copied belongs together.
        let after = blocking(move || origin.metadata()).await?.map_err(|error| self.origin_failed(&error, &path))?;
        if self::facts(&after) != facts || self.result_length() != Some(self.position()) {
            self.start_again(Again::Changed)?;
            return self.next();
        }
        Ok(Next::Nothing)
    }

    fn origin_failed(&self, error: &io::Error, path: &Path) -> Trouble {
        let shown = path.display();
        let (code, sentence) = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => (common::ERROR_FILE_NOT_FOUND, format!("{shown} does not exist")),
            io::ErrorKind::PermissionDenied => {
                (common::E_ACCESSDENIED, format!("{shown} may not be read; allow it, then `consign job resume`"))
            }
            io::ErrorKind::InvalidInput => (common::E_INVALIDARG, format!("{shown} is not a regular file")),
            _ => (common::ERROR_IO_DEVICE, format!("cannot read {shown}: {error}")),
        };
        Trouble::fatal(code, ErrorContext::RemoteFile, sentence)
    }
}

/// What can be told of the file without reading it.
pub(super) async fn probe(url: &Url) -> Result<FileFacts, Trouble> {
    let path = origin_path(url)?;
    let opened = blocking({
        let path = path.clone();
        move || open_origin(&path)
    })
    .await?;
    let missing = |error: io::Error| {
        let code = if error.kind() == io::ErrorKind::PermissionDenied { common::E_ACCESSDENIED } else { common::ERROR_FILE_NOT_FOUND };
        Trouble::fatal(code, ErrorContext::RemoteFile, format!("cannot read {}: {error}", path.display()))
    };
    opened.map(|(_, metadata)| facts(&metadata)).map_err(missing)
}

fn facts(metadata: &Metadata) -> FileFacts {
    let nanoseconds = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    FileFacts {
        size: Some(metadata.len()),
        validator: Validator { etag: None, last_modified: Some(nanoseconds.to_string()) },
        ranges: RangeSupport::Yes,
        final_url: None,
    }
}

fn origin_path(url: &Url) -> Result<PathBuf, Trouble> {
    url.to_file_path().map_err(|()| {
        let sentence = format!("{} names no file of this machine; expected file:///path", ShownUrl(url.as_str()));
        Trouble::fatal(wininet::WININET_E_INVALID_URL, ErrorContext::RemoteFile, sentence)
    })
}

fn open_origin(path: &Path) -> io::Result<(File, Metadata)> {
    // Not to hang on a pipe.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

/// Which side of a copy failed.
#[derive(Debug)]
pub(super) enum Copying {
    Read(io::Error),
    Write(io::Error),
}

/// Copies up to `length` bytes; fewer if the origin ends before.
fn copy_piece(origin: &File, from: u64, target: &File, at: u64, length: u64) -> Result<u64, Copying> {
    let mut buffer = vec![0; BUFFER];
    let mut copied = 0;
    while copied < length {
        let wanted = usize::try_from(length - copied).unwrap_or(BUFFER).min(BUFFER);
        let count = match origin.read_at(&mut buffer[..wanted], from + copied) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Copying::Read(error)),
        };
        target.write_all_at(&buffer[..count], at + copied).map_err(Copying::Write)?;
        copied += count as u64;
    }
    Ok(copied)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Trouble> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Trouble::worker(&error))
}
