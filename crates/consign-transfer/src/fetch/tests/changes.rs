//! Files that change while they are fetched.

use consign_bits::{ErrorContext, bits};
use consign_testkit::{Body, Fault, Resource};

use super::Bench;

#[tokio::test]
async fn a_changed_file_starts_again() {
    let (old, new) = (Body::pattern(1, 500_000), Body::pattern(2, 600_000));
    let bench = Bench::new(Resource::new(old).then(Fault::end(300_000)).changes_after(1, Resource::new(new.clone())));
    let checkpoint = bench.done(&new).await;
    assert_eq!(checkpoint.facts.size, Some(600_000));
    assert_eq!(bench.server.requests().len(), 2, "the body that answers If-Range is used");
    assert!(bench.heard.checkpoints.lock().unwrap().iter().any(|checkpoint| checkpoint.synced == 0));
}

#[tokio::test]
async fn a_smaller_file_leaves_nothing_of_the_larger() {
    let (old, new) = (Body::pattern(1, 500_000), Body::pattern(2, 1000));
    let mut bench = Bench::new(Resource::new(old.clone()).changes_after(1, Resource::new(new.clone())));
    let mut checkpoint = bench.done(&old).await;
    checkpoint.synced = 400_000;
    bench.go_on_from(checkpoint);
    bench.done(&new).await;
}

#[tokio::test]
async fn a_file_that_never_rests_is_an_error() {
    let mut resource = Resource::new(Body::pattern(100, 500_000)).always(Fault::end(300_000));
    for seed in (1..30).rev() {
        resource = Resource::new(Body::pattern(seed, 500_000)).always(Fault::end(300_000)).changes_after(1, resource);
    }
    let bench = Bench::new(resource);
    bench.fails_for_ever(bits::BG_E_REMOTE_FILE_CHANGED, ErrorContext::RemoteFile).await;
}

#[tokio::test]
async fn a_part_of_another_file_starts_again() {
    let body = Body::pattern(1, 500_000);
    let bench = Bench::new(Resource::new(body.clone()).then(Fault::end(300_000)).then(Fault::Header("ETag".into(), "\"other\"".into())));
    bench.done(&body).await;
    assert_eq!(bench.ranges(), [None, Some("bytes=300000-".into()), None]);
}
