use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{Expr, ExprLit, Lit, LitStr, Meta, Path, Token, parse::Parser, punctuated::Punctuated};

use crate::{errors::Errors, guid::Guid, names};

/// What stands in `#[consign::interface(…)]`.
pub(super) struct Keys {
    pub(super) uuid: Guid,
    pub(super) queueable: bool,
    pub(super) dual: bool,
    pub(super) base: Option<Path>,
}

const KNOWN: &[&str] = &["uuid", "queueable", "dual", "base"];
const NO_UUID: &str = "an interface needs a UUID of its own, `uuid = \"97184d0f-f7ef-413a-8c6d-c1745018b2e9\"`: `uuidgen` makes one. \
                       It names this list of methods for ever; whoever changes the list gives it a new one";

impl Keys {
    pub(super) fn read(tokens: TokenStream, errors: &mut Errors) -> Option<Self> {
        let metas = errors.take(Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens))?;
        let (mut uuid, mut queueable, mut dual, mut base) = (None, false, false, None);
        let mut given = Vec::new();
        for meta in &metas {
            let key = meta.path().get_ident().map(ToString::to_string).unwrap_or_default();
            if !KNOWN.contains(&key.as_str()) {
                errors.at(meta.path(), unknown(meta.path()));
                continue;
            }
            if given.contains(&key) {
                errors.at(meta.path(), format!("`{key}` stands twice"));
            }
            match (key.as_str(), meta) {
                ("uuid", Meta::NameValue(value)) => match text(&value.value) {
                    Some(text) => uuid = errors.take(Guid::parse(text)),
                    None => errors.at(&value.value, "expected a UUID in quotes"),
                },
                ("base", Meta::NameValue(value)) => match &value.value {
                    Expr::Path(path) if path.qself.is_none() && is_interface(&path.path) => base = Some(path.path.clone()),
                    other => errors.at(other, "expected the interface from which this one derives, as in `base = IShipment`"),
                },
                ("queueable", Meta::Path(_)) => queueable = true,
                ("dual", Meta::Path(_)) => dual = true,
                ("uuid" | "base", other) => errors.at(other, format!("`{key}` has a value: `{key} = …`")),
                (_, other) => errors.at(other, format!("`{key}` has no value: it is there or not")),
            }
            given.push(key);
        }
        if !given.iter().any(|key| key == "uuid") {
            errors.add(syn::Error::new(Span::call_site(), NO_UUID));
        }
        if dual && let Some(base) = &base {
            errors.at(base, "an interface is dual when its base is: take `dual` away, or `base`");
        }
        Some(Self { uuid: uuid?, queueable, dual, base })
    }
}

fn text(value: &Expr) -> Option<&LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        _ => None,
    }
}

/// Whether its last part is `I` and a name.
fn is_interface(path: &Path) -> bool {
    path.segments.last().is_some_and(|last| last.arguments.is_none() && super::interface_name(&last.ident).is_some())
}

fn unknown(path: &Path) -> String {
    let written = path.to_token_stream().to_string();
    match names::similar(&written, KNOWN) {
        Some(meant) => format!("there is no key `{written}`: did you mean `{meant}`?"),
        None => format!("there is no key `{written}`: there are `uuid`, `queueable`, `dual` and `base`"),
    }
}
