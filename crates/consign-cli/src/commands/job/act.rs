//! `consign job resume`, `suspend`, `complete`, `cancel`: the same for each job that is named.

use consign::{Client, Hresult, Job, common, describe};

use crate::{
    console::{Colour, Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    text::shown,
};

/// What is done to the jobs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verb {
    Resume,
    Suspend,
    Complete,
    Cancel,
}

impl Verb {
    fn done(self) -> &'static str {
        match self {
            Self::Resume => "resumed",
            Self::Suspend => "suspended",
            Self::Complete => "completed",
            Self::Cancel => "cancelled",
        }
    }

    async fn act(self, job: &Job) -> consign::Result<Hresult> {
        match self {
            Self::Resume => job.resume().await,
            Self::Suspend => job.suspend().await,
            Self::Complete => job.complete().await,
            Self::Cancel => job.cancel().await,
        }
    }
}

/// All names are looked up first, so that a misspelt one leaves the other jobs as they are. A job
/// that refuses does not keep the others from theirs; the last problem decides how it ends.
pub(super) async fn run(client: &Client, verb: Verb, names: &[String], console: &Console) -> Outcome {
    let mut jobs = Vec::new();
    for name in names {
        jobs.push((name, super::find(client, name).await?));
    }
    let (mut done, mut problem) = (Vec::new(), None);
    for (name, job) in jobs {
        match verb.act(&job).await {
            Ok(code) => {
                if console.form == Form::People && code != common::S_OK {
                    // A success that is not the whole success: worth a word.
                    let description = describe(code);
                    let label = console.stderr.paint(Colour::Waiting, "note:");
                    console.remark(format!("{label} job {}: {} ({} {code})", shown(name), description.sentence, description.symbol));
                }
                done.push(document::Done::new(job.id(), code));
            }
            Err(error) => {
                let new = Problem::of(format!("job {} was not {}", shown(name), verb.done()), &error);
                console.tell(problem.replace(new));
            }
        }
    }
    if console.form == Form::Programs {
        console.document(&done)?;
    }
    problem.map_or(Ok(Exit::Done), Err)
}
