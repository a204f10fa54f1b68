//! `consign get`.

use consign_testkit::{Body, Fault, Resource};
use rustix::process::Signal;
use serde_json::Value;

use crate::setup::{LIMIT, Running, Setup};

const SIZE: u64 = 3_000_000;

fn body() -> Body {
    Body::pattern(7, SIZE)
}

/// A file that stops after a third until the server is released; later requests are answered well.
fn stalling() -> Resource {
    Resource::new(body()).then(Fault::stall(SIZE / 3)).faults_only_on("GET")
}

#[test]
fn a_file_is_fetched_under_its_name() {
    let setup = Setup::new();
    setup.server.set("/a/maps%20of.tar", Resource::new(body()));
    let ended = setup.run(["get", &setup.server.url("/a/maps%20of.tar")]);
    let path = setup.out().join("maps of.tar");
    assert_eq!((ended.code, ended.stdout.trim_end()), (Some(0), path.to_str().unwrap()), "{ended:?}");
    body().check_file(&path).unwrap();
    assert!(ended.stderr.contains("maps of.tar: "), "{ended:?}");
    assert_eq!(std::fs::read_dir(setup.out()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn several_files_become_one_job() {
    let setup = Setup::new();
    for name in ["/a", "/b"] {
        setup.server.set(name, Resource::new(body()));
    }
    let ended = setup.run(["get", &setup.server.url("/a"), &setup.server.url("/b"), "-o", "."]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout.lines().count(), 2);
    body().check_file(&setup.out().join("b")).unwrap();
    let jobs = setup.json(["job", "list", "--all", "--json"]);
    assert_eq!((jobs.as_array().unwrap().len(), &jobs[0]["display_name"]), (1, &Value::from("a and 1 more")));
}

#[test]
fn a_checksum_is_checked() {
    let setup = Setup::new();
    setup.server.set("/a", Resource::new(body()));
    let url = setup.server.url("/a");
    let good = format!("sha256:{}", body().sha256());
    assert_eq!(setup.run(["get", &url, "-o", "good", "--checksum", &good]).code, Some(0));
    let bad = format!("sha256:{}", "0".repeat(64));
    let ended = setup.run(["get", &url, "-o", "bad", "--checksum", &bad]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("error: bad was not fetched: ") && ended.stderr.contains("BG_E_VALIDATION_FAILED"), "{ended:?}");
    assert!(!setup.out().join("bad").exists());
    assert_eq!(setup.run(["get", &url, &url, "--checksum", &good]).code, Some(2));
}

#[test]
fn an_error_keeps_the_job_and_says_what_to_do() {
    let setup = Setup::new();
    let ended = setup.run(["get", &setup.server.url("/missing")]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stdout, "");
    let jobs = setup.json(["job", "list", "--json"]);
    let id = &jobs[0]["id"].as_str().unwrap()[..8];
    for part in
        ["error: missing was not fetched: ", "(BG_E_HTTP_ERROR_404 0x80190194)", &format!("consign job resume {id}"), "consign job cancel"]
    {
        assert!(ended.stderr.contains(part), "{part}: {ended:?}");
    }
    // What it says to do works, once the cause is gone.
    setup.server.set("/missing", Resource::new(body()));
    setup.ok(["job", "resume", id]);
    assert_eq!(setup.run(["job", "watch", id]).code, Some(0));
    body().check_file(&setup.out().join("missing")).unwrap();
}

#[test]
fn programs_read_events_and_errors() {
    let setup = Setup::new();
    setup.server.set("/a", Resource::new(body()));
    let ended = setup.run(["get", "--json", &setup.server.url("/a")]);
    let events: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["job"]["state"]), (&Value::from("completed"), &Value::from("acknowledged")));
    assert_eq!(last["job"]["bytes_transferred"], SIZE);
    assert_eq!(last["paths"][0], setup.out().join("a").to_str().unwrap());
    let ended = setup.run(["get", "--json", &setup.server.url("/missing")]);
    let error: Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!((&error["symbol"], &error["context"]), (&Value::from("BG_E_HTTP_ERROR_404"), &Value::from("remote-file")));
    assert_eq!((ended.code, &error["code"]), (Some(1), &Value::from("0x80190194")));
}

#[test]
fn a_detached_job_is_done_by_the_service() {
    let setup = Setup::new();
    setup.server.set("/a", stalling());
    let id = setup.ok(["get", "--detach", &setup.server.url("/a")]);
    let id = id.trim_end();
    setup.server.wait_stalled(1, LIMIT).unwrap();
    let shown = setup.json(["job", "show", id, "--json"]);
    assert_eq!((&shown["priority"], &shown["auto_complete"]), (&Value::from("normal"), &Value::from(true)));
    assert_eq!(shown["minimum_retry_delay"], 5);
    let watch = setup.start(["job", "watch", id]);
    setup.server.release();
    let ended = watch.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("acknowledged"), "{ended:?}");
    body().check_file(&setup.out().join("a")).unwrap();
}

#[test]
fn an_interrupt_leaves_the_job_to_the_service() {
    let setup = Setup::new();
    setup.server.set("/a", stalling());
    let mut get = setup.start(["get", &setup.server.url("/a")]);
    setup.server.wait_stalled(1, LIMIT).unwrap();
    get.wait_for_line("transferring");
    get.signal(Signal::INT);
    let ended = get.end();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(130), ""), "{ended:?}");
    let jobs = setup.json(["job", "list", "--json"]);
    let id = &jobs[0]["id"].as_str().unwrap()[..8];
    assert!(ended.stderr.contains(&format!("job {id} goes on in the background")), "{ended:?}");
    assert!(ended.stderr.contains(&format!("consign job cancel {id}")), "{ended:?}");
    setup.server.release();
    assert_eq!(setup.run(["job", "watch", id]).code, Some(0));
    body().check_file(&setup.out().join("a")).unwrap();
}

#[test]
fn a_closed_terminal_leaves_the_job_to_the_service() {
    let setup = Setup::new();
    setup.server.set("/a", stalling());
    let get = setup.start(["get", &setup.server.url("/a")]);
    setup.server.wait_stalled(1, LIMIT).unwrap();
    let service = setup.service().unwrap();
    get.signal(Signal::HUP);
    assert_eq!(get.end().code, None, "killed by the signal");
    assert_eq!(setup.service(), Some(service), "the service does not care");
    let jobs = setup.json(["job", "list", "--json"]);
    setup.server.release();
    assert_eq!(setup.run(["job", "watch", jobs[0]["id"].as_str().unwrap()]).code, Some(0));
    body().check_file(&setup.out().join("a")).unwrap();
}

#[test]
fn a_killed_service_is_started_again_and_goes_on() {
    let setup = Setup::new();
    setup.server.set("/a", Resource::new(body()).then_times(2, Fault::stall(SIZE / 3)).faults_only_on("GET"));
    let mut get = setup.start(["get", &setup.server.url("/a")]);
    setup.server.wait_stalled(1, LIMIT).unwrap();
    get.wait_for_line("transferring");
    let before = setup.service();
    setup.kill_service();
    // Nobody but the waiting command starts it again.
    setup.server.wait_for(|requests| requests.len() > 1, LIMIT).unwrap();
    assert_ne!(setup.service(), before);
    setup.server.release();
    let ended = get.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    body().check_file(&setup.out().join("a")).unwrap();
}

#[test]
fn ten_at_once_start_one_service() {
    let setup = Setup::new();
    let names: Vec<String> = (0..10).map(|number| format!("/{number}")).collect();
    for name in &names {
        setup.server.set(name, Resource::new(Body::pattern(1, 1000)));
    }
    let running: Vec<Running> = names.iter().map(|name| setup.start(["get", &setup.server.url(name)])).collect();
    for get in running {
        let ended = get.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    // Each of them is known to the one service that runs now: it was the only one.
    assert_eq!(setup.json(["job", "list", "--all", "--json"]).as_array().unwrap().len(), 10);
    let log = std::fs::read_to_string(setup.folder.path().join("state/consign.log")).unwrap();
    assert_eq!(log.matches(" ready ").count(), 1, "{log}");
}

#[test]
fn wrong_usage_is_told_apart() {
    let setup = Setup::new();
    for arguments in [["get", "example.org/a"], ["get", "--nonsense"], ["get", "http://"]] {
        let ended = setup.run(arguments);
        assert_eq!(ended.code, Some(2), "{ended:?}");
    }
    assert!(setup.run(["get", "example.org/a"]).stderr.contains("https://example.org/a"));
    assert_eq!(setup.service(), None, "no service was started for that");
}

#[test]
fn a_folder_that_is_missing_leaves_no_job_behind() {
    let setup = Setup::new();
    setup.server.set("/a", Resource::new(body()));
    let ended = setup.run(["get", &setup.server.url("/a"), "-o", "none/a"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("ERROR_PATH_NOT_FOUND"), "{ended:?}");
    assert_eq!(setup.json(["job", "list", "--json"]).as_array().unwrap().len(), 0);
}
