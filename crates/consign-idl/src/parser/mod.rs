//! Tokens to declarations. After a mistake it goes on behind the next declaration, so that one run tells
//! of all. It looks up no names: what stands for a type is decided by where it stands.

mod attributes;
mod declarations;
mod declarators;
mod types;

use std::{collections::VecDeque, rc::Rc};

use crate::{
    Code,
    lexer::{Kind, Token},
    preprocessor::Preprocessor,
    session::{Session, Span},
    syntax::{Item, Word},
};

/// A file with what it includes, parsed; `imports` are the names in `import`, in their order.
pub(crate) struct Unit {
    pub(crate) items: Vec<Item>,
    pub(crate) imports: Vec<(String, Span)>,
}

pub(crate) fn parse_unit(session: &mut Session<'_>, file: u32) -> Unit {
    let end = Span { file, start: 0, end: 0 };
    let mut parser =
        Parser { preprocessor: Preprocessor::new(session, file), ahead: VecDeque::new(), last: end, depth: 0, imports: Vec::new() };
    let items = parser.items(Within::File);
    Unit { items, imports: parser.imports }
}

struct Parser<'s, 'a> {
    preprocessor: Preprocessor<'s, 'a>,
    ahead: VecDeque<Token>,
    /// Where the last token was that was taken.
    last: Span,
    depth: usize,
    imports: Vec<(String, Span)>,
}

/// What declarations stand in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    File,
    Library,
    Module,
}

impl<'a> Parser<'_, 'a> {
    fn session(&mut self) -> &mut Session<'a> {
        self.preprocessor.session
    }

    fn peek_at(&mut self, index: usize) -> Option<&Token> {
        while self.ahead.len() <= index {
            let token = self.preprocessor.next()?;
            self.ahead.push_back(token);
        }
        self.ahead.get(index)
    }

    fn peek(&mut self) -> Option<&Token> {
        self.peek_at(0)
    }

    fn next(&mut self) -> Option<Token> {
        self.peek()?;
        let token = self.ahead.pop_front()?;
        self.last = token.span;
        Some(token)
    }

    fn is(&mut self, text: &str) -> bool {
        self.peek().is_some_and(|token| token.is(text))
    }

    fn is_at(&mut self, index: usize, text: &str) -> bool {
        self.peek_at(index).is_some_and(|token| token.is(text))
    }

    fn is_name_at(&mut self, index: usize) -> bool {
        self.peek_at(index).is_some_and(|token| token.kind == Kind::Name)
    }

    fn take(&mut self, text: &str) -> bool {
        let taken = self.is(text);
        if taken {
            self.next();
        }
        taken
    }

    fn here(&mut self) -> Span {
        let last = self.last;
        self.peek().map_or(last, |token| token.span)
    }

    /// A mistake at the next token: `wanted` is what should stand there.
    fn unexpected(&mut self, wanted: &str) {
        let (last, next) = (self.last, self.next_for_message());
        match next {
            Some(token) if token.kind == Kind::Unterminated => {
                self.session().error(Code::Syntax, token.span, "the text has no end on its line")
            }
            Some(token) => {
                let message = format!("expected {wanted}, found `{}`", token.text);
                self.session().error(Code::Syntax, token.span, message);
            }
            None if self.session().has_given_up() => {}
            None => self.session().error(Code::Syntax, last, format!("expected {wanted}, found the end of the file")),
        }
    }

    fn next_for_message(&mut self) -> Option<Token> {
        self.peek().cloned()
    }

    /// Takes this mark, or tells that it is missing: after the last token where that is where people look.
    fn expect(&mut self, mark: &str) -> bool {
        if self.take(mark) {
            return true;
        }
        let starts_line = self.peek().is_none_or(|token| token.first);
        if mark == ";" && starts_line && !self.session().has_given_up() {
            let last = self.last;
            self.session().error(Code::Syntax, last, "expected `;` after this");
        } else {
            self.unexpected(&format!("`{mark}`"));
        }
        false
    }

    fn word(&mut self, wanted: &str) -> Option<Word> {
        if self.peek().is_some_and(|token| token.kind == Kind::Name) {
            return self.next().map(|token| Word { text: token.text, span: token.span });
        }
        self.unexpected(wanted);
        None
    }

    /// Texts that stand beside each other are one.
    fn text(&mut self, wanted: &str) -> Option<String> {
        let mut text: Option<String> = None;
        loop {
            if self.is("L") && self.peek_at(1).is_some_and(|token| token.kind == Kind::Text) {
                self.next();
            }
            if !self.peek().is_some_and(|token| token.kind == Kind::Text) {
                break;
            }
            let part = self.next().map(|token| crate::lexer::unquoted(&token.text)).unwrap_or_default();
            text.get_or_insert_default().push_str(&part);
        }
        if text.is_none() {
            self.unexpected(wanted);
        }
        text
    }

    /// Reads something that is one level deeper. Gives up where that is too deep.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let most = self.session().limits().depth;
        if self.depth >= most {
            let here = self.here();
            self.session().give_up(Some(here), format!("it is nested more than {most} deep"));
            self.ahead.clear();
            return None;
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        Some(read)
    }

    /// Behind the declaration that has a mistake: behind its `;` or `}`, before the `}` of what it stands in.
    fn skip_declaration(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            let is_mark = token.kind == Kind::Mark;
            match &*token.text {
                "{" if is_mark => depth += 1,
                "}" if is_mark && depth == 0 => return,
                "}" if is_mark => {
                    depth -= 1;
                    if depth == 0 {
                        self.next();
                        // `} name;` and `};`
                        while self.is("*") || self.is(",") || (self.is_name_at(0) && (self.is_at(1, ";") || self.is_at(1, ","))) {
                            self.next();
                        }
                        self.take(";");
                        return;
                    }
                }
                ";" if is_mark && depth == 0 => {
                    self.next();
                    return;
                }
                _ => {}
            }
            self.next();
        }
    }

    /// The tokens up to one of these marks outside of all brackets, which stays.
    fn tokens_until(&mut self, ends: &[&str]) -> Vec<Token> {
        let mut tokens = Vec::new();
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            if token.kind == Kind::Mark {
                let text: &str = &token.text;
                if (depth == 0 && ends.contains(&text)) || matches!(text, ";" | "{") {
                    break;
                }
                match text {
                    "(" | "[" => depth += 1,
                    ")" | "]" if depth > 0 => depth -= 1,
                    "}" | ")" | "]" => break,
                    _ => {}
                }
            }
            tokens.extend(self.next());
        }
        tokens
    }
}

/// Tokens as text, with blanks where they stood.
pub(crate) fn spelled(tokens: &[Token]) -> String {
    let mut text = String::new();
    for (index, token) in tokens.iter().enumerate() {
        if index > 0 && token.spaced {
            text.push(' ');
        }
        text += &token.text;
    }
    text
}

fn rc(text: &str) -> Rc<str> {
    Rc::from(text)
}
