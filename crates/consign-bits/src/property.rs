//! Values of properties.

use std::{fmt, str::FromStr};

use crate::ProxyUsage;

/// A number or name that stands for no value of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what}")]
pub struct UnknownValue {
    /// The kind of value, for example `priority`.
    pub what: &'static str,
}

/// `SetProxySettings`: which proxy a job uses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProxySettings {
    /// Where the proxy is taken from.
    pub usage: ProxyUsage,
    /// For [`ProxyUsage::Override`]: `[proto=][proto://]server[:port]`, separated by blanks, tried
    /// in order.
    pub list: Option<String>,
    /// For [`ProxyUsage::Override`]: hosts reached without a proxy, separated by blanks; `*` only
    /// leftmost, `<local>` for names without dots.
    pub bypass: Option<String>,
}

impl Default for ProxySettings {
    fn default() -> Self {
        Self { usage: ProxyUsage::Preconfig, list: None, bypass: None }
    }
}

/// The digest that the finished file must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// How it is computed.
    pub algorithm: ChecksumAlgorithm,
    /// The digest; as long as the algorithm makes it.
    pub digest: Vec<u8>,
}

/// The algorithms of [`Checksum`]. Broken ones are absent on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChecksumAlgorithm {
    /// 32 bytes.
    Sha256,
    /// 48 bytes.
    Sha384,
    /// 64 bytes.
    Sha512,
}

impl ChecksumAlgorithm {
    /// `sha256`, `sha384`, `sha512`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The length of a digest, in bytes.
    pub const fn digest_length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// The text is not `sha256:HEX`, `sha384:HEX` or `sha512:HEX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a checksum: expected sha256:, sha384: or sha512: and the digest in hexadecimal digits")]
pub struct ParseChecksumError;

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.algorithm.name())?;
        self.digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Checksum {
    type Err = ParseChecksumError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, digits) = text.split_once(':').ok_or(ParseChecksumError)?;
        let algorithm = [ChecksumAlgorithm::Sha256, ChecksumAlgorithm::Sha384, ChecksumAlgorithm::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
            .ok_or(ParseChecksumError)?;
        if digits.len() != 2 * algorithm.digest_length() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(ParseChecksumError);
        }
        let digest = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16)).collect::<Result<_, _>>();
        Ok(Self { algorithm, digest: digest.map_err(|_| ParseChecksumError)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_read_as_it_is_printed() {
        let text = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(text.parse::<Checksum>().unwrap().to_string(), text);
        for bad in
            ["", "sha256", "sha256:", "sha256:0a", "md5:00", &format!("sha512:{}", "0a".repeat(32)), &format!("sha256:{}", "é".repeat(32))]
        {
            assert_eq!(bad.parse::<Checksum>(), Err(ParseChecksumError), "{bad}");
        }
    }
}
