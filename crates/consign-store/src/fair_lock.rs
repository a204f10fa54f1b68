//! The fair lock: processes that write to the same database queue here, before `BEGIN IMMEDIATE`. For
//! databases of applications; the service's own have one writer.
//!
//! Two empty files beside the database, each locked by `flock(2)`: whoever wants to write waits at the
//! door (`DB-consign-door`), and only the one who holds the door waits for the lock (`DB-consign-lock`).
//! So who has just written stands behind those who waited already: with one file alone it would take the
//! lock again before the others have woken. The kernel takes both away from a process that dies.
//!
//! It is about turns, not about safety: SQLite's own locks keep writers apart, those too that do not know
//! of this one.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// What follows the name of the database.
const DOOR: &str = "-consign-door";
const LOCK: &str = "-consign-lock";

/// The fair lock of one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FairLock {
    door: PathBuf,
    lock: PathBuf,
}

/// A turn. It ends when this is dropped.
#[derive(Debug)]
#[must_use = "the turn ends when this is dropped"]
pub struct Turn {
    _lock: File,
}

impl FairLock {
    /// Of the database at `path`.
    pub fn of(path: &Path) -> Self {
        let beside = |ending: &str| {
            let mut name = OsString::from(path);
            name.push(ending);
            PathBuf::from(name)
        };
        Self { door: beside(DOOR), lock: beside(LOCK) }
    }

    /// Waits for a turn, however long that takes.
    ///
    /// # Errors
    /// When one of the two files cannot be made, opened or locked, or is none.
    pub fn wait(&self) -> io::Result<Turn> {
        let door = hold(&self.door)?;
        let lock = hold(&self.lock)?;
        drop(door);
        Ok(Turn { _lock: lock })
    }
}

fn hold(path: &Path) -> io::Result<File> {
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} is not a plain file", path.display())));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{} belongs to another user", path.display())));
    }
    loop {
        match file.lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            locked => return locked.map(|()| file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
        thread,
    };

    #[test]
    fn turns_do_not_overlap() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FairLock::of(&folder.path().join("app.db"));
        let (inside, turns) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let _turn = lock.wait().unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "somebody else has the turn");
                        turns.fetch_add(1, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(turns.load(Ordering::SeqCst), 400);
    }

    #[test]
    fn what_is_no_file_of_ours_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("app.db");
        std::os::unix::fs::symlink("/dev/null", folder.path().join("app.db-consign-door")).unwrap();
        assert!(FairLock::of(&database).wait().is_err(), "a symbolic link");
        std::fs::remove_file(folder.path().join("app.db-consign-door")).unwrap();
        std::fs::create_dir(folder.path().join("app.db-consign-lock")).unwrap();
        assert!(FairLock::of(&database).wait().is_err(), "a folder");
    }
}
