//! Whether a file can be changed by nobody but the user and root: the file, every folder above it,
//! and every link on the way. Nothing is read or run here.

use std::{
    collections::VecDeque,
    ffi::OsString,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStringExt},
    path::{Component, Path, PathBuf},
};

use consign_core::common;
use rustix::{
    fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat},
    io::Errno,
};

use crate::failure::Failure;

/// What is thought of folders such as `/tmp`, where everybody may write but nobody may take away what
/// is another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SharedFolders {
    Refused,
    /// Only root's own, with the sticky bit.
    Accepted,
}

/// A regular file that was found trustworthy, opened with `O_PATH`.
#[derive(Debug)]
pub(crate) struct TrustedFile {
    pub(crate) file: OwnedFd,
    pub(crate) stat: Stat,
}

/// As many as the kernel follows.
const MOST_LINKS: usize = 40;

/// Goes to `path` folder by folder, each opened from the one before, so that what was looked at is
/// what is used.
pub(crate) fn open(path: &Path, shared: SharedFolders) -> Result<TrustedFile, Failure> {
    let me = rustix::process::geteuid().as_raw();
    let refused = |sentence: String| Err(Failure::new(common::E_ACCESSDENIED, sentence));
    let failed = |error: Errno| Failure::system(&path.display().to_string(), &io::Error::from(error));
    if !path.is_absolute() {
        return Err(Failure::new(common::E_INVALIDARG, format!("{} is not an absolute path", path.display())));
    }
    let root = || openat(CWD, "/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(failed);
    let mut folder = root()?;
    let mut place = PathBuf::from("/");
    let mut links = 0;
    let mut rest = names(path);
    loop {
        let stat = fstat(&folder).map_err(failed)?;
        if let Err(why) = judge(Kind::Folder, stat.st_uid, stat.st_mode, me, shared) {
            return refused(format!("the folder {} {why}", place.display()));
        }
        let Some(name) = rest.pop_front() else {
            return refused(format!("{} is a folder", path.display()));
        };
        let here = openat(&folder, &name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
        let stat = fstat(&here).map_err(failed)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                folder = here;
                if name == ".." {
                    place.pop()
                } else {
                    place.push(&name);
                    true
                };
            }
            FileType::Symlink => {
                if let Err(why) = judge(Kind::Link, stat.st_uid, stat.st_mode, me, shared) {
                    return refused(format!("the symbolic link {} {why}", place.join(&name).display()));
                }
                links += 1;
                if links > MOST_LINKS {
                    return Err(failed(Errno::LOOP));
                }
                let target = PathBuf::from(OsString::from_vec(readlinkat(&here, "", Vec::new()).map_err(failed)?.into_bytes()));
                if target.is_absolute() {
                    folder = root()?;
                    place = PathBuf::from("/");
                }
                let mut target = names(&target);
                target.append(&mut rest);
                rest = target;
            }
            FileType::RegularFile if rest.is_empty() => {
                return match judge(Kind::File, stat.st_uid, stat.st_mode, me, shared) {
                    Ok(()) => Ok(TrustedFile { file: here, stat }),
                    Err(why) => refused(format!("{} {why}", place.join(&name).display())),
                };
            }
            _ if rest.is_empty() => return refused(format!("{} is not a regular file", path.display())),
            _ => return Err(failed(Errno::NOTDIR)),
        }
    }
}

/// The names on the way. `..` stays: it leads to where the kernel says, not to where the text does.
fn names(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter(|component| matches!(component, Component::Normal(_) | Component::ParentDir))
        .map(|component| component.as_os_str().to_owned())
        .collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Folder,
    Link,
    File,
}

/// Why something of this owner and mode cannot be trusted. Access control lists need no look of their
/// own: with one, the group's bits are the most that it grants to anybody but the owner.
fn judge(kind: Kind, owner: u32, mode: u32, me: u32, shared: SharedFolders) -> Result<(), &'static str> {
    if owner != me && owner != 0 {
        return Err("belongs to another user");
    }
    // The mode of a link means nothing; it is changed by changing its folder.
    if kind == Kind::Link || mode & 0o022 == 0 {
        return Ok(());
    }
    if kind == Kind::Folder && shared == SharedFolders::Accepted && owner == 0 && mode & 0o1000 != 0 {
        return Ok(());
    }
    Err("can be changed by other users")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_user_and_root_are_trusted() {
        let judge = |kind, owner, mode| judge(kind, owner, mode, 1000, SharedFolders::Refused).is_ok();
        for kind in [Kind::Folder, Kind::File] {
            assert!(judge(kind, 1000, 0o755) && judge(kind, 0, 0o755) && judge(kind, 1000, 0o700));
            assert!(!judge(kind, 1001, 0o755) && !judge(kind, 65534, 0o755));
            assert!(!judge(kind, 1000, 0o775) && !judge(kind, 1000, 0o757) && !judge(kind, 0, 0o1777));
        }
        assert!(judge(Kind::Link, 1000, 0o777) && !judge(Kind::Link, 1001, 0o777));
    }

    #[test]
    fn a_shared_folder_is_accepted_only_when_it_is_roots_and_sticky() {
        let judge = |kind, owner, mode| judge(kind, owner, mode, 1000, SharedFolders::Accepted).is_ok();
        assert!(judge(Kind::Folder, 0, 0o1777));
        assert!(!judge(Kind::Folder, 0, 0o777) && !judge(Kind::Folder, 1000, 0o1777) && !judge(Kind::File, 0, 0o1666));
    }
}
