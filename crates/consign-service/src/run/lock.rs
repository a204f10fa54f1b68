//! The lock: one instance owns a state folder.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

/// How long an instance that is about to end is waited for.
const ENDING: Duration = Duration::from_secs(10);

/// What follows the pid of an instance that takes no more clients.
const ENDING_MARK: &str = "ending";

/// Held until it is dropped. The file stays: it is the lock on it that counts, and the kernel takes
/// that away with the process.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

/// Why the lock was not got.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    #[error("another instance runs")]
    Held { pid: Option<u32> },
    #[error("the lock cannot be taken")]
    Failed(#[from] io::Error),
}

impl Lock {
    /// Takes the lock. Where the holder says that it is ending, it is waited for; a client that
    /// comes at that moment would else be told of a service that is not there for it.
    pub(crate) async fn take(path: &Path) -> Result<Self, LockError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(error.into()),
            Err(TryLockError::WouldBlock) => {
                let (pid, ending) = holder(&file)?;
                if !ending {
                    return Err(LockError::Held { pid });
                }
                let waiting = file.try_clone()?;
                match tokio::time::timeout(ENDING, tokio::task::spawn_blocking(move || waiting.lock())).await {
                    Ok(Ok(locked)) => locked?,
                    // The thread is left behind: this process ends now.
                    Ok(Err(_)) | Err(_) => return Err(LockError::Held { pid }),
                }
            }
        }
        let mut lock = Self { file };
        lock.write("")?;
        Ok(lock)
    }

    /// Says that this instance takes no more clients.
    pub(crate) fn mark_ending(&mut self) {
        self.mark(ENDING_MARK);
    }

    /// Takes that back.
    pub(crate) fn mark_staying(&mut self) {
        self.mark("");
    }

    fn mark(&mut self, mark: &str) {
        if let Err(error) = self.write(mark) {
            // The next instance is then refused instead of waiting.
            tracing::warn!(%error, "the lock file cannot be written");
        }
    }

    fn write(&mut self, mark: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(format!("{}\n{mark}", std::process::id()).as_bytes())
    }
}

/// The holder's pid, if it has written it yet, and whether it is ending.
fn holder(mut file: &File) -> io::Result<(Option<u32>, bool)> {
    let mut text = String::new();
    file.rewind()?;
    Read::take(file, 64).read_to_string(&mut text)?;
    let mut lines = text.lines();
    let pid = lines.next().and_then(|pid| pid.parse().ok());
    Ok((pid, lines.next() == Some(ENDING_MARK)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_is_told_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = Lock::take(&path).await.unwrap();
        match Lock::take(&path).await {
            Err(LockError::Held { pid }) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(first);
        Lock::take(&path).await.unwrap();
    }

    #[tokio::test]
    async fn one_that_is_ending_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let mut first = Lock::take(&path).await.unwrap();
        first.mark_ending();
        let second = tokio::spawn({
            let path = path.clone();
            async move { Lock::take(&path).await }
        });
        tokio::task::yield_now().await;
        drop(first);
        let second = tokio::time::timeout(Duration::from_secs(30), second).await.unwrap().unwrap();
        assert!(second.is_ok(), "{second:?}");
    }

    #[tokio::test]
    async fn a_symbolic_link_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::os::unix::fs::symlink(folder.path().join("other"), &path).unwrap();
        assert!(matches!(Lock::take(&path).await, Err(LockError::Failed(_))));
    }
}
