//! What the head of an answer means for the request that was made. Pure: no I/O, no clock of its
//! own; every rule about validators, ranges and statuses is here.

use std::time::{Duration, SystemTime};

use consign_bits::RangeSupport;
use http::{HeaderMap, header};

use super::task::{FileFacts, Retry, Validator};

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The file, from its first byte, without a range.
    Whole,
    /// What follows the first `from` bytes, if the file is still the same.
    Rest { from: u64 },
    /// The bytes from `from` up to but not including `end`, or to the end of the file.
    Part { from: u64, end: Option<u64> },
}

/// What was answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) headers: &'a HeaderMap,
    /// The length of the body as the connection frames it, in bytes; `None` until it ends.
    pub(super) length: Option<u64>,
}

/// What to do with the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The body is the whole file. What was there of it before is to be given up.
    Whole { facts: FileFacts, length: Option<u64> },
    /// The body is what was asked for, or its beginning: so many bytes.
    Part { facts: FileFacts, length: u64 },
    /// Nothing is missing.
    Complete,
    /// The file is another one now, or cannot be continued: ask for it from its first byte.
    StartAgain(Again),
    /// The server sends us elsewhere.
    Redirect { to: String },
    /// The server gives no parts, and a part is what is wanted.
    NoRanges,
    /// The part lies outside the file.
    OutsideFile,
    /// A status that is a failure.
    Refused { retry: Retry },
    /// The answer contradicts the request, or itself.
    Lie(&'static str),
}

/// Why a file starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// It changed.
    Changed,
    /// It may be the same, but the server cannot or will not continue it.
    NotContinued,
}

/// Decides what `answer` means for the request `asked`, given what was `known` of the file before.
/// `now` is only used where the server does not tell its own time.
pub(super) fn decide(asked: Asked, known: &FileFacts, answer: Answer<'_>, now: SystemTime) -> Decision {
    match (answer.status, asked) {
        (200, Asked::Part { .. }) if compare(&known.validator, &validator(answer.headers, now)) == Sameness::Different => {
            Decision::StartAgain(Again::Changed)
        }
        (200, Asked::Part { .. }) => Decision::NoRanges,
        (200, Asked::Whole | Asked::Rest { .. }) => whole(asked, known, answer, now),
        (206, Asked::Whole) => Decision::Lie("the server sent a part of the file where all of it was asked for"),
        (206, Asked::Rest { from }) => part(from, None, known, answer, now),
        (206, Asked::Part { from, end }) => part(from, end, known, answer, now),
        (416, Asked::Rest { from }) => unsatisfied(from, known, answer.headers, now),
        (416, Asked::Part { .. }) => Decision::OutsideFile,
        (301 | 302 | 303 | 307 | 308, _) => match text(answer.headers, header::LOCATION) {
            Some(to) => Decision::Redirect { to },
            None => Decision::Refused { retry: Retry::Never },
        },
        (status, _) => Decision::Refused { retry: retry(status, answer.headers, now) },
    }
}

/// What an answer to HEAD tells of the file.
pub(super) fn facts(headers: &HeaderMap, now: SystemTime) -> FileFacts {
    FileFacts { size: content_length(headers), validator: validator(headers, now), ranges: ranges(headers), final_url: None }
}

fn whole(asked: Asked, known: &FileFacts, answer: Answer<'_>, now: SystemTime) -> Decision {
    let validator = validator(answer.headers, now);
    // A range was asked for and the file is the same: the server takes no notice of ranges.
    let ignored = matches!(asked, Asked::Rest { .. }) && compare(&known.validator, &validator) == Sameness::Same;
    let ranges = if ignored { RangeSupport::No } else { ranges(answer.headers) };
    Decision::Whole { facts: FileFacts { size: answer.length, validator, ranges, final_url: None }, length: answer.length }
}

fn part(from: u64, end: Option<u64>, known: &FileFacts, answer: Answer<'_>, now: SystemTime) -> Decision {
    if text(answer.headers, header::CONTENT_TYPE).is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/byteranges")) {
        return Decision::Lie("the server sent several parts where one was asked for");
    }
    let told = validator(answer.headers, now);
    if compare(&known.validator, &told) == Sameness::Different {
        return Decision::StartAgain(Again::Changed);
    }
    let Some(range) = text(answer.headers, header::CONTENT_RANGE).and_then(|range| ContentRange::parse(&range)) else {
        return Decision::Lie("the server sent a part of the file and does not say which");
    };
    let ContentRange::Part { first, last, total } = range else {
        return Decision::Lie("the server sent a part of the file and says that there is none");
    };
    if first != from || end.is_some_and(|end| last >= end) {
        return Decision::Lie("the server sent another part of the file than was asked for");
    }
    if let (Some(size), Some(total)) = (known.size, total)
        && size != total
    {
        return Decision::Lie("the server tells another size than before for the same file");
    }
    let length = last - first + 1;
    if answer.length.is_some_and(|announced| announced != length) {
        return Decision::Lie("the length of the server's answer is not that of the part which it names");
    }
    let validator = if known.validator == Validator::default() { told } else { known.validator.clone() };
    let facts = FileFacts { size: known.size.or(total), validator, ranges: RangeSupport::Yes, final_url: None };
    Decision::Part { facts, length }
}

fn unsatisfied(from: u64, known: &FileFacts, headers: &HeaderMap, now: SystemTime) -> Decision {
    let range = text(headers, header::CONTENT_RANGE).and_then(|range| ContentRange::parse(&range));
    let is_whole = range == Some(ContentRange::Unsatisfied { total: Some(from) }) && known.size.is_none_or(|size| size == from);
    if is_whole && compare(&known.validator, &validator(headers, now)) != Sameness::Different {
        return Decision::Complete;
    }
    Decision::StartAgain(Again::NotContinued)
}

/// Which statuses pass by themselves. As BITS has it, but for 429: there the server says itself
/// that it wants to be asked again.
pub(super) fn retry(status: u16, headers: &HeaderMap, now: SystemTime) -> Retry {
    match status {
        300..=305 | 307 | 308 => Retry::Never,
        408 | 409 | 429 => Retry::After(retry_after(headers, now)),
        400..=499 | 501 | 505 => Retry::Never,
        _ => Retry::After(retry_after(headers, now)),
    }
}

/// What became of the file, as far as two answers tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sameness {
    Same,
    Different,
    Unknown,
}

fn compare(known: &Validator, told: &Validator) -> Sameness {
    let pair = match (&known.etag, &told.etag) {
        (Some(known), Some(told)) => (known, told),
        _ => match (&known.last_modified, &told.last_modified) {
            (Some(known), Some(told)) => (known, told),
            _ => return Sameness::Unknown,
        },
    };
    if pair.0 == pair.1 { Sameness::Same } else { Sameness::Different }
}

/// What a later request can name the file by: a strong tag, and a date that is old enough.
fn validator(headers: &HeaderMap, now: SystemTime) -> Validator {
    let etag = text(headers, header::ETAG).filter(|tag| is_strong(tag));
    let last_modified = text(headers, header::LAST_MODIFIED).filter(|date| {
        let Ok(modified) = httpdate::parse_http_date(date) else { return false };
        let answered = text(headers, header::DATE).and_then(|date| httpdate::parse_http_date(&date).ok()).unwrap_or(now);
        // Within the second of its last change a file can change again under the same date.
        answered.duration_since(modified).is_ok_and(|age| age >= Duration::from_secs(1))
    });
    Validator { etag, last_modified }
}

/// A quoted tag without `W/`, of the characters that RFC 9110 allows.
fn is_strong(tag: &str) -> bool {
    tag.len() >= 2
        && tag
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .is_some_and(|inner| inner.bytes().all(|byte| byte > b' ' && byte != b'"' && byte != 0x7f))
}

fn ranges(headers: &HeaderMap) -> RangeSupport {
    match text(headers, header::ACCEPT_RANGES).map(|units| units.to_ascii_lowercase()) {
        Some(units) if units.split(',').any(|unit| unit.trim() == "bytes") => RangeSupport::Yes,
        Some(units) if units.trim() == "none" => RangeSupport::No,
        _ => RangeSupport::Unknown,
    }
}

/// The date of the last change, whether or not it is fit to prove anything.
pub(super) fn last_modified(headers: &HeaderMap) -> Option<SystemTime> {
    text(headers, header::LAST_MODIFIED).and_then(|date| httpdate::parse_http_date(&date).ok())
}

/// How long the server wants to be left alone: at most a day.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let value = text(headers, header::RETRY_AFTER)?;
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number can have are still a long time.
        return Some(value.parse().map_or(DAY, Duration::from_secs).min(DAY));
    }
    let until = httpdate::parse_http_date(&value).ok()?;
    Some(until.duration_since(now).unwrap_or_default().min(DAY))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    let value = text(headers, header::CONTENT_LENGTH)?;
    number(&value)
}

/// A number of bytes: digits alone (`parse` would also take a plus sign), and not the highest
/// number, which stands for "unknown".
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| *number < u64::MAX)
}

/// The one value of a header; several, or one that is no text, are none.
fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?.trim().to_owned();
    values.next().is_none().then_some(value)
}

/// `Content-Range`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ContentRange {
    /// `bytes first-last/total`, or `/*`.
    Part { first: u64, last: u64, total: Option<u64> },
    /// `bytes */total`.
    Unsatisfied { total: Option<u64> },
}

impl ContentRange {
    fn parse(text: &str) -> Option<Self> {
        let (unit, rest) = text.split_once(' ')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (range, total) = rest.trim().split_once('/')?;
        let total = if total == "*" { None } else { Some(number(total)?) };
        if range == "*" {
            return Some(Self::Unsatisfied { total });
        }
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        (first <= last && total.is_none_or(|total| last < total)).then_some(Self::Part { first, last, total })
    }
}

#[cfg(test)]
#[path = "tests/head.rs"]
mod tests;
