//! `consign queue show`.

use std::collections::BTreeMap;

use consign::{Client, QueuePolicy, QueueSummary, Standing};

use super::name;
use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    text::{self, shown},
    wording,
};

/// So many messages are looked at to say in which retry queues they are; where there are more, that is not said.
const COUNTED: u64 = 5000;

pub(super) async fn run(client: &Client, name: &str, console: &Console) -> Outcome {
    let what = format!("queue {} was not read", shown(name));
    let queue = name::queue(client, name, &what).await?;
    match console.form {
        Form::Programs => console.document(&document::Queue::from(&queue))?,
        Form::People => {
            let places = places(client, &queue).await.map_err(|error| Problem::of(&what, &error))?;
            console.lines(wording::aligned(&facts(&queue, places.as_ref())))?;
        }
    }
    Ok(Exit::Done)
}

/// How many messages wait in which retry queue.
async fn places(client: &Client, queue: &QueueSummary) -> consign::Result<Option<BTreeMap<String, u64>>> {
    if queue.waiting > COUNTED {
        return Ok(None);
    }
    let mut places = BTreeMap::new();
    let mut messages = client.all_messages(&queue.name, Standing::Waiting);
    while let Some(message) = messages.next().await {
        *places.entry(message?.place).or_insert(0) += 1;
    }
    Ok(Some(places))
}

fn facts(queue: &QueueSummary, places: Option<&BTreeMap<String, u64>>) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Queue", shown(&queue.name)),
        ("State", if queue.paused { "paused" } else { "served" }.to_owned()),
        (
            "Ready",
            if queue.playing > 0 { format!("{}, {} of them being played", queue.ready, queue.playing) } else { queue.ready.to_string() },
        ),
    ];
    facts.extend(queue.waiting_because.as_ref().map(|reason| ("Not played because", shown(reason))));
    facts.extend([
        ("Waiting", queue.waiting.to_string()),
        ("Parked", if queue.parked > 0 { format!("{}, which no component understands", queue.parked) } else { "0".to_owned() }),
        ("Dead", queue.dead.to_string()),
        ("Size", text::bytes(queue.bytes)),
    ]);
    facts.extend(policy(&queue.name, &queue.policy, places));
    facts
}

fn policy(name: &str, policy: &QueuePolicy, places: Option<&BTreeMap<String, u64>>) -> Vec<(&'static str, String)> {
    let times = |count: u32| if count == 1 { "once".to_owned() } else { format!("{count} times") };
    let mut facts = vec![("Tries", format!("{} at once", times(policy.attempts)))];
    if policy.retry.is_empty() {
        facts.push(("Retry queues", "none".to_owned()));
    }
    for (index, queue) in policy.retry.iter().enumerate() {
        let place = format!("{name}_{index}");
        let here = places.and_then(|places| places.get(&place)).map(|count| format!("; {count} here")).unwrap_or_default();
        let heading = if index == 0 { "Retry queues" } else { "" };
        facts.push((heading, format!("{}: after {}, {}{here}", shown(&place), text::duration(queue.delay), times(queue.attempts))));
    }
    let most = |most: Option<String>| most.unwrap_or_else(|| "no limit".to_owned());
    facts.extend([
        ("Then", format!("the exception class, if the component has one; {}_deadqueue", shown(name))),
        ("Order", if policy.ordered { "one after the other" } else { "as players are free" }.to_owned()),
        ("Players", policy.max_players.map_or_else(|| "as the settings say".to_owned(), |most| format!("at most {most}"))),
        ("Play timeout", text::duration(policy.play_timeout)),
        ("Messages at most", most(policy.max_messages.map(|most| most.to_string()))),
        ("Size at most", most(policy.max_bytes.map(text::bytes))),
    ]);
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use consign::RetryQueue;
    use std::time::Duration;

    #[test]
    fn a_queue_tells_its_policy_and_why_it_stands() {
        let retry =
            vec![RetryQueue { delay: Duration::from_secs(60), attempts: 3 }, RetryQueue { delay: Duration::from_secs(90), attempts: 1 }];
        let queue = QueueSummary {
            name: "Orders".into(),
            paused: false,
            policy: QueuePolicy { retry, max_bytes: Some(1 << 20), ..QueuePolicy::default() },
            ready: 5,
            waiting: 2,
            parked: 1,
            dead: 0,
            bytes: 4096,
            playing: 2,
            waiting_because: Some("all players are busy: 2 of 2".into()),
        };
        let places = BTreeMap::from([("Orders_1".to_owned(), 2)]);
        let squeezed = |line: String| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<String> = wording::aligned(&facts(&queue, Some(&places))).into_iter().map(squeezed).collect();
        for line in [
            "Ready: 5, 2 of them being played",
            "Not played because: all players are busy: 2 of 2",
            "Parked: 1, which no component understands",
            "Tries: 3 times at once",
            "Retry queues: Orders_0: after 1 min, 3 times",
            "Orders_1: after 1 min 30 s, once; 2 here",
            "Size at most: 1.0 MiB",
            "Messages at most: no limit",
        ] {
            assert!(lines.iter().any(|told| told == line), "{line}: {lines:#?}");
        }
    }
}
