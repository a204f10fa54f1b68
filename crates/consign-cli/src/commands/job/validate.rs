//! `consign job validate`.

use consign::{Client, Validity};

use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    text::shown,
};

pub(super) async fn run(client: &Client, name: &str, file: u32, validity: Validity, console: &Console) -> Outcome {
    let job = super::find(client, name).await?;
    let failed = |error| Problem::of(format!("file {file} of job {} was not judged", shown(name)), &error);
    let code = job.file(file).set_validation_state(validity).await.map_err(failed)?;
    if console.form == Form::Programs {
        console.document(&document::Done::new(job.id(), code))?;
    }
    Ok(Exit::Done)
}
