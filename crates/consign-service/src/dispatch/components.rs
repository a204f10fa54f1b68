//! `org.consign.Components`: the catalogue of components.

use consign_wire::names;

use super::{
    call::{Answer, Call},
    interface::{Interface, method},
    queues::{available, one},
    unanswered,
};

const RECORD: &str = "(sssssbbusa(ssbbasas))";

pub(super) static INTERFACE: Interface = Interface {
    name: names::COMPONENTS,
    methods: &[
        method("Import", &[("class", "s"), ("interfaces", "as")], &[("component", RECORD)]),
        method("List", &[], &[("components", "a(sssssbbusa(ssbbasas))")]),
        method("Show", &[("class", "s")], &[("component", RECORD), ("interfaces", "as")]),
        method("SetQueued", &[("class", "s"), ("interface", "s"), ("on", "b")], &[]),
        method("Model", &[("iid", "s")], &[("interface", "s")]),
    ],
    properties: &[],
    signals: &[],
};

pub(super) async fn call(call: &Call<'_>) -> Answer {
    let queues = available(call)?;
    match call.member {
        "Import" => {
            let (class, interfaces): (&str, Vec<String>) = call.arguments()?;
            let imported = queues.import(class, interfaces).await?;
            tracing::info!(class = imported.record.class, peer = call.peer.number, "interfaces of a component were imported");
            call.answer(&(imported.record,))
        }
        "List" => call.answer(&(queues.show_components(),)),
        "Show" => {
            let shown = queues.show_named(one(call)?)?;
            call.answer(&(shown.record, shown.interfaces))
        }
        "SetQueued" => {
            let (class, interface, on): (&str, &str, bool) = call.arguments()?;
            queues.set_queued(class, interface, on).await?;
            call.answer(&())
        }
        "Model" => call.answer(&(queues.model(one(call)?)?,)),
        _ => Err(unanswered(call)),
    }
}
