//! The service that is measured: one of its own, in a folder of its own.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use consign::{Client, ConnectOptions, Paths, StartPolicy};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open},
};
use tokio::runtime::Runtime;

use crate::{Outcome, measure};

/// No start and no end takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// A running service. Ends with this.
pub(crate) struct Service {
    folder: PathBuf,
    process: u32,
}

impl Service {
    /// Starts one whose state is in `folder`, and that trusts `authority` (PEM) if one is given.
    pub(crate) fn start(runtime: &Runtime, folder: &Path, program: &Path, authority: Option<&Path>) -> Outcome<Self> {
        let config = folder.join("config");
        fs::create_dir_all(&config)?;
        let trust = authority.map(|path| format!("ca_file = {:?}\n", path.display().to_string())).unwrap_or_default();
        // The limits that BITS has are no subject here.
        let settings = format!(
            "[service]\nidle_exit = 0\n[limits]\njobs_per_user = 1000000\njobs_per_machine = 1000000\nfiles_per_job = 1000000\n[fetch]\n{trust}"
        );
        fs::write(config.join("consign.toml"), settings)?;
        let client = runtime.block_on(connect(folder, program))?;
        let process = runtime.block_on(client.status())?.process_id;
        Ok(Self { folder: folder.to_owned(), process })
    }

    /// What `CONSIGN_DIR` must be to reach it.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn process(&self) -> u32 {
        self.process
    }

    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        measure::cpu(self.process)
    }

    pub(crate) fn peak(&self) -> u64 {
        measure::peak(self.process).unwrap_or(0)
    }

    pub(crate) fn client(&self, runtime: &Runtime) -> Outcome<Client> {
        let options = ConnectOptions { paths: Some(Paths::under(&self.folder)), start: StartPolicy::Never, program: None };
        Ok(runtime.block_on(Client::connect_with(options))?)
    }

    /// Ends it in order.
    pub(crate) fn stop(self, runtime: &Runtime) -> Outcome {
        let client = self.client(runtime)?;
        runtime.block_on(client.stop())?;
        if ends(self.process, LIMIT)? { Ok(()) } else { Err("the service did not end".into()) }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let alive = matches!(ends(self.process, Duration::ZERO), Ok(false));
        if alive && let Some(process) = pid(self.process) {
            // It may end by itself meanwhile: that is all that is wanted.
            let _ = kill_process(process, Signal::KILL);
            let _ = ends(self.process, LIMIT);
        }
    }
}

/// Connects to the service in `folder`, starting it if need be.
pub(crate) async fn connect(folder: &Path, program: &Path) -> consign::Result<Client> {
    let options = ConnectOptions { paths: Some(Paths::under(folder)), start: StartPolicy::OnDemand, program: Some(program.to_owned()) };
    Client::connect_with(options).await
}

fn pid(process: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(process).ok()?)
}

/// Whether the process ended within the limit.
fn ends(process: u32, limit: Duration) -> Outcome<bool> {
    let Some(process) = pid(process) else { return Ok(true) };
    let end = match pidfd_open(process, PidfdFlags::empty()) {
        Err(rustix::io::Errno::SRCH) => return Ok(true),
        other => other?,
    };
    let deadline = Instant::now() + limit;
    let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now()))?;
    Ok(poll(&mut [PollFd::new(&end, PollFlags::IN)], Some(&left))? > 0)
}
