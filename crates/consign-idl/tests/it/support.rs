use consign_core::interface::{Interface, Type};
use consign_idl::{Colour, Document, InMemory, Limits, Options, Outcome, Severity, parse, render, render_plain};

pub(crate) const MAIN: &str = "main.idl";

pub(crate) fn read(text: &str) -> Outcome {
    read_with(text, InMemory::new())
}

pub(crate) fn read_with(text: &str, others: InMemory) -> Outcome {
    parse(MAIN, &others.with(MAIN, text), &Options::default())
}

pub(crate) fn read_within(text: &str, limits: Limits) -> Outcome {
    parse(MAIN, &InMemory::new().with(MAIN, text), &Options { limits, ..Options::default() })
}

/// A file with nothing to say about.
#[track_caller]
pub(crate) fn clean(text: &str) -> Document {
    clean_with(text, InMemory::new())
}

#[track_caller]
pub(crate) fn clean_with(text: &str, others: InMemory) -> Document {
    let outcome = read_with(text, others);
    let told: Vec<String> = outcome.diagnostics.iter().map(|one| render(one, Colour::Never, 100)).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    outcome.document
}

/// What is told of a file, one line each.
pub(crate) fn told(text: &str) -> Vec<String> {
    read(text).diagnostics.iter().map(render_plain).collect()
}

/// The only thing that is told of a file.
#[track_caller]
pub(crate) fn only(text: &str) -> String {
    let told = told(text);
    assert_eq!(told.len(), 1, "{told:#?}");
    told[0].clone()
}

/// That a limit was reached, and why.
#[track_caller]
pub(crate) fn limited(outcome: &Outcome, why: &str) {
    let last = outcome.diagnostics.last().expect("something is told");
    assert_eq!((last.severity, last.code.as_str()), (Severity::Error, "idl::limit"), "{last:?}");
    assert!(last.message.contains(why), "{}", last.message);
}

pub(crate) const HEAD: &str = "[object, uuid(97184D0F-F7EF-413A-8C6D-C1745018B2E9), pointer_default(unique)]";

/// An interface `IOne` with this body.
pub(crate) fn one(body: &str) -> String {
    format!("{HEAD} interface IOne : IUnknown {{ {body} }}")
}

#[track_caller]
pub(crate) fn interface(text: &str) -> Interface {
    clean(text).interface("IOne").expect("it has IOne").interface.clone()
}

/// The type of the only parameter of a method, after these declarations.
#[track_caller]
pub(crate) fn type_of(declarations: &str, parameter: &str) -> Type {
    let text = format!("{declarations}\n{}", one(&format!("HRESULT Method({parameter});")));
    interface(&text).methods[0].parameters[0].kind.clone()
}
