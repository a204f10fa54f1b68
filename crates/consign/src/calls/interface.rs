use consign_core::{Guid, Interface as InterfaceModel, marshal::Reader};
use futures_util::future::BoxFuture;

use super::{Described, Recorder};
use crate::Result;

/// An interface on which calls can be queued. `#[consign::interface]` makes a type for each, which has no
/// values: `IShipment` stands for the interface of the trait `Shipment`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no interface",
    note = "`#[consign::interface]` on a trait `Shipment` makes the interface `IShipment`"
)]
pub trait Interface: Sized + 'static {
    /// Its IID.
    const IID: Guid;

    /// What records calls on it: `ShipmentRecorder`.
    type Recorder<'r>;

    /// What the attribute saw.
    #[doc(hidden)]
    fn described() -> &'static Described;

    /// Records calls under the IID of `described`: this interface, or one that derives from it.
    #[doc(hidden)]
    fn recorder_as<'r>(recorder: &'r Recorder, described: &'static Described) -> Self::Recorder<'r>;

    /// Its model: what [`InterfaceModel::obstacles`] judges, and what is registered with the service.
    fn model() -> &'static InterfaceModel {
        Self::described().model()
    }

    /// Its methods, as they are recorded on `recorder`. The same as [`Recorder::interface`].
    fn recorder(recorder: &Recorder) -> Self::Recorder<'_> {
        Self::recorder_as(recorder, Self::described())
    }
}

/// An interface whose recorded calls can be made on a `T`. `#[consign::interface]` implements it for all
/// that implement the trait.
#[diagnostic::on_unimplemented(message = "calls on `{Self}` cannot be played on `{T}`", label = "no interface of `{T}`")]
pub trait Dispatch<T>: Interface {
    /// Makes one call. The arguments are those of `signature`.
    ///
    /// # Errors
    /// `DISP_E_MEMBERNOTFOUND` (no such method), `DISP_E_TYPEMISMATCH` (the method takes other types),
    /// `COMQC_E_BAD_MESSAGE` (the arguments cannot be read), `RPC_E_SERVERFAULT` (the method panicked), and
    /// whatever the method answers.
    fn dispatch<'a>(object: &'a T, method: &str, signature: &str, arguments: Reader<'a>) -> BoxFuture<'a, Result<()>>;
}
