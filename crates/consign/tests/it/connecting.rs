//! Reaching the service, or not.

use std::{os::unix::net::UnixListener, path::PathBuf};

use consign::{Client, ConnectOptions, Error, JobType, Paths, StartPolicy};
use tokio::io::AsyncWriteExt;

use crate::setup::{Served, limited, places};

fn options(paths: &Paths, start: StartPolicy, program: Option<&str>) -> ConnectOptions {
    ConnectOptions { paths: Some(paths.clone()), start, program: program.map(PathBuf::from) }
}

#[test]
fn nobody_there_is_told_apart() {
    let (folder, _, _) = places();
    limited(async {
        let paths = Paths::under(folder.path());
        let never = || Client::connect_with(options(&paths, StartPolicy::Never, None));
        assert!(matches!(never().await, Err(Error::NotRunning)), "no socket");
        std::fs::create_dir(&paths.runtime).unwrap();
        drop(UnixListener::bind(paths.socket()).unwrap());
        assert!(matches!(never().await, Err(Error::NotRunning)), "a socket that nobody serves");
        std::fs::remove_file(paths.socket()).unwrap();
        std::fs::write(paths.socket(), "").unwrap();
        assert!(never().await.is_err(), "no socket at all");
    });
}

#[test]
fn a_program_that_does_not_serve_says_why() {
    let (folder, _, _) = places();
    limited(async {
        let paths = Paths::under(folder.path());
        let start = |program| Client::connect_with(options(&paths, StartPolicy::OnDemand, Some(program)));
        let script = folder.path().join("program");
        std::fs::write(&script, "#!/bin/sh\necho 'error: the disk is on fire'\nexit 1\n").unwrap();
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        for (program, reason) in
            [("/nowhere/consign", "/nowhere/consign"), ("/bin/true", "without a word"), (script.to_str().unwrap(), "the disk is on fire")]
        {
            match start(program).await {
                Err(Error::NotStarted { sentence }) => assert!(sentence.contains(reason), "{sentence}"),
                other => panic!("{program}: {other:?}"),
            }
        }
    });
}

#[test]
fn a_long_path_is_reached() {
    let (folder, _, _) = places();
    limited(async {
        let deep = folder.path().join("deep".repeat(20)).join("er".repeat(40));
        std::fs::create_dir_all(&deep).unwrap();
        let served = Served::start(&deep).await;
        assert!(served.paths.socket().as_os_str().len() > 108);
        served.client().await.create_job("a", JobType::Download).await.unwrap();
        served.stop().await;
    });
}

#[test]
fn a_stranger_on_the_socket_is_an_error() {
    let (folder, _, _) = places();
    limited(async {
        let paths = Paths::under(folder.path());
        std::fs::create_dir(&paths.runtime).unwrap();
        let listener = tokio::net::UnixListener::bind(paths.socket()).unwrap();
        let stranger = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            // Kept open: the client has to leave by itself.
            std::future::pending::<()>().await;
        });
        let error = Client::connect_with(options(&paths, StartPolicy::Never, None)).await.unwrap_err();
        assert!(matches!(error, Error::Protocol { .. } | Error::NotRunning), "{error:?}");
        stranger.abort();
    });
}

#[test]
fn ended_clients_leave_no_connection_behind() {
    let (folder, _, _) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        let client = served.client().await;
        for _ in 0..20 {
            let other = served.client().await;
            let job = other.create_job("a", JobType::Download).await.unwrap();
            drop(job.changes().await.unwrap());
            job.cancel().await.unwrap();
        }
        // The last ones may still be on their way out.
        while client.status().await.unwrap().connections > 1 {
            tokio::task::yield_now().await;
        }
        served.stop().await;
    });
}
