//! What the one who waits sees.

use std::{
    io::{self, Stderr},
    time::{Duration, Instant},
};

use consign::{JobSnapshot, JobState};

use crate::{
    console::{Console, Form},
    document,
    problem::Outcome,
    rate::Rate,
    screen::Screen,
    text::now,
    view::{Line, Sparse, plain},
};

/// How often a line is drawn again while nothing new is told.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// A line that is drawn over on a terminal, lines now and then elsewhere, objects for programs.
pub(super) struct Progress<'a> {
    console: &'a Console,
    screen: Screen<Stderr>,
    rate: Rate,
    sparse: Sparse,
    shown: Option<JobSnapshot>,
    began: Instant,
}

impl<'a> Progress<'a> {
    pub(super) fn new(console: &'a Console) -> Self {
        Self {
            console,
            screen: Screen::new(io::stderr()),
            rate: Rate::default(),
            sparse: Sparse::new(),
            shown: None,
            began: Instant::now(),
        }
    }

    /// Whether what is shown goes out of date by itself.
    pub(super) fn is_live(&self) -> bool {
        self.console.form == Form::People && self.console.stderr.is_terminal
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn show(&mut self, job: &JobSnapshot, at: Instant) -> Outcome<()> {
        if job.state == JobState::Transferring {
            self.rate.add(at, job.progress.bytes_transferred);
        } else {
            self.rate.rest();
        }
        self.shown = Some(job.clone());
        match self.console.form {
            Form::Programs => self.console.record(&document::Event::new("changed", now(), document::Job::from(job))),
            Form::People if self.is_live() => self.redraw(),
            Form::People => {
                let line = Line::of_snapshot(job, &self.rate, &self.console.calendar, now());
                // An end is reported in words of its own.
                if !job.state.is_final() && job.state != JobState::Error && self.sparse.is_worth(&line, at) {
                    self.console.remark(plain(&line));
                }
                Ok(())
            }
        }
    }

    pub(super) fn redraw(&mut self) -> Outcome<()> {
        let Some(job) = &self.shown else { return Ok(()) };
        let line = Line::of_snapshot(job, &self.rate, &self.console.calendar, now());
        let columns = self.console.stderr_columns();
        Ok(self.screen.draw(&[line.fit(columns, line.name_width())])?)
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) -> Outcome<()> {
        Ok(self.screen.clear()?)
    }
}
