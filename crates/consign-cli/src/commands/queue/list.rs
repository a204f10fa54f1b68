//! `consign queue list`.

use consign::{Client, QueueSummary};

use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    table::Table,
    text::{self, shown},
};

pub(super) async fn run(client: &Client, console: &Console) -> Outcome {
    let queues = client.queues().await.map_err(|error| Problem::of("the queues were not listed", &error))?;
    match console.form {
        Form::Programs => console.document(&queues.iter().map(document::Queue::from).collect::<Vec<_>>())?,
        Form::People if queues.is_empty() && console.stdout.is_terminal => {
            console.remark("no queues; the first call on a component (`consign call`) makes one");
        }
        Form::People => console.lines(table(&queues).lines(console.columns()))?,
    }
    Ok(Exit::Done)
}

fn table(queues: &[QueueSummary]) -> Table {
    let mut table = Table::new(&["QUEUE", "READY", "PLAYING", "WAITING", "PARKED", "DEAD", "SIZE", "DETAILS"], 0).expendable(&[6, 2]);
    for queue in queues {
        table.push([
            shown(&queue.name),
            queue.ready.to_string(),
            queue.playing.to_string(),
            queue.waiting.to_string(),
            queue.parked.to_string(),
            queue.dead.to_string(),
            text::bytes(queue.bytes),
            details(queue),
        ]);
    }
    table
}

/// What the numbers do not say.
fn details(queue: &QueueSummary) -> String {
    match &queue.waiting_because {
        Some(reason) => format!("not played: {}", shown(reason)),
        None if queue.paused => "paused".to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consign::QueuePolicy;

    #[test]
    fn the_table_says_why_nothing_is_played() {
        let queue = QueueSummary {
            name: "Orders\x07".into(),
            paused: true,
            policy: QueuePolicy::default(),
            ready: 12,
            waiting: 3,
            parked: 0,
            dead: 1,
            bytes: 5000,
            playing: 0,
            waiting_because: Some("the queue is paused".into()),
        };
        let empty = QueueSummary { name: "Side".into(), ready: 0, waiting_because: None, ..queue.clone() };
        let lines = table(&[queue, empty]);
        assert_eq!(
            lines.lines(None),
            [
                "QUEUE        READY  PLAYING  WAITING  PARKED  DEAD  SIZE     DETAILS",
                "Orders\\u{7}  12     0        3        0       1     4.8 KiB  not played: the queue is paused",
                "Side         0      0        3        0       1     4.8 KiB  paused",
            ]
        );
        assert!(lines.lines(Some(60)).iter().all(|line| text::width(line) <= 60));
    }
}
