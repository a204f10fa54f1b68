//! JSON: what has parts, and what scripts write.

use consign::Guid;
use consign_core::{
    interface::{Field, StringForm, Type},
    marshal::Value,
};
use serde_json::{Map, Value as Json};

use super::{
    automation,
    misfit::Misfit,
    words::{bytes, from_text, quoted, signature, string, wanted},
};

/// The value of `kind` that a JSON value means.
pub(crate) fn from_json(kind: &Type, json: &Json) -> Result<Value, Misfit> {
    let wrong = || Misfit::new(kind, format!("{} does not fit: {}", quoted(&json.to_string()), wanted(kind)));
    match (kind, json) {
        (Type::Reference(target), json) => from_json(target, json),
        (Type::Optional(target), Json::Null) => Ok(Value::Array(signature(target)?, Vec::new())),
        (Type::Optional(target), json) => Ok(array(signature(target)?, vec![from_json(target, json)?])),
        (Type::Variant, json) => automation::variant(json),
        (Type::SafeArray(element), json) => automation::safe_array(kind, element, json),
        (Type::Interface { .. }, json) => object(kind, json),
        (Type::Persisted | Type::Recorder, Json::Object(object)) => match of_object(kind, object)? {
            Value::Variant(_, value) => Ok(*value),
            _ => Err(wrong()),
        },
        (Type::String(form), Json::String(text)) => string(kind, *form, text),
        (Type::String(StringForm::Bstr | StringForm::Wide | StringForm::Narrow), Json::Null) => {
            Ok(Value::Structure(vec![Value::Bool(false), Value::Bytes(Vec::new())]))
        }
        (Type::Struct { fields, .. }, Json::Object(object)) => structure(kind, fields, object),
        (Type::Array(element), Json::String(text)) if **element == Type::U8 => bytes(kind, text).map(Value::Bytes),
        (Type::Array(element), Json::Array(elements)) => Ok(array(signature(element)?, all(element, elements)?)),
        (Type::Boolean, Json::Bool(value)) => Ok(Value::Bool(*value)),
        (Type::String(_) | Type::Struct { .. } | Type::Array(_) | Type::Persisted | Type::Recorder | Type::Guid, Json::Number(_)) => {
            Err(wrong())
        }
        (Type::Struct { .. } | Type::Array(_) | Type::Persisted | Type::Recorder, Json::String(_)) => Err(wrong()),
        (Type::Date, Json::Number(days)) => days.as_f64().map(Value::F64).ok_or_else(wrong),
        (kind, Json::Number(number)) => from_text(kind, &number.to_string()),
        (kind, Json::String(text)) => from_text(kind, text),
        _ => Err(wrong()),
    }
}

/// The elements, each of which says where it stands when it does not fit.
pub(super) fn all(element: &Type, elements: &[Json]) -> Result<Vec<Value>, Misfit> {
    let each = elements.iter().enumerate();
    each.map(|(index, json)| from_json(element, json).map_err(|misfit| misfit.in_element(index))).collect()
}

/// An array, in the form that is kept of bytes.
fn array(element: String, values: Vec<Value>) -> Value {
    if element != "y" {
        return Value::Array(element, values);
    }
    Value::Bytes(values.into_iter().filter_map(|value| if let Value::U8(byte) = value { Some(byte) } else { None }).collect())
}

fn structure(kind: &Type, fields: &[Field], object: &Map<String, Json>) -> Result<Value, Misfit> {
    if let Some(name) = object.keys().find(|name| fields.iter().all(|field| field.name != **name)) {
        return Err(Misfit::new(kind, format!("it has no field {}: {}", quoted(name), wanted(kind))));
    }
    let mut values = Vec::with_capacity(fields.len());
    for field in fields {
        let json = object.get(&field.name).or_else(|| matches!(field.kind.target(), Type::Optional(_)).then_some(&Json::Null));
        let json = json.ok_or_else(|| Misfit::new(kind, format!("its field `{}` is missing: {}", field.name, wanted(kind))))?;
        values.push(from_json(&field.kind, json).map_err(|misfit| misfit.in_field(&field.name))?);
    }
    Ok(Value::Structure(values))
}

/// A pointer to an interface.
fn object(kind: &Type, json: &Json) -> Result<Value, Misfit> {
    match json {
        Json::Null => Ok(persisted(Guid::NULL, Vec::new())),
        Json::Object(object) => of_object(kind, object),
        _ => Err(Misfit::new(kind, format!("{} does not fit: {}", quoted(&json.to_string()), wanted(kind)))),
    }
}

fn of_object(kind: &Type, object: &Map<String, Json>) -> Result<Value, Misfit> {
    let text = |key: &str| object.get(key).and_then(Json::as_str);
    let guid = |key: &str| text(key).and_then(|text| text.parse::<Guid>().ok());
    let wrong = || Misfit::new(kind, wanted(kind));
    let known: &[&str] = if object.contains_key("recorder") { &["recorder", "iid"] } else { &["class", "stream"] };
    if object.keys().any(|key| !known.contains(&key.as_str())) {
        return Err(wrong());
    }
    match (kind, text("recorder")) {
        (Type::Persisted, Some(_)) => Err(wrong()),
        (_, Some(moniker)) => {
            moniker.parse::<consign::Moniker>().map_err(|bad| Misfit::new(kind, format!("{} is no moniker: {bad}", quoted(moniker))))?;
            let iid = guid("iid").ok_or_else(wrong)?;
            let named = Value::Structure(vec![Value::Text(moniker.to_owned()), Value::Text(iid.to_string())]);
            Ok(Value::Variant("(ss)".to_owned(), Box::new(named)))
        }
        (Type::Recorder, None) => Err(wrong()),
        (_, None) => {
            let class = guid("class").filter(|class| *class != Guid::NULL).ok_or_else(wrong)?;
            Ok(persisted(class, bytes(kind, text("stream").ok_or_else(wrong)?)?))
        }
    }
}

fn persisted(class: Guid, stream: Vec<u8>) -> Value {
    let value = Value::Structure(vec![Value::Bytes(class.as_bytes().to_vec()), Value::Bytes(stream)]);
    Value::Variant("(ayay)".to_owned(), Box::new(value))
}
