//! Types of parameters, and the D-Bus signature that each is stored and sent as. The table stands in
//! `docs/types.md`; what it says must not change meaning, because messages that were stored under it
//! wait to be played.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Reason;
use crate::Guid;

/// The type of a parameter, a field or an element.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// `void`: only as what a method returns.
    Void,
    /// `boolean`, `VARIANT_BOOL`, `bool`: `b`.
    Boolean,
    /// `unsigned char`, `BYTE`, `u8`: `y`.
    U8,
    /// `char`, `small`, `i8`: `n`, within -128 and 127.
    I8,
    /// `short`, `i16`: `n`.
    I16,
    /// `unsigned short`, `WORD`, `wchar_t`, `u16`: `q`.
    U16,
    /// `int`, `long`, `LONG`, `i32`: `i`.
    I32,
    /// `unsigned long`, `DWORD`, `UINT`, `u32`: `u`.
    U32,
    /// `hyper`, `__int64`, `i64`: `x`.
    I64,
    /// `unsigned hyper`, `unsigned __int64`, `u64`: `t`.
    U64,
    /// `float`, `f32`: `d`.
    F32,
    /// `double`, `f64`: `d`.
    F64,
    /// `HRESULT`, `SCODE`: `i`.
    Hresult,
    /// `CURRENCY`, ten-thousandths: `x`.
    Currency,
    /// `DATE`, days since 1899-12-30: `d`.
    Date,
    /// `DECIMAL`: `(yyut)`: scale, sign, high 32 bits, low 64 bits.
    Decimal,
    /// `GUID`: `ay` of 16 bytes, in the order in which they are printed.
    Guid,
    /// A string: see [`StringForm`].
    String(StringForm),
    /// `VARIANT`: `(qv)`: its VT, its value.
    Variant,
    /// `SAFEARRAY(type)`: `(qa(ui)av)`: VT of its elements, number and lower bound of each dimension, elements.
    SafeArray(Box<Type>),
    /// An enumeration: `i`.
    Enum {
        /// Its name.
        name: String,
        /// Its values. Others are refused by nobody: a newer caller may know more.
        elements: Vec<Element>,
    },
    /// A structure: its fields in parentheses.
    Struct {
        /// Its name.
        name: String,
        /// Its `uuid`, which COM+ asks for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uuid: Option<Guid>,
        /// What it consists of.
        fields: Vec<Field>,
    },
    /// As many of them as there are, `size_is`, `Vec`: `a…`.
    Array(Box<Type>),
    /// A pointer that may be NULL, `Option`: `a…`, with none or one.
    Optional(Box<Type>),
    /// A pointer that is never NULL: what it points to.
    Reference(Box<Type>),
    /// A pointer to an interface: `v`, which holds `(ayay)` for an object with `IPersistStream` (its
    /// CLSID, its stream), `(ss)` for a recorder (its moniker, the IID); `(ayay)` of a null CLSID for NULL.
    Interface {
        /// The name of the interface.
        name: String,
    },
    /// An object by value, and nothing else: `(ayay)`.
    Persisted,
    /// A recorder, and nothing else: `(ss)`.
    Recorder,
    /// What cannot be written down.
    Foreign {
        /// As it was written: `void *`.
        name: String,
        /// Why not, as a part of a sentence: "a pointer means nothing in another process".
        why: String,
    },
}

/// Where a string comes from decides how it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StringForm {
    /// From Rust and from introspection: `s`, UTF-8 without NUL.
    Utf8,
    /// `BSTR`: `(bay)`: whether there is one, UTF-16LE, so that NULL, embedded NUL and lone
    /// surrogates survive.
    Bstr,
    /// `LPWSTR`, `[string] wchar_t *`: `(bay)` as a `BSTR`.
    Wide,
    /// `LPSTR`, `[string] char *`: `(bay)`: whether there is one, its bytes.
    Narrow,
}

/// A value of an enumeration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// Its number.
    pub value: i32,
}

/// A field of a structure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Type,
}

/// How deep types may be nested: the limits of D-Bus are 32 for arrays and for structures.
const DEEPEST: usize = 16;

impl Type {
    /// The D-Bus signature.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn signature(&self) -> Result<String, Reason> {
        let mut signature = String::new();
        self.write_signature(&mut signature)?;
        Ok(signature)
    }

    pub(super) fn write_signature(&self, signature: &mut String) -> Result<(), Reason> {
        self.write(signature, DEEPEST)?;
        // A signature has one byte for its length.
        if signature.len() > 255 { Err(Reason::TooLarge) } else { Ok(()) }
    }

    fn write(&self, signature: &mut String, depth: usize) -> Result<(), Reason> {
        let Some(depth) = depth.checked_sub(1) else { return Err(Reason::TooDeep) };
        let last = match self {
            Self::Boolean => "b",
            Self::U8 => "y",
            Self::I8 | Self::I16 => "n",
            Self::U16 => "q",
            Self::I32 | Self::Hresult | Self::Enum { .. } => "i",
            Self::U32 => "u",
            Self::I64 | Self::Currency => "x",
            Self::U64 => "t",
            Self::F32 | Self::F64 | Self::Date => "d",
            Self::Decimal => "(yyut)",
            Self::Guid => "ay",
            Self::String(StringForm::Utf8) => "s",
            Self::String(_) => "(bay)",
            Self::Variant => "(qv)",
            Self::SafeArray(element) => {
                element.write(&mut String::new(), depth)?;
                "(qa(ui)av)"
            }
            Self::Interface { .. } => "v",
            Self::Persisted => "(ayay)",
            Self::Recorder => "(ss)",
            Self::Struct { name, fields, .. } => {
                if fields.is_empty() {
                    return Err(Reason::NoForm { name: name.clone(), why: "it has no fields".to_owned() });
                }
                signature.push('(');
                fields.iter().try_for_each(|field| field.kind.write(signature, depth))?;
                ")"
            }
            Self::Array(element) | Self::Optional(element) => {
                signature.push('a');
                return element.write(signature, depth);
            }
            Self::Reference(target) => return target.write(signature, depth),
            Self::Void => return Err(Reason::NoForm { name: "void".to_owned(), why: "it is nothing".to_owned() }),
            Self::Foreign { name, why } => return Err(Reason::NoForm { name: name.clone(), why: why.clone() }),
        };
        signature.push_str(last);
        Ok(())
    }

    /// The type behind references that are never NULL.
    pub fn target(&self) -> &Self {
        match self {
            Self::Reference(target) => target.target(),
            other => other,
        }
    }
}

impl fmt::Display for Type {
    /// As an IDL file would have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Void => "void",
            Self::Boolean => "VARIANT_BOOL",
            Self::U8 => "unsigned char",
            Self::I8 => "char",
            Self::I16 => "short",
            Self::U16 => "unsigned short",
            Self::I32 => "long",
            Self::U32 => "unsigned long",
            Self::I64 => "hyper",
            Self::U64 => "unsigned hyper",
            Self::F32 => "float",
            Self::F64 => "double",
            Self::Hresult => "HRESULT",
            Self::Currency => "CURRENCY",
            Self::Date => "DATE",
            Self::Decimal => "DECIMAL",
            Self::Guid => "GUID",
            Self::String(StringForm::Utf8) => "string",
            Self::String(StringForm::Bstr) => "BSTR",
            Self::String(StringForm::Wide) => "LPWSTR",
            Self::String(StringForm::Narrow) => "LPSTR",
            Self::Variant => "VARIANT",
            Self::SafeArray(element) => return write!(f, "SAFEARRAY({element})"),
            Self::Enum { name, .. } | Self::Struct { name, .. } | Self::Foreign { name, .. } => name,
            Self::Array(element) => return write!(f, "{element}[]"),
            Self::Optional(target) | Self::Reference(target) => return write!(f, "{target} *"),
            Self::Interface { name } => return write!(f, "{name} *"),
            Self::Persisted => "IPersistStream *",
            Self::Recorder => "recorder",
        })
    }
}
