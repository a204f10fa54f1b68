//! Names with pointers, arrays and parameters around them, as C has them.

use std::rc::Rc;

use super::Parser;
use crate::{
    lexer::Kind,
    syntax::{Base, Declarator, Layer, ParameterDeclaration, Primitive, Word},
};

/// Words before a name that say how a function is called, or nothing at all.
const CONVENTIONS: &[&str] = &[
    "STDMETHODCALLTYPE",
    "WINAPI",
    "CALLBACK",
    "APIENTRY",
    "STDAPICALLTYPE",
    "__stdcall",
    "_stdcall",
    "__cdecl",
    "_cdecl",
    "cdecl",
    "pascal",
    "__RPC_FAR",
    "__RPC_STUB",
    "__RPC_USER",
    "far",
    "FAR",
    "__unaligned",
    "UNALIGNED",
    "stdcall",
    "const",
    "volatile",
    "__restrict",
    "__ptr64",
    "__ptr32",
];

impl Parser<'_, '_> {
    /// A declarator; its name may be missing.
    pub(super) fn declarator(&mut self) -> Declarator {
        self.deeper(Self::declarator_here).unwrap_or_default()
    }

    fn declarator_here(&mut self) -> Declarator {
        let mut pointers = 0;
        loop {
            if self.take("*") {
                pointers += 1;
            } else if self.is_convention() {
                self.next();
            } else {
                break;
            }
        }
        let mut declarator = if self.is("(") && (self.is_at(1, "*") || self.is_at(1, "(") || self.convention_at(1)) {
            self.next();
            let inner = self.declarator();
            self.expect(")");
            inner
        } else if self.is_name_at(0) {
            Declarator { name: self.next().map(|token| Word { text: token.text, span: token.span }), layers: Vec::new() }
        } else {
            Declarator::default()
        };
        loop {
            if self.take("[") {
                self.tokens_until(&["]"]);
                declarator.layers.push(Layer::Array);
                if !self.expect("]") {
                    break;
                }
            } else if self.take("(") {
                declarator.layers.push(Layer::Function(Rc::new(self.parameters())));
            } else {
                break;
            }
        }
        declarator.layers.extend(std::iter::repeat_n(Layer::Pointer, pointers));
        declarator
    }

    /// After `(`, up to and with `)`.
    fn parameters(&mut self) -> Vec<ParameterDeclaration> {
        let mut parameters = Vec::new();
        if self.take(")") {
            return parameters;
        }
        loop {
            if self.take("...") {
                // C's own; told where a type is looked for, if anyone looks.
                self.expect(")");
                return parameters;
            }
            let start = self.here();
            let attributes = self.attributes();
            let Some(base) = self.type_expression() else {
                // The rest of the list is in doubt.
                self.tokens_until(&[")"]);
                self.take(")");
                return parameters;
            };
            let declarator = self.declarator();
            let span = start.to(self.last);
            let is_void =
                matches!(base.base, Base::Primitive(Primitive::Void)) && declarator.layers.is_empty() && declarator.name.is_none();
            if !is_void {
                parameters.push(ParameterDeclaration { attributes, base, declarator, span });
            }
            if self.take(",") {
                continue;
            }
            if !self.take(")") {
                self.unexpected("`,` or `)`");
                self.tokens_until(&[")"]);
                self.take(")");
            }
            return parameters;
        }
    }

    pub(super) fn is_convention(&mut self) -> bool {
        self.convention_at(0)
    }

    fn convention_at(&mut self, index: usize) -> bool {
        let follows = self.is_name_at(index + 1) || self.is_at(index + 1, "*") || self.is_at(index + 1, "(");
        follows && self.peek_at(index).is_some_and(|token| token.kind == Kind::Name && CONVENTIONS.contains(&&*token.text))
    }
}
