//! `consign job`.

use consign_testkit::{Body, Resource};
use serde_json::Value;

use crate::setup::Setup;

#[test]
fn a_job_is_made_filled_run_and_completed() {
    let setup = Setup::new();
    let body = Body::pattern(3, 100_000);
    setup.server.set("/a", Resource::new(body.clone()));
    let id = setup.ok(["job", "create", "maps", "--priority", "high"]);
    let id = id.trim_end();
    let empty = setup.run(["job", "resume", "maps"]);
    assert!(empty.code == Some(1) && empty.stderr.contains("BG_E_EMPTY"), "{empty:?}");
    setup.ok(["job", "add", "maps", &setup.server.url("/a"), "whole"]);
    setup.ok(["job", "add", &id[..8], &setup.server.url("/a"), "part", "--range", "10:5", "--range", "99990:eof"]);
    let files = setup.json(["job", "files", "maps", "--json"]);
    assert_eq!((&files[1]["ranges"][0]["offset"], &files[1]["ranges"][1]["length"]), (&Value::from(10), &Value::Null));
    assert_eq!(files[0]["path"], setup.out().join("whole").to_str().unwrap());
    setup.ok(["job", "resume", "maps"]);
    let shown = setup.wait_for_state(id, "transferred");
    assert_eq!((&shown["files_transferred"], &shown["bytes_total"]), (&Value::from(2), &Value::from(100_015)));
    assert!(setup.ok(["job", "files", "maps"]).contains("done"));
    assert!(!setup.out().join("whole").exists(), "not before it is completed");
    setup.ok(["job", "complete", "maps"]);
    body.check_file(&setup.out().join("whole")).unwrap();
    let mut part = vec![0; 15];
    body.read_at(10, &mut part[..5]);
    body.read_at(99_990, &mut part[5..]);
    assert_eq!(std::fs::read(setup.out().join("part")).unwrap(), part);
    assert_eq!(setup.json(["job", "list", "--json"]), Value::from(Vec::<Value>::new()));
    assert_eq!(setup.json(["job", "list", "--all", "--json"])[0]["state"], "acknowledged");
    let again = setup.run(["job", "complete", id]);
    assert!(again.code == Some(1) && again.stderr.contains("BG_E_INVALID_STATE"), "{again:?}");
}

#[test]
fn receivers_are_set_and_files_are_judged() {
    let setup = Setup::new();
    setup.server.set("/a", Resource::new("abc"));
    setup.ok(["job", "create", "a"]);
    setup.ok(["job", "add", "a", &setup.server.url("/a"), "file"]);
    setup.ok([
        "job",
        "notify",
        "a",
        "--on",
        "transferred,modification,ranges",
        "--interval",
        "700",
        "--command",
        "/bin/sh",
        "-c",
        "exit 3",
        "{job}",
    ]);
    let shown = setup.json(["job", "show", "a", "--json"]);
    assert_eq!(shown["notify_command_line"], serde_json::json!(["/bin/sh", "-c", "exit 3", "{job}"]));
    assert_eq!((&shown["notify_flags"], &shown["minimum_notification_interval"]), (&Value::from(41), &Value::from(700)));
    let text = setup.ok(["job", "show", "a"]);
    assert!(text.contains("/bin/sh -c 'exit 3' {job}") && text.contains("700 ms"), "{text}");
    let refused = setup.run(["job", "notify", "a", "--class", "97184d0f-f7ef-413a-8c6d-c1745018b2e9"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("REGDB_E_CLASSNOTREG"), "{refused:?}");
    let unknown = setup.run(["job", "notify", "a", "--class", "Nobody.Has.This"]);
    assert!(unknown.code == Some(1) && unknown.stderr.contains("CO_E_CLASSSTRING"), "{unknown:?}");
    assert!(unknown.stderr.contains("consign class list"), "{unknown:?}");
    assert_eq!(setup.run(["job", "notify", "a", "--class", "{nonsense}"]).code, Some(2));
    let early = setup.run(["job", "validate", "a", "0", "valid"]);
    assert!(early.code == Some(1) && early.stderr.contains("E_PENDING"), "{early:?}");
    setup.ok(["job", "resume", "a"]);
    let transferred = setup.wait_for_state("a", "transferred");
    assert_eq!((&transferred["notices_pending"], &transferred["notify_interface"]), (&Value::from(1), &Value::from(false)));
    assert!(setup.ok(["job", "show", "a"]).contains("Not told yet"));
    setup.ok(["job", "notify", "a", "--command", "none"]);
    assert_eq!(setup.json(["job", "show", "a", "--json"])["notify_command_line"], Value::Null);
    setup.ok(["job", "validate", "a", "0", "valid"]);
    assert_eq!(setup.json(["job", "files", "a", "--json"])[0]["peer_availability"], "validated");
    setup.ok(["job", "validate", "a", "0", "invalid"]);
    assert!(setup.ok(["job", "error", "a"]).contains("BG_E_VALIDATION_FAILED"));
    assert_eq!(setup.run(["job", "notify", "a"]).code, Some(2), "nothing to set");
}

#[test]
fn properties_are_set_all_or_none() {
    let setup = Setup::new();
    setup.ok(["job", "create", "a"]);
    setup.ok([
        "job",
        "set",
        "a",
        "name=b",
        "description=for the field",
        "priority=low",
        "retry-delay=2m",
        "no-progress-timeout=0",
        "max-download-time=14d",
        "auto-complete=on",
        "notify-flags=transferred",
        "proxy=http://p:1,q:2",
        "proxy-bypass=*.local",
        "redirect=disallow",
        "allow-https-to-http=on",
    ]);
    let shown = setup.json(["job", "show", "b", "--json"]);
    for (key, value) in [
        ("description", Value::from("for the field")),
        ("priority", "low".into()),
        ("minimum_retry_delay", 120.into()),
        ("no_progress_timeout", 0.into()),
        ("maximum_download_time", 1_209_600.into()),
        ("auto_complete", true.into()),
        ("notify_flags", 1.into()),
        ("security_flags", 0x0a00.into()),
    ] {
        assert_eq!(shown[key], value, "{key}");
    }
    assert_eq!(shown["proxy"]["list"], "http://p:1 q:2");
    let long = format!("description={}", "x".repeat(2000));
    let refused = setup.run(["job", "set", "b", "priority=high", &long]);
    assert!(refused.code == Some(1) && refused.stderr.contains("BG_E_STRING_TOO_LONG"), "{refused:?}");
    assert_eq!(setup.json(["job", "show", "b", "--json"])["priority"], "low");
    assert_eq!(setup.run(["job", "set", "b", "colour=red"]).code, Some(2));
    let text = setup.ok(["job", "show", "b"]);
    for line in [
        "Name:                b",
        "Description:         for the field",
        "Retry delay:         2 min",
        "Redirects:           disallow, also from https to http",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn the_last_error_is_shown() {
    let setup = Setup::new();
    assert_eq!(setup.run(["get", &setup.server.url("/none"), "--detach"]).code, Some(0));
    setup.wait_for_state("none", "error");
    let error = setup.json(["job", "error", "none", "--json"]);
    assert_eq!(
        (&error["code"], &error["context"], &error["file"]),
        (&Value::from("0x80190194"), &Value::from("remote-file"), &Value::from(0))
    );
    assert!(setup.ok(["job", "error", "none"]).contains("BG_E_HTTP_ERROR_404 0x80190194"));
    assert!(setup.ok(["job", "list"]).contains("BG_E_HTTP_ERROR_404"));
    let watch = setup.run(["job", "watch", "none"]);
    assert_eq!(watch.code, Some(1), "a job that waits for its owner is not waited for: {watch:?}");
    setup.ok(["job", "create", "fine"]);
    assert_eq!(setup.ok(["job", "error", "fine"]), "the job has no error\n");
    assert_eq!(setup.json(["job", "error", "fine", "--json"]), Value::Null);
}

#[test]
fn a_name_must_fit_one_job() {
    let setup = Setup::new();
    let unknown = setup.run(["job", "show", "nobody", "--json"]);
    let error: Value = serde_json::from_str(&unknown.stderr).unwrap();
    assert_eq!((unknown.code, &error["symbol"]), (Some(1), &Value::from("BG_E_NOT_FOUND")));
    let first = setup.ok(["job", "create", "twin"]);
    setup.ok(["job", "create", "twin"]);
    let twins = setup.run(["job", "cancel", "twin"]);
    assert!(twins.code == Some(1) && twins.stderr.contains("E_INVALIDARG"), "{twins:?}");
    // One that is misspelt leaves the others as they are.
    assert_eq!(setup.run(["job", "cancel", first.trim_end(), "nobody"]).code, Some(1));
    assert_eq!(setup.json(["job", "list", "--json"]).as_array().unwrap().len(), 2);
    setup.ok(["job", "cancel", first.trim_end()]);
    let done = setup.json(["job", "cancel", "twin", "--json"]);
    assert_eq!(done[0]["symbol"], "S_OK");
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let setup = Setup::new();
    setup.ok(["job", "create", "a"]);
    setup.ok(["job", "set", "a", "description=x\u{202e}y"]);
    let text = setup.ok(["job", "show", "a"]);
    assert!(text.contains("x\\u{202e}y"), "{text}");
    let refused = setup.run(["job", "show", "\x1b[2Jz"]);
    assert!(refused.stderr.contains("\\u{1b}[2Jz") && !refused.stderr.contains('\x1b'), "{refused:?}");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let setup = Setup::new();
    setup.ok(["job", "create", "a"]);
    let mut command = setup.command(["job", "list"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).stderr(std::process::Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
}

#[test]
fn a_job_says_why_nobody_has_heard_of_it() {
    let setup = Setup::new();
    setup.server.set("/file", consign_testkit::Resource::new("abc"));
    let job = setup.ok(["job", "create", "quiet"]).trim().to_owned();
    setup.ok(["job", "add", &job, &setup.server.url("/file"), setup.out().join("file").to_str().unwrap()]);
    setup.ok(["job", "resume", &job]);
    let shown = setup.wait_for_state(&job, "transferred");
    assert!(shown["not_told_because"].as_str().unwrap().contains("nobody is there"), "{shown}");
    assert!(setup.ok(["job", "show", &job]).contains("Not told because:"));
}
