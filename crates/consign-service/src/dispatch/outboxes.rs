//! `org.consign.Outboxes`: databases from which messages are carried to their queues.

use consign_wire::names;

use super::{
    call::{Answer, Call},
    interface::{Interface, method},
    queues::{available, one},
    unanswered,
};

pub(super) static INTERFACE: Interface = Interface {
    name: names::OUTBOXES,
    methods: &[
        method("Add", &[("path", "s")], &[]),
        method("List", &[], &[("outboxes", "a(ssuttisxx)")]),
        method("Remove", &[("path", "s")], &[]),
    ],
    properties: &[],
    signals: &[],
};

pub(super) async fn call(call: &Call<'_>) -> Answer {
    let outboxes = available(call)?.outboxes();
    match call.member {
        "Add" => {
            let path = one(call)?;
            outboxes.add(path).await?;
            tracing::info!(path, peer = call.peer.number, "an outbox was added");
            call.answer(&())
        }
        "List" => call.answer(&(outboxes.list(),)),
        "Remove" => {
            let path = one(call)?;
            outboxes.remove(path).await?;
            tracing::info!(path, peer = call.peer.number, "an outbox was removed");
            call.answer(&())
        }
        _ => Err(unanswered(call)),
    }
}
