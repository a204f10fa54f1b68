//! Queues, messages and their events.

use consign::{MessageDetails, QueueSummary, Timestamp, describe};
use serde::Serialize;

use crate::{commands::ShownCall, text::exact};

/// A queue, as `queue list` and `queue show` print it.
#[derive(Serialize)]
pub(crate) struct Queue {
    name: String,
    paused: bool,
    ready: u64,
    playing: u32,
    waiting: u64,
    parked: u64,
    dead: u64,
    bytes: u64,
    waiting_because: Option<String>,
    policy: Policy,
}

#[derive(Serialize)]
struct Policy {
    attempts: u32,
    retry: Vec<Retry>,
    ordered: bool,
    max_players: Option<u32>,
    max_messages: Option<u64>,
    max_bytes: Option<u64>,
    play_timeout: u64,
}

#[derive(Serialize)]
struct Retry {
    delay: u64,
    attempts: u32,
}

impl From<&QueueSummary> for Queue {
    fn from(queue: &QueueSummary) -> Self {
        let policy = &queue.policy;
        Self {
            name: queue.name.clone(),
            paused: queue.paused,
            ready: queue.ready,
            playing: queue.playing,
            waiting: queue.waiting,
            parked: queue.parked,
            dead: queue.dead,
            bytes: queue.bytes,
            waiting_because: queue.waiting_because.clone(),
            policy: Policy {
                attempts: policy.attempts,
                retry: policy.retry.iter().map(|queue| Retry { delay: queue.delay.as_secs(), attempts: queue.attempts }).collect(),
                ordered: policy.ordered,
                max_players: policy.max_players,
                max_messages: policy.max_messages,
                max_bytes: policy.max_bytes,
                play_timeout: policy.play_timeout.as_secs(),
            },
        }
    }
}

/// A message, as `queue peek` prints it.
#[derive(Serialize)]
pub(crate) struct Message {
    id: String,
    number: u64,
    queue: String,
    place: String,
    standing: &'static str,
    playing: bool,
    clsid: String,
    label: String,
    priority: u8,
    app_specific: u32,
    uid: u32,
    pid: Option<u32>,
    arrived: String,
    due: Option<String>,
    expires: Option<String>,
    /// Why it is where it is.
    reason: Option<Reason>,
    deaths: u32,
    bytes: u64,
    calls: Vec<Call>,
    /// Those that failed.
    attempts: Vec<Attempt>,
}

#[derive(Serialize)]
struct Reason {
    code: String,
    symbol: String,
    sentence: String,
}

#[derive(Serialize)]
struct Call {
    iid: String,
    /// Null where the interface is not in the catalogue.
    interface: Option<String>,
    method: String,
    signature: String,
    arguments: Vec<Argument>,
}

#[derive(Serialize)]
struct Argument {
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    value: serde_json::Value,
}

#[derive(Serialize)]
struct Attempt {
    number: u32,
    time: String,
    place: String,
    /// Counted from 0; null when it was none of the calls.
    call: Option<u32>,
    #[serde(flatten)]
    reason: Reason,
}

impl Message {
    pub(crate) fn new(message: &MessageDetails, calls: &[ShownCall]) -> Self {
        let summary = &message.summary;
        let attempts = message.attempts.iter().map(|attempt| Attempt {
            number: attempt.number,
            time: exact(attempt.at),
            place: attempt.place.clone(),
            call: attempt.call,
            reason: Reason::new(attempt.code, &attempt.sentence),
        });
        Self {
            id: summary.id.to_string(),
            number: summary.number,
            queue: summary.queue.clone(),
            place: summary.place.clone(),
            standing: summary.standing.name(),
            playing: summary.playing,
            clsid: summary.class.to_string(),
            label: summary.label.clone(),
            priority: summary.priority,
            app_specific: summary.app_specific,
            uid: summary.uid,
            pid: summary.pid,
            arrived: exact(summary.arrived),
            due: summary.due.map(exact),
            expires: summary.expires.map(exact),
            reason: summary.reason.as_ref().map(|(code, sentence)| Reason::new(*code, sentence)),
            deaths: summary.deaths,
            bytes: summary.size,
            calls: calls.iter().map(Call::from).collect(),
            attempts: attempts.collect(),
        }
    }
}

impl Reason {
    fn new(code: consign::Hresult, sentence: &str) -> Self {
        let description = describe(code);
        let sentence = if sentence.is_empty() { description.sentence.into_owned() } else { sentence.to_owned() };
        Self { code: code.to_string(), symbol: description.symbol.into_owned(), sentence }
    }
}

impl From<&ShownCall> for Call {
    fn from(call: &ShownCall) -> Self {
        let arguments = call.arguments.iter().map(|argument| {
            let (name, kind) = argument.parameter.clone().unzip();
            Argument { name, kind, value: argument.value.to_json() }
        });
        Self {
            iid: call.iid.to_string(),
            interface: call.interface.clone(),
            method: call.method.clone(),
            signature: call.signature.clone(),
            arguments: arguments.collect(),
        }
    }
}

/// How many messages something was done to.
#[derive(Serialize)]
pub(crate) struct Count {
    pub(crate) count: u64,
}

/// A queue to which something was done.
#[derive(Serialize)]
pub(crate) struct QueueDone {
    queue: String,
    #[serde(flatten)]
    reason: Reason,
}

impl QueueDone {
    pub(crate) fn new(queue: &str) -> Self {
        Self { queue: queue.to_owned(), reason: Reason::new(consign::common::S_OK, "") }
    }
}

/// One line of `queue watch`.
#[derive(Serialize)]
pub(crate) struct QueueEvent {
    time: String,
    event: &'static str,
    queue: Option<String>,
    message: Option<String>,
    code: Option<String>,
    symbol: Option<String>,
    retry_queue: Option<u32>,
    /// Of `Missed`: how many.
    missed: Option<u64>,
}

impl QueueEvent {
    pub(crate) fn new(event: &consign::QueueEvent, now: Timestamp) -> Self {
        let retry_queue = if let consign::QueueEvent::MoveToRetryQueue { retry_queue, .. } = event { Some(*retry_queue) } else { None };
        Self {
            time: exact(now),
            event: event.name(),
            queue: event.queue().map(str::to_owned),
            message: event.message().map(|message| message.to_string()),
            code: event.code().map(|code| code.to_string()),
            symbol: event.code().map(|code| describe(code).symbol.into_owned()),
            retry_queue,
            missed: if let consign::QueueEvent::Missed(count) = event { Some(*count) } else { None },
        }
    }
}
