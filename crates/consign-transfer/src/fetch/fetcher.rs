//! The fetcher: what the engine holds.

use std::sync::Arc;

use consign_bits::Failure;
use http::Method;
use tokio_util::sync::CancellationToken;

use super::{
    address,
    client::Client,
    download::Download,
    head::Asked,
    local,
    stage::Stages,
    syncer::Syncer,
    task::{Checkpoint, FetchFailure, FileFacts, FileTask, JobContext, Observer, Outcome},
    trouble::Trouble,
};
use crate::{files::local_failure, settings::FetchSettings};

/// Fetches files. Cloned handles share connections and the thread that syncs.
#[derive(Clone, Debug)]
pub(crate) struct Fetcher {
    client: Arc<Client>,
    syncer: Syncer,
    stages: Stages,
}

impl Fetcher {
    /// A fetcher without connections yet.
    ///
    /// # Errors
    /// A setting is not valid, or no thread could be started.
    pub(crate) fn new(settings: &FetchSettings) -> Result<Self, Failure> {
        let syncer = Syncer::start().map_err(|error| local_failure(&error, "start a thread that syncs", "/".as_ref()))?;
        Ok(Self { client: Arc::new(Client::new(settings)?), syncer, stages: Stages::new() })
    }

    /// Fetches one file into its temporary file, until it is whole, verified and synced, until it
    /// fails, or until it is told to `stop`.
    pub(crate) async fn fetch(
        &self,
        task: FileTask,
        context: Arc<JobContext>,
        observer: Arc<dyn Observer>,
        stop: CancellationToken,
    ) -> Outcome {
        Download::new(&self.client, &self.syncer, &self.stages, &task, &context, &observer).run(stop).await
    }

    /// Asks for size and validators of a file, and moves nothing of it (HEAD).
    ///
    /// # Errors
    /// As [`Fetcher::fetch`] fails. A server that does not know HEAD answers 405 or 501, and may
    /// give the file all the same.
    pub(crate) async fn probe(&self, url: &str, context: &JobContext) -> Result<FileFacts, FetchFailure> {
        let ask = async {
            let url = address::parse(url)?;
            if url.scheme() == "file" {
                return local::probe(&url).await;
            }
            let answered = self.client.ask(&url, context, &Method::HEAD, Asked::Whole, &FileFacts::default()).await?;
            answered.body.drain().await;
            Ok(answered.facts)
        };
        ask.await.map_err(|trouble: Trouble| trouble.with(Checkpoint::default()))
    }
}
