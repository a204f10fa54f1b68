//! Diagnostics as text: drawn with the line and a caret for people, one line each for editors.

use std::{error, fmt};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use crate::{Diagnostic, Severity};

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// With ANSI sequences.
    Always,
    /// Without.
    Never,
}

/// Drawn for people: the message, the line with a caret, the cause, what to do. `width` is in columns.
pub fn render(diagnostic: &Diagnostic, colour: Colour, width: usize) -> String {
    let theme = match colour {
        Colour::Always => GraphicalTheme::unicode(),
        Colour::Never => GraphicalTheme::unicode_nocolor(),
    };
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_width(width.max(20)).with_context_lines(1);
    let drawn = Drawn::new(diagnostic);
    let mut text = String::new();
    match handler.render_report(&mut text, &drawn) {
        Ok(()) => text,
        // Where a place cannot be drawn, it is still told.
        Err(fmt::Error) => render_plain(diagnostic),
    }
}

/// One line: `file:line:column: severity[code]: message; help`.
pub fn render_plain(diagnostic: &Diagnostic) -> String {
    let record = diagnostic.record();
    let mut text = String::new();
    if let (Some(file), Some(line), Some(column)) = (record.file, record.line, record.column) {
        text = format!("{file}:{line}:{column}: ");
    }
    text += &format!("{}[{}]: {}", record.severity, record.code, record.message);
    if let Some(help) = record.help {
        text += &format!("; {help}");
    }
    text
}

struct Drawn<'a> {
    diagnostic: &'a Diagnostic,
    source: Option<NamedSource<String>>,
}

impl<'a> Drawn<'a> {
    /// With the lines around the place alone, so that a file of megabytes costs no more than a small one.
    fn new(diagnostic: &'a Diagnostic) -> Self {
        let source = diagnostic.place.as_ref().map(|place| NamedSource::new(&place.file.name, place.file.text.clone()));
        Self { diagnostic, source }
    }
}

impl miette::Diagnostic for Drawn<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.diagnostic.code.as_str()))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Note => miette::Severity::Advice,
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.diagnostic.place.as_ref()?;
        let label = Some(self.diagnostic.label.clone()).filter(|label| !label.is_empty());
        let span = LabeledSpan::new(label, place.start, place.end.saturating_sub(place.start).max(1));
        Some(Box::new(std::iter::once(span)))
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl fmt::Debug for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl error::Error for Drawn<'_> {}
