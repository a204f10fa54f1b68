use super::{Bstr, Currency, Date, Decimal, Variant, VariantType};
use crate::{
    Hresult, Playable, Queueable,
    interface::Type,
    marshal::{Malformed, Reader, Writer},
    objects::Object,
};

/// `SAFEARRAY(T)`: elements in one or more dimensions. Kept as `(qa(ui)av)`: the VT of its elements, the
/// number and lower bound of each dimension, the elements.
///
/// The dimensions stand in the order of the declaration; the index of the first one changes fastest from
/// one element to the next, as in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct SafeArray<T> {
    bounds: Vec<Bound>,
    elements: Vec<T>,
}

/// `SAFEARRAYBOUND`: one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bound {
    /// `cElements`: how many indexes it has.
    pub count: u32,
    /// `lLbound`: the first index.
    pub lower: i32,
}

/// The dimensions do not fit the elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an array has as many elements as its dimensions say, and at least one dimension")]
pub struct WrongShape;

/// A type of which there are [`SafeArray`]s.
pub trait SafeArrayElement: Playable {
    /// Its VT.
    const TYPE: VariantType;
}

impl<T> SafeArray<T> {
    /// Of several dimensions.
    ///
    /// # Errors
    /// When there are not as many elements as `bounds` say, or no dimension.
    pub fn new(bounds: Vec<Bound>, elements: Vec<T>) -> Result<Self, WrongShape> {
        if fits(&bounds, elements.len()) { Ok(Self { bounds, elements }) } else { Err(WrongShape) }
    }

    /// Its dimensions.
    pub fn bounds(&self) -> &[Bound] {
        &self.bounds
    }

    /// Its elements.
    pub fn elements(&self) -> &[T] {
        &self.elements
    }

    /// Its elements.
    pub fn into_elements(self) -> Vec<T> {
        self.elements
    }
}

impl<T> From<Vec<T>> for SafeArray<T> {
    /// One dimension, whose first index is 0.
    fn from(elements: Vec<T>) -> Self {
        // More than 2^32 elements never fit into a message: writing them is refused there.
        let count = u32::try_from(elements.len()).unwrap_or(u32::MAX);
        Self { bounds: vec![Bound { count, lower: 0 }], elements }
    }
}

/// Whether there are as many elements as the dimensions say.
pub(super) fn fits(bounds: &[Bound], elements: usize) -> bool {
    let count = bounds.iter().try_fold(1_u64, |count, bound| count.checked_mul(bound.count.into()));
    !bounds.is_empty() && count == u64::try_from(elements).ok()
}

pub(super) fn write_bounds(bounds: &[Bound], writer: &mut Writer) {
    writer.array(8, |writer| {
        for bound in bounds {
            writer.structure();
            writer.u32(bound.count);
            writer.i32(bound.lower);
        }
    });
}

pub(super) fn read_bounds(reader: &mut Reader<'_>) -> Result<Vec<Bound>, Malformed> {
    let mut bounds = Vec::new();
    reader.array(8, |reader| {
        reader.structure()?;
        bounds.push(Bound { count: reader.u32()?, lower: reader.i32()? });
        Ok(())
    })?;
    Ok(bounds)
}

impl<T: SafeArrayElement> Queueable for SafeArray<T> {
    fn kind() -> Type {
        Type::SafeArray(Box::new(T::kind()))
    }

    const ALIGNMENT: usize = 8;
    const LEVELS: usize = 1 + T::LEVELS;

    fn write(&self, writer: &mut Writer) {
        writer.structure();
        writer.u16(T::TYPE.number());
        write_bounds(&self.bounds, writer);
        writer.array(1, |writer| {
            for element in &self.elements {
                writer.signature(T::TYPE.signature());
                element.write(writer);
            }
        });
    }
}

impl<T: SafeArrayElement> Playable for SafeArray<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.structure()?;
        if reader.u16()? != T::TYPE.number() {
            return reader.fail("an array has elements of another type");
        }
        let bounds = read_bounds(reader)?;
        let mut elements = Vec::new();
        reader.array(1, |reader| {
            T::TYPE.read_signature(reader)?;
            elements.push(T::read(reader)?);
            Ok(())
        })?;
        Self::new(bounds, elements).or_else(|_| reader.fail("an array has not as many elements as its dimensions say"))
    }
}

macro_rules! elements {
    ($($rust:ty, $name:ident;)*) => {$(
        impl SafeArrayElement for $rust {
            const TYPE: VariantType = VariantType::$name;
        }
    )*};
}

elements! {
    i16, I2;
    i32, I4;
    f32, R4;
    f64, R8;
    Currency, Currency;
    Date, Date;
    Bstr, Bstr;
    Hresult, Error;
    bool, Bool;
    Variant, Variant;
    Object, Unknown;
    Decimal, Decimal;
    i8, I1;
    u8, UI1;
    u16, UI2;
    u32, UI4;
    i64, I8;
    u64, UI8;
}
