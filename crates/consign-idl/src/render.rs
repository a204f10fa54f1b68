//! Diagnostics as text: drawn with the line and a caret for people, one line each for editors.

use std::{error, fmt};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::{Diagnostic, Place, Severity};

/// Lines that are longer are not drawn, in bytes: nobody can read them.
const LONGEST_LINE: usize = 1000;

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
    if diagnostic.place.as_ref().is_some_and(|place| longest_line_around(place) > LONGEST_LINE) {
        return render_plain(diagnostic) + "\n";
    }
    let drawn = Drawn { diagnostic, source: diagnostic.place.as_ref().map(Lines) };
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

/// Of the lines that are drawn: the one where it begins, and its neighbours.
fn longest_line_around(place: &Place) -> usize {
    let text = &place.file.text;
    let (before, after) = text.split_at_checked(place.start).unwrap_or((text, ""));
    let mut before = before.rsplit('\n').map(str::len);
    let mut after = after.split('\n').map(str::len);
    let line = before.next().unwrap_or(0) + after.next().unwrap_or(0);
    line.max(before.next().unwrap_or(0)).max(after.next().unwrap_or(0))
}

struct Drawn<'a> {
    diagnostic: &'a Diagnostic,
    source: Option<Lines<'a>>,
}

/// The file of a place, without a copy of it.
struct Lines<'a>(&'a Place);

impl SourceCode for Lines<'_> {
    fn read_span<'b>(&'b self, span: &SourceSpan, before: usize, after: usize) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let found = self.0.file.text.as_str().read_span(span, before, after)?;
        let name = self.0.file.name.clone();
        let named = MietteSpanContents::new_named(name, found.data(), *found.span(), found.line(), found.column(), found.line_count());
        Ok(Box::new(named))
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
        // What goes on over several lines is drawn where it begins.
        let length = place.text().lines().next().unwrap_or_default().len().max(1);
        let span = LabeledSpan::new(label, place.start, length);
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
