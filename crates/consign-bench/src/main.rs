//! The work of Consign beside that of the programs that people use for it, on one machine in one
//! go. See `docs/benchmarks.md`.
//!
//! The program that is measured is this one under another name: called `consign`, it is the command.
//! So what is measured is what was built, whatever else lies about.

mod arguments;
mod callbacks;
mod contender;
mod ground;
mod measure;
mod queue;
mod report;
mod service;
mod transfer;

use std::{env, ffi::OsStr, path::Path, process::ExitCode};

use clap::Parser;

use crate::arguments::{Arguments, Command};

/// What failed, as a sentence.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_default();
    if Path::new(&name).file_name() == Some(OsStr::new("consign")) {
        return consign_cli::run(env::args_os());
    }
    let outcome = match Arguments::parse().command {
        Command::Transfer(options) => transfer::run(&options),
        Command::Callbacks(options) => callbacks::run(&options),
        Command::Queue(options) => queue::run(&options),
        Command::OutboxWriter { database, time } => queue::be_writer(&database, time),
        Command::Component { class, news } => queue::be_component(&class, &news),
        Command::ClassServer { answer } => callbacks::be_server(&answer),
        Command::BareClient => callbacks::be_bare(),
        Command::BareLoop { url, output } => measure::bare_loop(&url, &output),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("consign-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
