//! The folders of outboxes, as the kernel tells of their changes: that is how a writer is noticed who knows
//! nothing of the service.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    io,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use tokio::io::unix::AsyncFd;

/// The kernel's instance, and what each of its watches is on.
pub(super) struct Watch {
    inotify: AsyncFd<OwnedFd>,
    folders: Mutex<HashMap<i32, PathBuf>>,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    /// A file in this folder.
    File(PathBuf, OsString),
    /// Nobody can say: events were lost, or a folder is gone.
    Anything,
}

impl Watch {
    /// # Errors
    /// When the kernel gives no further instance.
    pub(super) fn new() -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        #[expect(deprecated, reason = "the sound constructor is unsafe to call; an owned descriptor cannot change under it")]
        let inotify = AsyncFd::new(inotify)?;
        Ok(Self { inotify, folders: Mutex::default() })
    }

    /// Watches a folder or, as long as that is missing, the nearest one above it.
    pub(super) fn follow(&self, folder: &Path) {
        let mut folders = self.folders();
        for place in folder.ancestors() {
            let mut flags =
                WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF | WatchFlags::ONLYDIR;
            if place == folder {
                flags |= WatchFlags::MODIFY | WatchFlags::MOVED_FROM | WatchFlags::DELETE | WatchFlags::ATTRIB;
            }
            // One that is watched already for more keeps that.
            match inotify::add_watch(self.inotify.get_ref(), place, flags | WatchFlags::MASK_ADD) {
                Ok(watch) => {
                    folders.insert(watch, place.to_owned());
                    return;
                }
                Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => {}
                Err(error) => {
                    tracing::warn!(%error, folder = %place.display(), "changes in the folder of an outbox are not noticed");
                    return;
                }
            }
        }
    }

    /// Watches no folder any more but those that are `wanted`.
    pub(super) fn keep(&self, wanted: impl Fn(&Path) -> bool) {
        self.folders().retain(|watch, folder| {
            let keep = wanted(folder);
            if !keep {
                // It may be gone already.
                let _ = inotify::remove_watch(self.inotify.get_ref(), *watch);
            }
            keep
        });
    }

    /// The next changes; each once.
    ///
    /// # Errors
    /// When the kernel can be asked no more.
    pub(super) async fn next(&self) -> io::Result<Vec<Changed>> {
        loop {
            let mut ready = self.inotify.readable().await?;
            match ready.try_io(|inotify| self.read(inotify.get_ref())) {
                Ok(changes) => return changes,
                Err(_nothing_yet) => {}
            }
        }
    }

    fn read(&self, inotify: &OwnedFd) -> io::Result<Vec<Changed>> {
        let mut buffer = [const { MaybeUninit::uninit() }; 8192];
        let mut reader = Reader::new(inotify, &mut buffer);
        let mut folders = self.folders();
        let mut changes = Vec::new();
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(rustix::io::Errno::AGAIN) if !changes.is_empty() => return Ok(changes),
                Err(error) => return Err(error.into()),
            };
            let gone = ReadFlags::IGNORED | ReadFlags::QUEUE_OVERFLOW | ReadFlags::UNMOUNT | ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF;
            let change = if event.events().intersects(gone) {
                if event.events().contains(ReadFlags::IGNORED) {
                    folders.remove(&event.wd());
                } else if event.events().contains(ReadFlags::MOVE_SELF) {
                    // It is another folder now; the kernel says IGNORED when that is done.
                    let _ = inotify::remove_watch(inotify, event.wd());
                }
                Changed::Anything
            } else {
                let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()).to_owned());
                match (folders.get(&event.wd()), name) {
                    (Some(folder), Some(name)) => Changed::File(folder.clone(), name),
                    // The folder itself: who may write to it, perhaps.
                    (Some(_), None) => Changed::Anything,
                    (None, _) => continue,
                }
            };
            if changes.last() != Some(&change) {
                changes.push(change);
            }
            if reader.is_buffer_empty() {
                return Ok(changes);
            }
        }
    }

    fn folders(&self) -> MutexGuard<'_, HashMap<i32, PathBuf>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
