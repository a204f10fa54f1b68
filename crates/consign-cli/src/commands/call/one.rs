use consign::{Calls, Client, ComponentDetails, Moniker};
use serde::Serialize;

use super::{
    WHAT,
    convert::{Callable, Given, NoCall},
    refused,
};
use crate::{
    arguments::Call,
    console::{Console, Form},
    exit::Exit,
    problem::{Outcome, Problem},
};

/// What one call prints.
#[derive(Serialize)]
struct Recorded {
    id: String,
}

pub(super) async fn run(client: &Client, call: &Call, component: &ComponentDetails, target: &Moniker, console: &Console) -> Outcome {
    let given: Vec<Given> = call.arguments.iter().cloned().map(Given::Word).collect();
    let mut calls = Calls::builder();
    let callable = Callable::new(component, &call.class, call.interface.as_deref()).map_err(problem)?;
    callable.append(&mut calls, call.method.as_deref().unwrap_or_default(), &given).map_err(problem)?;
    let calls = calls.finish().ok_or_else(|| Problem::failed(WHAT, "there is no call"))?;
    let id = client.record(target, &calls).await.map_err(|error| refused(&call.class, &error))?.to_string();
    match console.form {
        Form::Programs => console.document(&Recorded { id })?,
        Form::People => console.line(id)?,
    }
    Ok(Exit::Done)
}

pub(super) fn problem(no_call: NoCall) -> Problem {
    let problem = Problem::of_failure(WHAT, &no_call.failure);
    match no_call.help {
        Some(help) => problem.help(help),
        None => problem,
    }
}
