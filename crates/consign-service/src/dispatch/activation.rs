//! `org.consign.Activation`: what servers call to serve their classes.

use consign_activation::ClassId;
use consign_bits::Failure;
use consign_core::common;
use consign_wire::names;
use zbus::OwnedObjectPath;

use super::{
    call::{Answer, Call},
    classes::available,
    error::invalid,
    interface::{Interface, method},
    unanswered,
};

pub(super) static INTERFACE: Interface = Interface {
    name: names::ACTIVATION,
    methods: &[
        method("RegisterClass", &[("token", "s"), ("clsid", "s"), ("factory", "o"), ("flags", "u")], &[("cookie", "u")]),
        method("ResumeClasses", &[], &[]),
        method("RevokeClass", &[("cookie", "u")], &[]),
    ],
    properties: &[],
    signals: &[],
};

pub(super) async fn call(call: &Call<'_>) -> Answer {
    match call.member {
        "RegisterClass" => register_class(call).await,
        "ResumeClasses" => resume_classes(call).await,
        "RevokeClass" => revoke_class(call),
        _ => Err(unanswered(call)),
    }
}

async fn register_class(call: &Call<'_>) -> Answer {
    let (token, class, factory, flags): (String, &str, OwnedObjectPath, u32) = call.arguments()?;
    let class: ClassId = class.parse().map_err(|error| invalid(format!("the CLSID is {error}")))?;
    if flags & !names::REGCLS_SUSPENDED != names::REGCLS_MULTIPLEUSE {
        return Err(Failure::refused(common::E_INVALIDARG, "the flags are REGCLS_MULTIPLEUSE, with or without REGCLS_SUSPENDED").into());
    }
    let suspended = flags & names::REGCLS_SUSPENDED != 0;
    let cookie = available(call)?.register_object(call.peer, token, class, factory, suspended).await?;
    call.answer(&(cookie,))
}

async fn resume_classes(call: &Call<'_>) -> Answer {
    available(call)?.resume(call.peer).await?;
    call.answer(&())
}

fn revoke_class(call: &Call<'_>) -> Answer {
    let (cookie,): (u32,) = call.arguments()?;
    available(call)?.revoke(call.peer, cookie)?;
    call.answer(&())
}
