//! Against real nginx.

use consign_testkit::{Body, Nginx, Resource};

use super::{Bench, LIMIT};
use crate::fetch::{Checkpoint, Outcome};

#[tokio::test]
async fn nginx_gives_files_by_http_1_and_2_and_they_go_on() {
    let root = tempfile::tempdir().unwrap();
    let body = Body::pattern(1, 20_000_000);
    body.write_to(&root.path().join("file")).unwrap();
    let Some(nginx) = Nginx::start(root.path()).unwrap() else {
        println!("skipped: nginx is not installed");
        return;
    };
    for (url, http2) in [(nginx.url("/file"), false), (nginx.tls_url("/file"), false), (nginx.tls_url("/file"), true)] {
        let mut bench = Bench::new(Resource::new(""));
        bench.trust(&nginx.ca_pem());
        bench.settings.http2 = http2;
        bench.task.url = url;
        let checkpoint = bench.done(&body).await;
        bench.go_on_from(Checkpoint { synced: 15_000_000, ..checkpoint });
        bench.done(&body).await;
        bench.set_ranges(&[(19_000_000, 1000), (5, 5)]);
        bench.go_on_from(Checkpoint::default());
        bench.done(&super::glued(&body, &[(19_000_000, 1000), (5, 5)])).await;
        let facts = bench.fetcher().probe(&bench.task.url, &bench.context).await.unwrap();
        assert_eq!(facts.size, Some(20_000_000));
    }
    let log = nginx.access_log().unwrap();
    assert!(log.contains("HTTP/2.0"), "{log}");
    assert!(log.contains("206"), "{log}");
}

#[tokio::test]
async fn a_killed_nginx_is_survived() {
    for is_tls in [false, true] {
        let root = tempfile::tempdir().unwrap();
        let body = Body::pattern(1, 20_000_000);
        body.write_to(&root.path().join("file")).unwrap();
        let Some(mut nginx) = Nginx::start_with(root.path(), "limit_rate_after 4m; limit_rate 100k;").unwrap() else {
            println!("skipped: nginx is not installed");
            return;
        };
        let mut bench = Bench::new(Resource::new(""));
        bench.trust(&nginx.ca_pem());
        bench.task.url = if is_tls { nginx.tls_url("/file") } else { nginx.url("/file") };
        let mut reached = bench.heard.reached.subscribe();
        let killer = tokio::spawn(async move {
            tokio::time::timeout(LIMIT, reached.wait_for(|position| *position > 1_000_000)).await.unwrap().unwrap();
            nginx.kill().unwrap();
            nginx
        });
        let Outcome::Failed(failure) = bench.fetch().await else { panic!("should have failed") };
        assert!(failure.checkpoint.synced > 1_000_000, "{failure:?}");
        let mut nginx = killer.await.unwrap();
        nginx.restart().unwrap();
        bench.go_on_from(failure.checkpoint.clone());
        // The rest is slow: what counts is that it goes on from there.
        let mut reached = bench.heard.reached.subscribe();
        let (stop, synced) = (bench.stop.clone(), failure.checkpoint.synced);
        let stopper = tokio::spawn(async move {
            tokio::time::timeout(LIMIT, reached.wait_for(|position| *position > synced + 1_000_000)).await.unwrap().unwrap();
            stop.cancel();
        });
        let Outcome::Stopped(checkpoint) = bench.fetch().await else { panic!("should have been stopped") };
        stopper.await.unwrap();
        assert!(checkpoint.synced > synced);
    }
}
