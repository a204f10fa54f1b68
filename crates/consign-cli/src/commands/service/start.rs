//! `consign service start`.

use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
};

pub(super) async fn run(console: &Console) -> Outcome {
    let client = crate::commands::connect().await?;
    let status = client.status().await.map_err(|error| Problem::of("the service was not asked for its process", &error))?;
    match console.form {
        Form::People => console.line(format!("the service runs, process {}", status.process_id))?,
        Form::Programs => console.document(&document::Service::from(&status))?,
    }
    Ok(Exit::Done)
}
