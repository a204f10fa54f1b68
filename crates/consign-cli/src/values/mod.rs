//! Arguments of calls as people and scripts write them, and as they are shown: one place for both, so
//! that what is shown can be typed again.
//!
//! The types are those of the interface model; which method is called is not known here.

mod automation;
mod json;
mod misfit;
mod shown;
mod words;

pub(crate) use json::from_json;
pub(crate) use misfit::Misfit;
pub(crate) use shown::{Length, Shown, show};
pub(crate) use words::from_text;

#[cfg(test)]
mod tests;
