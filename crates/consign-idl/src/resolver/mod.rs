//! Declarations to the document: names are looked up, types written out, methods numbered.
//!
//! All declarations are indexed first, so that a name may stand before what it names. Then they are resolved
//! in their order; each is resolved once.

mod attributes;
mod classes;
mod index;
mod interfaces;
mod shapes;
mod types;

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use consign_core::{
    Guid,
    interface::{Element, Type},
};

use crate::{
    Code, Constant, Document, Literal, Origin, Severity,
    expression::{self, Names},
    lexer::{Kind, Token, unquoted},
    parser::{Unit, spelled},
    session::{Session, Span},
    syntax::{ConstantDeclaration, Item},
};
use index::Index;
use interfaces::Resolved;
use shapes::{Meaning, PointerKind, Shape};
use types::Body;

/// `units` in the order in which they are to be resolved: what is imported before what imports it.
pub(crate) fn resolve(session: &mut Session<'_>, units: &[(Unit, Origin)]) -> Document {
    let mut resolver = Resolver {
        index: Index::default(),
        session,
        aliases: HashMap::new(),
        bodies: HashMap::new(),
        interfaces: HashMap::new(),
        constants: HashMap::new(),
        unknown: HashSet::new(),
        opaque: HashSet::new(),
        classes: HashSet::new(),
        iids: HashMap::new(),
        origin: Origin::Own,
        depth: 0,
        parts: 0,
        document: Document::default(),
    };
    for (unit, origin) in units {
        resolver.index_items(&unit.items, *origin, PointerKind::Optional);
    }
    resolver.check_names();
    for (unit, origin) in units {
        resolver.origin = *origin;
        resolver.items(&unit.items, *origin, PointerKind::Optional);
    }
    resolver.document
}

struct Resolver<'s, 'a> {
    session: &'s mut Session<'a>,
    index: Index,
    /// What typedefs stand for, as far as they are resolved.
    aliases: HashMap<Rc<str>, Shape>,
    /// Structures and enumerations, by the address of their declaration.
    bodies: HashMap<usize, Body>,
    interfaces: HashMap<Rc<str>, Resolved>,
    constants: HashMap<Rc<str>, i64>,
    /// Names that were told to be unknown: once is enough.
    unknown: HashSet<Rc<str>>,
    /// Names of types of the document that cannot be written down.
    opaque: HashSet<String>,
    classes: HashSet<Rc<str>>,
    /// Which interface has which IID first.
    iids: HashMap<Guid, Rc<str>>,
    /// Of what is being resolved.
    origin: Origin,
    depth: usize,
    parts: usize,
    document: Document,
}

struct Constants<'r>(&'r HashMap<Rc<str>, i64>);

impl Names for Constants<'_> {
    fn value(&self, name: &str) -> Option<i64> {
        let built_in = || crate::builtin::CONSTANTS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        self.0.get(name).copied().or_else(built_in)
    }
}

impl Resolver<'_, '_> {
    fn items(&mut self, items: &[Item], origin: Origin, pointers: PointerKind) {
        for item in items {
            if self.session.has_given_up() {
                return;
            }
            match item {
                Item::Forward(_) | Item::ImportLibrary(_) => {}
                Item::CppQuote(text) => {
                    if origin == Origin::Own {
                        self.document.cpp_quotes.push(text.clone());
                    }
                }
                Item::Interface(declaration) => {
                    let within = self.pointer_default(&declaration.attributes, pointers);
                    self.items(&declaration.items, origin, within);
                    self.interface(&declaration.name.text);
                }
                Item::Coclass(declaration) => self.coclass(declaration, origin),
                Item::Library(declaration) => {
                    self.library(declaration, origin);
                    self.items(&declaration.items, origin, pointers);
                }
                Item::Module(inner) => self.items(inner, origin, pointers),
                Item::Typedef(typedef) => self.typedef(typedef, origin, pointers),
                Item::Tag(expression) => {
                    let shape = self.base_shape(expression, origin, pointers);
                    self.nameless_enumeration(&shape, origin);
                }
                Item::Constant(declaration) => self.constant(declaration, origin, pointers),
            }
        }
    }

    /// The values of an enumeration without a name are constants.
    fn nameless_enumeration(&mut self, shape: &Shape, origin: Origin) {
        if let Meaning::Value(Type::Enum { name, elements }) = &shape.base
            && name == "enum"
        {
            let constant = |element: &Element| {
                let value = Literal::Integer(i64::from(element.value));
                Constant { name: element.name.clone(), kind: Type::I32, value, origin }
            };
            self.document.constants.extend(elements.iter().map(constant));
        }
    }

    /// The value of an expression, or `None` after telling why it has none.
    fn evaluate(&mut self, tokens: &[Token], span: Span) -> Option<i64> {
        match expression::evaluate(tokens, &Constants(&self.constants)) {
            Ok(value) => Some(value),
            Err(error) => {
                self.session.error(Code::Constant, error.span.unwrap_or(span), error.message);
                None
            }
        }
    }

    fn constant(&mut self, declaration: &ConstantDeclaration, origin: Origin, pointers: PointerKind) {
        let Some(name) = &declaration.declarator.name else { return };
        let base = self.base_shape(&declaration.base, origin, pointers);
        let kind = self.constant_type(base, &declaration.declarator.layers, name.span);
        let texts: Vec<&Token> = declaration.value.iter().filter(|token| !token.is("L")).collect();
        let value = if !texts.is_empty() && texts.iter().all(|token| token.kind == Kind::Text) {
            Literal::Text(texts.iter().map(|token| unquoted(&token.text)).collect())
        } else if matches!(kind, Type::F32 | Type::F64) && texts.iter().all(|token| is_of_a_formula(token)) && !texts.is_empty() {
            // Nobody here reckons with fractions.
            Literal::Written(spelled(&declaration.value))
        } else {
            let Some(value) = self.evaluate(&declaration.value, name.span) else { return };
            self.constants.insert(Rc::clone(&name.text), value);
            Literal::Integer(value)
        };
        self.check_word(name);
        self.count_parts(1, name.span);
        self.document.constants.push(Constant { name: name.text.to_string(), kind, value, origin });
    }

    /// Tells of a name that nothing defines, once. In an imported file it does no harm as long as nobody uses
    /// what has it, and who does hears of it.
    fn tell_unknown(&mut self, what: &str, name: &Rc<str>, span: Span) {
        if self.unknown.insert(Rc::clone(name)) {
            let severity = if self.origin == Origin::Own { Severity::Error } else { Severity::Warning };
            let help = "define it, or import the file that defines it".to_owned();
            self.session.report(severity, Code::Unknown, Some(span), format!("the {what} `{name}` is not known"), Some(help));
        }
    }

    /// Counts parts of types that the document gets.
    fn count_parts(&mut self, parts: usize, span: Span) {
        self.parts = self.parts.saturating_add(parts);
        let most = self.session.limits().parts;
        if self.parts > most {
            self.session.give_up(Some(span), format!("the types have more than {most} parts, written out wherever they are used"));
        }
    }
}

fn is_of_a_formula(token: &Token) -> bool {
    matches!(token.kind, Kind::Number | Kind::Name) || ["+", "-", "*", "/", "(", ")"].iter().any(|mark| token.is(mark))
}
