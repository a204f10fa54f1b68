//! The interface model: what an interface is, whichever way it was described, and whether calls on
//! it can be queued.
//!
//! An IDL file, a Rust trait and D-Bus introspection all become an [`Interface`]; the rule that
//! decides what is queueable stands in [`Interface::obstacles`], and nowhere else. Nothing here
//! reads files, and nothing knows what a call is for.

mod queueability;
mod types;

use serde::{Deserialize, Serialize};

pub use queueability::{Obstacle, Reason, Warning};
pub use types::{Element, Field, StringForm, Type};

use crate::Guid;

/// An interface: a frozen list of methods under an IID.
///
/// An IID is a contract: whoever changes the list gives it a new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// `uuid`: the name that calls carry.
    pub iid: Guid,
    /// Its name, for people: `IShipment`.
    pub name: String,
    /// `helpstring`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// What it derives from, nearest first, `IUnknown` last. Empty for what is no COM interface.
    pub bases: Vec<Base>,
    /// The attributes that mean something for calls.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// Its methods in the order of the vtable, those of its bases included, but for those of
    /// `IUnknown` and `IDispatch`.
    pub methods: Vec<Method>,
}

/// What an interface derives from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Its IID.
    pub iid: Guid,
    /// Its name.
    pub name: String,
}

/// Attributes of an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attributes {
    /// `QUEUEABLE`: queuing is switched on at import, if it can be. Does not make a bad interface
    /// good.
    #[serde(skip_serializing_if = "is_false")]
    pub queueable: bool,
    /// `dual`.
    #[serde(skip_serializing_if = "is_false")]
    pub dual: bool,
    /// `oleautomation`, which `dual` implies.
    #[serde(skip_serializing_if = "is_false")]
    pub oleautomation: bool,
    /// `local`: no calls on it ever leave the process.
    #[serde(skip_serializing_if = "is_false")]
    pub local: bool,
}

/// A method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// Its name as a call carries it: `ShipOrder`; of a property `put_Count`, `putref_Count`,
    /// `get_Count`. No two methods of an interface have the same.
    pub name: String,
    /// Its place in the vtable; the first after `IUnknown` is 3, after `IDispatch` 7.
    pub number: u16,
    /// `id`: its DISPID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispid: Option<i32>,
    /// What kind of method it is.
    #[serde(default, skip_serializing_if = "MethodKind::is_method")]
    pub kind: MethodKind,
    /// `helpstring`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// What it answers: [`Type::Hresult`] if it is to be queued.
    pub returns: Type,
    /// What it takes.
    pub parameters: Vec<Parameter>,
}

/// The kinds of methods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodKind {
    /// An ordinary one.
    #[default]
    Method,
    /// `propget`.
    PropertyGet,
    /// `propput`.
    PropertyPut,
    /// `propputref`.
    PropertyPutRef,
}

/// A parameter of a method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name; empty where the description has none.
    pub name: String,
    /// Which way it travels.
    #[serde(default, skip_serializing_if = "Direction::is_in")]
    pub direction: Direction,
    /// `retval`: it stands for what the method returns.
    #[serde(default, skip_serializing_if = "is_false")]
    pub retval: bool,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Type,
}

/// Which way a parameter travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// `in`, also where nothing is said.
    #[default]
    In,
    /// `out`.
    Out,
    /// `in, out`.
    InOut,
}

/// `IID_IUnknown`.
pub const IID_IUNKNOWN: Guid = com(0);
/// `IID_IDispatch`.
pub const IID_IDISPATCH: Guid = com(0x0002_0400);
/// What the `QUEUEABLE` of `mtxattr.h` stands for: an attribute of this name.
pub const QUEUEABLE_ATTRIBUTE: Guid =
    Guid::from_bytes([0xe5, 0xfc, 0x37, 0x61, 0x0b, 0xba, 0x11, 0xd2, 0xb8, 0xfe, 0x00, 0xc0, 0x4f, 0xc3, 0x40, 0xee]);

impl Interface {
    /// The method of this name.
    pub fn method(&self, name: &str) -> Option<&Method> {
        self.methods.iter().find(|method| method.name == name)
    }

    /// Its name among D-Bus interfaces, which need a dot.
    pub fn dbus_name(&self) -> String {
        format!("org.consign.i.{}", self.name)
    }

    /// Whether an object with this interface has that one, too.
    pub fn derives_from(&self, iid: Guid) -> bool {
        self.iid == iid || self.bases.iter().any(|base| base.iid == iid)
    }

    /// Where calls recorded by `self` would mean something else under `other`, which has the same
    /// IID: the first method that differs in its name, number or signature.
    pub fn first_difference<'a>(&'a self, other: &'a Self) -> Option<&'a str> {
        let same =
            |one: &Method, other: &Method| one.name == other.name && one.number == other.number && one.signature() == other.signature();
        let (mine, theirs) = (&self.methods, &other.methods);
        let differing = mine.iter().zip(theirs).find(|(one, other)| !same(one, other)).map(|(one, _)| one);
        differing.or_else(|| mine.get(theirs.len())).or_else(|| theirs.get(mine.len())).map(|method| method.name.as_str())
    }
}

impl Method {
    /// The D-Bus signature of what it takes, the types one after the other.
    ///
    /// # Errors
    /// When a parameter has a type that cannot be written down.
    pub fn signature(&self) -> Result<String, Reason> {
        let mut signature = String::new();
        for parameter in &self.parameters {
            parameter.kind.write_signature(&mut signature)?;
        }
        Ok(signature)
    }
}

impl Attributes {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl MethodKind {
    fn is_method(&self) -> bool {
        *self == Self::Method
    }
}

impl Direction {
    fn is_in(&self) -> bool {
        *self == Self::In
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_false(value: &bool) -> bool {
    !value
}

/// `{first-0000-0000-C000-000000000046}`.
const fn com(first: u32) -> Guid {
    let [a, b, c, d] = first.to_be_bytes();
    Guid::from_bytes([a, b, c, d, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46])
}
