use std::{fmt, str::FromStr};

use consign_core::Guid;
use serde::{Deserialize, Serialize};

/// The text does not follow the rules of its kind of name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(&'static str);

macro_rules! guid_name {
    ($(#[$documentation:meta])* $name:ident, $null:literal) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Guid);

        impl $name {
            /// The GUID behind the name; never `GUID_NULL`.
            pub const fn guid(self) -> Guid {
                self.0
            }
        }

        impl TryFrom<Guid> for $name {
            type Error = InvalidName;

            fn try_from(guid: Guid) -> Result<Self, InvalidName> {
                if guid == Guid::NULL { Err(InvalidName($null)) } else { Ok(Self(guid)) }
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                text.parse::<Guid>()
                    .map_err(|_| InvalidName("not a GUID: expected 32 hexadecimal digits, with or without hyphens and braces"))?
                    .try_into()
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

guid_name! {
    /// A `CLSID`: names a class. `GUID_NULL` names none.
    ClassId, "GUID_NULL names no class"
}

guid_name! {
    /// An `IID`: names an interface. `GUID_NULL` names none.
    InterfaceId, "GUID_NULL names no interface"
}

/// A `ProgID`: a class's name for people, such as `Vendor.Component.1`. At most 39 characters,
/// letters, digits and periods, no digit first and no empty part. Upper and lower case mean the
/// same; the name is shown as it was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProgId(String);

impl ProgId {
    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for ProgId {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for ProgId {}

impl FromStr for ProgId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for ProgId {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        if text.len() > 39 {
            return Err(InvalidName("a ProgID has at most 39 characters"));
        }
        if text.split('.').any(str::is_empty) {
            return Err(InvalidName("a ProgID and the parts between its periods are not empty"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.') {
            return Err(InvalidName("a ProgID has only letters, digits and periods"));
        }
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(InvalidName("a ProgID does not begin with a digit"));
        }
        Ok(Self(text))
    }
}

impl From<ProgId> for String {
    fn from(name: ProgId) -> Self {
        name.0
    }
}

impl fmt::Display for ProgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progid_follows_coms_rules() {
        for good in ["A", "Vendor.Component.1", "a.1.2", &"x".repeat(39)] {
            assert_eq!(good.parse::<ProgId>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "A.", ".A", "A..B", "1A", "A_B", "A-B", "A B", "Ä", "A\0", &"x".repeat(40)] {
            assert!(bad.parse::<ProgId>().is_err(), "{bad}");
        }
        assert_eq!("Vendor.Thing".parse::<ProgId>(), "VENDOR.thing".parse());
    }

    #[test]
    fn guid_null_names_nothing() {
        assert!(Guid::NULL.to_string().parse::<ClassId>().is_err());
        assert!(Guid::NULL.to_string().parse::<InterfaceId>().is_err());
        let text = "97184d0f-f7ef-413a-8c6d-c1745018b2e9";
        assert_eq!(format!("{{{text}}}").parse::<ClassId>().unwrap().to_string(), text);
    }
}
