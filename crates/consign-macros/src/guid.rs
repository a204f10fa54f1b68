use proc_macro2::TokenStream;
use quote::quote;
use syn::LitStr;

/// The bytes of a UUID, in the order in which they are printed.
#[derive(Clone, Copy)]
pub(crate) struct Guid([u8; 16]);

impl Guid {
    /// Reads what `uuidgen` prints, in braces or not.
    pub(crate) fn parse(text: &LitStr) -> syn::Result<Self> {
        let value = text.value();
        let inner = value.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(&value);
        let hyphens = [8, 13, 18, 23];
        let well_formed = inner.len() == 36
            && inner
                .char_indices()
                .all(|(at, character)| if hyphens.contains(&at) { character == '-' } else { character.is_ascii_hexdigit() });
        let digits = inner.replace('-', "");
        match u128::from_str_radix(&digits, 16) {
            Ok(0) => Err(syn::Error::new(text.span(), "this is GUID_NULL, which names nothing: `uuidgen` makes one of its own")),
            Ok(number) if well_formed => Ok(Self(number.to_be_bytes())),
            _ => Err(syn::Error::new(
                text.span(),
                "this is no UUID: expected 32 hexadecimal digits as in \"97184d0f-f7ef-413a-8c6d-c1745018b2e9\"; `uuidgen` makes one",
            )),
        }
    }

    /// As an expression.
    pub(crate) fn tokens(self) -> TokenStream {
        let bytes = self.0;
        quote!(::consign::Guid::from_bytes([#(#bytes),*]))
    }
}
