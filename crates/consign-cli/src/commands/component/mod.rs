//! `consign component`: one file for each verb.

mod import;
mod list;
mod set;
mod show;

pub(in crate::commands) use show::{of_class, signature};

use consign::ComponentInterface;

use crate::{arguments, console::Console, problem::Outcome};

pub(super) async fn run(command: arguments::Component, console: &Console) -> Outcome {
    let command = match command {
        // What is to be imported is read first: no service is needed to see that it cannot be.
        arguments::Component::Import(import) => return import::run(import, console).await,
        command => command,
    };
    let client = super::connect().await?;
    match command {
        arguments::Component::Import(import) => import::run(import, console).await,
        arguments::Component::List => list::run(&client, console).await,
        arguments::Component::Show { class } => show::run(&client, &class, console).await,
        arguments::Component::Set { class, settings } => set::run(&client, &class, &settings, console).await,
    }
}

/// What becomes of calls on an interface.
fn queuing(interface: &ComponentInterface) -> &'static str {
    match (interface.queueing_supported, interface.queuing_enabled) {
        (true, true) => "queued",
        (true, false) => "not queued",
        (false, _) => "cannot be queued",
    }
}
