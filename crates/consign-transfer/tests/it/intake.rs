//! What is refused, and with which code.

use std::path::PathBuf;

use consign_bits::{FileRange, JobType, LENGTH_TO_EOF, NotifyFlags, ProxySettings, ProxyUsage, SecurityFlags, bits};
use consign_core::{
    Hresult,
    common::{E_INVALIDARG, E_NOTIMPL, ERROR_PATH_NOT_FOUND},
};
use consign_transfer::{Change, NewFile, NewJob};

use crate::bench::{Bench, check, check_with, settings};

async fn refused_file(bench: &Bench, file: NewFile, code: Hresult) {
    let job = bench.job("job", vec![]).await;
    let shown: String = format!("{file:?}").chars().take(200).collect();
    let good = NewFile { remote_name: "http://127.0.0.1/a".into(), local_name: bench.path("a"), ..NewFile::default() };
    let refused = bench.engine.add_files(job, vec![good, file]).await;
    assert_eq!(refused.expect_err(&shown).code, code, "{shown}");
    assert_eq!(bench.engine.files(job, 0, 10).await.unwrap().len(), 0, "all or nothing");
    bench.engine.cancel(job).await.unwrap();
}

#[test]
fn bad_files_are_refused_and_nothing_is_added() {
    check(async |bench| {
        let path = bench.path("b");
        let urls = [
            "",
            "nonsense",
            "ftp://host/a",
            "http://",
            "gopher://x/",
            "javascript:alert(1)",
            "http://ho st/",
            "http://host/\u{7}",
            "file://other/etc/passwd",
            "C:\\windows",
            "//host/path",
        ];
        for url in urls.map(str::to_owned).into_iter().chain([format!("http://host/{}", "a".repeat(100_000))]) {
            refused_file(&bench, NewFile { remote_name: url, local_name: path.clone(), ..NewFile::default() }, E_INVALIDARG).await;
        }
        let good = "http://127.0.0.1/b".to_owned();
        for (local, code) in [
            (PathBuf::from("relative"), E_INVALIDARG),
            (PathBuf::new(), E_INVALIDARG),
            (bench.path("with\ncontrol"), E_INVALIDARG),
            (bench.path("missing/b"), ERROR_PATH_NOT_FOUND),
        ] {
            refused_file(&bench, NewFile { remote_name: good.clone(), local_name: local, ..NewFile::default() }, code).await;
        }
        let range = |initial_offset, length| FileRange { initial_offset, length };
        for (ranges, code) in [
            (vec![range(0, 0)], bits::BG_E_INVALID_RANGE),
            (vec![range(u64::MAX - 1, 5)], bits::BG_E_INVALID_RANGE),
            (vec![range(0, 10), range(9, 1)], bits::BG_E_OVERLAPPING_RANGES),
            (vec![range(5, 5), range(5, 5)], bits::BG_E_OVERLAPPING_RANGES),
            (vec![range(100, 1), range(50, LENGTH_TO_EOF)], bits::BG_E_OVERLAPPING_RANGES),
            ((0..501).map(|number| range(number * 2, 1)).collect(), bits::BG_E_TOO_MANY_RANGES_IN_FILE),
        ] {
            refused_file(&bench, NewFile { remote_name: good.clone(), local_name: path.clone(), ranges, ..NewFile::default() }, code).await;
        }
    });
}

#[test]
fn bad_properties_are_refused_and_none_is_set() {
    check(async |bench| {
        let job = bench.job("name", vec![]).await;
        let proxy = |usage, list: Option<&str>| Change::Proxy(ProxySettings { usage, list: list.map(Into::into), bypass: None });
        for (change, code) in [
            (Change::DisplayName(String::new()), E_INVALIDARG),
            (Change::DisplayName("a".repeat(257)), bits::BG_E_STRING_TOO_LONG),
            (Change::DisplayName("\u{1b}[2J".into()), E_INVALIDARG),
            (Change::Description("a".repeat(1025)), bits::BG_E_STRING_TOO_LONG),
            (Change::NotifyFlags(NotifyFlags::from_bits_retain(0x40)), E_NOTIMPL),
            (Change::SecurityFlags(SecurityFlags::from_bits_retain(0x8)), E_NOTIMPL),
            (proxy(ProxyUsage::Autodetect, None), E_NOTIMPL),
            (proxy(ProxyUsage::Override, None), E_INVALIDARG),
            (proxy(ProxyUsage::NoProxy, Some("http://x")), E_INVALIDARG),
            (proxy(ProxyUsage::Override, Some(&"x".repeat(32_001))), bits::BG_E_PROXY_LIST_TOO_LARGE),
        ] {
            let both = vec![Change::Description("set".into()), change.clone()];
            assert_eq!(bench.engine.change(job, both).await.unwrap_err().code, code, "{change:?}");
        }
        assert_eq!(bench.engine.job(job).await.unwrap().description, "");
        let long = "ä".repeat(256);
        bench.engine.change(job, vec![Change::DisplayName(long.clone())]).await.unwrap();
        assert_eq!(bench.engine.job(job).await.unwrap().display_name, long, "characters count, not bytes");
    });
}

#[test]
fn uploads_are_refused_and_a_name_is_needed() {
    check(async |bench| {
        for (name, job_type, code) in
            [("a", JobType::Upload, E_NOTIMPL), ("a", JobType::UploadReply, E_NOTIMPL), ("", JobType::Download, E_INVALIDARG)]
        {
            let new = NewJob { display_name: name.into(), job_type: Some(job_type), ..NewJob::default() };
            assert_eq!(bench.engine.create_job(new).await.unwrap_err().code, code);
        }
    });
}

#[test]
fn the_limits_are_those_of_the_settings() {
    let mut settings = settings();
    settings.limits.jobs_per_user = 2;
    settings.limits.jobs_per_machine = 3;
    settings.limits.files_per_job = 1;
    check_with(settings, async |bench| {
        let create = async |owner| bench.engine.create_job(NewJob { display_name: "a".into(), owner, ..NewJob::default() }).await;
        let first = create(1).await.unwrap();
        create(1).await.unwrap();
        assert_eq!(create(1).await.unwrap_err().code, bits::BG_E_TOO_MANY_JOBS_PER_USER);
        create(2).await.unwrap();
        assert_eq!(create(2).await.unwrap_err().code, bits::BG_E_TOO_MANY_JOBS_PER_MACHINE);
        bench.engine.cancel(first).await.unwrap();
        let again = create(1).await.unwrap();
        let file = |name: &str| NewFile { remote_name: "http://127.0.0.1/a".into(), local_name: bench.path(name), ..NewFile::default() };
        let both = bench.engine.add_files(again, vec![file("a"), file("b")]).await;
        assert_eq!(both.unwrap_err().code, bits::BG_E_TOO_MANY_FILES_IN_JOB);
        bench.engine.add_files(again, vec![file("a")]).await.unwrap();
    });
}

#[test]
fn an_unknown_job_is_not_found_whatever_is_asked() {
    check(async |bench| {
        let nobody = consign_bits::JobId::new(consign_core::Guid::from_bytes([7; 16]));
        let engine = &bench.engine;
        let codes = [
            engine.resume(nobody).await.unwrap_err().code,
            engine.suspend(nobody).await.unwrap_err().code,
            engine.complete(nobody).await.unwrap_err().code,
            engine.cancel(nobody).await.unwrap_err().code,
            engine.job(nobody).await.unwrap_err().code,
            engine.files(nobody, 0, 1).await.unwrap_err().code,
            engine.change(nobody, vec![]).await.unwrap_err().code,
            engine.add_files(nobody, vec![]).await.unwrap_err().code,
        ];
        assert!(codes.iter().all(|code| *code == bits::BG_E_NOT_FOUND), "{codes:?}");
        let empty = bench.job("empty", vec![]).await;
        assert_eq!(engine.resume(empty).await.unwrap_err().code, bits::BG_E_EMPTY);
    });
}
