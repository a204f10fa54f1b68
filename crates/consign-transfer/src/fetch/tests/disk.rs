//! The local side: temporary files that were tampered with, full disks, checksums.

use consign_bits::{ErrorContext, bits};
use consign_core::common;
use consign_testkit::{Body, Fault, Resource};

use super::Bench;
use crate::fetch::Checkpoint;

fn body() -> Body {
    Body::pattern(9, 200_000)
}

#[tokio::test]
async fn a_lost_or_shortened_temporary_file_starts_again() {
    for is_there in [false, true] {
        let mut bench = Bench::new(Resource::new(body()));
        let checkpoint = bench.done(&body()).await;
        std::fs::remove_file(bench.temporary()).unwrap();
        if is_there {
            std::fs::write(bench.temporary(), "short").unwrap();
        }
        bench.go_on_from(Checkpoint { synced: 100_000, ..checkpoint });
        bench.done(&body()).await;
        assert_eq!(bench.ranges(), [None, None]);
        assert!(bench.heard.checkpoints.lock().unwrap().iter().any(|checkpoint| checkpoint.synced == 0));
    }
}

#[tokio::test]
async fn what_was_not_synced_is_not_trusted() {
    let mut bench = Bench::new(Resource::new(body()));
    let checkpoint = bench.done(&body()).await;
    let mut bytes = std::fs::read(bench.temporary()).unwrap();
    bytes[100_000..].fill(0);
    std::fs::write(bench.temporary(), bytes).unwrap();
    bench.go_on_from(Checkpoint { synced: 100_000, ..checkpoint });
    bench.done(&body()).await;
    assert_eq!(bench.ranges()[1].as_deref(), Some("bytes=100000-"));
}

#[tokio::test]
async fn a_planted_link_is_not_followed() {
    let bench = Bench::new(Resource::new(body()));
    let victim = bench.folder.path().join("victim");
    std::fs::write(&victim, "untouched").unwrap();
    std::os::unix::fs::symlink(&victim, bench.temporary()).unwrap();
    bench.fails_for_ever(common::ERROR_CANT_ACCESS_FILE, ErrorContext::LocalFile).await;
    std::fs::remove_file(bench.temporary()).unwrap();
    std::fs::hard_link(&victim, bench.temporary()).unwrap();
    bench.fails_for_ever(common::ERROR_CANT_ACCESS_FILE, ErrorContext::LocalFile).await;
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "untouched");
    assert_eq!(bench.server.requests().len(), 0);
}

#[tokio::test]
async fn a_link_in_place_of_the_folder_is_not_followed() {
    let mut bench = Bench::new(Resource::new(body()));
    let folder = bench.task.place.folder.join("folder");
    let other = bench.task.place.folder.join("other");
    std::fs::create_dir(&other).unwrap();
    std::os::unix::fs::symlink(&other, &folder).unwrap();
    bench.task.place.folder = folder.into();
    bench.fails_for_ever(common::ERROR_CANT_ACCESS_FILE, ErrorContext::LocalFile).await;
    assert_eq!(std::fs::read_dir(other).unwrap().count(), 0);
}

#[tokio::test]
async fn a_vanished_folder_is_told_and_can_come_back() {
    let mut bench = Bench::new(Resource::new(body()));
    let folder = bench.task.place.folder.join("folder");
    bench.task.place.folder = folder.clone().into();
    let failure = bench.fails_for_ever(common::ERROR_PATH_NOT_FOUND, ErrorContext::LocalFile).await;
    assert!(failure.failure.sentence.contains("consign job resume"), "{}", failure.failure.sentence);
    std::fs::create_dir(folder).unwrap();
    bench.done(&body()).await;
}

#[tokio::test]
async fn a_checksum_is_verified() {
    for text in [body().sha256(), "0".repeat(64)] {
        let mut bench = Bench::new(Resource::new(body()));
        bench.task.checksum = Some(format!("sha256:{text}").parse().unwrap());
        if text == body().sha256() {
            bench.done(&body()).await;
            continue;
        }
        let failure = bench.fails_for_ever(bits::BG_E_VALIDATION_FAILED, ErrorContext::RemoteFile).await;
        assert_eq!(failure.checkpoint.synced, 0);
        assert_eq!(bench.heard.checkpoints.lock().unwrap().last().unwrap().synced, 0);
        assert!(failure.failure.sentence.contains(&body().sha256()), "{}", failure.failure.sentence);
    }
}

/// A small file system of memory, for as long as the value lives.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(folder.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            other => {
                println!("skipped: no small disk could be mounted ({other:?})");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_told_at_once_and_resumed_later() {
    let Some(disk) = SmallDisk::mount() else { return };
    let body = Body::pattern(1, 800_000);
    let mut bench = Bench::new(Resource::new(body.clone()));
    bench.task.place.folder = disk.0.path().canonicalize().unwrap().into();
    let filler = disk.0.path().join("filler");
    std::fs::write(&filler, vec![1; 600_000]).unwrap();
    let failure = bench.fails_for_ever(common::ERROR_DISK_FULL, ErrorContext::LocalFile).await;
    assert!(failure.failure.sentence.contains("consign job resume"), "{}", failure.failure.sentence);
    std::fs::remove_file(&filler).unwrap();
    bench.go_on_from(failure.checkpoint);
    bench.done(&body).await;
}

#[tokio::test]
async fn a_disk_that_fills_keeps_what_is_safe() {
    let Some(disk) = SmallDisk::mount() else { return };
    let body = Body::pattern(1, 800_000);
    // Without a length nothing can be reserved.
    let mut bench = Bench::new(Resource::new(body.clone()).framing(consign_testkit::server::Framing::Chunked).then(Fault::None));
    bench.task.place.folder = disk.0.path().canonicalize().unwrap().into();
    let filler = disk.0.path().join("filler");
    std::fs::write(&filler, vec![1; 600_000]).unwrap();
    let failure = bench.fails_for_ever(common::ERROR_DISK_FULL, ErrorContext::LocalFile).await;
    assert!(failure.checkpoint.synced > 0, "{failure:?}");
    std::fs::remove_file(&filler).unwrap();
    bench.go_on_from(failure.checkpoint);
    bench.done(&body).await;
    assert!(bench.ranges()[1].is_some());
}
