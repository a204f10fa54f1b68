//! `consign job create`.

use consign::{Change, Client, JobOptions, JobType, Priority};
use serde::Serialize;

use crate::{
    console::{Console, Form},
    exit::Exit,
    problem::{Outcome, Problem},
};

#[derive(Serialize)]
struct Created {
    id: String,
}

pub(super) async fn run(client: &Client, name: &str, kind: JobType, priority: Priority, console: &Console) -> Outcome {
    let options = JobOptions { changes: vec![Change::Priority(priority)], ..JobOptions::default() };
    let job = client.create_job_with(name, kind, options).await.map_err(|error| Problem::of("the job was not made", &error))?;
    let id = job.id().to_string();
    match console.form {
        Form::People => console.line(id)?,
        Form::Programs => console.document(&Created { id })?,
    }
    Ok(Exit::Done)
}
