//! Where a file goes.

use std::{
    collections::HashMap,
    ffi::OsStr,
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use consign_bits::{ErrorContext, Failure};
use consign_core::common;
use rustix::fs::{Access, AtFlags};

use super::errors::local_failure;

/// Where a file goes. The folder is named by its real path, without symbolic links: whoever plants
/// one later leads nobody astray, because it is never followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The folder: absolute, and free of symbolic links.
    pub(crate) folder: Arc<Path>,
    /// The name in it.
    pub(crate) name: Box<OsStr>,
}

/// Bytes of a path, without the terminating zero (`PATH_MAX`).
const PATH_BYTES: usize = 4095;
/// Bytes of a name (`NAME_MAX`).
const NAME_BYTES: usize = 255;

impl Place {
    /// What `AddFile` checks of a local name: that it is absolute and well formed, that its folder
    /// exists and may be written, and that no folder or special file stands there.
    ///
    /// # Errors
    /// `E_INVALIDARG`, `ERROR_PATH_NOT_FOUND`, `E_ACCESSDENIED`, `ERROR_WRITE_PROTECT`,
    /// `ERROR_FILENAME_EXCED_RANGE`, `ERROR_DIRECTORY`.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn check(path: &Path) -> Result<Self, Failure> {
        Self::check_with(path, &mut HashMap::new())
    }

    /// The same for one of many, whose folders were looked at already.
    pub(crate) fn check_with(path: &Path, known: &mut HashMap<PathBuf, Arc<Path>>) -> Result<Self, Failure> {
        let bytes = path.as_os_str().as_bytes();
        let shown = path.display();
        let invalid = |sentence: String| Failure::refused(common::E_INVALIDARG, sentence);
        if bytes.len() > PATH_BYTES {
            return Err(Failure::refused(common::ERROR_FILENAME_EXCED_RANGE, format!("a local name has at most {PATH_BYTES} bytes")));
        }
        if bytes.iter().any(u8::is_ascii_control) {
            return Err(invalid(format!("the local name {:?} has control characters", path.as_os_str())));
        }
        if !path.is_absolute() {
            return Err(invalid(format!("the local name {shown} is not an absolute path")));
        }
        if bytes.ends_with(b"/") || bytes.ends_with(b"/.") || bytes.ends_with(b"/..") {
            return Err(invalid(format!("the local name {shown} names a folder; add the name of the file")));
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(invalid(format!("the local name {shown} names no file")));
        };
        if name.len() > NAME_BYTES {
            return Err(Failure::refused(common::ERROR_FILENAME_EXCED_RANGE, format!("a file name has at most {NAME_BYTES} bytes")));
        }
        let (place, is_known) = match known.get(folder) {
            Some(real) => (Self { folder: Arc::clone(real), name: name.into() }, true),
            None => {
                let real = folder.canonicalize().map_err(|error| refused(&error, folder))?;
                (Self { folder: real.into(), name: name.into() }, false)
            }
        };
        if place.path().as_os_str().len() > PATH_BYTES {
            let sentence = format!("the real path of {shown} has more than {PATH_BYTES} bytes");
            return Err(Failure::refused(common::ERROR_FILENAME_EXCED_RANGE, sentence));
        }
        if !is_known {
            place.check_folder()?;
            known.insert(folder.to_owned(), Arc::clone(&place.folder));
        }
        place.check_target()?;
        Ok(place)
    }

    /// The final name, whole.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(&*self.name)
    }

    fn check_folder(&self) -> Result<(), Failure> {
        let metadata = std::fs::metadata(&self.folder).map_err(|error| refused(&error, &self.folder))?;
        if !metadata.is_dir() {
            return Err(Failure::refused(common::ERROR_DIRECTORY, format!("{} is not a folder", self.folder.display())));
        }
        rustix::fs::accessat(rustix::fs::CWD, &*self.folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
            .map_err(|error| refused(&error.into(), &self.folder))
    }

    fn check_target(&self) -> Result<(), Failure> {
        let path = self.path();
        match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                Err(Failure::refused(common::ERROR_DIRECTORY, format!("{} is a folder; add the name of the file", path.display())))
            }
            // A link is fine: it will be replaced, not followed.
            Ok(metadata) if metadata.is_file() || metadata.is_symlink() => Ok(()),
            Ok(_) => {
                let sentence = format!("{} is a device, a socket or a pipe, and would be replaced by a file", path.display());
                Err(Failure::refused(common::E_INVALIDARG, sentence))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(refused(&error, &path)),
        }
    }
}

/// A refused call belongs to no job yet, so there is nothing to resume either.
fn refused(error: &io::Error, path: &Path) -> Failure {
    let failure = local_failure(error, "use", path);
    let sentence = match failure.code {
        common::ERROR_PATH_NOT_FOUND => format!("the folder {} does not exist", path.display()),
        common::E_ACCESSDENIED => format!("the folder {} may not be written", path.display()),
        common::ERROR_WRITE_PROTECT => format!("the folder {} is on a read-only file system", path.display()),
        common::ERROR_DIRECTORY => format!("{} is not a folder", path.display()),
        _ => format!("cannot use {}: {error}", path.display()),
    };
    Failure { sentence: sentence.into(), context: ErrorContext::None, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_place_is_canonical() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(real.join("a")).unwrap();
        std::os::unix::fs::symlink("a", real.join("link")).unwrap();
        let place = Place::check(&real.join("link/../a/./file")).unwrap();
        assert_eq!(place, Place { folder: real.join("a").into(), name: OsStr::new("file").into() });
        assert_eq!(Place::check(&real.join("link/x")).unwrap().path(), real.join("a/x"));
        std::os::unix::fs::symlink("/etc/passwd", real.join("a/l")).unwrap();
        assert!(Place::check(&real.join("a/l")).is_ok(), "a link in the file's own place is replaced");
    }

    #[test]
    fn bad_places_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        let inside = |name: &str| real.join(name).into_os_string().into_string().unwrap();
        std::fs::write(real.join("file"), "").unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(real.join("socket")).unwrap();
        for (path, code) in [
            ("relative".to_owned(), common::E_INVALIDARG),
            (String::new(), common::E_INVALIDARG),
            ("/".into(), common::E_INVALIDARG),
            (inside("a/"), common::E_INVALIDARG),
            (inside(".."), common::E_INVALIDARG),
            (inside("."), common::E_INVALIDARG),
            (inside("a\nb"), common::E_INVALIDARG),
            (inside("a\0b"), common::E_INVALIDARG),
            (inside("socket"), common::E_INVALIDARG),
            (inside(""), common::E_INVALIDARG),
            (inside("none/a"), common::ERROR_PATH_NOT_FOUND),
            (inside("file/a"), common::ERROR_DIRECTORY),
            (real.to_str().unwrap().to_owned(), common::ERROR_DIRECTORY),
            (inside(&"x".repeat(256)), common::ERROR_FILENAME_EXCED_RANGE),
            (format!("/{}", "x/".repeat(3000)), common::ERROR_FILENAME_EXCED_RANGE),
        ] {
            assert_eq!(Place::check(Path::new(&path)).unwrap_err().code, code, "{path}");
        }
    }

    #[test]
    fn a_folder_that_may_not_be_written_is_refused() {
        if rustix::process::geteuid().is_root() {
            println!("skipped: root may write everywhere");
            return;
        }
        let failure = Place::check(Path::new("/usr/file")).unwrap_err();
        assert!(matches!(failure.code, common::E_ACCESSDENIED | common::ERROR_WRITE_PROTECT), "{failure}");
    }
}
