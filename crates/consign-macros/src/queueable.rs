//! `#[derive(consign::Queueable)]`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{
    Attribute, Data, DataEnum, DataStruct, DeriveInput, Expr, ExprLit, Fields, GenericArgument, Index, Lit, Member, Meta, PathArguments,
    Token, Type, ext::IdentExt, punctuated::Punctuated, spanned::Spanned,
};

use crate::{
    errors::{Errors, place_of},
    guid::Guid,
    names,
};

pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(item) = errors.take(syn::parse2::<DeriveInput>(item)) else { return errors.into_tokens().unwrap_or_default() };
    if !item.generics.params.is_empty() {
        errors.at(
            &item.generics,
            "a type in a message has no generics: its form is part of the contract. Name the types, and own what is borrowed",
        );
    }
    let uuid = uuid(&item.attrs, &mut errors);
    let tokens = match &item.data {
        Data::Struct(data) => structure(&item.ident, data, uuid, &mut errors),
        Data::Enum(data) => {
            if let Some((_, place)) = uuid {
                errors.add(syn::Error::new(place, "only a structure has a UUID: an enumeration is a number"));
            }
            enumeration(&item.ident, data, &mut errors)
        }
        Data::Union(data) => {
            errors.at(
                data.union_token,
                "a union cannot be in a message: nobody knows which of its fields is meant. Pass a structure of `Option`s",
            );
            TokenStream::new()
        }
    };
    errors.into_tokens().unwrap_or(tokens)
}

/// The `uuid` of `#[queueable(uuid = "…")]`, and where it stands.
fn uuid(attributes: &[Attribute], errors: &mut Errors) -> Option<(Guid, Span)> {
    let mut uuid = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("queueable")) {
        let Some(metas) = errors.take(attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)) else { continue };
        for meta in metas {
            match &meta {
                Meta::NameValue(value) if value.path.is_ident("uuid") => match &value.value {
                    Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if uuid.is_none() => {
                        uuid = errors.take(Guid::parse(text)).map(|guid| (guid, meta.path().span()));
                    }
                    Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => errors.at(&meta, "`uuid` stands twice"),
                    other => errors.at(other, "expected a UUID in quotes"),
                },
                other => errors.at(other, "there is only `uuid = \"…\"` here, which COM+ asks of a structure"),
            }
        }
    }
    uuid
}

fn structure(ident: &Ident, data: &DataStruct, uuid: Option<(Guid, Span)>, errors: &mut Errors) -> TokenStream {
    if data.fields.is_empty() {
        errors.at(ident, "a structure in a message has at least one field: what has none says nothing");
    }
    let fields: Vec<(Member, String, &Type)> = data
        .fields
        .iter()
        .enumerate()
        .map(|(place, field)| match &field.ident {
            Some(name) => (Member::Named(name.clone()), names::camel(name), &field.ty),
            None => (Member::Unnamed(Index::from(place)), format!("field{place}"), &field.ty),
        })
        .collect();
    for (_, _, kind) in &fields {
        if let Some(place) = mention(kind, ident) {
            errors.at(place, "a structure in a message does not hold itself: its form would have no end. Pass the parts as a flat `Vec`");
        }
        if let Type::Reference(reference) = kind {
            errors.at(reference, "a structure in a message owns what it holds: `String`, `Vec<T>` or the type itself");
        }
    }
    let name = ident.unraw().to_string();
    let uuid = match uuid {
        Some((guid, _)) => {
            let guid = guid.tokens();
            quote!(::core::option::Option::Some(#guid))
        }
        None => quote!(::core::option::Option::None),
    };
    let described = fields.iter().map(|(_, name, kind)| {
        let kind = quote_spanned!(place_of(kind)=> <#kind as ::consign::Queueable>::kind());
        quote!(::consign::generated::Field { name: ::std::borrow::ToOwned::to_owned(#name), kind: #kind })
    });
    let levels = fields.iter().map(|(_, _, kind)| quote_spanned!(place_of(kind)=> <#kind as ::consign::Queueable>::LEVELS));
    let written = fields
        .iter()
        .map(|(member, _, kind)| quote_spanned!(place_of(kind)=> <#kind as ::consign::Queueable>::write(&self.#member, writer);));
    let read =
        fields.iter().map(|(member, _, kind)| quote_spanned!(place_of(kind)=> #member: <#kind as ::consign::Playable>::read(reader)?));
    quote! {
        impl ::consign::Queueable for #ident {
            fn kind() -> ::consign::generated::Type {
                ::consign::generated::Type::Struct {
                    name: ::std::borrow::ToOwned::to_owned(#name),
                    uuid: #uuid,
                    fields: ::std::vec![#(#described),*],
                }
            }

            const ALIGNMENT: usize = 8;
            const LEVELS: usize = ::consign::generated::levels_of_structure(&[#(#levels),*]);

            fn write(&self, writer: &mut ::consign::generated::Writer) {
                writer.structure();
                #(#written)*
            }
        }

        impl ::consign::Playable for #ident {
            fn read(reader: &mut ::consign::generated::Reader<'_>) -> ::core::result::Result<Self, ::consign::generated::Malformed> {
                reader.structure()?;
                ::core::result::Result::Ok(Self { #(#read),* })
            }
        }

        const _: usize = <#ident as ::consign::Queueable>::LEVELS;
    }
}

/// Where a type names the structure that it is in.
fn mention<'a>(kind: &'a Type, structure: &Ident) -> Option<&'a Type> {
    match kind {
        Type::Path(path) => {
            let path = &path.path;
            if path.is_ident(structure) || path.is_ident("Self") {
                return Some(kind);
            }
            match &path.segments.last()?.arguments {
                PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(|argument| match argument {
                    GenericArgument::Type(inner) => mention(inner, structure),
                    _ => None,
                }),
                _ => None,
            }
        }
        Type::Paren(inner) => mention(&inner.elem, structure),
        Type::Group(inner) => mention(&inner.elem, structure),
        Type::Reference(inner) => mention(&inner.elem, structure),
        _ => None,
    }
}

fn enumeration(ident: &Ident, data: &DataEnum, errors: &mut Errors) -> TokenStream {
    if data.variants.is_empty() {
        errors.at(ident, "an enumeration in a message has at least one value");
    }
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            errors.at(
                variant,
                "an enumeration in a message is a number: pass what this value holds as an `Option` beside it, or in a structure",
            );
        }
    }
    let name = ident.unraw().to_string();
    let values: Vec<&Ident> = data.variants.iter().map(|variant| &variant.ident).collect();
    let names = values.iter().map(|value| value.unraw().to_string());
    let fit = data.variants.iter().map(|variant| {
        let value = &variant.ident;
        let place = variant.discriminant.as_ref().map_or_else(|| place_of(value), |(_, number)| place_of(number));
        quote_spanned!(place=> const _: () = ::consign::generated::fits_in_32_bits(#ident::#value as i128);)
    });
    quote! {
        impl ::consign::Queueable for #ident {
            fn kind() -> ::consign::generated::Type {
                ::consign::generated::Type::Enum {
                    name: ::std::borrow::ToOwned::to_owned(#name),
                    elements: ::std::vec![
                        #(::consign::generated::Element { name: ::std::borrow::ToOwned::to_owned(#names), value: Self::#values as i32 }),*
                    ],
                }
            }

            const ALIGNMENT: usize = 4;

            fn write(&self, writer: &mut ::consign::generated::Writer) {
                writer.i32(match self {
                    #(Self::#values => Self::#values as i32,)*
                });
            }
        }

        impl ::consign::Playable for #ident {
            fn read(reader: &mut ::consign::generated::Reader<'_>) -> ::core::result::Result<Self, ::consign::generated::Malformed> {
                let number = reader.i32()?;
                #(if number == Self::#values as i32 { return ::core::result::Result::Ok(Self::#values); })*
                reader.fail("an enumeration has no such value")
            }
        }

        #(#fit)*
    }
}
