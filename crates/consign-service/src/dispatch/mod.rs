//! From a message to a call on the engine, and from what the engine says back to a message.
//!
//! Objects are resolved by their path when a call comes; none is ever registered, so an idle job
//! costs nothing here. Each interface has a module of its own: a declaration, and one match with
//! one line for each member. Nothing is decided about jobs.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;

pub(crate) mod callback;
pub(crate) mod class_factory;
pub(crate) mod player;
pub(crate) mod queues;

mod activation;
mod bus;
mod call;
mod change;
mod classes;
mod components;
mod error;
mod interface;
mod introspect;
mod job;
mod manager;
mod object;
mod outboxes;
mod peer;
mod properties;
mod record;
mod recorder;
mod service_object;
mod signal;

use consign_wire::names::SERVICE_NAME;
use zbus::{
    Message,
    message::{Flags, Header},
};

pub(crate) use signal::signals;

use call::{Answer, Call};
use error::{CallError, Mistake};
use interface::{Interface, signature};
use object::Object;

use crate::face::{OWN_NAME, Peer, Shared, Turn};

/// The longest body of a call with values of any type, in bytes: they take some thirty times their
/// length in memory. The two lists of proxies take at most a quarter of it.
const LONGEST_VARIANT_BODY: usize = 1 << 20;

/// Carries out one call; `None` where no answer is wanted. Passes `turn` on as soon as the engine has
/// a call that many others may wait with for the same commit.
pub(crate) async fn answer(shared: &Shared, peer: &Peer, message: &Message, turn: &Turn) -> Option<Message> {
    let header = message.header();
    let (Some(path), Some(member)) = (header.path(), header.member()) else {
        // Such a message is not taken from the socket.
        return None;
    };
    let body = message.body();
    let call = Call { shared, peer, turn, path: path.as_str(), member: member.as_str(), header: &header, body: &body };
    let answer = match carry_out(&call).await {
        Ok(answer) => answer,
        Err(error) => {
            // What a peer sent may stand in the sentence, line ends and all.
            let error_text = error.to_string();
            tracing::debug!(peer = peer.number, path = call.path, member = call.member, error = ?error_text, "refused");
            match call.refuse(&error) {
                Ok(answer) => answer,
                Err(error) => {
                    tracing::error!(%error, "an error could not be told");
                    return None;
                }
            }
        }
    };
    let wanted = !message.primary_header().flags().contains(Flags::NO_REPLY_EXPECTED);
    wanted.then_some(answer)
}

async fn carry_out(call: &Call<'_>) -> Answer {
    let header = call.header;
    for_this_side(header)?;
    if let Some(number) = consign_wire::names::recorder_of_path(call.path) {
        return recorder::call(call, number).await;
    }
    let interface = find_interface(call)?;
    let Some(method) = interface.method(call.member) else {
        return Err(Mistake::UnknownMethod.because(format!("{} has no method {}", interface.name, call.member)));
    };
    let (expected, given) = (signature(method.inputs), call.body.signature().to_string_no_parens());
    if expected != given {
        return Err(Mistake::InvalidArgs.because(format!("{} takes \"{expected}\", not \"{given}\"", call.member)));
    }
    if expected.contains('v') && call.body.len() > LONGEST_VARIANT_BODY {
        return Err(Mistake::LimitsExceeded.because(format!("a call with values of any type has at most {LONGEST_VARIANT_BODY} bytes")));
    }
    match interface.name {
        bus::NAME => bus::call(call),
        peer::NAME => peer::call(call),
        introspect::NAME => introspect::call(call).await,
        properties::NAME => properties::call(call).await,
        consign_wire::names::MANAGER => manager::call(call).await,
        consign_wire::names::SERVICE => service_object::call(call),
        consign_wire::names::CLASSES => classes::call(call).await,
        consign_wire::names::ACTIVATION => activation::call(call).await,
        consign_wire::names::QUEUES => queues::call(call).await,
        consign_wire::names::COMPONENTS => components::call(call).await,
        consign_wire::names::OUTBOXES => outboxes::call(call).await,
        consign_wire::names::JOB => job::call(call).await,
        _ => Err(unanswered(call)),
    }
}

/// Who else is meant, is not here.
fn for_this_side(header: &Header<'_>) -> Result<(), CallError> {
    match header.destination().map(|name| name.as_str()) {
        None | Some(OWN_NAME | SERVICE_NAME | bus::NAME) => Ok(()),
        Some(other) => Err(Mistake::ServiceUnknown.because(format!("nobody here has the name {other}"))),
    }
}

/// The interface that is named or, where none is, the one that alone has such a method.
fn find_interface(call: &Call<'_>) -> Result<&'static Interface, CallError> {
    let named = call.header.interface();
    // A message bus answers at every path, and clients rely on it.
    if named.is_some_and(|name| name == bus::NAME) {
        return Ok(&bus::INTERFACE);
    }
    let Some(object) = Object::at(call.path) else {
        return Err(Mistake::UnknownObject.because(format!("there is no object {}", call.path)));
    };
    let interfaces = object.interfaces();
    match named {
        Some(name) => interfaces
            .iter()
            .find(|interface| *name == interface.name)
            .copied()
            .ok_or_else(|| Mistake::UnknownInterface.because(format!("{} has no interface {name}", call.path))),
        None => {
            let mut having = interfaces.iter().filter(|interface| interface.method(call.member).is_some());
            match (having.next(), having.next()) {
                (Some(interface), None) => Ok(interface),
                (None, _) => Err(Mistake::UnknownMethod.because(format!("{} has no method {}", call.path, call.member))),
                (Some(_), Some(_)) => {
                    Err(Mistake::UnknownMethod.because(format!("several interfaces have a method {}: name one", call.member)))
                }
            }
        }
    }
}

/// A member that is declared and not answered; a test calls every declared one.
fn unanswered(call: &Call<'_>) -> CallError {
    Mistake::UnknownMethod.because(format!("{} is not answered", call.member))
}
