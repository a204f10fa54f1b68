use std::fmt;

use crate::{
    Playable, Queueable,
    interface::{StringForm, Type},
    marshal::{Malformed, Reader, Writer},
};

/// A `BSTR`: UTF-16 units with a length, or NULL. NUL and lone surrogates are units as any other, and
/// NULL is not the empty string. Kept as `(bay)`: whether there is one, its units, little-endian.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bstr(Option<Vec<u16>>);

impl Bstr {
    /// NULL.
    pub const NULL: Self = Self(None);

    /// Of these units.
    pub fn from_units(units: impl Into<Vec<u16>>) -> Self {
        Self(Some(units.into()))
    }

    /// Its units; `None` is NULL.
    pub fn units(&self) -> Option<&[u16]> {
        self.0.as_deref()
    }

    /// Its text; `None` is NULL.
    ///
    /// # Errors
    /// When it has lone surrogates.
    pub fn to_text(&self) -> Result<Option<String>, std::string::FromUtf16Error> {
        self.units().map(String::from_utf16).transpose()
    }
}

impl From<&str> for Bstr {
    fn from(text: &str) -> Self {
        Self::from_units(text.encode_utf16().collect::<Vec<_>>())
    }
}

impl fmt::Display for Bstr {
    /// Its text, with U+FFFD for lone surrogates; nothing for NULL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf16_lossy(self.units().unwrap_or_default()))
    }
}

impl Queueable for Bstr {
    fn kind() -> Type {
        Type::String(StringForm::Bstr)
    }

    const ALIGNMENT: usize = 8;

    fn write(&self, writer: &mut Writer) {
        writer.structure();
        writer.bool(self.0.is_some());
        writer.array(1, |writer| {
            for [low, high] in self.units().unwrap_or_default().iter().map(|unit| unit.to_le_bytes()) {
                writer.u8(low);
                writer.u8(high);
            }
        });
    }
}

impl Playable for Bstr {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.structure()?;
        let present = reader.bool()?;
        let (units, odd) = reader.bytes()?.as_chunks::<2>();
        if !odd.is_empty() {
            return reader.fail("a BSTR has half a unit");
        }
        match (present, units) {
            (true, units) => Ok(Self::from_units(units.iter().map(|unit| u16::from_le_bytes(*unit)).collect::<Vec<_>>())),
            (false, []) => Ok(Self::NULL),
            (false, _) => reader.fail("a BSTR that is NULL has units"),
        }
    }
}
