//! What a word names: a queue or a message.

use consign::{Client, Guid, MessageDetails, QueueSummary, common};

use crate::{
    arguments::Standings,
    nearest::nearest,
    problem::{Outcome, Problem},
    text::shown,
};

/// A queue, or a message.
pub(super) enum Named {
    Queue(Box<QueueSummary>),
    Message(Box<MessageDetails>),
}

/// Numbers and ids are messages, unless there is none and a queue of that name. Who says how messages stand means
/// a queue.
pub(super) async fn find(client: &Client, text: &str, standing: &Standings, what: &str) -> Outcome<Named> {
    let is_message = text.parse::<u64>().is_ok() || text.parse::<Guid>().is_ok();
    if !is_message || !standing.named().is_empty() {
        return queue(client, text, what).await.map(|queue| Named::Queue(Box::new(queue)));
    }
    match client.message(text).await {
        Ok(message) => Ok(Named::Message(Box::new(message))),
        Err(error) => match client.queue(text).await {
            Ok(queue) if error.code() == common::MQ_ERROR_MESSAGE_NOT_FOUND => Ok(Named::Queue(Box::new(queue))),
            _ => Err(Problem::of(what, &error)),
        },
    }
}

pub(super) async fn queue(client: &Client, name: &str, what: &str) -> Outcome<QueueSummary> {
    let error = match client.queue(name).await {
        Ok(queue) => return Ok(queue),
        Err(error) => error,
    };
    let problem = Problem::of(what, &error);
    if error.code() != common::MQ_ERROR_QUEUE_NOT_FOUND {
        return Err(problem);
    }
    let queues = client.queues().await.unwrap_or_default();
    Err(match nearest(name, queues.iter().map(|queue| queue.name.as_str())) {
        Some(meant) => problem.help(format!("did you mean {}?", shown(meant))),
        None => problem,
    })
}
