//! The `consign` command: arguments in, calls of the library, text out.
//!
//! One file for each command, under the name of the command. Nothing in here decides what a job
//! does; what people read and what programs read are made from the same snapshots.

mod arguments;
mod commands;
mod console;
mod document;
mod exit;
mod nearest;
mod parse;
mod problem;
mod rate;
mod screen;
mod settings;
mod table;
mod text;
mod values;
mod view;
mod wording;

pub use exit::Exit;

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;

use crate::{
    arguments::Arguments,
    console::{Colour, Console, Form},
};

/// Runs the command line and tells how it ended. Problems are printed here and nowhere else.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help goes to stdout and is no failure. A reader that left is no reason to complain.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done }.into();
        }
    };
    let console = Console::new(if arguments.json { Form::Programs } else { Form::People });
    match commands::run(arguments.command, &console) {
        Ok(exit) => exit.into(),
        Err(problem) => {
            let text = match console.form {
                Form::People => {
                    problem.for_people(|label| console.stderr.paint(if label == "error:" { Colour::Bad } else { Colour::Strong }, label))
                }
                Form::Programs => problem.for_programs(),
            };
            let _ = io::stderr().write_all(text.unwrap_or_default().as_bytes());
            problem.exit().into()
        }
    }
}
