//! `consign job error`.

use consign::{Client, Error, bits};

use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    text::shown,
    wording,
};

/// A job without an error is no failure of the command: it says so, and prints `null` for programs.
pub(super) async fn run(client: &Client, name: &str, console: &Console) -> Outcome {
    let job = super::find(client, name).await?;
    let error = match job.error().await {
        Ok(error) => Some(error),
        Err(Error::Refused(failure)) if failure.code == bits::BG_E_ERROR_INFORMATION_UNAVAILABLE => None,
        Err(error) => return Err(Problem::of(format!("the error of job {} was not read", shown(name)), &error)),
    };
    match (console.form, &error) {
        (Form::Programs, error) => console.document(&error.as_ref().map(document::Error::from))?,
        (Form::People, None) => console.line("the job has no error")?,
        (Form::People, Some(error)) => {
            let mut facts = vec![("Error", wording::error(error)), ("Where", error.failure.context.sentence().to_owned())];
            if let Some(url) = &error.remote_name {
                facts.push(("Address", shown(url)));
            }
            facts.push(("Happened", console.calendar.full(error.at)));
            console.lines(wording::aligned(&facts))?;
        }
    }
    Ok(Exit::Done)
}
