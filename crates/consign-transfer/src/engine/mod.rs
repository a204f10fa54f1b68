//! The engine's shell: takes calls, lets the machine decide, commits, then acts.

mod api;
mod handle;
mod service;

pub use api::{AutoComplete, Change, Due, EngineStatus, FileView, JobError, JobEvent, JobProgress, JobView, Listing, NewFile, NewJob};
pub use handle::{Engine, EngineOptions};
