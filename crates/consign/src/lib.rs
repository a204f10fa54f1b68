//! Hands files and method calls to a service that keeps its word when the application is gone.
//!
//! A [`Client`] talks to the background service of this user, and starts it when it is not
//! running. A [`Job`] is one set of files to fetch; it is what BITS calls
//! `IBackgroundCopyJob`, with the same states, limits and numbers. Once resumed, a job goes on
//! by itself: after the application has ended, after the network was away, after the machine was
//! restarted. Its owner looks at it whenever it likes, and completes it to have the files.
//!
//! ```no_run
//! use consign::{Client, JobType};
//!
//! #[tokio::main]
//! async fn main() -> consign::Result<()> {
//!     let client = Client::connect().await?;
//!     let job = client.create_job("maps", JobType::Download).await?;
//!     job.add_file("https://example.org/maps.tar", "/srv/maps/maps.tar").await?;
//!     job.resume().await?;
//!     let snapshot = job.wait_until_ended_or_error().await?;
//!     match snapshot.error {
//!         None => println!("{}", job.complete().await?),
//!         Some(error) => eprintln!("{}", error.failure),
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Calls on an interface ([`interface`](macro@interface)) are recorded with a [`Recorder`], and played on a [`Component`] that a
//! [`Server`] serves: later, when it can run, also after the application has ended.
//!
//! [`blocking`] has the same calls for threads that run no async runtime. With the feature
//! `embedded`, `embedded` runs the engine inside the application instead of the service.
//!
//! Times are [`Timestamp`]s (UTC, milliseconds), durations are in seconds, sizes in bytes. Every
//! [`Error`] carries an [`Hresult`] that can be looked up anywhere.

mod callback;
mod callbacks;
mod calls;
mod change;
mod changes;
mod classes;
mod client;
mod components;
mod connection;
mod error;
mod events;
mod file;
mod job;
mod outboxes;
mod queues;
mod server;
mod snapshot;
mod start;
mod status;

pub mod blocking;
#[cfg(feature = "embedded")]
pub mod embedded;

pub use callback::{BackgroundCopyCallback, EventId};
pub use calls::{
    Component, Dispatch, FinalRetry, IID_IPLAYBACKCONTROL, Interface, PlayFailure, Playback, PlaybackControl, Played, PlayedMessage,
    Player, Recorder,
};
pub use change::{AutoComplete, Change, CommandLine};
pub use changes::JobChanges;
pub use classes::{Class, ClassDetails, ClassHost, ClassProblem, ClassReport, OutputLine, ServerState, Unregister};
pub use client::{Client, ConnectOptions, JobOptions, Listing, ProxyEnvironment, StartPolicy};
pub use components::{ComponentDetails, ComponentInterface, ComponentSummary, ListenerState, Queuing};
pub use error::{Error, Result};
pub use events::{ClientEvent, Events, Interest};
pub use file::{JobFile, PeerAvailability, Validity};
pub use job::{Job, NewFile};
pub use outboxes::{OutboxSnapshot, OutboxState};
pub use queues::{
    Attempt, MessageDetails, MessageList, MessageSummary, QueueEvent, QueueEvents, QueuePolicy, QueueSummary, RetryQueue, Selection,
    Standing, Turn,
};
pub use server::Server;
pub use snapshot::{FileSnapshot, JobError, JobProgress, JobSnapshot, JobSummary, JobTimes};
pub use status::ServiceStatus;

pub use consign_bits::{
    Checksum, ChecksumAlgorithm, Description, ErrorContext, Failure, FileRange, JobId, JobState, JobType, LENGTH_TO_EOF, NotifyFlags,
    ParseChecksumError, ParseJobIdError, Priority, ProxySettings, ProxyUsage, RangeSupport, SIZE_UNKNOWN, SecurityFlags, ShownUrl,
    UnknownValue, bits, describe, limits, wininet,
};
pub use consign_core::{
    Calls, Guid, Hresult, Interface as InterfaceModel, Moniker, Object, Paths, PersistError, PersistStream, Persisted, Playable, Queueable,
    RecorderMoniker, Timestamp, automation, common, moniker, paths::NoHome,
};

/// Lets a structure or an enumeration be an argument of a queued call.
///
/// A structure is kept as its fields, one after the other, and has at least one; an enumeration has no fields,
/// and is kept as a number of 32 bits. What is kept has no names in it: fields that change places, or values
/// that change numbers, mean something else in messages that wait. `#[queueable(uuid = "…")]` gives a
/// structure the UUID that COM+ asks for.
///
/// ```
/// use consign::Queueable;
///
/// #[derive(Queueable)]
/// enum Speed {
///     Slow = 1,
///     Fast = 2,
/// }
///
/// #[derive(Queueable)]
/// struct Parcel {
///     weight_in_grams: u32,
///     label: Option<String>,
///     speed: Speed,
/// }
/// ```
///
/// A type that holds itself has no form, also when it does so through another one:
///
/// ```compile_fail,E0391
/// #[derive(consign::Queueable)]
/// struct One {
///     others: Vec<Other>,
/// }
///
/// #[derive(consign::Queueable)]
/// struct Other {
///     one: Option<One>,
/// }
/// ```
pub use consign_macros::Queueable;

/// Describes a queued interface: a trait whose calls can be written down, and made on another day, in another
/// process.
///
/// From a trait `Shipment` it makes `IShipment`, which stands for the interface ([`Interface`]), and
/// `ShipmentRecorder`, which has the same methods and records ([`Recorder::interface`]). Whoever implements
/// the trait is a component ([`Component`]).
///
/// | key | meaning |
/// | --- | --- |
/// | `uuid = "…"` | its IID: names this list of methods for ever. Whoever changes the list gives it a new one |
/// | `queueable` | queuing is switched on when the interface is registered |
/// | `dual` | it derives from `IDispatch` |
/// | `base = path::IOther` | it derives from that interface: the trait `path::Other` is its supertrait, its recorder has the methods of both |
///
/// A method takes `&self`, and what can be written down ([`Queueable`](trait@Queueable)): owned, or as `&str`, `&[T]`, `&T`, which
/// is copied when the call is recorded. It returns `consign::Result<()>` and nothing else. `async fn` is a
/// future that is `Send`. `#[id(1)]` gives it a DISPID, its documentation becomes the `helpstring`.
///
/// ```
/// use consign::{Interface, Result};
///
/// #[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9", queueable)]
/// pub trait Shipment {
///     /// Ships an order.
///     async fn ship_order(&self, order_number: u32) -> Result<()>;
/// }
///
/// assert!(IShipment::model().supports_queueing());
/// assert_eq!(IShipment::model().methods[0].name, "ShipOrder");
/// ```
pub use consign_macros::interface;

/// What the code that [`interface`] and [`Queueable`](derive@Queueable) generate names. It changes with them.
#[doc(hidden)]
pub mod generated {
    pub use crate::calls::{Arguments, Described, answered, levels::*, not_a_member, play};
    pub use consign_core::{
        interface::{Element, Field, Type},
        marshal::{Malformed, Reader, Writer},
    };
    pub use futures_util::future::BoxFuture;
}

#[cfg(test)]
extern crate self as consign;
