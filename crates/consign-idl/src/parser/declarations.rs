//! Declarations of a file, a library, an interface.

use std::rc::Rc;

use super::{Parser, Within};
use crate::{
    Code, Severity,
    lexer::Kind,
    session::Span,
    syntax::{
        AttributeList, Base, CoclassDeclaration, ConstantDeclaration, InterfaceDeclaration, InterfaceForm, Item, Layer, LibraryDeclaration,
        MethodDeclaration, Typedef,
    },
};

/// What the Windows Runtime added to IDL.
const RUNTIME: &[&str] = &["namespace", "runtimeclass", "delegate", "apicontract", "declare", "attribute"];

impl Parser<'_, '_> {
    /// Declarations up to the end of the file, or to the `}` of what they stand in.
    pub(super) fn items(&mut self, within: Within) -> Vec<Item> {
        let mut items = Vec::new();
        while self.peek().is_some() {
            if self.is("}") {
                if within != Within::File {
                    break;
                }
                self.unexpected("a declaration");
                self.next();
                continue;
            }
            match self.item(within) {
                Some(mut found) => items.append(&mut found),
                None => self.skip_declaration(),
            }
        }
        items
    }

    /// One declaration; `None` after a mistake, which was told.
    fn item(&mut self, within: Within) -> Option<Vec<Item>> {
        if self.take(";") {
            return Some(Vec::new());
        }
        let attributes = self.attributes();
        let Some(token) = self.peek() else {
            self.unexpected("a declaration");
            return None;
        };
        let keyword = if token.kind == Kind::Name { Rc::clone(&token.text) } else { Rc::from("") };
        if let Some(simple) = self.simple(&keyword) {
            return simple;
        }
        let named = self.is_name_at(1);
        let item = match &*keyword {
            "interface" | "dispinterface" | "coclass" if named && self.is_at(2, ";") => {
                self.next();
                let name = self.word("a name")?;
                self.next();
                // Attributes of a forward declaration say nothing that the declaration itself does not say.
                return Some(vec![Item::Forward(name)]);
            }
            "interface" if named && (self.is_at(2, ":") || self.is_at(2, "{")) => self.interface(attributes)?,
            "dispinterface" if named => self.dispinterface(attributes)?,
            "coclass" if named => self.coclass(attributes)?,
            "library" if named && within == Within::File => self.library(attributes)?,
            "module" if named && self.is_at(2, "{") => self.module()?,
            "extern" if self.peek_at(1).is_some_and(|token| token.kind == Kind::Text) => {
                // C++'s `extern "C" {`, in headers.
                self.next();
                self.next();
                if self.take("{") {
                    let items = self.deeper(|this| this.items(Within::Library))?;
                    self.expect("}");
                    return Some(items);
                }
                return Some(Vec::new());
            }
            word if RUNTIME.contains(&word) && (named || self.is_at(1, "{")) => {
                let here = self.here();
                let message = format!("`{word}` is of the Windows Runtime's IDL, which is not understood");
                self.session().error(Code::Unsupported, here, message);
                self.skip_declaration();
                return Some(Vec::new());
            }
            _ => return self.declaration(attributes),
        };
        Some(vec![item])
    }

    /// What stands in bodies of interfaces, too: `None` when it is something else.
    fn simple(&mut self, keyword: &str) -> Option<Option<Vec<Item>>> {
        let item = match keyword {
            "import" => return Some(self.import().map(|()| Vec::new())),
            "importlib" if self.is_at(1, "(") => self.parenthesized_text().map(|(text, _)| Item::ImportLibrary(text)),
            "cpp_quote" if self.is_at(1, "(") => self.parenthesized_text().map(|(text, _)| Item::CppQuote(text)),
            "midl_pragma" => {
                self.next();
                // `midl_pragma warning(disable: 2007)`
                while self.peek().is_some_and(|token| !token.first) && !self.is(";") {
                    self.next();
                }
                self.take(";");
                return Some(Some(Vec::new()));
            }
            _ => return None,
        };
        Some(item.map(|item| vec![item]))
    }

    /// The files are read after this one, and resolved before it.
    fn import(&mut self) -> Option<()> {
        self.next();
        loop {
            let span = self.here();
            let name = self.text("the name of a file in quotes")?;
            self.imports.push((name, span));
            if !self.take(",") {
                break;
            }
        }
        self.expect(";");
        Some(())
    }

    /// `keyword("text")` with or without a semicolon.
    fn parenthesized_text(&mut self) -> Option<(String, Span)> {
        let keyword = self.next()?;
        self.expect("(");
        let text = self.text("a text in quotes")?;
        if !self.take(")") {
            self.unexpected("`)`");
            self.tokens_until(&[")"]);
            self.take(")");
        }
        self.take(";");
        Some((text, keyword.span.to(self.last)))
    }

    fn interface(&mut self, attributes: AttributeList) -> Option<Item> {
        self.next();
        let name = self.word("the name of an interface")?;
        let mut bases = Vec::new();
        if self.take(":") {
            loop {
                bases.push(self.word("the name of the interface that it derives from")?);
                if !self.take(",") {
                    break;
                }
            }
        }
        let open = self.here();
        if !self.expect("{") {
            return None;
        }
        let mut methods = Vec::new();
        let mut items = Vec::new();
        self.members(open, &mut methods, &mut items);
        self.take(";");
        let form = InterfaceForm::Interface;
        Some(Item::Interface(Rc::new(InterfaceDeclaration { attributes, form, name, bases, of_interface: None, methods, items })))
    }

    fn members(&mut self, open: Span, methods: &mut Vec<MethodDeclaration>, items: &mut Vec<Item>) {
        while !self.is("}") {
            if self.peek().is_none() {
                return self.tell_open(open);
            }
            if self.take(";") {
                continue;
            }
            let attributes = self.attributes();
            let keyword = self.peek().map(|token| Rc::clone(&token.text)).unwrap_or_default();
            if let Some(simple) = self.simple(&keyword) {
                match simple {
                    Some(mut found) => items.append(&mut found),
                    None => self.skip_declaration(),
                }
                continue;
            }
            let found = match &*keyword {
                "typedef" => self.declaration(attributes),
                "const" if self.is_constant() => self.declaration(attributes),
                "struct" | "union" | "enum" if self.is_definition() => self.declaration(attributes),
                "interface" if self.is_name_at(1) && self.is_at(2, ";") => {
                    self.next();
                    self.word("a name").map(|name| vec![Item::Forward(name)])
                }
                _ => self.method(attributes).map(|method| {
                    methods.push(method);
                    Vec::new()
                }),
            };
            match found {
                Some(mut found) => items.append(&mut found),
                None => self.skip_declaration(),
            }
        }
        self.expect("}");
    }

    /// `const type name =`, and not a method that returns something constant.
    fn is_constant(&mut self) -> bool {
        for index in 1..16 {
            if self.is_at(index, "=") {
                return true;
            }
            if self.is_at(index, "(") || self.is_at(index, ";") {
                return false;
            }
        }
        false
    }

    /// `struct { … }` or `struct name { … }`, and not a method that returns one.
    fn is_definition(&mut self) -> bool {
        self.is_at(1, "{")
            || self.is_at(1, "switch")
            || (self.is_name_at(1) && (self.is_at(2, "{") || self.is_at(2, ";") || self.is_at(2, "switch")))
    }

    fn method(&mut self, attributes: AttributeList) -> Option<MethodDeclaration> {
        let returns = self.type_expression()?;
        let declarator = self.declarator();
        let Some(name) = declarator.name else {
            self.unexpected("the name of a method");
            return None;
        };
        let mut layers = declarator.layers;
        let Some(Layer::Function(parameters)) = layers.first().cloned() else {
            self.unexpected("`(`");
            return None;
        };
        layers.remove(0);
        // C++'s `const` of methods, and `= 0`.
        self.take("const");
        self.expect(";");
        let parameters = Rc::try_unwrap(parameters).unwrap_or_else(|shared| shared.to_vec());
        Some(MethodDeclaration { attributes, name, returns, layers, parameters, is_property: false })
    }

    fn dispinterface(&mut self, attributes: AttributeList) -> Option<Item> {
        self.next();
        let name = self.word("the name of an interface")?;
        let open = self.here();
        if !self.expect("{") {
            return None;
        }
        let mut of_interface = None;
        let mut methods = Vec::new();
        let mut properties = false;
        while !self.is("}") {
            if self.peek().is_none() {
                self.tell_open(open);
                break;
            }
            if self.take(";") {
                continue;
            }
            if self.is_at(1, ":") && (self.is("properties") || self.is("methods")) {
                properties = self.is("properties");
                self.next();
                self.next();
                continue;
            }
            if self.is("interface") && self.is_name_at(1) && self.is_at(2, ";") {
                self.next();
                of_interface = self.word("the name of an interface");
                continue;
            }
            let attributes = self.attributes();
            let read = if properties { self.property(attributes) } else { self.method(attributes) };
            match read {
                Some(method) => methods.push(method),
                None => self.skip_declaration(),
            }
        }
        self.expect("}");
        self.take(";");
        let form = InterfaceForm::Dispinterface;
        let (bases, items) = (Vec::new(), Vec::new());
        Some(Item::Interface(Rc::new(InterfaceDeclaration { attributes, form, name, bases, of_interface, methods, items })))
    }

    fn property(&mut self, attributes: AttributeList) -> Option<MethodDeclaration> {
        let returns = self.type_expression()?;
        let declarator = self.declarator();
        let Some(name) = declarator.name else {
            self.unexpected("the name of a property");
            return None;
        };
        if declarator.layers.iter().any(|layer| matches!(layer, Layer::Function(_))) {
            self.session().error(Code::Syntax, name.span, "a property has no parameters: is `methods:` missing?");
        }
        self.expect(";");
        Some(MethodDeclaration { attributes, name, returns, layers: declarator.layers, parameters: Vec::new(), is_property: true })
    }

    fn coclass(&mut self, attributes: AttributeList) -> Option<Item> {
        self.next();
        let name = self.word("the name of a class")?;
        let open = self.here();
        if !self.expect("{") {
            return None;
        }
        let mut members = Vec::new();
        while !self.is("}") {
            if self.peek().is_none() {
                self.tell_open(open);
                break;
            }
            if self.take(";") {
                continue;
            }
            let attributes = self.attributes();
            let known = self.take("interface") || self.take("dispinterface");
            if !known {
                self.unexpected("`interface` or `dispinterface`");
                self.skip_declaration();
                continue;
            }
            match self.word("the name of an interface") {
                Some(name) => members.push((attributes, name)),
                None => self.skip_declaration(),
            }
            if !self.expect(";") && !self.is("[") && !self.is("interface") {
                self.skip_declaration();
            }
        }
        self.expect("}");
        self.take(";");
        Some(Item::Coclass(CoclassDeclaration { attributes, name, members }))
    }

    fn library(&mut self, attributes: AttributeList) -> Option<Item> {
        self.next();
        let name = self.word("the name of a library")?;
        let open = self.here();
        if !self.expect("{") {
            return None;
        }
        let items = self.deeper(|this| this.items(Within::Library))?;
        if self.peek().is_none() {
            self.tell_open(open);
        } else {
            self.expect("}");
        }
        self.take(";");
        Some(Item::Library(LibraryDeclaration { attributes, name, items }))
    }

    fn module(&mut self) -> Option<Item> {
        self.next();
        self.word("the name of a module")?;
        self.expect("{");
        let items = self.deeper(|this| this.items(Within::Module))?;
        self.expect("}");
        self.take(";");
        Some(Item::Module(items))
    }

    /// Typedefs, constants, types by themselves; prototypes of functions, which are C's, are left out.
    fn declaration(&mut self, attributes: AttributeList) -> Option<Vec<Item>> {
        if self.take("typedef") {
            return self.typedef(attributes).map(|item| vec![item]);
        }
        let is_extern = self.is("extern");
        let is_constant = self.is("const");
        let start = self.here();
        let base = self.type_expression()?;
        if self.take(";") {
            return Some(vec![Item::Tag(base)]);
        }
        let declarator = self.declarator();
        if is_constant && self.take("=") {
            let value = self.tokens_until(&[]);
            self.expect(";");
            return Some(vec![Item::Constant(ConstantDeclaration { base, declarator, value })]);
        }
        if is_extern && declarator.name.is_some() {
            // A variable of C, which is somewhere else.
            self.expect(";");
            return Some(Vec::new());
        }
        if matches!(declarator.layers.first(), Some(Layer::Function(_))) {
            if self.is("{") {
                // A function with a body.
                self.skip_declaration();
            } else {
                self.expect(";");
            }
            return Some(Vec::new());
        }
        if matches!(base.base, Base::Structure(_) | Base::Enumeration(_) | Base::Union(_)) {
            // The `;` was forgotten: what stands behind it is read as usual.
            let message = "expected `;` after this".to_owned();
            let close = Span { start: base.span.end.saturating_sub(1), ..base.span };
            self.session().report(Severity::Error, Code::Syntax, Some(close), message, None);
            return Some(vec![Item::Tag(base)]);
        }
        if declarator.name.is_some() {
            let name = start.to(self.last);
            self.session().error(Code::Syntax, name, "this declares a variable, or is not understood");
        } else {
            self.unexpected("a declaration");
        }
        None
    }

    fn typedef(&mut self, mut attributes: AttributeList) -> Option<Item> {
        attributes.0.extend(self.attributes().0);
        let base = self.type_expression()?;
        let mut declarators = Vec::new();
        loop {
            let declarator = self.declarator();
            if declarator.name.is_none() {
                self.unexpected("the name of a type");
                return None;
            }
            declarators.push(declarator);
            if !self.take(",") {
                break;
            }
        }
        if !self.expect(";") && !self.peek().is_none_or(|token| token.first) {
            self.skip_declaration();
        }
        Some(Item::Typedef(Rc::new(Typedef { attributes, base, declarators })))
    }
}
