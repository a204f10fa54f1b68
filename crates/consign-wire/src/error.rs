//! Failures on the wire: the name `org.consign.Error.<SYMBOL>`, the body (sentence `s`, HRESULT
//! `i`, context `u`).

use consign_bits::{ErrorContext, Failure, describe};
use consign_core::{Hresult, common};

/// What stands before the symbol.
pub const PREFIX: &str = "org.consign.Error.";

/// The body of an error.
pub type Body = (String, i32, u32);

/// The name and body of a failure.
pub fn to_wire(failure: &Failure) -> (String, Body) {
    let symbol = describe(failure.code).symbol;
    // A code without a symbol is a number, and a name's element cannot begin with a digit.
    let symbol = if symbol.starts_with("0x") { format!("HRESULT_{symbol}") } else { symbol.into_owned() };
    (format!("{PREFIX}{symbol}"), (failure.sentence.clone().into_owned(), failure.code.as_i32(), failure.context.number()))
}

/// The failure that a body tells of. Whatever a peer sends has an answer.
pub fn from_wire((sentence, code, context): Body) -> Failure {
    let code = Hresult::from_i32(code);
    // An error with a success code would be taken for success further on.
    let code = if code.is_success() { common::E_UNEXPECTED } else { code };
    Failure::new(code, ErrorContext::try_from(context).unwrap_or(ErrorContext::Unknown), sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use consign_bits::bits;

    #[test]
    fn a_failure_survives_the_wire() {
        for code in [bits::BG_E_NOT_FOUND, bits::http_error(404), Hresult::new(0x8123_4567)] {
            let failure = Failure::new(code, ErrorContext::RemoteFile, "why");
            let (name, body) = to_wire(&failure);
            assert!(zbus::names::ErrorName::try_from(name.as_str()).is_ok(), "{name}");
            assert_eq!(from_wire(body), failure);
        }
    }
}
