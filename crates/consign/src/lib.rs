//! Hands files to a service that keeps its word when the application is gone.
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
mod connection;
mod error;
mod events;
mod file;
mod job;
mod outboxes;
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
pub use error::{Error, Result};
pub use events::{ClientEvent, Events, Interest};
pub use file::{JobFile, PeerAvailability, Validity};
pub use job::{Job, NewFile};
pub use outboxes::{OutboxSnapshot, OutboxState};
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
pub use consign_macros::{Queueable, interface};

/// What the code that [`interface`] and [`Queueable`](derive@Queueable) generate names. It changes with them.
#[doc(hidden)]
pub mod generated {
    pub use crate::calls::{Arguments, Described, levels::*, not_a_member, play};
    pub use consign_core::{
        interface::{Element, Field, Type},
        marshal::{Malformed, Reader, Writer},
    };
    pub use futures_util::future::BoxFuture;
}

#[cfg(test)]
extern crate self as consign;
