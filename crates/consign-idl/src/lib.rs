//! Reads IDL, the language in which COM interfaces are described, into the interface model, and says what
//! of it can be queued and what not, at the place in the file.
//!
//! [`parse`] reads a file; [`Document::check`] asks the model of each interface whether calls on it can be
//! queued, which is decided in `consign-core` and not here; [`print()`] writes a document as IDL. The accepted
//! language stands in `docs/idl.md`.

mod builtin;
mod check;
mod diagnostic;
mod document;
mod expression;
mod lexer;
mod limits;
mod parse;
mod parser;
mod preprocessor;
mod print;
mod render;
mod resolver;
mod session;
mod source;
mod syntax;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

pub use check::Wanted;
pub use diagnostic::{Code, Diagnostic, Place, Record, Severity, SourceFile};
pub use document::{
    Coclass, CoclassInterface, Constant, Described, Document, Form, InterfacePlaces, Library, Literal, MethodPlaces, NamedKind, NamedType,
    Opaque, Origin, Outcome, ParameterPlace, Transaction,
};
pub use limits::{Limits, Options};
pub use parse::parse;
pub use print::print;
pub use render::{Colour, render, render_plain};
pub use source::{Folders, InMemory, LoadError, Loaded, Source};
