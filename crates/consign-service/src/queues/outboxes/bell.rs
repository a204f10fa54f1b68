//! Where writers wake the service: a socket to which they send the path of their database.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use tokio::net::UnixDatagram;

use crate::run::ShortName;

/// The kernel takes no longer path, in bytes.
const LONGEST_PATH: usize = 4096;

/// A socket. Its name is taken away by who hung it: it goes before the socket does.
pub(super) struct Bell(UnixDatagram);

impl Bell {
    /// In place of what a crashed instance may have left there. To be called under the lock of the state
    /// folder, and in a folder that is the user's alone.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub(super) fn hang(path: &Path) -> io::Result<Self> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        let socket = UnixDatagram::bind(ShortName::of(folder, path)?.path())?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        Ok(Self(socket))
    }

    /// The next database of which somebody says that there is something in it.
    ///
    /// # Errors
    /// When the socket fails.
    pub(super) async fn next(&self) -> io::Result<PathBuf> {
        let mut buffer = [0; LONGEST_PATH];
        let length = self.0.recv(&mut buffer).await?;
        Ok(PathBuf::from(OsStr::from_bytes(buffer.get(..length).unwrap_or_default())))
    }
}
