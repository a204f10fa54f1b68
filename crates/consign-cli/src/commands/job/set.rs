//! `consign job set`.

use consign::Client;

use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    parse::{self, Setting},
    problem::{Outcome, Problem},
    text::shown,
};

pub(super) async fn run(client: &Client, name: &str, settings: Vec<Setting>, console: &Console) -> Outcome {
    let job = super::find(client, name).await?;
    let failed = |error| Problem::of(format!("job {} was not changed", shown(name)), &error);
    // Some settings are a part of a property, and the rest of it stays.
    let now = job.snapshot().await.map_err(failed)?;
    let changes = parse::changes(settings, &now.proxy, now.security_flags);
    if !changes.is_empty() {
        job.set(changes).await.map_err(failed)?;
    }
    if console.form == Form::Programs {
        console.document(&document::Job::from(&job.snapshot().await.map_err(failed)?))?;
    }
    Ok(Exit::Done)
}
