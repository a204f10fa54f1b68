//! Values of any type, for those who do not know the types: whoever prints a message, whoever makes
//! one from text.

use super::{Endian, Malformed, Reader, Writer, alignment, check, split};

/// A value in the D-Bus wire format.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `y`.
    U8(u8),
    /// `b`.
    Bool(bool),
    /// `n`.
    I16(i16),
    /// `q`.
    U16(u16),
    /// `i`.
    I32(i32),
    /// `u`.
    U32(u32),
    /// `x`.
    I64(i64),
    /// `t`.
    U64(u64),
    /// `d`.
    F64(f64),
    /// `s`.
    Text(String),
    /// `o`.
    Path(String),
    /// `g`.
    Signature(String),
    /// `ay`.
    Bytes(Vec<u8>),
    /// `a…`: the type of the elements, the elements.
    Array(String, Vec<Value>),
    /// `(…)`.
    Structure(Vec<Value>),
    /// An entry of a dictionary.
    Entry(Box<(Value, Value)>),
    /// `v`: the type, the value.
    Variant(String, Box<Value>),
}

impl Value {
    /// The values of `signature` in `bytes`.
    ///
    /// # Errors
    /// When they are not these.
    pub fn read_all(bytes: &[u8], signature: &str, endian: Endian) -> Result<Vec<Self>, Malformed> {
        check(bytes, signature, endian)?;
        let mut reader = Reader::new(bytes, endian);
        let mut values = Vec::new();
        let mut rest = signature;
        while let Some((first, after)) = split(rest) {
            values.push(Self::read(&mut reader, first)?);
            rest = after;
        }
        Ok(values)
    }

    /// One value of the type `kind`, in bytes that were checked.
    fn read(reader: &mut Reader<'_>, kind: &str) -> Result<Self, Malformed> {
        Ok(match kind.as_bytes() {
            [b'y'] => Self::U8(reader.u8()?),
            [b'b'] => Self::Bool(reader.bool()?),
            [b'n'] => Self::I16(reader.i16()?),
            [b'q'] => Self::U16(reader.u16()?),
            [b'i'] => Self::I32(reader.i32()?),
            [b'u'] => Self::U32(reader.u32()?),
            [b'x'] => Self::I64(reader.i64()?),
            [b't'] => Self::U64(reader.u64()?),
            [b'd'] => Self::F64(reader.f64()?),
            [b's'] => Self::Text(reader.str()?.to_owned()),
            [b'o'] => Self::Path(reader.str()?.to_owned()),
            [b'g'] => Self::Signature(reader.signature()?.to_owned()),
            [b'v'] => {
                let inner = reader.signature()?.to_owned();
                let value = Self::read(reader, &inner)?;
                Self::Variant(inner, Box::new(value))
            }
            [b'a', b'y'] => Self::Bytes(reader.bytes()?.to_vec()),
            [b'a', first, ..] => {
                let element = &kind[1..];
                let mut elements = Vec::new();
                reader.array(alignment(*first), |reader| {
                    elements.push(Self::read(reader, element)?);
                    Ok(())
                })?;
                Self::Array(element.to_owned(), elements)
            }
            [open @ (b'(' | b'{'), .., _] => {
                reader.structure()?;
                let mut fields = Vec::new();
                let mut rest = &kind[1..kind.len() - 1];
                while let Some((first, after)) = split(rest) {
                    fields.push(Self::read(reader, first)?);
                    rest = after;
                }
                match (open, <[Self; 2]>::try_from(fields)) {
                    (b'{', Ok([key, value])) => Self::Entry(Box::new((key, value))),
                    (_, Ok(two)) => Self::Structure(two.into()),
                    (_, Err(fields)) => Self::Structure(fields),
                }
            }
            _ => return reader.fail("a signature has a character that is no type"),
        })
    }

    /// Appends it.
    pub fn write(&self, writer: &mut Writer) {
        match self {
            Self::U8(value) => writer.u8(*value),
            Self::Bool(value) => writer.bool(*value),
            Self::I16(value) => writer.i16(*value),
            Self::U16(value) => writer.u16(*value),
            Self::I32(value) => writer.i32(*value),
            Self::U32(value) => writer.u32(*value),
            Self::I64(value) => writer.i64(*value),
            Self::U64(value) => writer.u64(*value),
            Self::F64(value) => writer.f64(*value),
            Self::Text(text) | Self::Path(text) => writer.str(text),
            Self::Signature(text) => writer.signature(text),
            Self::Bytes(bytes) => writer.bytes(bytes),
            Self::Array(element, elements) => {
                let first = element.as_bytes().first().copied().unwrap_or_default();
                writer.array(alignment(first), |writer| elements.iter().for_each(|element| element.write(writer)));
            }
            Self::Structure(fields) => {
                writer.structure();
                fields.iter().for_each(|field| field.write(writer));
            }
            Self::Entry(entry) => {
                writer.structure();
                entry.0.write(writer);
                entry.1.write(writer);
            }
            Self::Variant(kind, value) => {
                writer.signature(kind);
                value.write(writer);
            }
        }
    }
}
