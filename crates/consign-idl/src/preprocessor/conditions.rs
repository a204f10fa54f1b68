//! `#if` and its kin.

use super::Preprocessor;
use crate::{
    Code,
    expression::{self, Names},
    lexer::{Kind, Token},
    session::Span,
};

pub(super) struct Condition {
    pub(super) opened: Span,
    /// What stands in the group counts.
    pub(super) taking: bool,
    /// One group of it counted already.
    pub(super) taken: bool,
    pub(super) has_else: bool,
}

/// To the preprocessor a name that is no macro is 0.
struct NoNames;

impl Names for NoNames {
    fn value(&self, _name: &str) -> Option<i64> {
        Some(0)
    }
}

impl Preprocessor<'_, '_> {
    pub(super) fn holds(&mut self, name: &Token, span: Span, line: Vec<Token>) -> bool {
        match &*name.text {
            "ifdef" | "ifndef" => {
                let Some(asked) = line.first().filter(|token| token.kind == Kind::Name) else {
                    self.session.error(Code::Preprocessor, span, format!("`#{}` without a name", name.text));
                    return false;
                };
                self.macros.contains_key(&asked.text) == name.is("ifdef")
            }
            _ => {
                let line = self.answer_defined(line);
                let line = self.expand_line(line);
                if line.is_empty() {
                    self.session.error(Code::Preprocessor, span, format!("`#{}` without a condition", name.text));
                    return false;
                }
                match expression::evaluate(&line, &NoNames) {
                    Ok(value) => value != 0,
                    Err(error) => {
                        self.session.error(Code::Preprocessor, error.span.unwrap_or(span), error.message);
                        false
                    }
                }
            }
        }
    }

    /// `defined X` and `defined(X)` as 1 or 0, before macros are expanded.
    fn answer_defined(&mut self, line: Vec<Token>) -> Vec<Token> {
        let mut answered = Vec::with_capacity(line.len());
        let mut rest = line.as_slice();
        while let [token, after @ ..] = rest {
            rest = after;
            if !token.is("defined") {
                answered.push(token.clone());
                continue;
            }
            let asked = match after {
                [open, name, close, after @ ..] if open.is("(") && close.is(")") => {
                    rest = after;
                    Some(name)
                }
                [name, after @ ..] if name.kind == Kind::Name => {
                    rest = after;
                    Some(name)
                }
                _ => None,
            };
            let Some(asked) = asked else {
                self.session.error(Code::Preprocessor, token.span, "`defined` without a name");
                continue;
            };
            let text = self.session.intern(if self.macros.contains_key(&asked.text) { "1" } else { "0" });
            answered.push(Token { kind: Kind::Number, text, ..token.clone() });
        }
        answered
    }
}
