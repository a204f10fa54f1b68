//! `consign call`: one call, or many of them from stdin.

mod convert;
mod lines;
mod many;
mod one;

use consign::{
    ComponentDetails, Moniker,
    moniker::{ClassName, MessagePriority, TimeLimit, check_label},
};

use crate::{
    arguments::Call,
    console::Console,
    problem::{Outcome, Problem},
    text::shown,
};

const WHAT: &str = "nothing was recorded";

pub(super) async fn run(call: Call, console: &Console) -> Outcome {
    // Said here, because what stands beside it would be in the way of `--stdin`.
    if call.one_message && !call.stdin {
        return Err(Problem::usage(WHAT, "`--one-message` is about the lines of `--stdin`"));
    }
    check_label(&call.label).map_err(|(_, sentence)| Problem::usage(WHAT, sentence))?;
    let client = super::connect().await?;
    let component = client.component(&call.class).await.map_err(|error| Problem::of(WHAT, &error))?;
    let target = target(&call, &component);
    if call.stdin {
        many::run(&client, &call, &component, &target, console).await
    } else {
        one::run(&client, &call, &component, &target, console).await
    }
}

fn target(call: &Call, component: &ComponentDetails) -> Moniker {
    Moniker {
        label: call.label.clone(),
        priority: MessagePriority::new(call.priority).unwrap_or_default(),
        app_specific: call.app_specific,
        time_to_receive: call.expire.map_or(TimeLimit::Infinite, TimeLimit::Seconds),
        ..Moniker::new(ClassName::ClassId(component.summary.class))
    }
}

/// What the service said to a message.
fn refused(class: &str, error: &consign::Error) -> Problem {
    let problem = Problem::of(WHAT, error);
    match error.code() {
        consign::common::COMQC_E_NO_QUEUEABLE_INTERFACES => {
            problem.help(format!("`consign component show {}` says what can be queued", shown(class)))
        }
        _ => problem,
    }
}
