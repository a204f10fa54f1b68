use std::time::UNIX_EPOCH;

use http::HeaderName;
use proptest::prelude::*;

use super::*;

const DATE: &str = "Sun, 13 Sep 2020 12:26:40 GMT";

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn known(size: Option<u64>, etag: Option<&str>, last_modified: Option<&str>) -> FileFacts {
    let validator = Validator { etag: etag.map(str::to_owned), last_modified: last_modified.map(str::to_owned) };
    FileFacts { size, validator, ..FileFacts::default() }
}

fn name(asked: Asked, known: &FileFacts, status: u16, pairs: &[(&'static str, &str)], length: Option<u64>) -> String {
    let headers = headers(pairs);
    match decide(asked, known, Answer { status, headers: &headers, length }, now()) {
        Decision::Whole { length, facts } => format!("whole {length:?} {:?}", facts.ranges),
        Decision::Part { facts, length } => format!("part {length} of {:?}", facts.size),
        Decision::Complete => "complete".into(),
        Decision::StartAgain(why) => format!("again {why:?}"),
        Decision::Redirect { to } => format!("to {to}"),
        Decision::NoRanges => "no ranges".into(),
        Decision::OutsideFile => "outside".into(),
        Decision::Refused { retry } => format!("refused {retry:?}"),
        Decision::Lie(_) => "lie".into(),
    }
}

#[test]
fn every_answer_means_one_thing() {
    let tagged = known(Some(100), Some("\"a\""), None);
    let dated = known(Some(100), None, Some(DATE));
    let nothing = FileFacts::default();
    let rest = Asked::Rest { from: 40 };
    let part = Asked::Part { from: 40, end: Some(50) };
    let range = ("content-range", "bytes 40-99/100");
    for (asked, known, status, pairs, length, expected) in [
        (Asked::Whole, &nothing, 200, &[][..], Some(100), "whole Some(100) Unknown"),
        (Asked::Whole, &nothing, 200, &[("accept-ranges", "bytes")], None, "whole None Yes"),
        (Asked::Whole, &nothing, 200, &[("accept-ranges", "none")], None, "whole None No"),
        (Asked::Whole, &nothing, 206, &[("content-range", "bytes 0-99/100")], Some(100), "lie"),
        (Asked::Whole, &nothing, 416, &[], None, "refused Never"),
        (rest, &tagged, 206, &[range], Some(60), "part 60 of Some(100)"),
        (rest, &tagged, 206, &[range, ("etag", "\"a\"")], None, "part 60 of Some(100)"),
        (rest, &tagged, 206, &[range, ("etag", "\"b\"")], Some(60), "again Changed"),
        (rest, &tagged, 206, &[range, ("etag", "W/\"b\"")], Some(60), "part 60 of Some(100)"),
        (rest, &dated, 206, &[range, ("last-modified", "Sun, 13 Sep 2020 12:26:41 GMT")], Some(60), "again Changed"),
        (rest, &tagged, 206, &[range], Some(61), "lie"),
        (rest, &tagged, 206, &[("content-range", "bytes 40-49/100")], Some(10), "part 10 of Some(100)"),
        (rest, &tagged, 206, &[("content-range", "bytes 40-99/*")], Some(60), "part 60 of Some(100)"),
        (rest, &tagged, 206, &[("content-range", "bytes 41-99/100")], Some(59), "lie"),
        (rest, &tagged, 206, &[("content-range", "bytes 40-99/101")], Some(60), "lie"),
        (rest, &tagged, 206, &[("content-range", "bytes 40-100/100")], Some(61), "lie"),
        (rest, &tagged, 206, &[("content-range", "bytes */100")], Some(60), "lie"),
        (rest, &tagged, 206, &[range, ("content-range", "bytes 40-99/100")], Some(60), "lie"),
        (rest, &tagged, 206, &[range, ("content-type", "Multipart/ByteRanges; boundary=x")], Some(60), "lie"),
        (rest, &tagged, 206, &[], Some(60), "lie"),
        (rest, &tagged, 200, &[("etag", "\"a\""), ("accept-ranges", "bytes")], Some(100), "whole Some(100) No"),
        (rest, &tagged, 200, &[("etag", "\"b\""), ("accept-ranges", "bytes")], Some(90), "whole Some(90) Yes"),
        (rest, &known_size(40), 416, &[("content-range", "bytes */40")], Some(0), "complete"),
        (rest, &nothing, 416, &[("content-range", "bytes */40")], Some(0), "complete"),
        (rest, &tagged, 416, &[("content-range", "bytes */40")], Some(0), "again NotContinued"),
        (rest, &nothing, 416, &[("content-range", "bytes */39")], Some(0), "again NotContinued"),
        (rest, &nothing, 416, &[], Some(0), "again NotContinued"),
        (part, &tagged, 206, &[("content-range", "bytes 40-49/100")], Some(10), "part 10 of Some(100)"),
        (part, &tagged, 206, &[("content-range", "bytes 40-50/100")], Some(11), "lie"),
        (part, &nothing, 206, &[("content-range", "bytes 40-44/45")], Some(5), "part 5 of Some(45)"),
        (part, &tagged, 200, &[("etag", "\"a\"")], Some(100), "no ranges"),
        (part, &nothing, 200, &[("etag", "\"a\"")], Some(100), "no ranges"),
        (part, &tagged, 200, &[("etag", "\"b\"")], Some(100), "again Changed"),
        (part, &tagged, 416, &[], None, "outside"),
        (rest, &tagged, 302, &[("location", "/x")], None, "to /x"),
        (rest, &tagged, 302, &[], None, "refused Never"),
        (rest, &tagged, 304, &[("location", "/x")], None, "refused Never"),
        (rest, &tagged, 503, &[("retry-after", "7")], None, "refused After(Some(7s))"),
        (rest, &tagged, 404, &[("retry-after", "7")], None, "refused Never"),
    ] {
        assert_eq!(name(asked, known, status, pairs, length), expected, "{asked:?} {known:?} {status} {pairs:?} {length:?}");
    }
}

fn known_size(size: u64) -> FileFacts {
    known(Some(size), None, None)
}

#[test]
fn a_validator_is_strong_or_absent() {
    for (pairs, etag, date) in [
        (&[("etag", "\"a\"")][..], Some("\"a\""), None),
        (&[("etag", "W/\"a\"")], None, None),
        (&[("etag", "a")], None, None),
        (&[("etag", "\"a")], None, None),
        (&[("etag", "\"")], None, None),
        (&[("etag", "\"a b\"")], None, None),
        (&[("etag", "\"a\""), ("etag", "\"b\"")], None, None),
        (&[("last-modified", DATE)], None, Some(DATE)),
        (&[("last-modified", DATE), ("date", DATE)], None, None),
        (&[("last-modified", DATE), ("date", "Sun, 13 Sep 2020 12:26:41 GMT")], None, Some(DATE)),
        (&[("last-modified", "yesterday")], None, None),
    ] {
        let told = validator(&headers(pairs), now());
        assert_eq!((told.etag.as_deref(), told.last_modified.as_deref()), (etag, date), "{pairs:?}");
    }
}

#[test]
fn retry_after_is_read_and_bounded() {
    for (value, seconds) in [
        ("0", Some(0)),
        ("120", Some(120)),
        ("99999999999999999999999", Some(86_400)),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("soon", None),
        (DATE, Some(0)),
        ("Tue, 14 Nov 2023 22:14:20 GMT", Some(60)),
        ("Tue, 14 Nov 2119 22:14:20 GMT", Some(86_400)),
    ] {
        assert_eq!(retry_after(&headers(&[("retry-after", value)]), now()), seconds.map(Duration::from_secs), "{value}");
    }
}

#[test]
fn content_ranges_are_read_exactly() {
    let part = |first, last, total| Some(ContentRange::Part { first, last, total });
    for (text, expected) in [
        ("bytes 0-0/1", part(0, 0, Some(1))),
        ("BYTES 5-9/*", part(5, 9, None)),
        ("bytes */7", Some(ContentRange::Unsatisfied { total: Some(7) })),
        ("bytes */*", Some(ContentRange::Unsatisfied { total: None })),
        ("bytes 5-4/9", None),
        ("bytes 5-9/9", None),
        ("bytes=0-0/1", None),
        ("bytes +0-0/1", None),
        ("bytes 0-18446744073709551615/*", None),
        ("bytes 0-0", None),
        ("", None),
    ] {
        assert_eq!(ContentRange::parse(text), expected, "{text}");
    }
}

fn any_header() -> impl Strategy<Value = (HeaderName, http::HeaderValue)> {
    let names = ["content-range", "etag", "last-modified", "retry-after", "location", "accept-ranges", "content-type", "date"];
    let values = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        "bytes [0-9]{1,20}-[0-9]{1,20}/([0-9]{1,20}|\\*)".prop_map(String::into_bytes),
        "(W/)?\"[a-z]{0,3}\"".prop_map(String::into_bytes),
        Just(DATE.as_bytes().to_vec()),
    ];
    (proptest::sample::select(names.to_vec()), values)
        .prop_filter_map("no header", |(name, value)| Some((HeaderName::from_static(name), http::HeaderValue::from_bytes(&value).ok()?)))
}

proptest! {
    #[test]
    fn no_answer_is_taken_for_bytes_that_were_not_asked_for(
        headers in proptest::collection::vec(any_header(), 0..6),
        status in prop_oneof![Just(200_u16), Just(206), Just(416), 100_u16..600],
        length in proptest::option::of(any::<u64>()),
        from in any::<u64>(),
        size in proptest::option::of(any::<u64>()),
        end in proptest::option::of(any::<u64>()),
        kind in 0..3,
    ) {
        let headers: HeaderMap = headers.into_iter().collect();
        let asked = match kind { 0 => Asked::Whole, 1 => Asked::Rest { from }, _ => Asked::Part { from, end } };
        let known = known(size, Some("\"a\""), None);
        match decide(asked, &known, Answer { status, headers: &headers, length }, now()) {
            Decision::Whole { .. } => prop_assert!(status == 200 && kind != 2),
            Decision::Part { length: found, facts } => {
                prop_assert!(status == 206 && asked != Asked::Whole);
                let last = from.checked_add(found - 1).unwrap();
                prop_assert!(length.is_none_or(|length| length == found));
                prop_assert!(facts.size.is_none_or(|size| last < size) || known.size.is_some());
                if let Asked::Part { end: Some(end), .. } = asked {
                    prop_assert!(last < end);
                }
            }
            Decision::Complete => prop_assert!(status == 416 && kind == 1),
            Decision::Refused { .. } => prop_assert!(status != 200 && status != 206),
            _ => {}
        }
    }
}
