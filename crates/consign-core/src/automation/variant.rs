use super::{Bstr, Currency, Date, Decimal, SafeArray, SafeArrayElement, VariantArray};
use crate::{
    Hresult, Playable, Queueable,
    interface::Type,
    marshal::{Malformed, Reader, Writer},
    objects::Object,
};

/// How deep a `VARIANT` may hold arrays of `VARIANT`s; more does not pass [`crate::marshal::check`].
const DEEPEST: usize = 8;

/// The bit of a VT that says `VT_ARRAY`.
pub(super) const VT_ARRAY: u16 = 0x2000;

macro_rules! variants {
    ($($(#[$documentation:meta])* $name:ident($rust:ty) = $number:literal, $signature:literal;)*) => {
        /// A `VARIANT`: a value that knows its type. Kept as `(qv)`: its VT, its value.
        ///
        /// `VT_BYREF` is not among them: a queued call keeps what a pointer points to. Nor is `VT_RECORD`,
        /// whose fields nobody knows without a type library: pass the structure itself.
        #[derive(Clone, Debug, Default, PartialEq)]
        #[non_exhaustive]
        pub enum Variant {
            /// `VT_EMPTY`, 0: nothing was assigned.
            #[default]
            Empty,
            /// `VT_NULL`, 1: no value, as SQL means it.
            Null,
            $($(#[$documentation])* $name($rust),)*
            /// `VT_ARRAY` and the VT of its elements.
            Array(Box<VariantArray>),
        }

        /// `VARTYPE`, without `VT_ARRAY` and `VT_BYREF`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum VariantType {
            /// `VT_EMPTY`, 0.
            Empty,
            /// `VT_NULL`, 1.
            Null,
            $($(#[$documentation])* $name,)*
            /// `VT_VARIANT`, 12: only of elements.
            Variant,
        }

        impl VariantType {
            /// The number of the headers.
            pub const fn number(self) -> u16 {
                match self {
                    Self::Empty => 0,
                    Self::Null => 1,
                    Self::Variant => 12,
                    $(Self::$name => $number,)*
                }
            }

            /// The type of this number.
            pub const fn from_number(number: u16) -> Option<Self> {
                match number {
                    0 => Some(Self::Empty),
                    1 => Some(Self::Null),
                    12 => Some(Self::Variant),
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The D-Bus signature of its values.
            pub const fn signature(self) -> &'static str {
                match self {
                    // A value has a type, and these have no value: a zero stands for it.
                    Self::Empty | Self::Null => "y",
                    Self::Variant => "(qv)",
                    $(Self::$name => $signature,)*
                }
            }
        }

        impl Variant {
            /// The number of its type, with [`VT_ARRAY`](https://learn.microsoft.com/windows/win32/api/wtypes/ne-wtypes-varenum) for arrays.
            pub fn vt(&self) -> u16 {
                match self {
                    Self::Array(array) => VT_ARRAY | array.element_type().number(),
                    Self::Empty => 0,
                    Self::Null => 1,
                    $(Self::$name(_) => $number,)*
                }
            }

            /// What a variant holds, without its VT and signature.
            pub(super) fn write_value(&self, writer: &mut Writer) {
                match self {
                    Self::Empty | Self::Null => writer.u8(0),
                    Self::Array(array) => array.write(writer),
                    $(Self::$name(value) => value.write(writer),)*
                }
            }

            /// What an element or a variant of `kind` holds, after its VT and signature.
            pub(super) fn read_value(kind: VariantType, reader: &mut Reader<'_>, depth: usize) -> Result<Self, Malformed> {
                Ok(match kind {
                    VariantType::Empty | VariantType::Null => match (reader.u8()?, kind) {
                        (0, VariantType::Empty) => Self::Empty,
                        (0, _) => Self::Null,
                        _ => return reader.fail("a VARIANT without a value has one"),
                    },
                    VariantType::Variant => Self::read_at(reader, depth)?,
                    $(VariantType::$name => Self::$name(<$rust>::read(reader)?),)*
                })
            }
        }

    };
}

variants! {
    /// `VT_I2`, 2.
    I2(i16) = 2, "n";
    /// `VT_I4`, 3.
    I4(i32) = 3, "i";
    /// `VT_R4`, 4.
    R4(f32) = 4, "d";
    /// `VT_R8`, 5.
    R8(f64) = 5, "d";
    /// `VT_CY`, 6.
    Currency(Currency) = 6, "x";
    /// `VT_DATE`, 7.
    Date(Date) = 7, "d";
    /// `VT_BSTR`, 8.
    Bstr(Bstr) = 8, "(bay)";
    /// `VT_DISPATCH`, 9.
    Dispatch(Object) = 9, "v";
    /// `VT_ERROR`, 10. An argument that was left out is `DISP_E_PARAMNOTFOUND`, 0x80020004.
    Error(Hresult) = 10, "i";
    /// `VT_BOOL`, 11.
    Bool(bool) = 11, "b";
    /// `VT_UNKNOWN`, 13.
    Unknown(Object) = 13, "v";
    /// `VT_DECIMAL`, 14.
    Decimal(Decimal) = 14, "(yyut)";
    /// `VT_I1`, 16.
    I1(i8) = 16, "n";
    /// `VT_UI1`, 17.
    UI1(u8) = 17, "y";
    /// `VT_UI2`, 18.
    UI2(u16) = 18, "q";
    /// `VT_UI4`, 19.
    UI4(u32) = 19, "u";
    /// `VT_I8`, 20.
    I8(i64) = 20, "x";
    /// `VT_UI8`, 21.
    UI8(u64) = 21, "t";
    /// `VT_INT`, 22.
    Int(i32) = 22, "i";
    /// `VT_UINT`, 23.
    UInt(u32) = 23, "u";
}

impl VariantType {
    pub(super) fn read_signature(self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        if reader.signature()? == self.signature() { Ok(()) } else { reader.fail("a value has another type than its VT says") }
    }
}

impl Variant {
    pub(super) fn read_at(reader: &mut Reader<'_>, depth: usize) -> Result<Self, Malformed> {
        let Some(depth) = depth.checked_sub(1) else { return reader.fail("values are nested too deeply") };
        reader.structure()?;
        let number = reader.u16()?;
        let kind = match VariantType::from_number(number & !VT_ARRAY) {
            Some(kind) if kind != VariantType::Variant || number & VT_ARRAY != 0 => kind,
            _ => return reader.fail("a VARIANT has a VT that is not kept"),
        };
        if number & VT_ARRAY == 0 {
            kind.read_signature(reader)?;
            return Self::read_value(kind, reader, depth);
        }
        if reader.signature()? != VariantArray::SIGNATURE {
            return reader.fail("a value has another type than its VT says");
        }
        let array = VariantArray::read_at(reader, depth)?;
        if array.element_type() == kind { Ok(Self::Array(Box::new(array))) } else { reader.fail("an array has elements of another type") }
    }
}

impl Queueable for Variant {
    fn kind() -> Type {
        Type::Variant
    }

    const ALIGNMENT: usize = 8;

    fn write(&self, writer: &mut Writer) {
        writer.structure();
        writer.u16(self.vt());
        writer.signature(match (self, VariantType::from_number(self.vt())) {
            (Self::Array(_), _) | (_, None) => VariantArray::SIGNATURE,
            (_, Some(kind)) => kind.signature(),
        });
        self.write_value(writer);
    }
}

impl Playable for Variant {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::read_at(reader, DEEPEST)
    }
}

macro_rules! from {
    ($($rust:ty, $name:ident;)*) => {$(
        impl From<$rust> for Variant {
            fn from(value: $rust) -> Self {
                Self::$name(value)
            }
        }
    )*};
}

from! {
    i16, I2;
    i32, I4;
    f32, R4;
    f64, R8;
    Currency, Currency;
    Date, Date;
    Bstr, Bstr;
    Hresult, Error;
    bool, Bool;
    Object, Unknown;
    Decimal, Decimal;
    i8, I1;
    u8, UI1;
    u16, UI2;
    u32, UI4;
    i64, I8;
    u64, UI8;
}

impl From<&str> for Variant {
    fn from(text: &str) -> Self {
        Self::Bstr(text.into())
    }
}

impl<T: SafeArrayElement + Into<Self>> From<SafeArray<T>> for Variant {
    fn from(array: SafeArray<T>) -> Self {
        Self::Array(Box::new(array.into()))
    }
}
