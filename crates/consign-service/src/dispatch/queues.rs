//! `org.consign.Queues`: recorded calls, and what becomes of them.

use std::{sync::Arc, time::Duration};

use consign_bits::Failure;
use consign_core::{Calls, Timestamp, common};
use consign_queue::{
    Caller, MessageId, MessageView, Page, QueueEvent, QueuePolicy, QueueView, Selection,
    message::{Attempt, Standing},
    store::Turn,
};
use consign_wire::{
    names,
    queue::{AttemptRecord, CallRecord, CallsRecord, MessageRecord, MethodRecord, QueueRecord, from_wire, to_wire},
};
use zbus::{Message, ObjectPath};

use super::{
    call::{Answer, Call},
    error::{CallError, invalid},
    interface::{Interface, Signal, method},
    unanswered,
};
use crate::{
    face::OWN_NAME,
    queues::{Queues, Recording, refused},
};

pub(super) static INTERFACE: Interface = Interface {
    name: names::QUEUES,
    methods: &[
        method(
            "Record",
            &[
                ("class", "s"),
                ("label", "s"),
                ("priority", "y"),
                ("app_specific", "u"),
                ("time_to_receive", "u"),
                ("order_of_bytes", "y"),
                ("methods", "a(sss)"),
                ("calls", "a(uay)"),
            ],
            &[("message", "s")],
        ),
        method("CreateRecorder", &[("moniker", "s")], &[("recorder", "o")]),
        method("List", &[], &[("queues", "a(sbstttttus)")]),
        method("Show", &[("queue", "s")], &[("queue", "(sbstttttus)")]),
        method(
            "Messages",
            &[("queue", "s"), ("standing", "u"), ("after", "b"), ("priority", "y"), ("position", "t"), ("count", "u")],
            &[("messages", "a(stssubssyuuuxxxuuisutt)")],
        ),
        method(
            "Message",
            &[("message", "s")],
            &[
                ("message", "(stssubssyuuuxxxuuisutt)"),
                ("attempts", "a(uxsiis)"),
                ("order_of_bytes", "y"),
                ("methods", "a(sss)"),
                ("calls", "a(uay)"),
            ],
        ),
        method("Retry", SELECTION, COUNT),
        method("Move", &[("queue", "s"), ("standing", "u"), ("message", "s"), ("to", "s")], COUNT),
        method("Drop", SELECTION, COUNT),
        method("Pause", &[("queue", "s")], &[]),
        method("Resume", &[("queue", "s")], &[]),
        method("SetPolicy", &[("queue", "s"), ("policy", "s")], &[]),
        method("Remove", &[("queue", "s")], &[]),
    ],
    properties: &[],
    signals: &[
        Signal { name: "QCRecord", arguments: NAMED },
        Signal { name: "QCQueueOpen", arguments: &[("queue", "s"), ("code", "i")] },
        Signal { name: "QCReceive", arguments: NAMED },
        Signal { name: "QCMoveToReTryQueue", arguments: &[("queue", "s"), ("message", "s"), ("retry_queue", "u")] },
        Signal { name: "QCMoveToDeadQueue", arguments: NAMED },
        Signal { name: "QCPlayback", arguments: &[("queue", "s"), ("message", "s"), ("code", "i")] },
    ],
};

const SELECTION: &[(&str, &str)] = &[("queue", "s"), ("standing", "u"), ("message", "s")];
const COUNT: &[(&str, &str)] = &[("count", "t")];
const NAMED: &[(&str, &str)] = &[("queue", "s"), ("message", "s")];

pub(super) async fn call(call: &Call<'_>) -> Answer {
    let engine = available(call)?.engine();
    match call.member {
        "Record" => record(call).await,
        "CreateRecorder" => {
            let number = available(call)?.create_recorder(call.peer.number, one(call)?)?;
            call.answer(&(ObjectPath::try_from(names::recorder_path(number))?,))
        }
        "List" => {
            let queues: Vec<QueueRecord> = engine.queues().await.map_err(refused)?.into_iter().map(queue).collect();
            call.answer(&(queues,))
        }
        "Show" => call.answer(&(queue(engine.queue(one(call)?).await.map_err(refused)?),)),
        "Messages" => messages(call).await,
        "Message" => message(call).await,
        "Retry" => {
            let (queue, standing, message): (&str, u32, &str) = call.arguments()?;
            call.answer(&(engine.retry(selection(call, queue, standing, message).await?).await.map_err(refused)?,))
        }
        "Move" => {
            let (queue, standing, message, to): (&str, u32, &str, &str) = call.arguments()?;
            if to.is_empty() || to.len() > 124 {
                return Err(invalid("the name of a queue has 1 to 124 bytes"));
            }
            call.answer(&(engine.move_to(selection(call, queue, standing, message).await?, to).await.map_err(refused)?,))
        }
        "Drop" => {
            let (queue, standing, message): (&str, u32, &str) = call.arguments()?;
            call.answer(&(engine.drop_messages(selection(call, queue, standing, message).await?).await.map_err(refused)?,))
        }
        "Pause" => {
            engine.pause(one(call)?).await.map_err(refused)?;
            call.answer(&())
        }
        "Resume" => {
            engine.resume(one(call)?).await.map_err(refused)?;
            call.answer(&())
        }
        "SetPolicy" => {
            let (queue, policy): (&str, &str) = call.arguments()?;
            let policy: QueuePolicy = serde_json::from_str(policy).map_err(|error| invalid(format!("this is no policy: {error}")))?;
            if queue.is_empty() || queue.len() > 124 {
                return Err(invalid("the name of a queue has 1 to 124 bytes"));
            }
            engine.set_policy(queue, policy).await.map_err(refused)?;
            call.answer(&())
        }
        "Remove" => {
            engine.remove_queue(one(call)?).await.map_err(refused)?;
            call.answer(&())
        }
        _ => Err(unanswered(call)),
    }
}

/// The one argument.
pub(super) fn one<'a>(call: &'a Call<'_>) -> Result<&'a str, CallError> {
    let (argument,) = call.arguments()?;
    Ok(argument)
}

/// The queues of this service. An embedded engine has none.
pub(super) fn available<'a>(call: &'a Call<'_>) -> Result<&'a Arc<Queues>, CallError> {
    call.shared
        .queues
        .as_ref()
        .ok_or_else(|| Failure::refused(common::CO_E_NOT_SUPPORTED, "the engine lives in an application: queues need the service").into())
}

async fn record(call: &Call<'_>) -> Answer {
    type Arguments<'a> = (&'a str, &'a str, u8, u32, u32, u8, Vec<MethodRecord<'a>>, Vec<CallRecord<'a>>);
    let (class, label, priority, app_specific, time_to_receive, endian, methods, calls): Arguments<'_> = call.arguments()?;
    let calls: CallsRecord<'_> = (endian, methods, calls);
    let recording = Recording {
        class: class.to_owned(),
        label: label.to_owned(),
        priority,
        app_specific,
        time_to_receive: (time_to_receive != names::INFINITE).then(|| Duration::from_secs(time_to_receive.into())),
        calls: from_wire(calls)?,
        caller: Caller { uid: call.peer.uid, pid: call.peer.pid },
    };
    // Messages that come close together are stored together.
    let id = call.ask(available(call)?.record(recording)).await?;
    call.answer(&(id.to_string(),))
}

async fn messages(call: &Call<'_>) -> Answer {
    let (queue, number, after, priority, position, count): (&str, u32, bool, u8, u64, u32) = call.arguments()?;
    let page = Page {
        queue: queue.to_owned(),
        standing: standing(number)?,
        after: after.then_some(Turn { priority, position }),
        most: usize::try_from(count).unwrap_or(usize::MAX).min(256),
    };
    let messages = available(call)?.engine().messages(page).await.map_err(refused)?;
    let records: Vec<MessageRecord> = messages.iter().map(message_record).collect();
    call.answer(&(records,))
}

async fn message(call: &Call<'_>) -> Answer {
    let id = named(call, one(call)?).await?;
    let details = available(call)?.engine().message(id).await.map_err(refused)?;
    let calls = Calls::from_bytes(details.calls.to_vec())
        .map_err(|error| Failure::refused(common::COMQC_E_BAD_MESSAGE, format!("the message is damaged: {error}")))?;
    let attempts: Vec<AttemptRecord> = details.attempts.iter().map(|attempt| attempt_record(attempt, &details.view.queue)).collect();
    let (endian, methods, calls) = to_wire(&calls);
    call.answer(&(message_record(&details.view), attempts, endian, methods, calls))
}

/// A message by its id or its number.
async fn named(call: &Call<'_>, name: &str) -> Result<MessageId, CallError> {
    if let Ok(number) = name.parse::<u64>() {
        return Ok(available(call)?.engine().find(number).await.map_err(refused)?);
    }
    name.parse().map_err(|_| invalid(format!("{name:?} is neither the id nor the number of a message")))
}

async fn selection(call: &Call<'_>, queue: &str, number: u32, message: &str) -> Result<Selection, CallError> {
    Ok(match message {
        "" => Selection::All(queue.to_owned(), standing(number)?),
        name => Selection::Message(named(call, name).await?),
    })
}

fn standing(number: u32) -> Result<Standing, CallError> {
    match number {
        names::READY => Ok(Standing::Ready),
        names::WAITING => Ok(Standing::Waiting),
        names::PARKED => Ok(Standing::Parked),
        names::DEAD => Ok(Standing::Dead),
        _ => Err(invalid("messages stand ready (0), waiting (1), parked (2) or dead (3)")),
    }
}

fn queue(view: QueueView) -> QueueRecord {
    QueueRecord {
        name: view.name,
        paused: view.paused,
        policy: serde_json::to_string(&view.policy).unwrap_or_default(),
        ready: view.counts.ready,
        waiting: view.counts.waiting,
        parked: view.counts.parked,
        dead: view.counts.dead,
        bytes: view.counts.bytes,
        playing: view.playing,
        waiting_because: view.waiting_because,
    }
}

fn message_record(view: &MessageView) -> MessageRecord {
    let time = |time: Option<Timestamp>| time.map_or(0, Timestamp::as_millis);
    MessageRecord {
        id: view.id.to_string(),
        number: view.number,
        queue: view.queue.clone(),
        place: view.place.queue_name(&view.queue),
        standing: match view.standing {
            Standing::Ready => names::READY,
            Standing::Waiting => names::WAITING,
            Standing::Parked => names::PARKED,
            Standing::Dead => names::DEAD,
        },
        playing: view.playing,
        class: view.class.to_string(),
        label: view.label.clone(),
        priority: view.priority,
        app_specific: view.app_specific,
        uid: view.caller.uid,
        pid: view.caller.pid.unwrap_or(0),
        arrived: view.arrived.as_millis(),
        due: time(view.due),
        expires: time(view.expires),
        attempts: view.attempts,
        deaths: view.deaths,
        code: view.reason.code.as_i32(),
        sentence: view.reason.sentence.clone(),
        calls: view.calls,
        size: view.size,
        position: view.turn.position,
    }
}

fn attempt_record(attempt: &Attempt, queue: &str) -> AttemptRecord {
    AttemptRecord {
        number: attempt.number,
        at: attempt.at.as_millis(),
        place: attempt.place.queue_name(queue),
        call: attempt.call.and_then(|call| i32::try_from(call).ok()).unwrap_or(-1),
        code: attempt.reason.code.as_i32(),
        sentence: attempt.reason.sentence.clone(),
    }
}

/// The member of the signal that tells this event, and the queue that it is about.
pub(crate) fn member_and_queue(event: &QueueEvent) -> (&'static str, &str) {
    match event {
        QueueEvent::Record { queue, .. } => ("QCRecord", queue),
        QueueEvent::QueueOpen { queue, .. } => ("QCQueueOpen", queue),
        QueueEvent::Receive { queue, .. } => ("QCReceive", queue),
        QueueEvent::MoveToRetryQueue { queue, .. } => ("QCMoveToReTryQueue", queue),
        QueueEvent::MoveToDeadQueue { queue, .. } => ("QCMoveToDeadQueue", queue),
        QueueEvent::Playback { queue, .. } => ("QCPlayback", queue),
    }
}

/// The signal that tells this event.
pub(crate) fn signal(event: &QueueEvent) -> zbus::Result<Message> {
    let (member, _) = member_and_queue(event);
    let builder = Message::signal(names::MANAGER_PATH, names::QUEUES, member).sender(OWN_NAME);
    match event {
        QueueEvent::Record { queue, message } | QueueEvent::Receive { queue, message } | QueueEvent::MoveToDeadQueue { queue, message } => {
            builder.build(&(queue, message.to_string()))
        }
        QueueEvent::QueueOpen { queue, code } => builder.build(&(queue, code.as_i32())),
        QueueEvent::MoveToRetryQueue { queue, message, index } => builder.build(&(queue, message.to_string(), u32::from(*index))),
        QueueEvent::Playback { queue, message, code } => builder.build(&(queue, message.to_string(), code.as_i32())),
    }
}
