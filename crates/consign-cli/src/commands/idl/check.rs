//! `consign idl check`.

use consign_idl::{Document, Form, Origin, Severity, Wanted};

use super::{read, tell};
use crate::{
    arguments::Check,
    console::{Console, Form as Output},
    document,
    exit::Exit,
    problem::Outcome,
    text::shown,
};

pub(super) fn run(check: &Check, console: &Console) -> Outcome {
    let wanted = if check.com { Wanted::ComPlus } else { Wanted::Consign };
    let (mut exit, mut documents) = (Exit::Done, Vec::new());
    for file in &check.files {
        let parsed = read(file, &check.include, "the file was not checked")?;
        let mut diagnostics = parsed.diagnostics;
        diagnostics.extend(parsed.document.check(wanted));
        let ok = diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Error);
        if !ok {
            exit = Exit::Failed;
        }
        match console.form {
            Output::Programs => documents.push(document::Checked::new(file.display().to_string(), ok, &parsed.document, &diagnostics)),
            Output::People => {
                tell(&diagnostics, console);
                console.lines(lines(&file.display().to_string(), &parsed.document))?;
            }
        }
    }
    if console.form == Output::Programs {
        console.document(&documents)?;
    }
    Ok(exit)
}

/// A line for each interface of the file itself.
fn lines(file: &str, document: &Document) -> Vec<String> {
    let own = document.interfaces.iter().filter(|described| described.origin == Origin::Own && described.form == Form::Object);
    own.map(|described| {
        let interface = &described.interface;
        let verdict = match (interface.supports_queueing(), interface.attributes.queueable) {
            (true, true) => "can be queued, and says QUEUEABLE",
            (true, false) => "can be queued",
            (false, _) => "cannot be queued",
        };
        format!("{}: {} {verdict}", shown(file), shown(&interface.name))
    })
    .collect()
}
