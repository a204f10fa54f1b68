//! `consign service stop`.

use std::time::Duration;

use consign::Error;

use crate::{
    commands::process::Process,
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
};

/// Transfers come to a point from which they go on; that takes two seconds, not twenty.
const LIMIT: Duration = Duration::from_secs(20);

pub(super) async fn run(console: &Console) -> Outcome {
    let failed = |error| Problem::of("the service was not stopped", &error);
    let client = match super::running().await {
        Ok(client) => client,
        Err(Error::NotRunning) => return report("the service is not running", console),
        Err(error) => return Err(failed(error)),
    };
    let process = client.status().await.map_err(failed)?.process_id;
    let process = Process::open(process);
    client.stop().await.map_err(failed)?;
    let ended = tokio::time::timeout(LIMIT, client.closed()).await.is_ok();
    // The connection closes before the process has let go of its state.
    let ended = match process {
        Some(process) if ended => process.ended(LIMIT).await,
        _ => ended,
    };
    if !ended {
        return Err(Problem::failed("the service was not stopped", format!("it did not end within {} seconds", LIMIT.as_secs())));
    }
    report("the service has ended; its jobs go on when it is started again", console)
}

fn report(sentence: &str, console: &Console) -> Outcome {
    match console.form {
        Form::People => console.line(sentence)?,
        Form::Programs => console.document(&document::Service::STOPPED)?,
    }
    Ok(Exit::Done)
}
