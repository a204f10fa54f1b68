//! What the parser makes of a file: names are not looked up, expressions not evaluated.

use std::rc::Rc;

use crate::{lexer::Token, session::Span};

/// A name and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) text: Rc<str>,
    pub(crate) span: Span,
}

pub(crate) enum Item {
    ImportLibrary(String),
    CppQuote(String),
    Interface(Rc<InterfaceDeclaration>),
    /// `interface IFoo;`
    Forward(Word),
    Coclass(CoclassDeclaration),
    Library(LibraryDeclaration),
    /// Its constants and types; its functions are of a DLL, and left out.
    Module(Vec<Item>),
    Typedef(Rc<Typedef>),
    /// A structure, union or enumeration by itself.
    Tag(TypeExpression),
    Constant(ConstantDeclaration),
}

#[derive(Default, Clone)]
pub(crate) struct AttributeList(pub(crate) Vec<Attribute>);

#[derive(Clone)]
pub(crate) struct Attribute {
    pub(crate) name: Word,
    /// What stands between the parentheses, divided by commas.
    pub(crate) arguments: Vec<Vec<Token>>,
}

impl AttributeList {
    pub(crate) fn get(&self, name: &str) -> Option<&Attribute> {
        self.0.iter().find(|attribute| &*attribute.name.text == name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InterfaceForm {
    Interface,
    Dispinterface,
}

pub(crate) struct InterfaceDeclaration {
    pub(crate) attributes: AttributeList,
    pub(crate) form: InterfaceForm,
    pub(crate) name: Word,
    pub(crate) bases: Vec<Word>,
    /// `dispinterface X { interface IFoo; }`
    pub(crate) of_interface: Option<Word>,
    pub(crate) methods: Vec<MethodDeclaration>,
    /// What stands in its body and is no method; it is of the file as if it stood outside.
    pub(crate) items: Vec<Item>,
}

pub(crate) struct MethodDeclaration {
    pub(crate) attributes: AttributeList,
    pub(crate) name: Word,
    pub(crate) returns: TypeExpression,
    /// What stands around the name besides the parameters: the pointers of what is returned.
    pub(crate) layers: Vec<Layer>,
    pub(crate) parameters: Vec<ParameterDeclaration>,
    /// A property of a dispinterface, from `properties:`.
    pub(crate) is_property: bool,
}

#[derive(Clone)]
pub(crate) struct ParameterDeclaration {
    pub(crate) attributes: AttributeList,
    pub(crate) base: TypeExpression,
    pub(crate) declarator: Declarator,
    pub(crate) span: Span,
}

pub(crate) struct CoclassDeclaration {
    pub(crate) attributes: AttributeList,
    pub(crate) name: Word,
    pub(crate) members: Vec<(AttributeList, Word)>,
}

pub(crate) struct LibraryDeclaration {
    pub(crate) attributes: AttributeList,
    pub(crate) name: Word,
    pub(crate) items: Vec<Item>,
}

pub(crate) struct Typedef {
    pub(crate) attributes: AttributeList,
    pub(crate) base: TypeExpression,
    pub(crate) declarators: Vec<Declarator>,
}

pub(crate) struct ConstantDeclaration {
    pub(crate) base: TypeExpression,
    pub(crate) declarator: Declarator,
    pub(crate) value: Vec<Token>,
}

#[derive(Clone)]
pub(crate) struct TypeExpression {
    pub(crate) base: Base,
    pub(crate) span: Span,
    /// As it was written, for headers: `const DWORD`.
    pub(crate) written: Rc<str>,
}

#[derive(Clone)]
pub(crate) enum Base {
    Primitive(Primitive),
    Named(Rc<str>),
    /// `struct X`, `union X`, `enum X`.
    Tagged(Tag, Rc<str>),
    Interface(Rc<str>),
    SafeArray(Rc<(TypeExpression, Vec<Layer>)>),
    Structure(Rc<Structure>),
    Enumeration(Rc<Enumeration>),
    /// Its members are not looked at: it cannot be written down whatever they are.
    Union(Option<Rc<str>>),
    Pipe,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Structure,
    Union,
    Enumeration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Primitive {
    Void,
    Boolean,
    U8,
    I8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
    Handle,
}

pub(crate) struct Structure {
    pub(crate) tag: Option<Word>,
    pub(crate) attributes: AttributeList,
    pub(crate) fields: Vec<FieldDeclaration>,
}

pub(crate) struct FieldDeclaration {
    pub(crate) attributes: AttributeList,
    pub(crate) base: TypeExpression,
    pub(crate) declarator: Declarator,
    pub(crate) is_bits: bool,
}

pub(crate) struct Enumeration {
    pub(crate) tag: Option<Word>,
    pub(crate) elements: Vec<(Word, Vec<Token>)>,
}

/// A name and what stands around it, from the name outwards: `*a[3]` is an array of pointers.
#[derive(Clone, Default)]
pub(crate) struct Declarator {
    pub(crate) name: Option<Word>,
    pub(crate) layers: Vec<Layer>,
}

#[derive(Clone)]
pub(crate) enum Layer {
    Pointer,
    /// However many there are: the model does not say.
    Array,
    Function(Rc<Vec<ParameterDeclaration>>),
}
