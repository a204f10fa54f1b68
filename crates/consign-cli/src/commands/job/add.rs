//! `consign job add`.

use consign::{Client, NewFile};

use crate::{
    arguments::Add,
    commands::get::target,
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    text::shown,
};

pub(super) async fn run(client: &Client, add: Add, console: &Console) -> Outcome {
    let job = super::find(client, &add.job).await?;
    let failed = |error| Problem::of(format!("the file was not added to job {}", shown(&add.job)), &error);
    let file = NewFile {
        remote_name: target::checked_url(&add.url)?.to_string(),
        local_name: target::absolute(&add.path)?,
        ranges: add.ranges,
        checksum: add.checksum,
    };
    job.add_files([file]).await.map_err(failed)?;
    if console.form == Form::Programs {
        let files = job.files().await.map_err(failed)?;
        console.document(&files.last().map(document::File::from))?;
    }
    Ok(Exit::Done)
}
