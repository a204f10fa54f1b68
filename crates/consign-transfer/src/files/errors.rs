//! What the file system's errors are called, and what to do about each.

use std::{io, path::Path};

use consign_bits::{ErrorContext, Failure};
use consign_core::{Hresult, common};
use rustix::io::Errno;

/// The failure for an error of the file system at `path`; `doing` reads after "cannot".
pub(crate) fn local_failure(error: &io::Error, doing: &str, path: &Path) -> Failure {
    let (code, advice) = meaning(error);
    let sentence = format!("cannot {doing} {}: {advice}", path.display());
    Failure::new(code, ErrorContext::LocalFile, sentence)
}

/// Whether a failure with this code passes by itself: the process, not the file, lacked something.
pub(crate) fn is_passing(code: Hresult) -> bool {
    matches!(code, common::ERROR_TOO_MANY_OPEN_FILES | common::E_OUTOFMEMORY)
}

fn meaning(error: &io::Error) -> (Hresult, String) {
    let Some(errno) = Errno::from_io_error(error) else {
        return (common::E_FAIL, format!("{error}; put that right, then `consign job resume`"));
    };
    let (code, advice) = match errno {
        Errno::NOSPC => (common::ERROR_DISK_FULL, "the disk is full; free some space, then `consign job resume`"),
        Errno::DQUOT => (common::ERROR_DISK_QUOTA_EXCEEDED, "the disk quota is used up; free some space, then `consign job resume`"),
        Errno::ACCESS | Errno::PERM => (common::E_ACCESSDENIED, "access is denied; allow writing there, then `consign job resume`"),
        Errno::NOENT => (common::ERROR_PATH_NOT_FOUND, "it does not exist; make the folder again, then `consign job resume`"),
        Errno::NOTDIR | Errno::ISDIR => (
            common::ERROR_DIRECTORY,
            "a file stands where a folder should be, or a folder where a file should be; move it away, then `consign job resume`",
        ),
        Errno::ROFS => (common::ERROR_WRITE_PROTECT, "the file system is mounted read-only; mount it writable, then `consign job resume`"),
        Errno::IO => (common::ERROR_IO_DEVICE, "the disk reported an error; look at the kernel's log, then `consign job resume`"),
        Errno::FBIG => (
            common::ERROR_FILE_TOO_LARGE,
            "the file is larger than the file system or `ulimit -f` allows; choose another folder, or raise the limit, then `consign job resume`",
        ),
        Errno::NAMETOOLONG => (common::ERROR_FILENAME_EXCED_RANGE, "the name is too long for this file system; choose a shorter one"),
        Errno::LOOP => (
            common::ERROR_CANT_ACCESS_FILE,
            "a symbolic link stands where there was none when the file was added; take it away, then `consign job resume`",
        ),
        Errno::MFILE | Errno::NFILE => (common::ERROR_TOO_MANY_OPEN_FILES, "too many files are open"),
        Errno::NOMEM => (common::E_OUTOFMEMORY, "out of memory"),
        Errno::XDEV => (common::ERROR_NOT_SAME_DEVICE, "the two names are on different file systems"),
        _ => return (common::E_FAIL, format!("{error}; put that right, then `consign job resume`")),
    };
    (code, advice.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_code_and_advice() {
        for (errno, code) in [
            (Errno::NOSPC, common::ERROR_DISK_FULL),
            (Errno::DQUOT, common::ERROR_DISK_QUOTA_EXCEEDED),
            (Errno::ACCESS, common::E_ACCESSDENIED),
            (Errno::PERM, common::E_ACCESSDENIED),
            (Errno::NOENT, common::ERROR_PATH_NOT_FOUND),
            (Errno::ROFS, common::ERROR_WRITE_PROTECT),
            (Errno::IO, common::ERROR_IO_DEVICE),
            (Errno::FBIG, common::ERROR_FILE_TOO_LARGE),
            (Errno::NAMETOOLONG, common::ERROR_FILENAME_EXCED_RANGE),
            (Errno::LOOP, common::ERROR_CANT_ACCESS_FILE),
            (Errno::NOTDIR, common::ERROR_DIRECTORY),
        ] {
            let failure = local_failure(&errno.into(), "write", Path::new("/a/b"));
            assert_eq!((failure.code, failure.context), (code, ErrorContext::LocalFile));
            assert!(failure.sentence.starts_with("cannot write /a/b: "), "{}", failure.sentence);
            assert!(!is_passing(code));
        }
        assert!(is_passing(local_failure(&Errno::MFILE.into(), "open", Path::new("/a")).code));
    }

    #[test]
    fn an_unknown_error_keeps_its_words() {
        let failure = local_failure(&io::Error::other("the cat sat on it"), "write", Path::new("/a"));
        assert_eq!(failure.code, common::E_FAIL);
        assert!(failure.sentence.contains("the cat sat on it"));
    }
}
