//! What servers and environments say, as bytes.

use std::time::{Duration, SystemTime};

use consign_bits::{FileRange, LENGTH_TO_EOF, ProxySettings, ProxyUsage, RangeSupport};
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::{
    address::Address,
    head::{self, Answer, Asked, Decision},
    proxy::{self, Route},
    ranges::Glue,
    task::{FileFacts, JobContext, ProxyEnvironment, Retry, Validator},
};

/// A day: no server is left alone for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// The head of an answer. The first line holds what was asked for and known, as numbers separated by
/// blanks (kind of request, its start, its end, the status, the length of the body, the size known;
/// a missing number is "unknown"), the other lines are headers.
pub fn answer(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let mut numbers = first.split(' ').map(|number| number.parse::<u64>().ok().filter(|number| *number < u64::MAX));
    let mut number = || numbers.next().flatten();
    let (kind, from, end, status) = (number().unwrap_or(0), number().unwrap_or(0), number(), number().unwrap_or(200));
    let (length, size) = (number(), number());
    let asked = match kind % 3 {
        0 => Asked::Whole,
        1 => Asked::Rest { from: from.max(1) },
        _ => Asked::Part { from, end: end.filter(|end| *end > from) },
    };
    let mut headers = HeaderMap::new();
    let mut known = FileFacts { size, ..FileFacts::default() };
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        let Ok(value) = HeaderValue::from_bytes(value.strip_prefix(b" ").unwrap_or(value)) else { continue };
        match name {
            b"known-etag" => known.validator = Validator { etag: value.to_str().ok().map(str::to_owned), last_modified: None },
            name => {
                if let Ok(name) = HeaderName::from_bytes(name) {
                    let _ = headers.try_append(name, value);
                }
            }
        }
    }
    let status = u16::try_from(status % 1000).unwrap_or_default();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let answer = Answer { status, headers: &headers, length };
    let decision = head::decide(asked, &known, answer, now);
    assert_eq!(decision, head::decide(asked, &known, answer, now), "it is decided by what is given alone");
    judge(asked, &known, answer, decision);
    assert_ne!(head::facts(&headers, now).size, Some(u64::MAX));
    let _ = head::last_modified(&headers);
    glue(from, end, size);
}

fn judge(asked: Asked, known: &FileFacts, answer: Answer<'_>, decision: Decision) {
    match decision {
        Decision::Whole { facts, length } => {
            assert!(answer.status == 200 && !matches!(asked, Asked::Part { .. }));
            assert_eq!((length, facts.size), (answer.length, answer.length));
        }
        Decision::Part { facts, length } => {
            assert_eq!(answer.status, 206);
            assert_eq!(facts.ranges, RangeSupport::Yes);
            let (from, end) = match asked {
                Asked::Whole => panic!("a part for a whole"),
                Asked::Rest { from } => (from, None),
                Asked::Part { from, end } => (from, end),
            };
            assert!(length > 0);
            let last = from.checked_add(length).expect("a part ends somewhere");
            assert!(end.is_none_or(|end| last <= end), "more than was asked for");
            assert!(answer.length.is_none_or(|announced| announced == length));
            assert!(known.size.is_none_or(|known| facts.size == Some(known)), "a size that was known never changes on the way");
            // What was known before is not held against the answer alone; where both tell, they agree.
            if known.size.is_none() {
                assert!(facts.size.is_none_or(|size| last <= size));
            }
        }
        Decision::Complete => match asked {
            Asked::Rest { from } => assert!(answer.status == 416 && known.size.is_none_or(|size| size == from)),
            asked => panic!("nothing is missing of {asked:?}"),
        },
        Decision::StartAgain(_) => assert!(!matches!(asked, Asked::Whole), "a whole file that starts again would never end"),
        Decision::Redirect { .. } => assert!((301..=308).contains(&answer.status)),
        Decision::NoRanges | Decision::OutsideFile => assert!(matches!(asked, Asked::Part { .. })),
        Decision::Refused { retry } => {
            assert!(!matches!(answer.status, 200 | 206));
            assert!(
                matches!(retry, Retry::Never | Retry::After(None)) || matches!(retry, Retry::After(Some(wait)) if wait <= LONGEST_WAIT)
            );
        }
        Decision::Lie(sentence) => assert!(answer.status == 206 && !sentence.is_empty()),
    }
}

/// Two declared ranges, the second to the end of the file.
fn glue(first: u64, length: Option<u64>, size: Option<u64>) {
    if first.checked_add(length.unwrap_or(1)).is_none() {
        // Such a range is not taken.
        return;
    }
    let ranges = vec![
        FileRange { initial_offset: first, length: length.unwrap_or(1) },
        FileRange { initial_offset: length.unwrap_or(first), length: LENGTH_TO_EOF },
    ];
    let glue = Glue::new(ranges);
    let whole = glue.length(size);
    for position in [0, 1, first, length.unwrap_or(0), u64::MAX - 1] {
        match glue.at(position, size) {
            Some(part) => assert!(part.end.is_none_or(|end| part.from < end), "{part:?}"),
            None => assert!(whole.is_none_or(|whole| position >= whole), "{position} of {whole:?}"),
        }
    }
    if let Some(size) = size {
        let _ = glue.check(size);
    }
}

/// The URL of a server, then a list of proxies, then a list of hosts without one, each on its line.
pub fn proxies(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default().to_owned();
    let Some(target) = Url::parse(&line()).ok().and_then(Address::of) else { return };
    let (list, bypass) = (line(), line());
    let contexts = [
        JobContext {
            proxy: ProxySettings { usage: ProxyUsage::Override, list: Some(list.clone()), bypass: Some(bypass.clone()) },
            ..JobContext::default()
        },
        JobContext {
            proxy_environment: ProxyEnvironment {
                http: Some(list.clone()),
                all: Some(list),
                none: Some(bypass),
                ..ProxyEnvironment::default()
            },
            ..JobContext::default()
        },
    ];
    for context in contexts {
        match proxy::routes(&target.origin, &context) {
            Ok(routes) => {
                assert!(!routes.is_empty());
                for route in routes {
                    if let Route::Through(proxy) = route {
                        assert!(!proxy.origin.host.is_empty() && !proxy.origin.host.contains(['@', '/', ' ']), "{:?}", proxy.origin);
                        assert!(proxy.authorization.is_none_or(|credentials| credentials.is_sensitive()));
                    }
                }
            }
            Err(trouble) => assert_eq!(trouble.retry, Retry::Never),
        }
    }
}
