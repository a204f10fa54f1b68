//! The D-Bus wire format of values, as far as calls need it: written, checked, read.
//!
//! The arguments of a call are kept as they were sent, so each message is marshalled once, by who
//! records it, and read once, by who plays it. Whoever stands between only checks.

mod check;
mod reader;
mod value;
mod writer;

pub use check::{check, split};
pub use reader::{Endian, Malformed, Reader};
pub use value::Value;
pub use writer::Writer;

/// The longest array, as D-Bus has it.
const LONGEST_ARRAY: usize = 64 << 20;

/// The alignment of the first type of a signature.
fn alignment(kind: u8) -> usize {
    match kind {
        b'n' | b'q' => 2,
        b'b' | b'i' | b'u' | b'a' | b's' | b'o' => 4,
        b'x' | b't' | b'd' | b'(' | b'{' => 8,
        _ => 1,
    }
}
