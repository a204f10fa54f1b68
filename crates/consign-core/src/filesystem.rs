//! What kind of file system a folder is on.

use std::{io, path::Path};

/// The name of the network file system that `folder` is on, if it is on one. SQLite's locks and
/// shared memory are not to be trusted there, so no state is kept on one.
///
/// # Errors
/// When the folder cannot be asked.
pub fn network_file_system(folder: &Path) -> io::Result<Option<&'static str>> {
    let kind = rustix::fs::statfs(folder)?.f_type;
    #[expect(clippy::cast_possible_truncation, reason = "the kernel's magic numbers are 32 bits in a field whose type differs by machine")]
    let kind = kind as u32;
    Ok(NETWORK_FILE_SYSTEMS.iter().find(|(magic, _)| *magic == kind).map(|(_, name)| *name))
}

/// The magic numbers of `statfs(2)`. FUSE is absent on purpose: it also serves local disks.
const NETWORK_FILE_SYSTEMS: &[(u32, &str)] = &[
    (0x0000_6969, "nfs"),
    (0x0000_517b, "smb"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x5346_414f, "afs"),
    (0x6b41_4653, "afs"),
    (0x7375_7245, "coda"),
    (0x00c3_6400, "ceph"),
    (0x0bd0_0bd0, "lustre"),
    (0x0116_1970, "gfs2"),
    (0x7461_636f, "ocfs2"),
];

#[cfg(test)]
mod tests {
    #[test]
    fn a_local_folder_is_no_network() {
        assert_eq!(super::network_file_system(std::path::Path::new("/")).unwrap(), None);
    }
}
