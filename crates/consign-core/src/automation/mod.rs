//! The types of OLE Automation that Rust has no type of its own for: what an interface passes so that
//! COM+ would queue it, too. Each is kept as the table in `docs/types.md` says, for ever.
//!
//! Only values, and how they are written and read. Nothing here calculates with them.

mod bstr;
mod numbers;
mod safe_array;
mod variant;
mod variant_array;

pub use bstr::Bstr;
pub use numbers::{Currency, Date, Decimal, NotDecimal, Sign};
pub use safe_array::{Bound, SafeArray, SafeArrayElement, WrongShape};
pub use variant::{Variant, VariantType};
pub use variant_array::VariantArray;

#[cfg(test)]
mod tests;
