//! The engine inside the application.

use consign::{BackgroundCopyCallback, Error, EventId, Hresult, Job, JobId, JobState, JobType, Listing, common, embedded::Embedded};
use consign_testkit::{Body, Resource};

use crate::setup::{limited, places};

struct Told(tokio::sync::mpsc::UnboundedSender<JobId>);

impl BackgroundCopyCallback for Told {
    async fn job_transferred(&self, job: Job, _: EventId) -> Hresult {
        self.0.send(job.id()).unwrap();
        common::S_OK
    }
}

#[test]
fn an_embedded_engine_downloads_and_remembers() {
    let (folder, files, server) = places();
    limited(async {
        let body = Body::pattern(2, 50_000);
        server.set("/a", Resource::new(body.clone()));
        let engine = Embedded::open(folder.path()).await.unwrap();
        let client = engine.client().await.unwrap();
        let job = client.create_job("a", JobType::Download).await.unwrap();
        job.add_file(server.url("/a"), files.join("a")).await.unwrap();
        let second = Embedded::open(folder.path()).await.unwrap_err();
        assert_eq!(second.code(), common::ERROR_SERVICE_ALREADY_RUNNING);
        assert!(client.stop().await.is_err(), "only its owner closes it");
        engine.close().await;
        client.closed().await;
        assert!(matches!(job.state().await, Err(Error::Disconnected)));
        let engine = Embedded::open(folder.path()).await.unwrap();
        let client = engine.client().await.unwrap();
        let job = client.job(client.jobs(Listing::Live).await.unwrap()[0].id);
        let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
        job.set_notify_interface(Told(sender)).await.unwrap();
        job.resume().await.unwrap();
        assert_eq!(told.recv().await, Some(job.id()));
        assert_eq!(job.wait_until_ended_or_error().await.unwrap().state, JobState::Transferred);
        job.complete().await.unwrap();
        body.check_file(&files.join("a")).unwrap();
        engine.close().await;
    });
}
