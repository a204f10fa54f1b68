use std::fmt;

use crate::{
    Playable, Queueable,
    interface::Type,
    marshal::{Malformed, Reader, Writer},
};

/// `CURRENCY`: an amount in ten-thousandths. Kept as `x`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency {
    /// How many ten-thousandths.
    pub ten_thousandths: i64,
}

/// `DATE`: days since midnight of 1899-12-30, without a time zone. Before that day the whole days are
/// negative, and the fraction still counts forward from midnight: -1.25 is 6 in the morning of
/// 1899-12-29. Kept as `d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Date {
    /// How many days.
    pub days: f64,
}

/// `DECIMAL`: a whole number of at most 96 bits, divided by a power of ten. Kept as `(yyut)`: the power,
/// the sign (0 or 128), the high 32 bits, the low 64 bits.
///
/// Two are equal when they are written alike: 1.0 is not 1.00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    scale: u8,
    sign: Sign,
    magnitude: u128,
}

/// The sign of a [`Decimal`]. Zero can have either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sign {
    /// Zero and above.
    #[default]
    Plus,
    /// `DECIMAL_NEG`.
    Minus,
}

/// The number is none that a [`Decimal`] can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a DECIMAL has at most 96 bits, and at most 28 digits behind the point")]
pub struct NotDecimal;

/// `DECIMAL_NEG`.
const NEGATIVE: u8 = 0x80;

impl Decimal {
    /// `magnitude` divided by ten to the power of `scale`.
    ///
    /// # Errors
    /// When `magnitude` has more than 96 bits, or `scale` is more than 28.
    pub const fn new(sign: Sign, magnitude: u128, scale: u8) -> Result<Self, NotDecimal> {
        if magnitude >> 96 == 0 && scale <= 28 { Ok(Self { scale, sign, magnitude }) } else { Err(NotDecimal) }
    }

    /// The power of ten that it is divided by, 0 to 28.
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// Its sign.
    pub const fn sign(self) -> Sign {
        self.sign
    }

    /// The whole number, at most 96 bits.
    pub const fn magnitude(self) -> u128 {
        self.magnitude
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.ten_thousandths < 0 { "-" } else { "" };
        let magnitude = self.ten_thousandths.unsigned_abs();
        write!(f, "{sign}{}.{:04}", magnitude / 10_000, magnitude % 10_000)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.sign == Sign::Minus { "-" } else { "" };
        let scale = usize::from(self.scale);
        let digits = format!("{:0width$}", self.magnitude, width = scale + 1);
        match digits.split_at(digits.len() - scale) {
            (whole, "") => write!(f, "{sign}{whole}"),
            (whole, fraction) => write!(f, "{sign}{whole}.{fraction}"),
        }
    }
}

impl Queueable for Currency {
    fn kind() -> Type {
        Type::Currency
    }

    const ALIGNMENT: usize = 8;

    fn write(&self, writer: &mut Writer) {
        writer.i64(self.ten_thousandths);
    }
}

impl Playable for Currency {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.i64().map(|ten_thousandths| Self { ten_thousandths })
    }
}

impl Queueable for Date {
    fn kind() -> Type {
        Type::Date
    }

    const ALIGNMENT: usize = 8;

    fn write(&self, writer: &mut Writer) {
        writer.f64(self.days);
    }
}

impl Playable for Date {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.f64().map(|days| Self { days })
    }
}

impl Queueable for Decimal {
    fn kind() -> Type {
        Type::Decimal
    }

    const ALIGNMENT: usize = 8;

    #[expect(clippy::cast_possible_truncation, reason = "the magnitude is cut into its parts")]
    fn write(&self, writer: &mut Writer) {
        writer.structure();
        writer.u8(self.scale);
        writer.u8(if self.sign == Sign::Minus { NEGATIVE } else { 0 });
        writer.u32((self.magnitude >> 64) as u32);
        writer.u64(self.magnitude as u64);
    }
}

impl Playable for Decimal {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.structure()?;
        let scale = reader.u8()?;
        let sign = match reader.u8()? {
            0 => Sign::Plus,
            NEGATIVE => Sign::Minus,
            _ => return reader.fail("the sign of a DECIMAL is neither 0 nor 128"),
        };
        let high = u128::from(reader.u32()?);
        let magnitude = high << 64 | u128::from(reader.u64()?);
        Self::new(sign, magnitude, scale).or_else(|_| reader.fail("a DECIMAL has more than 28 digits behind the point"))
    }
}
