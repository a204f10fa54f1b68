//! `consign call --stdin`: thousands of calls in one go.

use std::io::{self, BufRead, Read};

use consign::{Calls, Client, ComponentDetails, Guid, Moniker};
use consign_core::calls::LONGEST;
use futures_util::{StreamExt, stream};
use serde::Serialize;
use tokio::sync::mpsc;

use super::{WHAT, convert::Callable, lines, one, refused};
use crate::{
    arguments::Call,
    console::{Console, Form},
    exit::Exit,
    problem::{Outcome, Problem},
    wording::counted,
};

/// So many messages are on their way to the service at once: it stores those that come together together.
const AT_ONCE: usize = 256;

/// A longer line can be no call, in bytes.
const LONGEST_LINE: usize = 4 * LONGEST;

/// A message that was recorded, or the end.
#[derive(Serialize)]
struct Recorded {
    line: u64,
    id: String,
}

#[derive(Serialize)]
struct Ended {
    recorded: u64,
    refused: u64,
    /// Of `--one-message`: the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

pub(super) async fn run(client: &Client, call: &Call, component: &ComponentDetails, target: &Moniker, console: &Console) -> Outcome {
    let callable = Callable::new(component, &call.class, call.interface.as_deref()).map_err(one::problem)?;
    if call.one_message {
        one_message(client, call, &callable, target, console).await
    } else {
        each(client, call, &callable, target, console).await
    }
}

/// Every line is a message.
async fn each(client: &Client, call: &Call, callable: &Callable<'_>, target: &Moniker, console: &Console) -> Outcome {
    let lines = stream::unfold(read_lines(), |mut lines| async { lines.recv().await.map(|line| (line, lines)) });
    let messages = lines.map(|line| async {
        let (number, text) = line?;
        match parse(callable, number, &text)? {
            None => Ok(None),
            Some(calls) => match client.record(target, &calls).await {
                Ok(id) => Ok(Some((number, id))),
                Err(error) => Err(Stop::of(refused(&call.class, &error).at_line(number), &error)),
            },
        }
    });
    let mut messages = std::pin::pin!(messages.buffered(AT_ONCE));
    let (mut recorded, mut refused) = (0_u64, 0_u64);
    while let Some(message) = messages.next().await {
        match message {
            Ok(None) => {}
            Ok(Some((line, id))) => {
                recorded += 1;
                print(line, id, console)?;
            }
            Err(stop) => {
                refused += 1;
                console.tell(Some(stop.problem));
                if stop.rest == Rest::IsLost {
                    break;
                }
            }
        }
    }
    end(recorded, refused, None, console)?;
    Ok(if refused == 0 { Exit::Done } else { Exit::Failed })
}

/// All lines are one message: all are read first, and every line that is no call is told.
async fn one_message(client: &Client, call: &Call, callable: &Callable<'_>, target: &Moniker, console: &Console) -> Outcome {
    let (mut calls, mut refused_lines) = (Calls::builder(), 0);
    let mut lines = read_lines();
    while let Some(line) = lines.recv().await {
        let appended = line.and_then(|(number, text)| append(callable, &mut calls, number, &text));
        if let Err(stop) = appended {
            refused_lines += 1;
            console.tell(Some(stop.problem));
            if stop.rest == Rest::IsLost {
                break;
            }
        }
    }
    if refused_lines > 0 {
        end(0, refused_lines, None, console)?;
        return Ok(Exit::Failed);
    }
    let count = calls.len();
    let calls = calls.finish().ok_or_else(|| Problem::failed(WHAT, "there is no call"))?;
    let id = client.record(target, &calls).await.map_err(|error| refused(&call.class, &error))?;
    if console.form == Form::People {
        console.line(id.to_string())?;
    }
    end(u64::try_from(count).unwrap_or(u64::MAX), 0, Some(id), console)?;
    Ok(Exit::Done)
}

fn print(line: u64, id: Guid, console: &Console) -> Outcome<()> {
    match console.form {
        Form::Programs => console.record(&Recorded { line, id: id.to_string() }),
        Form::People => console.line(id.to_string()),
    }
}

fn end(recorded: u64, refused: u64, id: Option<Guid>, console: &Console) -> Outcome<()> {
    match console.form {
        Form::Programs => console.record(&Ended { recorded, refused, id: id.map(|id| id.to_string()) }),
        Form::People => {
            let refused = if refused > 0 { format!(", {refused} refused") } else { String::new() };
            let into = if id.is_some() { " in one message" } else { "" };
            console.remark(format!("{} recorded{into}{refused}", counted(recorded, "call")));
            Ok(())
        }
    }
}

/// A line that is not recorded.
struct Stop {
    problem: Problem,
    rest: Rest,
}

/// What a refused line means for those after it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    GoesOn,
    IsLost,
}

impl Stop {
    fn of(problem: Problem, error: &consign::Error) -> Self {
        // Of what was under way nobody knows whether it is stored; the rest would not be either.
        let rest = if matches!(error, consign::Error::Refused(_)) { Rest::GoesOn } else { Rest::IsLost };
        Self { problem, rest }
    }
}

fn parse(callable: &Callable<'_>, number: u64, text: &str) -> Result<Option<Calls>, Stop> {
    let mut calls = Calls::builder();
    append(callable, &mut calls, number, text)?;
    Ok(calls.finish())
}

fn append(callable: &Callable<'_>, calls: &mut consign_core::calls::CallsBuilder, number: u64, text: &str) -> Result<(), Stop> {
    let stop = |problem: Problem| Stop { problem: problem.at_line(number), rest: Rest::GoesOn };
    let call = lines::read(text).map_err(|why| stop(Problem::failed(WHAT, why)))?;
    match call {
        None => Ok(()),
        Some((method, given)) => callable.append(calls, &method, &given).map_err(|no_call| stop(one::problem(no_call))),
    }
}

/// The lines of stdin with their numbers, read by a thread of their own: it may wait for ever.
fn read_lines() -> mpsc::Receiver<Result<(u64, String), Stop>> {
    let (sender, lines) = mpsc::channel(4 * AT_ONCE);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        for number in 1.. {
            let mut bytes = Vec::new();
            let limit = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
            let line = match stdin.by_ref().take(limit).read_until(b'\n', &mut bytes) {
                Ok(0) => return,
                Ok(length) if length == LONGEST_LINE => Err((format!("the line has more than {LONGEST_LINE} bytes"), Rest::IsLost)),
                Ok(_) => String::from_utf8(bytes).map_err(|_| ("the line is not UTF-8".to_owned(), Rest::GoesOn)),
                Err(error) => Err((format!("stdin could not be read: {error}"), Rest::IsLost)),
            };
            let is_last = matches!(line, Err((_, Rest::IsLost)));
            let line =
                line.map(|text| (number, text)).map_err(|(why, rest)| Stop { problem: Problem::failed(WHAT, why).at_line(number), rest });
            if sender.blocking_send(line).is_err() || is_last {
                return;
            }
        }
    });
    lines
}
