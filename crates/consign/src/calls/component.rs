use std::{fmt, sync::Arc};

use consign_core::{
    Calls, Guid, Hresult, Interface as InterfaceModel,
    calls::Call,
    common::{CONTEXT_E_ABORTED, E_FAIL, E_NOINTERFACE, REGDB_E_IIDNOTREG},
    marshal::Reader,
};
use futures_util::{FutureExt, future::BoxFuture};

use super::{
    Described, Dispatch, FinalRetry, Playback, PlaybackControl,
    described::{guarded, refuse},
};
use crate::{Error, Result};

/// A queued component: what makes its objects, and the interfaces whose calls are played on them.
///
/// ```
/// use consign::{Component, Playback, Result};
///
/// #[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9", queueable)]
/// pub trait Shipment {
///     /// Ships an order.
///     async fn ship_order(&self, order_number: u32) -> Result<()>;
/// }
///
/// struct Shipper {
///     playback: Playback,
/// }
///
/// impl Shipment for Shipper {
///     async fn ship_order(&self, order_number: u32) -> Result<()> {
///         println!("order {order_number} in message {}", self.playback.message().id);
///         Ok(())
///     }
/// }
///
/// let component = Component::new(|playback| Ok(Shipper { playback })).interface::<IShipment>();
/// ```
pub struct Component<T> {
    create: Arc<dyn Fn(Playback) -> Result<T> + Send + Sync>,
    interfaces: Vec<Implemented<T>>,
    control: Option<Control<T>>,
}

/// An interface of a component.
struct Implemented<T> {
    described: &'static Described,
    dispatch: for<'a> fn(&'a T, &str, &str, Reader<'a>) -> BoxFuture<'a, Result<()>>,
}

/// `IPlaybackControl` of a component.
type Control<T> = for<'a> fn(&'a T, FinalRetry) -> BoxFuture<'a, Result<()>>;

/// What messages are played on, whatever the type of its objects.
pub trait Player: Send + Sync + 'static {
    /// The interfaces whose calls it understands.
    fn interfaces(&self) -> Vec<&'static InterfaceModel>;

    /// Whether it is an exception class, too.
    fn has_playback_control(&self) -> bool;

    /// Makes an object, and makes the calls on it in order, up to the first that fails.
    ///
    /// Before anything is done, every method of the message is looked at: one that is not understood leaves no
    /// effects of those before it.
    fn play<'a>(&'a self, playback: Playback, calls: &'a Calls) -> BoxFuture<'a, Played>;

    /// As [`Self::play`], and `FinalServerRetry` or `FinalClientRetry` before the first call. `E_NOINTERFACE` where it is no
    /// exception class.
    fn play_finally<'a>(&'a self, retry: FinalRetry, playback: Playback, calls: &'a Calls) -> BoxFuture<'a, Played>;
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Played {
    /// All calls were made, and nobody voted to abort.
    Done,
    /// The message goes back.
    Failed(PlayFailure),
    /// The component does not know an interface or a method of the message, or knows it otherwise. Nothing was
    /// done; trying again is of no use until there is another component.
    NotUnderstood(PlayFailure),
}

/// Why a message was not played to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayFailure {
    /// Which call, from 0; `None` where it is none of them: the object could not be made.
    pub call: Option<u32>,
    /// Which HRESULT; always a failure. `CONTEXT_E_ABORTED` is a vote to abort, and the call the last one.
    pub code: Hresult,
    /// Why, as the component says it.
    pub sentence: String,
}

impl<T: Send + Sync + 'static> Component<T> {
    /// A component whose objects `create` makes, one for each playback. It has no interfaces yet.
    pub fn new(create: impl Fn(Playback) -> Result<T> + Send + Sync + 'static) -> Self {
        Self { create: Arc::new(create), interfaces: Vec::new(), control: None }
    }

    /// Adds an interface: its own methods, and those that it inherits.
    #[must_use]
    pub fn interface<I: Dispatch<T>>(mut self) -> Self {
        self.interfaces.push(Implemented { described: I::described(), dispatch: I::dispatch });
        self
    }

    /// Makes it an exception class.
    #[must_use]
    pub fn playback_control(mut self) -> Self
    where
        T: PlaybackControl,
    {
        self.control = Some(|object, retry| match retry {
            FinalRetry::Server => object.final_server_retry().boxed(),
            FinalRetry::Client => object.final_client_retry().boxed(),
        });
        self
    }

    async fn play_all(&self, retry: Option<FinalRetry>, playback: Playback, calls: &Calls) -> Played {
        // `each` gives them one after the other, and cannot wait in between.
        let mut in_order: Vec<Call<'_>> = Vec::with_capacity(calls.len());
        calls.each(|call| in_order.push(call));
        let methods = calls.methods();
        let mut implemented = Vec::with_capacity(methods.len());
        for (place, method) in methods.iter().enumerate() {
            let known = self.implemented(method.iid).ok_or_else(|| {
                refuse(
                    REGDB_E_IIDNOTREG,
                    format!("the component has no interface {}, whose method `{}` is called", method.iid, method.name),
                )
            });
            match known.and_then(|known| known.described.understands(method.name, method.signature).map(|()| known)) {
                Ok(known) => implemented.push(known),
                Err(error) => {
                    let first = in_order.iter().position(|call| call.method == place);
                    return Played::NotUnderstood(PlayFailure::of(first, &error));
                }
            }
        }
        let object = match self.make(retry, &playback).await {
            Ok(object) => object,
            Err(error) => return Played::Failed(PlayFailure::of(None, &error)),
        };
        for (place, call) in in_order.iter().enumerate() {
            let (Some(known), Some(method)) = (implemented.get(call.method), methods.get(call.method)) else { continue };
            let arguments = Reader::new(call.arguments, call.endian);
            if let Err(error) = (known.dispatch)(&object, method.name, method.signature, arguments).await {
                return Played::Failed(PlayFailure::of(Some(place), &error));
            }
        }
        if playback.is_aborted() {
            let last = in_order.len().checked_sub(1);
            return Played::Failed(PlayFailure::of(last, &refuse(CONTEXT_E_ABORTED, "the component voted to abort")));
        }
        Played::Done
    }

    /// The interface of this IID, or one that derives from it.
    fn implemented(&self, iid: Guid) -> Option<&Implemented<T>> {
        let exact = self.interfaces.iter().find(|known| known.described.model().iid == iid);
        exact.or_else(|| self.interfaces.iter().find(|known| known.described.model().derives_from(iid)))
    }

    async fn make(&self, retry: Option<FinalRetry>, playback: &Playback) -> Result<T> {
        let control = match (retry, self.control) {
            (None, _) => None,
            (Some(retry), Some(control)) => Some((retry, control)),
            (Some(_), None) => return Err(refuse(E_NOINTERFACE, "the class is no exception class: it has no IPlaybackControl")),
        };
        let object = guarded(async { (self.create)(playback.clone()) }).await?;
        if let Some((retry, control)) = control {
            guarded(async { control(&object, retry).await }).await?;
        }
        Ok(object)
    }
}

impl<T: Send + Sync + 'static> Player for Component<T> {
    fn interfaces(&self) -> Vec<&'static InterfaceModel> {
        self.interfaces.iter().map(|known| known.described.model()).collect()
    }

    fn has_playback_control(&self) -> bool {
        self.control.is_some()
    }

    fn play<'a>(&'a self, playback: Playback, calls: &'a Calls) -> BoxFuture<'a, Played> {
        self.play_all(None, playback, calls).boxed()
    }

    fn play_finally<'a>(&'a self, retry: FinalRetry, playback: Playback, calls: &'a Calls) -> BoxFuture<'a, Played> {
        self.play_all(Some(retry), playback, calls).boxed()
    }
}

impl PlayFailure {
    fn of(call: Option<usize>, error: &Error) -> Self {
        // A component that fails with a code of success has failed.
        let code = if error.code().is_failure() { error.code() } else { E_FAIL };
        Self { call: call.and_then(|call| u32::try_from(call).ok()), code, sentence: error.to_string() }
    }
}

impl<T> fmt::Debug for Component<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.interfaces.iter().map(|known| &known.described.model().name)).finish()
    }
}
