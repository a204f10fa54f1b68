//! Contents that can be made again at any offset, so that a file of any size is served and compared
//! without being held in memory.

use std::{
    fmt,
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::Path,
    sync::Arc,
};

use sha2::{Digest, Sha256};

/// How many bytes are made, written or compared at once.
const PIECE: usize = 64 * 1024;

/// What a resource consists of.
#[derive(Clone, Debug)]
pub enum Body {
    /// These bytes.
    Bytes(Arc<[u8]>),
    /// Bytes made when they are needed.
    Pattern(Pattern),
}

impl Body {
    /// Pseudo-random bytes: the same for the same seed, whatever the size.
    pub const fn pattern(seed: u64, size: u64) -> Self {
        Self::Pattern(Pattern::new(seed, size))
    }

    /// How many bytes it has.
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Pattern(pattern) => pattern.size,
        }
    }

    /// Fills `buffer` with the bytes from `offset` on, and answers how many there were.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> usize {
        match self {
            Self::Bytes(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let count = buffer.len().min(bytes.len() - start);
                buffer[..count].copy_from_slice(&bytes[start..start + count]);
                count
            }
            Self::Pattern(pattern) => pattern.read_at(offset, buffer),
        }
    }

    /// All its bytes, one after the other.
    pub fn reader(&self) -> impl Read + use<> {
        Reader { body: self.clone(), offset: 0 }
    }

    /// SHA-256 of all its bytes, in lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; PIECE];
        let mut offset = 0;
        loop {
            let count = self.read_at(offset, &mut buffer);
            if count == 0 {
                break;
            }
            hash.update(&buffer[..count]);
            offset += count as u64;
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Writes all its bytes to a file, which is made, or emptied first.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_to(&self, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::with_capacity(PIECE, File::create(path)?);
        io::copy(&mut self.reader(), &mut file)?;
        file.flush()
    }

    /// Whether a file consists of exactly these bytes.
    ///
    /// # Errors
    /// The first difference, or that the file cannot be read.
    pub fn check_file(&self, path: &Path) -> Result<(), Difference> {
        let mut file = File::open(path)?;
        let (mut found, mut expected) = (vec![0; PIECE], vec![0; PIECE]);
        let mut offset = 0;
        loop {
            let count = read_fully(&mut file, &mut found)?;
            let wanted = self.read_at(offset, &mut expected);
            let common = count.min(wanted);
            if let Some(index) = (0..common).find(|&index| found[index] != expected[index]) {
                return Err(Difference::Content { offset: offset + index as u64, found: found[index], expected: expected[index] });
            }
            if count != wanted {
                return Err(Difference::Size { found: file.metadata()?.len(), expected: self.size() });
            }
            if count == 0 {
                return Ok(());
            }
            offset += count as u64;
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl<const N: usize> From<&[u8; N]> for Body {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Bytes(bytes.as_slice().into())
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().into())
    }
}

impl From<Pattern> for Body {
    fn from(pattern: Pattern) -> Self {
        Self::Pattern(pattern)
    }
}

/// Pseudo-random bytes, each of which depends on the seed and its own offset alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    seed: u64,
    size: u64,
}

impl Pattern {
    /// `size` bytes of the sequence named by `seed`.
    pub const fn new(seed: u64, size: u64) -> Self {
        Self { seed, size }
    }

    fn read_at(self, offset: u64, buffer: &mut [u8]) -> usize {
        let left = self.size.saturating_sub(offset);
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let mut done = 0;
        while done < count {
            let at = offset + done as u64;
            let word = self.word(at / 8).to_le_bytes();
            let skip = usize::from((at % 8) as u8);
            let take = (8 - skip).min(count - done);
            buffer[done..done + take].copy_from_slice(&word[skip..skip + take]);
            done += take;
        }
        count
    }

    /// SplitMix64, whose n-th number can be had without the ones before it.
    const fn word(self, index: u64) -> u64 {
        let state = self.seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// How a file differs from what it should be.
#[derive(Debug)]
pub enum Difference {
    /// Another byte stands there.
    Content {
        /// Where, from the start of the file.
        offset: u64,
        /// The file's byte.
        found: u8,
        /// The byte that should be there.
        expected: u8,
    },
    /// The contents agree as far as both go.
    Size {
        /// The file's size.
        found: u64,
        /// The size it should have.
        expected: u64,
    },
    /// The file cannot be read.
    Unreadable(io::Error),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content { offset, found, expected } => write!(f, "byte {offset} is {found:#04x} instead of {expected:#04x}"),
            Self::Size { found, expected } => write!(f, "{found} bytes instead of {expected}"),
            Self::Unreadable(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

impl std::error::Error for Difference {}

impl From<io::Error> for Difference {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

struct Reader {
    body: Body,
    offset: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.body.read_at(self.offset, buffer);
        self.offset += count as u64;
        Ok(count)
    }
}

fn read_fully(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read(&mut buffer[done..]) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_the_same_from_any_offset() {
        let body = Body::pattern(7, 100_003);
        let mut whole = Vec::new();
        body.reader().read_to_end(&mut whole).unwrap();
        assert_eq!(whole.len(), 100_003);
        for (offset, length) in [(0, 1), (1, 7), (5, 20), (99_990, 100), (100_003, 5)] {
            let mut part = vec![0; length];
            let count = body.read_at(offset, &mut part);
            let start = usize::try_from(offset).unwrap();
            assert_eq!(part[..count], whole[start..(start + length).min(whole.len())]);
        }
        assert_ne!(whole[..64], whole[64..128]);
        let mut other = vec![0; 64];
        Body::pattern(8, 64).read_at(0, &mut other);
        assert_ne!(whole[..64], other);
    }

    #[test]
    fn the_hash_is_that_of_the_bytes() {
        assert_eq!(Body::from("abc").sha256(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let mut whole = Vec::new();
        Body::pattern(3, 200_000).reader().read_to_end(&mut whole).unwrap();
        assert_eq!(Body::pattern(3, 200_000).sha256(), Body::from(whole).sha256());
    }

    #[test]
    fn a_file_is_compared_to_the_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let body = Body::pattern(1, 150_000);
        body.write_to(&path).unwrap();
        body.check_file(&path).unwrap();

        let mut bytes = std::fs::read(&path).unwrap();
        bytes[140_000] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(body.check_file(&path), Err(Difference::Content { offset: 140_000, .. })));
        assert!(matches!(Body::pattern(1, 149_999).check_file(&path), Err(Difference::Content { .. })));

        body.write_to(&path).unwrap();
        assert!(matches!(Body::pattern(1, 149_999).check_file(&path), Err(Difference::Size { found: 150_000, expected: 149_999 })));
        assert!(matches!(Body::pattern(1, 150_001).check_file(&path), Err(Difference::Size { .. })));
        assert!(matches!(body.check_file(&folder.path().join("none")), Err(Difference::Unreadable(_))));
    }
}
