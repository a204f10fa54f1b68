//! `org.freedesktop.DBus.Properties`, on every object.

use std::collections::BTreeMap;

use consign_transfer::JobView;
use consign_wire::names;
use zbus::Variant;

use super::{
    bus,
    call::{Answer, Call},
    change,
    error::{CallError, Mistake},
    interface::{Access, Interface, Property, Signal, method},
    job,
    object::Object,
    service_object::{self, ServiceView},
    unanswered,
};

pub(super) const NAME: &str = "org.freedesktop.DBus.Properties";

pub(super) static INTERFACE: Interface = Interface {
    name: NAME,
    methods: &[
        method("Get", &[("interface_name", "s"), ("property_name", "s")], &[("value", "v")]),
        method("GetAll", &[("interface_name", "s")], &[("properties", "a{sv}")]),
        method("Set", &[("interface_name", "s"), ("property_name", "s"), ("value", "v")], &[]),
    ],
    properties: &[],
    signals: &[Signal {
        name: "PropertiesChanged",
        arguments: &[("interface_name", "s"), ("changed_properties", "a{sv}"), ("invalidated_properties", "as")],
    }],
};

pub(super) async fn call(call: &Call<'_>) -> Answer {
    match call.member {
        "Get" => get(call).await,
        "GetAll" => get_all(call).await,
        "Set" => set(call).await,
        _ => Err(unanswered(call)),
    }
}

async fn get(call: &Call<'_>) -> Answer {
    let (interface, property): (&str, &str) = call.arguments()?;
    let object = object(call)?;
    let (interface, property) = find_property(object, interface, property)?;
    let value = Values::read(call, object, interface).await?.value(property.name);
    call.answer(&(value.ok_or_else(|| no_such(interface, property.name))?,))
}

async fn get_all(call: &Call<'_>) -> Answer {
    let (name,): (&str,) = call.arguments()?;
    let object = object(call)?;
    let asked: Vec<_> = match name {
        "" => object.interfaces().to_vec(),
        _ => vec![find_interface(object, name)?],
    };
    let mut all = BTreeMap::new();
    for interface in asked {
        let values = Values::read(call, object, interface).await?;
        all.extend(interface.properties.iter().filter_map(|property| Some((property.name, values.value(property.name)?))));
    }
    call.answer(&(all,))
}

async fn set(call: &Call<'_>) -> Answer {
    let (interface, property, value): (&str, &str, Variant<'_>) = call.arguments()?;
    let object = object(call)?;
    let (interface, property) = find_property(object, interface, property)?;
    match (object, property.access) {
        (Object::Job(job), Access::ReadWrite) => {
            let changes = vec![change::one(property, value)?];
            call.shared.receivers.check(&changes).await?;
            call.shared.engine.change(job, changes).await?;
            call.answer(&())
        }
        _ => Err(Mistake::PropertyReadOnly.because(format!("{}.{} cannot be set", interface.name, property.name))),
    }
}

/// What the properties of one interface are read from.
enum Values {
    Nothing,
    Bus,
    Service(ServiceView),
    Job(Box<JobView>),
}

impl Values {
    async fn read(call: &Call<'_>, object: Object, interface: &Interface) -> Result<Self, CallError> {
        Ok(match (object, interface.name) {
            (Object::Bus, bus::NAME) => Self::Bus,
            (Object::Manager, names::SERVICE) => Self::Service(service_object::read(call).await?),
            (Object::Job(job), names::JOB) => Self::Job(Box::new(call.shared.engine.job(job).await?)),
            _ => Self::Nothing,
        })
    }

    fn value(&self, property: &str) -> Option<Variant<'static>> {
        match self {
            Self::Nothing => None,
            Self::Bus => bus::value(property),
            Self::Service(view) => view.value(property),
            Self::Job(view) => job::value(view, property),
        }
    }
}

fn object(call: &Call<'_>) -> Result<Object, CallError> {
    Object::at(call.path).ok_or_else(|| Mistake::UnknownObject.because(format!("there is no object {}", call.path)))
}

fn find_interface(object: Object, name: &str) -> Result<&'static Interface, CallError> {
    let found = object.interfaces().iter().find(|interface| interface.name == name);
    found.copied().ok_or_else(|| Mistake::UnknownInterface.because(format!("this object has no interface {name}")))
}

/// An empty name of an interface means any.
fn find_property(object: Object, interface: &str, property: &str) -> Result<(&'static Interface, &'static Property), CallError> {
    if interface.is_empty() {
        let mut having = object.interfaces().iter().filter_map(|interface| Some((*interface, interface.property(property)?)));
        return having.next().ok_or_else(|| Mistake::UnknownProperty.because(format!("no interface has a property {property}")));
    }
    let interface = find_interface(object, interface)?;
    Ok((interface, interface.property(property).ok_or_else(|| no_such(interface, property))?))
}

fn no_such(interface: &Interface, property: &str) -> CallError {
    Mistake::UnknownProperty.because(format!("{} has no property {property}", interface.name))
}
