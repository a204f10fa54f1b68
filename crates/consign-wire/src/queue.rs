//! Queues, messages and components on the wire. A field is never removed or moved.

use consign_bits::Failure;
use consign_core::{
    Calls, Guid,
    calls::{MethodRef, TooMuch},
    common,
    marshal::{Endian, check},
};
use serde::{Deserialize, Serialize};
use zbus::Type;

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct QueueRecord {
    /// Its name.
    pub name: String,
    /// Whether it is paused.
    pub paused: bool,
    /// Its policy, as JSON: `attempts`, `retry` (`delay` in seconds, `attempts`), `ordered`,
    /// `max_players`, `max_messages`, `max_bytes`, `play_timeout` (seconds).
    pub policy: String,
    /// Messages that are ready, those that are being played included.
    pub ready: u64,
    /// Messages that wait for a time.
    pub waiting: u64,
    /// Messages that no component understands.
    pub parked: u64,
    /// Messages in the dead queue.
    pub dead: u64,
    /// The bytes of the calls of all of them.
    pub bytes: u64,
    /// Messages that are being played.
    pub playing: u32,
    /// Why ready messages are not played; empty when they are.
    pub waiting_because: String,
}

/// A message, without its calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct MessageRecord {
    /// Its id.
    pub id: String,
    /// Its number in this store.
    pub number: u64,
    /// The queue of the application.
    pub queue: String,
    /// Where in it: the name as COM+ has it, `App_0`.
    pub place: String,
    /// [`READY`](crate::names::READY) to [`DEAD`](crate::names::DEAD).
    pub standing: u32,
    /// Whether it is being played.
    pub playing: bool,
    /// The CLSID.
    pub class: String,
    /// `Label`.
    pub label: String,
    /// `Priority`.
    pub priority: u8,
    /// `AppSpecific`.
    pub app_specific: u32,
    /// The user who recorded it.
    pub uid: u32,
    /// The process that recorded it; 0 where it is not known.
    pub pid: u32,
    /// When it was taken.
    pub arrived: i64,
    /// When its wait ends; 0 for none.
    pub due: i64,
    /// When it is given up if nobody receives it; 0 for never.
    pub expires: i64,
    /// Failed attempts.
    pub attempts: u32,
    /// Deaths of the component's process.
    pub deaths: u32,
    /// Why it is where it is: the HRESULT, 0 for nothing to say.
    pub code: i32,
    /// And the sentence.
    pub sentence: String,
    /// How many calls it has.
    pub calls: u32,
    /// How many bytes they are.
    pub size: u64,
    /// Its turn among those of its priority; with the priority it says where a further page begins.
    pub position: u64,
}

/// A failed attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct AttemptRecord {
    /// Counted from 1.
    pub number: u32,
    /// When it ended.
    pub at: i64,
    /// Where the message was: the name of the queue, `App_0`.
    pub place: String,
    /// The call that failed, counted from 0; -1 when it was none of them.
    pub call: i32,
    /// The HRESULT.
    pub code: i32,
    /// The sentence.
    pub sentence: String,
}

/// A method that a message calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct MethodRecord<'a> {
    /// The IID.
    pub iid: String,
    /// The name.
    #[serde(borrow)]
    pub name: &'a str,
    /// The types of its arguments, as a D-Bus signature, one after the other.
    #[serde(borrow)]
    pub signature: &'a str,
}

/// A call in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct CallRecord<'a> {
    /// The place of its method among the methods of the message.
    pub method: u32,
    /// Its arguments, marshalled one after the other as if they stood at the beginning of a message.
    #[serde(borrow)]
    pub arguments: Bytes<'a>,
}

/// `ay`, taken and given as one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes<'a>(pub &'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(deserializer).map(Bytes)
    }
}

impl Type for Bytes<'_> {
    const SIGNATURE: &'static zbus::wire::Signature = <Vec<u8> as Type>::SIGNATURE;
}

/// The calls of a message as they travel: the order of bytes in the arguments, the methods, the calls.
pub type CallsRecord<'a> = (u8, Vec<MethodRecord<'a>>, Vec<CallRecord<'a>>);

/// Calls as they travel.
pub fn to_wire(calls: &Calls) -> CallsRecord<'_> {
    let methods = calls.methods().into_iter();
    let methods = methods.map(|MethodRef { iid, name, signature }| MethodRecord { iid: iid.to_string(), name, signature }).collect();
    let mut records = Vec::with_capacity(calls.len());
    calls.each(|call| {
        let method = u32::try_from(call.method).unwrap_or(u32::MAX);
        records.push(CallRecord { method, arguments: Bytes(call.arguments) });
    });
    (calls.endian().as_byte(), methods, records)
}

/// Calls that came, checked.
///
/// # Errors
/// When they are none: `COMQC_E_BAD_MESSAGE`, or `MQ_ERROR_INSUFFICIENT_RESOURCES` when they are too many.
pub fn from_wire((endian, methods, calls): CallsRecord<'_>) -> Result<Calls, Failure> {
    let bad = |sentence: String| Failure::refused(common::COMQC_E_BAD_MESSAGE, sentence);
    let endian = Endian::from_byte(endian).ok_or_else(|| bad("the order of bytes is neither l nor B".to_owned()))?;
    let mut builder = Calls::builder_of(endian);
    let too_much = |error: TooMuch| Failure::refused(common::MQ_ERROR_INSUFFICIENT_RESOURCES, error.to_string());
    for method in &methods {
        let iid: Guid = method.iid.parse().map_err(|error| bad(format!("the IID of {}: {error}", method.name)))?;
        builder.declare(iid, method.name, method.signature).map_err(too_much)?;
    }
    for (index, call) in calls.iter().enumerate() {
        let place = usize::try_from(call.method).unwrap_or(usize::MAX);
        let Some(method) = methods.get(place) else {
            return Err(bad(format!("call {index} names no method of the message")));
        };
        check(call.arguments.0, method.signature, endian)
            .map_err(|error| bad(format!("the arguments of call {index}, {}: {error}", method.name)))?;
        builder.push_declared(call.method, call.arguments.0).map_err(too_much)?;
    }
    builder.finish().ok_or_else(|| bad("the message has no calls".to_owned()))
}

/// An outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct OutboxRecord {
    /// The path of the database.
    pub path: String,
    /// The id of the outbox; empty while it was never read.
    pub id: String,
    /// [`OUTBOX_IDLE`](crate::names::OUTBOX_IDLE) to [`OUTBOX_UNUSABLE`](crate::names::OUTBOX_UNUSABLE).
    pub state: u32,
    /// How many messages wait in it, as far as is known; never too few.
    pub pending: u64,
    /// The number of the last message that was taken from it; 0 for none, or while it was never read.
    pub taken: u64,
    /// What is in the way: the HRESULT, 0 for nothing.
    pub code: i32,
    /// And the sentence.
    pub sentence: String,
    /// When it was looked into last; 0 for never.
    pub scanned: i64,
    /// When it is tried again; 0 if time does not decide.
    pub next_attempt: i64,
}

/// A component: a class with interfaces on which calls can be queued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ComponentRecord {
    /// The CLSID.
    pub class: String,
    /// The ProgID, empty for none.
    pub progid: String,
    /// The name, empty for none.
    pub name: String,
    /// The application, empty for none.
    pub application: String,
    /// The queue of its messages.
    pub queue: String,
    /// Whether the class is registered.
    pub registered: bool,
    /// `QueueListenerEnabled`: whether its messages are played.
    pub listener: bool,
    /// `QCListenerMaxThreads`: how many of its messages are played at once; 0: as many as its queue allows.
    pub max_players: u32,
    /// `ExceptionClass`: the CLSID, empty for none.
    pub exception_class: String,
    /// Its interfaces.
    pub interfaces: Vec<InterfaceRecord>,
}

/// An interface of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct InterfaceRecord {
    /// The IID.
    pub iid: String,
    /// The name.
    pub name: String,
    /// `QueueingSupported`: whether calls on it can be queued.
    pub queueing_supported: bool,
    /// `QueuingEnabled`: whether they are.
    pub queuing_enabled: bool,
    /// Its methods, as they are called.
    pub methods: Vec<String>,
    /// Why calls on it cannot be queued, each a sentence.
    pub obstacles: Vec<String>,
}
