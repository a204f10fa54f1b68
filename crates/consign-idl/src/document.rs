//! What an IDL file says, resolved: the interfaces of the model with the places where they stand, and the
//! classes, libraries, types and constants beside them.

use std::collections::HashMap;

use consign_core::{
    Guid, Interface,
    interface::{Element, Field, Type},
};

use crate::{Diagnostic, Place};

/// What [`parse`](crate::parse) makes of a file.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was understood; after errors it is not the whole.
    pub document: Document,
    /// What is wrong, in the order in which it was found.
    pub diagnostics: Vec<Diagnostic>,
}

/// A file, with all that it includes and imports.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// Its interfaces, in their order.
    pub interfaces: Vec<Described>,
    /// Its classes.
    pub coclasses: Vec<Coclass>,
    /// Its type libraries; a file has at most one.
    pub libraries: Vec<Library>,
    /// Structures, enumerations, and types that cannot be written down, in their order.
    pub types: Vec<NamedType>,
    /// Constants.
    pub constants: Vec<Constant>,
    /// `cpp_quote` of the file itself: lines for the C header.
    pub cpp_quotes: Vec<String>,
}

/// Whose a declaration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file itself, or a file that it includes.
    Own,
    /// A file that it imports.
    Imported,
}

/// An interface, and where it stands.
#[derive(Clone, Debug)]
pub struct Described {
    /// The interface.
    pub interface: Interface,
    /// How it was declared.
    pub form: Form,
    /// Whose it is.
    pub origin: Origin,
    /// Where it stands; `None` for one that was made otherwise.
    pub places: Option<InterfacePlaces>,
}

/// The ways to declare an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A COM interface: `object`, `odl`, or derived from one.
    Object,
    /// `dispinterface`: its methods are called by `Invoke` alone.
    Dispatch,
    /// Neither: an interface of RPC, or a mere bracket around types.
    Plain,
}

/// Where an interface and its parts stand.
#[derive(Clone, Debug)]
pub struct InterfacePlaces {
    /// Its name.
    pub name: Place,
    /// `QUEUEABLE`.
    pub queueable: Option<Place>,
    /// Its methods, in the order of the model; those of a base stand with the base.
    pub methods: Vec<MethodPlaces>,
}

/// Where a method and its parts stand.
#[derive(Clone, Debug)]
pub struct MethodPlaces {
    /// Its name.
    pub name: Place,
    /// The type that it returns.
    pub returns: Place,
    /// Its parameters, with how they were written.
    pub parameters: Vec<ParameterPlace>,
}

/// Where a parameter stands, and what the model does not keep of it.
#[derive(Clone, Debug)]
pub struct ParameterPlace {
    /// The parameter, attributes included.
    pub place: Place,
    /// Its type as it was written, for headers: `const DWORD *`.
    pub written: String,
    /// `size_is` as it was written: what says how many there are.
    pub size: Option<String>,
}

/// A class.
#[derive(Clone, Debug)]
pub struct Coclass {
    /// `uuid`.
    pub clsid: Guid,
    /// Its name.
    pub name: String,
    /// `helpstring`.
    pub help: Option<String>,
    /// Its interfaces, in their order.
    pub interfaces: Vec<CoclassInterface>,
    /// `TRANSACTION_REQUIRED` and its siblings of `mtxattr.h`.
    pub transaction: Option<Transaction>,
    /// Whose it is.
    pub origin: Origin,
    /// Where its name stands.
    pub place: Option<Place>,
}

/// An interface of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoclassInterface {
    /// Its name.
    pub name: String,
    /// `default`.
    pub default: bool,
    /// `source`: the class calls it.
    pub source: bool,
    /// `restricted`.
    pub restricted: bool,
}

/// What a class asks for, as COM+ has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// `TRANSACTION_NOT_SUPPORTED`.
    NotSupported,
    /// `TRANSACTION_SUPPORTED`.
    Supported,
    /// `TRANSACTION_REQUIRED`.
    Required,
    /// `TRANSACTION_REQUIRES_NEW`.
    RequiresNew,
}

/// A type library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// `uuid`.
    pub id: Guid,
    /// Its name.
    pub name: String,
    /// `helpstring`.
    pub help: Option<String>,
    /// `version`: major and minor, `(0, 0)` where nothing is said.
    pub version: (u16, u16),
    /// `importlib`: names of type libraries, which are not read.
    pub imports: Vec<String>,
    /// Whose it is.
    pub origin: Origin,
}

/// A type with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedType {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: NamedKind,
    /// Whose it is.
    pub origin: Origin,
}

/// What a type with a name is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedKind {
    /// A structure.
    Struct {
        /// Its `uuid`.
        uuid: Option<Guid>,
        /// Its fields.
        fields: Vec<Field>,
    },
    /// An enumeration.
    Enum(Vec<Element>),
    /// What cannot be written down.
    Opaque(Opaque),
}

/// Kinds of types that cannot be written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opaque {
    /// `union`.
    Union,
    /// A pointer to a function.
    Function,
    /// `pipe`.
    Pipe,
    /// `handle_t`, `context_handle`, and what stands for one.
    Handle,
    /// A structure of which only the name is known.
    Incomplete,
}

impl Opaque {
    /// Why it cannot be written down, as a part of a sentence.
    pub const fn why(self) -> &'static str {
        match self {
            Self::Union => "which member of a union is meant is not a part of it",
            Self::Function => "a function means nothing in another process",
            Self::Pipe => "a pipe needs both ends at the same time",
            Self::Handle => "a handle means nothing in another process",
            Self::Incomplete => "only its name is known",
        }
    }

    /// The type of this name.
    pub(crate) fn named(self, name: &str) -> Type {
        Type::Foreign { name: name.to_owned(), why: self.why().to_owned() }
    }
}

/// A constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Type,
    /// Its value.
    pub value: Literal,
    /// Whose it is.
    pub origin: Origin,
}

/// The value of a constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
    /// Another, as it was written: `1.5`.
    Written(String),
}

impl Document {
    /// The interface of this name.
    pub fn interface(&self, name: &str) -> Option<&Described> {
        self.interfaces.iter().find(|described| described.interface.name == name)
    }

    /// The class of this name.
    pub fn coclass(&self, name: &str) -> Option<&Coclass> {
        self.coclasses.iter().find(|coclass| coclass.name == name)
    }

    /// The structure or enumeration of this name.
    pub fn named_type(&self, name: &str) -> Option<&NamedType> {
        self.types.iter().find(|named| named.name == name)
    }

    /// Whether another says all that this file says of itself, in the same order, wherever it stands.
    pub fn is_said_by(&self, other: &Self) -> bool {
        let described: HashMap<&str, &Described> = other.interfaces.iter().rev().map(|one| (one.interface.name.as_str(), one)).collect();
        let named: HashMap<&str, &NamedType> = other.types.iter().rev().map(|one| (one.name.as_str(), one)).collect();
        let interfaces = self.interfaces.iter().filter(|one| one.origin == Origin::Own).all(|mine| {
            let theirs = described.get(mine.interface.name.as_str());
            theirs.is_some_and(|theirs| theirs.interface == mine.interface && theirs.form == mine.form)
        });
        let coclasses = self.coclasses.iter().filter(|one| one.origin == Origin::Own).all(|mine| {
            other.coclass(&mine.name).is_some_and(|theirs| {
                (mine.clsid, &mine.help, mine.transaction, &mine.interfaces)
                    == (theirs.clsid, &theirs.help, theirs.transaction, &theirs.interfaces)
            })
        });
        let mut types = self.types.iter().filter(|one| one.origin == Origin::Own);
        let mut constants = self.constants.iter().filter(|one| one.origin == Origin::Own);
        let mut libraries = self.libraries.iter().filter(|one| one.origin == Origin::Own);
        interfaces
            && coclasses
            && types.all(|mine| named.get(mine.name.as_str()).is_some_and(|theirs| theirs.kind == mine.kind))
            && constants.all(|mine| {
                other.constants.iter().any(|theirs| (&theirs.name, &theirs.kind, &theirs.value) == (&mine.name, &mine.kind, &mine.value))
            })
            && libraries.all(|mine| other.libraries.contains(mine))
            && self.cpp_quotes == other.cpp_quotes
    }
}

impl From<Interface> for Described {
    /// One that stands in no file.
    fn from(interface: Interface) -> Self {
        let form = if interface.bases.is_empty() { Form::Plain } else { Form::Object };
        Self { interface, form, origin: Origin::Own, places: None }
    }
}
