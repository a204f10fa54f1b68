//! `consign queue peek`: messages with their calls, or one message with everything.

use consign::{Client, MessageDetails, MessageSummary, QueueSummary, Standing, Timestamp, common};

use super::{
    calls::{Models, ShownCall},
    name::{self, Named},
};
use crate::{
    arguments::Peek,
    console::{Colour, Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    table::Table,
    text::{self, Calendar, cut, now, shown},
    values::Length,
    wording,
};

/// So many calls of a message are shown in a list.
const CALLS: usize = 4;

pub(super) async fn run(client: &Client, peek: Peek, console: &Console) -> Outcome {
    let what = format!("{} was not read", shown(&peek.what));
    let length = if peek.full { Length::Full } else { Length::Short };
    let named = match &peek.message {
        Some(message) => {
            let queue = name::queue(client, &peek.what, &what).await?;
            let failed = |error| Problem::of(format!("message {} was not read", shown(message)), &error);
            let message = client.message(message).await.map_err(failed)?;
            let (id, elsewhere) = (message.summary.id, message.summary.queue != queue.name);
            if elsewhere {
                let why = format!("message {id} is in {}", shown(&message.summary.queue));
                return Err(Problem::failed(what, why));
            }
            Named::Message(Box::new(message))
        }
        None => name::find(client, &peek.what, &peek.standing, &what).await?,
    };
    let mut models = Models::new(client);
    match named {
        Named::Message(message) => one(client, &message, &mut models, length, console).await,
        Named::Queue(queue) => several(client, &queue, &peek, &mut models, length, console).await,
    }
}

async fn several(
    client: &Client,
    queue: &QueueSummary,
    peek: &Peek,
    models: &mut Models<'_>,
    length: Length,
    console: &Console,
) -> Outcome {
    let what = || format!("queue {} was not read", shown(&queue.name));
    let wanted = peek.standing.wanted();
    let (mut printed, mut documents) = (0, Vec::new());
    for standing in &wanted {
        let mut messages = client.all_messages(&queue.name, *standing);
        while printed < peek.count {
            let Some(message) = messages.next().await else { break };
            let summary = message.map_err(|error| Problem::of(what(), &error))?;
            let details = match client.message(&summary.id.to_string()).await {
                Ok(details) => details,
                // It was played meanwhile.
                Err(error) if error.code() == common::MQ_ERROR_MESSAGE_NOT_FOUND => continue,
                Err(error) => return Err(Problem::of(what(), &error)),
            };
            let most = if length == Length::Full || console.form == Form::Programs { usize::MAX } else { CALLS };
            let calls = models.shown(&details.calls, most).await.map_err(|error| Problem::of(what(), &error))?;
            printed += 1;
            match console.form {
                Form::Programs => documents.push(document::Message::new(&details, &calls)),
                Form::People => {
                    let columns = console.columns().filter(|_| length == Length::Short);
                    console.lines(entry(&details.summary, &calls, length, columns, console))?;
                }
            }
        }
    }
    if console.form == Form::Programs {
        console.document(&documents)?;
        return Ok(Exit::Done);
    }
    let all: u64 = wanted.iter().map(|standing| queue.count(*standing)).sum();
    let left = all.saturating_sub(u64::try_from(printed).unwrap_or(u64::MAX));
    if printed == 0 && console.stdout.is_terminal {
        console.remark(if all == queue.messages() { "no messages" } else { "no such messages; `consign queue show` counts the others" });
    } else if printed >= peek.count && left > 0 {
        console.remark(format!("and {}; `-n {all}` shows all of them", wording::counted(left, "more message")));
    }
    Ok(Exit::Done)
}

/// A message in a list: a line, its calls, and what went wrong.
fn entry(message: &MessageSummary, calls: &[ShownCall], length: Length, columns: Option<usize>, console: &Console) -> Vec<String> {
    let number = console.stdout.paint(Colour::Strong, &message.number.to_string());
    // What stands before it takes at most so much, whatever the queue is called.
    let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(48).max(16));
    let label = if message.label.is_empty() { String::new() } else { format!("  {}", cut(&shown(&message.label), room)) };
    let recorded = console.calendar.short(message.arrived, now());
    let standing = console.stdout.paint(colour(message), standing(message));
    let place = if message.standing == Standing::Ready && message.place == message.queue {
        String::new()
    } else {
        format!(" in {}", shown(&message.place))
    };
    let mut lines = vec![format!("{number}  {standing}{place}  recorded {recorded}{label}")];
    let fit = |text: String| columns.map_or_else(|| text.clone(), |columns| cut(&text, columns));
    lines.extend(calls.iter().map(|call| fit(format!("    {}", call.to_text(length)))));
    let hidden = usize::try_from(message.calls).unwrap_or(usize::MAX).saturating_sub(calls.len());
    if hidden > 0 {
        lines.push(fit(format!("    … and {}", wording::counted(hidden.try_into().unwrap_or(u64::MAX), "more call"))));
    }
    lines.extend(trouble(message, &console.calendar, now()).map(|text| fit(format!("    {text}"))));
    lines
}

/// `failed 3 times, tried again at 12:05:31: no such order (E_INVALIDARG 0x80070057)`.
fn trouble(message: &MessageSummary, calendar: &Calendar, now: Timestamp) -> Option<String> {
    let mut words = Vec::new();
    match message.attempts {
        0 => {}
        1 => words.push("failed once".to_owned()),
        count => words.push(format!("failed {count} times")),
    }
    if message.deaths > 0 {
        words.push(format!(
            "its component died {}",
            if message.deaths == 1 { "once".to_owned() } else { format!("{} times", message.deaths) }
        ));
    }
    words.extend(
        message.due.filter(|_| message.standing == Standing::Waiting).map(|due| format!("tried again at {}", calendar.short(due, now))),
    );
    let words = words.join(", ");
    match &message.reason {
        Some((code, sentence)) if words.is_empty() => Some(wording::failure(*code, sentence)),
        Some((code, sentence)) => Some(format!("{words}: {}", wording::failure(*code, sentence))),
        None => Some(words).filter(|words| !words.is_empty()),
    }
}

fn standing(message: &MessageSummary) -> &'static str {
    if message.playing { "being played" } else { message.standing.name() }
}

fn colour(message: &MessageSummary) -> Colour {
    match message.standing {
        Standing::Ready => Colour::Good,
        Standing::Waiting | Standing::Parked => Colour::Waiting,
        Standing::Dead => Colour::Bad,
    }
}

async fn one(client: &Client, message: &MessageDetails, models: &mut Models<'_>, length: Length, console: &Console) -> Outcome {
    let failed = |error: consign::Error| Problem::of(format!("message {} was not read", message.summary.number), &error);
    let calls = models.shown(&message.calls, usize::MAX).await.map_err(failed)?;
    if console.form == Form::Programs {
        console.document(&document::Message::new(message, &calls))?;
        return Ok(Exit::Done);
    }
    let class = client.component(&message.summary.class.to_string()).await.ok().and_then(|component| component.summary.progid);
    console.lines(wording::aligned(&facts(&message.summary, class.as_deref(), &console.calendar, now())))?;
    console.line("")?;
    console.line(console.stdout.paint(Colour::Strong, "Calls:"))?;
    let digits = calls.len().to_string().len();
    let numbered = calls.iter().enumerate();
    console.lines(numbered.map(|(place, call)| format!("  {:>digits$}  {}", place + 1, call.to_text(length))))?;
    if !message.attempts.is_empty() {
        console.line("")?;
        console.line(console.stdout.paint(Colour::Strong, "Failed attempts:"))?;
        console.lines(attempts(message, &console.calendar, now()).lines(console.columns()).into_iter().map(|line| format!("  {line}")))?;
    }
    Ok(Exit::Done)
}

fn facts(message: &MessageSummary, class: Option<&str>, calendar: &Calendar, now: Timestamp) -> Vec<(&'static str, String)> {
    let process = message.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
    let mut facts = vec![
        ("Message", message.number.to_string()),
        ("Id", message.id.to_string()),
        ("Queue", shown(&message.queue)),
        ("Stands", format!("{} in {}", standing(message), shown(&message.place))),
    ];
    facts.extend(message.reason.as_ref().map(|(code, sentence)| ("Because", wording::failure(*code, sentence))));
    facts.extend(message.due.filter(|_| message.standing == Standing::Waiting).map(|due| ("Tried again", calendar.short(due, now))));
    facts.extend([
        ("Class", class.map_or_else(|| message.class.to_string(), |progid| format!("{} ({})", shown(progid), message.class))),
        ("Label", shown(&message.label)),
        ("Priority", message.priority.to_string()),
        ("App specific", message.app_specific.to_string()),
        ("Recorded", format!("{} by user {}{process}", calendar.full(message.arrived), message.uid)),
    ]);
    facts.extend(message.expires.map(|time| ("Expires", calendar.full(time))));
    facts.extend([("Failed attempts", message.attempts.to_string())]);
    if message.deaths > 0 {
        facts.push(("Deaths", format!("{} of the component's process", message.deaths)));
    }
    facts.push(("Size", text::bytes(message.size)));
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

fn attempts(message: &MessageDetails, calendar: &Calendar, now: Timestamp) -> Table {
    let mut table = Table::new(&["NO", "ENDED", "QUEUE", "CALL", "WHY"], 2);
    for attempt in &message.attempts {
        table.push([
            attempt.number.to_string(),
            calendar.short(attempt.at, now),
            shown(&attempt.place),
            attempt.call.map_or_else(|| "-".to_owned(), |call| (u64::from(call) + 1).to_string()),
            wording::failure(attempt.code, &attempt.sentence),
        ]);
    }
    table
}
