//! `consign completions`.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{arguments::Arguments, exit::Exit, problem::Outcome};

pub(crate) fn run(shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "consign", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(Exit::Done)
}
