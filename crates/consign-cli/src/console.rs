//! Where output goes: to people or to programs, to a terminal or not.

use std::{
    env,
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
};

use serde::Serialize;

use crate::{
    problem::{Outcome, Problem},
    text::Calendar,
};

/// For whom the output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Tables and sentences.
    People,
    /// JSON.
    Programs,
}

/// The two streams, and how to write to them.
pub(crate) struct Console {
    pub(crate) form: Form,
    pub(crate) calendar: Calendar,
    pub(crate) stdout: Stream,
    pub(crate) stderr: Stream,
}

/// What is known of one stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    pub(crate) is_terminal: bool,
    has_colours: bool,
}

/// A colour with a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Bad,
    Waiting,
    Good,
    Strong,
    Faint,
}

impl Console {
    pub(crate) fn new(form: Form) -> Self {
        Self {
            form,
            calendar: Calendar::of_this_machine(),
            stdout: Stream::new(io::stdout().is_terminal()),
            stderr: Stream::new(io::stderr().is_terminal()),
        }
    }

    /// One line on stdout.
    pub(crate) fn line(&self, text: impl AsRef<str>) -> Outcome<()> {
        Ok(writeln!(io::stdout().lock(), "{}", text.as_ref())?)
    }

    /// One line on stderr: what is said beside the answer. A reader that left does not matter here.
    pub(crate) fn remark(&self, text: impl AsRef<str>) {
        let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
    }

    /// The problem of one of several, before the one that decides how the command ends.
    pub(crate) fn tell(&self, problem: Option<Problem>) {
        let text = problem.and_then(|problem| match self.form {
            Form::People => problem.for_people(str::to_owned),
            Form::Programs => problem.for_programs(),
        });
        if let Some(text) = text {
            self.remark(text.trim_end());
        }
    }

    /// One JSON document, for people who read along in lines.
    pub(crate) fn document(&self, document: &impl Serialize) -> Outcome<()> {
        let text = serde_json::to_string_pretty(document).map_err(io::Error::from)?;
        self.line(text)
    }

    /// One JSON object in one line: one of many.
    pub(crate) fn record(&self, record: &impl Serialize) -> Outcome<()> {
        let text = serde_json::to_string(record).map_err(io::Error::from)?;
        self.line(text)
    }

    /// Writes lines as they are, and what they hold of colours.
    pub(crate) fn lines(&self, lines: impl IntoIterator<Item = String>) -> Outcome<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        for line in lines {
            writeln!(out, "{line}")?;
        }
        Ok(out.flush()?)
    }

    /// How many columns stdout has, where it is a terminal.
    pub(crate) fn columns(&self) -> Option<usize> {
        self.stdout.is_terminal.then(|| size_of(io::stdout()).0)
    }

    /// Columns and rows of the terminal that stdout is.
    pub(crate) fn size(&self) -> (usize, usize) {
        size_of(io::stdout())
    }

    /// Columns of the terminal that stderr is.
    pub(crate) fn stderr_columns(&self) -> usize {
        size_of(io::stderr()).0
    }
}

/// Some terminals do not know their size; then the smallest usual one is assumed.
fn size_of(terminal: impl AsFd) -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(terminal).ok();
    let or = |count: Option<u16>, usual| count.filter(|count| *count > 0).map_or(usual, usize::from);
    (or(size.map(|size| size.ws_col), 80), or(size.map(|size| size.ws_row), 24))
}

impl Stream {
    fn new(is_terminal: bool) -> Self {
        let refused =
            env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) || env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { is_terminal, has_colours: is_terminal && !refused }
    }

    /// Whether it shows colours.
    pub(crate) const fn has_colours(self) -> bool {
        self.has_colours
    }

    pub(crate) fn paint(self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Bad => "1;31",
            Colour::Waiting => "33",
            Colour::Good => "32",
            Colour::Strong => "1",
            Colour::Faint => "2",
        };
        if self.has_colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
