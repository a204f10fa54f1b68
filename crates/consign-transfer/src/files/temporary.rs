//! Temporary files: their names, how one is opened, and how they are found again.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};

use super::Folder;

/// The name of a new temporary file, hidden, and as good as unique.
pub(crate) fn temporary_name(random: [u8; 16]) -> OsString {
    let (first, second) = random.split_at(8);
    let digits: String = first.iter().zip(second).map(|(a, b)| format!("{:02x}", a ^ b)).collect();
    format!(".BIT{digits}.tmp").into()
}

/// A temporary file that was opened for writing.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    /// What it held before, in bytes; `None` if it was made just now.
    pub(crate) before: Option<u64>,
}

/// Makes the temporary file `name`, or opens it where it is there: for the user alone, and never
/// through a link.
///
/// # Errors
/// `ELOOP` where something else than a file of ours alone stands under that name.
pub(crate) fn open_temporary(folder: &Folder, name: &OsStr) -> io::Result<Opened> {
    // Most are new: looking first would be one more search of the folder.
    match folder.open_file(name, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL, Mode::RUSR | Mode::WUSR) {
        Ok(file) => return Ok(Opened { file, before: None }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    match folder.open_file(name, OFlags::RDWR, Mode::empty()) {
        Ok(file) => {
            let metadata = file.metadata()?;
            // A second link would let somebody else's name see, or be, what is written here.
            if !is_ours(&metadata) || metadata.nlink() != 1 {
                return Err(Errno::LOOP.into());
            }
            Ok(Opened { before: Some(metadata.len()), file })
        }
        // What `O_NONBLOCK | O_WRONLY` says of sockets and of some devices.
        Err(error) if Errno::from_io_error(&error) == Some(Errno::NXIO) => Err(Errno::LOOP.into()),
        Err(error) => Err(error),
    }
}

/// The temporary files of ours in `folder`, by their names: for a store that was lost.
///
/// # Errors
/// When the folder cannot be listed.
pub(crate) fn find_temporary_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // One that vanishes meanwhile is not to be found.
        if is_temporary_name(&entry.file_name()) && entry.metadata().is_ok_and(|metadata| is_ours(&metadata)) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn is_temporary_name(name: &OsStr) -> bool {
    name.to_str()
        .and_then(|name| name.strip_prefix(".BIT")?.strip_suffix(".tmp"))
        .is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit)))
}

/// A regular file that belongs to the user.
pub(super) fn is_ours(metadata: &std::fs::Metadata) -> bool {
    metadata.is_file() && metadata.uid() == rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_recognized() {
        let name = temporary_name([7; 16]);
        assert_eq!(name, ".BIT0000000000000000.tmp");
        assert!(is_temporary_name(&name));
        for other in
            ["BIT0000000000000000.tmp", ".BIT.tmp", ".BIT000000000000000g.tmp", ".BIT0000000000000000.tmp2", ".BIT000000000000000A.tmp"]
        {
            assert!(!is_temporary_name(OsStr::new(other)), "{other}");
        }
    }

    #[test]
    fn temporary_files_are_found_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join(".BIT0123456789abcdef.tmp");
        std::fs::write(&name, "x").unwrap();
        std::fs::write(folder.path().join("other.tmp"), "x").unwrap();
        std::fs::create_dir(folder.path().join(".BIT0123456789abcdee.tmp")).unwrap();
        std::os::unix::fs::symlink(&name, folder.path().join(".BIT0123456789abcded.tmp")).unwrap();
        assert_eq!(find_temporary_files(folder.path()).unwrap(), [name]);
    }

    #[test]
    fn only_a_file_of_ours_alone_is_opened() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().canonicalize().unwrap();
        let folder = Folder::open(&path).unwrap();
        let open = |name: &str| open_temporary(&folder, OsStr::new(name));
        assert_eq!(open("new").unwrap().before, None);
        assert_eq!(path.join("new").metadata().unwrap().mode() & 0o777, 0o600);
        std::fs::write(path.join("new"), "12345").unwrap();
        assert_eq!(open("new").unwrap().before, Some(5));
        std::fs::hard_link(path.join("new"), path.join("second")).unwrap();
        std::os::unix::fs::symlink("elsewhere", path.join("link")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path.join("socket")).unwrap();
        for name in ["second", "new", "link", "socket"] {
            assert_eq!(Errno::from_io_error(&open(name).unwrap_err()), Some(Errno::LOOP), "{name}");
        }
        assert!(!path.join("elsewhere").exists());
    }
}
