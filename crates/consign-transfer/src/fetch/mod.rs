//! Fetches one file: from a URL into its temporary file, across every interruption.
//!
//! Owns connections, TLS and the writing of temporary files. Knows nothing of jobs, their states
//! or their store: it is told what to fetch and what is on disk already, and says what came of it.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;

mod task;

mod fetcher;

mod download;
mod local;
mod remote;

mod address;
mod head;
mod proxy;
mod ranges;

mod client;
mod connect;
mod pool;
mod tls;
mod tunnel;

mod digest;
mod sink;
mod stage;
mod syncer;

mod trouble;

#[cfg(test)]
mod tests;

pub(crate) use fetcher::Fetcher;
pub(crate) use task::{Checkpoint, FetchFailure, FileFacts, FileTask, JobContext, Observer, Outcome, ProxyEnvironment, Retry, Validator};
