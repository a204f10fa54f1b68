//! From a root file to a document: what it imports is read on its own, each file once.

use std::collections::HashSet;

use crate::{
    Document, Options, Origin, Outcome, Source,
    parser::{Unit, parse_unit},
    resolver,
    session::Session,
};

/// Reads the file `root` and all that it includes and imports. Never panics, whatever stands in them; what
/// it may cost is bounded by [`Options::limits`].
pub fn parse(root: &str, source: &dyn Source, options: &Options) -> Outcome {
    let mut session = Session::new(source, options);
    let document = match session.load(root, None) {
        Some(file) => {
            let units = read(&mut session, file);
            resolver::resolve(&mut session, &units)
        }
        None => Document::default(),
    };
    Outcome { document, diagnostics: session.diagnostics }
}

/// The units in the order in which they are to be resolved. A stack of its own stands for the imports that
/// are under way, so that no depth of them is too much; and a file that was begun is not begun again, so
/// that a circle of them has an end.
fn read(session: &mut Session<'_>, root: u32) -> Vec<(Unit, Origin)> {
    struct Begun {
        unit: Unit,
        next: usize,
    }
    let name_of = |session: &Session<'_>, file: u32| session.files.get(file as usize).map(|file| file.name.clone()).unwrap_or_default();
    let mut begun = HashSet::from([name_of(session, root)]);
    let mut asked: HashSet<(String, String)> = HashSet::new();
    let mut read = Vec::new();
    let mut stack = vec![Begun { unit: parse_unit(session, root), next: 0 }];
    while let Some(top) = stack.last_mut() {
        let Some((name, span)) = top.unit.imports.get(top.next).cloned().filter(|_| !session.has_given_up()) else {
            let origin = if stack.len() == 1 { Origin::Own } else { Origin::Imported };
            read.extend(stack.pop().map(|done| (done.unit, origin)));
            continue;
        };
        top.next += 1;
        // The same name from the same file is the same file: it need not be read to know.
        if !asked.insert((name_of(session, span.file), name.clone())) {
            continue;
        }
        let Some(file) = session.load_once(&name, span) else { continue };
        if begun.insert(name_of(session, file)) {
            stack.push(Begun { unit: parse_unit(session, file), next: 0 });
        }
    }
    read
}
