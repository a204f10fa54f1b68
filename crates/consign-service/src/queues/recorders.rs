//! Recorders as objects of the service, for clients that speak D-Bus and nothing else: each belongs to
//! the connection that made it, and goes with it. What was recorded and not committed is gone then.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use consign_bits::Failure;
use consign_core::{
    Calls, Guid, Interface, Moniker,
    calls::CallsBuilder,
    common,
    interface::{StringForm, Type},
    marshal::{Endian, Value, Writer, check},
    moniker::TimeLimit,
};
use consign_queue::{Caller, MessageId};

use super::{Queues, Recording};

/// Longer arguments than this are taken as they are or not at all, in bytes.
const LONGEST_CONVERTED: usize = 1 << 20;

/// The most recorders of one connection.
const MOST: usize = 256;

/// The most that is held for one connection in recorders that are not committed yet, in bytes.
const HEAVIEST: usize = 16 << 20;

/// All recorders, by number.
#[derive(Default)]
pub(crate) struct Recorders {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    recorders: HashMap<u64, Recorder>,
}

struct Recorder {
    peer: u64,
    moniker: Moniker,
    class: Guid,
    interfaces: Vec<Arc<Interface>>,
    calls: CallsBuilder,
    /// That of the first call; the others must have the same.
    endian: Option<Endian>,
}

/// A call to be recorded.
pub(crate) struct Recorded<'a> {
    /// The name of the D-Bus interface; `None` where the call names none.
    pub(crate) interface: Option<&'a str>,
    pub(crate) member: &'a str,
    pub(crate) signature: String,
    pub(crate) arguments: &'a [u8],
    pub(crate) endian: Endian,
}

impl Queues {
    /// A recorder of this peer.
    ///
    /// # Errors
    /// `MK_E_SYNTAX` and the like (the moniker), `REGDB_E_CLASSNOTREG`, `CO_E_CLASSSTRING`,
    /// `COMQC_E_NO_QUEUEABLE_INTERFACES`, `E_OUTOFMEMORY` (too many recorders).
    pub(crate) fn create_recorder(&self, peer: u64, moniker: &str) -> Result<u64, Failure> {
        let moniker = if moniker.contains(':') { moniker.parse() } else { format!("queue:/new:{moniker}").parse() };
        let moniker: Moniker = moniker.map_err(|bad: consign_core::moniker::BadMoniker| Failure::refused(bad.code, bad.to_string()))?;
        let class = self.catalogue.resolve(&moniker.target.to_string())?;
        let interfaces = self.catalogue.queued_interfaces(class)?;
        let mut inner = self.recorders.lock();
        if inner.recorders.values().filter(|recorder| recorder.peer == peer).count() >= MOST {
            return Err(Failure::refused(
                common::E_OUTOFMEMORY,
                format!("a connection has at most {MOST} recorders: commit or abort some"),
            ));
        }
        inner.last += 1;
        let number = inner.last;
        inner.recorders.insert(number, Recorder { peer, moniker, class, interfaces, calls: CallsBuilder::default(), endian: None });
        Ok(number)
    }

    /// Whether the peer has this recorder; to others it is not there.
    pub(crate) fn has_recorder(&self, peer: u64, number: u64) -> bool {
        self.recorders.lock().recorders.get(&number).is_some_and(|recorder| recorder.peer == peer)
    }

    /// The interfaces whose calls it records.
    pub(crate) fn recorder_interfaces(&self, peer: u64, number: u64) -> Vec<Arc<Interface>> {
        let inner = self.recorders.lock();
        inner
            .recorders
            .get(&number)
            .filter(|recorder| recorder.peer == peer)
            .map(|recorder| recorder.interfaces.clone())
            .unwrap_or_default()
    }

    /// Records a call.
    ///
    /// # Errors
    /// `DISP_E_MEMBERNOTFOUND`, `DISP_E_TYPEMISMATCH`, `MQ_ERROR_INSUFFICIENT_RESOURCES`, `COMQC_E_BAD_MESSAGE`.
    pub(crate) fn record_call(&self, peer: u64, number: u64, call: &Recorded<'_>) -> Result<(), Failure> {
        let mut inner = self.recorders.lock();
        let held: usize = inner.recorders.values().filter(|recorder| recorder.peer == peer).map(|recorder| recorder.calls.size()).sum();
        if held + call.arguments.len() > HEAVIEST {
            let sentence = format!("the recorders of this connection hold {held} bytes: commit or abort some");
            return Err(Failure::refused(common::MQ_ERROR_INSUFFICIENT_RESOURCES, sentence));
        }
        let recorder = inner.recorders.get_mut(&number).filter(|recorder| recorder.peer == peer).ok_or_else(gone)?;
        let named = |interface: &&Arc<Interface>| call.interface.is_none_or(|name| interface.dbus_name() == name);
        let found = recorder.interfaces.iter().filter(named).find_map(|interface| Some((interface, interface.method(call.member)?)));
        let (interface, method) = found.ok_or_else(|| {
            let sentence = format!("no interface on which calls are queued has a method {}", call.member);
            Failure::refused(common::DISP_E_MEMBERNOTFOUND, sentence)
        })?;
        let signature = method.signature().map_err(|reason| Failure::refused(common::E_UNEXPECTED, reason.to_string()))?;
        let malformed = |error: consign_core::marshal::Malformed| {
            Failure::refused(common::COMQC_E_BAD_MESSAGE, format!("the arguments of {}: {error}", call.member))
        };
        check(call.arguments, &call.signature, call.endian).map_err(malformed)?;
        let (iid, name) = (interface.iid, method.name.clone());
        // Whether the types of the arguments stand in parentheses is not told; their bytes are the same.
        if call.signature == signature || signature.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) == Some(&call.signature) {
            recorder.push(iid, &name, &signature, call.arguments, call.endian)
        } else {
            // Values take many times the room of their bytes.
            if call.arguments.len() > LONGEST_CONVERTED {
                let sentence = format!("{name} takes \"{signature}\", not \"{}\", and is too long to be converted", call.signature);
                return Err(Failure::refused(common::DISP_E_TYPEMISMATCH, sentence));
            }
            let values = Value::read_all(call.arguments, &call.signature, call.endian).map_err(malformed)?;
            let kinds: Vec<&Type> = method.parameters.iter().map(|parameter| &parameter.kind).collect();
            let mismatch = || {
                let sentence = format!("{name} takes \"{signature}\", not \"{}\"", call.signature);
                Failure::refused(common::DISP_E_TYPEMISMATCH, sentence)
            };
            let mut writer = Writer::default();
            if values.len() != kinds.len() {
                return Err(mismatch());
            }
            for (value, kind) in values.into_iter().zip(kinds) {
                text_as(value, kind).write(&mut writer);
            }
            // What was no text is as it was, and wrong.
            check(writer.as_bytes(), &signature, Endian::Little).map_err(|_| mismatch())?;
            recorder.push(iid, &name, &signature, writer.as_bytes(), Endian::Little)
        }
    }

    /// Stores the message; `None` where nothing was recorded. The recorder is gone, unless it is refused.
    ///
    /// # Errors
    /// As [`Queues::record`].
    pub(crate) async fn commit_recorder(&self, peer: u64, number: u64, caller: Caller) -> Result<Option<MessageId>, Failure> {
        let recorder = self.take_recorder(peer, number).ok_or_else(gone)?;
        let Some(calls) = recorder.calls.clone().finish() else { return Ok(None) };
        let stored = self.record(recording(recorder.class, &recorder.moniker, calls, caller)).await;
        if stored.is_err() {
            // What was recorded is not lost: it can be committed when the reason has gone.
            self.recorders.lock().recorders.insert(number, recorder);
        }
        stored.map(Some)
    }

    /// Forgets what was recorded.
    ///
    /// # Errors
    /// When there is no such recorder.
    pub(crate) fn abort_recorder(&self, peer: u64, number: u64) -> Result<(), Failure> {
        self.take_recorder(peer, number).map(drop).ok_or_else(gone)
    }

    /// The connection of this peer has ended, and its recorders with it.
    pub(crate) fn peer_gone(&self, peer: u64) {
        self.recorders.lock().recorders.retain(|_, recorder| recorder.peer != peer);
    }

    fn take_recorder(&self, peer: u64, number: u64) -> Option<Recorder> {
        let mut inner = self.recorders.lock();
        inner.recorders.get(&number).filter(|recorder| recorder.peer == peer)?;
        inner.recorders.remove(&number)
    }
}

impl Recorders {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder {
    fn push(&mut self, iid: Guid, name: &str, signature: &str, arguments: &[u8], endian: Endian) -> Result<(), Failure> {
        match self.endian {
            None => {
                self.calls = Calls::builder_of(endian);
                self.endian = Some(endian);
            }
            Some(first) if first == endian => {}
            Some(_) => return Err(Failure::refused(common::E_INVALIDARG, "the calls of one message have the same order of bytes")),
        }
        let refused = |error: consign_core::calls::TooMuch| Failure::refused(common::MQ_ERROR_INSUFFICIENT_RESOURCES, error.to_string());
        self.calls.push_arguments(iid, name, signature, arguments).map_err(refused)
    }
}

fn recording(class: Guid, moniker: &Moniker, calls: Calls, caller: Caller) -> Recording {
    let seconds = |limit| match limit {
        TimeLimit::Infinite => None,
        TimeLimit::LongLived => Some(consign_core::moniker::LONG_LIVED_SECONDS),
        TimeLimit::Seconds(seconds) => Some(seconds),
    };
    Recording {
        class: class.to_string(),
        label: moniker.label.clone(),
        priority: moniker.priority.number(),
        app_specific: moniker.app_specific,
        time_to_receive: seconds(moniker.time_to_receive).map(|seconds| std::time::Duration::from_secs(seconds.into())),
        calls,
        caller,
    }
}

/// A string for a parameter that keeps strings in another form: who writes no C has no `BSTR`.
fn text_as(value: Value, kind: &Type) -> Value {
    match (value, kind.target()) {
        (Value::Text(text), Type::String(StringForm::Bstr | StringForm::Wide)) => {
            let units = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            Value::Structure(vec![Value::Bool(true), Value::Bytes(units)])
        }
        (Value::Text(text), Type::String(StringForm::Narrow)) => Value::Structure(vec![Value::Bool(true), Value::Bytes(text.into_bytes())]),
        (Value::Text(text), Type::Guid) => match text.parse::<Guid>() {
            Ok(guid) => Value::Bytes(guid.as_bytes().to_vec()),
            Err(_) => Value::Text(text),
        },
        (value, _) => value,
    }
}

fn gone() -> Failure {
    Failure::refused(common::RPC_E_DISCONNECTED, "there is no such recorder: it was committed or aborted, or is another connection's")
}
