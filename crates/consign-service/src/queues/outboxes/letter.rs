//! From a row of an outbox to a message of the queue. A row that can be no message becomes one all the same,
//! with the reason: it would hold up all that follow, and somebody has to hear of it.

use std::time::Duration;

use consign_bits::Failure;
use consign_core::{
    Calls, Guid, Moniker, Timestamp, common,
    moniker::{ClassName, MessagePriority, TimeLimit, check_label},
};
use consign_queue::{Caller, NewMessage, StreamMessage, Undeliverable, message::Reason};

use super::{
    super::catalogue::{Catalogue, queue_of},
    source::{Cell, Row},
};

/// The queue of messages whose class nobody knows.
const UNDELIVERED: &str = "Undelivered";

/// Of calls that cannot be read, so many bytes are kept for whoever looks.
const KEPT_OF_BAD_CALLS: usize = 64 << 10;

/// What becomes of a row that is looked at `now`.
pub(super) fn message(row: Row, caller: Caller, now: Timestamp, catalogue: &Catalogue) -> StreamMessage {
    let number = row.number;
    let mut wrong = None;
    let mut note = |reason: Reason| {
        wrong.get_or_insert(reason);
    };
    let properties = properties(&row).unwrap_or_else(|reason| {
        note(reason);
        Moniker::new(ClassName::ClassId(Guid::NULL))
    });
    let calls = calls(row.calls).unwrap_or_else(|(reason, kept)| {
        note(reason);
        kept
    });
    let class = match &properties.target {
        ClassName::ClassId(class) => Ok(*class),
        ClassName::ProgId(name) => catalogue.resolve(name),
    };
    let class = class.unwrap_or_else(|failure| {
        note(of(failure));
        Guid::NULL
    });
    let queue = catalogue.check(class, &calls).unwrap_or_else(|failure| {
        note(of(failure));
        catalogue.file(class).map_or_else(|| UNDELIVERED.to_owned(), |file| queue_of(&file))
    });
    if let (Some(limit), Cell::Number(recorded)) = (properties.time_to_reach_queue.seconds(), &row.recorded_at)
        && now.since(Timestamp::from_millis(*recorded)) > seconds(limit)
    {
        note(Reason::new(common::MQ_ERROR_IO_TIMEOUT, format!("it did not reach its queue within its MaxTimeToReachQueue of {limit} s")));
    }
    let message = NewMessage {
        queue,
        class,
        calls,
        label: properties.label,
        priority: properties.priority.number(),
        app_specific: properties.app_specific,
        time_to_receive: properties.time_to_receive.seconds().map(seconds),
        caller,
    };
    StreamMessage { number, message, undeliverable: wrong.map(Undeliverable) }
}

/// What the row says, each column before what the moniker says.
fn properties(row: &Row) -> Result<Moniker, Reason> {
    let Cell::Text(target) = &row.target else { return Err(bad("its target is no text, or too long")) };
    let mut properties = if target.contains(':') {
        target.parse().map_err(|bad: consign_core::moniker::BadMoniker| Reason::new(bad.code, format!("its target: {bad}")))?
    } else {
        let class = target.parse::<ClassName>();
        Moniker::new(class.map_err(|error| Reason::new(common::CO_E_CLASSSTRING, format!("its target: {error}")))?)
    };
    match &row.label {
        Cell::Absent => {}
        Cell::Text(label) => {
            check_label(label).map_err(|(code, sentence)| Reason::new(code, sentence))?;
            properties.label.clone_from(label);
        }
        _ => return Err(Reason::new(common::MQ_ERROR_LABEL_TOO_LONG, "its label is no text, or too long")),
    }
    if let Some(priority) = whole(&row.priority, "priority")? {
        let priority = u8::try_from(priority).ok().and_then(MessagePriority::new);
        properties.priority = priority.ok_or_else(|| bad("its priority is not 0 to 7"))?;
    }
    if let Some(number) = whole(&row.app_specific, "app_specific")? {
        properties.app_specific = number;
    }
    if let Some(limit) = whole(&row.time_to_reach_queue, "time_to_reach_queue")? {
        properties.time_to_reach_queue = TimeLimit::from_number(limit);
    }
    if let Some(limit) = whole(&row.time_to_receive, "time_to_receive")? {
        properties.time_to_receive = TimeLimit::from_number(limit);
    }
    match row.recorded_at {
        Cell::Number(_) => Ok(properties),
        _ => Err(bad("its recorded_at is no time")),
    }
}

fn whole(cell: &Cell, column: &str) -> Result<Option<u32>, Reason> {
    match cell {
        Cell::Absent => Ok(None),
        Cell::Number(number) => u32::try_from(*number).map(Some).map_err(|_| bad(format!("its {column} is out of range"))),
        _ => Err(bad(format!("its {column} is no number"))),
    }
}

/// The calls, or why there are none and what is kept in their place: bytes, as a call that nobody has.
fn calls(cell: Cell) -> Result<Calls, (Reason, Calls)> {
    let (reason, kept) = match cell {
        Cell::Bytes(bytes) => match Calls::from_bytes(bytes.clone()) {
            Ok(calls) => return Ok(calls),
            Err(error) => (format!("its calls cannot be read: {error}"), bytes),
        },
        _ => ("its calls are no bytes, or more than a message may have".to_owned(), Vec::new()),
    };
    let mut builder = Calls::builder();
    // Within every limit.
    let pushed = builder.push(Guid::NULL, "Unreadable", "ay", |writer| writer.bytes(kept.get(..KEPT_OF_BAD_CALLS).unwrap_or(&kept)));
    debug_assert!(pushed.is_ok(), "a short call was refused");
    match builder.finish() {
        Some(kept) => Err((bad(reason), kept)),
        None => unreachable!("a call was appended"),
    }
}

fn bad(sentence: impl Into<String>) -> Reason {
    Reason::new(common::COMQC_E_BAD_MESSAGE, sentence)
}

fn of(failure: Failure) -> Reason {
    Reason::new(failure.code, failure.sentence.into_owned())
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}
