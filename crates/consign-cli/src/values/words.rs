//! Single words: what is given on a command line.

use consign::{
    Guid,
    automation::{Decimal, Sign},
};
use consign_core::{
    interface::{Element, StringForm, Type},
    marshal::Value,
};
use jiff::civil::{Date, DateTime, Time};

use super::{from_json, misfit::Misfit};
use crate::{nearest::nearest, text::shown};

/// The value of `kind` that a word means. What has parts is written as JSON.
pub(crate) fn from_text(kind: &Type, text: &str) -> Result<Value, Misfit> {
    let integer = |least: i128, most: i128| integer(kind, text, least, most);
    match kind {
        Type::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" | "-1" => Ok(Value::Bool(true)),
            "false" | "no" | "off" | "0" => Ok(Value::Bool(false)),
            _ => Err(Misfit::new(kind, format!("{} is neither true nor false", quoted(text)))),
        },
        Type::U8 => Ok(Value::U8(narrow(integer(0, u8::MAX.into())?))),
        Type::I8 => Ok(Value::I16(narrow(integer(i8::MIN.into(), i8::MAX.into())?))),
        Type::I16 => Ok(Value::I16(narrow(integer(i16::MIN.into(), i16::MAX.into())?))),
        Type::U16 => Ok(Value::U16(narrow(integer(0, u16::MAX.into())?))),
        Type::I32 => Ok(Value::I32(narrow(integer(i32::MIN.into(), i32::MAX.into())?))),
        Type::U32 => Ok(Value::U32(narrow(integer(0, u32::MAX.into())?))),
        Type::I64 => Ok(Value::I64(narrow(integer(i64::MIN.into(), i64::MAX.into())?))),
        Type::U64 => Ok(Value::U64(narrow(integer(0, u64::MAX.into())?))),
        Type::F32 => {
            let number = float(kind, text)?;
            // As it would be in the parameter.
            #[expect(clippy::cast_possible_truncation, reason = "what does not fit is refused")]
            let short = number as f32;
            if number.is_finite() && !short.is_finite() {
                return Err(Misfit::overflow(kind, format!("{text} is too large: expected at most {:e}", f32::MAX)));
            }
            Ok(Value::F64(f64::from(short)))
        }
        Type::F64 => Ok(Value::F64(float(kind, text)?)),
        Type::Hresult => hresult(kind, text),
        Type::Currency => currency(kind, text),
        Type::Date => date(kind, text),
        Type::Decimal => decimal(kind, text),
        Type::Guid => match text.parse::<Guid>() {
            Ok(guid) => Ok(Value::Bytes(guid.as_bytes().to_vec())),
            Err(_) => Err(Misfit::new(kind, format!("{} is no GUID: expected 97184d0f-f7ef-413a-8c6d-c1745018b2e9", quoted(text)))),
        },
        Type::String(form) => string(kind, *form, text),
        Type::Enum { name, elements } => enumeration(kind, name, elements, text),
        Type::Reference(target) => from_text(target, text),
        Type::Optional(target) if text == "null" => Ok(Value::Array(signature(target)?, Vec::new())),
        Type::Optional(target) => Ok(Value::Array(signature(target)?, vec![from_text(target, text)?])),
        Type::Array(element) if **element == Type::U8 && text.starts_with(HEX) => bytes(kind, text).map(Value::Bytes),
        Type::Struct { .. }
        | Type::Array(_)
        | Type::Variant
        | Type::SafeArray(_)
        | Type::Interface { .. }
        | Type::Persisted
        | Type::Recorder => match serde_json::from_str(text) {
            Ok(json) => from_json(kind, &json),
            // In a VARIANT, a word that is no JSON is a text.
            Err(_) if *kind == Type::Variant => from_json(kind, &serde_json::Value::String(text.to_owned())),
            Err(error) => Err(Misfit::new(kind, format!("{} is no JSON ({error}): {}", quoted(text), wanted(kind)))),
        },
        Type::Void | Type::Foreign { .. } => Err(Misfit::new(kind, "nothing of this type can be written down")),
    }
}

/// What bytes begin with.
pub(super) const HEX: &str = "hex:";

/// What is expected of a type that is written as JSON.
pub(super) fn wanted(kind: &Type) -> String {
    match kind {
        Type::Struct { fields, .. } => {
            let fields: Vec<String> = fields.iter().map(|field| format!("\"{}\": …", field.name)).collect();
            format!("expected an object {{{}}}", fields.join(", "))
        }
        Type::Array(element) if **element == Type::U8 => "expected hex:00ff…, or an array of numbers".to_owned(),
        Type::Array(element) => format!("expected an array of {element}"),
        Type::SafeArray(element) => {
            format!("expected an array of {element}, or {{\"bounds\": [{{\"count\": …, \"lower\": …}}], \"elements\": […]}}")
        }
        Type::Variant => "expected null, true, a number, a text, an array, or {\"vt\": \"VT_…\", \"value\": …}".to_owned(),
        Type::Interface { .. } => {
            "expected null, {\"class\": CLSID, \"stream\": \"hex:…\"}, or {\"recorder\": \"queue:…/new:…\", \"iid\": IID}".to_owned()
        }
        Type::Persisted => "expected {\"class\": CLSID, \"stream\": \"hex:…\"}".to_owned(),
        Type::Recorder => "expected {\"recorder\": \"queue:…/new:…\", \"iid\": IID}".to_owned(),
        Type::Boolean => "expected true or false".to_owned(),
        Type::String(_) => "expected a text".to_owned(),
        Type::Date => "expected a text such as \"2026-11-21T12:04:31\"".to_owned(),
        Type::Guid => "expected a GUID as a text".to_owned(),
        _ => "expected a number".to_owned(),
    }
}

pub(super) fn quoted(text: &str) -> String {
    let short = crate::text::cut(&shown(text), 60);
    format!("`{short}`")
}

/// The signature of a part of a type that has one.
pub(super) fn signature(kind: &Type) -> Result<String, Misfit> {
    kind.signature().map_err(|reason| Misfit::new(kind, reason.to_string()))
}

/// Bytes after [`HEX`].
pub(super) fn bytes(kind: &Type, text: &str) -> Result<Vec<u8>, Misfit> {
    let wrong = || Misfit::new(kind, format!("{} is not hex: and pairs of hexadecimal digits", quoted(text)));
    let digits: Option<Vec<u32>> = text.strip_prefix(HEX).ok_or_else(wrong)?.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2)).ok_or_else(wrong)?;
    Ok(digits.chunks_exact(2).map(|pair| narrow(i128::from(pair[0] * 16 + pair[1]))).collect())
}

/// A text as its form keeps it.
pub(super) fn string(kind: &Type, form: StringForm, text: &str) -> Result<Value, Misfit> {
    match form {
        StringForm::Utf8 if text.contains('\0') => Err(Misfit::new(kind, "the text holds a NUL")),
        StringForm::Utf8 => Ok(Value::Text(text.to_owned())),
        StringForm::Bstr | StringForm::Wide => Ok(present(text.encode_utf16().flat_map(u16::to_le_bytes).collect())),
        StringForm::Narrow => Ok(present(text.as_bytes().to_vec())),
    }
}

fn present(bytes: Vec<u8>) -> Value {
    Value::Structure(vec![Value::Bool(true), Value::Bytes(bytes)])
}

/// An integer within its range, decimal or with `0x`.
fn integer(kind: &Type, text: &str, least: i128, most: i128) -> Result<i128, Misfit> {
    let (minus, rest) = text.strip_prefix('-').map_or((false, text.strip_prefix('+').unwrap_or(text)), |rest| (true, rest));
    let (digits, base) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")).map_or((rest, 10), |rest| (rest, 16));
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return Err(Misfit::new(kind, format!("{} is no whole number: expected {least} to {most}", quoted(text))));
    }
    let number = i128::from_str_radix(digits, base).ok().map(|number| if minus { -number } else { number });
    let fits = number.filter(|number| (least..=most).contains(number));
    fits.ok_or_else(|| Misfit::overflow(kind, format!("{} is too {}: expected {least} to {most}", quoted(text), size(minus))))
}

fn size(minus: bool) -> &'static str {
    if minus { "small" } else { "large" }
}

/// What was found to fit.
fn narrow<T: TryFrom<i128> + Default>(number: i128) -> T {
    T::try_from(number).unwrap_or_default()
}

fn float(kind: &Type, text: &str) -> Result<f64, Misfit> {
    let number: f64 = text.parse().map_err(|_| Misfit::new(kind, format!("{} is no number", quoted(text))))?;
    // Digits that mean more than there is; who wants infinity writes that.
    if number.is_infinite() && text.contains(|character: char| character.is_ascii_digit()) {
        return Err(Misfit::overflow(kind, format!("{} is too large: expected at most {:e}", quoted(text), f64::MAX)));
    }
    Ok(number)
}

fn hresult(kind: &Type, text: &str) -> Result<Value, Misfit> {
    // Printed as 32 bits without a sign.
    if let Some(bits) = text.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
        return Ok(Value::I32(bits.cast_signed()));
    }
    integer(kind, text, i32::MIN.into(), i32::MAX.into()).map(|number| Value::I32(narrow(number)))
}

/// Digits with a point: the sign, all digits as one number, how many stand behind the point.
fn digits(text: &str) -> Option<(Sign, String, usize)> {
    let (sign, rest) = text.strip_prefix('-').map_or((Sign::Plus, text.strip_prefix('+').unwrap_or(text)), |rest| (Sign::Minus, rest));
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let all = format!("{whole}{fraction}");
    let is_number = !all.is_empty() && all.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some((sign, all, fraction.len()))
}

fn currency(kind: &Type, text: &str) -> Result<Value, Misfit> {
    let (sign, all, behind) = digits(text).ok_or_else(|| Misfit::new(kind, format!("{} is no amount: expected 12.3456", quoted(text))))?;
    if behind > 4 {
        return Err(Misfit::new(kind, format!("{} has more than four digits behind the point", quoted(text))));
    }
    let large = || Misfit::overflow(kind, format!("{} is too large: expected at most 922337203685477.5807", quoted(text)));
    let number: i128 = format!("{all}{}", "0".repeat(4 - behind)).parse().map_err(|_| large())?;
    let number = if sign == Sign::Minus { -number } else { number };
    i64::try_from(number).map(Value::I64).map_err(|_| large())
}

fn decimal(kind: &Type, text: &str) -> Result<Value, Misfit> {
    let (sign, all, behind) = digits(text).ok_or_else(|| Misfit::new(kind, format!("{} is no decimal number", quoted(text))))?;
    let number = all.parse::<u128>().ok().zip(u8::try_from(behind).ok());
    let number = number.and_then(|(magnitude, scale)| Decimal::new(sign, magnitude, scale).ok());
    let number = number.ok_or_else(|| {
        Misfit::overflow(kind, format!("{} does not fit: a DECIMAL has 96 bits, and at most 28 digits behind the point", quoted(text)))
    })?;
    super::automation::value_of(&number, kind)
}

/// Before this day whole days are negative, and fractions still go forward.
const FIRST_DAY: Date = jiff::civil::date(1899, 12, 30);
const MILLISECONDS: f64 = 86_400_000.0;

fn date(kind: &Type, text: &str) -> Result<Value, Misfit> {
    let wrong = || Misfit::new(kind, format!("{} is no date: expected 2026-11-21 or 2026-11-21T12:04:31", quoted(text)));
    let named_zone = text.ends_with(['Z', 'z', ']']) || text.get(10..).is_some_and(|time| time.contains(['+', '-']));
    if named_zone && text.len() > 10 {
        return Err(Misfit::new(kind, format!("{} names a time zone, and a DATE has none", quoted(text))));
    }
    let moment: DateTime = text.parse().map_err(|_| wrong())?;
    if moment.year() < 100 {
        return Err(Misfit::overflow(kind, format!("{} is too early: expected the years 100 to 9999", quoted(text))));
    }
    let days = f64::from((moment.date() - FIRST_DAY).get_days());
    let time = moment.time().duration_since(Time::midnight()).as_millis_f64() / MILLISECONDS;
    Ok(Value::F64(if days < 0.0 { days - time } else { days + time }))
}

/// A DATE as it is typed; `None` where no calendar has it.
pub(super) fn date_text(days: f64) -> Option<String> {
    let whole = days.trunc();
    if !days.is_finite() || whole.abs() > 3_000_000.0 {
        return None;
    }
    let milliseconds = (days - whole).abs() * MILLISECONDS;
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    let (whole, milliseconds) = (whole as i64, milliseconds.round() as i64);
    // A span goes one way, and these two may go both.
    let day = FIRST_DAY.to_datetime(Time::midnight()).checked_add(jiff::Span::new().days(whole)).ok()?;
    let moment = day.checked_add(jiff::Span::new().milliseconds(milliseconds)).ok()?;
    let moment = if moment.time() == Time::midnight() { moment.date().to_string() } else { moment.to_string() };
    Some(moment)
}

fn enumeration(kind: &Type, name: &str, elements: &[Element], text: &str) -> Result<Value, Misfit> {
    if let Some(element) = elements.iter().find(|element| element.name == text) {
        return Ok(Value::I32(element.value));
    }
    if text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+')) {
        return integer(kind, text, i32::MIN.into(), i32::MAX.into()).map(|number| Value::I32(narrow(number)));
    }
    let names = elements.iter().map(|element| element.name.as_str());
    let listed: Vec<&str> = names.clone().take(12).collect();
    let more = if elements.len() > listed.len() { ", …" } else { "" };
    let meant = nearest(text, names).map(|name| format!("; did you mean {name}?")).unwrap_or_default();
    Err(Misfit::new(kind, format!("{name} has no {}: expected {}{more}, or a number{meant}", quoted(text), listed.join(", "))))
}
