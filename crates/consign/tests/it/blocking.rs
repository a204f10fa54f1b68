//! The calls that wait.

use consign::{ClientEvent, Error, Interest, JobState, JobType, blocking::Client};
use consign_testkit::{Body, Resource};

use crate::setup::{Served, limited, places};

#[test]
fn a_thread_without_a_runtime_downloads() {
    let (folder, files, server) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        let body = Body::pattern(9, 50_000);
        server.set("/a", Resource::new(body.clone()));
        let (options, url, path) = (served.options(), server.url("/a"), files.join("a"));
        let thread = tokio::task::spawn_blocking(move || {
            // The threads of a runtime for blocking work know their runtime: a plain one does not.
            std::thread::spawn(move || {
                let client = Client::connect_with(options).unwrap();
                let mut events = client.events(Interest::AddedAndEnded).unwrap();
                let job = client.create_job("a", JobType::Download).unwrap();
                assert_eq!(events.next().unwrap().unwrap(), ClientEvent::JobAdded(job.id()));
                job.add_file(url, path).unwrap();
                job.resume().unwrap();
                let last = job.follow().unwrap().map(Result::unwrap).find(|snapshot| snapshot.state == JobState::Transferred);
                assert_eq!(last.unwrap().progress.bytes_transferred, 50_000);
                job.complete().unwrap();
                client.find(&job.id().to_string()).unwrap().state().unwrap()
            })
            .join()
            .unwrap()
        });
        assert_eq!(thread.await.unwrap(), JobState::Acknowledged);
        body.check_file(&files.join("a")).unwrap();
        assert!(matches!(Client::connect_with(served.options()), Err(Error::InsideRuntime)));
        served.stop().await;
    });
}
