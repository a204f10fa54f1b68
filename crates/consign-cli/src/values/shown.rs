//! Values that were recorded, for people and for programs.

use consign::{
    Guid,
    automation::{Currency, Decimal, Sign},
};
use consign_core::{
    interface::{StringForm, Type},
    marshal::Value,
};
use serde_json::{Map, Value as Json, json};

use super::{
    automation,
    words::{HEX, date_text},
};
use crate::text::shown;

/// A value as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shown {
    /// A number, a name: without quotes.
    Word(String, Json),
    /// Text: in quotes.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Nothing.
    Null,
    /// Elements.
    List(Vec<Self>),
    /// Fields.
    Fields(Vec<(String, Self)>),
}

/// How much of a long value is shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// Enough to know it by.
    Short,
    /// All of it.
    Full,
}

/// The longest text, the most bytes and the most elements that are shown of a value in a list.
const CHARACTERS: usize = 80;
const BYTES: usize = 24;
const ELEMENTS: usize = 8;

/// The value of a parameter; one whose type is not known, or is another one, is shown as it was written.
pub(crate) fn show(kind: Option<&Type>, value: &Value) -> Shown {
    kind.and_then(|kind| typed(kind, value)).unwrap_or_else(|| untyped(value))
}

fn word(text: impl Into<String>) -> Shown {
    let text = text.into();
    Shown::Word(text.clone(), Json::String(text))
}

fn number<T: ToString + Into<Json> + Copy>(value: T) -> Shown {
    Shown::Word(value.to_string(), value.into())
}

fn typed(kind: &Type, value: &Value) -> Option<Shown> {
    Some(match (kind, value) {
        (Type::Reference(target), value) => show(Some(target), value),
        (Type::Optional(target), Value::Array(_, values)) => match values.as_slice() {
            [] => Shown::Null,
            [one] => show(Some(target), one),
            _ => return None,
        },
        (Type::Optional(target), Value::Bytes(bytes)) => match bytes.as_slice() {
            [] => Shown::Null,
            [one] => show(Some(target), &Value::U8(*one)),
            _ => return None,
        },
        (Type::Array(element), Value::Array(_, values)) => Shown::List(values.iter().map(|value| show(Some(element), value)).collect()),
        (Type::Struct { fields, .. }, Value::Structure(values)) if fields.len() == values.len() => {
            let each = fields.iter().zip(values);
            Shown::Fields(each.map(|(field, value)| (field.name.clone(), show(Some(&field.kind), value))).collect())
        }
        (Type::Enum { elements, .. }, Value::I32(number)) => {
            let element = elements.iter().find(|element| element.value == *number);
            word(element.map(|element| element.name.clone())?)
        }
        (Type::Hresult, Value::I32(number)) => word(consign::Hresult::from_i32(*number).to_string()),
        (Type::Currency, Value::I64(amount)) => word(Currency { ten_thousandths: *amount }.to_string()),
        (Type::Date, Value::F64(days)) => word(date_text(*days)?),
        (Type::Guid, Value::Bytes(bytes)) => word(guid(bytes)?.to_string()),
        (Type::Decimal, Value::Structure(parts)) => word(decimal(parts)?.to_string()),
        (Type::String(form), Value::Structure(parts)) => string(*form, parts)?,
        (Type::Variant, Value::Structure(parts)) => variant(parts)?,
        (Type::SafeArray(element), Value::Structure(parts)) => safe_array(element, parts)?,
        (Type::Interface { .. }, Value::Variant(_, inner)) => object(inner)?,
        (Type::Persisted | Type::Recorder, value) => object(value)?,
        _ => return None,
    })
}

fn guid(bytes: &[u8]) -> Option<Guid> {
    Some(Guid::from_bytes(bytes.try_into().ok()?))
}

fn decimal(parts: &[Value]) -> Option<Decimal> {
    let [Value::U8(scale), Value::U8(sign), Value::U32(high), Value::U64(low)] = parts else { return None };
    let sign = if *sign == 0 { Sign::Plus } else { Sign::Minus };
    Decimal::new(sign, u128::from(*high) << 64 | u128::from(*low), *scale).ok()
}

fn string(form: StringForm, parts: &[Value]) -> Option<Shown> {
    let [Value::Bool(present), Value::Bytes(bytes)] = parts else { return None };
    if !present {
        return Some(Shown::Null);
    }
    Some(Shown::Text(match form {
        StringForm::Narrow | StringForm::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
        StringForm::Bstr | StringForm::Wide => {
            let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            String::from_utf16_lossy(&units)
        }
    }))
}

fn variant(parts: &[Value]) -> Option<Shown> {
    let [Value::U16(number), Value::Variant(_, value)] = parts else { return None };
    let (name, kind) = automation::named(*number)?;
    let tag = ("vt".to_owned(), word(name));
    Some(Shown::Fields(if kind == Type::Void { vec![tag] } else { vec![tag, ("value".to_owned(), show(Some(&kind), value))] }))
}

fn safe_array(element: &Type, parts: &[Value]) -> Option<Shown> {
    let [Value::U16(_), Value::Array(_, bounds), Value::Array(_, values)] = parts else { return None };
    let each = values.iter().map(|value| match value {
        Value::Variant(_, value) => show(Some(element), value),
        other => untyped(other),
    });
    let elements = Shown::List(each.collect());
    // What one dimension from 0 has, its elements tell.
    if let [Value::Structure(bound)] = bounds.as_slice()
        && let [_, Value::I32(0)] = bound.as_slice()
    {
        return Some(elements);
    }
    let bounds = bounds.iter().map(|bound| match bound {
        Value::Structure(parts) => match parts.as_slice() {
            [count, lower] => Shown::Fields(vec![("count".to_owned(), untyped(count)), ("lower".to_owned(), untyped(lower))]),
            _ => untyped(bound),
        },
        other => untyped(other),
    });
    Some(Shown::Fields(vec![("bounds".to_owned(), Shown::List(bounds.collect())), ("elements".to_owned(), elements)]))
}

fn object(value: &Value) -> Option<Shown> {
    let Value::Structure(parts) = value else { return None };
    match parts.as_slice() {
        [Value::Bytes(class), Value::Bytes(stream)] => match guid(class)? {
            Guid::NULL if stream.is_empty() => Some(Shown::Null),
            class => Some(Shown::Fields(vec![
                ("class".to_owned(), word(class.to_string())),
                ("stream".to_owned(), Shown::Bytes(stream.clone())),
            ])),
        },
        [Value::Text(moniker), Value::Text(iid)] => {
            Some(Shown::Fields(vec![("recorder".to_owned(), Shown::Text(moniker.clone())), ("iid".to_owned(), word(iid.clone()))]))
        }
        _ => None,
    }
}

fn untyped(value: &Value) -> Shown {
    match value {
        Value::U8(value) => number(*value),
        Value::Bool(value) => Shown::Word(value.to_string(), Json::Bool(*value)),
        Value::I16(value) => number(*value),
        Value::U16(value) => number(*value),
        Value::I32(value) => number(*value),
        Value::U32(value) => number(*value),
        Value::I64(value) => number(*value),
        Value::U64(value) => number(*value),
        // JSON has no NaN and no infinity: there the word stands.
        Value::F64(value) if value.is_finite() => number(*value),
        Value::F64(value) => word(value.to_string()),
        Value::Text(text) | Value::Path(text) | Value::Signature(text) => Shown::Text(text.clone()),
        Value::Bytes(bytes) => Shown::Bytes(bytes.clone()),
        Value::Array(_, values) | Value::Structure(values) => Shown::List(values.iter().map(untyped).collect()),
        Value::Entry(entry) => Shown::List(vec![untyped(&entry.0), untyped(&entry.1)]),
        Value::Variant(_, value) => untyped(value),
    }
}

impl Shown {
    /// For programs: what `consign call` takes.
    pub(crate) fn to_json(&self) -> Json {
        match self {
            Self::Word(_, json) => json.clone(),
            Self::Text(text) => Json::String(text.clone()),
            Self::Bytes(bytes) => json!(format!("{HEX}{}", hex(bytes))),
            Self::Null => Json::Null,
            Self::List(elements) => elements.iter().map(Self::to_json).collect(),
            Self::Fields(fields) => Json::Object(fields.iter().map(|(name, value)| (name.clone(), value.to_json())).collect::<Map<_, _>>()),
        }
    }

    /// For people, in one line that no terminal takes for orders.
    pub(crate) fn to_text(&self, length: Length) -> String {
        match self {
            Self::Word(text, _) => shown(text),
            Self::Text(text) => quoted(text, length),
            Self::Bytes(bytes) if length == Length::Short && bytes.len() > BYTES => {
                format!("{HEX}{}… ({} bytes)", hex(&bytes[..BYTES]), bytes.len())
            }
            Self::Bytes(bytes) => format!("{HEX}{}", hex(bytes)),
            Self::Null => "null".to_owned(),
            Self::List(elements) => {
                let most = if length == Length::Short { ELEMENTS } else { usize::MAX };
                let mut texts: Vec<String> = elements.iter().take(most).map(|element| element.to_text(length)).collect();
                if elements.len() > texts.len() {
                    texts.push(format!("… ({} elements)", elements.len()));
                }
                format!("[{}]", texts.join(", "))
            }
            Self::Fields(fields) => {
                let texts: Vec<String> = fields.iter().map(|(name, value)| format!("{}: {}", shown(name), value.to_text(length))).collect();
                format!("{{{}}}", texts.join(", "))
            }
        }
    }
}

fn quoted(text: &str, length: Length) -> String {
    let count = text.chars().count();
    let cut = length == Length::Short && count > CHARACTERS;
    let part: String = if cut { text.chars().take(CHARACTERS).collect() } else { text.to_owned() };
    let escaped = shown(&part.replace('\\', "\\\\").replace('"', "\\\""));
    if cut { format!("\"{escaped}…\" ({count} characters)") } else { format!("\"{escaped}\"") }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
