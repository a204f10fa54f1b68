//! Replaced in the next commit by the engine itself.
use super::{
    api::JobEvent,
    handle::{Command, EngineOptions},
};
use consign_bits::Failure;
use tokio::sync::{broadcast, mpsc};
pub(super) async fn start(_o: EngineOptions, _i: mpsc::Receiver<Command>, _e: broadcast::Sender<JobEvent>) -> Result<(), Failure> {
    Ok(())
}
