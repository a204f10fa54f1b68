//! Fetches one file in the background and completes the job: `download URL PATH`.

use std::path::PathBuf;

use consign::{Client, JobState, JobType};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(url), Some(path)) = (arguments.next(), arguments.next()) else { return Err("usage: download URL PATH".into()) };

    let client = Client::connect().await?;
    let job = client.create_job("example", JobType::Download).await?;
    job.add_file(url.to_string_lossy(), std::path::absolute(PathBuf::from(path))?).await?;
    job.resume().await?;

    // From here on the job needs nobody: were this program to end, the download would go on.
    let snapshot = job.wait_until_ended_or_error().await?;
    if snapshot.state == JobState::Transferred {
        println!("{}", job.complete().await?);
        return Ok(());
    }
    let error = job.error().await?;
    job.cancel().await?;
    Err(error.failure.into())
}
