//! VARIANT and SAFEARRAY: values that carry their own type.

use consign::{Queueable, automation::VariantType};
use consign_core::{
    interface::{StringForm, Type},
    marshal::{Endian, Value, Writer},
};
use serde_json::Value as Json;

use super::{
    from_json,
    json::all,
    misfit::Misfit,
    words::{quoted, wanted},
};

/// The bit of a VT that says `VT_ARRAY`.
const VT_ARRAY: u16 = 0x2000;
const ARRAY_SIGNATURE: &str = "(qa(ui)av)";

/// Every VT that has a name here, with the type of its values.
const NAMES: &[(VariantType, &str)] = &[
    (VariantType::Empty, "VT_EMPTY"),
    (VariantType::Null, "VT_NULL"),
    (VariantType::I2, "VT_I2"),
    (VariantType::I4, "VT_I4"),
    (VariantType::R4, "VT_R4"),
    (VariantType::R8, "VT_R8"),
    (VariantType::Currency, "VT_CY"),
    (VariantType::Date, "VT_DATE"),
    (VariantType::Bstr, "VT_BSTR"),
    (VariantType::Dispatch, "VT_DISPATCH"),
    (VariantType::Error, "VT_ERROR"),
    (VariantType::Bool, "VT_BOOL"),
    (VariantType::Variant, "VT_VARIANT"),
    (VariantType::Unknown, "VT_UNKNOWN"),
    (VariantType::Decimal, "VT_DECIMAL"),
    (VariantType::I1, "VT_I1"),
    (VariantType::UI1, "VT_UI1"),
    (VariantType::UI2, "VT_UI2"),
    (VariantType::UI4, "VT_UI4"),
    (VariantType::I8, "VT_I8"),
    (VariantType::UI8, "VT_UI8"),
    (VariantType::Int, "VT_INT"),
    (VariantType::UInt, "VT_UINT"),
];

/// A VARIANT: of the type that JSON suggests, or of the one that is named.
pub(super) fn variant(json: &Json) -> Result<Value, Misfit> {
    match json {
        Json::Null => Ok(nothing(VariantType::Empty)),
        Json::Bool(_) => of(VariantType::Bool, json),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(small), _) if i32::try_from(small).is_ok() => of(VariantType::I4, json),
            (Some(_), _) => of(VariantType::I8, json),
            (None, Some(_)) => of(VariantType::UI8, json),
            (None, None) => of(VariantType::R8, json),
        },
        Json::String(_) => of(VariantType::Bstr, json),
        Json::Array(_) => array(VariantType::Variant, json),
        Json::Object(object) => {
            let misfit = || Misfit::new(&Type::Variant, wanted(&Type::Variant));
            let name = object.get("vt").and_then(Json::as_str).ok_or_else(misfit)?;
            let (element, is_array) = name.strip_prefix("VT_ARRAY|").map_or((name, false), |element| (element, true));
            let kind = NAMES.iter().find(|(_, known)| *known == element).map(|(kind, _)| *kind);
            let kind = kind.ok_or_else(|| Misfit::new(&Type::Variant, format!("{} is no VT", quoted(name))))?;
            let value = object.get("value");
            match (kind, value) {
                _ if object.keys().any(|key| key != "vt" && key != "value") => Err(misfit()),
                (VariantType::Empty | VariantType::Null, None | Some(Json::Null)) if !is_array => Ok(nothing(kind)),
                (VariantType::Empty | VariantType::Null, _) | (_, None) => Err(misfit()),
                (kind, Some(value)) if is_array => array(kind, value),
                (VariantType::Variant, Some(_)) => Err(misfit()),
                (kind, Some(value)) => of(kind, value),
            }
            .map_err(|misfit| if value.is_some() && misfit.kind != Type::Variant.to_string() { misfit.in_field("value") } else { misfit })
        }
    }
}

/// A SAFEARRAY: an array of one dimension from 0, or with its bounds.
pub(super) fn safe_array(kind: &Type, element: &Type, json: &Json) -> Result<Value, Misfit> {
    let tag = tag(element).ok_or_else(|| Misfit::new(kind, format!("{element} is no type that an element of a SAFEARRAY can have")))?;
    elements(tag, kind, json)
}

/// What is not an array.
fn of(tag: VariantType, json: &Json) -> Result<Value, Misfit> {
    let value = from_json(&kind_of(tag), json)?;
    Ok(tagged(tag.number(), tag.signature(), value))
}

fn array(tag: VariantType, json: &Json) -> Result<Value, Misfit> {
    let kind = Type::SafeArray(Box::new(kind_of(tag)));
    Ok(tagged(VT_ARRAY | tag.number(), ARRAY_SIGNATURE, elements(tag, &kind, json)?))
}

fn elements(tag: VariantType, kind: &Type, json: &Json) -> Result<Value, Misfit> {
    let wrong = || Misfit::new(kind, format!("{} does not fit: {}", quoted(&json.to_string()), wanted(kind)));
    let (bounds, elements) = match json {
        Json::Array(elements) => (vec![(u32::try_from(elements.len()).map_err(|_| wrong())?, 0)], elements),
        Json::Object(object) => {
            let bounds = object.get("bounds").and_then(Json::as_array).ok_or_else(wrong)?;
            let bound = |bound: &Json| {
                let (count, lower) = (bound.get("count")?.as_u64()?, bound.get("lower")?.as_i64()?);
                Some((u32::try_from(count).ok()?, i32::try_from(lower).ok()?))
            };
            let bounds: Option<Vec<_>> = bounds.iter().map(bound).collect();
            (bounds.ok_or_else(wrong)?, object.get("elements").and_then(Json::as_array).ok_or_else(wrong)?)
        }
        _ => return Err(wrong()),
    };
    let count = bounds.iter().try_fold(1_u64, |count, (one, _)| count.checked_mul(u64::from(*one)));
    if bounds.is_empty() || count != u64::try_from(elements.len()).ok() {
        return Err(Misfit::new(kind, format!("it has {} elements, and its bounds say otherwise", elements.len())));
    }
    let values = all(&kind_of(tag), elements)?.into_iter();
    let values = values.map(|value| Value::Variant(tag.signature().to_owned(), Box::new(value))).collect();
    let bounds = bounds.into_iter().map(|(count, lower)| Value::Structure(vec![Value::U32(count), Value::I32(lower)])).collect();
    let number = Value::U16(tag.number());
    Ok(Value::Structure(vec![number, Value::Array("(ui)".to_owned(), bounds), Value::Array("v".to_owned(), values)]))
}

fn nothing(tag: VariantType) -> Value {
    tagged(tag.number(), tag.signature(), Value::U8(0))
}

fn tagged(number: u16, signature: &str, value: Value) -> Value {
    Value::Structure(vec![Value::U16(number), Value::Variant(signature.to_owned(), Box::new(value))])
}

/// The name of a VT, and the type of what it holds.
pub(super) fn named(number: u16) -> Option<(String, Type)> {
    let tag = VariantType::from_number(number & !VT_ARRAY)?;
    let (_, name) = NAMES.iter().find(|(known, _)| *known == tag)?;
    Some(match number & VT_ARRAY {
        0 => ((*name).to_owned(), kind_of(tag)),
        _ => (format!("VT_ARRAY|{name}"), Type::SafeArray(Box::new(kind_of(tag)))),
    })
}

fn kind_of(tag: VariantType) -> Type {
    match tag {
        VariantType::I2 => Type::I16,
        VariantType::I4 | VariantType::Int => Type::I32,
        VariantType::R4 => Type::F32,
        VariantType::R8 => Type::F64,
        VariantType::Currency => Type::Currency,
        VariantType::Date => Type::Date,
        VariantType::Bstr => Type::String(StringForm::Bstr),
        VariantType::Dispatch => Type::Interface { name: "IDispatch".to_owned() },
        VariantType::Unknown => Type::Interface { name: "IUnknown".to_owned() },
        VariantType::Error => Type::Hresult,
        VariantType::Bool => Type::Boolean,
        VariantType::Variant => Type::Variant,
        VariantType::Decimal => Type::Decimal,
        VariantType::I1 => Type::I8,
        VariantType::UI1 => Type::U8,
        VariantType::UI2 => Type::U16,
        VariantType::UI4 | VariantType::UInt => Type::U32,
        VariantType::I8 => Type::I64,
        VariantType::UI8 => Type::U64,
        _ => Type::Void,
    }
}

/// The VT of the elements of a SAFEARRAY.
fn tag(kind: &Type) -> Option<VariantType> {
    Some(match kind {
        Type::I16 => VariantType::I2,
        Type::I32 | Type::Enum { .. } => VariantType::I4,
        Type::F32 => VariantType::R4,
        Type::F64 => VariantType::R8,
        Type::Currency => VariantType::Currency,
        Type::Date => VariantType::Date,
        Type::String(_) => VariantType::Bstr,
        Type::Interface { name } if name == "IDispatch" => VariantType::Dispatch,
        Type::Interface { .. } => VariantType::Unknown,
        Type::Hresult => VariantType::Error,
        Type::Boolean => VariantType::Bool,
        Type::Variant => VariantType::Variant,
        Type::Decimal => VariantType::Decimal,
        Type::I8 => VariantType::I1,
        Type::U8 => VariantType::UI1,
        Type::U16 => VariantType::UI2,
        Type::U32 => VariantType::UI4,
        Type::I64 => VariantType::I8,
        Type::U64 => VariantType::UI8,
        Type::Reference(target) => tag(target)?,
        _ => return None,
    })
}

/// A value of the library as a value that is written.
pub(super) fn value_of(value: &impl Queueable, kind: &Type) -> Result<Value, Misfit> {
    let mut writer = Writer::default();
    value.write(&mut writer);
    let read = Value::read_all(writer.as_bytes(), &super::words::signature(kind)?, Endian::Little);
    let mut read = read.map_err(|malformed| Misfit::new(kind, malformed.to_string()))?;
    read.pop().ok_or_else(|| Misfit::new(kind, "it is nothing"))
}
