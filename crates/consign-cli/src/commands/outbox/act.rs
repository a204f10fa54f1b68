//! `consign outbox add`, `remove`: the same for each database that is named.

use std::path::{Path, PathBuf};

use consign::{Client, common};

use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    text::shown,
};

/// What is done to the outboxes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verb {
    Add,
    Remove,
}

impl Verb {
    fn done(self) -> &'static str {
        match self {
            Self::Add => "added",
            Self::Remove => "removed",
        }
    }

    async fn act(self, client: &Client, path: &str) -> consign::Result<()> {
        match self {
            Self::Add => client.add_outbox(path).await,
            Self::Remove => client.remove_outbox(path).await,
        }
    }

    fn problem(self, path: &str, error: &consign::Error) -> Problem {
        let problem = Problem::of(format!("the outbox {} was not {}", shown(path), self.done()), error);
        match (self, error.code()) {
            (Self::Add, common::E_ACCESSDENIED) => {
                problem.help("the database and its folder must be yours, and writable by nobody else (`chmod go-w`)")
            }
            (Self::Remove, common::ERROR_FILE_NOT_FOUND) => problem.help("`consign outbox list` shows those that there are"),
            _ => problem,
        }
    }
}

/// A database that is refused does not keep the others from theirs; the last problem decides how it ends.
pub(super) async fn run(client: &Client, verb: Verb, databases: &[PathBuf], console: &Console) -> Outcome {
    let (mut done, mut problem) = (Vec::new(), None);
    for database in databases {
        let path = absolute(database)?;
        match verb.act(client, &path).await {
            Ok(()) => done.push(document::OutboxDone::new(&path)),
            Err(error) => console.tell(problem.replace(verb.problem(&path, &error))),
        }
    }
    if console.form == Form::Programs {
        console.document(&done)?;
    }
    problem.map_or(Ok(Exit::Done), Err)
}

fn absolute(database: &Path) -> Outcome<String> {
    let what = || format!("the path {}", shown(&database.display().to_string()));
    let path = std::path::absolute(database).map_err(|error| Problem::usage(what(), error.to_string()))?;
    path.into_os_string().into_string().map_err(|_| Problem::usage(what(), "it is not text in UTF-8"))
}
