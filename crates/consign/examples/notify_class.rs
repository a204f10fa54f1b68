//! Fetches one file and ends at once; it is started again when the file is here or cannot be had:
//! `notify_class URL PATH`.
//!
//! The same program is the server of its class: the service starts it with an activation token when an
//! event of the job is due, makes an object of the class, and calls that.

use std::{env, path::PathBuf};

use consign::{
    BackgroundCopyCallback, Change, Client, EventId, Guid, Hresult, Job, JobError, JobOptions, JobType, NotifyFlags, Server,
    common::{E_FAIL, S_OK},
};

/// `CLSID_NotifyClass`: made once with `uuidgen`, and never changed.
const CLASS: &str = "6f7c1d8e-2b0a-4a55-9d3b-0c6a1e5f4b27";

/// Completes the job when it is transferred, and cancels it when it has failed for good.
#[derive(Default)]
struct NotifyClass;

impl BackgroundCopyCallback for NotifyClass {
    async fn job_transferred(&self, job: Job, event: EventId) -> Hresult {
        // What a server prints is kept by the service, and shown by `consign class show`.
        println!("event {event}: job {} is transferred", job.id());
        if job.complete().await.is_ok() { S_OK } else { E_FAIL }
    }

    async fn job_error(&self, job: Job, error: JobError, event: EventId) -> Hresult {
        println!("event {event}: job {}: {} ({})", job.id(), error.failure.sentence, error.symbol);
        if job.cancel().await.is_ok() { S_OK } else { E_FAIL }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let class: Guid = CLASS.parse()?;
    if env::var_os("CONSIGN_ACTIVATION_TOKEN").is_some() {
        return Ok(Server::new().class::<NotifyClass>(class).run().await?);
    }

    let mut arguments = env::args_os().skip(1);
    let (Some(url), Some(path)) = (arguments.next(), arguments.next()) else { return Err("usage: notify_class URL PATH".into()) };
    let program = env::current_exe()?;
    let client = Client::connect().await?;
    // An application does this when it is installed.
    let class_file = format!("clsid = \"{class}\"\nname = \"Notify class example\"\nexec = [{program:?}]\nidle_stop = 0\n");
    client.register_class(&class_file).await?;

    let changes = vec![Change::NotifyFlags(NotifyFlags::JOB_TRANSFERRED | NotifyFlags::JOB_ERROR), Change::NotificationClass(class)];
    let job = client.create_job_with("notify class", JobType::Download, JobOptions { changes, ..JobOptions::default() }).await?;
    job.add_file(url.to_string_lossy(), std::path::absolute(PathBuf::from(path))?).await?;
    job.resume().await?;
    println!("{}", job.id());
    Ok(())
}
