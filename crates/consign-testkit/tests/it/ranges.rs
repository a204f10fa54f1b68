//! Ranges, conditions, validators.

use consign_testkit::{
    Body, Fault, Resource, Server,
    server::{Head, MultipleRanges, Ranges},
};

use crate::client::{get, head};

const SIZE: u64 = 200_000;

fn bytes(body: &Body, first: u64, last: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(last + 1 - first).unwrap()];
    assert_eq!(body.read_at(first, &mut bytes), bytes.len());
    bytes
}

#[test]
fn a_good_server_answers_whole_files_and_ranges() {
    let server = Server::start().unwrap();
    let body = Body::pattern(1, SIZE);
    server.set("/file", Resource::new(body.clone()));

    let whole = get(&server, "/file?query=1", &[]);
    assert_eq!(whole.status, 200);
    assert_eq!(whole.body, bytes(&body, 0, SIZE - 1));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.header("last-modified"), Some("Sun, 13 Sep 2020 12:26:40 GMT"));

    for (range, first, last) in [("0-0", 0, 0), ("10-19", 10, 19), ("199990-", 199_990, 199_999), ("-5", 199_995, 199_999)] {
        let part = get(&server, "/file", &[&format!("Range: bytes={range}")]);
        assert_eq!(part.status, 206);
        assert_eq!(part.header("content-range"), Some(format!("bytes {first}-{last}/{SIZE}").as_str()));
        assert_eq!(part.body, bytes(&body, first, last));
    }
    let beyond = get(&server, "/file", &["Range: bytes=200000-"]);
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */200000")));

    let probe = head(&server, "/file");
    assert_eq!((probe.status, probe.header("content-length"), probe.body.len()), (200, Some("200000"), 0));
    assert_eq!(get(&server, "/none", &[]).status, 404);

    let requests = server.requests();
    assert_eq!(requests.len(), 8);
    assert_eq!((requests[0].path.as_str(), requests[0].target.as_str()), ("/file", "/file?query=1"));
    assert_eq!(requests[1].range(), Some("bytes=0-0"));
    assert_eq!((requests[6].method.as_str(), requests[7].status), ("HEAD", Some(404)));
}

#[test]
fn a_range_is_given_only_of_the_version_asked_for() {
    let server = Server::start().unwrap();
    server.set("/strong", Resource::new("contents").etag(Some("\"a\"")));
    server.set("/weak", Resource::new("contents").etag(Some("W/\"a\"")));
    for (path, condition, status) in [
        ("/strong", "\"a\"", 206),
        ("/strong", "\"b\"", 200),
        ("/strong", "Sun, 13 Sep 2020 12:26:40 GMT", 206),
        ("/strong", "Sun, 13 Sep 2020 12:26:41 GMT", 200),
        ("/weak", "\"a\"", 200),
        ("/weak", "W/\"a\"", 200),
    ] {
        let answer = get(&server, path, &["Range: bytes=1-2", &format!("If-Range: {condition}")]);
        assert_eq!(answer.status, status, "{path} {condition}");
    }
    assert_eq!(get(&server, "/strong", &["If-Match: \"b\""]).status, 412);
    assert_eq!(get(&server, "/strong", &["If-Match: \"b\", \"a\""]).status, 200);
    assert_eq!(get(&server, "/weak", &["If-Match: W/\"a\""]).status, 412);
    assert_eq!(get(&server, "/strong", &["If-Unmodified-Since: Sun, 13 Sep 2020 12:26:39 GMT"]).status, 412);
}

#[test]
fn ranges_can_be_refused_in_every_way() {
    let server = Server::start().unwrap();
    for (ranges, status, told) in [
        (Ranges::Honoured, 206, Some("bytes")),
        (Ranges::HonouredUnannounced, 206, None),
        (Ranges::Ignored, 200, None),
        (Ranges::IgnoredButAnnounced, 200, Some("bytes")),
        (Ranges::None, 200, Some("none")),
    ] {
        server.set("/file", Resource::new("contents").ranges(ranges));
        let answer = get(&server, "/file", &["Range: bytes=1-2"]);
        assert_eq!((answer.status, answer.header("accept-ranges")), (status, told), "{ranges:?}");
    }
}

#[test]
fn several_ranges_come_in_parts() {
    let server = Server::start().unwrap();
    let file = Resource::new("0123456789").content_type("text/plain");
    let range = ["Range: bytes=0-1,5-6"];
    server.set("/file", file.clone());
    let answer = get(&server, "/file", &range);
    assert_eq!(answer.status, 206);
    let boundary = answer.header("content-type").unwrap().strip_prefix("multipart/byteranges; boundary=").unwrap();
    assert_eq!(
        String::from_utf8(answer.body.clone()).unwrap(),
        format!(
            "\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\
             \r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 5-6/10\r\n\r\n56\
             \r\n--{boundary}--\r\n"
        )
    );
    server.set("/file", file.clone().multiple_ranges(MultipleRanges::FirstOnly));
    assert_eq!(get(&server, "/file", &range).body, b"01");
    server.set("/file", file.clone().multiple_ranges(MultipleRanges::Whole));
    assert_eq!(get(&server, "/file", &range).status, 200);
    server.set("/file", file.always(Fault::Multipart));
    assert!(get(&server, "/file", &["Range: bytes=0-1"]).header("content-type").unwrap().starts_with("multipart/"));
}

#[test]
fn ranges_can_be_wrong_in_every_way() {
    let server = Server::start().unwrap();
    let check = |fault: Fault, status: u16, range: Option<&str>, body: &str| {
        server.set("/file", Resource::new("0123456789").then(fault.clone()));
        let answer = get(&server, "/file", &["Range: bytes=2-4"]);
        assert_eq!((answer.status, answer.header("content-range")), (status, range), "{fault:?}");
        assert_eq!(String::from_utf8_lossy(&answer.body), body, "{fault:?}");
        assert_eq!(get(&server, "/file", &["Range: bytes=2-4"]).header("content-range"), Some("bytes 2-4/10"));
    };
    check(Fault::ContentRangeShifted(1), 206, Some("bytes 3-5/10"), "234");
    check(Fault::ContentRangeShifted(-2), 206, Some("bytes 0-2/10"), "234");
    check(Fault::ContentRangeTotal(Some(99)), 206, Some("bytes 2-4/99"), "234");
    check(Fault::ContentRangeTotal(None), 206, Some("bytes 2-4/*"), "234");
    check(Fault::ContentRangeMissing, 206, None, "234");
    check(Fault::OtherRange(3), 206, Some("bytes 5-7/10"), "567");
    check(Fault::IgnoreRange, 200, None, "0123456789");
    check(Fault::NotSatisfiable, 416, Some("bytes */10"), "range not satisfiable\n");

    server.set("/file", Resource::new("0123456789").always(Fault::PartialForPlain));
    let answer = get(&server, "/file", &[]);
    assert_eq!((answer.status, answer.header("content-range")), (206, Some("bytes 0-9/10")));
}

#[test]
fn head_can_be_refused() {
    let server = Server::start().unwrap();
    for status in [405, 501] {
        server.set("/file", Resource::new("contents").head(Head::Refused(status)));
        assert_eq!(head(&server, "/file").status, status);
        assert_eq!(get(&server, "/file", &[]).status, 200);
    }
}
