//! `#[consign::interface]`.

mod documentation;
mod expand;
mod keys;
mod method;
mod parameter;
mod play;
mod record;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Ident, ItemTrait, TraitItem, ext::IdentExt};

use self::{keys::Keys, method::Method};
use crate::errors::Errors;

/// A trait that is an interface.
struct Described {
    keys: Keys,
    item: ItemTrait,
    methods: Vec<Method>,
}

pub(crate) fn expand(keys: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let keys = Keys::read(keys, &mut errors);
    let Some(item) = errors.take(parse(item)) else { return errors.into_tokens().unwrap_or_default() };
    check_trait(&item, &mut errors);
    let methods = methods(&item, &mut errors);
    match (errors.into_tokens(), keys) {
        (None, Some(keys)) => Described { keys, item, methods }.expand(),
        (errors, _) => errors.unwrap_or_default(),
    }
}

fn parse(item: TokenStream) -> syn::Result<ItemTrait> {
    let span = item.clone();
    syn::parse2(item).map_err(|error| match syn::parse2::<syn::Item>(span.clone()) {
        Ok(_) => syn::Error::new_spanned(span, "an interface is described by a trait: `pub trait Shipment { … }`"),
        Err(_) => error,
    })
}

fn check_trait(item: &ItemTrait, errors: &mut Errors) {
    if let Some(plain) = interface_name(&item.ident) {
        errors.at(&item.ident, format!("name the trait `{plain}`: its interface is then called `{}`", item.ident));
    }
    if let Some(unsafety) = &item.unsafety {
        errors.at(unsafety, "an interface is no unsafe trait: whoever records a call cannot keep a promise for whoever plays it");
    }
    if let Some(auto) = &item.modifiers.auto_token {
        errors.at(auto, "an interface is no auto trait");
    }
    if !item.generics.params.is_empty() {
        errors.at(&item.generics, "an interface has no generics: one IID is one list of methods with one list of types each");
    }
    if let Some(clause) = &item.generics.where_clause {
        errors.at(clause, "an interface has no conditions: take the `where` clause away");
    }
    if !item.supertraits.is_empty() {
        errors.at(
            &item.supertraits,
            "take the supertraits away: `Send + Sync + 'static` is added by itself, and what an interface derives from stands in the attribute: `base = IShipment`",
        );
    }
    if item.items.is_empty() {
        errors.at(&item.ident, "an interface has at least one method");
    }
}

/// `IShipment` is the interface of the trait `Shipment`.
fn interface_name(ident: &Ident) -> Option<String> {
    let name = ident.unraw().to_string();
    name.strip_prefix('I').filter(|rest| rest.starts_with(char::is_uppercase)).map(str::to_owned)
}

fn methods(item: &ItemTrait, errors: &mut Errors) -> Vec<Method> {
    let mut methods: Vec<Method> = Vec::new();
    for item in &item.items {
        match item {
            TraitItem::Fn(function) => {
                let Some(method) = Method::read(function, errors) else { continue };
                if let Some(other) = methods.iter().find(|other| other.name == method.name) {
                    errors.at(
                        &method.ident,
                        format!("`{}` and `{}` are both called `{}` in a call: rename one", other.ident, method.ident, method.name),
                    );
                }
                if let Some(other) = methods.iter().find(|other| other.dispid.is_some() && other.dispid == method.dispid) {
                    errors.at(&method.ident, format!("it has the same id as `{}`: give it another", other.ident));
                }
                methods.push(method);
            }
            TraitItem::Const(constant) => errors.at(constant, "an interface has only methods: a constant is not part of a call"),
            TraitItem::Type(alias) => errors.at(alias, "an interface has only methods: name the type in the method"),
            TraitItem::Macro(called) => errors.at(called, "an interface is its list of methods: write them here"),
            other => errors.at(other.to_token_stream(), "an interface has only methods"),
        }
    }
    methods
}
