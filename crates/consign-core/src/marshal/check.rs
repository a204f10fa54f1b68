//! Whether bytes are what their signature says, without making values of them.

use super::{Endian, Malformed, Reader, alignment};

/// How deep values may be nested, variants in variants included.
const DEEPEST: usize = 32;

/// Checks that `bytes` hold exactly the values of `signature`, which is any number of types.
///
/// # Errors
/// When they do not, or when the signature is none, or has file descriptors.
pub fn check(bytes: &[u8], types: &str, endian: Endian) -> Result<(), Malformed> {
    let mut reader = Reader::new(bytes, endian);
    signature(types).map_err(|what| Malformed { at: 0, what })?;
    all(&mut reader, types, DEEPEST)?;
    reader.end()
}

/// Splits a signature into its first type and the rest; `None` at its end.
///
/// The signature must be one: [`check`] and [`Reader::signature`] give no others.
pub fn split(signature: &str) -> Option<(&str, &str)> {
    let mut open = 0_usize;
    for (index, kind) in signature.bytes().enumerate() {
        match kind {
            b'a' => continue,
            b'(' | b'{' => open += 1,
            b')' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open == 0 {
            return signature.split_at_checked(index + 1);
        }
    }
    None
}

/// Whether a text is a signature of values that can be written down.
pub(super) fn signature(text: &str) -> Result<(), &'static str> {
    if text.len() > 255 {
        return Err("a signature has more than 255 characters");
    }
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        rest = one_type(rest, DEEPEST)?;
    }
    Ok(())
}

/// Checks the first type of a signature, and gives what comes after it.
fn one_type(text: &[u8], depth: usize) -> Result<&[u8], &'static str> {
    let Some(depth) = depth.checked_sub(1) else { return Err("a signature is nested too deeply") };
    let (first, rest) = text.split_first().ok_or("a signature ends in the middle of a type")?;
    match first {
        b'y' | b'b' | b'n' | b'q' | b'i' | b'u' | b'x' | b't' | b'd' | b's' | b'o' | b'g' | b'v' => Ok(rest),
        b'a' => match rest {
            [b'{', entry @ ..] => {
                let (key, _) = entry.split_first().ok_or("a signature ends in the middle of a type")?;
                if !b"ybnqiuxtdsog".contains(key) {
                    return Err("the key of a dictionary is no simple type");
                }
                match one_type(&entry[1..], depth)? {
                    [b'}', rest @ ..] => Ok(rest),
                    _ => Err("an entry of a dictionary is not a key and a value"),
                }
            }
            _ => one_type(rest, depth),
        },
        b'(' => {
            let mut rest = one_type(rest, depth)?;
            loop {
                match rest {
                    [b')', after @ ..] => return Ok(after),
                    _ => rest = one_type(rest, depth)?,
                }
            }
        }
        b'h' => Err("a file descriptor cannot be written down"),
        _ => Err("a signature has a character that is no type"),
    }
}

fn all(reader: &mut Reader<'_>, mut signature: &str, depth: usize) -> Result<(), Malformed> {
    while let Some((first, rest)) = split(signature) {
        one(reader, first, depth)?;
        signature = rest;
    }
    Ok(())
}

fn one(reader: &mut Reader<'_>, kind: &str, depth: usize) -> Result<(), Malformed> {
    let Some(depth) = depth.checked_sub(1) else { return reader.fail("values are nested too deeply") };
    match kind.as_bytes() {
        [b'y'] => reader.u8().map(drop),
        [b'b'] => reader.bool().map(drop),
        [b'n' | b'q'] => reader.u16().map(drop),
        [b'i' | b'u'] => reader.u32().map(drop),
        [b'x' | b't' | b'd'] => reader.u64().map(drop),
        [b's'] => reader.str().map(drop),
        [b'o'] => object_path(reader),
        [b'g'] => reader.signature().map(drop),
        [b'v'] => {
            let inner = reader.signature()?;
            match split(inner) {
                Some((first, "")) => one(reader, first, depth),
                _ => reader.fail("a variant does not hold exactly one value"),
            }
        }
        [b'a', b'y'] => reader.bytes().map(drop),
        [b'a', ..] => {
            let element = &kind[1..];
            let first = element.as_bytes().first().copied().unwrap_or_default();
            reader.array(alignment(first), |reader| one(reader, element, depth))
        }
        [b'(' | b'{', ..] => {
            reader.structure()?;
            let fields = kind.get(1..kind.len().saturating_sub(1)).unwrap_or_default();
            all(reader, fields, depth)
        }
        _ => reader.fail("a signature has a character that is no type"),
    }
}

fn object_path(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let path = reader.str()?;
    let part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match path.strip_prefix('/') {
        Some("") => Ok(()),
        Some(parts) if parts.split('/').all(part) => Ok(()),
        _ => reader.fail("an object path is none"),
    }
}
