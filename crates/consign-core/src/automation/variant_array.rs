use super::{
    Bound, SafeArray, SafeArrayElement, Variant, VariantType, WrongShape,
    safe_array::{fits, read_bounds, write_bounds},
};
use crate::{
    Queueable,
    marshal::{Malformed, Reader, Writer},
};

/// The array in a [`Variant`]: a [`SafeArray`] whose elements have a type that is known only at run time.
/// Kept as one.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantArray {
    element_type: VariantType,
    bounds: Vec<Bound>,
    elements: Vec<Variant>,
}

impl VariantArray {
    pub(super) const SIGNATURE: &'static str = "(qa(ui)av)";

    /// Of elements that all have the type `element_type`, or any when that is [`VariantType::Variant`].
    ///
    /// # Errors
    /// When an element has another type, or there are not as many as `bounds` say.
    pub fn new(element_type: VariantType, bounds: Vec<Bound>, elements: Vec<Variant>) -> Result<Self, WrongShape> {
        let any = element_type == VariantType::Variant;
        let nothing = matches!(element_type, VariantType::Empty | VariantType::Null);
        let alike = any || elements.iter().all(|element| element.vt() == element_type.number());
        if alike && !nothing && fits(&bounds, elements.len()) { Ok(Self { element_type, bounds, elements }) } else { Err(WrongShape) }
    }

    /// The type of its elements.
    pub fn element_type(&self) -> VariantType {
        self.element_type
    }

    /// Its dimensions.
    pub fn bounds(&self) -> &[Bound] {
        &self.bounds
    }

    /// Its elements.
    pub fn elements(&self) -> &[Variant] {
        &self.elements
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.structure();
        writer.u16(self.element_type.number());
        write_bounds(&self.bounds, writer);
        writer.array(1, |writer| {
            for element in &self.elements {
                writer.signature(self.element_type.signature());
                match self.element_type {
                    VariantType::Variant => Queueable::write(element, writer),
                    _ => element.write_value(writer),
                }
            }
        });
    }

    pub(super) fn read_at(reader: &mut Reader<'_>, depth: usize) -> Result<Self, Malformed> {
        reader.structure()?;
        let Some(element_type) = VariantType::from_number(reader.u16()?) else {
            return reader.fail("an array has elements of a type that is not kept");
        };
        let bounds = read_bounds(reader)?;
        let mut elements = Vec::new();
        reader.array(1, |reader| {
            element_type.read_signature(reader)?;
            elements.push(Variant::read_value(element_type, reader, depth)?);
            Ok(())
        })?;
        Self::new(element_type, bounds, elements).or_else(|_| reader.fail("an array has not as many elements as its dimensions say"))
    }
}

impl<T: SafeArrayElement + Into<Variant>> From<SafeArray<T>> for VariantArray {
    fn from(array: SafeArray<T>) -> Self {
        let bounds = array.bounds().to_vec();
        let elements = array.into_elements().into_iter().map(Into::into).collect();
        Self { element_type: T::TYPE, bounds, elements }
    }
}
