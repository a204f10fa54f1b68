//! The engine's shell: takes calls and reports, lets the machine decide, commits, then acts.
//!
//! Reading order: what callers see ([`api`], [`handle`]), the loop ([`service`]), the calls
//! ([`call`]), the carrying of files ([`carry`], [`outcome`]), telling owners ([`notify`]), and what these
//! stand on.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;

mod api;
mod handle;

mod service;

mod call;
mod carry;
mod notify;
mod outcome;
mod start;

mod batch;
mod callees;
mod entry;
mod folders;
mod handling;
mod index;
mod intake;
mod lazy;
mod naming;
mod network;
mod notice;
mod record;
mod report;
mod schedule;
mod view;

pub use api::{
    AutoComplete, Change, Due, EngineStatus, FileView, JobError, JobEvent, JobProgress, JobView, Listing, NewFile, NewJob, PeerAvailability,
};
pub use handle::{Engine, EngineOptions, PlacedFiles};
pub use notice::{CommandLine, Notice, NoticeKind, ObjectId, Receiver, Told};
pub use notify::{NoReceivers, Receivers, Telling, Validity};
