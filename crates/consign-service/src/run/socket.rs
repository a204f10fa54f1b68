//! The socket that clients find: systemd's, or one of our own in the runtime folder.

use std::{
    fs, io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{
            fs::{MetadataExt, PermissionsExt},
            net::UnixListener as StdListener,
        },
    },
    path::{Path, PathBuf},
};

use rustix::net::SocketFlags;
use tokio::net::{UnixListener, UnixStream};

/// What the kernel takes as the name of a socket, without the NUL at its end.
const LONGEST_NAME: usize = 107;

/// A socket that clients connect to.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) listener: UnixListener,
    own: Option<Own>,
}

/// A socket that was made here, and is taken away again.
#[derive(Debug)]
struct Own {
    path: PathBuf,
    /// What it is, whatever its name: by it we know that it is still ours.
    identity: (u64, u64),
}

impl Socket {
    /// The one that systemd listens on for us.
    pub(crate) fn inherited(listener: StdListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { listener: UnixListener::from_std(listener)?, own: None })
    }

    /// A new one at `path`, in place of what a crashed instance may have left there. To be called
    /// under the lock only.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        let (folder, name) = match (path.parent(), path.file_name().and_then(|name| name.to_str())) {
            (Some(folder), Some(name)) => (folder, name),
            _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the path of a socket")),
        };
        // It gets its name when it listens and is closed to others, so nobody sees it before.
        let temporary = folder.join(format!("{name}.{}", std::process::id()));
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let short = ShortName::of(folder, &temporary)?;
        let listener = StdListener::bind(short.path())?;
        fs::set_permissions(&temporary, fs::Permissions::from_mode(0o600))?;
        fs::rename(&temporary, path)?;
        let metadata = fs::symlink_metadata(path)?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener: UnixListener::from_std(listener)?,
            own: Some(Own { path: path.to_owned(), identity: (metadata.dev(), metadata.ino()) }),
        })
    }

    /// Who has connected already, if anybody. Asks the kernel: the runtime would only know of those
    /// whom it has been told of.
    pub(crate) fn accept_now(&self) -> Option<UnixStream> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let stream = rustix::net::accept_with(&self.listener, flags).ok()?;
        UnixStream::from_std(stream.into()).ok()
    }

    /// Whether the name in the file system goes away with this instance.
    pub(crate) const fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Takes the name away, so that nobody new connects. Those who have connected can still be
    /// accepted.
    pub(crate) fn unlink(&mut self) {
        if let Some(Own { path, identity }) = self.own.take()
            && fs::symlink_metadata(&path).is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == identity)
            && let Err(error) = fs::remove_file(&path)
        {
            tracing::warn!(%error, path = %path.display(), "the socket cannot be removed");
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.unlink();
    }
}

/// A name for a socket that fits into the kernel's 108 bytes, however long its folder's path.
pub(crate) struct ShortName {
    path: PathBuf,
    /// Keeps the name valid.
    _folder: Option<OwnedFd>,
}

impl ShortName {
    pub(crate) fn of(folder: &Path, path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() <= LONGEST_NAME {
            return Ok(Self { path: path.to_owned(), _folder: None });
        }
        let descriptor = OwnedFd::from(fs::File::open(folder)?);
        let name = path.file_name().unwrap_or_default();
        Ok(Self { path: Path::new("/proc/self/fd").join(descriptor.as_raw_fd().to_string()).join(name), _folder: Some(descriptor) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::{AsRawFd, MetadataExt, Socket, StdListener, fs};

    #[tokio::test]
    async fn a_stale_socket_gives_way_and_the_own_one_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("consign.sock");
        drop(StdListener::bind(&path).unwrap());
        assert!(UnixStream::connect(&path).is_err(), "nobody listens on the stale one");
        let socket = Socket::bind(&path).unwrap();
        UnixStream::connect(&path).unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().mode() & 0o777, 0o600);
        drop(socket);
        assert!(!path.exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn the_socket_of_another_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("consign.sock");
        let first = Socket::bind(&path).unwrap();
        let second = Socket::bind(&path).unwrap();
        drop(first);
        UnixStream::connect(&path).unwrap();
        drop(second);
    }

    #[tokio::test]
    async fn who_has_connected_is_found_after_the_name_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("consign.sock");
        let mut socket = Socket::bind(&path).unwrap();
        let _client = UnixStream::connect(&path).unwrap();
        socket.unlink();
        assert!(UnixStream::connect(&path).is_err());
        assert!(socket.accept_now().is_some());
        assert!(socket.accept_now().is_none());
    }

    #[tokio::test]
    async fn paths_longer_than_the_kernel_takes_work() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("x".repeat(120));
        fs::create_dir(&long).unwrap();
        let path = long.join("consign.sock");
        let socket = Socket::bind(&path).unwrap();
        let through = fs::File::open(&long).unwrap();
        UnixStream::connect(format!("/proc/self/fd/{}/consign.sock", through.as_raw_fd())).unwrap();
        drop(socket);
        assert!(!path.exists());
    }
}
