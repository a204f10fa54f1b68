//! The process around the face: folders, lock, settings, log, engine, socket; then serving; then
//! the end, in order. Each of the three is written as one list, here and in [`serving`].

mod detach;
mod error;
mod limits;
mod lock;
mod log;
mod serving;
mod settings;
mod socket;
mod start;
mod supervisor;
mod units;

pub use error::StartError;
pub use log::LogTo;
pub use settings::{ClassSettings, CommandLineRule, HandStartedRule, PolicySettings, ServiceSettings, Settings, SettingsError};
pub(crate) use socket::ShortName;
pub use start::{Background, READY, main_run};
pub use units::{LINGER_NOTE, UnitError, Units};

use std::{ffi::OsString, fmt, os::unix::net::UnixListener, path::Path, sync::Arc};

use consign_core::{Clock, Paths, SystemClock, filesystem::network_file_system, paths::private_folder, random::SystemRandom};
use consign_transfer::{Engine, EngineOptions};

use crate::{
    face::{Face, Facts, Patience, StopPolicy},
    queues::Queues,
};
use lock::Lock;
use serving::Serving;
use socket::Socket;
use supervisor::Supervisor;

/// What the service needs to know of the process that it is.
pub struct RunOptions {
    /// Where everything lives.
    pub paths: Paths,
    /// Where the log goes.
    pub log: LogTo,
    /// What the log holds: the value of `CONSIGN_LOG`, by default `info`.
    pub log_filter: Option<String>,
    /// The socket, if systemd listens on it for us.
    pub inherited: Option<UnixListener>,
    /// The value of `NOTIFY_SOCKET`.
    pub notify_socket: Option<OsString>,
    /// How long clients are waited for.
    pub patience: Patience,
    /// Called once clients can connect.
    pub ready: Box<dyn FnOnce() + Send>,
}

impl RunOptions {
    /// A service in the foreground of its own, of which nobody else knows.
    pub fn new(paths: Paths) -> Self {
        Self {
            paths,
            log: LogTo::Stderr,
            log_filter: None,
            inherited: None,
            notify_socket: None,
            patience: Patience::default(),
            ready: Box::new(|| {}),
        }
    }
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOptions").field("paths", &self.paths).field("log", &self.log).finish_non_exhaustive()
    }
}

/// Starts the service and serves until it is told to end (`Stop`, SIGTERM, SIGINT) or is idle.
///
/// Idle means that for [`ServiceSettings::idle_exit`] no client was connected and nothing stored can
/// become due without one. A job that becomes due only in days keeps the service, which then uses
/// no processor time; it does not ask systemd to wake it.
///
/// # Errors
/// When it did not start. Once it serves, it ends well.
pub async fn run(options: RunOptions) -> Result<(), StartError> {
    let RunOptions { paths, log, log_filter, inherited, notify_socket, patience, ready } = options;
    private_folder(&paths.state).map_err(StartError::place("the state folder", &paths.state))?;
    private_folder(&paths.runtime).map_err(StartError::place("the folder of the socket", &paths.runtime))?;
    let kind = network_file_system(&paths.state).map_err(StartError::place("the state folder", &paths.state))?;
    refuse_network(&paths.state, kind)?;
    let lock = Lock::take(&paths.lock()).await.map_err(StartError::lock(paths.lock()))?;
    let settings = Settings::read(paths.settings())?;
    log::start(log, &paths.log(), log_filter.as_deref()).map_err(StartError::place("the log", paths.log()))?;
    let supervisor = Supervisor::new(notify_socket);
    limits::survive_file_size().map_err(StartError::system("catching signals"))?;
    if let Err(error) = limits::raise_descriptors() {
        tracing::warn!(%error, "the number of descriptors stays as it is");
    }
    let signals = serving::Signals::new().map_err(StartError::system("catching signals"))?;
    let classes = settings.classes(&paths);
    let receivers = settings.receivers(Some(Arc::clone(&classes)));
    let engine = Engine::open(EngineOptions {
        paths: paths.clone(),
        settings: settings.engine(),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        receivers: receivers.clone(),
    })
    .await?;
    let queues = Queues::open(&paths, Arc::clone(&classes), settings.queue.players).await?;
    let socket = match inherited {
        Some(listener) => Socket::inherited(listener),
        None => Socket::bind(&paths.socket()),
    };
    let socket = match socket {
        Ok(socket) => socket,
        Err(source) => {
            engine.shutdown().await;
            queues.stop(std::time::Duration::ZERO).await;
            return Err(StartError::Place { what: "the socket", path: paths.socket(), source });
        }
    };
    let facts = Facts { state_folder: paths.state.clone(), started: SystemClock.now().wall, stop: StopPolicy::ByPeers };
    classes.open();
    let face = Face::new(engine.clone(), receivers, Some(Arc::clone(&queues)), facts, patience);
    tracing::info!(socket = %paths.socket().display(), "ready");
    supervisor.ready();
    ready();
    Serving { face, engine, queues, classes, socket, path: paths.socket(), lock, signals, supervisor, settings: settings.service }
        .run()
        .await;
    Ok(())
}

fn refuse_network(folder: &Path, kind: Option<&'static str>) -> Result<(), StartError> {
    match kind {
        Some(kind) => Err(StartError::NetworkFileSystem { path: folder.to_owned(), kind }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_file_system_is_refused_with_the_reason() {
        let error = refuse_network(Path::new("/home/a/.local/state/consign"), Some("nfs")).unwrap_err();
        let text = error.chain();
        assert!(text.contains("nfs") && text.contains("/home/a") && text.contains("CONSIGN_DIR"), "{text}");
        assert_eq!(error.code(), consign_core::common::CO_E_NOT_SUPPORTED);
        assert!(refuse_network(Path::new("/"), None).is_ok());
    }
}
