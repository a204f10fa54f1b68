//! Statuses: which pass, and when to ask again; HEAD.

use std::time::{Duration, SystemTime};

use consign_bits::{ErrorContext, RangeSupport, bits};
use consign_testkit::{
    Body, Fault, Resource,
    server::{Head, RetryAfter},
};

use super::Bench;
use crate::fetch::Retry;

#[tokio::test]
async fn statuses_are_fatal_or_pass() {
    let bench = Bench::new(Resource::new(""));
    let fetcher = bench.fetcher();
    for (status, retry) in [
        (300, Retry::Never),
        (304, Retry::Never),
        (305, Retry::Never),
        (306, Retry::After(None)),
        (400, Retry::Never),
        (401, Retry::Never),
        (403, Retry::Never),
        (404, Retry::Never),
        (408, Retry::After(None)),
        (409, Retry::After(None)),
        (410, Retry::Never),
        (416, Retry::Never),
        (429, Retry::After(None)),
        (500, Retry::After(None)),
        (501, Retry::Never),
        (502, Retry::After(None)),
        (503, Retry::After(None)),
        (505, Retry::Never),
        (202, Retry::After(None)),
        (204, Retry::After(None)),
        (599, Retry::After(None)),
    ] {
        bench.server.set("/file", Resource::status(status));
        let super::Outcome::Failed(failure) = bench.fetch_by(&fetcher).await else { panic!("{status}") };
        assert_eq!((failure.failure.code, failure.retry), (bits::http_error(status), retry), "{status}");
        assert_eq!(failure.failure.context, ErrorContext::RemoteFile);
    }
}

#[tokio::test]
async fn the_server_says_when_to_come_back() {
    let of = async |retry_after| Bench::new(Resource::new("").always(Fault::status_later(503, retry_after))).failed().await.retry;
    assert_eq!(of(RetryAfter::Seconds(120)).await, Retry::After(Some(Duration::from_secs(120))));
    assert_eq!(of(RetryAfter::Seconds(10_000_000)).await, Retry::After(Some(Duration::from_secs(86_400))));
    let Retry::After(Some(left)) = of(RetryAfter::At(SystemTime::now() + Duration::from_secs(3600))).await else { panic!() };
    assert!(left > Duration::from_secs(3000) && left <= Duration::from_secs(3600), "{left:?}");
    assert_eq!(of(RetryAfter::At(SystemTime::UNIX_EPOCH)).await, Retry::After(Some(Duration::ZERO)));
}

#[tokio::test]
async fn what_was_fetched_survives_a_status() {
    let body = Body::pattern(1, 100_000);
    let mut bench = Bench::new(Resource::new(body.clone()).then(Fault::end(50_000)).then(Fault::status(503)));
    let failure = bench.fails_for_now(bits::http_error(503)).await;
    assert_eq!(failure.checkpoint.synced, 50_000);
    bench.go_on_from(failure.checkpoint);
    bench.done(&body).await;
}

#[tokio::test]
async fn a_probe_tells_facts_and_moves_nothing() {
    let bench = Bench::new(Resource::redirect(302, "/there"));
    bench.server.set("/there", Resource::new(Body::pattern(1, 100_000)));
    let facts = bench.fetcher().probe(&bench.task.url, &bench.context).await.unwrap();
    assert_eq!((facts.size, facts.ranges), (Some(100_000), RangeSupport::Yes));
    assert!(facts.validator.etag.is_some() && facts.validator.last_modified.is_some());
    assert_eq!(facts.final_url, Some(bench.server.url("/there")));
    assert!(bench.server.requests().iter().all(|request| request.method == "HEAD"));
    bench.server.set("/there", Resource::new("").head(Head::Refused(405)));
    let failure = bench.fetcher().probe(&bench.task.url, &bench.context).await.unwrap_err();
    assert_eq!(failure.failure.code, bits::http_error(405));
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    let body = Body::pattern(1, 1000);
    let mut bench = Bench::new(Resource::new(body.clone()).basic_auth("me", "p@ss"));
    let failure = bench.fails_for_ever(bits::http_error(401), ErrorContext::RemoteFile).await;
    assert!(failure.failure.sentence.contains("user name"), "{}", failure.failure.sentence);
    bench.task.url = bench.server.url("/file").replace("://", "://me:wrong@");
    let failure = bench.fails_for_ever(bits::http_error(401), ErrorContext::RemoteFile).await;
    assert!(!failure.failure.sentence.contains("wrong"), "{}", failure.failure.sentence);
    bench.task.url = bench.server.url("/file").replace("://", "://me:p%40ss@");
    bench.done(&body).await;
}
