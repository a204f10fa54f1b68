//! `consign class`.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::setup::{LIMIT, Setup, trusted_program};

const CLASS: &str = "6f7c1d8e-2b0a-4a55-9d3b-0c6a1e5f4b27";

fn error(stderr: &str) -> Value {
    serde_json::from_str(stderr).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

/// With one space where there are several: columns depend on what else is shown.
fn squeezed(text: &str) -> String {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n")
}

impl Setup {
    fn register(&self, progid: &str, command: &[&str]) -> String {
        let start = ["class", "register", "--clsid", "new", "--progid", progid, "--name", "A thing", "--exec"];
        let ended = crate::setup::Running::start(&mut self.command(start.iter().chain(command))).end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout.trim_end().to_owned()
    }
}

#[test]
fn a_class_is_registered_listed_shown_and_unregistered() {
    let setup = Setup::new();
    assert_eq!(setup.json(["class", "list", "--json"]), json!([]));
    let class = setup.register("Vendor.Thing.1", &["/bin/sh", "-c", "exit 0"]);
    let list = setup.ok(["class", "list"]);
    for part in ["CLSID", "STARTED BY", &class, "Vendor.Thing.1", "A thing", "not running", "/bin/sh -c 'exit 0'"] {
        assert!(list.contains(part), "{part}: {list}");
    }
    let listed = setup.json(["class", "list", "--json"]);
    assert_eq!((&listed[0]["clsid"], &listed[0]["problem"]), (&json!(class), &Value::Null));
    assert_eq!((&listed[0]["exec"], &listed[0]["state"]), (&json!(["/bin/sh", "-c", "exit 0"]), &json!("absent")));
    let shown = setup.json(["class", "show", "vendor.thing.1", "--json"]);
    assert_eq!((&shown["clsid"], &shown["jobs"], &shown["output"]), (&json!(class), &json!([]), &json!([])));
    assert_eq!((&shown["start_timeout"], &shown["idle_stop"], &shown["starts"]), (&json!(60), &Value::Null, &json!(0)));
    let text = squeezed(&setup.ok(["class", "show", &class]));
    for part in ["File:", ".toml", "ProgID:", "Start timeout: 1 min", "Idle stop: never", "Jobs: none"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Registered again: replaced.
    let again = setup.json([
        "class",
        "register",
        "--json",
        "--clsid",
        &class,
        "--progid",
        "Vendor.Thing.2",
        "--application",
        "Things",
        "--idle-stop",
        "2m",
        "--start-timeout",
        "5",
        "--dbus-name",
        "org.vendor.Thing",
    ]);
    assert_eq!((&again["clsid"], &again["file"]), (&json!(class), &shown["file"]));
    let text = squeezed(&setup.ok(["class", "show", "Vendor.Thing.2"]));
    for part in ["Application: Things", "D-Bus name org.vendor.Thing", "Idle stop: after 2 min", "Start timeout: 5 s"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let unit = setup.json(["class", "register", "--json", "--clsid", CLASS, "--systemd-unit", "thing.service"]);
    assert_eq!(setup.json(["class", "show", CLASS, "--json"])["systemd_unit"], "thing.service");
    assert!(fs::exists(unit["file"].as_str().unwrap()).unwrap());
    // One that is misspelt leaves the others as they are.
    let unknown = setup.run(["class", "unregister", CLASS, "Vendor.Thing.1"]);
    assert!(unknown.code == Some(1) && unknown.stderr.contains("class Vendor.Thing.1 was not unregistered: "), "{unknown:?}");
    assert!(unknown.stderr.contains("CO_E_CLASSSTRING") && unknown.stderr.contains("help: `consign class list`"), "{unknown:?}");
    let done = setup.json(["class", "unregister", "--json", CLASS, "Vendor.Thing.2"]);
    assert_eq!((&done[0]["class"], &done[1]["symbol"]), (&json!(CLASS), &json!("S_OK")));
    let gone = setup.run(["class", "show", CLASS, "--json"]);
    assert_eq!((gone.code, &error(&gone.stderr)["symbol"]), (Some(1), &json!("REGDB_E_CLASSNOTREG")));
    assert_eq!(setup.json(["class", "list", "--json"]), json!([]));
}

#[test]
fn a_class_file_is_read_and_its_faults_are_shown_where_they_stand() {
    let setup = Setup::new();
    let write = |name: &str, text: &[u8]| fs::write(setup.out().join(name), text).unwrap();
    write("good.toml", format!("# ours\nclsid = \"{CLASS}\"\nprogid = \"A.B\"\nexec = [\"/bin/sh\"]\n").as_bytes());
    assert_eq!(setup.ok(["class", "register", "good.toml"]), format!("{CLASS}\n"));
    assert_eq!(setup.json(["class", "show", "A.B", "--json"])["exec"], json!(["/bin/sh"]));
    write("key.toml", format!("clsid = \"{CLASS}\"\nexec = [\"/bin/sh\"]\nexce = 1\n").as_bytes());
    write("relative.toml", format!("clsid = \"{CLASS}\"\n\nexec = [\"sh\"]\n").as_bytes());
    write("bytes.toml", b"name = 'a'\nname = '\xff'\n");
    write("long.toml", &vec![b'#'; 65_537]);
    for (name, place, words) in [
        ("key.toml", "key.toml:3:1: ", "REGDB_E_INVALIDVALUE"),
        ("relative.toml", "relative.toml:3:1: ", "absolute path"),
        ("bytes.toml", "bytes.toml:2: ", "not UTF-8"),
        ("long.toml", "long.toml: ", "at most 65536 bytes"),
        ("none.toml", "none.toml: ", "No such file"),
    ] {
        let refused = setup.run(["class", "register", name]);
        let start = format!("error: the class was not registered: {place}");
        assert!(refused.code == Some(1) && refused.stderr.starts_with(&start), "{refused:?}");
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
    let typed = setup.run(["class", "register", "--clsid", CLASS, "--exec", "sh"]);
    assert!(typed.stderr.contains("not registered: the program in `exec` has an absolute path (REGDB_E_INVALIDVALUE"), "{typed:?}");
    for usage in [
        vec!["class", "register"],
        vec!["class", "register", "good.toml", "--clsid", CLASS, "--exec", "/bin/sh"],
        vec!["class", "register", "--clsid", CLASS],
        vec!["class", "register", "--clsid", "x", "--exec", "/bin/sh"],
        vec!["class", "register", "--progid", "A.B", "--exec", "/bin/sh"],
        vec!["class", "register", "--clsid", CLASS, "--systemd-unit", "a.service", "--dbus-name", "a.b"],
        vec!["class", "unregister"],
    ] {
        let ended = crate::setup::Running::start(&mut setup.command(&usage)).end();
        assert_eq!(ended.code, Some(2), "{usage:?}: {ended:?}");
    }
}

#[test]
fn a_bad_class_file_is_listed_with_its_reason() {
    let setup = Setup::new();
    let folder = setup.folder.path().join("data/classes");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("bad.toml"), "clsid = 1").unwrap();
    fs::write(folder.join(format!("{CLASS}.toml")), "exec = []").unwrap();
    let list = setup.ok(["class", "list"]);
    assert!(!list.contains("STARTED BY"), "no table without classes: {list}");
    assert!(list.lines().all(|line| line.starts_with("bad file: /") && line.ends_with("(REGDB_E_INVALIDVALUE)")), "{list}");
    let class = setup.register("Good.One", &["/bin/sh"]);
    let list = setup.ok(["class", "list"]);
    assert!(list.contains(&class) && list.contains("bad.toml: line 1, column"), "{list}");
    let bad = setup.json(["class", "list", "--json"]);
    let bad = bad.as_array().unwrap().iter().find(|class| class["file"].as_str().unwrap().ends_with("bad.toml")).unwrap();
    assert_eq!((&bad["clsid"], &bad["problem"]["symbol"]), (&Value::Null, &json!("REGDB_E_INVALIDVALUE")));
    assert!(setup.ok(["class", "show", CLASS]).contains("Bad because:"));
    let job = setup.ok(["job", "create", "a"]);
    let refused = setup.run(["job", "notify", job.trim_end(), "--class", CLASS]);
    assert!(refused.code == Some(1) && refused.stderr.contains("REGDB_E_"), "{refused:?}");
    setup.ok(["class", "unregister", CLASS]);
    assert!(!fs::exists(folder.join(format!("{CLASS}.toml"))).unwrap());
}

#[test]
fn what_may_not_be_run_is_refused_with_what_to_do() {
    let setup = Setup::new();
    let program = setup.out().join("server");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o777)).unwrap();
    let open = setup.run(["class", "register", "--clsid", CLASS, "--exec", program.to_str().unwrap()]);
    for part in ["error: the class was not registered: ", "(E_ACCESSDENIED 0x80070005)", "help: ", "chmod go-w"] {
        assert!(open.code == Some(1) && open.stderr.contains(part), "{part}: {open:?}");
    }
    let missing = setup.run(["class", "register", "--json", "--clsid", CLASS, "--exec", "/usr/bin/nobody-has-this"]);
    assert_eq!((missing.code, &error(&missing.stderr)["symbol"]), (Some(1), &json!("ERROR_FILE_NOT_FOUND")));
    setup.register("Vendor.Thing", &["/bin/sh"]);
    let twice = setup.run(["class", "register", "--clsid", CLASS, "--progid", "vendor.thing", "--exec", "/bin/sh"]);
    assert!(twice.code == Some(1) && twice.stderr.contains("ERROR_ALREADY_EXISTS"), "{twice:?}");
    assert!(twice.stderr.contains("consign class unregister CLASS"), "{twice:?}");
    let unknown = setup.run(["class", "start", CLASS]);
    assert!(unknown.code == Some(1) && unknown.stderr.contains("REGDB_E_CLASSNOTREG"), "{unknown:?}");
    setup.ok(["service", "stop"]);
    fs::write(setup.folder.path().join("config/consign.toml"), "policy.command_lines = 'deny'").unwrap();
    for arguments in [vec!["class", "register", "--clsid", CLASS, "--exec", "/bin/sh"], vec!["class", "start", "Vendor.Thing"]] {
        let denied = crate::setup::Running::start(&mut setup.command(&arguments)).end();
        assert!(denied.code == Some(1) && denied.stderr.contains("E_ACCESSDENIED"), "{denied:?}");
        assert!(denied.stderr.contains("policy.command_lines"), "{denied:?}");
    }
}

#[test]
fn a_class_that_a_job_uses_is_not_unregistered_without_force() {
    let setup = Setup::new();
    let class = setup.register("Vendor.Thing", &["/bin/sh"]);
    let job = setup.ok(["job", "create", "orders"]);
    let job = job.trim_end();
    setup.ok(["job", "notify", "orders", "--class", "vendor.THING"]);
    assert_eq!(setup.json(["job", "show", "orders", "--json"])["notification_clsid"], class);
    assert!(setup.ok(["job", "show", "orders"]).contains(&format!("{class} (Vendor.Thing, A thing)")));
    assert_eq!(setup.json(["class", "show", &class, "--json"])["jobs"], json!([{ "id": job, "display_name": "orders" }]));
    assert!(setup.ok(["class", "show", &class]).contains(&format!("{job} orders")));
    let busy = setup.run(["class", "unregister", "Vendor.Thing"]);
    for part in ["class Vendor.Thing was not unregistered: ", &format!("{job} (orders)"), "ERROR_BUSY", "`--force`"] {
        assert!(busy.code == Some(1) && busy.stderr.contains(part), "{part}: {busy:?}");
    }
    setup.ok(["class", "unregister", "--force", "Vendor.Thing"]);
    assert!(setup.ok(["job", "show", "orders"]).contains(&format!("{class} (not registered)")));
    setup.ok(["job", "notify", "orders", "--class", "none"]);
    assert_eq!(setup.json(["job", "show", "orders", "--json"])["notification_clsid"], Value::Null);
}

#[test]
fn servers_are_started_and_stopped() {
    let (setup, program) = (Setup::new(), trusted_program());
    let heard = setup.out().join("heard");
    let serve =
        ["class", "register", "--clsid", CLASS, "--progid", "Demo", "--exec", program.path().to_str().unwrap(), "demo-server", CLASS];
    setup.ok({
        let [a, b, c, d, e, f, g, h, i, j] = serve;
        [a, b, c, d, e, f, g, h, i, j, heard.to_str().unwrap()]
    });
    setup.ok(["class", "start", "Demo"]);
    let running = setup.json(["class", "show", "Demo", "--json"]);
    assert_eq!((&running["state"], &running["starts"], &running["users"]), (&json!("running"), &json!(1), &json!(0)));
    let process = running["pid"].as_u64().unwrap();
    assert!(fs::exists(format!("/proc/{process}")).unwrap());
    let text = squeezed(&setup.ok(["class", "show", "Demo"]));
    for part in ["Server: running", "Objects in use: 0", &format!("Process: {process}"), "Last start:"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(setup.ok(["class", "list"]).contains("  running  "));
    let again = setup.json(["class", "start", "--json", "Demo", CLASS]);
    assert_eq!((&again[1]["class"], &again[1]["symbol"]), (&json!(CLASS), &json!("S_OK")));
    assert_eq!(setup.json(["class", "show", "Demo", "--json"])["pid"], process);
    setup.ok(["class", "stop", "Demo"]);
    let stopped = setup.json(["class", "show", "Demo", "--json"]);
    assert_eq!((&stopped["state"], &stopped["failures"]), (&json!("absent"), &json!(0)));
    setup.ok(["class", "stop", "Demo"]);
    // And by an event of a job, which it hears of and completes.
    setup.server.set("/a", consign_testkit::Resource::new("abc"));
    setup.ok(["job", "create", "a"]);
    setup.ok(["job", "add", "a", &setup.server.url("/a"), "file"]);
    setup.ok(["job", "notify", "a", "--class", "Demo"]);
    let id = setup.json(["job", "show", "a", "--json"])["id"].clone();
    setup.ok(["job", "resume", "a"]);
    setup.wait_for_state(id.as_str().unwrap(), "acknowledged");
    let line: Value = serde_json::from_str(fs::read_to_string(heard).unwrap().trim_end()).unwrap();
    assert_eq!((&line["job"], &line["transferred"]), (&id, &json!(true)));
    setup.ok(["class", "unregister", "Demo"]);
}

#[test]
fn a_server_that_fails_is_shown_with_what_it_wrote() {
    let setup = Setup::new();
    setup.register("Bad", &["/bin/sh", "-c", "printf 'oops \\033[2J\\n'; echo 'no such thing' >&2; exit 3"]);
    let failed = setup.run(["class", "start", "Bad"]);
    for part in ["error: class Bad was not started: ", "CO_E_SERVER_EXEC_FAILURE 0x80080005", "`consign class show Bad`"] {
        assert!(failed.code == Some(1) && failed.stderr.contains(part), "{part}: {failed:?}");
    }
    assert!(!failed.stderr.contains('\x1b'), "{failed:?}");
    let began = Instant::now();
    let shown = loop {
        // The pipe is read beside the process.
        let shown = setup.json(["class", "show", "Bad", "--json"]);
        if shown["output"].as_array().unwrap().len() == 2 {
            break shown;
        }
        assert!(began.elapsed() < LIMIT, "{shown}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!((&shown["failures"], &shown["last_failure"]["symbol"]), (&json!(1), &json!("CO_E_SERVER_EXEC_FAILURE")));
    assert_eq!(shown["state"] == "backing-off", shown["next_start"].is_string(), "{shown}");
    assert_eq!(shown["pid"], Value::Null);
    let text = squeezed(&setup.ok(["class", "show", "Bad"]));
    for part in
        ["What its server wrote last:", "oops \\u{1b}[2J", "no such thing", "Failures in a row: 1", "(CO_E_SERVER_EXEC_FAILURE 0x8008"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains('\x1b'), "{text}");
    setup.ok(["class", "register", "--clsid", CLASS, "--progid", "Mute", "--start-timeout", "1", "--exec", "/bin/sleep", "1000"]);
    let mute = setup.run(["class", "start", "Mute", "--json"]);
    let told = error(&mute.stderr);
    assert_eq!((mute.code, &told["symbol"]), (Some(1), &json!("CO_E_SERVER_EXEC_FAILURE")), "{mute:?}");
    assert!(told["sentence"].as_str().unwrap().contains("in time"), "{told}");
}
