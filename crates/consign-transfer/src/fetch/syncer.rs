//! Syncs small files in groups: many of them cost one sync of their file system.

use std::{
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use rustix::io::Errno;
use tokio::sync::oneshot;

use crate::files::Folder;

/// Hands files to the thread that syncs. The thread ends with the last handle.
#[derive(Clone, Debug)]
pub(super) struct Syncer {
    orders: mpsc::Sender<Order>,
    /// Fetches whose file is still on its way.
    coming: Arc<AtomicUsize>,
}

/// A file that is on its way, until this is dropped.
#[derive(Debug)]
pub(super) struct Coming(Arc<AtomicUsize>);

/// A file that is to be synced.
#[derive(Clone, Debug)]
pub(super) struct Unsynced {
    pub(super) file: Arc<File>,
    pub(super) folder: Arc<Folder>,
    /// Whether its name in the folder is to be synced, too.
    pub(super) is_new: bool,
    pub(super) opened: Instant,
}

impl Unsynced {
    /// Syncs the content, and the name if that is new. Blocks.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()?;
        if self.is_new { self.folder.sync() } else { Ok(()) }
    }
}

#[derive(Debug)]
struct Order {
    unsynced: Unsynced,
    done: oneshot::Sender<io::Result<()>>,
}

/// From so many files on, one `syncfs` is cheaper than a sync of each (measured: 10,000 files of
/// 4 KiB take 9 s one by one, and 0.3 s in groups).
const GROUP: usize = 4;

/// While more are on their way, and keep coming, a group waits for them: each sync writes the same
/// tables of the file system again.
const PAUSE: Duration = Duration::from_millis(1);
const MOST_PAUSES: usize = 10;
/// So many do not wait.
const LARGE_GROUP: usize = 128;

impl Syncer {
    /// A file with at most so many unsynced bytes is small.
    pub(super) const SMALL: u64 = 1 << 20;

    pub(super) fn start() -> io::Result<Self> {
        let (sender, orders) = mpsc::channel::<Order>();
        let coming = Arc::new(AtomicUsize::new(0));
        let expected = Arc::clone(&coming);
        thread::Builder::new().name("consign-syncer".into()).spawn(move || {
            while let Ok(first) = orders.recv() {
                sync_group(gather(first, &orders, &expected));
            }
        })?;
        Ok(Self { orders: sender, coming })
    }

    /// Says that a file is on its way.
    pub(super) fn expect(&self) -> Coming {
        self.coming.fetch_add(1, Ordering::Relaxed);
        Coming(Arc::clone(&self.coming))
    }

    /// Syncs a file, perhaps with others.
    pub(super) async fn sync(&self, unsynced: Unsynced) -> io::Result<()> {
        let (done, answer) = oneshot::channel();
        let gone = || io::Error::other("the thread that syncs files is gone");
        self.orders.send(Order { unsynced, done }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What came while the last group was synced, and what comes soon.
fn gather(first: Order, orders: &mpsc::Receiver<Order>, expected: &AtomicUsize) -> Vec<Order> {
    let mut group = vec![first];
    for _ in 0..MOST_PAUSES {
        let before = group.len();
        if before >= LARGE_GROUP || expected.load(Ordering::Relaxed) == 0 {
            break;
        }
        thread::sleep(PAUSE);
        group.extend(orders.try_iter());
        if group.len() == before {
            return group;
        }
    }
    group.extend(orders.try_iter());
    group
}

fn sync_group(mut group: Vec<Order>) {
    while let Some(first) = group.first() {
        let device = device(&first.unsynced.file);
        let (together, rest): (Vec<_>, Vec<_>) = group.into_iter().partition(|order| self::device(&order.unsynced.file) == device);
        group = rest;
        if device.is_some() && together.len() >= GROUP {
            // It tells of every error of the file system since the file it is asked by was opened:
            // so it is asked by the one that was opened first.
            let eldest = together.iter().min_by_key(|order| order.unsynced.opened);
            let result = eldest.map_or(Ok(()), |order| rustix::fs::syncfs(&*order.unsynced.file));
            for order in together {
                let _ = order.done.send(result.map_err(io::Error::from));
            }
        } else {
            sync_each(together);
        }
    }
}

/// Syncs each file, and each folder once.
fn sync_each(orders: Vec<Order>) {
    let mut folders: Vec<((u64, u64), Result<(), Errno>)> = Vec::new();
    for order in orders {
        let mut result = order.unsynced.file.sync_data();
        if result.is_ok() && order.unsynced.is_new {
            result = match order.unsynced.folder.identity() {
                // Of all names that the group made in it: they were there before the group was taken.
                Ok(identity) => match folders.iter().find(|(known, _)| *known == identity) {
                    Some((_, synced)) => synced.map_err(io::Error::from),
                    None => {
                        let synced = order.unsynced.folder.sync();
                        let kept = synced.as_ref().copied().map_err(|error| Errno::from_io_error(error).unwrap_or(Errno::IO));
                        folders.push((identity, kept));
                        synced
                    }
                },
                Err(error) => Err(error),
            };
        }
        let _ = order.done.send(result);
    }
}

fn device(file: &File) -> Option<u64> {
    file.metadata().ok().map(|metadata| metadata.dev())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_crowd_is_synced() {
        let root = tempfile::tempdir().unwrap();
        let folder = Arc::new(Folder::open(&root.path().canonicalize().unwrap()).unwrap());
        let syncer = Syncer::start().unwrap();
        let mut tasks = Vec::new();
        for index in 0..50 {
            let file = Arc::new(File::create_new(root.path().join(index.to_string())).unwrap());
            let (syncer, folder) = (syncer.clone(), Arc::clone(&folder));
            tasks.push(tokio::spawn(async move { syncer.sync(Unsynced { file, folder, is_new: true, opened: Instant::now() }).await }));
        }
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    }
}
