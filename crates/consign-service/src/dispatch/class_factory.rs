//! `org.consign.ClassFactory`: the calls on servers, and what their answers mean.

use consign_activation::ClassId;
use consign_bits::Failure;
use consign_core::{Guid, common};
use consign_wire::{
    error::{Body, from_wire},
    names,
};
use serde::Serialize;
use zbus::{
    DynamicType, Message, ObjectPath, OwnedObjectPath,
    message::{Flags, Type},
};

use crate::face::OWN_NAME;

/// The call that makes an object of `class`.
pub(crate) fn create_instance(peer: &str, factory: &ObjectPath<'_>, class: ClassId, interface: Guid) -> zbus::Result<Message> {
    write(peer, factory, "CreateInstance", None, &(class.to_string(), interface.to_string()))
}

/// What a server is told of an object that is called no more.
pub(crate) fn release(peer: &str, factory: &ObjectPath<'_>, object: &ObjectPath<'_>) -> zbus::Result<Message> {
    write(peer, factory, "Release", Some(Flags::NO_REPLY_EXPECTED), &(object,))
}

/// What a server is told that has to end.
pub(crate) fn shutdown(peer: &str, factory: &ObjectPath<'_>) -> zbus::Result<Message> {
    write(peer, factory, "Shutdown", Some(Flags::NO_REPLY_EXPECTED), &())
}

/// The object that an answer to `CreateInstance` names. Whatever the answer is, it is one.
pub(crate) fn created(answer: &Message) -> Result<OwnedObjectPath, Failure> {
    match answer.message_type() {
        Type::MethodReturn => answer
            .body()
            .deserialize()
            .map_err(|_| Failure::refused(common::E_UNEXPECTED, "the server answered CreateInstance with something else than an object")),
        _ => Err(answer
            .body()
            .deserialize::<Body>()
            .map_or_else(|_| Failure::refused(common::E_FAIL, "the server failed to make an object, and does not say why"), from_wire)),
    }
}

fn write(
    peer: &str,
    factory: &ObjectPath<'_>,
    member: &str,
    flags: Option<Flags>,
    body: &(impl Serialize + DynamicType),
) -> zbus::Result<Message> {
    let mut builder = Message::method_call(factory, member);
    if let Some(flags) = flags {
        builder = builder.with_flags(flags);
    }
    builder.interface(names::CLASS_FACTORY).sender(OWN_NAME).destination(peer).build(body)
}
