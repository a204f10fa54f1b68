//! The first 16 bytes of a message: how long it is, before anything is allocated for it.

/// As many bytes as it takes to know a message's length.
pub(crate) const HEAD: usize = 16;

/// The longest message that is taken, in bytes. D-Bus allows 128 MiB; nothing that is said here
/// needs a tenth of that.
pub(crate) const LONGEST: usize = 8 << 20;

/// Why a message is refused by its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeadError {
    #[error("the first byte of a message is 0x{0:02x}, which is no byte order")]
    ByteOrder(u8),
    #[error("version {0} of the protocol")]
    Version(u8),
    #[error("a message of kind {0}")]
    Kind(u8),
    #[error("a message of {0} bytes")]
    TooLong(u64),
}

/// The length of the whole message that begins with `head`.
pub(crate) fn message_length(head: &[u8; HEAD]) -> Result<usize, HeadError> {
    let [order, kind, _flags, version, ..] = *head;
    let number = |at: usize| {
        let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
        match order {
            b'l' => Ok(u64::from(u32::from_le_bytes(bytes))),
            b'B' => Ok(u64::from(u32::from_be_bytes(bytes))),
            _ => Err(HeadError::ByteOrder(order)),
        }
    };
    let (body, fields) = (number(4)?, number(12)?);
    if version != 1 {
        return Err(HeadError::Version(version));
    }
    if !(1..=4).contains(&kind) {
        return Err(HeadError::Kind(kind));
    }
    // The fields are padded to 8 bytes before the body begins.
    let whole = HEAD as u64 + fields.next_multiple_of(8) + body;
    match usize::try_from(whole) {
        Ok(whole) if whole <= LONGEST => Ok(whole),
        _ => Err(HeadError::TooLong(whole)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(order: u8, kind: u8, version: u8, body: u32, fields: u32) -> [u8; HEAD] {
        let number = |value: u32| if order == b'B' { value.to_be_bytes() } else { value.to_le_bytes() };
        let mut head = [0; HEAD];
        head[..4].copy_from_slice(&[order, kind, 0, version]);
        head[4..8].copy_from_slice(&number(body));
        head[8..12].copy_from_slice(&number(1));
        head[12..].copy_from_slice(&number(fields));
        head
    }

    #[test]
    fn the_length_is_head_fields_padding_and_body() {
        for order in *b"lB" {
            for (body, fields, whole) in [(0, 0, 16), (0, 1, 24), (5, 8, 29), (5, 9, 37), (100, 109, 228)] {
                assert_eq!(message_length(&head(order, 1, 1, body, fields)), Ok(whole), "{body} {fields}");
            }
        }
    }

    #[test]
    fn the_limit_is_exact_and_no_number_wraps() {
        let longest = u32::try_from(LONGEST).unwrap();
        for order in *b"lB" {
            assert_eq!(message_length(&head(order, 1, 1, longest - 16, 0)), Ok(LONGEST));
            assert_eq!(message_length(&head(order, 1, 1, 0, longest - 16)), Ok(LONGEST));
            for (body, fields) in [
                (longest - 15, 0),
                (0, longest - 15),
                (longest, longest),
                (128 << 20, 0),
                (u32::MAX, 0),
                (0, u32::MAX),
                (u32::MAX, u32::MAX),
            ] {
                assert!(matches!(message_length(&head(order, 1, 1, body, fields)), Err(HeadError::TooLong(_))), "{body} {fields}");
            }
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert_eq!(message_length(&head(b'x', 1, 1, 0, 0)), Err(HeadError::ByteOrder(b'x')));
        assert_eq!(message_length(&[0; HEAD]), Err(HeadError::ByteOrder(0)));
        assert_eq!(message_length(&head(b'l', 1, 2, 0, 0)), Err(HeadError::Version(2)));
        assert_eq!(message_length(&head(b'l', 0, 1, 0, 0)), Err(HeadError::Kind(0)));
        assert_eq!(message_length(&head(b'B', 5, 1, 0, 0)), Err(HeadError::Kind(5)));
    }

    #[test]
    fn every_head_has_an_answer() {
        // A walk over bytes that a length could hide in; none may panic.
        for first in 0..=u8::MAX {
            for second in [0, 1, 0x7f, 0x80, 0xff] {
                let mut head = [second; HEAD];
                head[0] = first;
                let _ = message_length(&head);
                head[1] = 1;
                head[3] = 1;
                let _ = message_length(&head);
            }
        }
    }
}
