//! The files of jobs: where they go, their temporary files, and how one becomes the other.
//!
//! Everything that is done in a destination folder is done here, relative to the folder as it was
//! opened, and without following a symbolic link. Nothing here knows of servers or of jobs.

mod commit;
mod errors;
mod folder;
mod place;
mod temporary;

pub(crate) use commit::{Commit, Committed, FileMode, commit_many, discard, set_modified};
pub(crate) use errors::{is_passing, local_failure};
pub(crate) use folder::Folder;
pub(crate) use place::Place;
pub(crate) use temporary::{find_temporary_files, open_temporary, temporary_name};
