//! What the code that `#[consign::interface]` and `#[derive(Queueable)]` generate relies on. It emits
//! descriptions; what is done with them stands here.

use std::{any::Any, panic::AssertUnwindSafe};

use consign_bits::Failure;
use consign_core::{
    Guid, Hresult, Interface as InterfaceModel,
    common::{
        COMQC_E_BAD_MESSAGE, COMQC_E_NO_QUEUEABLE_INTERFACES, DISP_E_MEMBERNOTFOUND, DISP_E_TYPEMISMATCH, E_UNEXPECTED, RPC_E_SERVERFAULT,
    },
    interface::{Attributes, Base, Direction, IID_IDISPATCH, IID_IUNKNOWN, Method, MethodKind, Parameter, Reason, Type},
    marshal::{Malformed, Reader, Writer},
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, ready},
};

use crate::{Error, Result};

/// An interface as it was described in Rust: its model, and the signatures of its methods, made once.
#[derive(Debug)]
pub struct Described {
    model: InterfaceModel,
    signatures: Vec<Result<String, Reason>>,
    inherited: usize,
}

impl Described {
    /// An interface that has only the methods of its base as yet.
    pub fn new(iid: Guid, name: &str, help: &str, queueable: bool, dual: bool, base: Option<&'static Self>) -> Self {
        let known = |iid: Guid, name: &str| Base { iid, name: name.to_owned() };
        let (bases, methods, dual) = match base {
            Some(base) => {
                let nearest = known(base.model.iid, &base.model.name);
                let bases = std::iter::once(nearest).chain(base.model.bases.iter().cloned()).collect();
                (bases, base.model.methods.clone(), base.model.attributes.dual)
            }
            None if dual => (vec![known(IID_IDISPATCH, "IDispatch"), known(IID_IUNKNOWN, "IUnknown")], Vec::new(), true),
            None => (vec![known(IID_IUNKNOWN, "IUnknown")], Vec::new(), false),
        };
        let attributes = Attributes { queueable, dual, oleautomation: dual, local: false };
        Self {
            signatures: methods.iter().map(Method::signature).collect(),
            inherited: methods.len(),
            model: InterfaceModel { iid, name: name.to_owned(), help: text(help), bases, attributes, methods },
        }
    }

    /// Adds a method.
    #[must_use]
    pub fn method<const N: usize>(mut self, name: &str, help: &str, dispid: Option<i32>, parameters: [(&str, Type); N]) -> Self {
        let first = if self.model.derives_from(IID_IDISPATCH) { 7 } else { 3 };
        let number = self.model.methods.last().map_or(first, |last| last.number.saturating_add(1));
        let parameters = parameters
            .into_iter()
            .map(|(name, kind)| Parameter { name: name.to_owned(), direction: Direction::In, retval: false, kind })
            .collect();
        let kind = MethodKind::Method;
        let method = Method { name: name.to_owned(), number, dispid, kind, help: text(help), returns: Type::Hresult, parameters };
        self.signatures.push(method.signature());
        self.model.methods.push(method);
        self
    }

    /// The model.
    pub fn model(&self) -> &InterfaceModel {
        &self.model
    }

    /// How many of its methods are those of its base.
    pub fn inherited(&self) -> usize {
        self.inherited
    }

    /// The method in this place, and the signature of what it takes.
    pub(super) fn called(&self, place: usize) -> Result<(&Method, &str)> {
        match (self.model.methods.get(place), self.signatures.get(place)) {
            (Some(method), Some(Ok(signature))) => Ok((method, signature)),
            (Some(method), Some(Err(reason))) => {
                Err(refuse(COMQC_E_NO_QUEUEABLE_INTERFACES, format!("`{}` of {} cannot be queued: {reason}", method.name, self.model.name)))
            }
            _ => Err(refuse(E_UNEXPECTED, format!("{} has no method {place}", self.model.name))),
        }
    }

    /// Whether a call that was recorded like this can be made.
    pub(super) fn understands(&self, name: &str, signature: &str) -> Result<()> {
        match self.model.methods.iter().position(|method| method.name == name) {
            Some(place) => self.takes(place, signature).map(drop),
            None => Err(self.lacks(name)),
        }
    }

    /// The name of the method in this place, which takes what `signature` says.
    fn takes(&self, place: usize, signature: &str) -> Result<&str> {
        let (Method { name, .. }, own) = self.called(place)?;
        if own == signature {
            Ok(name)
        } else {
            let sentence = format!("`{name}` of {} was recorded with `{signature}`, and takes `{own}`", self.model.name);
            Err(refuse(DISP_E_TYPEMISMATCH, sentence))
        }
    }

    fn lacks(&self, name: &str) -> Error {
        refuse(DISP_E_MEMBERNOTFOUND, format!("{} has no method `{name}`", self.model.name))
    }
}

/// The arguments of a call that is being recorded.
#[derive(Debug)]
pub struct Arguments<'a> {
    pub(super) writer: &'a mut Writer,
    pub(super) starts: &'a mut Vec<usize>,
}

impl Arguments<'_> {
    /// Where the next one is appended.
    pub fn next_argument(&mut self) -> &mut Writer {
        self.starts.push(self.writer.as_bytes().len());
        self.writer
    }
}

/// Reads the arguments of a call, and makes it.
pub fn play<'a, V, F>(
    described: &'static Described,
    place: usize,
    signature: &str,
    mut arguments: Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Result<V, Malformed>,
    call: impl FnOnce(V) -> F,
) -> BoxFuture<'a, Result<()>>
where
    F: Future<Output = Result<()>> + Send + 'a,
{
    let name = match described.takes(place, signature) {
        Ok(name) => name,
        Err(error) => return ready(Err(error)).boxed(),
    };
    let values = read(&mut arguments).and_then(|values| arguments.end().map(|()| values));
    match values {
        Ok(values) => guarded(call(values)).boxed(),
        Err(malformed) => {
            let sentence = format!("the arguments of `{name}` cannot be read: {malformed}");
            ready(Err(refuse(COMQC_E_BAD_MESSAGE, sentence))).boxed()
        }
    }
}

/// Where the compiler sees whether the `Result` of a method is the library's own.
pub fn answered(answer: Result<()>) -> Result<()> {
    answer
}

/// What a call of a method that there is not comes to.
pub fn not_a_member<'a>(described: &'static Described, name: &str) -> BoxFuture<'a, Result<()>> {
    ready(Err(described.lacks(name))).boxed()
}

/// Turns a panic into `RPC_E_SERVERFAULT`: the message goes back, and the process lives on.
pub(super) async fn guarded<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    // The object is dropped with the message, so nobody sees what the panic left half done.
    AssertUnwindSafe(future).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    refuse(RPC_E_SERVERFAULT, format!("the component panicked: {}", said.unwrap_or("it did not say why")))
}

pub(super) fn refuse(code: Hresult, sentence: impl Into<String>) -> Error {
    Error::Refused(Failure::refused(code, sentence.into()))
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// What holds at compile time.
pub(crate) mod levels {
    /// How deep a structure of such fields is nested.
    pub const fn levels_of_structure(fields: &[usize]) -> usize {
        let (mut deepest, mut place) = (0, 0);
        while place < fields.len() {
            if fields[place] > deepest {
                deepest = fields[place];
            }
            place += 1;
        }
        assert!(deepest < 16, "its types are nested too deeply: at most 16 levels can be written down");
        deepest + 1
    }

    /// That a value of an enumeration is an `i`.
    pub const fn fits_in_32_bits(value: i128) {
        assert!(
            value >= i32::MIN as i128 && value <= i32::MAX as i128,
            "a value of an enumeration in a message has 32 bits, one of them the sign"
        );
    }
}
