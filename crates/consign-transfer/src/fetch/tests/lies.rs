//! Servers that contradict the request, or themselves.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use consign_bits::{ErrorContext, bits};
use consign_testkit::{
    Body, Fault, Resource,
    server::{Framing, Ranges},
};

use super::Bench;
use crate::fetch::{Checkpoint, FileFacts, Validator};

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

/// Answers every request for a range with its first byte alone, which is allowed.
fn serve_crumbs(listener: &TcpListener, answered: &AtomicUsize) -> std::io::Result<()> {
    let (stream, _) = listener.accept()?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut from = 0;
    while let Some(line) = lines.next().transpose()? {
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().unwrap_or(0);
        } else if line.is_empty() {
            answered.fetch_add(1, Ordering::SeqCst);
            write!(&stream, "HTTP/1.1 206 OK\r\nContent-Range: bytes {from}-{from}/500000\r\nContent-Length: 1\r\nETag: \"a\"\r\n\r\nx")?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_gives_crumbs_is_left_alone_for_a_while() {
    let mut bench = Bench::new(Resource::new(body()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    bench.task.url = format!("http://{}/file", listener.local_addr().unwrap());
    std::fs::write(bench.temporary(), "0123456789").unwrap();
    let validator = Validator { etag: Some("\"a\"".into()), last_modified: None };
    bench.go_on_from(Checkpoint { synced: 10, facts: FileFacts { size: Some(500_000), validator, ..FileFacts::default() } });
    let answered = Arc::new(AtomicUsize::new(0));
    let server = std::thread::spawn({
        let answered = Arc::clone(&answered);
        move || serve_crumbs(&listener, &answered)
    });
    let failure = bench.fails_for_now(bits::BG_E_NO_PROGRESS).await;
    assert!(failure.checkpoint.synced > 10, "crumbs are kept, too");
    assert!(answered.load(Ordering::SeqCst) < 50, "{answered:?}");
    // Ends with the connection.
    let ended = tokio::task::spawn_blocking(move || server.join().unwrap());
    let _ = tokio::time::timeout(super::LIMIT, ended).await.expect("the connection ended").unwrap();
}
