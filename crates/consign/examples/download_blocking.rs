//! Fetches one file without async, and prints its progress: `download_blocking URL PATH`.

use std::path::PathBuf;

use consign::{JobState, JobType, blocking::Client};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(url), Some(path)) = (arguments.next(), arguments.next()) else { return Err("usage: download_blocking URL PATH".into()) };

    let job = Client::connect()?.create_job("example", JobType::Download)?;
    job.add_file(url.to_string_lossy(), std::path::absolute(PathBuf::from(path))?)?;
    job.resume()?;
    for snapshot in job.follow()? {
        let snapshot = snapshot?;
        println!("{} {} bytes", snapshot.state, snapshot.progress.bytes_transferred);
        match snapshot.state {
            JobState::Transferred => {
                job.complete()?;
            }
            JobState::Error => {
                job.cancel()?;
            }
            _ => {}
        }
    }
    Ok(())
}
