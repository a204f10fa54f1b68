//! `file:` URLs.

use std::path::Path;

use consign_bits::{ErrorContext, LENGTH_TO_EOF, bits, wininet};
use consign_core::common;
use consign_testkit::{Body, Resource};

use super::{Bench, glued};
use crate::fetch::Checkpoint;

fn bench(origin: &Path) -> Bench {
    let mut bench = Bench::new(Resource::new(""));
    bench.task.url = format!("file://{}", origin.display());
    bench
}

#[tokio::test]
async fn a_file_is_copied_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let origin = folder.path().join("with space");
    let body = Body::pattern(1, 40 << 20);
    body.write_to(&origin).unwrap();
    let mut bench = bench(&origin);
    bench.task.url = url::Url::from_file_path(&origin).unwrap().to_string().replace("file:///", "file://localhost/");
    let mut checkpoint = bench.done(&body).await;
    checkpoint.synced = 10_000_000;
    bench.go_on_from(checkpoint);
    bench.done(&body).await;
    assert!(bench.heard.checkpoints.lock().unwrap().iter().all(|checkpoint| checkpoint.synced > 0), "went on");
    let modified = |path: &Path| path.metadata().unwrap().modified().unwrap();
    assert_eq!(modified(&origin), modified(&bench.temporary()));
    let facts = bench.fetcher().probe(&bench.task.url, &bench.context).await.unwrap();
    assert_eq!(facts.size, Some(40 << 20));
}

#[tokio::test]
async fn a_changed_origin_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let origin = folder.path().join("origin");
    Body::pattern(1, 100_000).write_to(&origin).unwrap();
    let mut bench = bench(&origin);
    let checkpoint = bench.done(&Body::pattern(1, 100_000)).await;
    bench.go_on_from(Checkpoint { synced: 50_000, ..checkpoint });
    Body::pattern(2, 70_000).write_to(&origin).unwrap();
    let file = std::fs::File::options().write(true).open(&origin).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    bench.done(&Body::pattern(2, 70_000)).await;
}

#[tokio::test]
async fn an_empty_origin_and_ranges_are_copied() {
    let folder = tempfile::tempdir().unwrap();
    let origin = folder.path().join("origin");
    Body::from("").write_to(&origin).unwrap();
    bench(&origin).done(&Body::from("")).await;
    let body = Body::pattern(1, 100_000);
    body.write_to(&origin).unwrap();
    let ranges = [(90_000, LENGTH_TO_EOF), (5, 10)];
    let mut bench = bench(&origin);
    bench.set_ranges(&ranges);
    bench.done(&glued(&body, &ranges)).await;
    bench.set_ranges(&[(0, 100_001)]);
    bench.fails_for_ever(bits::BG_E_INVALID_RANGE, ErrorContext::RemoteFile).await;
}

#[tokio::test]
async fn what_is_no_file_is_fatal() {
    let folder = tempfile::tempdir().unwrap();
    bench(&folder.path().join("none")).fails_for_ever(common::ERROR_FILE_NOT_FOUND, ErrorContext::RemoteFile).await;
    bench(folder.path()).fails_for_ever(common::E_INVALIDARG, ErrorContext::RemoteFile).await;
    bench(Path::new("/dev/zero")).fails_for_ever(common::E_INVALIDARG, ErrorContext::RemoteFile).await;
    let mut elsewhere = bench(folder.path());
    elsewhere.task.url = "file://host/share/file".into();
    elsewhere.fails_for_ever(wininet::WININET_E_INVALID_URL, ErrorContext::RemoteFile).await;
    elsewhere.task.url = "ftp://host/file".into();
    elsewhere.fails_for_ever(wininet::WININET_E_INVALID_URL, ErrorContext::RemoteFile).await;
    if rustix::process::geteuid().is_root() {
        println!("skipped: root may read everything");
        return;
    }
    let closed = folder.path().join("closed");
    std::fs::write(&closed, "x").unwrap();
    std::fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    bench(&closed).fails_for_ever(common::E_ACCESSDENIED, ErrorContext::RemoteFile).await;
}
