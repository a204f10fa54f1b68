//! What `Complete` and `Cancel` do to the files of a job. Blocks; each step can be repeated.

use std::sync::Arc;

use consign_bits::{ErrorContext, Failure};
use consign_core::common::ERROR_FILE_NOT_FOUND;

use super::{
    entry::{FileEntry, Stage},
    naming::Order,
    report::Handled,
};
use crate::files::{Commit, Committed, commit_many, discard as discard_one};

/// Whether an earlier process may have renamed some already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// No: a missing temporary file is lost.
    First,
    /// Perhaps: a missing temporary file may have got its name.
    Again,
}

/// Of each job: names for the finished files; then, if that went well, nothing left of the others.
pub(super) fn commit(orders: &[Order]) -> Vec<Handled> {
    let commits: Vec<Commit<'_>> = orders
        .iter()
        .flat_map(|order| finished(&order.files).map(|(_, file)| (order.mode, file)))
        .map(|(mode, file)| Commit { place: &file.place, temporary_name: &file.temporary_name, modified: file.modified(), mode })
        .collect();
    let mut results = commit_many(&commits).into_iter();
    orders.iter().map(|order| judge(order, &mut results)).collect()
}

fn finished(files: &[Arc<FileEntry>]) -> impl Iterator<Item = (u32, &FileEntry)> {
    (0..).zip(files.iter().map(Arc::as_ref)).filter(|(_, file)| file.stage == Stage::Transferred)
}

/// What came of one job, to whose finished files the next `results` belong.
fn judge(order: &Order, results: &mut impl Iterator<Item = Result<Committed, Failure>>) -> Handled {
    let (files, turn) = (&order.files, order.turn);
    let (mut named, mut lost, mut failed) = (Vec::new(), Vec::new(), None);
    for ((number, file), result) in finished(files).zip(results) {
        match result {
            Ok(Committed::Now) => named.push(number),
            Ok(Committed::Before) if turn == Turn::Again && is_of_size(file) => named.push(number),
            Ok(Committed::Before) => {
                lost.push(number);
                failed = failed.or_else(|| Some((number, gone(file))));
            }
            Err(failure) => {
                if failure.code == ERROR_FILE_NOT_FOUND {
                    lost.push(number);
                }
                failed = failed.or(Some((number, failure)));
            }
        }
    }
    // Who could not have everything may repair the cause and call again: nothing is given up yet.
    let all_deleted = failed.is_some() || delete(files.iter().map(Arc::as_ref).filter(|file| !file.is_done()));
    Handled::Committed { named, lost, failed, all_deleted }
}

/// Whether the file under the final name can be the one that was to be renamed.
fn is_of_size(file: &FileEntry) -> bool {
    file.place.path().symlink_metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == file.checkpoint.synced)
}

fn gone(file: &FileEntry) -> Failure {
    let path = file.place.folder.join(&*file.temporary_name);
    let sentence = format!("the temporary file {} is gone; resume the job to fetch it again", path.display());
    Failure::new(ERROR_FILE_NOT_FOUND, ErrorContext::LocalFile, sentence)
}

/// Nothing left of any file that has not got its name.
pub(super) fn discard(files: &[Arc<FileEntry>]) -> Handled {
    Handled::Discarded { all_deleted: delete(files.iter().map(Arc::as_ref).filter(|file| file.stage != Stage::Named)) }
}

fn delete<'a>(files: impl Iterator<Item = &'a FileEntry>) -> bool {
    let mut all_deleted = true;
    for file in files {
        if let Err(failure) = discard_one(&file.place, &file.temporary_name) {
            let path = file.place.folder.join(&*file.temporary_name);
            tracing::warn!(file = %path.display(), %failure, "a temporary file could not be deleted");
            all_deleted = false;
        }
    }
    all_deleted
}
