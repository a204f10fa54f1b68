//! Types before it is decided what their pointers mean: a pointer without an attribute takes its meaning
//! from where it is used, also through a typedef.

use std::rc::Rc;

use consign_core::interface::{StringForm, Type};

use crate::{
    Opaque, builtin,
    syntax::{AttributeList, Layer},
};

/// Whether a pointer may be NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PointerKind {
    /// `unique`, `ptr`.
    Optional,
    /// `ref`.
    Reference,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shape {
    pub(super) base: Meaning,
    /// What is around the base, outermost first.
    pub(super) rings: Vec<Ring>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Meaning {
    Value(Type),
    Interface(Rc<str>),
    Void,
    Function,
}

pub(super) const POINTER: Ring = Ring::Pointer { kind: None, sized: false };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ring {
    Pointer {
        /// What its own attribute says.
        kind: Option<PointerKind>,
        /// It points at as many as there are.
        sized: bool,
    },
    Array,
}

/// What attributes say of a declarator.
pub(super) struct Said {
    outermost: Option<PointerKind>,
    /// Which of the rings, from the outermost, have a size.
    sized: Vec<bool>,
    string: bool,
    pub(super) iid_is: bool,
}

impl Said {
    pub(super) fn by(attributes: &AttributeList) -> Self {
        let outermost = if attributes.has("ref") {
            Some(PointerKind::Reference)
        } else if attributes.has("unique") || attributes.has("ptr") {
            Some(PointerKind::Optional)
        } else {
            None
        };
        let sizes = attributes.get("size_is").or_else(|| attributes.get("max_is"));
        let sized = sizes.map(|sizes| sizes.arguments.iter().map(|argument| !argument.is_empty()).collect()).unwrap_or_default();
        Self { outermost, sized, string: attributes.has("string"), iid_is: attributes.has("iid_is") }
    }
}

impl Shape {
    pub(super) fn value(kind: Type) -> Self {
        Self { base: Meaning::Value(kind), rings: Vec::new() }
    }

    pub(super) fn pointer_to(kind: Type) -> Self {
        Self { base: Meaning::Value(kind), rings: vec![POINTER] }
    }

    /// With what stands around a name, and what its attributes say.
    pub(super) fn within(mut self, layers: &[Layer], said: &Said) -> Self {
        let mut rings = Vec::with_capacity(layers.len() + self.rings.len());
        for layer in layers {
            match layer {
                Layer::Pointer => rings.push(POINTER),
                Layer::Array => rings.push(Ring::Array),
                Layer::Function(_) => {
                    // What it returns does not matter: nothing of it travels.
                    self = Self { base: Meaning::Function, rings: Vec::new() };
                    break;
                }
            }
        }
        rings.append(&mut self.rings);
        self.rings = rings;
        if said.string {
            self.take_string();
        }
        for (ring, size) in self.rings.iter_mut().zip(&said.sized) {
            if let Ring::Pointer { sized, .. } = ring {
                *sized |= size;
            }
        }
        match (said.outermost, self.rings.first_mut()) {
            (Some(said), Some(Ring::Pointer { kind, .. })) => *kind = Some(said),
            (Some(PointerKind::Optional), Some(Ring::Array)) => {
                self.rings.insert(0, Ring::Pointer { kind: Some(PointerKind::Optional), sized: false });
            }
            _ => {}
        }
        self
    }

    /// `string`: the innermost pointer to characters is one.
    fn take_string(&mut self) {
        let form = match &self.base {
            Meaning::Value(Type::U16 | Type::I16) => StringForm::Wide,
            Meaning::Value(Type::U8 | Type::I8) => StringForm::Narrow,
            _ => return,
        };
        if self.rings.pop().is_some() {
            self.base = Meaning::Value(Type::String(form));
        }
    }

    /// Its type: `outermost` and `inner` say what pointers mean of which nothing is said.
    pub(super) fn settle(self, said: &Said, outermost: PointerKind, inner: PointerKind) -> Type {
        let mut now = self.base;
        for (place, ring) in self.rings.into_iter().enumerate().rev() {
            now = Meaning::Value(match (ring, now) {
                (Ring::Pointer { .. }, Meaning::Interface(name)) => {
                    builtin::pointed(&name).unwrap_or_else(|| Type::Interface { name: name.to_string() })
                }
                (Ring::Pointer { .. } | Ring::Array, Meaning::Void) if said.iid_is => Type::Interface { name: "IUnknown".to_owned() },
                (Ring::Pointer { .. } | Ring::Array, Meaning::Void) => pointer_to_anything(),
                (Ring::Pointer { .. } | Ring::Array, Meaning::Function) => Opaque::Function.named("void (*)()"),
                (Ring::Array, Meaning::Interface(name)) => Type::Array(Box::new(by_value(&name))),
                (Ring::Array, Meaning::Value(kind)) => Type::Array(Box::new(kind)),
                (Ring::Pointer { kind, sized }, Meaning::Value(target)) => {
                    let target = if sized { Type::Array(Box::new(target)) } else { target };
                    match kind.unwrap_or(if place == 0 { outermost } else { inner }) {
                        PointerKind::Optional => Type::Optional(Box::new(target)),
                        // An array is a pointer already.
                        PointerKind::Reference if sized => target,
                        PointerKind::Reference => Type::Reference(Box::new(target)),
                    }
                }
            });
        }
        match now {
            Meaning::Value(kind) => kind,
            Meaning::Interface(name) => by_value(&name),
            Meaning::Void => Type::Void,
            // As in C, it stands for its address.
            Meaning::Function => Opaque::Function.named("void (*)()"),
        }
    }
}

fn pointer_to_anything() -> Type {
    Type::Foreign { name: "void *".to_owned(), why: "a pointer to anything means nothing in another process".to_owned() }
}

fn by_value(name: &str) -> Type {
    Type::Foreign { name: name.to_owned(), why: "an interface travels by pointer".to_owned() }
}
