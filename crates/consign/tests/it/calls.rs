//! Calls and what they answer.

use consign::{
    AutoComplete, Change, Client, Error, ErrorContext, FileRange, JobOptions, JobState, JobType, Listing, NewFile, NotifyFlags, Priority,
    ProxySettings, ProxyUsage, SecurityFlags, bits, common,
};
use consign_testkit::{Body, Resource};

use crate::setup::{Served, limited, places};

fn code(error: Error) -> consign::Hresult {
    error.code()
}

#[test]
fn a_job_is_fetched_and_completed() {
    let (folder, files, server) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        let client = served.client().await;
        let body = Body::pattern(5, 200_000);
        server.set("/a", Resource::new(body.clone()));
        let job = client.create_job("a", JobType::Download).await.unwrap();
        assert_eq!(job.resume().await.map_err(code), Err(bits::BG_E_EMPTY));
        job.add_file_set([(server.url("/a"), files.join("a")), (server.url("/a"), files.join("b"))]).await.unwrap();
        job.add_file_with_ranges(server.url("/a"), files.join("c"), vec![FileRange { initial_offset: 1, length: 2 }]).await.unwrap();
        assert_eq!(job.resume().await.unwrap(), common::S_OK);
        let end = job.wait_until_ended_or_error().await.unwrap();
        assert_eq!((end.state, end.progress.bytes_total), (JobState::Transferred, Some(400_002)));
        assert_eq!(job.error().await.map_err(code), Err(bits::BG_E_ERROR_INFORMATION_UNAVAILABLE));
        assert!(job.times().await.unwrap().transferred.is_some());
        let known = job.files().await.unwrap();
        assert_eq!(known.iter().map(|file| (file.index, file.completed)).collect::<Vec<_>>(), [(0, true), (1, true), (2, true)]);
        assert_eq!(known[2].ranges, [FileRange { initial_offset: 1, length: 2 }]);
        assert_eq!(job.complete().await.unwrap(), common::S_OK);
        body.check_file(&files.join("b")).unwrap();
        assert_eq!(job.complete().await.map_err(code), Err(bits::BG_E_INVALID_STATE));
        assert_eq!(client.jobs(Listing::Live).await.unwrap(), []);
        assert_eq!(client.jobs(Listing::All).await.unwrap()[0].id, job.id());
        served.stop().await;
    });
}

#[test]
fn every_property_can_be_set_and_read() {
    let (folder, _, _) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        let client = served.client().await;
        let changes = vec![Change::Description("at first".into()), Change::AutoComplete(AutoComplete::On)];
        let job = client.create_job_with("a", JobType::Download, JobOptions { changes, ..JobOptions::default() }).await.unwrap();
        let first = job.snapshot().await.unwrap();
        assert_eq!((first.description.as_str(), first.auto_complete), ("at first", AutoComplete::On));
        assert_eq!((first.minimum_retry_delay, first.no_progress_timeout), (600, 1_209_600));
        job.set_display_name("b").await.unwrap();
        job.set_description("later").await.unwrap();
        job.set_priority(Priority::Low).await.unwrap();
        job.set_minimum_retry_delay(7).await.unwrap();
        job.set_no_progress_timeout(8).await.unwrap();
        job.set_maximum_download_time(9).await.unwrap();
        job.set_auto_complete(AutoComplete::Off).await.unwrap();
        job.set_notify_flags(NotifyFlags::DISABLE).await.unwrap();
        let proxy = ProxySettings { usage: ProxyUsage::Override, list: Some("http://p:1".into()), bypass: Some("<local>".into()) };
        job.set_proxy(proxy.clone()).await.unwrap();
        job.set_security_flags(SecurityFlags::REDIRECT_DISALLOW).await.unwrap();
        let now = job.snapshot().await.unwrap();
        assert_eq!((now.display_name.as_str(), now.description.as_str(), now.priority), ("b", "later", Priority::Low));
        assert_eq!((now.minimum_retry_delay, now.no_progress_timeout, now.maximum_download_time), (7, 8, 9));
        assert_eq!((now.auto_complete, now.notify_flags), (AutoComplete::Off, NotifyFlags::DISABLE));
        assert_eq!((now.proxy, now.security_flags), (proxy, SecurityFlags::REDIRECT_DISALLOW));
        let long = Change::Description("x".repeat(2000));
        assert_eq!(job.set([Change::Priority(Priority::High), long]).await.map_err(code), Err(bits::BG_E_STRING_TOO_LONG));
        assert_eq!(job.snapshot().await.unwrap().priority, Priority::Low, "all or none");
        served.stop().await;
    });
}

async fn refusals(client: &Client, files: &std::path::Path) {
    assert_eq!(client.create_job("", JobType::Download).await.map(drop).map_err(code), Err(common::E_INVALIDARG));
    assert_eq!(client.create_job("a", JobType::Upload).await.map(drop).map_err(code), Err(common::E_NOTIMPL));
    assert_eq!(client.find("nobody").await.map(drop).map_err(code), Err(bits::BG_E_NOT_FOUND));
    let unknown = client.job("97184d0f-f7ef-413a-8c6d-c1745018b2e9".parse().unwrap());
    assert_eq!(unknown.state().await.map_err(code), Err(bits::BG_E_NOT_FOUND));
    assert_eq!(unknown.follow().await.map(drop).map_err(code), Err(bits::BG_E_NOT_FOUND));
    let job = client.create_job("a", JobType::Download).await.unwrap();
    assert_eq!(job.add_file("gopher://h/a", files.join("a")).await.map_err(code), Err(common::E_INVALIDARG));
    assert_eq!(job.add_file("http://h/a", "relative").await.map_err(code), Err(common::E_INVALIDARG));
    assert_eq!(job.add_file_with_ranges("http://h/a", files.join("a"), vec![]).await.map_err(code), Err(common::E_INVALIDARG));
    let good = NewFile { remote_name: "http://h/a".into(), local_name: files.join("a"), ..NewFile::default() };
    let bad = NewFile { local_name: files.join("none/a"), ..good.clone() };
    assert_eq!(job.add_files([good, bad]).await.map_err(code), Err(common::ERROR_PATH_NOT_FOUND));
    assert_eq!(job.files().await.unwrap(), [], "all or none");
    assert_eq!(client.find(&job.id().to_string()[..8]).await.unwrap().id(), job.id());
    assert_eq!(job.cancel().await.unwrap(), common::S_OK);
    assert_eq!(job.suspend().await.map_err(code), Err(bits::BG_E_INVALID_STATE));
}

#[test]
fn a_refusal_carries_its_code() {
    let (folder, files, server) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        let client = served.client().await;
        refusals(&client, &files).await;
        let job = client.create_job("a", JobType::Download).await.unwrap();
        job.add_file(server.url("/missing"), files.join("a")).await.unwrap();
        job.resume().await.unwrap();
        assert_eq!(job.wait_until_ended_or_error().await.unwrap().state, JobState::Error);
        let error = job.error().await.unwrap();
        assert_eq!((error.failure.code, error.failure.context), (bits::http_error(404), ErrorContext::RemoteFile));
        assert_eq!((error.symbol.as_str(), error.file, error.protocol.as_deref()), ("BG_E_HTTP_ERROR_404", Some(0), Some("http")));
        let (symbol, _) = client.error_description(bits::BG_E_EMPTY).await.unwrap();
        assert_eq!(symbol, "BG_E_EMPTY");
        let status = client.status().await.unwrap();
        assert_eq!((status.process_id, status.jobs_by_state.get(&JobState::Error)), (std::process::id(), Some(&1)));
        served.stop().await;
    });
}
