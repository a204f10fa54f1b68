use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::spanned::Spanned;

/// What is wrong with the source, all of it: nobody wants to hear of one fault a run.
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    /// Points at `place`, and says what to do about it.
    pub(crate) fn at(&mut self, place: impl ToTokens, message: impl Display) {
        self.add(syn::Error::new_spanned(place, message));
    }

    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// The value, or `None` and the reason told.
    pub(crate) fn take<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    /// What the compiler is to be told; `None` when nothing is wrong.
    pub(crate) fn into_tokens(self) -> Option<TokenStream> {
        self.0.map(syn::Error::into_compile_error)
    }
}

/// Where the compiler is to point when what is generated for `tokens` is refused. The names in it are those
/// of the macro, wherever `tokens` come from.
pub(crate) fn place_of(tokens: &impl ToTokens) -> Span {
    tokens.span().resolved_at(Span::call_site())
}
