//! `consign outbox`: one file for each kind of verb.

mod act;
mod list;

use crate::{arguments, console::Console, problem::Outcome};

pub(super) async fn run(command: arguments::Outbox, console: &Console) -> Outcome {
    let client = super::connect().await?;
    match command {
        arguments::Outbox::Add(databases) => act::run(&client, act::Verb::Add, &databases.databases, console).await,
        arguments::Outbox::List => list::run(&client, console).await,
        arguments::Outbox::Remove(databases) => act::run(&client, act::Verb::Remove, &databases.databases, console).await,
    }
}
