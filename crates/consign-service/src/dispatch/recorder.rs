//! Recorder objects: the methods of the component's own interfaces, which record, and
//! `org.consign.Recorder`, which ends it.

use std::fmt::Write as _;

use consign_bits::Failure;
use consign_core::{Interface as Model, common, interface::Method, marshal::Endian};
use consign_queue::Caller;
use consign_wire::names;
use zbus::wire::Endian as Order;

use super::{
    call::{Answer, Call},
    error::Mistake,
    interface::{Interface, method},
    introspect, peer,
    queues::available,
    unanswered,
};
use crate::queues::Recorded;

static INTERFACE: Interface = Interface {
    name: names::RECORDER,
    methods: &[method("Commit", &[], &[("message", "s")]), method("Abort", &[], &[])],
    properties: &[],
    signals: &[],
};

/// Answers a call on the recorder with this number.
pub(super) async fn call(call: &Call<'_>, number: u64) -> Answer {
    let queues = available(call)?;
    let peer_number = call.peer.number;
    if !queues.has_recorder(peer_number, number) {
        return Err(Mistake::UnknownObject.because(format!("there is no recorder {}: it was committed or aborted", call.path)));
    }
    let interface = call.header.interface().map(|interface| interface.as_str());
    match (interface, call.member) {
        (Some(names::RECORDER), "Commit") => {
            no_arguments(call)?;
            let caller = Caller { uid: call.peer.uid, pid: call.peer.pid };
            let id = queues.commit_recorder(peer_number, number, caller).await?;
            call.answer(&(id.map(|id| id.to_string()).unwrap_or_default(),))
        }
        (Some(names::RECORDER), "Abort") => {
            no_arguments(call)?;
            queues.abort_recorder(peer_number, number)?;
            call.answer(&())
        }
        (Some(introspect::NAME), "Introspect") => call.answer(&(document(&queues.recorder_interfaces(peer_number, number)),)),
        (Some(peer::NAME), _) => peer::call(call),
        (Some(names::RECORDER | introspect::NAME), _) => Err(unanswered(call)),
        _ => {
            let body = call.body.data();
            let recorded = Recorded {
                interface,
                member: call.member,
                signature: call.body.signature().to_string_no_parens(),
                arguments: body.bytes(),
                endian: match body.context().endian() {
                    Order::Little => Endian::Little,
                    Order::Big => Endian::Big,
                },
            };
            queues.record_call(peer_number, number, &recorded)?;
            call.answer(&())
        }
    }
}

fn no_arguments(call: &Call<'_>) -> Result<(), super::error::CallError> {
    if call.body.is_empty() { Ok(()) } else { Err(Failure::refused(common::E_INVALIDARG, format!("{} takes nothing", call.member)).into()) }
}

/// Names of interfaces and methods are checked where they are imported; those of parameters are escaped.
fn document(interfaces: &[std::sync::Arc<Model>]) -> String {
    let mut text = String::new();
    for interface in interfaces {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            " <interface name=\"{}\">\n  <annotation name=\"org.consign.IID\" value=\"{}\"/>\n",
            interface.dbus_name(),
            interface.iid
        );
        interface.methods.iter().for_each(|method| write_method(&mut text, method));
        text.push_str(" </interface>\n");
    }
    let known = introspect::document(&[&INTERFACE, &peer::INTERFACE, &introspect::INTERFACE], &[]);
    known.replace("</node>\n", &format!("{text}</node>\n"))
}

fn write_method(text: &mut String, method: &Method) {
    let _ = writeln!(text, "  <method name=\"{}\">", method.name);
    for parameter in &method.parameters {
        let name: String = parameter.name.chars().filter(|character| character.is_ascii_alphanumeric() || *character == '_').collect();
        let signature = parameter.kind.signature().unwrap_or_default();
        let _ = writeln!(text, "   <arg name=\"{name}\" type=\"{signature}\" direction=\"in\"/>");
    }
    text.push_str("  </method>\n");
}
