//! Rust types that a queued call can carry.

use crate::{
    Guid, Hresult,
    interface::{StringForm, Type},
    marshal::{Malformed, Reader, Writer},
};

/// A type whose values can be written into a call.
///
/// Structures and enumerations derive it (`#[derive(Queueable)]`). A value is always by value: a copy of
/// what it was when it was recorded.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written into a queued call",
    label = "cannot be recorded",
    note = "pass a number, a string, a GUID, a `Vec`, an `Option`, a structure or an enumeration with `#[derive(Queueable)]`, an object as `Object`, or a recorder by its moniker"
)]
pub trait Queueable {
    /// Its type in the interface model.
    fn kind() -> Type;

    /// The alignment of its D-Bus type: 1, 2, 4 or 8.
    const ALIGNMENT: usize;

    /// How deep its type is nested. A type that holds itself has no depth, and does not compile.
    const LEVELS: usize = 1;

    /// Appends it as its type's signature says.
    fn write(&self, writer: &mut Writer);

    /// Appends many of them, as the elements of an array.
    fn write_elements(elements: &[Self], writer: &mut Writer)
    where
        Self: Sized,
    {
        writer.array(Self::ALIGNMENT, |writer| elements.iter().for_each(|element| element.write(writer)));
    }
}

/// A type whose values can be read from a call. What is written borrowed (`&str`) is read owned (`String`).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a queued call",
    label = "cannot be played",
    note = "`#[derive(Queueable)]` on a structure or an enumeration lets it be written and read"
)]
pub trait Playable: Queueable + Sized {
    /// Reads one.
    ///
    /// # Errors
    /// When the bytes are none.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed>;

    /// Reads the elements of an array.
    ///
    /// # Errors
    /// When the bytes are none.
    fn read_elements(reader: &mut Reader<'_>) -> Result<Vec<Self>, Malformed> {
        let mut elements = Vec::new();
        reader.array(Self::ALIGNMENT, |reader| {
            elements.push(Self::read(reader)?);
            Ok(())
        })?;
        Ok(elements)
    }
}

macro_rules! plain {
    ($($rust:ty, $kind:ident, $alignment:literal, $access:ident;)*) => {$(
        impl Queueable for $rust {
            fn kind() -> Type {
                Type::$kind
            }

            const ALIGNMENT: usize = $alignment;

            fn write(&self, writer: &mut Writer) {
                writer.$access(*self);
            }
        }

        impl Playable for $rust {
            fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
                reader.$access()
            }
        }
    )*};
}

plain! {
    bool, Boolean, 4, bool;
    i16, I16, 2, i16;
    u16, U16, 2, u16;
    i32, I32, 4, i32;
    u32, U32, 4, u32;
    i64, I64, 8, i64;
    u64, U64, 8, u64;
    f64, F64, 8, f64;
}

impl Queueable for u8 {
    fn kind() -> Type {
        Type::U8
    }

    const ALIGNMENT: usize = 1;

    fn write(&self, writer: &mut Writer) {
        writer.u8(*self);
    }

    fn write_elements(elements: &[Self], writer: &mut Writer) {
        writer.bytes(elements);
    }
}

impl Playable for u8 {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.u8()
    }

    fn read_elements(reader: &mut Reader<'_>) -> Result<Vec<Self>, Malformed> {
        reader.bytes().map(<[u8]>::to_vec)
    }
}

impl Queueable for i8 {
    fn kind() -> Type {
        Type::I8
    }

    const ALIGNMENT: usize = 2;

    fn write(&self, writer: &mut Writer) {
        writer.i16((*self).into());
    }
}

impl Playable for i8 {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.i16()?.try_into().or_else(|_| reader.fail("a char is not between -128 and 127"))
    }
}

impl Queueable for f32 {
    fn kind() -> Type {
        Type::F32
    }

    const ALIGNMENT: usize = 8;

    fn write(&self, writer: &mut Writer) {
        writer.f64((*self).into());
    }
}

impl Playable for f32 {
    #[expect(clippy::cast_possible_truncation, reason = "what an f32 was written as is one again")]
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.f64().map(|value| value as Self)
    }
}

impl Queueable for Hresult {
    fn kind() -> Type {
        Type::Hresult
    }

    const ALIGNMENT: usize = 4;

    fn write(&self, writer: &mut Writer) {
        writer.i32(self.as_i32());
    }
}

impl Playable for Hresult {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.i32().map(Self::from_i32)
    }
}

impl Queueable for Guid {
    fn kind() -> Type {
        Type::Guid
    }

    const ALIGNMENT: usize = 4;

    fn write(&self, writer: &mut Writer) {
        writer.bytes(self.as_bytes());
    }
}

impl Playable for Guid {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let bytes = reader.bytes()?;
        bytes.try_into().map(Self::from_bytes).or_else(|_| reader.fail("a GUID does not have 16 bytes"))
    }
}

impl Queueable for str {
    fn kind() -> Type {
        Type::String(StringForm::Utf8)
    }

    const ALIGNMENT: usize = 4;

    fn write(&self, writer: &mut Writer) {
        writer.str(self);
    }
}

impl Queueable for String {
    fn kind() -> Type {
        str::kind()
    }

    const ALIGNMENT: usize = 4;

    fn write(&self, writer: &mut Writer) {
        writer.str(self);
    }
}

impl Playable for String {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.str().map(str::to_owned)
    }
}

impl<T: Queueable> Queueable for [T] {
    fn kind() -> Type {
        Type::Array(Box::new(T::kind()))
    }

    const ALIGNMENT: usize = 4;
    const LEVELS: usize = 1 + T::LEVELS;

    fn write(&self, writer: &mut Writer) {
        T::write_elements(self, writer);
    }
}

impl<T: Queueable> Queueable for Vec<T> {
    fn kind() -> Type {
        <[T]>::kind()
    }

    const ALIGNMENT: usize = 4;
    const LEVELS: usize = 1 + T::LEVELS;

    fn write(&self, writer: &mut Writer) {
        T::write_elements(self, writer);
    }
}

impl<T: Playable> Playable for Vec<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        T::read_elements(reader)
    }
}

impl<T: Queueable> Queueable for Option<T> {
    fn kind() -> Type {
        Type::Optional(Box::new(T::kind()))
    }

    const ALIGNMENT: usize = 4;
    const LEVELS: usize = 1 + T::LEVELS;

    fn write(&self, writer: &mut Writer) {
        T::write_elements(self.as_slice(), writer);
    }
}

impl<T: Playable> Playable for Option<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut elements = T::read_elements(reader)?;
        if elements.len() > 1 { reader.fail("an optional value is there more than once") } else { Ok(elements.pop()) }
    }
}
