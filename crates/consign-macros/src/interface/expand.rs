//! What an interface becomes: the trait itself, and a type that stands for the interface.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, Path, ext::IdentExt};

use super::{Described, documentation::help, method::Method};
use crate::errors::place_of;

/// The names that the pieces of one interface have.
pub(super) struct Names {
    /// `Shipment`.
    pub(super) component: Ident,
    /// `IShipment`.
    pub(super) interface: Ident,
    /// `ShipmentRecorder`.
    pub(super) recorder: Ident,
}

impl Described {
    pub(super) fn expand(&self) -> TokenStream {
        let plain = self.item.ident.unraw();
        let span = self.item.ident.span();
        let names = Names {
            component: self.item.ident.clone(),
            interface: format_ident!("I{plain}", span = span),
            recorder: format_ident!("{plain}Recorder", span = span),
        };
        let (component, interface) = (self.component(), self.interface(&names));
        let (recorder, dispatch) = (self.recorder(&names), self.dispatch(&names));
        quote! {
            #component
            #interface
            #recorder
            #dispatch
        }
    }

    /// The trait, as it was written but for what every interface has in common.
    fn component(&self) -> TokenStream {
        let (attributes, vis, ident) = (&self.item.attrs, &self.item.vis, &self.item.ident);
        let bounds = match &self.keys.base {
            Some(base) => {
                let base = component_of(base);
                quote!(#base)
            }
            None => quote!(::core::marker::Send + ::core::marker::Sync + 'static),
        };
        let methods = self.methods.iter().map(|method| {
            let Method { ident, attributes, returns, .. } = method;
            let parameters = method.written();
            let returns = if method.asynchronous {
                quote_spanned!(place_of(returns)=> impl ::core::future::Future<Output = #returns> + ::core::marker::Send)
            } else {
                quote!(#returns)
            };
            quote! {
                #(#attributes)*
                fn #ident(&self, #parameters) -> #returns;
            }
        });
        quote! {
            #(#attributes)*
            #vis trait #ident: #bounds {
                #(#methods)*
            }
        }
    }

    /// The type that stands for the interface.
    fn interface(&self, names: &Names) -> TokenStream {
        let Names { component, interface, recorder } = names;
        let vis = &self.item.vis;
        let (iid, queueable, dual) = (self.keys.uuid.tokens(), self.keys.queueable, self.keys.dual);
        let documentation = format!("The interface of [`{component}`].");
        let (name, help_of_all) = (interface.to_string(), help(&self.item.attrs));
        let base = match &self.keys.base {
            Some(base) => quote!(::core::option::Option::Some(<#base as ::consign::Interface>::described())),
            None => quote!(::core::option::Option::None),
        };
        let base_recorder =
            self.keys.base.as_ref().map(|base| quote!(base: <#base as ::consign::Interface>::recorder_as(recorder, described),));
        let methods = self.methods.iter().map(|method| {
            let name = &method.name;
            let help = help(&method.attributes);
            let dispid = match method.dispid {
                Some(id) => quote!(::core::option::Option::Some(#id)),
                None => quote!(::core::option::Option::None),
            };
            let parameters = method.parameters.iter().map(|parameter| {
                let (name, kind) = (&parameter.name, &parameter.recorded);
                let kind = quote_spanned!(place_of(kind)=> <#kind as ::consign::Queueable>::kind());
                quote!((#name, #kind))
            });
            quote!(.method(#name, #help, #dispid, [#(#parameters),*]))
        });
        quote! {
            #[doc = #documentation]
            #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
            #vis enum #interface {}

            impl ::consign::Interface for #interface {
                const IID: ::consign::Guid = #iid;
                type Recorder<'r> = #recorder<'r>;

                fn described() -> &'static ::consign::generated::Described {
                    static DESCRIBED: ::std::sync::OnceLock<::consign::generated::Described> = ::std::sync::OnceLock::new();
                    DESCRIBED.get_or_init(|| {
                        ::consign::generated::Described::new(
                            <Self as ::consign::Interface>::IID, #name, #help_of_all, #queueable, #dual, #base,
                        )
                        #(#methods)*
                    })
                }

                fn recorder_as<'r>(
                    recorder: &'r ::consign::Recorder,
                    described: &'static ::consign::generated::Described,
                ) -> Self::Recorder<'r> {
                    #recorder { #base_recorder recorder, described }
                }
            }
        }
    }
}

/// `path::Shipment` for `path::IShipment`.
pub(super) fn component_of(interface: &Path) -> Path {
    let mut component = interface.clone();
    if let Some(last) = component.segments.last_mut()
        && let Some(plain) = super::interface_name(&last.ident)
    {
        last.ident = Ident::new(&plain, last.ident.span());
    }
    component
}
