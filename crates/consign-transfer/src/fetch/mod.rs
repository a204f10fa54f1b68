//! Fetches one file: from a URL into its temporary file, across every interruption.
//!
//! Owns connections, TLS and the writing of temporary files. Knows nothing of jobs, their states
//! or their store: it is told what to fetch and what is on disk already, and says what came of it.

mod task;

pub(crate) use task::{Checkpoint, FetchFailure, FileFacts, FileTask, JobContext, Observer, Outcome, ProxyEnvironment, Retry, Validator};
