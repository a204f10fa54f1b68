//! How the state of a job is told in a few words.

use consign::{JobError, JobId, JobProgress, JobState, JobSummary, Timestamp, describe};

use crate::{
    console::Colour,
    text::{self, Calendar, shown},
};

/// The digits of an id that are shown: the shortest beginning, of eight or more, that tells these
/// jobs apart.
pub(crate) fn id_length(ids: impl Iterator<Item = JobId>) -> usize {
    let mut ids: Vec<String> = ids.map(|id| id.to_string()).collect();
    ids.sort_unstable();
    let shared = |pair: &[String]| pair[0].bytes().zip(pair[1].bytes()).take_while(|(a, b)| a == b).count();
    let needed = ids.windows(2).map(shared).max().map_or(0, |shared| shared + 1);
    // A hyphen at the end says nothing.
    if needed == 9 { 10 } else { needed.max(8) }
}

/// The short form of an id, where nothing else is known of other jobs.
pub(crate) fn short(id: JobId) -> String {
    id.to_string().chars().take(8).collect()
}

/// Why the job stands still, after its state: `waiting because …; next attempt at …`.
pub(crate) fn waiting(because: Option<&str>, next: Option<Timestamp>, calendar: &Calendar, now: Timestamp) -> Option<String> {
    let next = next.map(|time| format!("next attempt at {}", calendar.short(time, now)));
    match (because, next) {
        (Some(because), Some(next)) => Some(format!("waiting because {}; {next}", shown(because))),
        (Some(because), None) => Some(format!("waiting because {}", shown(because))),
        (None, next) => next,
    }
}

/// What a list says of a job beyond its state.
pub(crate) fn details(job: &JobSummary, calendar: &Calendar, now: Timestamp) -> String {
    match &job.error {
        Some((code, sentence)) if job.state == JobState::Error => format!("{} ({})", shown(sentence), describe(*code).symbol),
        _ => waiting(job.waiting_because.as_deref(), job.next_attempt, calendar, now).unwrap_or_default(),
    }
}

/// `30 %`, or `-` while the size is not known.
pub(crate) fn percent(progress: &JobProgress) -> String {
    text::percent(progress).map_or_else(|| "-".to_owned(), |percent| format!("{percent} %"))
}

/// The size, or how much is here while it is not known.
pub(crate) fn size(progress: &JobProgress) -> String {
    match progress.bytes_total {
        Some(total) => text::bytes(total),
        None if progress.bytes_transferred > 0 => format!("{}+", text::bytes(progress.bytes_transferred)),
        None => "?".to_owned(),
    }
}

/// The colour of a state.
pub(crate) fn colour(state: JobState) -> Colour {
    match state {
        JobState::Error => Colour::Bad,
        JobState::TransientError => Colour::Waiting,
        JobState::Transferred | JobState::Acknowledged | JobState::Connecting | JobState::Transferring => Colour::Good,
        JobState::Queued => Colour::Strong,
        JobState::Suspended | JobState::Cancelled => Colour::Faint,
    }
}

/// The sentence of an error, with symbol and number.
pub(crate) fn error(error: &JobError) -> String {
    format!("{} ({} {})", shown(&error.failure.sentence), shown(&error.symbol), error.failure.code)
}

/// The sentence of a code, where there is one of its own, with symbol and number.
pub(crate) fn failure(code: consign::Hresult, sentence: &str) -> String {
    let description = describe(code);
    let sentence = if sentence.is_empty() { &*description.sentence } else { sentence };
    // A code without a symbol is its own symbol.
    let symbol = if description.symbol.starts_with("0x") { code.to_string() } else { format!("{} {code}", description.symbol) };
    format!("{} ({symbol})", shown(sentence))
}

/// How many of something: `1 message`, `2 messages`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// A program and its arguments, with quotes where words would run together.
pub(crate) fn command_line<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    let word = |word: &String| {
        let plain = !word.is_empty() && !word.contains(|character: char| character.is_whitespace() || matches!(character, '\'' | '"'));
        if plain { shown(word) } else { format!("'{}'", shown(word).replace('\'', "'\\''")) }
    };
    words.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

/// Names and values, with the values in one column. What has no name belongs to the one above.
pub(crate) fn aligned(facts: &[(&str, String)]) -> Vec<String> {
    let column = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
    let heading = |name: &str| if name.is_empty() { String::new() } else { format!("{name}:") };
    facts.iter().map(|(name, value)| format!("{:column$}{value}", heading(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_shown_as_far_as_they_tell_jobs_apart() {
        let ids = |texts: &[&str]| id_length(texts.iter().map(|text| text.parse().unwrap()));
        assert_eq!(ids(&[]), 8);
        assert_eq!(ids(&["97184d0f-f7ef-413a-8c6d-c1745018b2e9", "07184d0f-f7ef-413a-8c6d-c1745018b2e9"]), 8);
        assert_eq!(ids(&["97184d0f-f7ef-413a-8c6d-c1745018b2e9", "97184d0f-07ef-413a-8c6d-c1745018b2e9"]), 10);
        assert_eq!(ids(&["97184d0f-f7ef-413a-8c6d-c1745018b2e9", "97184d0f-f7ef-413a-8c6d-c1745018b2e8"]), 36);
    }

    #[test]
    fn waiting_has_a_reason_and_a_time() {
        let calendar = Calendar::of_this_machine();
        let now = Timestamp::from_millis(1_795_262_671_000);
        let time = calendar.short(now, now);
        assert_eq!(waiting(None, None, &calendar, now), None);
        assert_eq!(waiting(Some("of \x07"), None, &calendar, now).unwrap(), "waiting because of \\u{7}");
        assert_eq!(waiting(Some("x"), Some(now), &calendar, now).unwrap(), format!("waiting because x; next attempt at {time}"));
    }
}
