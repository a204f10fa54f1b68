//! `org.consign.Service`: the service itself.

use std::{collections::BTreeMap, os::unix::ffi::OsStrExt, path::Path};

use consign_bits::Failure;
use consign_core::common;
use consign_transfer::EngineStatus;
use consign_wire::names;
use zbus::Variant;

use super::{
    call::{Answer, Call},
    error::CallError,
    interface::{Interface, constant, method, reading},
    unanswered,
};
use crate::face::{Facts, StopPolicy};

pub(super) static INTERFACE: Interface = Interface {
    name: names::SERVICE,
    methods: &[method("Stop", &[], &[])],
    properties: &[
        constant("Version", "s"),
        constant("ProcessId", "u"),
        constant("StateFolder", "s"),
        constant("Started", "x"),
        reading("Connections", "u"),
        reading("JobsByState", "a{su}"),
        reading("Orphans", "as"),
        constant("SetAside", "s"),
    ],
    signals: &[],
};

pub(super) fn call(call: &Call<'_>) -> Answer {
    match call.member {
        "Stop" => stop(call),
        _ => Err(unanswered(call)),
    }
}

/// What can be read of the service at one moment.
pub(super) struct ServiceView {
    facts: Facts,
    connections: u32,
    status: EngineStatus,
}

pub(super) async fn read(call: &Call<'_>) -> Result<ServiceView, CallError> {
    let status = call.shared.engine.status().await?;
    Ok(ServiceView { facts: call.shared.facts.clone(), connections: call.shared.connections(), status })
}

impl ServiceView {
    /// The value of a property.
    pub(super) fn value(&self, property: &str) -> Option<Variant<'static>> {
        Some(match property {
            "Version" => Variant::new(env!("CARGO_PKG_VERSION").to_owned()),
            "ProcessId" => Variant::new(std::process::id()),
            "StateFolder" => Variant::new(text(&self.facts.state_folder)),
            "Started" => Variant::new(self.facts.started.as_millis()),
            "Connections" => Variant::new(self.connections),
            "JobsByState" => Variant::new(self.jobs_by_state()),
            "Orphans" => Variant::new(self.status.orphans.iter().map(|path| text(path)).collect::<Vec<_>>()),
            "SetAside" => Variant::new(self.status.set_aside.as_deref().map(text).unwrap_or_default()),
            _ => return None,
        })
    }

    fn jobs_by_state(&self) -> BTreeMap<String, u32> {
        self.status.jobs_by_state.iter().map(|(state, count)| (state.name().to_owned(), *count)).collect()
    }
}

fn stop(call: &Call<'_>) -> Answer {
    match call.shared.facts.stop {
        StopPolicy::ByPeers => {
            tracing::info!(peer = call.peer.number, pid = call.peer.pid, "asked to stop");
            // The answer still goes out: the call in hand is waited for.
            call.shared.request_stop();
            call.answer(&())
        }
        StopPolicy::ByHostOnly => {
            Err(Failure::refused(common::CO_E_NOT_SUPPORTED, "the engine lives in an application and ends with it").into())
        }
    }
}

/// A path as text; bytes that are no UTF-8 are shown as `\xNN`.
pub(super) fn text(path: &Path) -> String {
    path.as_os_str().as_bytes().utf8_chunks().fold(String::new(), |mut text, chunk| {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
        text
    })
}
