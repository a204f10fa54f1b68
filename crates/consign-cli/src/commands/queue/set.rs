//! `consign queue pause`, `resume`, `remove`, `set`.

use consign::{Client, common};

use super::name;
use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    settings::{QueueSetting, changed},
    text::shown,
};

/// What is done to queues.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verb {
    Pause,
    Resume,
    Remove,
}

impl Verb {
    fn problem(self, queue: &str) -> String {
        let done = match self {
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Remove => "removed",
        };
        format!("queue {} was not {done}", shown(queue))
    }
}

/// All names are looked up first, so that a misspelt one leaves the other queues as they are.
pub(super) async fn run(client: &Client, verb: Verb, names: &[String], console: &Console) -> Outcome {
    for name in names {
        name::queue(client, name, &verb.problem(name)).await?;
    }
    let (mut done, mut problem) = (Vec::new(), None);
    for name in names {
        let acted = match verb {
            Verb::Pause => client.pause_queue(name).await,
            Verb::Resume => client.resume_queue(name).await,
            Verb::Remove => client.remove_queue(name).await,
        };
        match acted {
            Ok(()) => done.push(document::QueueDone::new(name)),
            Err(error) => {
                let new = Problem::of(verb.problem(name), &error);
                let new = match (verb, error.code()) {
                    (Verb::Remove, common::ERROR_BUSY) => {
                        new.help("`consign queue drop QUEUE` drops its messages, `consign queue move QUEUE OTHER` moves them")
                    }
                    _ => new,
                };
                console.tell(problem.replace(new));
            }
        }
    }
    if console.form == Form::Programs {
        console.document(&done)?;
    }
    problem.map_or(Ok(Exit::Done), Err)
}

pub(super) async fn policy(client: &Client, name: &str, settings: &[QueueSetting], console: &Console) -> Outcome {
    let problem = |error: consign::Error| Problem::of(format!("the policy of queue {} was not set", shown(name)), &error);
    let now = match client.queue(name).await {
        Ok(queue) => queue.policy,
        Err(error) if error.code() == common::MQ_ERROR_QUEUE_NOT_FOUND => consign::QueuePolicy::default(),
        Err(error) => return Err(problem(error)),
    };
    client.set_queue_policy(name, &changed(now, settings)).await.map_err(problem)?;
    if console.form == Form::Programs {
        let queue = client.queue(name).await.map_err(problem)?;
        console.document(&document::Queue::from(&queue))?;
    }
    Ok(Exit::Done)
}
