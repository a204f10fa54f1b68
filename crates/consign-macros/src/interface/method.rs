use quote::ToTokens;
use syn::{
    Attribute, FnArg, GenericArgument, Ident, LitInt, PathArguments, Receiver, ReceiverKind, ReturnType, Safety, Signature, Token,
    TraitItemFn, Type,
};

use super::parameter::Parameter;
use crate::{errors::Errors, names};

/// A method of an interface.
pub(super) struct Method {
    pub(super) ident: Ident,
    /// As it is called in a call.
    pub(super) name: String,
    pub(super) dispid: Option<i32>,
    /// Documentation, lint levels, `#[deprecated]`.
    pub(super) attributes: Vec<Attribute>,
    pub(super) asynchronous: bool,
    pub(super) returns: Type,
    pub(super) parameters: Vec<Parameter>,
}

const RETURN: &str = "a queued call has no answer: return `consign::Result<()>`, which says whether the call was recorded, or carried out. \
                      Let the component answer by a call of its own, on a recorder that is passed to it";
const RECEIVER: &str = "a queued method takes `&self`: the object lives until all calls of the message are played, and keeps what changes \
                        in a `Mutex` or a database";

impl Method {
    pub(super) fn read(function: &TraitItemFn, errors: &mut Errors) -> Option<Self> {
        let Signature { constness, asyncness, safety, abi, ident, generics, inputs, variadic, output, .. } = &function.sig;
        let before = "take this away: the call is written down, and made on another day";
        if let Some(constness) = constness {
            errors.at(constness, before);
        }
        if let Some(defaultness) = &function.modifiers.defaultness {
            errors.at(defaultness, before);
        }
        match safety {
            Safety::Unsafe(place) => {
                errors.at(place, "a queued method is not unsafe: whoever records a call cannot keep a promise for whoever plays it")
            }
            Safety::Safe(place) => errors.at(place, before),
            Safety::Default => {}
        }
        if let Some(abi) = abi {
            errors.at(abi, before);
        }
        if let Some(variadic) = variadic {
            errors.at(variadic, "name every parameter: a call carries one value for each");
        }
        if !generics.params.is_empty() {
            errors.at(
                generics,
                "a queued method has no generics: its types are part of the contract. Name the types, and leave lifetimes out",
            );
        }
        if let Some(clause) = &generics.where_clause {
            errors.at(clause, "a queued method has no conditions: take the `where` clause away");
        }
        if let Some(block) = &function.default {
            errors.at(block, "an interface only declares: end the method with `;`, and write its body in the component");
        }
        let mut inputs = inputs.iter().peekable();
        match inputs.next_if(|input| matches!(input, FnArg::Receiver(_))) {
            Some(FnArg::Receiver(receiver)) => check_receiver(receiver, errors),
            _ => errors.at(ident, "a queued method is called on an object: its first parameter is `&self`"),
        }
        let mut parameters = Vec::new();
        for input in inputs {
            if let FnArg::Typed(input) = input
                && let Some(parameter) = Parameter::read(input, errors)
            {
                parameters.push(parameter);
            }
        }
        let returns = match output {
            ReturnType::Type(_, returns) if is_empty_result(returns) => Some(Type::clone(returns)),
            ReturnType::Type(_, returns) => {
                let future = matches!(**returns, Type::ImplTrait(_));
                errors.at(
                    returns,
                    if future { "write `async fn`, which returns `consign::Result<()>`: its future is `Send` by itself" } else { RETURN },
                );
                None
            }
            ReturnType::Default => {
                errors.at(ident, "a queued method returns `consign::Result<()>`: recording a call can fail, and so can playing it");
                None
            }
        };
        let (dispid, attributes) = attributes(&function.attrs, errors);
        let name = names::pascal(ident);
        if name.is_empty() || !name.is_ascii() || name.starts_with(|first: char| first.is_ascii_digit()) {
            errors.at(ident, "the name of a queued method is made of ASCII letters, digits and underscores, and has a letter first");
        }
        let asynchronous = asyncness.is_some();
        Some(Self { ident: ident.clone(), name, dispid, attributes, asynchronous, returns: returns?, parameters })
    }

    pub(super) fn is_deprecated(&self) -> bool {
        self.attributes.iter().any(|attribute| attribute.path().is_ident("deprecated"))
    }
}

fn check_receiver(receiver: &Receiver, errors: &mut Errors) {
    match &receiver.kind {
        ReceiverKind::Reference(_, None, None) => {}
        ReceiverKind::Reference(_, Some(lifetime), None) => errors.at(lifetime, "leave the lifetime out: `&self`"),
        _ => errors.at(receiver, RECEIVER),
    }
}

/// `Result<()>`, under whichever path: that it is the library's own, the compiler sees.
fn is_empty_result(returns: &Type) -> bool {
    let Type::Path(path) = returns else { return false };
    let Some(last) = path.path.segments.last() else { return false };
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return false };
    let empty = |argument: &GenericArgument| matches!(argument, GenericArgument::Type(Type::Tuple(tuple)) if tuple.elems.is_empty());
    path.qself.is_none() && last.ident == "Result" && arguments.args.len() == 1 && arguments.args.iter().all(empty)
}

/// Splits what is for the interface from what is for the compiler.
fn attributes(attributes: &[Attribute], errors: &mut Errors) -> (Option<i32>, Vec<Attribute>) {
    let (mut dispid, mut kept) = (None, Vec::new());
    for attribute in attributes {
        let is = |name: &str| attribute.path().is_ident(name);
        if is("id") {
            if dispid.is_some() {
                errors.at(attribute, "`id` stands twice");
            }
            dispid = errors.take(attribute.parse_args_with(id)).or(dispid);
        } else if is("cfg") || is("cfg_attr") {
            errors.at(attribute, "a method is always there: an IID names one list of methods, on every machine");
        } else if ["doc", "deprecated", "allow", "expect", "warn", "deny"].into_iter().any(is) {
            kept.push(attribute.clone());
        } else {
            let written = attribute.path().to_token_stream().to_string();
            let meant = names::similar(&written, &["id", "doc", "deprecated"]).map(|meant| format!(": did you mean `{meant}`?"));
            errors.at(attribute, format!("a queued method has no attribute `{written}`{}", meant.unwrap_or_default()));
        }
    }
    (dispid, kept)
}

fn id(input: syn::parse::ParseStream<'_>) -> syn::Result<i32> {
    let minus: Option<Token![-]> = input.parse()?;
    let number: LitInt = input.parse().map_err(|error| syn::Error::new(error.span(), "expected a DISPID, as in `#[id(1)]`"))?;
    let magnitude: i64 = number.base10_parse()?;
    let value = if minus.is_some() { -magnitude } else { magnitude };
    i32::try_from(value).map_err(|_| syn::Error::new(number.span(), "a DISPID has 32 bits"))
}
