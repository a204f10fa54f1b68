//! `consign class unregister`, `start`, `stop`: the same for each class that is named.

use consign::{Client, Unregister, common};

use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    text::shown,
};

/// What is done to the classes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verb {
    Unregister(Unregister),
    Start,
    Stop,
}

impl Verb {
    fn done(self) -> &'static str {
        match self {
            Self::Unregister(_) => "unregistered",
            Self::Start => "started",
            Self::Stop => "stopped",
        }
    }

    async fn act(self, client: &Client, class: &str) -> consign::Result<()> {
        match self {
            Self::Unregister(unregister) => client.unregister_class(class, unregister).await,
            Self::Start => client.start_class(class).await,
            Self::Stop => client.stop_class(class).await,
        }
    }

    fn problem(self, class: &str, error: &consign::Error) -> Problem {
        let problem = Problem::of(format!("class {} was not {}", shown(class), self.done()), error);
        match (self, error.code()) {
            (Self::Unregister(_), common::ERROR_BUSY) => problem.help(
                "`--force` unregisters it all the same, and what those jobs have to tell, or those messages, wait; `consign job notify \
                 JOB --class none` takes it from a job, `consign queue` shows messages",
            ),
            (Self::Start, common::E_ACCESSDENIED) => problem.help(super::TRUST),
            (Self::Start, common::CO_E_SERVER_EXEC_FAILURE) => {
                problem.help(format!("`consign class show {}` shows what it wrote", shown(class)))
            }
            _ => problem,
        }
    }
}

/// All names are looked up first, so that a misspelt one leaves the other classes as they are; but a
/// server can be stopped that is no longer registered. A class that refuses does not keep the others
/// from theirs; the last problem decides how it ends.
pub(super) async fn run(client: &Client, verb: Verb, names: &[String], console: &Console) -> Outcome {
    if !matches!(verb, Verb::Stop) {
        for name in names {
            client.class(name).await.map_err(|error| verb.problem(name, &error))?;
        }
    }
    let (mut done, mut problem) = (Vec::new(), None);
    for name in names {
        match verb.act(client, name).await {
            Ok(()) => done.push(document::ClassDone::new(name)),
            Err(error) => console.tell(problem.replace(verb.problem(name, &error))),
        }
    }
    if console.form == Form::Programs {
        console.document(&done)?;
    }
    problem.map_or(Ok(Exit::Done), Err)
}
