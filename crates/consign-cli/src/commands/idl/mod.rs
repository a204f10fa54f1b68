//! `consign idl`.

mod check;

use std::path::{Path, PathBuf};

use consign_idl::{Colour, Diagnostic, Folders, Options, Outcome as Parsed, parse, render, render_plain};

use crate::{
    arguments::Idl,
    console::Console,
    problem::{Outcome, Problem},
};

pub(super) fn run(command: Idl, console: &Console) -> Outcome {
    match command {
        Idl::Check(check) => check::run(&check, console),
    }
}

/// Reads a file.
pub(in crate::commands) fn read(file: &Path, include: &[PathBuf], what: &str) -> Outcome<Parsed> {
    let text = file.to_str().ok_or_else(|| Problem::failed(what, format!("{}: the path is not UTF-8", file.display())))?;
    Ok(parse(text, &Folders::new(file, include.to_vec()), &Options::default()))
}

/// Tells what was found: drawn on a terminal, else one line each, as compilers do.
pub(in crate::commands) fn tell(diagnostics: &[Diagnostic], console: &Console) {
    for diagnostic in diagnostics {
        console.remark(if console.stderr.is_terminal {
            let colour = if console.stderr.has_colours() { Colour::Always } else { Colour::Never };
            render(diagnostic, colour, console.stderr_columns()).trim_end().to_owned()
        } else {
            render_plain(diagnostic)
        });
    }
}
