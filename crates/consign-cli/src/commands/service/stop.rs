//! `consign service stop`.

use std::{io, time::Duration};

use consign::Error;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};

use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
};

/// Transfers come to a point from which they go on; that takes two seconds, not twenty.
const LIMIT: Duration = Duration::from_secs(20);

pub(super) async fn run(console: &Console) -> Outcome {
    let failed = |error| Problem::of("the service was not stopped", &error);
    let client = match super::running().await {
        Ok(client) => client,
        Err(Error::NotRunning) => return report("the service is not running", console),
        Err(error) => return Err(failed(error)),
    };
    let process = client.status().await.map_err(failed)?.process_id;
    // Opened while it surely lives: later the number could be somebody else's.
    let process = i32::try_from(process).ok().and_then(Pid::from_raw).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    client.stop().await.map_err(failed)?;
    let ended = tokio::time::timeout(LIMIT, client.closed()).await.is_ok();
    // The connection closes before the process has let go of its state.
    let ended = ended && process.is_none_or(|process| wait(&process).is_ok_and(|ended| ended));
    if !ended {
        return Err(Problem::failed("the service was not stopped", format!("it did not end within {} seconds", LIMIT.as_secs())));
    }
    report("the service has ended; its jobs go on when it is started again", console)
}

fn report(sentence: &str, console: &Console) -> Outcome {
    match console.form {
        Form::People => console.line(sentence)?,
        Form::Programs => console.document(&document::Service::STOPPED)?,
    }
    Ok(Exit::Done)
}

/// Whether the process ended in time.
fn wait(process: &impl std::os::fd::AsFd) -> io::Result<bool> {
    let limit = Timespec { tv_sec: LIMIT.as_secs().cast_signed(), tv_nsec: 0 };
    loop {
        match poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&limit)) {
            Err(rustix::io::Errno::INTR) => {}
            result => return Ok(result? > 0),
        }
    }
}
