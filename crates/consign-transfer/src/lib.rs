//! The transfer engine: jobs that carry files.
//!
//! It knows neither connections nor the service, and can be embedded as it is. What it owns: the
//! jobs, their store, their temporary files, and the connections to servers. Reading order:

pub mod machine;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;

mod settings;

mod engine;
mod fetch;
mod files;

pub use engine::{
    AutoComplete, Change, CommandLine, Due, Engine, EngineOptions, EngineStatus, FileView, JobError, JobEvent, JobProgress, JobView,
    Listing, NewFile, NewJob, NoReceivers, Notice, NoticeKind, ObjectId, PeerAvailability, PlacedFiles, Receiver, Receivers, Telling, Told,
    Validity,
};
pub use settings::{FetchSettings, JobSettings, Limits, Settings};
