//! `consign queue`: one file for each verb, or for those that are alike.

mod act;
mod calls;
mod list;
mod name;
mod peek;
mod set;
mod show;
mod watch;

pub(crate) use calls::ShownCall;

use crate::{arguments::Queue, console::Console, problem::Outcome};

pub(super) async fn run(command: Queue, console: &Console) -> Outcome {
    let client = super::connect().await?;
    match command {
        Queue::List => list::run(&client, console).await,
        Queue::Show { queue } => show::run(&client, &queue, console).await,
        Queue::Peek(peek) => peek::run(&client, peek, console).await,
        Queue::Retry(messages) => act::retry(&client, &messages.what, &messages.standing, console).await,
        Queue::Move { what, to, standing } => act::move_to(&client, &what, &to, &standing, console).await,
        Queue::Drop { messages, yes } => act::drop_all(&client, &messages.what, &messages.standing, yes, console).await,
        Queue::Pause(queues) => set::run(&client, set::Verb::Pause, &queues.queues, console).await,
        Queue::Resume(queues) => set::run(&client, set::Verb::Resume, &queues.queues, console).await,
        Queue::Set { queue, settings } => set::policy(&client, &queue, &settings, console).await,
        Queue::Remove(queues) => set::run(&client, set::Verb::Remove, &queues.queues, console).await,
        Queue::Watch { queue } => watch::run(&client, queue.as_deref(), console).await,
    }
}
