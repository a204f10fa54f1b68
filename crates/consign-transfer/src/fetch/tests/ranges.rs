//! Declared ranges.

use consign_bits::{ErrorContext, LENGTH_TO_EOF, bits};
use consign_testkit::{Body, Close, Fault, Resource, server::Ranges};

use super::{Bench, glued};

const RANGES: &[(u64, u64)] = &[(200_000, 50_000), (0, 1000), (290_000, LENGTH_TO_EOF)];

fn body() -> Body {
    Body::pattern(6, 300_000)
}

fn bench(resource: Resource, ranges: &[(u64, u64)]) -> Bench {
    let mut bench = Bench::new(resource);
    bench.set_ranges(ranges);
    bench
}

#[tokio::test]
async fn ranges_are_glued_in_their_order() {
    for resource in [Resource::new(body()), Resource::new(body()).etag(None).last_modified(None)] {
        let bench = bench(resource, RANGES);
        let checkpoint = bench.done(&glued(&body(), RANGES)).await;
        assert_eq!(checkpoint.facts.size, Some(300_000));
        let asked: Vec<_> = bench.ranges().into_iter().flatten().collect();
        assert_eq!(asked, ["bytes=200000-249999", "bytes=0-999", "bytes=290000-299999"]);
        assert_eq!(bench.server.connections(), 1);
    }
}

#[tokio::test]
async fn a_cut_range_goes_on_inside() {
    let mut bench = bench(Resource::new(body()).then(Fault::end(20_000)).then(Fault::CloseBeforeAnswer(Close::Fin)), RANGES);
    let failure = bench.fails_for_now(bits::BG_E_CONNECTION_CLOSED).await;
    assert_eq!(failure.checkpoint.synced, 20_000);
    bench.go_on_from(failure.checkpoint);
    bench.done(&glued(&body(), RANGES)).await;
    assert_eq!(bench.ranges()[2].as_deref(), Some("bytes=220000-249999"));
}

#[tokio::test]
async fn a_range_outside_the_file_is_fatal() {
    for ranges in [&[(0, 300_001)][..], &[(300_000, LENGTH_TO_EOF)], &[(400_000, 10)], &[(0, 10), (299_999, 2)]] {
        bench(Resource::new(body()), ranges).fails_for_ever(bits::BG_E_INVALID_RANGE, ErrorContext::RemoteFile).await;
    }
}

#[tokio::test]
async fn a_server_without_ranges_is_fatal() {
    bench(Resource::new(body()).ranges(Ranges::None), RANGES)
        .fails_for_ever(bits::BG_E_INSUFFICIENT_RANGE_SUPPORT, ErrorContext::RemoteFile)
        .await;
}

#[tokio::test]
async fn a_file_that_changes_between_ranges_starts_again() {
    let new = Body::pattern(7, 300_000);
    let bench = bench(Resource::new(body()).changes_after(2, Resource::new(new.clone())), RANGES);
    bench.done(&glued(&new, RANGES)).await;
}

#[tokio::test]
async fn merged_or_wrong_ranges_are_caught() {
    for fault in [Fault::OtherRange(10), Fault::Multipart, Fault::ContentRangeShifted(5), Fault::BodyTooLong(5)] {
        let shown = format!("{fault:?}");
        let failure = bench(Resource::new(body()).then(fault), RANGES).failed().await;
        assert_eq!(failure.failure.code, bits::BG_E_INVALID_SERVER_RESPONSE, "{shown}");
    }
}
