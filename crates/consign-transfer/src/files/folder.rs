//! A destination folder, opened without following any symbolic link.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Component, Path},
};

use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags},
    io::Errno,
};

/// The open folder. What is done relative to it stays in it, whatever becomes of the path.
#[derive(Debug)]
pub(crate) struct Folder(OwnedFd);

/// `O_PATH`: also a folder that may not be listed can be worked in.
const FLAGS: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Folder {
    /// Opens the folder at the absolute `path`.
    ///
    /// # Errors
    /// `ELOOP` where a symbolic link stands in the path, and what `open(2)` says.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        match rustix::fs::openat2(CWD, path, FLAGS, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
            Ok(folder) => Ok(Self(folder)),
            // Kernels before 5.6, and sandboxes that know no openat2 and say EPERM to it.
            Err(Errno::NOSYS | Errno::PERM) => Self::open_by_components(path),
            Err(error) => Err(error.into()),
        }
    }

    fn open_by_components(path: &Path) -> io::Result<Self> {
        let mut folder = rustix::fs::open("/", FLAGS, Mode::empty())?;
        for component in path.components() {
            folder = match component {
                Component::RootDir | Component::CurDir => continue,
                Component::Normal(name) => match rustix::fs::openat(&folder, name, FLAGS | OFlags::NOFOLLOW, Mode::empty()) {
                    Ok(next) => next,
                    Err(error) => return Err(refined(error, &folder, name)),
                },
                Component::ParentDir | Component::Prefix(_) => return Err(Errno::INVAL.into()),
            };
        }
        Ok(Self(folder))
    }

    /// Makes durable which names the folder has.
    ///
    /// # Errors
    /// What `fsync(2)` says.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match rustix::fs::openat(&self.0, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(folder) => Ok(rustix::fs::fsync(folder)?),
            // It may be written but not listed, so it cannot be opened for a sync: the sync of
            // each file must do, which on the common file systems includes its name.
            Err(Errno::ACCESS) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Its device and its number there: two handles of one folder have the same.
    ///
    /// # Errors
    /// What `fstat(2)` says.
    pub(crate) fn identity(&self) -> io::Result<(u64, u64)> {
        let stat = rustix::fs::fstat(&self.0)?;
        Ok((stat.st_dev, stat.st_ino))
    }

    /// Opens a regular file in the folder.
    ///
    /// # Errors
    /// `ELOOP` for a symbolic link, and what `openat(2)` says.
    pub(crate) fn open_file(&self, name: &std::ffi::OsStr, flags: OFlags, mode: Mode) -> io::Result<File> {
        // Not to hang on a FIFO, nor to get a controlling terminal.
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        Ok(rustix::fs::openat(&self.0, name, flags, mode)?.into())
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// `O_DIRECTORY | O_NOFOLLOW` says `ENOTDIR` of a symbolic link as well: tell the two apart.
fn refined(error: Errno, folder: &OwnedFd, name: &std::ffi::OsStr) -> io::Error {
    let is_link = rustix::fs::statat(folder, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_symlink());
    if is_link { Errno::LOOP.into() } else { error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_opening_refuse_links() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(real.join("a/b")).unwrap();
        std::os::unix::fs::symlink("a", real.join("link")).unwrap();
        std::fs::write(real.join("file"), "").unwrap();
        for open in [Folder::open, Folder::open_by_components] {
            assert!(open(&real.join("a/b")).is_ok());
            for (path, errno) in [("link", Errno::LOOP), ("link/b", Errno::LOOP), ("none", Errno::NOENT), ("file", Errno::NOTDIR)] {
                let error = open(&real.join(path)).unwrap_err();
                assert_eq!(Errno::from_io_error(&error), Some(errno), "{path}");
            }
        }
    }
}
