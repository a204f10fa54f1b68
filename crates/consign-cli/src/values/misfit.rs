use consign::{Hresult, common};
use consign_core::interface::Type;

/// A text or a JSON value does not fit the type of its parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// `DISP_E_TYPEMISMATCH` or `DISP_E_OVERFLOW`.
    pub(crate) code: Hresult,
    /// Where in the parameter: `.address.lines[2]`; empty for the parameter itself.
    pub(crate) place: String,
    /// The type there, as IDL has it.
    pub(crate) kind: String,
    /// What is wrong, and what is expected.
    pub(crate) sentence: String,
}

impl Misfit {
    pub(super) fn new(kind: &Type, sentence: impl Into<String>) -> Self {
        Self { code: common::DISP_E_TYPEMISMATCH, place: String::new(), kind: kind.to_string(), sentence: sentence.into() }
    }

    pub(super) fn overflow(kind: &Type, sentence: impl Into<String>) -> Self {
        Self { code: common::DISP_E_OVERFLOW, ..Self::new(kind, sentence) }
    }

    pub(super) fn in_field(mut self, name: &str) -> Self {
        self.place = format!(".{name}{}", self.place);
        self
    }

    pub(super) fn in_element(mut self, index: usize) -> Self {
        self.place = format!("[{index}]{}", self.place);
        self
    }
}
