//! What stands before a declarator: base types, structures, unions, enumerations.

use std::rc::Rc;

use super::{Parser, rc};
use crate::{
    Code,
    lexer::Kind,
    session::Span,
    syntax::{AttributeList, Base, Enumeration, FieldDeclaration, Primitive, Structure, Tag, TypeExpression, Word},
};

/// Words that may stand in a type and change nothing that is of interest here.
const QUALIFIERS: &[&str] =
    &["const", "volatile", "extern", "static", "inline", "__inline", "__forceinline", "register", "__unaligned", "UNALIGNED"];

/// The words of a primitive type, as far as they were read.
#[derive(Default)]
struct Words {
    unsigned: bool,
    signed: bool,
    core: Option<&'static str>,
}

/// A word of a primitive type, by the one name for it.
fn core_of(word: &str) -> Option<&'static str> {
    Some(match word {
        "void" => "void",
        "boolean" | "bool" | "_Bool" => "boolean",
        "byte" => "byte",
        "char" | "__int8" => "char",
        "small" => "small",
        "short" | "__int16" => "short",
        "int" | "__int32" => "int",
        "long" => "long",
        "hyper" | "__int64" => "hyper",
        // As wide as a pointer: 64 bits here.
        "__int3264" => "hyper",
        "float" => "float",
        "double" => "double",
        "wchar_t" => "wchar_t",
        "handle_t" => "handle_t",
        "error_status_t" => "error_status_t",
        _ => return None,
    })
}

impl Words {
    /// Whether the word can follow what was read; if so it is taken in.
    fn add(&mut self, word: &str) -> bool {
        match word {
            "unsigned" | "signed" => {
                let fits = !self.unsigned
                    && !self.signed
                    && self.core.is_none_or(|core| matches!(core, "char" | "short" | "int" | "long" | "hyper"));
                if fits {
                    self.unsigned = word == "unsigned";
                    self.signed = !self.unsigned;
                }
                fits
            }
            _ => {
                let Some(core) = core_of(word) else { return false };
                let signed = self.unsigned || self.signed;
                let next = match (self.core, core) {
                    (None, core) if !signed || matches!(core, "char" | "small" | "short" | "int" | "long" | "hyper") => core,
                    (Some("short"), "int") | (Some("int"), "short") => "short",
                    (Some("long"), "int") | (Some("int"), "long") => "long",
                    (Some("hyper"), "int") | (Some("long"), "long" | "hyper") => "hyper",
                    (Some("long"), "double") => "double",
                    _ => return false,
                };
                self.core = Some(next);
                true
            }
        }
    }

    fn primitive(&self) -> Option<Primitive> {
        Some(match (self.core, self.unsigned) {
            (None, true) => Primitive::U32,
            (None, false) if self.signed => Primitive::I32,
            (None, false) => return None,
            (Some("void"), _) => Primitive::Void,
            (Some("boolean"), _) => Primitive::Boolean,
            (Some("byte"), _) | (Some("char" | "small"), true) => Primitive::U8,
            (Some("char" | "small"), false) => Primitive::I8,
            (Some("short"), false) => Primitive::I16,
            (Some("short"), true) | (Some("wchar_t"), _) => Primitive::U16,
            (Some("hyper"), false) => Primitive::I64,
            (Some("hyper"), true) => Primitive::U64,
            (Some("float"), _) => Primitive::F32,
            (Some("double"), _) => Primitive::F64,
            (Some("handle_t"), _) => Primitive::Handle,
            (Some("error_status_t"), _) | (Some(_), true) => Primitive::U32,
            (Some(_), false) => Primitive::I32,
        })
    }
}

impl Parser<'_, '_> {
    /// A type up to its declarator. `None` when there is none; that was told.
    pub(super) fn type_expression(&mut self) -> Option<TypeExpression> {
        self.deeper(Self::type_here)?
    }

    fn type_here(&mut self) -> Option<TypeExpression> {
        let start = self.here();
        let mut words = Words::default();
        let mut base: Option<Base> = None;
        let mut written = String::new();
        let mut attributes = AttributeList::default();
        let mut write = |text: &str| {
            if !written.is_empty() {
                written.push(' ');
            }
            written.push_str(text);
        };
        let mut any_words = false;
        loop {
            // `typedef struct [uuid(…)] X` and the like.
            if base.is_none() && !any_words && self.is("[") {
                attributes.0.extend(self.attributes().0);
                continue;
            }
            let Some(token) = self.peek().filter(|token| token.kind == Kind::Name) else { break };
            let text = Rc::clone(&token.text);
            if QUALIFIERS.contains(&&*text) {
                self.next();
                if matches!(&*text, "const" | "volatile") {
                    write(&text);
                }
                continue;
            }
            if matches!(&*text, "declspec" | "__declspec" | "_declspec" | "__attribute__") && self.is_at(1, "(") {
                self.next();
                self.next();
                self.tokens_until(&[")"]);
                self.take(")");
                continue;
            }
            if base.is_some() {
                break;
            }
            if words.add(&text) {
                self.next();
                write(&text);
                any_words = true;
                continue;
            }
            if any_words {
                break;
            }
            let (found, shown) = match &*text {
                "struct" | "union" | "enum"
                    if self.is_name_at(1) || self.is_at(1, "{") || self.is_at(1, "[") || self.is_at(1, "switch") =>
                {
                    self.tagged(&text, std::mem::take(&mut attributes))?
                }
                "interface" | "dispinterface" | "coclass" if self.is_name_at(1) => {
                    self.next();
                    let name = self.word("the name of an interface")?;
                    let shown = format!("interface {}", name.text);
                    (Base::Interface(name.text), shown)
                }
                "SAFEARRAY" if self.is_at(1, "(") => self.safe_array()?,
                "pipe" if self.is_name_at(1) => {
                    self.next();
                    self.type_expression()?;
                    (Base::Pipe, "pipe".to_owned())
                }
                _ => {
                    self.next();
                    (Base::Named(Rc::clone(&text)), text.to_string())
                }
            };
            write(&shown);
            base = Some(found);
        }
        let base = base.or_else(|| words.primitive().map(Base::Primitive));
        let Some(base) = base else {
            self.unexpected("a type");
            return None;
        };
        Some(TypeExpression { base, span: start.to(self.last), written: rc(&written) })
    }

    fn safe_array(&mut self) -> Option<(Base, String)> {
        self.next();
        self.next();
        let element = self.type_expression()?;
        let declarator = self.declarator();
        self.expect(")");
        let stars = "*".repeat(declarator.layers.len());
        let shown = format!("SAFEARRAY({}{stars})", element.written);
        Some((Base::SafeArray(Rc::new((element, declarator.layers))), shown))
    }

    /// `struct`, `union` or `enum`, with a body or without.
    fn tagged(&mut self, keyword: &str, mut attributes: AttributeList) -> Option<(Base, String)> {
        self.next();
        if self.is("[") {
            attributes.0.extend(self.attributes().0);
        }
        let is_switch = keyword == "union" && self.is("switch") && self.is_at(1, "(");
        let tag = if self.is_name_at(0) && !is_switch { self.word("a name") } else { None };
        let shown = tag.as_ref().map_or_else(|| keyword.to_owned(), |tag| format!("{keyword} {}", tag.text));
        let is_switch = is_switch || (keyword == "union" && self.is("switch") && self.is_at(1, "("));
        let base = match (keyword, self.is("{") || is_switch) {
            ("struct", true) => {
                let fields = self.fields()?;
                Base::Structure(Rc::new(Structure { tag, attributes, fields }))
            }
            ("enum", true) => Base::Enumeration(Rc::new(Enumeration { tag, elements: self.elements()? })),
            (_, true) => {
                self.union_body()?;
                Base::Union(tag.map(|tag| tag.text))
            }
            (_, false) => {
                let Some(tag) = tag else {
                    self.unexpected("a name or `{`");
                    return None;
                };
                let kind = match keyword {
                    "struct" => Tag::Structure,
                    "enum" => Tag::Enumeration,
                    _ => Tag::Union,
                };
                Base::Tagged(kind, tag.text)
            }
        };
        Some((base, shown))
    }

    fn fields(&mut self) -> Option<Vec<FieldDeclaration>> {
        self.expect("{");
        let mut fields = Vec::new();
        while !self.is("}") {
            self.peek()?;
            if self.take(";") {
                continue;
            }
            if self.is("cpp_quote") {
                self.skip_declaration();
                continue;
            }
            let attributes = self.attributes();
            let Some(base) = self.type_expression() else {
                self.skip_declaration();
                continue;
            };
            loop {
                let declarator = self.declarator();
                let is_bits = self.take(":");
                if is_bits {
                    self.tokens_until(&[",", ";"]);
                }
                fields.push(FieldDeclaration { attributes: attributes.clone(), base: base.clone(), declarator, is_bits });
                if !self.take(",") {
                    break;
                }
            }
            if !self.expect(";") && !self.peek().is_none_or(|token| token.first) {
                self.skip_declaration();
            }
        }
        self.expect("}");
        Some(fields)
    }

    fn elements(&mut self) -> Option<Vec<(Word, Vec<crate::lexer::Token>)>> {
        self.expect("{");
        let mut elements = Vec::new();
        while !self.is("}") {
            self.peek()?;
            if self.take(",") {
                continue;
            }
            self.attributes();
            let Some(name) = self.word("the name of a value") else {
                self.tokens_until(&[",", "}"]);
                self.step_over_what_ends_no_element();
                continue;
            };
            let value = if self.take("=") { self.tokens_until(&[",", "}"]) } else { Vec::new() };
            elements.push((name, value));
            if !self.is(",") && !self.is("}") {
                self.unexpected("`,` or `}`");
                self.tokens_until(&[",", "}"]);
                self.step_over_what_ends_no_element();
            }
        }
        self.expect("}");
        Some(elements)
    }

    fn step_over_what_ends_no_element(&mut self) {
        if !self.is(",") && !self.is("}") {
            self.next();
        }
    }

    /// A union, encapsulated (`switch (long tag) name { case 1: … }`) or not.
    fn union_body(&mut self) -> Option<()> {
        if self.take("switch") {
            self.expect("(");
            self.type_expression()?;
            self.declarator();
            self.expect(")");
            if self.is_name_at(0) {
                self.next();
            }
        }
        let open = self.here();
        self.expect("{");
        while !self.is("}") {
            if self.peek().is_none() {
                self.tell_open(open);
                return None;
            }
            if self.is("case") || (self.is("default") && self.is_at(1, ":")) {
                self.next();
                self.tokens_until(&[":"]);
                self.expect(":");
                continue;
            }
            self.attributes();
            if self.take(";") {
                continue;
            }
            if self.is("}") {
                break;
            }
            let Some(_) = self.type_expression() else {
                self.skip_declaration();
                continue;
            };
            loop {
                self.declarator();
                if self.take(":") {
                    self.tokens_until(&[",", ";"]);
                }
                if !self.take(",") {
                    break;
                }
            }
            if !self.expect(";") && !self.peek().is_none_or(|token| token.first) {
                self.skip_declaration();
            }
        }
        self.expect("}");
        Some(())
    }

    pub(super) fn tell_open(&mut self, open: Span) {
        if !self.session().has_given_up() {
            self.session().error(Code::Syntax, open, "`{` without `}`");
        }
    }
}
