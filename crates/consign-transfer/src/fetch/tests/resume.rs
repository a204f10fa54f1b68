//! Interruptions, and going on after them.

use consign_bits::{RangeSupport, bits};
use consign_testkit::{
    Body, Close, Fault, Resource,
    server::{Framing, KeepAlive, Ranges},
};

use super::{Bench, LIMIT};
use crate::fetch::{Checkpoint, FileFacts, Outcome, Validator};

const SIZE: u64 = 1_000_000;

fn body() -> Body {
    Body::pattern(1, SIZE)
}

#[tokio::test]
async fn a_plain_file_comes_whole() {
    let bench = Bench::new(Resource::new(body()));
    let checkpoint = bench.done(&body()).await;
    assert_eq!(checkpoint.facts.size, Some(SIZE));
    assert_eq!(checkpoint.facts.ranges, RangeSupport::Yes);
    assert!(checkpoint.facts.validator.etag.is_some());
    assert_eq!(checkpoint.facts.final_url, None);
    let requests = bench.server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].range(), None, "the first request is a plain one");
    assert_eq!(requests[0].header("accept-encoding"), Some("identity"));
    assert_eq!(requests[0].header("accept"), Some("*/*"));
    assert!(requests[0].header("user-agent").unwrap().starts_with("Consign/"));
    assert_eq!(requests[0].header("host"), Some(bench.server.address().to_string().as_str()));
    assert_eq!(bench.heard.answered.lock().unwrap().len(), 1);
    let modified = bench.temporary().metadata().unwrap().modified().unwrap();
    assert_eq!(modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(), 1_600_000_000);
}

#[tokio::test]
async fn an_empty_file_comes_whole() {
    let bench = Bench::new(Resource::new(""));
    assert_eq!(bench.done(&Body::from("")).await.facts.size, Some(0));
}

#[tokio::test]
async fn after_a_cut_it_goes_on_at_once() {
    for how in [Fault::cut(300_000), Fault::end(300_000)] {
        let bench = Bench::new(Resource::new(body()).then(how));
        bench.done(&body()).await;
        let requests = bench.server.requests();
        assert_eq!(requests.len(), 2);
        assert!(requests[1].range().unwrap().starts_with("bytes="), "{:?}", requests[1].range());
        assert_eq!(requests[1].header("if-range"), bench.heard.answered.lock().unwrap()[0].validator.etag.as_deref());
        assert_eq!(requests[1].status, Some(206));
    }
}

#[tokio::test]
async fn many_cuts_are_survived() {
    let bench = Bench::new(Resource::new(body()).then_times(9, Fault::end(100_000)));
    bench.done(&body()).await;
    assert_eq!(bench.server.requests().len(), 10);
}

#[tokio::test]
async fn a_server_that_drips_is_left_alone_for_a_while() {
    let bench = Bench::new(Resource::new(body()).always(Fault::end(1)));
    let failure = bench.fails_for_now(bits::BG_E_CONNECTION_CLOSED).await;
    assert!(bench.server.requests().len() < 30, "{}", bench.server.requests().len());
    assert!(failure.checkpoint.synced > 0, "what came is kept");
}

#[tokio::test]
async fn what_was_synced_is_not_fetched_again_by_the_next_attempt() {
    let mut bench = Bench::new(Resource::new(body()).then(Fault::end(600_000)).then(Fault::CloseBeforeAnswer(Close::Reset)));
    let failure = bench.fails_for_now(bits::BG_E_CONNECTION_CLOSED).await;
    assert_eq!(failure.checkpoint.synced, 600_000);
    assert_eq!(bench.heard.checkpoints.lock().unwrap().last(), Some(&failure.checkpoint));
    bench.go_on_from(failure.checkpoint);
    bench.done(&body()).await;
    assert_eq!(bench.ranges().last().unwrap().as_deref(), Some("bytes=600000-"));
}

#[tokio::test]
async fn a_date_proves_the_same_file_where_there_is_no_tag() {
    for resource in [Resource::new(body()).etag(None), Resource::new(body()).weak_etag()] {
        let bench = Bench::new(resource.then(Fault::end(1000)));
        bench.done(&body()).await;
        assert_eq!(bench.server.requests()[1].header("if-range"), Some("Sun, 13 Sep 2020 12:26:40 GMT"));
    }
}

#[tokio::test]
async fn without_proof_it_starts_again() {
    let bench = Bench::new(Resource::new(body()).etag(None).last_modified(None).then(Fault::end(400_000)));
    bench.done(&body()).await;
    assert_eq!(bench.ranges(), [None, None]);
    let restart = bench.heard.checkpoints.lock().unwrap().iter().any(|checkpoint| checkpoint.synced == 0);
    assert!(restart, "told before the file was cut");
}

#[tokio::test]
async fn without_proof_large_pieces_are_not_fetched_for_ever() {
    let body = Body::pattern(1, 4_000_000);
    let bench = Bench::new(Resource::new(body).etag(None).last_modified(None).always(Fault::end(3_000_000)));
    bench.fails_for_now(bits::BG_E_CONNECTION_CLOSED).await;
    assert!(bench.server.requests().len() < 10);
}

#[tokio::test]
async fn a_fresh_date_proves_nothing() {
    let now = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    let bench = Bench::new(Resource::new(body()).etag(None).last_modified(Some(now)).then(Fault::end(400_000)));
    bench.done(&body()).await;
    assert_eq!(bench.ranges(), [None, None]);
}

#[tokio::test]
async fn a_server_without_ranges_starts_again() {
    for ranges in [Ranges::Ignored, Ranges::IgnoredButAnnounced, Ranges::None] {
        let bench = Bench::new(Resource::new(body()).ranges(ranges).then(Fault::end(500_000)));
        let checkpoint = bench.done(&body()).await;
        let told = bench.server.requests().len();
        assert_eq!(told, 2, "{ranges:?}");
        assert_eq!(checkpoint.facts.ranges, RangeSupport::No, "{ranges:?}");
    }
}

#[tokio::test]
async fn a_server_without_ranges_that_always_cuts_is_left_alone_for_a_while() {
    let bench = Bench::new(Resource::new(body()).ranges(Ranges::None).always(Fault::end(500_000)));
    bench.fails_for_now(bits::BG_E_CONNECTION_CLOSED).await;
    assert!(bench.server.requests().len() < 30);
}

#[tokio::test]
async fn ranges_that_were_not_announced_are_tried() {
    let bench = Bench::new(Resource::new(body()).ranges(Ranges::HonouredUnannounced).then(Fault::end(500_000)));
    assert_eq!(bench.done(&body()).await.facts.ranges, RangeSupport::Yes);
    assert_eq!(bench.server.requests()[1].status, Some(206));
}

#[tokio::test]
async fn chunks_and_open_ends_come_whole() {
    for framing in [Framing::Chunked, Framing::UntilClose] {
        let bench = Bench::new(Resource::new(body()).framing(framing));
        assert_eq!(bench.done(&body()).await.facts.size, Some(SIZE), "{framing:?}");
        assert_eq!(bench.heard.answered.lock().unwrap()[0].size, None, "{framing:?}");
    }
    let bench = Bench::new(Resource::new(body()).framing(Framing::Chunked).always(Fault::Http10));
    bench.done(&body()).await;
}

#[tokio::test]
async fn cut_chunks_go_on() {
    let bench = Bench::new(Resource::new(body()).framing(Framing::Chunked).then(Fault::end(300_000)));
    bench.done(&body()).await;
    assert_eq!(bench.server.requests()[1].status, Some(206));
}

#[tokio::test]
async fn a_file_that_lacks_nothing_is_not_asked_for() {
    let mut bench = Bench::new(Resource::new(body()));
    let checkpoint = bench.done(&body()).await;
    bench.go_on_from(checkpoint);
    bench.done(&body()).await;
    assert_eq!(bench.server.requests().len(), 1);
}

#[tokio::test]
async fn a_range_behind_the_end_means_whole() {
    let mut bench = Bench::new(Resource::new(body()));
    body().write_to(&bench.temporary()).unwrap();
    let validator = Validator { etag: None, last_modified: Some("Sun, 13 Sep 2020 12:26:40 GMT".into()) };
    bench.go_on_from(Checkpoint { synced: SIZE, facts: FileFacts { validator, ..FileFacts::default() } });
    bench.done(&body()).await;
    let requests = bench.server.requests();
    assert_eq!((requests.len(), requests[0].status), (1, Some(416)));
}

#[tokio::test]
async fn an_unsatisfied_range_otherwise_starts_again() {
    let bench = Bench::new(Resource::new(body()).then(Fault::end(1000)).then(Fault::NotSatisfiable));
    bench.done(&body()).await;
    assert_eq!(bench.ranges().last().unwrap(), &None);
}

#[tokio::test]
async fn a_shorter_part_than_asked_for_is_taken_and_goes_on() {
    let shorter = [Fault::BodyTooShort(399_990), Fault::Header("Content-Range".into(), "bytes 600000-600009/1000000".into())];
    let bench = Bench::new(Resource::new(body()).then(Fault::end(600_000)).then_all(shorter));
    bench.done(&body()).await;
    assert_eq!(bench.ranges()[2].as_deref(), Some("bytes=600010-"));
}

#[tokio::test]
async fn it_stops_when_told_and_goes_on_later() {
    let mut bench = Bench::new(Resource::new(body()).then(Fault::stall(700_000)));
    let mut reached = bench.heard.reached.subscribe();
    let stop = bench.stop.clone();
    let stopper = tokio::spawn(async move {
        tokio::time::timeout(LIMIT, reached.wait_for(|position| *position == 700_000)).await.unwrap().unwrap();
        stop.cancel();
    });
    let Outcome::Stopped(checkpoint) = bench.fetch().await else { panic!("was not stopped") };
    stopper.await.unwrap();
    assert_eq!(checkpoint.synced, 700_000);
    bench.go_on_from(checkpoint);
    bench.stop = tokio_util::sync::CancellationToken::new();
    bench.done(&body()).await;
    assert_eq!(bench.ranges()[1].as_deref(), Some("bytes=700000-"));
}

#[tokio::test]
async fn connections_are_kept_and_stale_ones_replaced() {
    let bench = Bench::new(Resource::new(Body::pattern(2, 5000)));
    let fetcher = bench.fetcher();
    for _ in 0..3 {
        assert!(matches!(bench.fetch_by(&fetcher).await, Outcome::Done(_)));
        std::fs::remove_file(bench.temporary()).unwrap();
    }
    assert_eq!(bench.server.connections(), 1);
    bench.server.set_keep_alive(KeepAlive::Requests(1));
    for _ in 0..5 {
        assert!(matches!(bench.fetch_by(&fetcher).await, Outcome::Done(_)));
        std::fs::remove_file(bench.temporary()).unwrap();
    }
}

#[tokio::test]
async fn a_large_file_is_synced_while_it_comes() {
    let body = Body::pattern(5, 80 << 20);
    let bench = Bench::new(Resource::new(body.clone()));
    bench.done(&body).await;
    let checkpoints = bench.heard.checkpoints.lock().unwrap();
    assert!(checkpoints.len() >= 2, "{checkpoints:?}");
    assert!(checkpoints.is_sorted_by_key(|checkpoint| checkpoint.synced), "{checkpoints:?}");
}
