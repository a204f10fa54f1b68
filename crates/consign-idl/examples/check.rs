//! Reads IDL files, prints what is wrong with them, and how many are understood.
//!
//! ```sh
//! cargo run -p consign-idl --example check -- [-I FOLDER]... [-D NAME[=VALUE]]... [--plain] FILE...
//! ```

use std::{env, path::Path, path::PathBuf, process::ExitCode};

use consign_idl::{Colour, Folders, Options, Origin, Severity, Wanted, parse, print, render, render_plain};

fn main() -> ExitCode {
    let mut include = Vec::new();
    let mut options = Options::default();
    let mut files = Vec::new();
    let mut plain = false;
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "-I" => include.extend(arguments.next().map(PathBuf::from)),
            "-D" => {
                let define = arguments.next().unwrap_or_default();
                let (name, value) = define.split_once('=').unwrap_or((&define, "1"));
                options.defines.push((name.to_owned(), value.to_owned()));
            }
            "--plain" => plain = true,
            _ => files.push(argument),
        }
    }
    let (mut understood, mut interfaces, mut queueable, mut returned) = (0, 0, 0, 0);
    for file in &files {
        let source = Folders::new(Path::new(file), include.clone());
        let outcome = parse(file, &source, &options);
        for diagnostic in &outcome.diagnostics {
            println!("{}", if plain { render_plain(diagnostic) } else { render(diagnostic, Colour::Never, 120) });
        }
        for diagnostic in outcome.document.check(Wanted::Consign).iter().filter(|_| !plain) {
            println!("{}", render(diagnostic, Colour::Never, 120));
        }
        let own = outcome.document.interfaces.iter().filter(|described| described.origin == Origin::Own);
        for described in own {
            interfaces += 1;
            queueable += usize::from(described.interface.supports_queueing());
        }
        if outcome.diagnostics.iter().all(|diagnostic| diagnostic.severity < Severity::Error) {
            understood += 1;
            let text = print(&outcome.document);
            let again = parse("printed.idl", &consign_idl::InMemory::new().with("printed.idl", text), &Options::default());
            if outcome.document.is_said_by(&again.document) {
                returned += 1;
            } else {
                println!("{file}: what is printed is read as something else");
                again.diagnostics.iter().take(3).for_each(|diagnostic| println!("{}", render(diagnostic, Colour::Never, 120)));
            }
        }
    }
    println!("{understood} of {} files understood, {returned} come back from their printed form", files.len());
    println!("{interfaces} interfaces, {queueable} of them can be queued");
    if understood == files.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
