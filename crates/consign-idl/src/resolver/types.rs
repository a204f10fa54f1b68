//! Types: names, structures, enumerations. A structure is written out wherever it is used, so what it holds
//! is counted.

use std::rc::Rc;

use consign_core::interface::{Element, Field, Type};

use super::{
    Resolver,
    index::{Alias, TagBody, address},
    shapes::{Meaning, PointerKind, Ring, Said, Shape},
};
use crate::{
    Code, NamedKind, NamedType, Opaque, Origin, builtin,
    session::Span,
    syntax::{AttributeList, Base, Enumeration, Layer, Primitive, Structure, TypeExpression, Typedef},
};

/// A structure or an enumeration.
pub(super) enum Body {
    /// Its fields are being resolved: what leads back to it leads to nothing that has an end.
    Begun,
    Resolved(Type),
}

/// How deep names may stand for one another, before what they name is resolved.
const DEEPEST: usize = 64;
/// How many pointers and arrays may be around a type.
const MOST_RINGS: usize = 32;
/// How deep types may be nested. Fewer can be written down.
const MOST_LEVELS: usize = 32;
/// How many parts a structure may have, with those of its fields.
const MOST_PARTS: usize = 4096;
/// How many values an enumeration may have.
const MOST_ELEMENTS: usize = 16_384;

impl Resolver<'_, '_> {
    pub(super) fn typedef(&mut self, typedef: &Rc<Typedef>, origin: Origin, pointers: PointerKind) {
        for (place, declarator) in typedef.declarators.iter().enumerate() {
            let Some(name) = &declarator.name else { continue };
            let known = self.index.typedefs.get(&name.text);
            let is_first = known.is_some_and(|known| Rc::ptr_eq(&known.typedef, typedef) && known.declarator == place);
            if is_first {
                let shape = self.alias(&name.text);
                self.tell_fixed(&name.text, &shape, name.span, origin);
            } else if known.is_some_and(|known| known.origin == origin && origin == Origin::Own) {
                let alias = Alias { typedef: Rc::clone(typedef), declarator: place, origin, pointers, span: name.span };
                let (again, first) = (self.alias_shape(&name.text, &alias), self.alias(&name.text));
                if again != first {
                    self.session.error(Code::Duplicate, name.span, format!("the type `{}` is defined twice, and differently", name.text));
                }
            }
        }
    }

    /// A name of the SDK keeps its meaning; who defines another one should know.
    fn tell_fixed(&mut self, name: &str, shape: &Shape, span: Span, origin: Origin) {
        if origin == Origin::Own
            && let Some(fixed) = builtin::fixed(name)
            && !matches!(fixed, Type::Foreign { .. } | Type::Reference(_))
            && *shape != Shape::value(fixed)
        {
            self.session.warning(Code::Duplicate, span, format!("`{name}` keeps the meaning that it has in the SDK"));
        }
    }

    /// What a typedef stands for.
    pub(super) fn alias(&mut self, name: &Rc<str>) -> Shape {
        if let Some(known) = self.aliases.get(name) {
            return known.clone();
        }
        let Some(alias) = self.index.typedefs.get(name).cloned() else { return Shape::value(Type::Void) };
        let shape = self.alias_shape(name, &alias);
        self.aliases.insert(Rc::clone(name), shape.clone());
        shape
    }

    fn alias_shape(&mut self, name: &Rc<str>, alias: &Alias) -> Shape {
        let typedef = &alias.typedef;
        let layers = &typedef.declarators[alias.declarator].layers;
        if typedef.attributes.has("context_handle") {
            return self.opaque(Opaque::Handle, name, alias.origin);
        }
        if layers.is_empty() {
            match &typedef.base.base {
                Base::Union(_) => return self.opaque(Opaque::Union, name, alias.origin),
                Base::Pipe => return self.opaque(Opaque::Pipe, name, alias.origin),
                _ => {}
            }
        }
        if layers.iter().any(|layer| matches!(layer, Layer::Function(_))) {
            return self.opaque(Opaque::Function, name, alias.origin);
        }
        let said = Said::by(&typedef.attributes);
        let base = self.base_shape(&typedef.base, alias.origin, alias.pointers);
        let shape = base.within(layers, &said);
        self.bounded(shape, alias.span)
    }

    /// A shape that is kept: its parts count, and it is not nested without end.
    pub(super) fn bounded(&mut self, mut shape: Shape, span: Span) -> Shape {
        if shape.rings.len() > MOST_RINGS {
            self.session.error(Code::Limit, span, format!("more than {MOST_RINGS} pointers and arrays within each other"));
            shape.rings.truncate(1);
        }
        if let Meaning::Value(kind) = &shape.base {
            let (parts, depth) = measure(kind);
            self.count_parts(parts, span);
            if depth > MOST_LEVELS {
                self.session.error(Code::Limit, span, format!("types are nested more than {MOST_LEVELS} deep"));
                shape.base = Meaning::Value(broken("…"));
            }
        }
        shape
    }

    /// A type that cannot be written down, kept by its name.
    fn opaque(&mut self, opaque: Opaque, name: &str, origin: Origin) -> Shape {
        if builtin::fixed(name).is_none() && self.opaque.insert(name.to_owned()) {
            self.document.types.push(NamedType { name: name.to_owned(), kind: NamedKind::Opaque(opaque), origin });
        }
        Shape::value(opaque.named(name))
    }

    /// What stands before a declarator.
    pub(super) fn base_shape(&mut self, expression: &TypeExpression, origin: Origin, pointers: PointerKind) -> Shape {
        if self.session.has_given_up() {
            return Shape::value(Type::Void);
        }
        if self.depth >= DEEPEST {
            let message = format!("types stand for one another more than {DEEPEST} deep");
            self.session.give_up(Some(expression.span), message);
            return Shape::value(broken("…"));
        }
        self.depth += 1;
        let shape = self.base_here(expression, origin, pointers);
        self.depth -= 1;
        shape
    }

    fn base_here(&mut self, expression: &TypeExpression, origin: Origin, pointers: PointerKind) -> Shape {
        match &expression.base {
            Base::Primitive(Primitive::Void) => Shape { base: Meaning::Void, rings: Vec::new() },
            Base::Primitive(primitive) => Shape::value(primitive_type(*primitive)),
            Base::Named(name) => self.named(name, expression.span),
            Base::Tagged(_, name) => self.tagged(name, expression),
            Base::Interface(name) => {
                if !self.is_interface(name) {
                    self.tell_unknown("interface", name, expression.span);
                    self.index.forwards.insert(Rc::clone(name));
                }
                Shape { base: Meaning::Interface(Rc::clone(name)), rings: Vec::new() }
            }
            Base::SafeArray(element) => {
                let (element, layers) = &**element;
                let said = Said::by(&AttributeList::default());
                let shape = self.base_shape(element, origin, pointers).within(layers, &said);
                let kind = self.bounded(shape, expression.span).settle(&said, pointers, pointers);
                Shape::value(Type::SafeArray(Box::new(kind)))
            }
            Base::Structure(structure) => Shape::value(self.structure(structure, origin, pointers)),
            Base::Enumeration(enumeration) => Shape::value(self.enumeration(enumeration, origin)),
            Base::Union(Some(tag)) => self.opaque(Opaque::Union, &Rc::clone(tag), origin),
            Base::Union(None) => Shape::value(Opaque::Union.named("union")),
            Base::Pipe => Shape::value(Opaque::Pipe.named("pipe byte")),
        }
    }

    fn named(&mut self, name: &Rc<str>, span: Span) -> Shape {
        if let Some(fixed) = builtin::fixed(name) {
            return Shape::value(fixed);
        }
        if self.index.typedefs.contains_key(name) {
            return self.alias(name);
        }
        if let Some(target) = builtin::fixed_pointer(name) {
            return Shape::pointer_to(target);
        }
        if let Some(interface) = builtin::interface_pointer(name) {
            return Shape { base: Meaning::Interface(Rc::from(interface)), rings: vec![super::shapes::POINTER] };
        }
        if self.is_interface(name) {
            return Shape { base: Meaning::Interface(Rc::clone(name)), rings: Vec::new() };
        }
        if let Some(tagged) = self.index.tags.get(name).cloned() {
            return self.tag_body(name, &tagged.body, tagged.origin, tagged.pointers);
        }
        match (builtin::usual(name), builtin::usual_pointer(name)) {
            (Some(Type::Void), _) => Shape { base: Meaning::Void, rings: Vec::new() },
            (_, Some(Type::Void)) => Shape { base: Meaning::Void, rings: vec![super::shapes::POINTER] },
            (Some(usual), _) => Shape::value(usual),
            (None, Some(target)) => Shape::pointer_to(target),
            (None, None) => {
                self.tell_unknown("type", name, span);
                self.opaque(Opaque::Incomplete, name, self.origin)
            }
        }
    }

    fn tagged(&mut self, name: &Rc<str>, expression: &TypeExpression) -> Shape {
        if let Some(tagged) = self.index.tags.get(name).cloned() {
            return self.tag_body(name, &tagged.body, tagged.origin, tagged.pointers);
        }
        // `struct X` where only a typedef says what X is, or the SDK does.
        let of_itself =
            self.index.typedefs.get(name).is_some_and(|alias| matches!(&alias.typedef.base.base, Base::Tagged(_, same) if same == name));
        if !of_itself && self.index.typedefs.contains_key(name) {
            return self.alias(name);
        }
        let plain = name.trim_start_matches('_').trim_start_matches("tag");
        if let Some(fixed) = builtin::fixed(name).or_else(|| builtin::fixed(plain)) {
            return Shape::value(fixed);
        }
        let Base::Tagged(tag, _) = &expression.base else { return Shape::value(broken(name)) };
        let opaque = if *tag == crate::syntax::Tag::Union { Opaque::Union } else { Opaque::Incomplete };
        // Interfaces are structures in C.
        if self.is_interface(name) {
            return Shape { base: Meaning::Interface(Rc::clone(name)), rings: Vec::new() };
        }
        self.opaque(opaque, name, Origin::Own)
    }

    fn tag_body(&mut self, name: &Rc<str>, body: &TagBody, origin: Origin, pointers: PointerKind) -> Shape {
        match body {
            TagBody::Structure(structure) => Shape::value(self.structure(structure, origin, pointers)),
            TagBody::Enumeration(enumeration) => Shape::value(self.enumeration(enumeration, origin)),
            TagBody::Union => self.opaque(Opaque::Union, name, origin),
        }
    }

    fn structure(&mut self, structure: &Rc<Structure>, origin: Origin, pointers: PointerKind) -> Type {
        let key = address(structure);
        let tag = structure.tag.as_ref().map(|tag| Rc::clone(&tag.text));
        let named = self.index.names.get(&key).cloned().or(tag);
        let name = named.as_deref().unwrap_or("struct");
        if let Some(fixed) = builtin::fixed(name) {
            return fixed;
        }
        match self.bodies.get(&key) {
            Some(Body::Resolved(kind)) => return kind.clone(),
            Some(Body::Begun) => return Type::Foreign { name: name.to_owned(), why: "it contains itself".to_owned() },
            None => {}
        }
        self.bodies.insert(key, Body::Begun);
        let typedef = self.index.typedefs_of.get(&key).cloned();
        let uuid = self.uuid(&structure.attributes).or_else(|| self.uuid(&typedef?.attributes));
        // Those that are begun first are written first: what contains itself depends on it.
        let place = named.is_some().then(|| {
            self.document.types.push(NamedType { name: name.to_owned(), kind: NamedKind::Struct { uuid, fields: Vec::new() }, origin });
            self.document.types.len() - 1
        });
        let mut fields: Vec<Field> = Vec::new();
        let mut parts = 0;
        for declared in &structure.fields {
            let kind = self.field(declared, origin, pointers);
            parts += measure(&kind).0;
            let span = declared.declarator.name.as_ref().map_or(declared.base.span, |name| name.span);
            if let Some(name) = &declared.declarator.name {
                self.check_word(name);
            }
            if parts > MOST_PARTS {
                self.session.error(Code::Limit, span, format!("the structure has more than {MOST_PARTS} parts, with those of its fields"));
                break;
            }
            let name = declared.declarator.name.as_ref().map(|name| name.text.to_string()).unwrap_or_default();
            fields.push(Field { name, kind });
        }
        self.count_parts(parts, structure.tag.as_ref().map_or(Span { file: 0, start: 0, end: 0 }, |tag| tag.span));
        if let Some(place) = place
            && let Some(entry) = self.document.types.get_mut(place)
        {
            entry.kind = NamedKind::Struct { uuid, fields: fields.clone() };
        }
        let kind = Type::Struct { name: name.to_owned(), uuid, fields };
        self.bodies.insert(key, Body::Resolved(kind.clone()));
        kind
    }

    fn field(&mut self, declared: &crate::syntax::FieldDeclaration, origin: Origin, pointers: PointerKind) -> Type {
        if declared.is_bits {
            return Type::Foreign { name: "bit field".to_owned(), why: "a bit field has no form of its own".to_owned() };
        }
        let said = Said::by(&declared.attributes);
        let shape = self.base_shape(&declared.base, origin, pointers).within(&declared.declarator.layers, &said);
        self.bounded(shape, declared.base.span).settle(&said, pointers, pointers)
    }

    fn enumeration(&mut self, enumeration: &Rc<Enumeration>, origin: Origin) -> Type {
        let key = address(enumeration);
        if let Some(Body::Resolved(kind)) = self.bodies.get(&key) {
            return kind.clone();
        }
        let tag = enumeration.tag.as_ref().map(|tag| Rc::clone(&tag.text));
        let named = self.index.names.get(&key).cloned().or(tag);
        let mut elements = Vec::new();
        let mut next = 0_i64;
        for (word, value) in &enumeration.elements {
            if !value.is_empty() {
                next = self.evaluate(value, word.span).unwrap_or(next);
            }
            let value = self.narrow(next, word.span).unwrap_or_default();
            self.check_word(word);
            self.constants.insert(Rc::clone(&word.text), i64::from(value));
            elements.push(Element { name: word.text.to_string(), value });
            next = next.saturating_add(1);
            if elements.len() > MOST_ELEMENTS {
                self.session.error(Code::Limit, word.span, format!("the enumeration has more than {MOST_ELEMENTS} values"));
                break;
            }
        }
        let span = enumeration.elements.first().map_or(Span { file: 0, start: 0, end: 0 }, |(word, _)| word.span);
        self.count_parts(elements.len(), span);
        let name = named.as_deref().unwrap_or("enum").to_owned();
        if named.is_some() {
            self.document.types.push(NamedType { name: name.clone(), kind: NamedKind::Enum(elements.clone()), origin });
        }
        let kind = Type::Enum { name, elements };
        self.bodies.insert(key, Body::Resolved(kind.clone()));
        kind
    }

    /// The type of a constant.
    pub(super) fn constant_type(&mut self, base: Shape, layers: &[Layer], span: Span) -> Type {
        let said = Said::by(&AttributeList::default());
        let mut shape = base.within(layers, &said);
        shape = self.bounded(shape, span);
        // `const wchar_t *NAME = L"…"`
        if let (Meaning::Value(kind), [Ring::Pointer { .. }]) = (&shape.base, shape.rings.as_slice()) {
            let form = match kind {
                Type::U16 => Some(consign_core::interface::StringForm::Wide),
                Type::I8 | Type::U8 => Some(consign_core::interface::StringForm::Narrow),
                _ => None,
            };
            if let Some(form) = form {
                shape = Shape::value(Type::String(form));
            }
        }
        shape.settle(&said, PointerKind::Optional, PointerKind::Optional)
    }
}

fn broken(name: &str) -> Type {
    Type::Foreign { name: name.to_owned(), why: "it is not known".to_owned() }
}

fn primitive_type(primitive: Primitive) -> Type {
    match primitive {
        Primitive::Void => Type::Void,
        Primitive::Boolean => Type::Boolean,
        Primitive::U8 => Type::U8,
        Primitive::I8 => Type::I8,
        Primitive::I16 => Type::I16,
        Primitive::U16 => Type::U16,
        Primitive::I32 => Type::I32,
        Primitive::U32 => Type::U32,
        Primitive::I64 => Type::I64,
        Primitive::U64 => Type::U64,
        Primitive::F32 => Type::F32,
        Primitive::F64 => Type::F64,
        Primitive::Handle => Opaque::Handle.named("handle_t"),
    }
}

/// How many parts a type has, written out, and how deep they are nested.
pub(super) fn measure(kind: &Type) -> (usize, usize) {
    match kind {
        Type::Struct { fields, .. } => {
            let measured = fields.iter().map(|field| measure(&field.kind));
            let (parts, depth) = measured.fold((0, 0), |(parts, depth), (more, deep)| (parts + more, depth.max(deep)));
            (parts + 1, depth + 1)
        }
        // A value takes as much as a field.
        Type::Enum { elements, .. } => (1 + elements.len() / 4, 1),
        Type::Array(inner) | Type::Optional(inner) | Type::Reference(inner) | Type::SafeArray(inner) => {
            let (parts, depth) = measure(inner);
            (parts + 1, depth + 1)
        }
        _ => (1, 1),
    }
}
