//! Child processes that do not outlive their test.

use std::{
    io,
    process::{Child, Command, ExitStatus},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process, pidfd_open, waitid},
};

/// A child process, killed when this is dropped. Its own children are not: what it starts must end by
/// itself or be waited for.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        command.spawn().map(Self)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// The child itself, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// SIGKILL, and waits for its end.
    ///
    /// # Errors
    /// When it cannot be signalled or waited for.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        self.0.kill()?;
        self.0.wait()
    }

    /// SIGTERM. A process that has ended, and was waited for, is left alone.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn terminate(&mut self) -> io::Result<()> {
        self.signal(Signal::TERM)
    }

    /// SIGSTOP, and waits until it stands still, as on a machine that sleeps.
    ///
    /// # Errors
    /// When it cannot be signalled or waited for.
    pub fn pause(&mut self) -> io::Result<()> {
        self.signal(Signal::STOP)?;
        // Only looked at, not taken: its end is still to be waited for.
        let stands = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(self.pid()), stands) {
            // It had ended, and was waited for.
            Ok(_) | Err(Errno::CHILD) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn go_on(&mut self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    /// Waits for its end; `None` when it still runs at the limit.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn wait(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        // Waited for already: its number may be somebody else's by now.
        if let Some(status) = self.0.try_wait()? {
            return Ok(Some(status));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if self.ends(left)? { self.0.wait().map(Some) } else { Ok(None) }
    }

    /// Waits for its end, and leaves its status to be taken: until then `/proc` tells what it used.
    /// `false` when it still runs at the limit.
    ///
    /// # Errors
    /// When it cannot be waited for; also when its status was taken already.
    pub fn ends(&self, limit: Duration) -> io::Result<bool> {
        let deadline = Instant::now() + limit;
        let end = pidfd_open(self.pid(), PidfdFlags::empty())?;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).map_err(io::Error::other)?;
            match poll(&mut [PollFd::new(&end, PollFlags::IN)], Some(&left)) {
                Ok(ready) => return Ok(ready > 0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn signal(&mut self, signal: Signal) -> io::Result<()> {
        if self.0.try_wait()?.is_some() {
            return Ok(());
        }
        Ok(kill_process(self.pid(), signal)?)
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; there is nobody to tell.
        let _ = self.kill();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        os::unix::process::ExitStatusExt,
        process::Stdio,
    };

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn an_end_is_waited_for() {
        let mut process = Process::start(Command::new("sh").args(["-c", "exit 3"])).unwrap();
        assert_eq!(process.wait(LIMIT).unwrap().unwrap().code(), Some(3));
        assert_eq!(process.wait(LIMIT).unwrap().unwrap().code(), Some(3));
        process.terminate().unwrap();
    }

    #[test]
    fn a_process_is_signalled() {
        let mut process = Process::start(Command::new("sleep").arg("1000")).unwrap();
        assert!(process.wait(Duration::ZERO).unwrap().is_none());
        process.pause().unwrap();
        process.terminate().unwrap();
        assert!(process.wait(Duration::from_millis(1)).unwrap().is_none());
        process.go_on().unwrap();
        assert_eq!(process.wait(LIMIT).unwrap().unwrap().signal(), Some(15));
    }

    #[test]
    fn a_process_ends_with_its_handle() {
        let mut process = Process::start(Command::new("sh").args(["-c", "echo $$; exec sleep 1000"]).stdout(Stdio::piped())).unwrap();
        let mut output = BufReader::new(process.child().stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), process.id().to_string());
        drop(process);
        // The pipe ends with the last process that holds it.
        assert_eq!(output.read_line(&mut line).unwrap(), 0);
    }
}
