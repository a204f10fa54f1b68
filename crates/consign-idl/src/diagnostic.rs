//! What is wrong with a file, and where: text for people, and records for programs.

use std::{fmt, sync::Arc};

use serde::Serialize;

/// A file that was read.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its identity, as the source gave it.
    pub name: String,
    /// Its text: UTF-8, control characters replaced.
    pub text: String,
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends, in bytes.
    pub end: usize,
}

/// What is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What kind it is.
    pub code: Code,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// What stands beside the caret; empty where the message says it all.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
    /// Where; the use of a macro, not its definition. `None` when no file was read.
    pub place: Option<Place>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Probably not what was meant.
    Warning,
    /// The file cannot be used as it is.
    Error,
}

/// The kinds of diagnostics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A file was not found or not read.
    File,
    /// The text does not follow the grammar.
    Syntax,
    /// A directive or a macro is used wrongly.
    Preprocessor,
    /// `#error` and `#warning`.
    Directive,
    /// A limit was reached: see [`Limits`](crate::Limits).
    Limit,
    /// A name that nothing defines.
    Unknown,
    /// A name that stands for two things.
    Duplicate,
    /// A GUID is missing or malformed.
    Guid,
    /// An attribute that is unknown, or out of place.
    Attribute,
    /// An expression has no value.
    Constant,
    /// An interface that cannot derive from what it names.
    Inheritance,
    /// Something of IDL that is not understood here.
    Unsupported,
    /// Calls cannot be queued.
    NotQueueable,
    /// COM+ would refuse what Consign queues.
    ComPlus,
}

impl Code {
    /// Its name in records; it does not change.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "idl::file",
            Self::Syntax => "idl::syntax",
            Self::Preprocessor => "idl::preprocessor",
            Self::Directive => "idl::directive",
            Self::Limit => "idl::limit",
            Self::Unknown => "idl::unknown",
            Self::Duplicate => "idl::duplicate",
            Self::Guid => "idl::guid",
            Self::Attribute => "idl::attribute",
            Self::Constant => "idl::constant",
            Self::Inheritance => "idl::inheritance",
            Self::Unsupported => "idl::unsupported",
            Self::NotQueueable => "idl::not_queueable",
            Self::ComPlus => "idl::com_plus",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A diagnostic for programs: what `--json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// The file; `null` when none was read.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<usize>,
    /// From 1, in characters.
    pub column: Option<usize>,
    /// How bad it is.
    pub severity: Severity,
    /// What kind it is.
    pub code: &'static str,
    /// What is wrong, with its cause.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Place {
    /// Line and column of its beginning, both from 1, the column in characters.
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = self.file.text.get(..self.start).unwrap_or(&self.file.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.bytes().filter(|byte| *byte == b'\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The text that stands there.
    pub fn text(&self) -> &str {
        self.file.text.get(self.start..self.end).unwrap_or_default()
    }
}

impl Diagnostic {
    /// As a record for programs.
    pub fn record(&self) -> Record {
        let place = self.place.as_ref();
        let position = place.map(Place::line_and_column);
        let cause = if self.label.is_empty() { String::new() } else { format!(": {}", self.label) };
        Record {
            file: place.map(|place| place.file.name.clone()),
            line: position.map(|(line, _)| line),
            column: position.map(|(_, column)| column),
            severity: self.severity,
            code: self.code.as_str(),
            message: format!("{}{cause}", self.message),
            help: self.help.clone(),
        }
    }
}
