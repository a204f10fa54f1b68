//! GUIDs: what names jobs, classes and interfaces.

use std::{fmt, str::FromStr};

/// 128 bits, printed in lower case without braces; read with or without braces and hyphens.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Guid([u8; 16]);

/// The text is not a GUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a GUID: expected 32 hexadecimal digits, with or without hyphens and braces")]
pub struct ParseGuidError;

impl Guid {
    /// `GUID_NULL`.
    pub const NULL: Self = Self([0; 16]);

    /// A random (version 4) GUID made of 16 random bytes. Where they come from is the caller's
    /// choice, so that tests can choose.
    pub const fn from_random_bytes(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// The bytes in the order in which they are printed.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes in the order in which they are printed.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The 32 digits without hyphens: what an object path can hold.
    pub fn simple(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guid({self})")
    }
}

impl FromStr for Guid {
    type Err = ParseGuidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let inner = match text.strip_prefix('{') {
            Some(rest) => rest.strip_suffix('}').ok_or(ParseGuidError)?,
            None => text,
        };
        let hyphenated = inner.len() == 36;
        if !hyphenated && inner.len() != 32 {
            return Err(ParseGuidError);
        }
        let mut bytes = [0_u8; 16];
        let mut digits = 0;
        for (index, character) in inner.char_indices() {
            if hyphenated && matches!(index, 8 | 13 | 18 | 23) {
                if character != '-' {
                    return Err(ParseGuidError);
                }
                continue;
            }
            let digit = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or(ParseGuidError)?;
            bytes[digits / 2] = (bytes[digits / 2] << 4) | digit;
            digits += 1;
        }
        if digits == 32 { Ok(Self(bytes)) } else { Err(ParseGuidError) }
    }
}

impl serde::Serialize for Guid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Guid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "97184d0f-f7ef-413a-8c6d-c1745018b2e9";

    #[test]
    fn what_is_printed_is_read_again() {
        let guid: Guid = TEXT.parse().unwrap();
        assert_eq!(guid.to_string(), TEXT);
        for form in [guid.simple(), format!("{{{TEXT}}}"), TEXT.to_uppercase()] {
            assert_eq!(form.parse(), Ok(guid), "{form}");
        }
    }

    #[test]
    fn what_is_no_guid_is_refused() {
        for text in [
            "",
            "{",
            "{}",
            "97184d0f",
            &TEXT[..35],
            &format!("{TEXT}0"),
            &format!("{{{TEXT}"),
            &TEXT.replace('9', "g"),
            &"é".repeat(16),
            &"-".repeat(36),
        ] {
            assert_eq!(text.parse::<Guid>(), Err(ParseGuidError), "{text}");
        }
    }
}
