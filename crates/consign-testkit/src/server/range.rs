//! `Range` and the conditions that go with it.

use super::{request::Request, resource::Resource};

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Everything: there is no `Range`, or it is to be ignored.
    Whole,
    /// These ranges, as (first, last) byte.
    Parts(Vec<(u64, u64)>),
    /// Ranges, none of which exists.
    NotSatisfiable,
}

/// What the request asks for, its `If-Range` considered.
pub(super) fn asked(request: &Request, resource: &Resource) -> Asked {
    match request.range() {
        Some(range) if if_range_holds(request, resource) => parse(range, resource.body.size()),
        _ => Asked::Whole,
    }
}

/// Whether `If-Match` or `If-Unmodified-Since` asks for another version than this.
pub(super) fn precondition_fails(request: &Request, resource: &Resource) -> bool {
    if let Some(wanted) = request.header("if-match") {
        let strong = resource.etag.as_deref().filter(|etag| etag.starts_with('"'));
        return wanted != "*" && !wanted.split(',').any(|one| Some(one.trim()) == strong);
    }
    request.header("if-unmodified-since").is_some_and(|wanted| Some(wanted) != last_modified(resource).as_deref())
}

/// `Last-Modified` as it is sent.
pub(super) fn last_modified(resource: &Resource) -> Option<String> {
    resource.last_modified.map(httpdate::fmt_http_date)
}

fn if_range_holds(request: &Request, resource: &Resource) -> bool {
    match request.header("if-range") {
        None => true,
        // Only the strong comparison will do: a weak tag never matches.
        Some(tag) if tag.starts_with('"') => resource.etag.as_deref() == Some(tag),
        Some(tag) if tag.starts_with("W/") => false,
        Some(date) => last_modified(resource).as_deref() == Some(date),
    }
}

fn parse(range: &str, size: u64) -> Asked {
    let Some(list) = range.strip_prefix("bytes=") else {
        return Asked::Whole;
    };
    let mut parts = Vec::new();
    for one in list.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        let Some((first, last)) = one.split_once('-') else {
            return Asked::Whole;
        };
        match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => {
                if first < size {
                    parts.push((first, last.min(size - 1)));
                }
            }
            (Ok(first), Err(_)) if last.is_empty() => {
                if first < size {
                    parts.push((first, size - 1));
                }
            }
            (Err(_), Ok(count)) if first.is_empty() => {
                if count > 0 && size > 0 {
                    parts.push((size.saturating_sub(count), size - 1));
                }
            }
            _ => return Asked::Whole,
        }
    }
    if parts.is_empty() { Asked::NotSatisfiable } else { Asked::Parts(parts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        for (range, asked) in [
            ("bytes=0-0", Asked::Parts(vec![(0, 0)])),
            ("bytes=10-", Asked::Parts(vec![(10, 99)])),
            ("bytes=10-1000", Asked::Parts(vec![(10, 99)])),
            ("bytes=-5", Asked::Parts(vec![(95, 99)])),
            ("bytes=-500", Asked::Parts(vec![(0, 99)])),
            ("bytes=0-1, 5-6,200-", Asked::Parts(vec![(0, 1), (5, 6)])),
            ("bytes=100-", Asked::NotSatisfiable),
            ("bytes=-0", Asked::NotSatisfiable),
            ("bytes=5-4", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
            ("lines=1-2", Asked::Whole),
        ] {
            assert_eq!(parse(range, 100), asked, "{range}");
        }
        assert_eq!(parse("bytes=0-", 0), Asked::NotSatisfiable);
    }
}
