//! Programs where the rules for programs hold: nobody but the user and root can write there. A checkout
//! may lie anywhere.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// A program that a service runs.
#[derive(Debug)]
pub struct Trusted {
    path: PathBuf,
    /// Of a copy.
    _folder: Option<TempDir>,
}

impl Trusted {
    /// The program where it is, or a copy of it below the home folder.
    ///
    /// # Errors
    /// When there is no safe place for a copy, or it cannot be made.
    pub fn program(built: &Path) -> io::Result<Self> {
        let built = built.canonicalize()?;
        if is_trusted(&built) {
            return Ok(Self { path: built, _folder: None });
        }
        let folder = trusted_folder()?;
        let path = folder.path().join(built.file_name().unwrap_or_default());
        fs::copy(built, &path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(Self { path, _folder: Some(folder) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A temporary folder in which programs may lie: beside this program, or below the home folder.
///
/// # Errors
/// When others can write to both.
pub fn trusted_folder() -> io::Result<TempDir> {
    let beside = std::env::current_exe()?.parent().map(Path::to_owned);
    let places = beside.into_iter().chain(std::env::home_dir());
    let no_place = || io::Error::other("neither the target folder nor HOME is safe from other users: programs in them are not run");
    let place = places.into_iter().find(|place| is_trusted(place)).ok_or_else(no_place)?;
    tempfile::Builder::new().prefix(".consign-test-").tempdir_in(place)
}

fn is_trusted(path: &Path) -> bool {
    path.ancestors().all(|path| path.metadata().is_ok_and(|metadata| metadata.mode() & 0o022 == 0))
}
