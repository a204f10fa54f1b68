//! Bytes become values. Nothing is believed: every length is compared with what there is.

use super::{LONGEST_ARRAY, check};

/// The order of bytes, as the first byte of a D-Bus message tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Endian {
    /// `l`.
    #[default]
    Little,
    /// `B`.
    Big,
}

/// The bytes are not what their signature says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}, at byte {at}")]
pub struct Malformed {
    /// Where.
    pub at: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// Reads values one after the other.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    endian: Endian,
}

impl Endian {
    /// As the first byte of a D-Bus message.
    pub const fn as_byte(self) -> u8 {
        match self {
            Self::Little => b'l',
            Self::Big => b'B',
        }
    }

    /// From the first byte of a D-Bus message.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'l' => Some(Self::Little),
            b'B' => Some(Self::Big),
            _ => None,
        }
    }
}

impl<'a> Reader<'a> {
    /// Begins at the first byte.
    pub fn new(bytes: &'a [u8], endian: Endian) -> Self {
        Self { bytes, at: 0, endian }
    }

    /// How many bytes were read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// When something is.
    pub fn end(&self) -> Result<(), Malformed> {
        if self.at == self.bytes.len() { Ok(()) } else { self.fail("there are more bytes than values") }
    }

    /// Skips the padding, which must be zeros.
    ///
    /// # Errors
    /// When it is not.
    pub fn align(&mut self, alignment: usize) -> Result<(), Malformed> {
        let padding = self.at.next_multiple_of(alignment) - self.at;
        if self.take(padding)?.iter().any(|byte| *byte != 0) { self.fail("padding is not zero") } else { Ok(()) }
    }

    /// `y`.
    ///
    /// # Errors
    /// When the bytes are not that, as in all that follow.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    /// `b`.
    pub fn bool(&mut self) -> Result<bool, Malformed> {
        match self.u32()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => self.fail("a boolean is neither 0 nor 1"),
        }
    }

    /// `n`.
    pub fn i16(&mut self) -> Result<i16, Malformed> {
        Ok(self.u16()?.cast_signed())
    }

    /// `q`.
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        let bytes = self.fixed()?;
        Ok(if self.endian == Endian::Little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    /// `i`.
    pub fn i32(&mut self) -> Result<i32, Malformed> {
        Ok(self.u32()?.cast_signed())
    }

    /// `u`.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        let bytes = self.fixed()?;
        Ok(if self.endian == Endian::Little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    /// `x`.
    pub fn i64(&mut self) -> Result<i64, Malformed> {
        Ok(self.u64()?.cast_signed())
    }

    /// `t`.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        let bytes = self.fixed()?;
        Ok(if self.endian == Endian::Little { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) })
    }

    /// `d`.
    pub fn f64(&mut self) -> Result<f64, Malformed> {
        self.u64().map(f64::from_bits)
    }

    /// `s`: UTF-8 without NUL.
    pub fn str(&mut self) -> Result<&'a str, Malformed> {
        let length = self.length()?;
        let text = self.take(length)?;
        if self.u8()? != 0 || text.contains(&0) {
            return self.fail("a string holds a NUL, or has none at its end");
        }
        str::from_utf8(text).map_err(|_| Malformed { at: self.at, what: "a string is not UTF-8" })
    }

    /// `g`.
    pub fn signature(&mut self) -> Result<&'a str, Malformed> {
        let length = usize::from(self.u8()?);
        let text = self.take(length)?;
        if self.u8()? != 0 {
            return self.fail("a signature has no NUL at its end");
        }
        let text = str::from_utf8(text).map_err(|_| Malformed { at: self.at, what: "a signature is not ASCII" })?;
        check::signature(text).map_err(|what| Malformed { at: self.at, what })?;
        Ok(text)
    }

    /// `ay`.
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.length()?;
        self.take(length)
    }

    /// `a…`: calls `element` until all are read, each of which is aligned to `alignment`.
    pub fn array(&mut self, alignment: usize, mut element: impl FnMut(&mut Self) -> Result<(), Malformed>) -> Result<(), Malformed> {
        let length = self.length()?;
        self.align(alignment)?;
        let end = self.at + length;
        if end > self.bytes.len() {
            return self.fail("an array ends beyond the bytes");
        }
        while self.at < end {
            let before = self.at;
            element(self)?;
            if self.at == before {
                return self.fail("an element of an array takes no bytes");
            }
        }
        if self.at == end { Ok(()) } else { self.fail("an element goes beyond the end of its array") }
    }

    /// `(…)`: what follows is its first field.
    pub fn structure(&mut self) -> Result<(), Malformed> {
        self.align(8)
    }

    /// Refuses what was read.
    ///
    /// # Errors
    /// Always.
    pub fn fail<T>(&self, what: &'static str) -> Result<T, Malformed> {
        Err(Malformed { at: self.at, what })
    }

    fn length(&mut self) -> Result<usize, Malformed> {
        let length = self.u32()?;
        match usize::try_from(length) {
            Ok(length) if length <= LONGEST_ARRAY => Ok(length),
            _ => self.fail("a length is more than anything may have"),
        }
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.align(N)?;
        let at = self.at;
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| Malformed { at, what: "the bytes end in the middle of a value" })
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let Some(end) = end else { return self.fail("the bytes end in the middle of a value") };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }
}
