//! A process group of our own: started, followed, signalled, and never left behind. Knows neither
//! classes nor jobs.

use std::{
    ffi::OsStr,
    fmt, fs, io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    process::{Child, Command, ExitStatus, Stdio},
};

use consign_core::common;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open},
};
use tokio::{
    io::{AsyncReadExt, Interest, unix::AsyncFd},
    net::unix::pipe,
};

use crate::{environment::Environment, failure::Failure, policy::Program};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// It returned this status.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl Exit {
    /// Status 0.
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Code(0))
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// A started program and the group of processes that it leads. Dropped, the whole group is killed.
/// What leaves the group (`setsid`) is out of reach: only a service manager can end that.
#[derive(Debug)]
pub(crate) struct Group {
    child: Child,
    leader: Pid,
    end: OwnedFd,
    reaped: bool,
}

/// What tells of a group: its leader's end, and what it writes.
#[derive(Debug)]
pub(crate) struct Voice {
    end: OwnedFd,
    output: OwnedFd,
}

impl Group {
    /// Starts a program: in a group of its own, in `/`, with a stated environment and no descriptor
    /// but an empty input and a pipe that takes output and errors in their order. Marks every other
    /// descriptor of this process as closed on exec. Blocks.
    pub(crate) fn spawn(program: &Program, environment: &Environment) -> Result<(Self, Voice), Failure> {
        let failed = |error: io::Error| {
            let failure = Failure::system(&format!("starting {}", program.path().display()), &error);
            Failure { code: common::CO_E_SERVER_EXEC_FAILURE, ..failure }
        };
        let (output, input) = io::pipe().map_err(failed)?;
        program.confirm()?;
        // What is opened here is closed on exec; what this process was itself given may not be.
        close_fds::set_fds_cloexec(3, &[]);
        let mut command = Command::new(program.path());
        command
            .args(program.arguments().iter().map(OsStr::new))
            .env_clear()
            .envs(environment.variables())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(input.try_clone().map_err(failed)?)
            .stderr(input);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(failed)?;
        let leader = Pid::from_child(&child);
        let opened = pidfd_open(leader, PidfdFlags::empty()).map_err(io::Error::from).and_then(|end| Ok((end.try_clone()?, end)));
        let (end, told) = match opened {
            Ok(both) => both,
            Err(error) => {
                // Not one that cannot be followed.
                let _ = kill_process_group(leader, Signal::KILL);
                let _ = child.wait();
                return Err(failed(error));
            }
        };
        Ok((Self { child, leader, end, reaped: false }, Voice { end: told, output: output.into() }))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Signals every process of the group. The leader is not reaped while this exists, so that the
    /// number cannot be another's by now.
    pub(crate) fn signal(&self, signal: Signal) {
        // Nobody left to hear it is no failure.
        let _ = kill_process_group(self.leader, signal);
    }

    /// Kills what the leader left behind, and takes its exit status. To be called when
    /// [`Voice::follow`] has returned: then it does not block.
    pub(crate) fn reap(mut self) -> Exit {
        self.kill();
        self.reaped = true;
        self.child.wait().map_or(Exit::Signal(0), Exit::from)
    }

    /// Kills every process of the group, and the leader wherever it is.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
        // It may have put itself into another group.
        let _ = kill_process(self.leader, Signal::KILL);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.reaped {
            return;
        }
        self.kill();
        // A killed process ends at once, unless a broken disk or network holds it; then it is left to
        // whoever takes over our children.
        let a_moment = Timespec { tv_sec: 1, tv_nsec: 0 };
        if let Ok(1) = poll(&mut [PollFd::new(&self.end, PollFlags::IN)], Some(&a_moment)) {
            let _ = self.child.wait();
        }
    }
}

/// Whether a process is a child of this one, as far as `/proc` tells.
pub(crate) fn is_child(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name, in parentheses, may hold anything; the state and the parent come after it.
    let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
    parent.and_then(|parent| parent.parse().ok()) == Some(std::process::id())
}

impl Voice {
    /// Hands what is written to `keep`, until the leader has ended. What its children write later is
    /// lost.
    pub(crate) async fn follow(self, mut keep: impl FnMut(&[u8])) -> io::Result<()> {
        #[expect(deprecated, reason = "the sound constructor is unsafe to call; an owned descriptor cannot change under it")]
        let end = AsyncFd::with_interest(self.end, Interest::READABLE)?;
        let mut output = pipe::Receiver::from_owned_fd(self.output)?;
        let mut buffer = vec![0; 8192];
        let mut open = true;
        loop {
            tokio::select! {
                ready = end.readable() => { drop(ready?); break; }
                read = output.read(&mut buffer), if open => match read {
                    Ok(length @ 1..) => keep(&buffer[..length]),
                    _ => open = false,
                },
            }
        }
        // What it wrote last is still in the pipe. Bounded, because a child of it may write for ever.
        for _ in 0..1024 {
            match output.try_read(&mut buffer) {
                Ok(length @ 1..) => keep(&buffer[..length]),
                _ => break,
            }
        }
        Ok(())
    }
}
