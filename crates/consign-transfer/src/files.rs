//! The files of jobs: where they go, their temporary files, and how one becomes the other.

use std::{ffi::OsString, path::PathBuf};

/// Where a file goes. The folder is named by its real path, without symbolic links: whoever plants
/// one later leads nobody astray, because it is never followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The folder: absolute, and free of symbolic links.
    pub(crate) folder: PathBuf,
    /// The name in it.
    pub(crate) name: OsString,
}
