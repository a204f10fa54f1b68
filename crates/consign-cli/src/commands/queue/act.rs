//! `consign queue retry`, `move`, `drop`: the same for a message and for those of a queue.

use std::io::{self, BufRead, IsTerminal, Write};

use consign::{Client, Selection};

use super::name::{self, Named};
use crate::{
    arguments::Standings,
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    text::shown,
    wording,
};

/// What is done to messages.
#[derive(Clone, Copy)]
enum Verb<'a> {
    Retry,
    Move(&'a str),
    Drop,
}

impl Verb<'_> {
    async fn act(self, client: &Client, which: Selection<'_>) -> consign::Result<u64> {
        match self {
            Self::Retry => client.retry_messages(which).await,
            Self::Move(to) => client.move_messages(which, to).await,
            Self::Drop => client.drop_messages(which).await,
        }
    }

    fn failed(self, what: &str) -> String {
        let done = match self {
            Self::Retry => "tried again",
            Self::Move(_) => "moved",
            Self::Drop => "dropped",
        };
        format!("{} was not {done}", shown(what))
    }

    fn told(self, count: u64) -> String {
        let (messages, are) = (wording::counted(count, "message"), if count == 1 { "is" } else { "are" });
        match self {
            Self::Retry => format!("{messages} {are} tried again"),
            Self::Move(to) => format!("{messages} {are} in {}", shown(to)),
            Self::Drop => format!("{messages} {are} gone"),
        }
    }
}

pub(super) async fn retry(client: &Client, what: &str, standing: &Standings, console: &Console) -> Outcome {
    let named = name::find(client, what, standing, &Verb::Retry.failed(what)).await?;
    run(client, Verb::Retry, what, named, standing, console).await
}

pub(super) async fn move_to(client: &Client, what: &str, to: &str, standing: &Standings, console: &Console) -> Outcome {
    let named = name::find(client, what, standing, &Verb::Move(to).failed(what)).await?;
    if let Named::Queue(queue) = &named
        && queue.name == to
    {
        return Err(Problem::usage(Verb::Move(to).failed(what), "its messages are there"));
    }
    run(client, Verb::Move(to), what, named, standing, console).await
}

pub(super) async fn drop_all(client: &Client, what: &str, standing: &Standings, yes: bool, console: &Console) -> Outcome {
    let failed = Verb::Drop.failed(what);
    let named = name::find(client, what, standing, &failed).await?;
    if let Named::Queue(queue) = &named
        && !yes
    {
        let count: u64 = standing.wanted().into_iter().map(|standing| queue.count(standing)).sum();
        // Who reads JSON cannot be asked.
        if !io::stdin().is_terminal() || console.form == Form::Programs {
            let why = format!("that would be {} of a queue", wording::counted(count, "message"));
            return Err(Problem::usage(failed, why).help("`--yes` drops them without asking"));
        }
        if count > 0 && !confirmed(&format!("Drop {} of {} for ever?", wording::counted(count, "message"), shown(what)))? {
            return Err(Problem::failed(failed, "you did not want it"));
        }
    }
    run(client, Verb::Drop, what, named, standing, console).await
}

fn confirmed(question: &str) -> Outcome<bool> {
    let mut terminal = io::stderr().lock();
    write!(terminal, "{question} [y/N] ")?;
    terminal.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

async fn run(client: &Client, verb: Verb<'_>, what: &str, named: Named, standing: &Standings, console: &Console) -> Outcome {
    let problem = |error: consign::Error| Problem::of(verb.failed(what), &error);
    let count = match named {
        Named::Message(message) => {
            let id = message.summary.id.to_string();
            verb.act(client, Selection::Message(&id)).await.map_err(problem)?
        }
        Named::Queue(queue) => {
            let mut count = 0;
            // Ready ones last: of those that have become so, none is met again, because all attempts are ahead of them.
            for standing in standing.wanted().into_iter().rev() {
                count += verb.act(client, Selection::All(&queue.name, standing)).await.map_err(problem)?;
            }
            count
        }
    };
    match console.form {
        Form::Programs => console.document(&document::Count { count })?,
        Form::People => console.line(verb.told(count))?,
    }
    Ok(Exit::Done)
}
