//! `org.freedesktop.DBus`: what clients made for a message bus ask it before anything else. There
//! is no bus here: two names, no queue of owners, no starting of services.

use std::collections::BTreeMap;

use consign_wire::names::SERVICE_NAME;
use zbus::Variant;

use super::{
    call::{Answer, Call},
    error::{CallError, Mistake},
    interface::{Interface, Signal, constant, method},
    unanswered,
};
use crate::face::{LONGEST_RULE, MOST_RULES, OWN_NAME, RuleError};

pub(super) const NAME: &str = "org.freedesktop.DBus";

pub(super) const PATH: &str = "/org/freedesktop/DBus";

pub(super) static INTERFACE: Interface = Interface {
    name: NAME,
    methods: &[
        method("Hello", &[], &[("unique_name", "s")]),
        method("AddMatch", &[("rule", "s")], &[]),
        method("RemoveMatch", &[("rule", "s")], &[]),
        method("ListNames", &[], &[("names", "as")]),
        method("ListActivatableNames", &[], &[("names", "as")]),
        method("NameHasOwner", &[("name", "s")], &[("has_owner", "b")]),
        method("GetNameOwner", &[("name", "s")], &[("owner", "s")]),
        method("ListQueuedOwners", &[("name", "s")], &[("owners", "as")]),
        method("StartServiceByName", &[("name", "s"), ("flags", "u")], &[("result", "u")]),
        method("RequestName", &[("name", "s"), ("flags", "u")], &[("result", "u")]),
        method("ReleaseName", &[("name", "s")], &[("result", "u")]),
        method("GetConnectionUnixUser", &[("name", "s")], &[("user", "u")]),
        method("GetConnectionUnixProcessID", &[("name", "s")], &[("process", "u")]),
        method("GetConnectionCredentials", &[("name", "s")], &[("credentials", "a{sv}")]),
        method("GetId", &[], &[("id", "s")]),
    ],
    properties: &[constant("Features", "as"), constant("Interfaces", "as")],
    // Names never change their owners here, so these are declared and never sent.
    signals: &[
        Signal { name: "NameOwnerChanged", arguments: &[("name", "s"), ("old_owner", "s"), ("new_owner", "s")] },
        Signal { name: "NameAcquired", arguments: &[("name", "s")] },
        Signal { name: "NameLost", arguments: &[("name", "s")] },
    ],
};

pub(super) fn call(call: &Call<'_>) -> Answer {
    match call.member {
        "Hello" => hello(call),
        "AddMatch" => add_match(call),
        "RemoveMatch" => remove_match(call),
        "ListNames" => call.answer(&(vec![NAME.into(), SERVICE_NAME.into(), OWN_NAME.into(), call.peer.unique_name()],)),
        "ListActivatableNames" => call.answer(&(vec![NAME, SERVICE_NAME],)),
        "NameHasOwner" => call.answer(&(owner(call)?.is_some(),)),
        "GetNameOwner" => call.answer(&(known_owner(call)?,)),
        "ListQueuedOwners" => call.answer(&(vec![known_owner(call)?],)),
        "StartServiceByName" => start_service(call),
        "RequestName" => Err(Mistake::AccessDenied.because("names cannot be owned here")),
        "ReleaseName" => call.answer(&(RELEASE_NAME_REPLY_NOT_OWNER,)),
        "GetConnectionUnixUser" => call.answer(&(credentials(call)?.0,)),
        "GetConnectionUnixProcessID" => match credentials(call)?.1 {
            Some(pid) => call.answer(&(pid,)),
            None => Err(Mistake::Failed.because("the process of this name is not known")),
        },
        "GetConnectionCredentials" => get_credentials(call),
        "GetId" => call.answer(&(&call.shared.guid,)),
        _ => Err(unanswered(call)),
    }
}

/// The value of a property.
pub(super) fn value(property: &str) -> Option<Variant<'static>> {
    match property {
        "Features" | "Interfaces" => Some(Variant::new(Vec::<String>::new())),
        _ => None,
    }
}

const START_REPLY_ALREADY_RUNNING: u32 = 2;
const RELEASE_NAME_REPLY_NOT_OWNER: u32 = 3;

fn hello(call: &Call<'_>) -> Answer {
    if call.peer.hello() { call.answer(&(call.peer.unique_name(),)) } else { Err(Mistake::Failed.because("Hello has been said already")) }
}

fn add_match(call: &Call<'_>) -> Answer {
    let (rule,): (&str,) = call.arguments()?;
    call.peer.subscriptions(|rules| rules.add(rule)).map_err(rule_error)?;
    call.answer(&())
}

fn remove_match(call: &Call<'_>) -> Answer {
    let (rule,): (&str,) = call.arguments()?;
    match call.peer.subscriptions(|rules| rules.remove(rule)).map_err(rule_error)? {
        true => call.answer(&()),
        false => Err(Mistake::MatchRuleNotFound.because("there is no such match rule")),
    }
}

fn rule_error(error: RuleError) -> CallError {
    match error {
        RuleError::NotARule => Mistake::MatchRuleInvalid.because(format!("not a match rule of at most {LONGEST_RULE} bytes")),
        RuleError::TooMany => Mistake::LimitsExceeded.because(format!("a connection has at most {MOST_RULES} match rules")),
    }
}

fn start_service(call: &Call<'_>) -> Answer {
    let (name, _flags): (&str, u32) = call.arguments()?;
    match owner_of(call, name) {
        Some(_) => call.answer(&(START_REPLY_ALREADY_RUNNING,)),
        None => Err(Mistake::ServiceUnknown.because(format!("nobody here has the name {name}"))),
    }
}

fn owner(call: &Call<'_>) -> Result<Option<String>, CallError> {
    let (name,): (&str,) = call.arguments()?;
    Ok(owner_of(call, name))
}

fn owner_of(call: &Call<'_>, name: &str) -> Option<String> {
    let own = call.peer.unique_name();
    match name {
        NAME => Some(NAME.into()),
        SERVICE_NAME | OWN_NAME => Some(OWN_NAME.into()),
        // Of the others nobody is told: they are of the same user, and still none of its business.
        name if name == own => Some(own),
        _ => None,
    }
}

fn known_owner(call: &Call<'_>) -> Result<String, CallError> {
    owner(call)?.ok_or_else(|| Mistake::NameHasNoOwner.because("nobody here has this name"))
}

/// User and process of a name.
fn credentials(call: &Call<'_>) -> Result<(u32, Option<u32>), CallError> {
    let owner = known_owner(call)?;
    Ok(if owner == call.peer.unique_name() {
        (call.peer.uid, call.peer.pid)
    } else {
        (rustix::process::geteuid().as_raw(), Some(std::process::id()))
    })
}

fn get_credentials(call: &Call<'_>) -> Answer {
    let (user, process) = credentials(call)?;
    let mut all = BTreeMap::from([("UnixUserID", Variant::U32(user))]);
    if let Some(process) = process {
        all.insert("ProcessID", Variant::U32(process));
    }
    call.answer(&(all,))
}
