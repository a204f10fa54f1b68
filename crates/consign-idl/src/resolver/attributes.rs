//! What attributes say.

use consign_core::Guid;

use super::{Resolver, shapes::PointerKind};
use crate::{
    Code,
    lexer::{Kind, Token, unquoted},
    parser::spelled,
    session::Span,
    syntax::{Attribute, AttributeList, Word},
};

impl Resolver<'_, '_> {
    /// `uuid`, told where it is malformed. `None` where there is none.
    pub(super) fn uuid(&mut self, attributes: &AttributeList) -> Option<Guid> {
        let attribute = attributes.get("uuid")?;
        let guid = attribute.arguments.first().and_then(|argument| guid(argument));
        if guid.is_none() {
            let help = "write 8-4-4-4-12 hexadecimal digits: uuid(97184D0F-F7EF-413A-8C6D-C1745018B2E9)";
            self.session.error_with_help(Code::Guid, attribute.name.span, "this is no GUID", help);
        }
        // A broken one is told, and not told as missing, too.
        guid.or(Some(Guid::NULL))
    }

    /// `uuid` of what must have one.
    pub(super) fn required_uuid(&mut self, attributes: &AttributeList, name: &Word) -> Guid {
        self.uuid(attributes).unwrap_or_else(|| {
            let message = format!("`{}` has no uuid", name.text);
            self.session.error_with_help(Code::Guid, name.span, message, "give it one: [uuid(…)], from `uuidgen`");
            Guid::NULL
        })
    }

    pub(super) fn pointer_default(&mut self, attributes: &AttributeList, otherwise: PointerKind) -> PointerKind {
        let Some(attribute) = attributes.get("pointer_default") else { return otherwise };
        match attribute.arguments.as_slice() {
            [argument] if argument.len() == 1 && argument[0].is("ref") => PointerKind::Reference,
            [argument] if argument.len() == 1 && (argument[0].is("unique") || argument[0].is("ptr")) => PointerKind::Optional,
            _ => {
                let message = "expected `unique`, `ref` or `ptr`";
                self.session.error(Code::Attribute, attribute.name.span, message);
                otherwise
            }
        }
    }

    /// `id`.
    pub(super) fn dispid(&mut self, attributes: &AttributeList) -> Option<i32> {
        let attribute = attributes.get("id")?;
        let span = attribute.name.span;
        let value = match attribute.arguments.first() {
            Some(argument) if !argument.is_empty() => self.evaluate(argument, span)?,
            _ => {
                self.session.error(Code::Attribute, span, "`id` without a number");
                return None;
            }
        };
        self.narrow(value, span)
    }

    /// A value of 32 bits, signed or not.
    pub(super) fn narrow(&mut self, value: i64, span: Span) -> Option<i32> {
        let narrow = i32::try_from(value).ok().or_else(|| u32::try_from(value).ok().map(u32::cast_signed));
        if narrow.is_none() {
            self.session.error(Code::Constant, span, format!("{value} does not fit 32 bits"));
        }
        narrow
    }

    pub(super) fn version(&mut self, attributes: &AttributeList) -> (u16, u16) {
        let Some(attribute) = attributes.get("version") else { return (0, 0) };
        let text = attribute.arguments.first().map(|argument| spelled(argument)).unwrap_or_default();
        let (major, minor) = text.split_once('.').unwrap_or((&text, "0"));
        if let (Ok(major), Ok(minor)) = (major.parse(), minor.parse()) {
            return (major, minor);
        }
        self.session.error(Code::Attribute, attribute.name.span, "expected a version: version(1.0)");
        (0, 0)
    }
}

/// `helpstring`.
pub(super) fn help(attributes: &AttributeList) -> Option<String> {
    let argument = attributes.get("helpstring")?.arguments.first()?;
    Some(argument.iter().filter(|token| token.kind == Kind::Text).map(|token| unquoted(&token.text)).collect())
}

/// The first `custom` with this GUID.
pub(super) fn custom(attributes: &AttributeList, wanted: Guid) -> Option<&Attribute> {
    attributes.0.iter().find(|attribute| {
        &*attribute.name.text == "custom" && attribute.arguments.first().and_then(|argument| guid(argument)) == Some(wanted)
    })
}

/// A GUID, bare or in quotes.
fn guid(argument: &[Token]) -> Option<Guid> {
    match argument {
        [token] if token.kind == Kind::Guid => token.text.parse().ok(),
        [token] if token.kind == Kind::Text => unquoted(&token.text).parse().ok(),
        _ => None,
    }
}
