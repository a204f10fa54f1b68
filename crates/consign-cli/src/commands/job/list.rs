//! `consign job list`.

use consign::{Client, JobSummary, Listing, Timestamp};

use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    table::Table,
    text::{Calendar, now, shown},
    wording,
};

pub(super) async fn run(client: &Client, listing: Listing, console: &Console) -> Outcome {
    let jobs = client.jobs(listing).await.map_err(|error| Problem::of("the jobs were not listed", &error))?;
    match console.form {
        Form::Programs => console.document(&jobs.iter().map(document::Summary::from).collect::<Vec<_>>())?,
        Form::People if jobs.is_empty() && console.stdout.is_terminal => {
            let hint = if listing == Listing::Live { "; `consign job list --all` lists finished ones" } else { "" };
            console.remark(format!("no jobs{hint}"));
        }
        Form::People => console.lines(table(&jobs, &console.calendar, now()).lines(console.columns()))?,
    }
    Ok(Exit::Done)
}

fn table(jobs: &[JobSummary], calendar: &Calendar, now: Timestamp) -> Table {
    let digits = wording::id_length(jobs.iter().map(|job| job.id));
    let mut table = Table::new(&["ID", "NAME", "STATE", "PRIORITY", "PROGRESS", "SIZE", "DETAILS"], 1).expendable(&[3, 5]);
    for job in jobs {
        table.push([
            job.id.to_string().chars().take(digits).collect(),
            shown(&job.display_name),
            job.state.to_string(),
            job.priority.to_string(),
            wording::percent(&job.progress),
            wording::size(&job.progress),
            wording::details(job, calendar, now),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use consign::{ErrorContext, Failure, JobProgress, JobState, JobType, Priority, bits};

    fn job(id: &str, name: &str, state: JobState, progress: JobProgress) -> JobSummary {
        JobSummary {
            id: id.parse().unwrap(),
            display_name: name.into(),
            job_type: JobType::Download,
            state,
            priority: Priority::Normal,
            progress,
            created: Timestamp::default(),
            modified: Timestamp::default(),
            error: None,
            waiting_because: None,
            next_attempt: None,
        }
    }

    #[test]
    fn the_table_says_why_a_job_stands_still() {
        let progress = JobProgress { bytes_total: Some(40 << 20), bytes_transferred: 12 << 20, files_total: 1, files_transferred: 0 };
        let unknown = JobProgress { bytes_total: None, ..progress };
        let mut waiting = job("97184d0f-f7ef-413a-8c6d-c1745018b2e9", "maps\n.tar", JobState::TransientError, unknown);
        waiting.waiting_because = Some("the server could not be connected".into());
        let mut failed = job("07184d0f-f7ef-413a-8c6d-c1745018b2e9", "a", JobState::Error, JobProgress::default());
        let failure = Failure::of(bits::http_error(404), ErrorContext::RemoteFile);
        failed.error = Some((failure.code, failure.sentence.into_owned()));
        let running = job("17184d0f-f7ef-413a-8c6d-c1745018b2e9", "b", JobState::Transferring, progress);
        let table = table(&[waiting, failed, running], &Calendar::of_this_machine(), Timestamp::default());
        assert_eq!(
            table.lines(None),
            [
                "ID        NAME        STATE            PRIORITY  PROGRESS  SIZE       DETAILS",
                "97184d0f  maps\\n.tar  transient-error  normal    -         12.0 MiB+  waiting because the server could not be connected",
                "07184d0f  a           error            normal    -         ?          the server has no such file (BG_E_HTTP_ERROR_404)",
                "17184d0f  b           transferring     normal    30 %      40.0 MiB",
            ]
        );
        assert_eq!(
            table.lines(Some(80))[..2],
            [
                "ID        NAME        STATE            PRIORITY  PROGRESS  SIZE       DETAILS",
                "97184d0f  maps\\n.tar  transient-error  normal    -         12.0 MiB+  waiting b…",
            ]
        );
    }
}
