//! How the story is told: sentences for people, a line that moves where there is a terminal, one
//! object for each step for programs.

use std::{
    io::{self, Stdout},
    time::{Duration, Instant},
};

use consign::{JobSnapshot, JobState};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    console::{Colour, Console, Form},
    problem::Outcome,
    rate::Rate,
    screen::Screen,
    text::{self, exact, now, wrapped},
    view::{Line, Sparse, plain},
};

pub(super) struct Teller<'a> {
    console: &'a Console,
    screen: Screen<Stdout>,
    chapter: u32,
    promises: Vec<(String, Kept)>,
    rate: Rate,
    sparse: Sparse,
}

/// What became of a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Yes,
    No,
}

impl Kept {
    pub(super) fn when(kept: bool) -> Self {
        if kept { Self::Yes } else { Self::No }
    }
}

/// One step, for programs.
#[derive(Serialize)]
struct Step<'a> {
    step: &'a str,
    time: String,
    chapter: u32,
    sentence: &'a str,
    /// Only of a promise.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<bool>,
    #[serde(flatten)]
    facts: Value,
}

/// What stands before each sentence.
const INDENT: &str = "   ";

impl<'a> Teller<'a> {
    pub(super) fn new(console: &'a Console) -> Self {
        let screen = Screen::new(io::stdout());
        Self { console, screen, chapter: 0, promises: Vec::new(), rate: Rate::default(), sparse: Sparse::new() }
    }

    /// What is said before the first chapter.
    pub(super) fn preface(&self, sentence: &str) -> Outcome<()> {
        if self.console.form == Form::People { self.paragraph("", sentence) } else { Ok(()) }
    }

    pub(super) fn chapter(&mut self, title: &str) -> Outcome<()> {
        self.settle()?;
        self.chapter += 1;
        if self.console.form == Form::Programs {
            return Ok(());
        }
        self.console.line("")?;
        self.console.line(self.console.stdout.paint(Colour::Strong, &format!("{}. {title}", self.chapter)))
    }

    /// Something that was done or has happened.
    pub(super) fn step(&mut self, name: &str, sentence: &str, facts: Value) -> Outcome<()> {
        self.settle()?;
        match self.console.form {
            Form::Programs => self.record(name, sentence, None, facts),
            Form::People => self.paragraph("- ", sentence),
        }
    }

    /// Something that must be so.
    pub(super) fn promise(&mut self, name: &str, sentence: &str, kept: Kept, facts: Value) -> Outcome<()> {
        self.settle()?;
        self.promises.push((sentence.to_owned(), kept));
        match self.console.form {
            Form::Programs => self.record(name, sentence, Some(kept), facts),
            Form::People => {
                let (mark, colour) = if kept == Kept::Yes { ("✓", Colour::Good) } else { ("✗", Colour::Bad) };
                self.paragraph(&format!("{} ", self.console.stdout.paint(colour, mark)), sentence)
            }
        }
    }

    /// What others wrote, as it is.
    pub(super) fn quote(&mut self, lines: impl IntoIterator<Item = String>) -> Outcome<()> {
        if self.console.form == Form::Programs {
            return Ok(());
        }
        let wrap = |line: String| if self.console.stdout.is_terminal { wrapped(&line, self.columns()) } else { vec![line] };
        let faint = |line: String| format!("{INDENT}  {}", self.console.stdout.paint(Colour::Faint, &line));
        self.console.lines(lines.into_iter().flat_map(wrap).map(faint))
    }

    /// How far a job is.
    pub(super) fn progress(&mut self, job: &JobSnapshot) -> Outcome<()> {
        let at = Instant::now();
        if job.state == JobState::Transferring {
            self.rate.add(at, job.progress.bytes_transferred);
        } else {
            self.rate.rest();
        }
        let mut line = Line::of_snapshot(job, &self.rate, &self.console.calendar, now());
        // Nobody has to do what a transferred job waits for: the story goes on with it.
        line.words = line.words.filter(|_| job.state != JobState::Transferred);
        if self.console.form == Form::People && self.console.stdout.is_terminal {
            let columns = self.columns();
            let line = format!("{INDENT}  {}", line.fit(columns, line.name_width()));
            return Ok(self.screen.draw(&[line])?);
        }
        if job.state.is_final() || !self.sparse.is_worth(&line, at) {
            return Ok(());
        }
        let facts = json!({
            "job": job.id.to_string(),
            "state": job.state.name(),
            "bytes_transferred": job.progress.bytes_transferred,
            "bytes_total": job.progress.bytes_total,
        });
        match self.console.form {
            Form::Programs => self.record("progress", &plain(&line), None, facts),
            Form::People => self.paragraph("  ", &plain(&line)),
        }
    }

    /// Leaves the moving line where it is: what follows stands below it.
    pub(super) fn settle(&mut self) -> Outcome<()> {
        self.screen.keep();
        self.rate.rest();
        self.sparse = Sparse::new();
        Ok(())
    }

    /// The promises that were not kept.
    pub(super) fn broken(&self) -> Vec<String> {
        self.promises.iter().filter(|(_, kept)| *kept == Kept::No).map(|(sentence, _)| format!("not so: {sentence}")).collect()
    }

    pub(super) fn end(&self, elapsed: Duration) -> Outcome<()> {
        let (all, kept) = (self.promises.len(), self.promises.iter().filter(|(_, kept)| *kept == Kept::Yes).count());
        let sentence = if all == kept { format!("All {all} promises were kept") } else { format!("{kept} of {all} promises were kept") };
        let sentence = format!("{sentence}, in {}.", text::duration(elapsed));
        match self.console.form {
            Form::Programs => {
                let facts = json!({ "promises": all, "promises_kept": kept, "seconds": elapsed.as_secs_f64() });
                self.record("end", &sentence, Some(Kept::when(all == kept)), facts)
            }
            Form::People => {
                let colour = if all == kept { Colour::Good } else { Colour::Bad };
                self.console.line("")?;
                self.console.line(self.console.stdout.paint(colour, &sentence))
            }
        }
    }

    fn record(&self, step: &str, sentence: &str, kept: Option<Kept>, facts: Value) -> Outcome<()> {
        let kept = kept.map(|kept| kept == Kept::Yes);
        self.console.record(&Step { step, time: exact(now()), chapter: self.chapter, sentence, kept, facts })
    }

    /// A sentence behind a mark, wrapped where there is a terminal.
    fn paragraph(&self, mark: &str, sentence: &str) -> Outcome<()> {
        let indent = if mark.is_empty() { "" } else { INDENT };
        let lines = match self.console.stdout.is_terminal {
            true if mark.is_empty() => wrapped(sentence, self.console.size().0),
            true => wrapped(sentence, self.columns()),
            false => vec![sentence.to_owned()],
        };
        let hanging = if mark.is_empty() { "" } else { "  " };
        let line = |(number, line): (usize, &String)| format!("{indent}{}{line}", if number == 0 { mark } else { hanging });
        self.console.lines(lines.iter().enumerate().map(line))
    }

    /// The room beside a mark.
    fn columns(&self) -> usize {
        self.console.size().0.saturating_sub(INDENT.len() + 2).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_promise_is_not_forgotten() {
        let console = Console::new(Form::Programs);
        let mut teller = Teller::new(&console);
        teller.promise("a", "it is so", Kept::Yes, json!({})).unwrap();
        assert!(teller.broken().is_empty());
        teller.promise("b", "that is so, too", Kept::when(false), json!({})).unwrap();
        teller.promise("c", "and this", Kept::when(true), json!({})).unwrap();
        assert_eq!(teller.broken(), ["not so: that is so, too"]);
    }
}
