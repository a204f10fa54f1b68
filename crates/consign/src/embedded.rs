//! The engine inside the application, with a folder of its own instead of the service.
//!
//! Jobs go on as long as the application runs and the [`Embedded`] is open, and are taken up again
//! when it is opened the next time. Everything else is the same: the same calls, the same states.
//!
//! ```no_run
//! use consign::{JobType, embedded::Embedded};
//!
//! # async fn example() -> consign::Result<()> {
//! let engine = Embedded::open("/var/lib/example/transfers").await?;
//! let job = engine.client().await?.create_job("maps", JobType::Download).await?;
//! # Ok(()) }
//! ```

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::{fs::OpenOptionsExt, net::UnixStream},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use consign_bits::Failure;
use consign_core::{Clock, Paths, SystemClock, common, filesystem::network_file_system, paths::private_folder, random::SystemRandom};
use consign_service::{Face, Facts, Patience, Settings, StopPolicy};
use consign_transfer::{Engine, EngineOptions};
use tokio::runtime::Handle;

use crate::{Client, Error, Result, connection::Connection};

/// An engine that belongs to this process. Dropping it, and all clients of it, leaves its jobs
/// where they are; [`close`](Self::close) does that at a point from which they go on at once.
#[derive(Debug)]
pub struct Embedded(Arc<Host>);

/// The engine and its face. Clients keep it open.
pub(crate) struct Host {
    engine: Engine,
    face: Face,
    runtime: Handle,
    /// One engine owns the folder. The same lock as the service's.
    lock: Mutex<Option<File>>,
}

impl Embedded {
    /// Opens the engine of this folder, and makes the folder where it is missing. The folder has
    /// the layout of `CONSIGN_DIR`; its `config/consign.toml` holds the settings, if there is one.
    /// To be called inside a Tokio runtime, on which the engine then lives.
    ///
    /// # Errors
    /// `ERROR_SERVICE_ALREADY_RUNNING` (another engine or service has it open),
    /// `CO_E_NOT_SUPPORTED` (a network file system), `E_INVALIDARG` (the settings), and what the
    /// disk says.
    pub async fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = std::path::absolute(folder.as_ref()).map_err(|error| unusable(folder.as_ref(), &error))?;
        let paths = Paths::under(&folder);
        private_folder(&paths.state).map_err(|error| unusable(&paths.state, &error))?;
        if let Some(kind) = network_file_system(&paths.state).map_err(|error| unusable(&paths.state, &error))? {
            let sentence = format!("{} is on a network file system ({kind}), whose locks are not to be trusted", paths.state.display());
            return Err(Failure::refused(common::CO_E_NOT_SUPPORTED, sentence).into());
        }
        let lock = take_lock(&paths.lock())?;
        let settings = Settings::read(paths.settings()).map_err(|error| Failure::refused(common::E_INVALIDARG, error.to_string()))?;
        let receivers = settings.receivers(None);
        let options = EngineOptions {
            paths: paths.clone(),
            settings: settings.engine(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            receivers: receivers.clone(),
        };
        let engine = Engine::open(options).await?;
        let facts = Facts { state_folder: paths.state, started: SystemClock.now().wall, stop: StopPolicy::ByHostOnly };
        let face = Face::new(engine.clone(), receivers, None, facts, Patience::default());
        Ok(Self(Arc::new(Host { engine, face, runtime: Handle::current(), lock: Mutex::new(Some(lock)) })))
    }

    /// A client of this engine. [`Client::stop`] is refused to it.
    ///
    /// # Errors
    /// [`Error::Disconnected`] after [`close`](Self::close).
    pub async fn client(&self) -> Result<Client> {
        Client::of_host(Arc::clone(&self.0)).await
    }

    /// Stops all transfers at a point from which they go on, and lets the folder go. Clients are
    /// disconnected.
    pub async fn close(self) {
        self.0.face.close();
        self.0.engine.shutdown().await;
        self.0.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Host {
    pub(crate) async fn connect(&self) -> Result<Connection> {
        let (ours, theirs) = UnixStream::pair().map_err(|error| Error::protocol(format!("no pair of sockets: {error}")))?;
        theirs.set_nonblocking(true).map_err(Error::protocol)?;
        let face = self.face.clone();
        // Ends with the connection, or with the face. A stream that cannot be served is closed.
        self.runtime.spawn(async move {
            if let Ok(theirs) = tokio::net::UnixStream::from_std(theirs) {
                let _ = face.serve(theirs).await;
            }
        });
        Connection::over(ours).await
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

fn take_lock(path: &Path) -> Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .map_err(|error| unusable(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(error)) => Err(unusable(path, &error)),
        Err(TryLockError::WouldBlock) => {
            let sentence = format!("another process has {} open", path.parent().unwrap_or(path).display());
            Err(Failure::refused(common::ERROR_SERVICE_ALREADY_RUNNING, sentence).into())
        }
    }
}

fn unusable(path: &Path, error: &io::Error) -> Error {
    let code = match error.kind() {
        io::ErrorKind::PermissionDenied => common::E_ACCESSDENIED,
        io::ErrorKind::NotADirectory => common::ERROR_DIRECTORY,
        io::ErrorKind::StorageFull => common::ERROR_DISK_FULL,
        io::ErrorKind::ReadOnlyFilesystem => common::ERROR_WRITE_PROTECT,
        _ => common::E_FAIL,
    };
    Failure::refused(code, format!("{} cannot be used: {error}", path.display())).into()
}
