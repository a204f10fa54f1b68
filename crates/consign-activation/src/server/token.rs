use std::{fmt, str::FromStr};

use consign_core::{Guid, random::Random};

/// 128 random bits that a started server shows once, to prove that it is the one that was started.
/// Printed nowhere; compared in constant time.
#[derive(Clone)]
pub struct Token([u8; 16]);

/// The text is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token: expected 32 hexadecimal digits")]
pub struct ParseTokenError;

impl Token {
    /// One that nobody can foresee.
    pub fn random(random: &dyn Random) -> Self {
        Self(random.bytes())
    }

    /// The 32 digits that the server is given.
    pub fn reveal(&self) -> String {
        Guid::from_bytes(self.0).simple()
    }
}

impl FromStr for Token {
    type Err = ParseTokenError;

    fn from_str(text: &str) -> Result<Self, ParseTokenError> {
        let digits_only = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let guid: Guid = digits_only.then(|| text.parse().ok()).flatten().ok_or(ParseTokenError)?;
        Ok(Self(*guid.as_bytes()))
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        // Every byte is looked at, so that the time taken says nothing about the first difference.
        let difference = self.0.iter().zip(other.0).fold(0, |difference, (one, other)| std::hint::black_box(difference | (one ^ other)));
        difference == 0
    }
}

impl Eq for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use consign_core::random::SystemRandom;

    use super::*;

    #[test]
    fn what_is_revealed_is_read_again() {
        let token = Token::random(&SystemRandom);
        assert_eq!(token.reveal().parse::<Token>().unwrap(), token);
        assert_ne!(Token::random(&SystemRandom), token);
        assert!(!format!("{token:?}").contains(&token.reveal()));
        for bad in ["", "0", &"g".repeat(32), &"0".repeat(33), &format!("{{{}", "0".repeat(31)), &"-".repeat(32)] {
            assert!(bad.parse::<Token>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_bit_counts() {
        for bit in 0..128 {
            let mut bytes = [0; 16];
            bytes[bit / 8] = 1 << (bit % 8);
            assert_ne!(Token(bytes), Token([0; 16]));
        }
    }
}
