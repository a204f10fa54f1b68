//! The way back: a recorded call becomes a call on an object.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};

use super::{Described, expand::Names, method::Method, parameter::Played};
use crate::errors::place_of;

impl Described {
    pub(super) fn dispatch(&self, names: &Names) -> TokenStream {
        let Names { component, interface, .. } = names;
        let methods = self.methods.iter().enumerate().map(|(index, method)| play(index, method, names));
        let otherwise = match &self.keys.base {
            Some(base) => quote!(<#base as ::consign::Dispatch<ConsignComponent>>::dispatch(object, method, signature, arguments)),
            None => quote!(::consign::generated::not_a_member(<Self as ::consign::Interface>::described(), method)),
        };
        let deprecated = self.methods.iter().any(Method::is_deprecated).then(|| quote!(#[allow(deprecated)]));
        quote! {
            #deprecated
            impl<ConsignComponent: #component> ::consign::Dispatch<ConsignComponent> for #interface {
                fn dispatch<'a>(
                    object: &'a ConsignComponent,
                    method: &str,
                    signature: &str,
                    arguments: ::consign::generated::Reader<'a>,
                ) -> ::consign::generated::BoxFuture<'a, ::consign::Result<()>> {
                    let described = <Self as ::consign::Interface>::described();
                    match method {
                        #(#methods)*
                        _ => #otherwise,
                    }
                }
            }
        }
    }
}

fn play(index: usize, method: &Method, names: &Names) -> TokenStream {
    let (name, ident, component) = (&method.name, &method.ident, &names.component);
    let values: Vec<_> = (0..method.parameters.len()).map(|place| format_ident!("argument_{place}")).collect();
    let read = method.parameters.iter().map(|parameter| {
        let kind = match &parameter.played {
            Played::Owned => &parameter.recorded,
            Played::Borrowed(owned) => &**owned,
        };
        quote_spanned!(place_of(&parameter.recorded)=> <#kind as ::consign::Playable>::read(arguments)?)
    });
    let passed = method.parameters.iter().zip(&values).map(|(parameter, value)| match parameter.played {
        Played::Owned => quote!(#value),
        Played::Borrowed(_) => quote!(&#value),
    });
    let awaited = method.asynchronous.then(|| quote!(.await));
    let returns = &method.returns;
    // Here the compiler sees whether the `Result` is the library's own.
    let call = quote_spanned! {place_of(returns)=>
        ::consign::generated::answered(<ConsignComponent as #component>::#ident(object, #(#passed),*)#awaited)
    };
    quote! {
        #name => ::consign::generated::play(
            described, described.inherited() + #index, signature, arguments,
            |arguments| ::core::result::Result::Ok((#(#read,)*)),
            move |(#(#values,)*)| async move { #call },
        ),
    }
}
