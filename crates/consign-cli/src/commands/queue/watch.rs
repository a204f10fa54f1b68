//! `consign queue watch`: what happens to messages, a line for each event.

use std::time::{Duration, Instant};

use consign::{Client, QueueEvent, common, describe};

use crate::{
    console::{Colour, Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    text::{now, shown},
};

/// A service that dies this often without a quiet moment is given up.
const RECONNECTS: u32 = 6;
const PAUSE: Duration = Duration::from_millis(250);

pub(super) async fn run(client: &Client, queue: Option<&str>, console: &Console) -> Outcome {
    let result = tokio::select! {
        result = until_the_end(client, queue, console) => result,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
    };
    if matches!(result, Ok(Exit::Interrupted)) && console.stdout.is_terminal {
        // The terminal has echoed the interrupt: what follows begins on a line of its own.
        console.line("")?;
    }
    result
}

async fn until_the_end(client: &Client, queue: Option<&str>, console: &Console) -> Outcome {
    let problem = |error: &consign::Error| Problem::of("the queues could not be watched any longer", error);
    let (mut deaths, mut since) = (0, Instant::now());
    loop {
        let mut events = client.queue_events(queue).await.map_err(|error| problem(&error))?;
        if deaths == 0 && console.form == Form::People {
            console.remark("watching; interrupt to leave");
        }
        let error = loop {
            match events.next().await {
                Some(Ok(event)) => print(&event, console)?,
                Some(Err(error)) => break error,
                None => break consign::Error::Disconnected,
            }
        };
        if since.elapsed() > Duration::from_secs(10) {
            deaths = 0;
        }
        if !error.is_worth_retrying() || deaths >= RECONNECTS {
            return Err(problem(&error));
        }
        console.remark("the service ended: what happens until it runs again is missed");
        tokio::time::sleep(PAUSE * deaths * deaths).await;
        (deaths, since) = (deaths + 1, Instant::now());
        client.reconnect().await.map_err(|error| Problem::of("the service was not reached again", &error))?;
    }
}

fn print(event: &QueueEvent, console: &Console) -> Outcome<()> {
    match console.form {
        Form::Programs => console.record(&document::QueueEvent::new(event, now())),
        Form::People => {
            let words = words(event);
            let text = match event {
                QueueEvent::MoveToDeadQueue { .. } | QueueEvent::Missed(_) => console.stdout.paint(Colour::Bad, &words),
                QueueEvent::MoveToRetryQueue { .. } => console.stdout.paint(Colour::Waiting, &words),
                QueueEvent::Playback { code, .. } if code.is_failure() => console.stdout.paint(Colour::Waiting, &words),
                QueueEvent::Playback { .. } => console.stdout.paint(Colour::Good, &words),
                _ => words,
            };
            console.line(format!("{}  {text}", console.calendar.short(now(), now())))
        }
    }
}

/// `OnQCPlayback  Orders  2f1c…  E_FAIL 0x80004005`.
fn words(event: &QueueEvent) -> String {
    let mut words = vec![format!("{:<21}", event.name())];
    words.extend(event.queue().map(shown));
    words.extend(event.message().map(|message| message.to_string()));
    match event {
        QueueEvent::MoveToRetryQueue { queue, retry_queue, .. } => words.push(format!("to {}_{retry_queue}", shown(queue))),
        QueueEvent::Missed(count) => words.push(format!("{count} events were not read in time")),
        _ => {}
    }
    words.extend(event.code().map(|code| match code {
        common::S_OK => "S_OK".to_owned(),
        code => format!("{} {code}", describe(code).symbol),
    }));
    words.join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let (queue, message) = ("Ord\x1bers".to_owned(), consign::Guid::NULL);
        assert_eq!(
            words(&QueueEvent::Playback { queue: queue.clone(), message, code: common::E_FAIL }),
            "OnQCPlayback           Ord\\u{1b}ers  00000000-0000-0000-0000-000000000000  E_FAIL 0x80004005"
        );
        assert_eq!(
            words(&QueueEvent::MoveToRetryQueue { queue: queue.clone(), message, retry_queue: 2 }),
            "OnQCMoveToReTryQueue   Ord\\u{1b}ers  00000000-0000-0000-0000-000000000000  to Ord\\u{1b}ers_2"
        );
        assert_eq!(words(&QueueEvent::QueueOpen { queue, code: common::S_OK }), "OnQCQueueOpen          Ord\\u{1b}ers  S_OK");
        assert_eq!(words(&QueueEvent::Missed(3)), "Missed                 3 events were not read in time");
    }
}
