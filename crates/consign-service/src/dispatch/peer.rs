//! `org.freedesktop.DBus.Peer`, on every object.

use super::{
    call::{Answer, Call},
    error::Mistake,
    interface::{Interface, method},
    unanswered,
};

pub(super) const NAME: &str = "org.freedesktop.DBus.Peer";

pub(super) static INTERFACE: Interface = Interface {
    name: NAME,
    methods: &[method("Ping", &[], &[]), method("GetMachineId", &[], &[("machine_uuid", "s")])],
    properties: &[],
    signals: &[],
};

pub(super) fn call(call: &Call<'_>) -> Answer {
    match call.member {
        "Ping" => call.answer(&()),
        "GetMachineId" => call.answer(&(machine_id().ok_or_else(|| Mistake::Failed.because("this machine has no id"))?,)),
        _ => Err(unanswered(call)),
    }
}

fn machine_id() -> Option<String> {
    ["/etc/machine-id", "/var/lib/dbus/machine-id"].into_iter().find_map(|file| {
        let id = std::fs::read_to_string(file).ok()?.trim().to_owned();
        (id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit())).then_some(id)
    })
}
