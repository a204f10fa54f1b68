//! The limits that the starter's shell put on this process.

use std::io;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

/// Lets a write beyond `ulimit -f` fail with an error that a job can tell of. Otherwise the kernel
/// ends the process for it. Holds for the rest of the process's life.
pub(super) fn survive_file_size() -> io::Result<()> {
    // Nobody listens: a signal with a handler is enough, and a handler that was set is never taken away.
    signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map(drop)
}

/// Raises the number of descriptors to what the starter may have at most. The low default is for
/// programs that use `select`; each file in transfer takes two.
pub(super) fn raise_descriptors() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    Ok(())
}
