//! Servers that contradict the request, or themselves.

use consign_bits::{ErrorContext, bits};
use consign_testkit::{
    Body, Fault, Resource,
    server::{Framing, Ranges},
};

use super::Bench;

fn body() -> Body {
    Body::pattern(3, 500_000)
}

async fn is_caught(resource: Resource) {
    let shown = format!("{resource:?}");
    let bench = Bench::new(resource);
    let failure = bench.failed().await;
    assert_eq!(failure.failure.code, bits::BG_E_INVALID_SERVER_RESPONSE, "{failure:?} {shown}");
    assert_eq!((failure.failure.context, failure.retry), (ErrorContext::RemoteFile, super::Retry::Never));
}

#[tokio::test]
async fn lies_about_ranges_are_caught() {
    for fault in [
        Fault::ContentRangeShifted(1),
        Fault::ContentRangeShifted(-1),
        Fault::OtherRange(-100),
        Fault::OtherRange(100),
        Fault::ContentRangeTotal(Some(500_001)),
        Fault::ContentRangeMissing,
        Fault::Multipart,
        Fault::BodyTooShort(10),
        Fault::Header("Content-Range".into(), "bytes 300000-299999/500000".into()),
        Fault::Header("Content-Range".into(), "bytes */500000".into()),
        Fault::Header("Content-Range".into(), "lines 300000-499999/500000".into()),
    ] {
        is_caught(Resource::new(body()).then(Fault::end(300_000)).then(fault)).await;
    }
}

#[tokio::test]
async fn a_part_where_all_was_asked_for_is_caught() {
    is_caught(Resource::new(body()).then(Fault::PartialForPlain)).await;
    is_caught(Resource::new(body()).then(Fault::Multipart)).await;
}

#[tokio::test]
async fn more_bytes_than_announced_are_caught() {
    is_caught(Resource::new(body()).always(Fault::BodyTooLong(10))).await;
    is_caught(Resource::new(body()).framing(Framing::Chunked).then(Fault::end(300_000)).then(Fault::BodyTooLong(10))).await;
}

#[tokio::test]
async fn answers_that_are_not_http_are_caught() {
    is_caught(Resource::new(body()).always(Fault::GarbageStatusLine)).await;
    is_caught(Resource::new(body()).always(Fault::HugeHeader(1 << 20))).await;
    is_caught(Resource::new(body()).always(Fault::EndlessHeaders)).await;
}

#[tokio::test]
async fn fewer_bytes_than_announced_are_a_cut() {
    // The missing part does not exist; the server says so when it is asked for, and the file starts again.
    let bench = Bench::new(Resource::new(body()).then(Fault::LengthTooLong(10)));
    bench.done(&body()).await;
    let bench = Bench::new(Resource::new(body()).always(Fault::LengthTooLong(10)));
    bench.fails_for_now(bits::BG_E_CONNECTION_CLOSED).await;
}

#[tokio::test]
async fn a_broken_chunk_is_a_cut() {
    let bench = Bench::new(Resource::new(body()).framing(Framing::Chunked).then(Fault::GarbageChunk));
    bench.fails_for_now(bits::BG_E_CONNECTION_CLOSED).await;
}

#[tokio::test]
async fn an_unknown_total_and_an_encoding_are_no_lies() {
    let bench = Bench::new(Resource::new(body()).then(Fault::end(300_000)).then(Fault::ContentRangeTotal(None)));
    bench.done(&body()).await;
    let bench = Bench::new(Resource::new(body()).always(Fault::GzipHeader));
    bench.done(&body()).await;
    let bench = Bench::new(Resource::new(body()).then(Fault::Interim(vec![102, 103])));
    bench.done(&body()).await;
}

#[tokio::test]
async fn a_range_that_is_ignored_once_is_no_lie() {
    let bench = Bench::new(Resource::new(body()).ranges(Ranges::Honoured).then(Fault::end(300_000)).then(Fault::IgnoreRange));
    bench.done(&body()).await;
    assert_eq!(bench.server.requests().len(), 2);
}
