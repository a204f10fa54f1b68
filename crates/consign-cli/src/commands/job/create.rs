//! `consign job create`.

use consign::{Change, Client, JobOptions, JobType, Priority};

use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
};

pub(super) async fn run(client: &Client, name: &str, kind: JobType, priority: Priority, console: &Console) -> Outcome {
    let options = JobOptions { changes: vec![Change::Priority(priority)], ..JobOptions::default() };
    let job = client.create_job_with(name, kind, options).await.map_err(|error| Problem::of("the job was not made", &error))?;
    match console.form {
        Form::People => console.line(job.id().to_string())?,
        Form::Programs => console.document(&document::Id::from(job.id()))?,
    }
    Ok(Exit::Done)
}
