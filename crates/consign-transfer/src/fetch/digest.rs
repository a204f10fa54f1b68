//! The check of a finished file.

use std::{fs::File, io, os::unix::fs::FileExt};

use consign_bits::{Checksum, ChecksumAlgorithm};
use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio_util::sync::CancellationToken;

const BUFFER: usize = 1 << 20;

/// The digest of the first `length` bytes of `file`. Blocks; ends early when told to `stop`.
pub(super) fn digest(file: &File, length: u64, algorithm: ChecksumAlgorithm, stop: &CancellationToken) -> io::Result<Checksum> {
    let digest = match algorithm {
        ChecksumAlgorithm::Sha256 => read::<Sha256>(file, length, stop)?,
        ChecksumAlgorithm::Sha384 => read::<Sha384>(file, length, stop)?,
        ChecksumAlgorithm::Sha512 => read::<Sha512>(file, length, stop)?,
    };
    Ok(Checksum { algorithm, digest })
}

fn read<D: Digest>(file: &File, length: u64, stop: &CancellationToken) -> io::Result<Vec<u8>> {
    let mut digest = D::new();
    let mut buffer = vec![0; BUFFER];
    let mut position = 0;
    while position < length {
        if stop.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let wanted = usize::try_from(length - position).unwrap_or(BUFFER).min(BUFFER);
        file.read_exact_at(&mut buffer[..wanted], position)?;
        digest.update(&buffer[..wanted]);
        position += wanted as u64;
    }
    Ok(digest.finalize().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digests_come_out() {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, b"abcdef").unwrap();
        let token = CancellationToken::new();
        let of = |algorithm| digest(&file, 3, algorithm, &token).unwrap().to_string();
        assert_eq!(of(ChecksumAlgorithm::Sha256), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(of(ChecksumAlgorithm::Sha384).starts_with("sha384:cb00753f45a35e8bb5a03d699ac65007"));
        assert!(of(ChecksumAlgorithm::Sha512).starts_with("sha512:ddaf35a193617abacc417349ae204131"));
        token.cancel();
        assert!(digest(&file, 3, ChecksumAlgorithm::Sha256, &token).is_err());
    }
}
