//! Constant expressions, of `#if` and of IDL, in 64 bits.

use crate::{
    lexer::{Kind, Token},
    session::Span,
};

/// What names stand for.
pub(crate) trait Names {
    fn value(&self, name: &str) -> Option<i64>;
}

pub(crate) struct ExpressionError {
    /// `None` at the end of the expression.
    pub(crate) span: Option<Span>,
    pub(crate) message: String,
}

/// How deep an expression may be nested.
const DEEPEST: usize = 64;

pub(crate) fn evaluate(tokens: &[Token], names: &dyn Names) -> Result<i64, ExpressionError> {
    let mut reader = Reader { tokens, at: 0, names, depth: 0 };
    let value = reader.conditional()?;
    match reader.peek() {
        None => Ok(value),
        Some(token) => {
            Err(ExpressionError { span: Some(token.span), message: format!("`{}` does not belong to the expression", token.text) })
        }
    }
}

struct Reader<'t> {
    tokens: &'t [Token],
    at: usize,
    names: &'t dyn Names,
    depth: usize,
}

type Answer = Result<i64, ExpressionError>;

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<&'t Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, mark: &str) -> bool {
        let taken = self.peek().is_some_and(|token| token.kind == Kind::Mark && &*token.text == mark);
        self.at += usize::from(taken);
        taken
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, ExpressionError> {
        let near = self.peek().or(self.tokens.last());
        Err(ExpressionError { span: near.map(|token| token.span), message: message.into() })
    }

    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Answer) -> Answer {
        if self.depth >= DEEPEST {
            return self.error(format!("the expression is nested more than {DEEPEST} deep"));
        }
        self.depth += 1;
        let answer = read(self);
        self.depth -= 1;
        answer
    }

    fn conditional(&mut self) -> Answer {
        self.deeper(|this| {
            let condition = this.binary(0)?;
            if !this.take("?") {
                return Ok(condition);
            }
            let yes = this.conditional()?;
            if !this.take(":") {
                return this.error("`?` without `:`");
            }
            let no = this.conditional()?;
            Ok(if condition == 0 { no } else { yes })
        })
    }

    fn binary(&mut self, weakest: u8) -> Answer {
        let mut left = self.unary()?;
        while let Some(token) = self.peek()
            && token.kind == Kind::Mark
            && let Some(strength) = strength_of(&token.text)
            && strength >= weakest
        {
            self.at += 1;
            let right = self.deeper(|this| this.binary(strength + 1))?;
            left = match apply(&token.text, left, right) {
                Some(value) => value,
                None => return Err(ExpressionError { span: Some(token.span), message: "division by zero".to_owned() }),
            };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Answer {
        self.deeper(|this| {
            if this.take("-") {
                return Ok(this.unary()?.wrapping_neg());
            }
            if this.take("+") {
                return this.unary();
            }
            if this.take("~") {
                return Ok(!this.unary()?);
            }
            if this.take("!") {
                return Ok(i64::from(this.unary()? == 0));
            }
            this.primary()
        })
    }

    fn primary(&mut self) -> Answer {
        let Some(token) = self.peek() else { return self.error("the expression has no end") };
        match token.kind {
            Kind::Number => match number(&token.text) {
                Some(value) => {
                    self.at += 1;
                    Ok(value)
                }
                None => self.error(format!("`{}` is no whole number that fits 64 bits", token.text)),
            },
            Kind::Character => match character(&token.text) {
                Some(value) => {
                    self.at += 1;
                    Ok(value)
                }
                None => self.error(format!("`{}` is no character", token.text)),
            },
            Kind::Name if &*token.text == "L" && self.tokens.get(self.at + 1).is_some_and(|next| next.kind == Kind::Character) => {
                self.at += 1;
                self.primary()
            }
            Kind::Name => match self.names.value(&token.text) {
                Some(value) => {
                    self.at += 1;
                    Ok(value)
                }
                None => self.error(format!("`{}` is no constant that is known", token.text)),
            },
            Kind::Mark if self.take("(") => {
                if let Some(after) = self.cast() {
                    self.at = after;
                    return self.unary();
                }
                let value = self.conditional()?;
                if self.take(")") { Ok(value) } else { self.error("`)` is missing") }
            }
            _ => self.error(format!("`{}` is no value", token.text)),
        }
    }

    /// After `(`: the index behind `type)`, when what follows is a value. Casts change no value here.
    fn cast(&self) -> Option<usize> {
        let length = self.tokens[self.at..].iter().take_while(|token| token.kind == Kind::Name || token.is("*")).count();
        let inner = &self.tokens[self.at..self.at + length];
        let close = self.at + length;
        let is_type = !inner.is_empty() && inner.iter().all(|token| token.is("*") || self.names.value(&token.text).is_none());
        let follows = self.tokens.get(close + 1)?;
        let is_value = !matches!(follows.kind, Kind::Mark) || follows.is("(") || follows.is("-") || follows.is("~");
        (is_type && is_value && self.tokens.get(close)?.is(")")).then_some(close + 1)
    }
}

fn strength_of(operator: &str) -> Option<u8> {
    Some(match operator {
        "||" => 1,
        "&&" => 2,
        "|" => 3,
        "^" => 4,
        "&" => 5,
        "==" | "!=" => 6,
        "<" | ">" | "<=" | ">=" => 7,
        "<<" | ">>" => 8,
        "+" | "-" => 9,
        "*" | "/" | "%" => 10,
        _ => return None,
    })
}

/// `None` for a division by zero.
fn apply(operator: &str, left: i64, right: i64) -> Option<i64> {
    let shift = || u32::try_from(right.clamp(0, 63)).unwrap_or(63);
    Some(match operator {
        "||" => i64::from(left != 0 || right != 0),
        "&&" => i64::from(left != 0 && right != 0),
        "|" => left | right,
        "^" => left ^ right,
        "&" => left & right,
        "==" => i64::from(left == right),
        "!=" => i64::from(left != right),
        "<" => i64::from(left < right),
        ">" => i64::from(left > right),
        "<=" => i64::from(left <= right),
        ">=" => i64::from(left >= right),
        "<<" => left.wrapping_shl(shift()),
        ">>" => left.wrapping_shr(shift()),
        "+" => left.wrapping_add(right),
        "-" => left.wrapping_sub(right),
        "*" => left.wrapping_mul(right),
        "/" if right != 0 => left.wrapping_div(right),
        "%" if right != 0 => left.wrapping_rem(right),
        _ => return None,
    })
}

/// Decimal, hexadecimal or octal, with C's suffixes. What does not fit 64 signed bits wraps, as in C.
pub(crate) fn number(text: &str) -> Option<i64> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match lower.strip_prefix("0x") {
        Some(hexadecimal) => (hexadecimal, 16),
        None if lower.starts_with('0') && lower.len() > 1 => (&lower[1..], 8),
        None => (lower.as_str(), 10),
    };
    let digits = digits.strip_suffix("i64").unwrap_or(digits).trim_end_matches(['u', 'l']);
    // `0L` and `0u` have nothing left.
    if digits.is_empty() && radix == 8 {
        return Some(0);
    }
    u64::from_str_radix(digits, radix).ok().map(u64::cast_signed)
}

fn character(text: &str) -> Option<i64> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    let plain = crate::lexer::unquoted(inner);
    let mut value = 0_i64;
    for character in plain.chars().take(8) {
        value = value.wrapping_shl(8) | i64::from(u32::from(character));
    }
    (!plain.is_empty()).then_some(value)
}
