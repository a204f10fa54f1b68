//! Macros. What one expands to points at its use, because that is what someone can change; arguments keep
//! their own places.
//!
//! A macro is not expanded within itself, so each expansion ends; how much it may make is bounded by the
//! session, because sixty lines can make more than any memory holds.

use std::{
    collections::{HashMap, VecDeque},
    rc::Rc,
};

use super::Preprocessor;
use crate::{
    Code,
    lexer::{Kind, Token},
    session::Span,
};

pub(super) struct Macro {
    /// `None` for one that takes no parentheses.
    pub(super) parameters: Option<Vec<Rc<str>>>,
    pub(super) variadic: bool,
    pub(super) body: Vec<Token>,
}

/// How many macros may stand for one another.
const DEEPEST: usize = 48;
/// How long a name that `##` makes may be, in bytes.
const LONGEST_NAME: usize = 4096;

impl Preprocessor<'_, '_> {
    /// Expands a name that stands in the file itself; gives it back where it takes arguments and has none.
    pub(super) fn expand_from_file(&mut self, name: Token) -> Option<Token> {
        let mut tokens = VecDeque::from([name]);
        loop {
            // What ends in the name of a macro with parameters may find them in the file.
            let wants_arguments = tokens.back().is_some_and(|last| self.takes_arguments(last));
            if wants_arguments {
                match self.arguments_from_file() {
                    Some(arguments) => tokens.extend(arguments),
                    None if tokens.len() == 1 => return tokens.pop_front(),
                    None => {}
                }
            }
            let mut expanded: VecDeque<Token> = self.expand(tokens, &mut Vec::new(), 0).into();
            if self.session.has_given_up() {
                return None;
            }
            let again = expanded.back().is_some_and(|last| self.takes_arguments(last)) && self.parenthesis_follows();
            if !again {
                self.pending.append(&mut expanded);
                return None;
            }
            let last = expanded.pop_back()?;
            self.pending.append(&mut expanded);
            tokens = VecDeque::from([last]);
        }
    }

    /// All macros of a line of a directive.
    pub(super) fn expand_line(&mut self, line: Vec<Token>) -> Vec<Token> {
        self.expand(line.into(), &mut Vec::new(), 0)
    }

    fn takes_arguments(&self, token: &Token) -> bool {
        !token.painted && token.kind == Kind::Name && self.macros.get(&token.text).is_some_and(|known| known.parameters.is_some())
    }

    fn parenthesis_follows(&mut self) -> bool {
        let Some(open) = self.stack.last_mut() else { return false };
        let mut ahead = open.lexer.clone();
        ahead.next(self.session).is_some_and(|token| token.is("("))
    }

    /// From `(` to its `)`, both included.
    fn arguments_from_file(&mut self) -> Option<Vec<Token>> {
        if !self.parenthesis_follows() {
            return None;
        }
        let mut tokens = Vec::new();
        let mut depth = 0_usize;
        loop {
            let token = self.stack.last_mut()?.lexer.next(self.session)?;
            self.session.count_expanded(1, token.span);
            if self.session.has_given_up() {
                return None;
            }
            match &*token.text {
                "(" if token.kind == Kind::Mark => depth += 1,
                ")" if token.kind == Kind::Mark => depth -= 1,
                _ => {}
            }
            tokens.push(token);
            if depth == 0 {
                return Some(tokens);
            }
        }
    }

    fn expand(&mut self, mut tokens: VecDeque<Token>, hidden: &mut Vec<Rc<str>>, depth: usize) -> Vec<Token> {
        let mut expanded = Vec::new();
        while let Some(mut token) = tokens.pop_front() {
            if self.session.has_given_up() {
                break;
            }
            let known = if token.kind == Kind::Name && !token.painted { self.macros.get(&token.text).cloned() } else { None };
            let Some(known) = known else {
                expanded.push(token);
                continue;
            };
            if hidden.contains(&token.text) {
                token.painted = true;
                expanded.push(token);
                continue;
            }
            if depth >= DEEPEST {
                self.session.give_up(Some(token.span), format!("macros stand for one another more than {DEEPEST} deep"));
                break;
            }
            let arguments = match &known.parameters {
                None => Vec::new(),
                Some(_) if !tokens.front().is_some_and(|next| next.is("(")) => {
                    expanded.push(token);
                    continue;
                }
                Some(parameters) => match self.split_arguments(&mut tokens, &token, parameters.len(), known.variadic) {
                    Some(arguments) => arguments,
                    None => continue,
                },
            };
            let body = self.substitute(&known, arguments, token.span, hidden, depth);
            self.session.count_expanded(1, token.span);
            hidden.push(Rc::clone(&token.text));
            let mut made = self.expand(body.into(), hidden, depth + 1);
            hidden.pop();
            if let Some(first) = made.first_mut() {
                first.spaced = token.spaced;
                first.first = token.first;
            }
            // The last name may take what follows as its arguments.
            if tokens.front().is_some_and(|next| next.is("("))
                && made.last().is_some_and(|last| self.takes_arguments(last) && !hidden.contains(&last.text))
                && let Some(last) = made.pop()
            {
                self.session.count_expanded(1, last.span);
                tokens.push_front(last);
            }
            expanded.append(&mut made);
        }
        expanded
    }

    /// Takes `( … )` off the front. `None` when it does not fit; that was told.
    fn split_arguments(&mut self, tokens: &mut VecDeque<Token>, name: &Token, wanted: usize, variadic: bool) -> Option<Vec<Vec<Token>>> {
        let mut arguments = vec![Vec::new()];
        let mut depth = 0_usize;
        loop {
            let Some(token) = tokens.pop_front() else {
                self.session.error(Code::Preprocessor, name.span, format!("the arguments of the macro `{}` have no end", name.text));
                return None;
            };
            let is_mark = token.kind == Kind::Mark;
            match &*token.text {
                "(" if is_mark => {
                    depth += 1;
                    if depth == 1 {
                        continue;
                    }
                }
                ")" if is_mark => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                "," if is_mark && depth == 1 && !(variadic && arguments.len() == wanted) => {
                    arguments.push(Vec::new());
                    continue;
                }
                _ => {}
            }
            if let Some(last) = arguments.last_mut() {
                last.push(token);
            }
        }
        if wanted == 0 && arguments.iter().all(Vec::is_empty) {
            arguments.clear();
        }
        if variadic && arguments.len() + 1 == wanted {
            arguments.push(Vec::new());
        }
        if arguments.len() != wanted {
            let message = format!("the macro `{}` takes {wanted} arguments, and has {}", name.text, arguments.len());
            self.session.error(Code::Preprocessor, name.span, message);
            return None;
        }
        Some(arguments)
    }

    /// The body with its parameters replaced.
    fn substitute(&mut self, known: &Macro, arguments: Vec<Vec<Token>>, used: Span, hidden: &mut Vec<Rc<str>>, depth: usize) -> Vec<Token> {
        let parameters = known.parameters.as_deref().unwrap_or_default();
        let index_of = |token: &Token| parameters.iter().position(|name| token.kind == Kind::Name && *name == token.text);
        let mut expanded: HashMap<usize, Vec<Token>> = HashMap::new();
        let mut made: Vec<Token> = Vec::new();
        let mut at = 0;
        let mut pasting = false;
        while let Some(token) = known.body.get(at) {
            at += 1;
            if self.session.has_given_up() {
                break;
            }
            let stringed = known.body.get(at).and_then(index_of).filter(|_| token.is("#") && known.parameters.is_some());
            if token.is("##") {
                pasting = true;
                continue;
            }
            let next_pastes = known.body.get(at + usize::from(stringed.is_some())).is_some_and(|next| next.is("##"));
            let mut part = if let Some(index) = stringed {
                at += 1;
                vec![self.as_text(&arguments[index], used)]
            } else if let Some(index) = index_of(token) {
                if pasting || next_pastes {
                    arguments[index].clone()
                } else {
                    if let std::collections::hash_map::Entry::Vacant(place) = expanded.entry(index) {
                        let argument = self.expand(arguments[index].clone().into(), hidden, depth + 1);
                        place.insert(argument);
                    }
                    expanded.get(&index).cloned().unwrap_or_default()
                }
            } else {
                vec![Token { span: used, first: false, ..token.clone() }]
            };
            self.session.count_expanded(part.len(), used);
            if let Some(first) = part.first_mut() {
                first.spaced = token.spaced;
            }
            if std::mem::take(&mut pasting)
                && !part.is_empty()
                && let Some(left) = made.pop()
            {
                let right = part.remove(0);
                made.push(self.paste(&left, &right, used));
            }
            made.append(&mut part);
        }
        made
    }

    fn as_text(&mut self, argument: &[Token], used: Span) -> Token {
        let mut text = String::from("\"");
        for (index, token) in argument.iter().enumerate() {
            if token.spaced && index > 0 {
                text.push(' ');
            }
            if matches!(token.kind, Kind::Text | Kind::Character) {
                text += &token.text.replace('\\', "\\\\").replace('"', "\\\"");
            } else {
                text += &token.text;
            }
        }
        text.push('"');
        // A text of texts doubles at each turn: it counts by its length.
        self.session.count_expanded(text.len() / 16, used);
        let text = self.session.intern(&text);
        Token { kind: Kind::Text, text, span: used, first: false, spaced: false, painted: false }
    }

    fn paste(&mut self, left: &Token, right: &Token, used: Span) -> Token {
        let text = format!("{}{}", left.text, right.text);
        if text.len() > LONGEST_NAME {
            self.session.give_up(Some(used), format!("`##` makes a name of more than {LONGEST_NAME} characters"));
        }
        let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let kind = if text.parse::<consign_core::Guid>().is_ok() && text.contains('-') {
            Kind::Guid
        } else if text.starts_with(|first: char| first.is_ascii_digit()) {
            Kind::Number
        } else if is_name(&text) {
            Kind::Name
        } else {
            Kind::Mark
        };
        let text = self.session.intern(&text);
        Token { kind, text, span: used, first: false, spaced: left.spaced, painted: false }
    }
}
