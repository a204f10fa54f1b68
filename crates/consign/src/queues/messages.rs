use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use consign_core::{Calls, Guid, Hresult, Timestamp};
use consign_wire::{
    names,
    queue::{AttemptRecord, CallRecord, MessageRecord, MethodRecord, from_wire},
};
use futures_util::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};

use super::code;
use crate::{Client, Error, Result, snapshot::time};

/// The most messages of one answer.
const PAGE: u32 = 256;

/// How a message stands in its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Played as soon as there is a player.
    Ready,
    /// It waits for a time: the delay of its retry queue, or of a component that keeps dying.
    Waiting,
    /// No component understands it. It goes on by itself when one is registered that does.
    Parked,
    /// In the dead queue: nobody tries any more.
    Dead,
}

impl Standing {
    /// All of them, in the order in which a message goes through them.
    pub const ALL: [Self; 4] = [Self::Ready, Self::Waiting, Self::Parked, Self::Dead];

    /// The word for it: `ready`, `waiting`, `parked`, `dead`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Waiting => "waiting",
            Self::Parked => "parked",
            Self::Dead => "dead",
        }
    }

    const fn number(self) -> u32 {
        match self {
            Self::Ready => names::READY,
            Self::Waiting => names::WAITING,
            Self::Parked => names::PARKED,
            Self::Dead => names::DEAD,
        }
    }

    fn read(number: u32) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|standing| standing.number() == number);
        known.ok_or_else(|| Error::protocol(format!("a message stands {number}")))
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where a message stands among those of its queue: for asking what comes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    priority: u8,
    position: u64,
}

/// A message, without its calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageSummary {
    /// Its id, which never changes.
    pub id: Guid,
    /// Its number in this service's store: short, for people.
    pub number: u64,
    /// The queue of the application.
    pub queue: String,
    /// Where in it, by the name that COM+ gives it: `App` (input), `App_0` (first retry queue),
    /// `App_exception`, `App_deadqueue`.
    pub place: String,
    /// How it stands there.
    pub standing: Standing,
    /// Whether it is being played.
    pub playing: bool,
    /// The CLSID of its component.
    pub class: Guid,
    /// `Label`; empty for none.
    pub label: String,
    /// `Priority`, 0 to 7.
    pub priority: u8,
    /// `AppSpecific`.
    pub app_specific: u32,
    /// The user who recorded it, by the kernel's word.
    pub uid: u32,
    /// The process that recorded it.
    pub pid: Option<u32>,
    /// When it was taken.
    pub arrived: Timestamp,
    /// When its wait ends.
    pub due: Option<Timestamp>,
    /// When it is given up if nobody receives it.
    pub expires: Option<Timestamp>,
    /// How many attempts have failed.
    pub attempts: u32,
    /// How often the component's process died of it.
    pub deaths: u32,
    /// Why it is where it is: HRESULT and sentence; `None` where there is nothing to say.
    pub reason: Option<(Hresult, String)>,
    /// How many calls it has.
    pub calls: u32,
    /// How many bytes they are.
    pub size: u64,
    /// Its turn.
    pub turn: Turn,
}

/// A message with everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageDetails {
    /// What lists show.
    pub summary: MessageSummary,
    /// Every failed attempt, oldest first.
    pub attempts: Vec<Attempt>,
    /// What it calls.
    pub calls: Calls,
}

/// A failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// When it ended.
    pub at: Timestamp,
    /// Where the message was then, as [`MessageSummary::place`].
    pub place: String,
    /// The call that failed, counted from 0; `None` when it was none of them.
    pub call: Option<u32>,
    /// The HRESULT.
    pub code: Hresult,
    /// Why, as the component or the service says it.
    pub sentence: String,
}

/// Which messages are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection<'a> {
    /// One, by its id or its number.
    Message(&'a str),
    /// All of a queue that stand so. Those that are being played are left alone.
    All(&'a str, Standing),
}

impl Selection<'_> {
    fn parts(&self) -> (&str, u32, &str) {
        match self {
            Self::Message(message) => ("", names::READY, message),
            Self::All(queue, standing) => (queue, standing.number(), ""),
        }
    }
}

impl Client {
    /// Messages of a queue that stand so, in the order in which they are played: at most `count`, and at most
    /// 256, those after the turn of another one. [`all_messages`](Self::all_messages) reads page after page.
    ///
    /// # Errors
    /// `MQ_ERROR_QUEUE_NOT_FOUND`.
    pub async fn messages(&self, queue: &str, standing: Standing, after: Option<Turn>, count: u32) -> Result<Vec<MessageSummary>> {
        let Turn { priority, position } = after.unwrap_or(Turn { priority: 0, position: 0 });
        let body = (queue, standing.number(), after.is_some(), priority, position, count);
        let records: Vec<MessageRecord> = self.call(names::QUEUES, "Messages", &body).await?;
        records.into_iter().map(MessageSummary::read).collect()
    }

    /// All messages of a queue that stand so. What comes and goes while they are read may be missing.
    pub fn all_messages(&self, queue: &str, standing: Standing) -> MessageList {
        let (client, queue) = (self.clone(), queue.to_owned());
        let pages = stream::try_unfold(Some(None), move |next: Option<Option<Turn>>| {
            let (client, queue) = (client.clone(), queue.clone());
            async move {
                let Some(after) = next else { return Ok::<_, Error>(None) };
                let page = client.messages(&queue, standing, after, PAGE).await?;
                let next = page.last().map(|last| Some(last.turn));
                Ok(Some((stream::iter(page.into_iter().map(Ok)), next)))
            }
        });
        MessageList(pages.try_flatten().boxed())
    }

    /// A message with its calls and its failed attempts, by its id or its number.
    ///
    /// # Errors
    /// `MQ_ERROR_MESSAGE_NOT_FOUND` (it was played, or dropped), `COMQC_E_BAD_MESSAGE` (it is damaged).
    pub async fn message(&self, message: &str) -> Result<MessageDetails> {
        type Answer<'a> = (MessageRecord, Vec<AttemptRecord>, u8, Vec<MethodRecord<'a>>, Vec<CallRecord<'a>>);
        let reply = self.connection().call_for_message(names::MANAGER_PATH, names::QUEUES, "Message", &message).await?;
        let body = reply.body();
        let (record, attempts, endian, methods, calls): Answer<'_> = body.deserialize().map_err(Error::protocol)?;
        Ok(MessageDetails {
            summary: MessageSummary::read(record)?,
            attempts: attempts.into_iter().map(Attempt::read).collect(),
            calls: from_wire((endian, methods, calls))?,
        })
    }

    /// Tries messages again from the beginning of their input queue; answers how many that were. A message that
    /// is ready and was not yet tried stays as it is.
    ///
    /// # Errors
    /// `MQ_ERROR_MESSAGE_NOT_FOUND`, `MQ_ERROR_QUEUE_NOT_FOUND`, `ERROR_BUSY` (the one that is named is being played).
    pub async fn retry_messages(&self, which: Selection<'_>) -> Result<u64> {
        self.call(names::QUEUES, "Retry", &which.parts()).await
    }

    /// Puts messages at the end of another queue, which is made if there is none; answers how many. They stay
    /// the same messages. Corresponds to `IMessageMover`.
    ///
    /// # Errors
    /// Those of [`retry_messages`](Self::retry_messages), `E_INVALIDARG` (the name has not 1 to 124 bytes).
    pub async fn move_messages(&self, which: Selection<'_>, to: &str) -> Result<u64> {
        let (queue, standing, message) = which.parts();
        self.call(names::QUEUES, "Move", &(queue, standing, message, to)).await
    }

    /// Takes messages away for ever; answers how many.
    ///
    /// # Errors
    /// Those of [`retry_messages`](Self::retry_messages).
    pub async fn drop_messages(&self, which: Selection<'_>) -> Result<u64> {
        self.call(names::QUEUES, "Drop", &which.parts()).await
    }
}

/// Messages, read page after page.
pub struct MessageList(BoxStream<'static, Result<MessageSummary>>);

impl MessageList {
    /// The next message, or `None` after the last.
    pub async fn next(&mut self) -> Option<Result<MessageSummary>> {
        self.0.next().await
    }
}

impl Stream for MessageList {
    type Item = Result<MessageSummary>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl fmt::Debug for MessageList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageList").finish_non_exhaustive()
    }
}

impl MessageSummary {
    fn read(record: MessageRecord) -> Result<Self> {
        let reason = (record.code != 0 || !record.sentence.is_empty()).then(|| (code(record.code), record.sentence));
        Ok(Self {
            id: record.id.parse().map_err(Error::protocol)?,
            number: record.number,
            queue: record.queue,
            place: record.place,
            standing: Standing::read(record.standing)?,
            playing: record.playing,
            class: record.class.parse().map_err(Error::protocol)?,
            label: record.label,
            priority: record.priority,
            app_specific: record.app_specific,
            uid: record.uid,
            pid: (record.pid != 0).then_some(record.pid),
            arrived: Timestamp::from_millis(record.arrived),
            due: time(record.due),
            expires: time(record.expires),
            attempts: record.attempts,
            deaths: record.deaths,
            reason,
            calls: record.calls,
            size: record.size,
            turn: Turn { priority: record.priority, position: record.position },
        })
    }
}

impl Attempt {
    fn read(record: AttemptRecord) -> Self {
        Self {
            number: record.number,
            at: Timestamp::from_millis(record.at),
            place: record.place,
            call: u32::try_from(record.call).ok(),
            code: code(record.code),
            sentence: record.sentence,
        }
    }
}
