//! `consign job files`.

use consign::{Client, FileSnapshot, JobProgress, RangeSupport, Validity};

use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    table::Table,
    text::shown,
    wording,
};

pub(super) async fn run(client: &Client, name: &str, console: &Console) -> Outcome {
    let job = super::find(client, name).await?;
    let files = job.files().await.map_err(|error| Problem::of(format!("the files of job {} were not listed", shown(name)), &error))?;
    match console.form {
        Form::Programs => console.document(&files.iter().map(document::File::from).collect::<Vec<_>>())?,
        Form::People => console.lines(table(&files).lines(console.columns()))?,
    }
    Ok(Exit::Done)
}

fn table(files: &[FileSnapshot]) -> Table {
    let mut table = Table::new(&["#", "PATH", "STATE", "PROGRESS", "SIZE", "URL"], 1);
    for file in files {
        let progress = JobProgress {
            bytes_total: file.bytes_total,
            bytes_transferred: file.bytes_transferred,
            files_total: 1,
            files_transferred: file.completed.into(),
        };
        let state = match (file.completed, file.range_support) {
            _ if file.validity == Some(Validity::Invalid) => "invalid",
            (true, _) if file.validity == Some(Validity::Valid) => "valid",
            (true, _) => "done",
            (false, RangeSupport::No) => "no ranges",
            (false, _) if file.bytes_transferred > 0 => "partial",
            (false, _) => "to do",
        };
        table.push([
            file.index.to_string(),
            shown(&file.local_name.to_string_lossy()),
            state.to_owned(),
            wording::percent(&progress),
            wording::size(&progress),
            shown(&file.remote_name),
        ]);
    }
    table
}
