//! The preprocessor: files in, tokens out, one at a time. It owns the macros and the stack of included
//! files of one unit; an imported file is a unit of its own.

mod conditions;
mod directives;
mod macros;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    rc::Rc,
    sync::Arc,
};

use crate::{
    Code,
    lexer::{Kind, Lexer, Token},
    session::{Session, Span},
};
use conditions::Condition;
use macros::Macro;

pub(crate) struct Preprocessor<'s, 'a> {
    pub(crate) session: &'s mut Session<'a>,
    stack: Vec<Open>,
    macros: HashMap<Rc<str>, Rc<Macro>>,
    /// What macros made of a name, and is not read yet.
    pending: VecDeque<Token>,
    /// Files with `#pragma once`.
    once: HashSet<String>,
}

/// A file that is being read.
struct Open {
    lexer: Lexer,
    conditions: Vec<Condition>,
}

impl<'s, 'a> Preprocessor<'s, 'a> {
    pub(crate) fn new(session: &'s mut Session<'a>, file: u32) -> Self {
        let mut this = Self { session, stack: Vec::new(), macros: HashMap::new(), pending: VecDeque::new(), once: HashSet::new() };
        let start = Span { file, start: 0, end: 0 };
        // What MIDL 8 says of itself.
        this.predefine("__midl", "801", start);
        for (name, value) in &this.session.options.defines {
            this.predefine(name, value, start);
        }
        this.enter(file);
        this
    }

    /// The next token after all directives and macros.
    pub(crate) fn next(&mut self) -> Option<Token> {
        loop {
            if self.session.has_given_up() {
                return None;
            }
            if let Some(token) = self.pending.pop_front() {
                return Some(token);
            }
            let open = self.stack.last_mut()?;
            let Some(token) = open.lexer.next(self.session) else {
                self.leave();
                continue;
            };
            if token.first && token.is("#") {
                self.directive(&token);
            } else if self.is_skipping() {
                // Nothing in a group that does not count is looked at, but for directives.
            } else if token.kind == Kind::Name && self.macros.contains_key(&token.text) {
                if let Some(token) = self.expand_from_file(token) {
                    return Some(token);
                }
            } else {
                return Some(token);
            }
        }
    }

    fn is_skipping(&self) -> bool {
        self.stack.last().is_some_and(|open| open.conditions.iter().any(|condition| !condition.taking))
    }

    fn enter(&mut self, file: u32) {
        if let Some(source) = self.session.files.get(file as usize) {
            let lexer = Lexer::new(file, Arc::clone(source));
            self.stack.push(Open { lexer, conditions: Vec::new() });
        }
    }

    /// The end of a file; what it opened must be closed.
    fn leave(&mut self) {
        let Some(open) = self.stack.pop() else { return };
        if let Some(comment) = open.lexer.open_comment {
            self.session.error(Code::Syntax, comment, "the comment has no end");
        }
        for condition in open.conditions {
            self.session.error_with_help(Code::Preprocessor, condition.opened, "the condition has no `#endif`", "add `#endif`");
        }
    }

    fn predefine(&mut self, name: &str, value: &str, span: Span) {
        let name = self.session.intern(name);
        let text = self.session.intern(value);
        let kind = match value.bytes().next() {
            Some(byte) if byte.is_ascii_digit() => Kind::Number,
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => Kind::Name,
            Some(b'"') => Kind::Text,
            _ => Kind::Mark,
        };
        let body =
            if value.is_empty() { Vec::new() } else { vec![Token { kind, text, span, first: false, spaced: false, painted: false }] };
        self.macros.insert(name, Rc::new(Macro { parameters: None, variadic: false, body }));
    }
}
