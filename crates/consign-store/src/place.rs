//! The files of one database by name: what stands there, who may read it, and where it goes when it
//! cannot be read. Never opens a database file: closing such a descriptor would drop the locks that
//! SQLite holds on it in this process.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::OpenError;

/// How many unreadable files may stand beside a database before somebody has to look at them.
const MAX_SET_ASIDE: u32 = 1000;

/// What SQLite keeps beside a database.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Where a database lives. The folder is resolved once, so that the path can neither be read as a
/// URI by SQLite nor change its meaning with the working folder.
#[derive(Debug)]
pub(crate) struct Place {
    folder: PathBuf,
    name: OsString,
}

/// What stands at the place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing, not even a file of no length.
    Nothing,
    /// A file.
    File,
    /// A log, but nothing that it belongs to: what it holds must not be thrown away.
    LogAlone,
}

impl Place {
    /// The place that `path` names. Its folder must exist.
    pub(crate) fn new(path: &Path) -> Result<Self, OpenError> {
        let Some(name) = path.file_name() else {
            return Err(OpenError::NotAFile { path: path.to_owned() });
        };
        let above = match path.parent() {
            Some(above) if !above.as_os_str().is_empty() => above,
            _ => Path::new("."),
        };
        let folder = above.canonicalize().map_err(|source| OpenError::Io { doing: "found", path: above.to_owned(), source })?;
        Ok(Self { folder, name: name.to_owned() })
    }

    /// The database.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// What stands here now.
    pub(crate) fn look(&self) -> Result<Standing, OpenError> {
        let path = self.path();
        let length = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => Some(metadata.len()),
            Ok(_) => return Err(OpenError::NotAFile { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(OpenError::Io { doing: "found", path, source }),
        };
        // SQLite deletes a log whose database is empty. Its own order of writing never leaves one.
        let log = fs::symlink_metadata(self.companion("-wal")).is_ok_and(|metadata| metadata.len() > 0);
        Ok(match length {
            None | Some(0) if log => Standing::LogAlone,
            None => Standing::Nothing,
            Some(_) => Standing::File,
        })
    }

    /// Makes the empty file, for the user alone from its first moment: SQLite would make it for
    /// everybody. The files beside it take over its permissions.
    pub(crate) fn create(&self) -> Result<(), OpenError> {
        let path = self.path();
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(|source| OpenError::Io {
            doing: "created",
            path,
            source,
        })?;
        self.sync_folder()
    }

    /// Takes away what others may do with files that exist.
    pub(crate) fn close_to_others(&self) -> Result<(), OpenError> {
        for path in std::iter::once(self.path()).chain(COMPANIONS.map(|suffix| self.companion(suffix))) {
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(|source| OpenError::Io {
                    doing: "closed to others",
                    path,
                    source,
                })?;
            }
        }
        Ok(())
    }

    /// Moves the database and what stands beside it to the first free name, and returns that.
    ///
    /// The database goes first: without its log it could look whole, only older, to the next start.
    pub(crate) fn set_aside(&self) -> Result<PathBuf, OpenError> {
        let aside = self.free_name()?;
        let pairs = std::iter::once("").chain(COMPANIONS).map(|suffix| (self.companion(suffix), with_suffix(&aside, suffix)));
        for (from, to) in pairs {
            match fs::rename(&from, &to) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(OpenError::Io { doing: "set aside", path: from, source }),
                Ok(()) => {}
            }
        }
        self.sync_folder()?;
        Ok(aside)
    }

    /// A name that nothing has, nor anything beside it. Nobody takes it before us: the folder is
    /// owned by one instance.
    fn free_name(&self) -> Result<PathBuf, OpenError> {
        for number in 1..=MAX_SET_ASIDE {
            let candidate = with_suffix(&self.path(), &format!(".unreadable-{number}"));
            let taken = std::iter::once("").chain(COMPANIONS).any(|suffix| fs::symlink_metadata(with_suffix(&candidate, suffix)).is_ok());
            if !taken {
                return Ok(candidate);
            }
        }
        let source = io::Error::new(io::ErrorKind::AlreadyExists, format!("{MAX_SET_ASIDE} unreadable files stand there already"));
        Err(OpenError::Io { doing: "set aside", path: self.path(), source })
    }

    fn companion(&self, suffix: &str) -> PathBuf {
        with_suffix(&self.path(), suffix)
    }

    fn sync_folder(&self) -> Result<(), OpenError> {
        fs::File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(|source| OpenError::Io {
            doing: "synced",
            path: self.folder.clone(),
            source,
        })
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_never_open_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(&folder.path().join("x.db")).unwrap();
        place.create().unwrap();
        assert_eq!(fs::metadata(place.path()).unwrap().permissions().mode() & 0o7777, 0o600);
        assert!(matches!(place.create(), Err(OpenError::Io { doing: "created", .. })), "what stands there is not taken over");
    }

    #[test]
    fn a_name_is_free_only_with_all_that_belongs_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(&folder.path().join("x.db")).unwrap();
        for taken in ["x.db.unreadable-1-wal", "x.db.unreadable-2"] {
            fs::write(folder.path().join(taken), "kept").unwrap();
        }
        place.create().unwrap();
        let to = place.set_aside().unwrap();
        assert_eq!(to.file_name().unwrap(), "x.db.unreadable-3");
        assert_eq!(place.look().unwrap(), Standing::Nothing);
    }
}
