//! The same calls for threads that run no async runtime.
//!
//! Every client has a small runtime of its own inside. Calls made on a thread that runs an async
//! runtime fail with [`Error::InsideRuntime`] instead of blocking it.
//!
//! ```no_run
//! use consign::{JobType, blocking::Client};
//!
//! # fn main() -> consign::Result<()> {
//! let job = Client::connect()?.create_job("maps", JobType::Download)?;
//! job.add_file("https://example.org/maps.tar", "/srv/maps/maps.tar")?;
//! job.resume()?;
//! # Ok(()) }
//! ```

mod callback;
mod client;
mod component;
mod job;
mod queues;
mod server;

pub use callback::BackgroundCopyCallback;
pub use client::{Client, Events};
pub use job::{Job, JobChanges};
pub use queues::{MessageList, QueueEvents, Recorder};
pub use server::Server;

use std::sync::Arc;

use tokio::runtime::{Builder, Handle};

use crate::{Error, Result};

/// What the calls run on. Its one thread also reads the connection between calls.
#[derive(Clone)]
struct Runtime(Arc<Owned>);

struct Owned(Option<tokio::runtime::Runtime>);

impl Runtime {
    fn new() -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("consign-client").enable_all().build();
        Ok(Self(Arc::new(Owned(Some(runtime.map_err(Error::NoRuntime)?)))))
    }

    fn run<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        match &self.0.0 {
            Some(runtime) if Handle::try_current().is_err() => runtime.block_on(call),
            _ => Err(Error::InsideRuntime),
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // An ordinary drop waits for the threads, and may not be done inside another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_inside_a_runtime_is_refused() {
        let runtime = Runtime::new().unwrap();
        assert!(matches!(runtime.run(async { Ok(1) }), Err(Error::InsideRuntime)));
    }

    #[test]
    fn a_call_outside_is_run() {
        assert_eq!(Runtime::new().unwrap().run(async { Ok(1) }).unwrap(), 1);
    }
}
