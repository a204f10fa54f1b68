//! Directives: lines that begin with `#`.

use std::rc::Rc;

use super::{Preprocessor, conditions::Condition, macros::Macro};
use crate::{
    Code, Severity,
    lexer::{Kind, Token, unquoted},
    session::Span,
};

impl Preprocessor<'_, '_> {
    pub(super) fn directive(&mut self, hash: &Token) {
        let Some(name) = self.next_on_line() else { return };
        let span = hash.span.to(name.span);
        let skipping = self.is_skipping();
        match &*name.text {
            "if" | "ifdef" | "ifndef" | "elif" | "else" | "endif" => self.conditional(&name, span),
            _ if skipping => self.skip_line(),
            "define" => self.define(span),
            "undef" => {
                match self.next_on_line() {
                    Some(token) if token.kind == Kind::Name => drop(self.macros.remove(&token.text)),
                    _ => self.session.error(Code::Preprocessor, span, "`#undef` without the name of a macro"),
                }
                self.skip_line();
            }
            "include" => self.include(span),
            "pragma" => {
                if self.next_on_line().is_some_and(|token| token.is("once"))
                    && let Some(open) = self.stack.last()
                    && let Some(file) = self.session.files.get(open.lexer.file as usize)
                {
                    self.once.insert(file.name.clone());
                }
                self.skip_line();
            }
            "error" | "warning" => {
                let severity = if &*name.text == "error" { Severity::Error } else { Severity::Warning };
                let said = self.rest_of_line();
                let text = self.spelled(&said);
                self.session.report(severity, Code::Directive, Some(span), format!("`#{}`: {text}", name.text), None);
            }
            // Where the text came from, before another preprocessor had it: what is told here are its own lines.
            "line" | "ident" => self.skip_line(),
            _ if name.kind == Kind::Number => self.skip_line(),
            other => {
                let message = format!("there is no directive `#{other}`");
                self.session.error(Code::Preprocessor, span, message);
                self.skip_line();
            }
        }
    }

    fn define(&mut self, span: Span) {
        let name = match self.next_on_line() {
            Some(token) if token.kind == Kind::Name && !token.is("defined") => token,
            _ => {
                self.session.error(Code::Preprocessor, span, "`#define` without a name");
                return self.skip_line();
            }
        };
        let mut body = self.rest_of_line();
        let mut parameters = None;
        let mut variadic = false;
        if body.first().is_some_and(|token| token.is("(") && !token.spaced) {
            let Some(close) = body.iter().position(|token| token.is(")")) else {
                self.session.error(Code::Preprocessor, name.span, format!("the parameters of `{}` have no end", name.text));
                return;
            };
            let mut names: Vec<Rc<str>> = Vec::new();
            for token in &body[1..close] {
                if token.is("...") {
                    variadic = true;
                    names.push(self.session.intern("__VA_ARGS__"));
                } else if token.kind == Kind::Name {
                    names.push(Rc::clone(&token.text));
                } else if !token.is(",") {
                    let message = format!("`{}` is no parameter of a macro", token.text);
                    self.session.error(Code::Preprocessor, token.span, message);
                }
            }
            parameters = Some(names);
            body.drain(..=close);
        }
        if let [edge] | [edge, ..] = body.as_slice()
            && (edge.is("##") || body.last().is_some_and(|last| last.is("##")))
        {
            self.session.error(Code::Preprocessor, edge.span, "`##` needs something on both sides");
            return;
        }
        // A second definition replaces the first: real files rely on it.
        self.macros.insert(name.text, Rc::new(Macro { parameters, variadic, body }));
    }

    fn include(&mut self, span: Span) {
        let line = self.rest_of_line();
        // `<a/b.h>` is no row of tokens that means anything; what stands between the brackets is the name.
        let between = |line: &[Token], this: &Self| {
            let (first, last) = (line.first()?, line.iter().rev().find(|token| token.is(">"))?);
            first.is("<").then(|| this.text(first.span.end, last.span.start))
        };
        let name = if let Some(name) = between(&line, self) {
            Some(name)
        } else {
            let line = if line.first().is_some_and(|token| token.kind == Kind::Name) { self.expand_line(line) } else { line };
            line.first().filter(|token| token.kind == Kind::Text).map(|token| unquoted(&token.text))
        };
        let Some(name) = name else {
            self.session.error_with_help(Code::Preprocessor, span, "`#include` without a file", "write `#include \"file.h\"`");
            return;
        };
        let most = self.session.limits().include_depth;
        if self.stack.len() > most {
            self.session.give_up(Some(span), format!("files include each other more than {most} deep"));
            return;
        }
        if let Some(file) = self.session.load(&name, Some(span))
            && !self.session.files.get(file as usize).is_some_and(|file| self.once.contains(&file.name))
        {
            self.enter(file);
        }
    }

    fn conditional(&mut self, name: &Token, span: Span) {
        let skipping = self.is_skipping();
        let line = self.rest_of_line();
        match &*name.text {
            "if" | "ifdef" | "ifndef" => {
                // Within a group that does not count nothing is asked.
                let taking = !skipping && self.holds(name, span, line);
                let Some(open) = self.stack.last_mut() else { return };
                if open.conditions.len() >= self.session.limits().depth {
                    let most = self.session.limits().depth;
                    self.session.give_up(Some(span), format!("conditions are nested more than {most} deep"));
                    return;
                }
                open.conditions.push(Condition { opened: span, taking, taken: taking || skipping, has_else: false });
            }
            "endif" => {
                if self.stack.last_mut().and_then(|open| open.conditions.pop()).is_none() {
                    self.session.error(Code::Preprocessor, span, "`#endif` without `#if`");
                }
            }
            other => {
                let Some(condition) = self.stack.last_mut().and_then(|open| open.conditions.pop()) else {
                    self.session.error(Code::Preprocessor, span, format!("`#{other}` without `#if`"));
                    return;
                };
                if condition.has_else {
                    self.session.error(Code::Preprocessor, span, format!("`#{other}` after `#else`"));
                }
                let outside = self.is_skipping();
                let is_else = other == "else";
                let taking = !outside && !condition.taken && (is_else || self.holds(name, span, line));
                let next = Condition { taking, taken: condition.taken || taking, has_else: condition.has_else || is_else, ..condition };
                if let Some(open) = self.stack.last_mut() {
                    open.conditions.push(next);
                }
            }
        }
    }

    pub(super) fn next_on_line(&mut self) -> Option<Token> {
        self.stack.last_mut()?.lexer.next_on_line(self.session)
    }

    pub(super) fn rest_of_line(&mut self) -> Vec<Token> {
        std::iter::from_fn(|| self.next_on_line()).collect()
    }

    fn skip_line(&mut self) {
        if let Some(open) = self.stack.last_mut() {
            open.lexer.skip_line(self.session);
        }
    }

    fn text(&self, start: u32, end: u32) -> String {
        self.stack.last().map(|open| open.lexer.text(start, end).to_owned()).unwrap_or_default()
    }

    fn spelled(&self, tokens: &[Token]) -> String {
        match tokens {
            [first, .., last] => self.text(first.span.start, last.span.end),
            [only] => only.text.to_string(),
            [] => String::new(),
        }
    }
}
