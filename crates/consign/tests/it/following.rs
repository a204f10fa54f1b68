//! Changes and events, and what becomes of them when the service ends.

use consign::{ClientEvent, Error, Interest, JobState, JobType};
use consign_testkit::{Body, Fault, Resource};

use crate::setup::{Served, limited, places};

#[test]
fn changes_end_with_the_job() {
    let (folder, files, server) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        let client = served.client().await;
        server.set("/a", Resource::new(Body::pattern(1, 100_000)));
        let job = client.create_job("a", JobType::Download).await.unwrap();
        job.add_file(server.url("/a"), files.join("a")).await.unwrap();
        let mut changes = job.changes().await.unwrap();
        assert_eq!(changes.next().await.unwrap().unwrap().state, JobState::Suspended, "the present first");
        job.resume().await.unwrap();
        let mut states = Vec::new();
        while let Some(snapshot) = changes.next().await {
            let snapshot = snapshot.unwrap();
            if snapshot.state == JobState::Transferred && states.last() != Some(&JobState::Transferred) {
                job.complete().await.unwrap();
            }
            states.push(snapshot.state);
        }
        assert_eq!(states.last(), Some(&JobState::Acknowledged));
        assert_eq!(states.iter().filter(|state| state.is_final()).count(), 1);
        served.stop().await;
    });
}

#[test]
fn events_tell_of_jobs_that_come_and_go() {
    let (folder, _, _) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        let (client, other) = (served.client().await, served.client().await);
        let mut events = client.events(Interest::AddedAndEnded).await.unwrap();
        let job = other.create_job("a", JobType::Download).await.unwrap();
        job.set_description("not told").await.unwrap();
        job.cancel().await.unwrap();
        assert_eq!(events.next().await.unwrap().unwrap(), ClientEvent::JobAdded(job.id()));
        assert_eq!(events.next().await.unwrap().unwrap(), ClientEvent::JobEnded(job.id()));
        let mut all = client.events(Interest::Everything).await.unwrap();
        let job = other.create_job("b", JobType::Download).await.unwrap();
        job.set_description("told").await.unwrap();
        while all.next().await.unwrap().unwrap() != ClientEvent::JobChanged(job.id()) {}
        served.stop().await;
        loop {
            match all.next().await.unwrap() {
                Ok(_) => {}
                Err(error) => break assert!(matches!(error, Error::Disconnected), "{error:?}"),
            }
        }
        assert!(all.next().await.is_none());
    });
}

#[test]
fn following_outlives_the_service() {
    let (folder, files, server) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        let client = served.client().await;
        let body = Body::pattern(1, 100_000);
        server.set("/a", Resource::new(body.clone()).then(Fault::stall(30_000)).faults_only_on("GET"));
        let job = client.create_job("a", JobType::Download).await.unwrap();
        job.add_file(server.url("/a"), files.join("a")).await.unwrap();
        let (mut changes, mut follow) = (job.changes().await.unwrap(), job.follow().await.unwrap());
        job.resume().await.unwrap();
        while follow.next().await.unwrap().unwrap().state != JobState::Transferring {}
        served.stop().await;
        let lost = loop {
            if let Err(error) = changes.next().await.unwrap() {
                break error;
            }
        };
        assert!(matches!(lost, Error::Disconnected), "{lost:?}");
        assert!(matches!(job.state().await, Err(Error::Disconnected)));
        // It comes back while the follower is asking again.
        let served = Served::start(folder.path()).await;
        let end = loop {
            let snapshot = follow.next().await.unwrap().unwrap();
            if snapshot.state == JobState::Transferred {
                break snapshot;
            }
        };
        assert_eq!(end.progress.files_transferred, 1);
        job.complete().await.unwrap();
        body.check_file(&files.join("a")).unwrap();
        served.stop().await;
    });
}
