//! IDL files.

use consign_idl::{Diagnostic, Document, Form, Origin, Record};
use serde::Serialize;

/// A file, as `idl check` prints it.
#[derive(Serialize)]
pub(crate) struct Checked {
    file: String,
    ok: bool,
    interfaces: Vec<Interface>,
    diagnostics: Vec<Record>,
}

#[derive(Serialize)]
struct Interface {
    iid: String,
    name: String,
    /// Whether it says QUEUEABLE.
    queueable: bool,
    queueing_supported: bool,
}

impl Checked {
    pub(crate) fn new(file: String, ok: bool, document: &Document, diagnostics: &[Diagnostic]) -> Self {
        let own = document.interfaces.iter().filter(|described| described.origin == Origin::Own && described.form == Form::Object);
        let interfaces = own.map(|described| Interface {
            iid: described.interface.iid.to_string(),
            name: described.interface.name.clone(),
            queueable: described.interface.attributes.queueable,
            queueing_supported: described.interface.supports_queueing(),
        });
        Self { file, ok, interfaces: interfaces.collect(), diagnostics: diagnostics.iter().map(Diagnostic::record).collect() }
    }
}
