//! A process of which we only know the number.

use std::{
    os::fd::OwnedFd,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

/// Held by a descriptor: the number may be somebody else's once the process has ended.
#[derive(Clone, Debug)]
pub(super) struct Process(Arc<OwnedFd>);

impl Process {
    /// To be called while the process surely lives; `None` where it does not.
    pub(super) fn open(number: u32) -> Option<Self> {
        let number = i32::try_from(number).ok().and_then(Pid::from_raw)?;
        Some(Self(Arc::new(pidfd_open(number, PidfdFlags::empty()).ok()?)))
    }

    /// SIGKILL.
    pub(super) fn kill(&self) -> rustix::io::Result<()> {
        pidfd_send_signal(&*self.0, Signal::KILL)
    }

    /// Whether it ended in time.
    pub(super) async fn ended(&self, limit: Duration) -> bool {
        let process = Arc::clone(&self.0);
        let wait = move || {
            let began = Instant::now();
            loop {
                let left = limit.saturating_sub(began.elapsed());
                let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
                match poll(&mut [PollFd::new(&*process, PollFlags::IN)], Some(&left)) {
                    Err(Errno::INTR) => {}
                    result => return result.is_ok_and(|ready| ready > 0),
                }
            }
        };
        tokio::task::spawn_blocking(wait).await.unwrap_or(false)
    }
}
