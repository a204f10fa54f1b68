//! What `Complete` and `Cancel` do in the folders.

use std::{
    ffi::OsStr,
    fs::{File, Metadata},
    io,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use consign_bits::{ErrorContext, Failure};
use consign_core::common;
use rustix::{
    fs::{AtFlags, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT},
    io::Errno,
};

use super::{Folder, Place, errors::local_failure, temporary::is_ours};

/// One file to commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Commit<'a> {
    pub(crate) place: &'a Place,
    pub(crate) temporary_name: &'a OsStr,
    /// Becomes the modification time, where the server told one. Absent: that of the temporary
    /// file stays.
    pub(crate) modified: Option<SystemTime>,
    /// The mode that the finished file gets.
    pub(crate) mode: FileMode,
}

/// The mode of finished files: what a new file of the application that made the job would have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileMode(u32);

impl FileMode {
    /// 0666 without the bits of the application's umask.
    pub(crate) const fn of_umask(umask: u32) -> Self {
        Self(0o666 & !umask)
    }
}

/// How a file came to its final name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    /// Now.
    Now,
    /// By an earlier try, it seems: there is no temporary file, and a file stands under the final
    /// name.
    Before,
}

/// Gives finished temporary files their final names, durably. May be repeated. The answers are in
/// the order of the files; each folder is opened and synced once.
///
/// A file or symbolic link under a final name is replaced.
///
/// # Errors
/// A folder stands under the final name, or the folder cannot be worked in: the temporary file
/// stays. `ERROR_FILE_NOT_FOUND`: there is neither a temporary nor a final file.
pub(crate) fn commit_many(files: &[Commit<'_>]) -> Vec<Result<Committed, Failure>> {
    let mut folders: Vec<(&Arc<Path>, Result<Folder, Failure>)> = Vec::new();
    let mut position = std::collections::HashMap::new();
    let mut answers = Vec::with_capacity(files.len());
    for file in files {
        let at = *position.entry(&file.place.folder).or_insert_with(|| {
            folders.push((&file.place.folder, open(file.place)));
            folders.len() - 1
        });
        answers.push(match &folders[at].1 {
            Ok(folder) => rename(folder, file),
            Err(failure) => Err(failure.clone()),
        });
    }
    for (path, folder) in &folders {
        let Ok(folder) = folder else { continue };
        if let Err(error) = folder.sync() {
            let failure = local_failure(&error, "sync", path);
            for (file, answer) in files.iter().zip(&mut answers).filter(|(file, answer)| file.place.folder == **path && answer.is_ok()) {
                tracing::warn!(file = %file.place.path().display(), "renamed, but not durably");
                *answer = Err(failure.clone());
            }
        }
    }
    answers
}

/// Deletes a temporary file. May be repeated; a file or folder that is gone already is fine.
///
/// # Errors
/// What `unlinkat(2)` says.
pub(crate) fn discard(place: &Place, temporary_name: &OsStr) -> Result<(), Failure> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let folder = match Folder::open(&place.folder) {
        Ok(folder) => folder,
        Err(error) if gone(&error) => return Ok(()),
        Err(error) => return Err(local_failure(&error, "open", &place.folder)),
    };
    match rustix::fs::unlinkat(&folder, temporary_name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(local_failure(&error.into(), "delete", &place.folder.join(temporary_name))),
    }
}

fn open(place: &Place) -> Result<Folder, Failure> {
    Folder::open(&place.folder).map_err(|error| local_failure(&error, "open", &place.folder))
}

fn rename(folder: &Folder, file: &Commit<'_>) -> Result<Committed, Failure> {
    let path = file.place.folder.join(file.temporary_name);
    let temporary = match folder.open_file(file.temporary_name, OFlags::RDONLY, Mode::empty()) {
        Ok(temporary) => temporary,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return renamed_before(folder, file),
        Err(error) => return Err(local_failure(&error, "open", &path)),
    };
    let metadata = temporary.metadata().map_err(|error| local_failure(&error, "read", &path))?;
    if !is_ours(&metadata) {
        return Err(local_failure(&Errno::LOOP.into(), "use", &path));
    }
    dress(&temporary, &metadata, file).map_err(|error| local_failure(&error, "set mode and time of", &path))?;
    let target = file.place.path();
    // A folder is told before the rename, whose own word for it depends on what is in the folder.
    if rustix::fs::statat(folder, &*file.place.name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir())
    {
        return Err(local_failure(&Errno::ISDIR.into(), "rename the finished file to", &target));
    }
    rustix::fs::renameat(folder, file.temporary_name, folder, &*file.place.name)
        .map_err(|error| local_failure(&error.into(), "rename the finished file to", &target))?;
    Ok(Committed::Now)
}

fn renamed_before(folder: &Folder, file: &Commit<'_>) -> Result<Committed, Failure> {
    match rustix::fs::statat(folder, &*file.place.name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() => Ok(Committed::Before),
        _ => {
            let temporary = file.place.folder.join(file.temporary_name);
            let sentence = format!("the temporary file {} is gone; resume the job to fetch it again", temporary.display());
            Err(Failure::new(common::ERROR_FILE_NOT_FOUND, ErrorContext::LocalFile, sentence))
        }
    }
}

fn dress(temporary: &File, metadata: &Metadata, file: &Commit<'_>) -> io::Result<()> {
    rustix::fs::fchmod(temporary, Mode::from_raw_mode(file.mode.0))?;
    // The end of its fetch set it, and somebody may have touched the file since.
    if let Some(modified) = file.modified
        && metadata.modified()? != modified
    {
        set_modified(temporary, modified)?;
    }
    Ok(())
}

/// Sets the modification time of `file`.
///
/// # Errors
/// What `utimensat(2)` says.
pub(crate) fn set_modified(file: &File, modified: SystemTime) -> io::Result<()> {
    let (seconds, nanoseconds) = match modified.duration_since(UNIX_EPOCH) {
        Ok(after) => (i64::try_from(after.as_secs()).unwrap_or(i64::MAX), after.subsec_nanos()),
        // Nothing was published on the web before 1970: a date like that is a mistake.
        Err(_) => return Ok(()),
    };
    rustix::fs::futimens(
        file,
        &Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() },
        },
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, os::unix::fs::MetadataExt, time::Duration};

    use super::*;

    fn commit(place: &Place, temporary_name: &OsStr, modified: Option<SystemTime>) -> Result<Committed, Failure> {
        commit_many(&[Commit { place, temporary_name, modified, mode: FileMode::of_umask(0o027) }]).remove(0)
    }

    const TEMPORARY: &str = ".BIT0123456789abcdef.tmp";

    fn place(folder: &Path, name: &str) -> Place {
        Place { folder: folder.canonicalize().unwrap().into(), name: OsStr::new(name).into() }
    }

    fn temporary() -> OsString {
        TEMPORARY.into()
    }

    #[test]
    fn a_commit_can_be_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path(), "file");
        let temporary_path = folder.path().join(TEMPORARY);
        std::fs::write(&temporary_path, "content").unwrap();
        let modified = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        assert_eq!(commit(&place, &temporary(), Some(modified)).unwrap(), Committed::Now);
        let metadata = place.path().metadata().unwrap();
        assert_eq!(metadata.modified().unwrap(), modified);
        assert_eq!(metadata.mode() & 0o777, 0o640);
        assert!(!temporary_path.exists());
        assert_eq!(commit(&place, &temporary(), Some(modified)).unwrap(), Committed::Before);
        std::fs::remove_file(place.path()).unwrap();
        assert_eq!(commit(&place, &temporary(), None).unwrap_err().code, common::ERROR_FILE_NOT_FOUND);
    }

    #[test]
    fn a_link_is_replaced_and_a_folder_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        std::fs::write(&victim, "untouched").unwrap();
        let at_link = place(folder.path(), "link");
        std::os::unix::fs::symlink(&victim, at_link.path()).unwrap();
        std::fs::write(folder.path().join(TEMPORARY), "content").unwrap();
        commit(&at_link, &temporary(), None).unwrap();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "untouched");
        assert!(at_link.path().symlink_metadata().unwrap().is_file());

        let at_folder = place(folder.path(), "folder");
        std::fs::create_dir(at_folder.path()).unwrap();
        std::fs::write(folder.path().join(TEMPORARY), "content").unwrap();
        assert_eq!(commit(&at_folder, &temporary(), None).unwrap_err().code, common::ERROR_DIRECTORY);
        assert!(folder.path().join(TEMPORARY).exists(), "the temporary file stays");
    }

    #[test]
    fn a_link_in_the_way_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("real")).unwrap();
        let place = place(&folder.path().join("real"), "file");
        std::fs::write(place.folder.join(TEMPORARY), "content").unwrap();
        std::fs::rename(folder.path().join("real"), folder.path().join("other")).unwrap();
        std::os::unix::fs::symlink("other", folder.path().join("real")).unwrap();
        assert_eq!(commit(&place, &temporary(), None).unwrap_err().code, common::ERROR_CANT_ACCESS_FILE);
        assert!(discard(&place, &temporary()).is_err());
        assert!(folder.path().join("other").join(TEMPORARY).exists());
    }

    #[test]
    fn many_are_committed_each_with_its_answer() {
        let folder = tempfile::tempdir().unwrap();
        let places: Vec<_> = (0..20).map(|index| place(folder.path(), &format!("file{index}"))).collect();
        let names: Vec<OsString> = (0..20).map(|index| format!(".BIT{index:016x}.tmp").into()).collect();
        for name in names.iter().skip(1) {
            std::fs::write(folder.path().join(name), "content").unwrap();
        }
        let gone = Place { folder: folder.path().join("gone").into(), name: OsStr::new("file").into() };
        let mut commits: Vec<_> = places
            .iter()
            .zip(&names)
            .map(|(place, name)| Commit { place, temporary_name: name, modified: None, mode: FileMode::of_umask(0o022) })
            .collect();
        commits.push(Commit { place: &gone, temporary_name: &names[0], modified: None, mode: FileMode::of_umask(0o022) });
        let answers = commit_many(&commits);
        assert_eq!(answers[0].as_ref().unwrap_err().code, common::ERROR_FILE_NOT_FOUND);
        assert!(answers[1..20].iter().all(|answer| *answer == Ok(Committed::Now)), "{answers:?}");
        assert_eq!(answers[20].as_ref().unwrap_err().code, common::ERROR_PATH_NOT_FOUND);
        assert!(places[1..].iter().all(|place| place.path().exists()));
    }

    #[test]
    fn a_discard_can_be_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let at = place(folder.path(), "file");
        std::fs::write(folder.path().join(TEMPORARY), "content").unwrap();
        for _ in 0..2 {
            discard(&at, &temporary()).unwrap();
        }
        assert!(!folder.path().join(TEMPORARY).exists());
        discard(&Place { folder: Path::new("/none/at/all").into(), name: OsStr::new("x").into() }, &temporary()).unwrap();
    }
}
