//! Where it happens: a folder, and the service that lives in it.

use std::{
    env,
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use consign::{Client, ConnectOptions, Guid, Paths, StartPolicy};
use consign_core::random::{Random, SystemRandom};

use super::WHAT;
use crate::{
    commands::process::Process,
    problem::{Outcome, Problem},
};

/// The folder, the service, and what it takes to be rid of both.
pub(super) struct Stage {
    folder: PathBuf,
    program: PathBuf,
    /// Held while a service is being started: only afterwards can it be ended.
    starting: Arc<tokio::sync::Mutex<()>>,
    /// The service that was seen last.
    service: Mutex<Option<Process>>,
}

/// How long each step of the end may take.
const LIMIT: Duration = Duration::from_secs(20);

impl Stage {
    /// Makes the folder; nobody else can look into it.
    pub(super) fn build() -> Outcome<Self> {
        let failed = |what: String| Problem::failed(WHAT, what);
        let program = env::current_exe().map_err(|error| failed(format!("the own program was not found: {error}")))?;
        let name = Guid::from_random_bytes(SystemRandom.bytes()).simple();
        let folder = env::temp_dir().join(format!("consign-demo-{}", &name[..8]));
        let folder = std::path::absolute(&folder).map_err(|error| failed(format!("{}: {error}", folder.display())))?;
        DirBuilder::new().mode(0o700).create(&folder).map_err(|error| failed(format!("{}: {error}", folder.display())))?;
        Ok(Self { folder, program, starting: Arc::default(), service: Mutex::default() })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The program that is the service, the command, and the server of the class.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// Connects, and starts the service if it is not running; answers its process, too.
    pub(super) async fn connect(&self) -> Outcome<(Client, u32)> {
        let failed = |error| Problem::of(WHAT, &error);
        let client = self.start(Client::connect_with(self.options(StartPolicy::OnDemand))).await.map_err(failed)?;
        let process = self.note(&client).await.map_err(failed)?;
        Ok((client, process))
    }

    /// Connects again, and starts the service if it is not running; answers its process.
    pub(super) async fn reconnect(&self, client: &Client) -> Outcome<u32> {
        let failed = |error| Problem::of(WHAT, &error);
        let again = client.clone();
        self.start(async move { again.reconnect().await }).await.map_err(failed)?;
        self.note(client).await.map_err(failed)
    }

    /// The service that was seen last.
    pub(super) fn service(&self) -> Option<Process> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the service and removes the folder.
    pub(super) async fn clear(&self) -> Outcome<()> {
        // An interrupt may have come while it was being started. Whoever starts it has a limit.
        let _started = self.starting.lock().await;
        let stopped = tokio::time::timeout(LIMIT, async {
            let client = Client::connect_with(self.options(StartPolicy::Never)).await?;
            self.note(&client).await?;
            client.stop().await
        });
        let asked = matches!(stopped.await, Ok(Ok(())));
        if let Some(service) = self.service()
            && !(asked && service.ended(LIMIT).await)
        {
            // One that has ended already is as good as killed.
            let _ = service.kill();
            if !service.ended(LIMIT).await {
                return Err(Problem::failed(
                    "the demonstration left something behind",
                    format!("its service, in {}", self.folder.display()),
                ));
            }
        }
        fs::remove_dir_all(&self.folder)
            .map_err(|error| Problem::failed("the demonstration left something behind", format!("{}: {error}", self.folder.display())))
    }

    /// In a task, so that an interrupt does not leave a service behind that is half started.
    async fn start<T: Send + 'static>(&self, connect: impl Future<Output = consign::Result<T>> + Send + 'static) -> consign::Result<T> {
        let starting = Arc::clone(&self.starting).lock_owned().await;
        let task = tokio::spawn(async move {
            let _starting = starting;
            connect.await
        });
        task.await.unwrap_or(Err(consign::Error::Disconnected))
    }

    async fn note(&self, client: &Client) -> consign::Result<u32> {
        let number = client.status().await?.process_id;
        *self.service.lock().unwrap_or_else(PoisonError::into_inner) = Process::open(number);
        Ok(number)
    }

    fn options(&self, start: StartPolicy) -> ConnectOptions {
        ConnectOptions { paths: Some(Paths::under(&self.folder)), start, program: Some(self.program.clone()) }
    }
}
