//! Which name is declared where.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use super::{Resolver, shapes::PointerKind};
use crate::{
    Code, Origin, builtin,
    session::Span,
    syntax::{Base, Enumeration, InterfaceDeclaration, Item, Structure, TypeExpression, Typedef, Word},
};

#[derive(Default)]
pub(super) struct Index {
    pub(super) typedefs: HashMap<Rc<str>, Alias>,
    pub(super) tags: HashMap<Rc<str>, Tagged>,
    pub(super) interfaces: HashMap<Rc<str>, Declared>,
    /// Interfaces and classes of which a name is enough.
    pub(super) forwards: HashSet<Rc<str>>,
    /// The name of a typedef for what has a body, by the address of the body.
    pub(super) names: HashMap<usize, Rc<str>>,
    /// The typedef of a structure with a body, which has its `uuid`, by the address of the body.
    pub(super) typedefs_of: HashMap<usize, Rc<Typedef>>,
    order: Vec<Rc<str>>,
}

/// A declarator of a typedef.
#[derive(Clone)]
pub(super) struct Alias {
    pub(super) typedef: Rc<Typedef>,
    pub(super) declarator: usize,
    pub(super) origin: Origin,
    pub(super) pointers: PointerKind,
    pub(super) span: Span,
}

#[derive(Clone)]
pub(super) struct Tagged {
    pub(super) body: TagBody,
    pub(super) origin: Origin,
    pub(super) pointers: PointerKind,
    span: Span,
}

#[derive(Clone)]
pub(super) enum TagBody {
    Structure(Rc<Structure>),
    Enumeration(Rc<Enumeration>),
    Union,
}

#[derive(Clone)]
pub(super) struct Declared {
    pub(super) declaration: Rc<InterfaceDeclaration>,
    pub(super) origin: Origin,
    pub(super) pointers: PointerKind,
}

pub(super) fn address<T>(body: &Rc<T>) -> usize {
    Rc::as_ptr(body) as usize
}

impl Resolver<'_, '_> {
    pub(super) fn index_items(&mut self, items: &[Item], origin: Origin, pointers: PointerKind) {
        for item in items {
            match item {
                Item::Interface(declaration) => {
                    let within = self.pointer_default(&declaration.attributes, pointers);
                    self.index_items(&declaration.items, origin, within);
                    let declared = Declared { declaration: Rc::clone(declaration), origin, pointers: within };
                    let name = &declaration.name;
                    self.check_word(name);
                    if let Some(earlier) = self.index.interfaces.get(&name.text) {
                        if !Rc::ptr_eq(&earlier.declaration, declaration) {
                            self.session.error(Code::Duplicate, name.span, format!("the interface `{}` is declared twice", name.text));
                        }
                    } else {
                        self.index.interfaces.insert(Rc::clone(&name.text), declared);
                    }
                }
                Item::Forward(name) => {
                    self.check_word(name);
                    self.index.forwards.insert(Rc::clone(&name.text));
                }
                Item::Coclass(declaration) => {
                    self.index.forwards.insert(Rc::clone(&declaration.name.text));
                }
                Item::Library(declaration) => self.index_items(&declaration.items, origin, pointers),
                Item::Module(items) => self.index_items(items, origin, pointers),
                Item::Typedef(typedef) => self.index_typedef(typedef, origin, pointers),
                Item::Tag(expression) => self.index_type(expression, origin, pointers),
                Item::ImportLibrary(_) | Item::CppQuote(_) | Item::Constant(_) => {}
            }
        }
    }

    fn index_typedef(&mut self, typedef: &Rc<Typedef>, origin: Origin, pointers: PointerKind) {
        self.index_type(&typedef.base, origin, pointers);
        if let Base::Structure(body) = &typedef.base.base {
            self.index.typedefs_of.insert(address(body), Rc::clone(typedef));
        }
        if let Base::Interface(name) = &typedef.base.base {
            self.index.forwards.insert(Rc::clone(name));
        }
        for (declarator, declared) in typedef.declarators.iter().enumerate() {
            let Some(name) = &declared.name else { continue };
            self.check_word(name);
            if declared.layers.is_empty() {
                match &typedef.base.base {
                    // `typedef X X` says nothing, and would never end.
                    Base::Named(same) if *same == name.text => continue,
                    Base::Structure(body) => drop(self.index.names.entry(address(body)).or_insert(Rc::clone(&name.text))),
                    Base::Enumeration(body) => drop(self.index.names.entry(address(body)).or_insert(Rc::clone(&name.text))),
                    _ => {}
                }
            }
            let alias = Alias { typedef: Rc::clone(typedef), declarator, origin, pointers, span: name.span };
            if let Some(earlier) = self.index.typedefs.get(&name.text) {
                let has_body = matches!(typedef.base.base, Base::Structure(_) | Base::Enumeration(_) | Base::Union(_));
                if has_body && earlier.origin == origin && origin == Origin::Own && earlier.span != name.span {
                    self.session.error(Code::Duplicate, name.span, format!("the type `{}` is defined twice", name.text));
                }
            } else {
                self.index.order.push(Rc::clone(&name.text));
                self.index.typedefs.insert(Rc::clone(&name.text), alias);
            }
        }
    }

    fn index_type(&mut self, expression: &TypeExpression, origin: Origin, pointers: PointerKind) {
        let (tag, body) = match &expression.base {
            Base::Structure(structure) => {
                for field in &structure.fields {
                    self.index_type(&field.base, origin, pointers);
                }
                (structure.tag.clone(), TagBody::Structure(Rc::clone(structure)))
            }
            Base::Enumeration(enumeration) => (enumeration.tag.clone(), TagBody::Enumeration(Rc::clone(enumeration))),
            Base::Union(tag) => (tag.as_ref().map(|tag| Word { text: Rc::clone(tag), span: expression.span }), TagBody::Union),
            _ => return,
        };
        let Some(tag) = tag else { return };
        self.check_word(&tag);
        if self.index.tags.contains_key(&tag.text) {
            if origin == Origin::Own {
                self.session.error(Code::Duplicate, tag.span, format!("`{}` is defined twice", tag.text));
            }
            return;
        }
        self.index.order.push(Rc::clone(&tag.text));
        self.index.tags.insert(Rc::clone(&tag.text), Tagged { body, origin, pointers, span: tag.span });
    }

    /// A name must stand for one thing, because types are told by their names alone.
    pub(super) fn check_names(&mut self) {
        let mut told = HashSet::new();
        for name in self.index.order.clone() {
            let tagged = self.index.tags.get(&name).cloned();
            let alias = self.index.typedefs.get(&name).cloned();
            let is_interface = self.index.interfaces.contains_key(&name) || self.index.forwards.contains(&name);
            let clash = match (&alias, &tagged) {
                (Some(alias), _) if is_interface => !alias.is_of(|base| matches!(base, Base::Interface(same) if *same == name)),
                (None, Some(_)) => is_interface,
                (Some(alias), Some(tagged)) => !alias.is_of(|base| match (base, &tagged.body) {
                    (Base::Tagged(_, same), _) => *same == name,
                    (Base::Structure(one), TagBody::Structure(other)) => Rc::ptr_eq(one, other),
                    (Base::Enumeration(one), TagBody::Enumeration(other)) => Rc::ptr_eq(one, other),
                    (Base::Union(Some(same)), TagBody::Union) => *same == name,
                    _ => false,
                }),
                _ => false,
            };
            let span = alias.as_ref().map(|alias| alias.span).or(tagged.map(|tagged| tagged.span));
            if let Some(span) = span
                && clash
                && told.insert(Rc::clone(&name))
            {
                self.session.error(Code::Duplicate, span, format!("`{name}` stands for two types"));
            }
        }
    }

    /// Words of the language are no names: a type with such a name could not be used.
    pub(super) fn check_word(&mut self, name: &Word) {
        const WORDS: &[&str] = &[
            "void",
            "boolean",
            "bool",
            "_Bool",
            "byte",
            "char",
            "small",
            "short",
            "int",
            "long",
            "hyper",
            "float",
            "double",
            "wchar_t",
            "handle_t",
            "error_status_t",
            "unsigned",
            "signed",
            "const",
            "volatile",
            "struct",
            "union",
            "enum",
            "interface",
            "dispinterface",
            "coclass",
            "library",
            "module",
            "typedef",
            "import",
            "importlib",
            "cpp_quote",
            "midl_pragma",
            "pipe",
            "extern",
            "static",
            "inline",
            "register",
            "__int8",
            "__int16",
            "__int32",
            "__int64",
            "__int3264",
            "declspec",
            "__declspec",
            "__inline",
            "__forceinline",
            "__unaligned",
            "UNALIGNED",
            "_declspec",
            "__attribute__",
        ];
        if WORDS.contains(&&*name.text) {
            self.session.error(Code::Syntax, name.span, format!("`{}` is a word of the language, and cannot be a name", name.text));
        }
    }

    pub(super) fn is_interface(&self, name: &str) -> bool {
        self.index.interfaces.contains_key(name)
            || self.index.forwards.contains(name)
            || builtin::is_interface(name)
            || builtin::pointed(name).is_some()
    }
}

impl Alias {
    fn is_of(&self, same: impl Fn(&Base) -> bool) -> bool {
        self.typedef.declarators[self.declarator].layers.is_empty() && same(&self.typedef.base.base)
    }
}
