//! What one run keeps: the files, the diagnostics, and how much of each limit is used up.

use std::{collections::HashSet, rc::Rc, sync::Arc};

use crate::{Code, Diagnostic, Limits, LoadError, Options, Place, Severity, Source, SourceFile, builtin};

/// A part of a file of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) file: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// From the beginning of `self` to the end of `last`, if both are of one file.
    pub(crate) fn to(self, last: Self) -> Self {
        if self.file == last.file && last.end >= self.start { Self { end: last.end, ..self } } else { self }
    }
}

pub(crate) struct Session<'a> {
    pub(crate) source: &'a dyn Source,
    pub(crate) options: &'a Options,
    pub(crate) files: Vec<Arc<SourceFile>>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    names: HashSet<Rc<str>>,
    bytes: u64,
    imports: usize,
    expanded: usize,
    given_up: bool,
}

/// What a file is that was read before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// Another one, which counts again.
    Another,
    Same,
}

impl<'a> Session<'a> {
    pub(crate) fn new(source: &'a dyn Source, options: &'a Options) -> Self {
        Self {
            source,
            options,
            files: Vec::new(),
            diagnostics: Vec::new(),
            names: HashSet::new(),
            bytes: 0,
            imports: 0,
            expanded: 0,
            given_up: false,
        }
    }

    pub(crate) fn limits(&self) -> &'a Limits {
        &self.options.limits
    }

    /// Whether a limit was reached behind which nothing is read any more.
    pub(crate) fn has_given_up(&self) -> bool {
        self.given_up
    }

    pub(crate) fn place(&self, span: Span) -> Option<Place> {
        let file = Arc::clone(self.files.get(span.file as usize)?);
        Some(Place { file, start: span.start as usize, end: span.end as usize })
    }

    pub(crate) fn report(&mut self, severity: Severity, code: Code, span: Option<Span>, message: String, help: Option<String>) {
        let most = self.limits().diagnostics;
        // What is said of a file that was given up may come from its missing rest.
        if self.given_up || self.diagnostics.len() >= most {
            return;
        }
        let place = span.and_then(|span| self.place(span));
        if self.diagnostics.len() + 1 == most {
            let message = format!("there is more than {most} things to say: the rest is left out");
            let severity = self.diagnostics.iter().map(|diagnostic| diagnostic.severity).max().unwrap_or(severity).max(severity);
            self.diagnostics.push(Diagnostic { severity, code: Code::Limit, message, label: String::new(), help: None, place });
            return;
        }
        self.diagnostics.push(Diagnostic { severity, code, message, label: String::new(), help, place });
    }

    pub(crate) fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.report(Severity::Error, code, Some(span), message.into(), None);
    }

    pub(crate) fn error_with_help(&mut self, code: Code, span: Span, message: impl Into<String>, help: &str) {
        self.report(Severity::Error, code, Some(span), message.into(), Some(help.to_owned()));
    }

    pub(crate) fn warning(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.report(Severity::Warning, code, Some(span), message.into(), None);
    }

    /// A limit was reached: nothing is read any more.
    pub(crate) fn give_up(&mut self, span: Option<Span>, message: impl Into<String>) {
        if !self.given_up {
            // Told even where everything else is left out.
            self.diagnostics.truncate(self.limits().diagnostics.saturating_sub(2));
            self.report(Severity::Error, Code::Limit, span, message.into(), None);
            self.given_up = true;
        }
    }

    /// Counts tokens that macros produced.
    pub(crate) fn count_expanded(&mut self, tokens: usize, span: Span) {
        self.expanded = self.expanded.saturating_add(tokens);
        let most = self.limits().expansion;
        if self.expanded > most {
            self.give_up(Some(span), format!("macros expand to more than {most} tokens"));
        }
    }

    /// One text for each name, however often it stands.
    pub(crate) fn intern(&mut self, text: &str) -> Rc<str> {
        if let Some(known) = self.names.get(text) {
            return Rc::clone(known);
        }
        let name: Rc<str> = Rc::from(text);
        self.names.insert(Rc::clone(&name));
        name
    }

    /// As [`load`](Self::load), for `import`: a file that was read already is not read into the session again.
    pub(crate) fn load_once(&mut self, name: &str, asked: Span) -> Option<u32> {
        // The source reads it all the same, to find out which file it is: so it is bounded.
        const MOST: usize = 16;
        self.imports += 1;
        if self.imports > self.limits().files.saturating_mul(MOST) {
            self.give_up(Some(asked), format!("more than {} imports", self.limits().files.saturating_mul(MOST)));
            return None;
        }
        self.read(name, Some(asked), Again::Same)
    }

    /// Reads a file; what it cannot read is looked up among the built-in ones. Tells what is wrong at
    /// `asked`.
    pub(crate) fn load(&mut self, name: &str, asked: Option<Span>) -> Option<u32> {
        self.read(name, asked, Again::Another)
    }

    fn read(&mut self, name: &str, asked: Option<Span>, again: Again) -> Option<u32> {
        let limits = self.limits();
        let from = asked.and_then(|span| self.files.get(span.file as usize)).map(Arc::clone);
        let from = from.as_ref().map(|file| file.name.as_str());
        let (name, bytes) = match self.source.load(name, from, limits.file_bytes) {
            Ok(loaded) => (loaded.identity, loaded.bytes),
            Err(LoadError::NotFound | LoadError::Outside) if asked.is_some() && builtin::file(name).is_some() => {
                (format!("<built in>/{}", name.to_ascii_lowercase()), builtin::file(name).unwrap_or_default().as_bytes().to_vec())
            }
            Err(error) => {
                let help =
                    matches!(error, LoadError::NotFound if asked.is_some()).then(|| "name its folder as an include folder".to_owned());
                self.report(Severity::Error, Code::File, asked, format!("`{}` was not read: {error}", printable(name)), help);
                return None;
            }
        };
        let name = printable(&name);
        if again == Again::Same
            && let Some(known) = self.files.iter().position(|file| file.name == name)
        {
            return u32::try_from(known).ok();
        }
        if self.files.len() >= limits.files {
            self.give_up(asked, format!("more than {} files", limits.files));
            return None;
        }
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > limits.total_bytes {
            self.give_up(asked, format!("the files have more than {} bytes together", limits.total_bytes));
            return None;
        }
        self.files.push(Arc::new(SourceFile { name, text: decode(&bytes) }));
        u32::try_from(self.files.len() - 1).ok()
    }
}

/// UTF-8 or UTF-16 with a byte order mark; else UTF-8, and bytes that are none stand for themselves, as in
/// Latin-1.
fn decode(bytes: &[u8]) -> String {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        },
    };
    printable(&text)
}

/// Lines of a file are shown on terminals: what could steer one is replaced.
fn printable(text: &str) -> String {
    let steers = |character: char| {
        (character.is_control() && !matches!(character, '\n' | '\r' | '\t' | '\u{c}'))
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(steers) { text.replace(steers, "\u{fffd}") } else { text.to_owned() }
}
