//! The list of folders that hold temporary files, beside the database: when a database is lost,
//! it is how what it knew of is found again.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::OpenOptionsExt,
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use consign_bits::Failure;

use crate::files::local_failure;

/// The list. Each path ends with NUL, which no path can hold.
#[derive(Debug)]
pub(super) struct Folders {
    path: PathBuf,
    known: BTreeSet<Arc<Path>>,
}

impl Folders {
    /// Reads the list at `path`, which need not exist.
    pub(super) fn read(path: PathBuf) -> io::Result<Self> {
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        let known = bytes.split(|byte| *byte == 0).filter(|path| !path.is_empty());
        let known = known.map(|path| PathBuf::from(OsString::from_vec(path.to_owned())).into()).collect();
        Ok(Self { path, known })
    }

    pub(super) fn known(&self) -> impl Iterator<Item = &Path> {
        self.known.iter().map(AsRef::as_ref)
    }

    /// The one copy of this path that all files of the folder share.
    pub(super) fn shared(&self, folder: &Arc<Path>) -> Arc<Path> {
        Arc::clone(self.known.get(folder).unwrap_or(folder))
    }

    /// Writes down, durably, the folders that are new, before a temporary file is made in them.
    pub(super) fn remember<'a>(&mut self, folders: impl Iterator<Item = &'a Path>) -> Result<(), Failure> {
        let new: BTreeSet<&Path> = folders.filter(|folder| !self.known.contains(*folder)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let append = || {
            let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
            file.write_all(&joined(new.iter().copied()))?;
            file.sync_all()
        };
        append().map_err(|error| local_failure(&error, "write", &self.path))?;
        let new: Vec<Arc<Path>> = new.into_iter().map(Arc::from).collect();
        self.known.extend(new);
        Ok(())
    }

    /// Keeps these folders alone. The new list replaces the old one whole.
    pub(super) fn keep<'a>(&mut self, folders: impl Iterator<Item = &'a Path>) -> io::Result<()> {
        let kept: BTreeSet<&Path> = folders.collect();
        let kept: BTreeSet<Arc<Path>> = kept.into_iter().map(Arc::from).collect();
        if kept == self.known {
            return Ok(());
        }
        let new = self.path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&joined(kept.iter().map(AsRef::as_ref)))?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.known = kept;
        Ok(())
    }
}

fn joined<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<u8> {
    paths.flat_map(|path| path.as_os_str().as_bytes().iter().copied().chain([0])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_remembered_until_they_are_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("folders");
        let (a, b) = (Path::new("/a b\n"), Path::new("/c"));
        let mut folders = Folders::read(list.clone()).unwrap();
        folders.remember([a, b].into_iter()).unwrap();
        folders.remember([a].into_iter()).unwrap();
        assert_eq!(Folders::read(list.clone()).unwrap().known().collect::<Vec<_>>(), [a, b]);
        folders.keep([b].into_iter()).unwrap();
        assert_eq!(Folders::read(list).unwrap().known().collect::<Vec<_>>(), [b]);
    }
}
