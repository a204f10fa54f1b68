use std::sync::{Mutex, MutexGuard, PoisonError};

use consign_core::{
    Calls, Moniker, Object, RecorderMoniker,
    calls::{CallsBuilder, LONGEST, TooMuch},
    common::{COMQC_E_NO_QUEUEABLE_INTERFACES, E_INVALIDARG, MQ_ERROR_INSUFFICIENT_RESOURCES},
    marshal::{Endian, Writer, check},
    moniker::BadMoniker,
};

use super::{Arguments, Described, Interface, described::refuse};
use crate::{Client, Result};

/// Records calls, which become one message: all of them, on all interfaces, in the order in which they were
/// made. Corresponds to what `CoGetObject("queue:/new:…")` gives.
///
/// What a call on it answers says whether it was recorded; the component is not asked, and need not be there.
/// Dropping a recorder records nothing.
#[derive(Debug)]
#[must_use = "nothing is sent until it is committed"]
pub struct Recorder {
    target: Moniker,
    longest: usize,
    content: Mutex<Content>,
    /// Who stores the message.
    client: Option<Client>,
}

#[derive(Debug, Default)]
struct Content {
    calls: CallsBuilder,
    /// The arguments of the call that is being recorded, and where each of them starts.
    arguments: Writer,
    starts: Vec<usize>,
}

impl Recorder {
    /// For messages that are at most about `longest` bytes long.
    pub(crate) fn new(target: Moniker, longest: usize) -> Self {
        Self { target, longest, content: Mutex::default(), client: None }
    }

    /// A recorder that needs no service, for who stores the message himself: in an outbox (`consign-outbox`),
    /// or wherever [`into_calls`](Self::into_calls) goes. `target` is what [`Client::recorder`] takes. It
    /// cannot be committed: [`Error::NotRunning`](crate::Error::NotRunning).
    ///
    /// # Errors
    /// `MK_E_SYNTAX`, `E_INVALIDARG`, `CO_E_CLASSSTRING`, `MQ_ERROR_LABEL_TOO_LONG`: the text.
    pub fn detached(target: &str) -> Result<Self> {
        let moniker = if target.contains(':') { target.parse() } else { format!("queue:/new:{target}").parse() };
        let moniker: Moniker = moniker.map_err(|bad: BadMoniker| refuse(bad.code, bad.to_string()))?;
        Ok(Self::new(moniker, LONGEST))
    }

    pub(super) fn with_client(self, client: Client) -> Self {
        Self { client: Some(client), ..self }
    }

    pub(super) fn take_client(&mut self) -> Option<Client> {
        self.client.take()
    }

    /// The methods of an interface, which record. Corresponds to `QueryInterface`.
    pub fn interface<I: Interface>(&self) -> I::Recorder<'_> {
        I::recorder(self)
    }

    /// Where the calls go.
    pub fn moniker(&self) -> &Moniker {
        &self.target
    }

    /// The recorder as an argument of a call: who plays the call makes a recorder like this one, and answers
    /// on its interface `I`. What was recorded here stays here.
    pub fn object<I: Interface>(&self) -> Object {
        Object::Recorder(RecorderMoniker { moniker: self.target.to_string(), iid: I::IID })
    }

    /// How many calls were recorded.
    pub fn len(&self) -> usize {
        self.content().calls.len()
    }

    /// Whether none was recorded. Then there will be no message.
    pub fn is_empty(&self) -> bool {
        self.content().calls.is_empty()
    }

    /// About how long the message will be, in bytes; never less than it is.
    pub fn size(&self) -> usize {
        self.content().calls.size()
    }

    /// What was recorded; `None` where that is nothing.
    pub fn into_calls(self) -> Option<Calls> {
        self.content.into_inner().unwrap_or_else(PoisonError::into_inner).calls.finish()
    }

    /// Records a call of the method in this place. A call that is refused leaves those before it as they were.
    ///
    /// # Errors
    /// `MQ_ERROR_INSUFFICIENT_RESOURCES` (the message would be too long), `E_INVALIDARG` (an argument cannot
    /// be written down; the sentence names it), `COMQC_E_NO_QUEUEABLE_INTERFACES` (the method cannot be queued).
    #[doc(hidden)]
    pub fn append(&self, described: &'static Described, place: usize, write: impl FnOnce(&mut Arguments<'_>)) -> Result<()> {
        let (method, signature) = described.called(place)?;
        let Content { calls, arguments, starts } = &mut *self.content();
        arguments.clear();
        starts.clear();
        write(&mut Arguments { writer: arguments, starts });
        // Whoever plays it would refuse it, but then nobody could be told any more.
        if let Err(malformed) = check(arguments.as_bytes(), signature, Endian::Little) {
            // The fault is told behind the bytes that have it.
            let place = starts.iter().rposition(|start| *start < malformed.at).unwrap_or_default();
            let parameter = method.parameters.get(place);
            let name = parameter.map_or("?", |parameter| &parameter.name);
            return Err(refuse(E_INVALIDARG, format!("the argument `{name}` of `{}` cannot be recorded: {}", method.name, malformed.what)));
        }
        let more = method.name.len() + signature.len() + arguments.as_bytes().len() + 64;
        if calls.size() + more > self.longest {
            let sentence = format!("`{}` is not recorded: the message would be longer than {} bytes", method.name, self.longest);
            return Err(refuse(MQ_ERROR_INSUFFICIENT_RESOURCES, sentence));
        }
        calls.push_arguments(described.model().iid, &method.name, signature, arguments.as_bytes()).map_err(|reason| {
            let code = match reason {
                TooMuch::TooLong | TooMuch::TooManyMethods => MQ_ERROR_INSUFFICIENT_RESOURCES,
                TooMuch::BadMethod => COMQC_E_NO_QUEUEABLE_INTERFACES,
            };
            refuse(code, format!("`{}` is not recorded: {reason}", method.name))
        })
    }

    /// A panic while an argument was being written leaves the calls as they were.
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
