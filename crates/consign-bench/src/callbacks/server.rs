//! The processes that are started: the server of a class, and one that does no more than to connect.

use std::{
    fs,
    path::{Path, PathBuf},
};

use consign::{
    BackgroundCopyCallback, Client, ConnectOptions, EventId, Hresult, Job, Paths, Server, StartPolicy,
    common::{E_FAIL, S_OK},
};

use super::CLASS;
use crate::{Outcome, measure::now};

/// Writes down when it was called, and completes the job.
struct Answer(PathBuf);

impl BackgroundCopyCallback for Answer {
    async fn job_transferred(&self, job: Job, _: EventId) -> Hresult {
        let called = now();
        match fs::write(&self.0, called.to_string()) {
            Ok(()) if job.complete().await.is_ok() => S_OK,
            _ => E_FAIL,
        }
    }
}

pub(crate) fn be_server(answer: &Path) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = answer.to_owned();
    Ok(runtime.block_on(Server::new().class_with(CLASS.parse()?, move || Answer(answer.clone())).run())?)
}

/// Connects, and prints when that was done.
pub(crate) fn be_bare() -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let socket = std::env::var_os("CONSIGN_SOCKET").map(PathBuf::from).ok_or("CONSIGN_SOCKET is not set")?;
    let folder = socket.parent().and_then(Path::parent).ok_or("the socket is nowhere")?;
    let options = ConnectOptions { paths: Some(Paths::under(folder)), start: StartPolicy::Never, program: None };
    let client = runtime.block_on(Client::connect_with(options))?;
    println!("{}", now());
    drop(client);
    Ok(())
}
