//! What `Complete` and `Cancel` do to the files of a job. Blocks; each step can be repeated.

use super::{
    entry::{FileEntry, Stage},
    report::Handled,
};
use crate::files::{Commit, commit_many, discard as discard_one};

/// Names for the finished files; then, if that went well, nothing left of the others.
pub(super) fn commit(files: &[FileEntry]) -> Handled {
    let finished: Vec<(u32, &FileEntry)> = (0..).zip(files).filter(|(_, file)| file.stage == Stage::Transferred).collect();
    let commits: Vec<Commit<'_>> = finished
        .iter()
        .map(|(_, file)| Commit { place: &file.place, temporary_name: &file.temporary_name, modified: file.modified() })
        .collect();
    let mut named = Vec::new();
    let mut failed = None;
    for ((number, _), result) in finished.iter().zip(commit_many(&commits)) {
        match result {
            Ok(_) => named.push(*number),
            Err(failure) => failed = failed.or(Some((*number, failure))),
        }
    }
    // Who could not have everything may repair the cause and call again: nothing is given up yet.
    let all_deleted = failed.is_some() || delete(files.iter().filter(|file| !file.is_done()));
    Handled::Committed { named, failed, all_deleted }
}

/// Nothing left of any file that has not got its name.
pub(super) fn discard(files: &[FileEntry]) -> Handled {
    Handled::Discarded { all_deleted: delete(files.iter().filter(|file| file.stage != Stage::Named)) }
}

fn delete<'a>(files: impl Iterator<Item = &'a FileEntry>) -> bool {
    let mut all_deleted = true;
    for file in files {
        if let Err(failure) = discard_one(&file.place, &file.temporary_name) {
            let path = file.place.folder.join(&file.temporary_name);
            tracing::warn!(file = %path.display(), %failure, "a temporary file could not be deleted");
            all_deleted = false;
        }
    }
    all_deleted
}
