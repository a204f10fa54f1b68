//! Text to tokens. It knows comments, continued lines and where lines begin, and nothing of directives.

use std::{rc::Rc, sync::Arc};

use crate::{
    SourceFile,
    session::{Session, Span},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Name,
    /// As C's preprocessor has it: `1`, `0x1F`, `1.0`, `10UL`.
    Number,
    /// With its quotes, without the `L` before it.
    Text,
    Character,
    /// `97184D0F-F7EF-413A-8C6D-C1745018B2E9`.
    Guid,
    Mark,
    /// A text or a character without an end. No mistake where it is skipped.
    Unterminated,
}

#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) text: Rc<str>,
    /// Where it is pointed at: for what a macro made, the macro's use.
    pub(crate) span: Span,
    /// The first of its line.
    pub(crate) first: bool,
    /// White space stands before it.
    pub(crate) spaced: bool,
    /// Made by the macro of its own name: it is not expanded again.
    pub(crate) painted: bool,
}

impl Token {
    pub(crate) fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Mark | Kind::Name) && &*self.text == text
    }
}

#[derive(Clone)]
pub(crate) struct Lexer {
    pub(crate) file: u32,
    source: Arc<SourceFile>,
    position: usize,
    first: bool,
    /// Where a comment begins that has no end.
    pub(crate) open_comment: Option<Span>,
}

const MARKS: [&str; 15] = ["...", "##", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "..", "->", "::", "+=", "-="];

impl Lexer {
    pub(crate) fn new(file: u32, source: Arc<SourceFile>) -> Self {
        Self { file, source, position: 0, first: true, open_comment: None }
    }

    pub(crate) fn next(&mut self, session: &mut Session<'_>) -> Option<Token> {
        let spaced = self.skip_blank();
        let start = self.position;
        let source = Arc::clone(&self.source);
        let rest = &source.text.as_str()[start..];
        let first_character = rest.chars().next()?;
        let (kind, length) = if let Some(length) = guid_length(rest) {
            (Kind::Guid, length)
        } else if first_character.is_ascii_alphabetic() || first_character == '_' {
            (Kind::Name, length_of(rest, |byte| byte.is_ascii_alphanumeric() || byte == b'_'))
        } else if first_character.is_ascii_digit() || (first_character == '.' && rest[1..].starts_with(|next: char| next.is_ascii_digit()))
        {
            (Kind::Number, number_length(rest))
        } else if first_character == '"' || first_character == '\'' {
            quoted(rest, first_character)
        } else {
            let mark = MARKS.iter().find(|mark| rest.starts_with(**mark));
            (Kind::Mark, mark.map_or(first_character.len_utf8(), |mark| mark.len()))
        };
        self.position = start + length;
        let first = std::mem::replace(&mut self.first, false);
        let text = session.intern(&rest[..length]);
        Some(Token { kind, text, span: self.span(start, self.position), first, spaced, painted: false })
    }

    /// The next token if it stands on this line.
    pub(crate) fn next_on_line(&mut self, session: &mut Session<'_>) -> Option<Token> {
        let before = self.clone();
        let token = self.next(session);
        if token.as_ref().is_none_or(|token| token.first) {
            *self = before;
            return None;
        }
        token
    }

    /// The rest of the line without looking at it, for what nobody reads.
    pub(crate) fn skip_line(&mut self, session: &mut Session<'_>) {
        while self.next_on_line(session).is_some() {}
    }

    /// What stands between two places of this file.
    pub(crate) fn text(&self, start: u32, end: u32) -> &str {
        self.source.text.get(start as usize..end as usize).unwrap_or_default()
    }

    fn span(&self, start: usize, end: usize) -> Span {
        // Files have at most 4 GiB: the limits say so.
        Span { file: self.file, start: u32::try_from(start).unwrap_or(u32::MAX), end: u32::try_from(end).unwrap_or(u32::MAX) }
    }

    /// Blanks, comments, continued lines; says whether there were any.
    fn skip_blank(&mut self) -> bool {
        let start = self.position;
        let source = Arc::clone(&self.source);
        let bytes = source.text.as_bytes();
        loop {
            match &bytes[self.position..] {
                [b'\n', ..] => {
                    self.first = true;
                    self.position += 1;
                }
                [b' ' | b'\t' | b'\r' | 0x0c, ..] => self.position += 1,
                [b'\\', b'\n', ..] => self.position += 2,
                [b'\\', b'\r', b'\n', ..] => self.position += 3,
                // A file may end in a continued line.
                [b'\\'] => self.position += 1,
                [b'/', b'/', rest @ ..] => self.position += 2 + line_comment_length(rest),
                [b'/', b'*', rest @ ..] => {
                    let end = rest.windows(2).position(|pair| pair == b"*/");
                    if end.is_none() {
                        self.open_comment.get_or_insert(self.span(self.position, self.position + 2));
                    }
                    self.position += end.map_or(2 + rest.len(), |end| end + 4);
                }
                _ => return self.position > start,
            }
        }
    }
}

fn line_comment_length(rest: &[u8]) -> usize {
    let mut from = 0;
    while let Some(newline) = rest[from..].iter().position(|byte| *byte == b'\n') {
        let end = from + newline;
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        if !line.ends_with(b"\\") {
            return end;
        }
        from = end + 1;
    }
    rest.len()
}

fn length_of(text: &str, of: impl Fn(u8) -> bool) -> usize {
    text.bytes().position(|byte| !of(byte)).unwrap_or(text.len())
}

fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut length = 0;
    while let Some(byte) = bytes.get(length) {
        let sign = matches!(byte, b'+' | b'-')
            && length > 0
            && matches!(bytes[length - 1], b'e' | b'E')
            && !text.starts_with("0x")
            && !text.starts_with("0X");
        // Two dots are a range: `0..9`.
        let range = *byte == b'.' && bytes.get(length + 1) == Some(&b'.');
        if range || !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || sign) {
            break;
        }
        length += 1;
    }
    length
}

/// Eight, four, four, four and twelve hexadecimal digits; as an expression it would be a strange one.
fn guid_length(text: &str) -> Option<usize> {
    const LENGTH: usize = 36;
    let bytes = text.as_bytes();
    let candidate = bytes.get(..LENGTH)?;
    let fits = |(index, byte): (usize, &u8)| match index {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    let ends = bytes.get(LENGTH).is_none_or(|next| !next.is_ascii_alphanumeric() && !matches!(next, b'_' | b'-'));
    (ends && candidate.iter().enumerate().all(fits)).then_some(LENGTH)
}

fn quoted(text: &str, quote: char) -> (Kind, usize) {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if bytes[at + 1..].starts_with(b"\r\n") => at += 3,
            b'\\' => at += 2,
            b'\n' => break,
            byte if char::from(*byte) == quote => return (if quote == '"' { Kind::Text } else { Kind::Character }, at + 1),
            _ => at += 1,
        }
    }
    // A backslash may stand before a character of several bytes, or the last.
    (Kind::Unterminated, text.find('\n').unwrap_or(text.len()))
}

/// What a text of the source stands for, without its quotes.
pub(crate) fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('r') => plain.push('\r'),
            Some('\r') if characters.peek() == Some(&'\n') => {
                characters.next();
            }
            Some('\n') | None => {}
            Some(other) if matches!(other, '"' | '\'' | '\\' | '?') => plain.push(other),
            // Not C's: kept as it stands, as MIDL does in `cpp_quote`.
            Some(other) => plain.extend(['\\', other]),
        }
    }
    plain
}
