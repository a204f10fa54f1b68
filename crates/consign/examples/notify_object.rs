//! Fetches one file, and is called when it is here or cannot be had: `notify_object URL PATH`.
//!
//! Nothing in here asks how far the job is. The service calls the object; were this program to end,
//! the job would go on, and whoever registers an object for it next hears what this one missed.

use std::path::PathBuf;

use consign::{
    BackgroundCopyCallback, Client, EventId, Hresult, Job, JobError, JobType, NotifyFlags,
    common::{E_FAIL, S_OK},
};
use tokio::sync::mpsc;

/// Completes the job when it is transferred, and cancels it when it has failed for good.
struct Callback {
    /// Tells the program that it may end.
    done: mpsc::UnboundedSender<Result<(), JobError>>,
}

impl BackgroundCopyCallback for Callback {
    async fn job_transferred(&self, job: Job, event: EventId) -> Hresult {
        println!("event {event}: transferred");
        match job.complete().await {
            Ok(_) => {
                let _ = self.done.send(Ok(()));
                S_OK
            }
            // Whatever is not S_OK means: tell me again, after the retry delay.
            Err(error) => {
                eprintln!("the job was not completed: {error}");
                E_FAIL
            }
        }
    }

    async fn job_error(&self, job: Job, error: JobError, event: EventId) -> Hresult {
        println!("event {event}: {} ({})", error.failure.sentence, error.symbol);
        match job.cancel().await {
            Ok(_) => {
                let _ = self.done.send(Err(error));
                S_OK
            }
            Err(_) => E_FAIL,
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(url), Some(path)) = (arguments.next(), arguments.next()) else { return Err("usage: notify_object URL PATH".into()) };

    let client = Client::connect().await?;
    let job = client.create_job("notify object", JobType::Download).await?;
    job.add_file(url.to_string_lossy(), std::path::absolute(PathBuf::from(path))?).await?;

    let (done, mut ended) = mpsc::unbounded_channel();
    job.set_notify_flags(NotifyFlags::JOB_TRANSFERRED | NotifyFlags::JOB_ERROR).await?;
    job.set_notify_interface(Callback { done }).await?;
    job.resume().await?;

    // An object lives as long as its connection.
    tokio::select! {
        end = ended.recv() => match end {
            Some(Err(error)) => Err(error.failure.into()),
            _ => Ok(()),
        },
        () = client.closed() => Err("the service has ended; the job goes on when it is started again".into()),
    }
}
