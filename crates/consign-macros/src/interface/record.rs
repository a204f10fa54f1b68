//! The recorder of an interface: the same methods, which only write down.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};

use super::{Described, expand::Names, method::Method};
use crate::errors::place_of;

impl Described {
    pub(super) fn recorder(&self, names: &Names) -> TokenStream {
        let Names { component, interface, recorder } = names;
        let vis = &self.item.vis;
        let documentation =
            format!("Records calls on [`{component}`]. A call returns when it is written down; the component is not asked.");
        // A parameter may have the same name.
        let arguments = Ident::new("arguments", Span::mixed_site());
        let methods = self.methods.iter().enumerate().map(|(index, method)| {
            let Method { ident, attributes, parameters, .. } = method;
            let written = method.written();
            let pushed = parameters.iter().map(|parameter| {
                let (ident, kind) = (&parameter.ident, &parameter.recorded);
                let value = match parameter.played {
                    super::parameter::Played::Owned => quote!(&#ident),
                    super::parameter::Played::Borrowed(_) => quote!(#ident),
                };
                quote_spanned!(place_of(kind)=> <#kind as ::consign::Queueable>::write(#value, #arguments.next_argument());)
            });
            let attributes = attributes.iter().filter(|attribute| !attribute.path().is_ident("expect"));
            quote! {
                #(#attributes)*
                #vis fn #ident(&self, #written) -> ::consign::Result<()> {
                    self.recorder.append(
                        self.described,
                        <#interface as ::consign::Interface>::described().inherited() + #index,
                        |#arguments| { #(#pushed)* },
                    )
                }
            }
        });
        let (base_field, deref) = match &self.keys.base {
            None => Default::default(),
            Some(base) => (
                quote!(base: <#base as ::consign::Interface>::Recorder<'r>,),
                quote! {
                    impl<'r> ::core::ops::Deref for #recorder<'r> {
                        type Target = <#base as ::consign::Interface>::Recorder<'r>;

                        fn deref(&self) -> &Self::Target {
                            &self.base
                        }
                    }
                },
            ),
        };
        quote! {
            #[doc = #documentation]
            #[must_use = "nothing is recorded until its methods are called"]
            #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
            #vis struct #recorder<'r> {
                #base_field
                recorder: &'r ::consign::Recorder,
                described: &'static ::consign::generated::Described,
            }

            impl<'r> #recorder<'r> {
                #(#methods)*
            }

            #deref
        }
    }
}

impl Method {
    /// The parameters, as they were written.
    pub(super) fn written(&self) -> TokenStream {
        let parameters = self.parameters.iter().map(|parameter| {
            let (ident, written) = (&parameter.ident, &parameter.written);
            quote!(#ident: #written)
        });
        quote!(#(#parameters),*)
    }
}
