//! `consign outbox`.

use std::{fs, time::Instant};

use serde_json::{Value, json};

use crate::setup::{LIMIT, Setup};

/// As an application in any language makes it.
fn make(setup: &Setup, name: &str) -> String {
    let path = setup.out().join(name);
    let script = "import sqlite3, sys, uuid\n\
        text = open(sys.argv[2]).read().split('```sql\\n')[1].split('```')[0]\n\
        connection = sqlite3.connect(sys.argv[1])\n\
        connection.execute('PRAGMA journal_mode=WAL')\n\
        connection.executescript(text)\n\
        connection.execute('INSERT INTO consign_outbox_origin (one, version, id) VALUES (1, 1, ?)', (str(uuid.uuid4()),))\n\
        connection.execute('INSERT INTO consign_outbox (target, calls) VALUES (?, ?)', ('No.Such.Class', b'x'))\n\
        connection.commit()\n";
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/outbox.md");
    let ended = std::process::Command::new("python3").args(["-c", script]).arg(&path).arg(docs).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    path.display().to_string()
}

#[test]
fn an_outbox_is_added_listed_and_removed() {
    if !std::process::Command::new("python3").args(["-c", "import sqlite3"]).output().is_ok_and(|ended| ended.status.success()) {
        eprintln!("skipped: python3 does not run");
        return;
    }
    let setup = Setup::new();
    assert_eq!(setup.json(["outbox", "list", "--json"]), json!([]));
    let path = make(&setup, "till.db");
    // By its name in the folder where one is.
    assert_eq!(setup.json(["outbox", "add", "till.db", "--json"]), json!([{ "path": path }]));
    let began = Instant::now();
    let listed = loop {
        let listed = setup.json(["outbox", "list", "--json"]);
        if listed[0]["taken"] == 1 && listed[0]["state"] == "idle" {
            break listed;
        }
        assert!(began.elapsed() < LIMIT, "{listed}");
    };
    assert_eq!((&listed[0]["path"], &listed[0]["pending"], &listed[0]["problem"]), (&json!(path), &json!(0), &Value::Null));
    let again = setup.run(["outbox", "add", "till.db"]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("ERROR_ALREADY_EXISTS"), "{again:?}");
    let table = setup.ok(["outbox", "list"]);
    assert!(table.contains("DATABASE") && table.contains(&path) && table.contains("idle"), "{table}");
    fs::rename(&path, setup.out().join("elsewhere.db")).unwrap();
    let began = Instant::now();
    while setup.json(["outbox", "list", "--json"])[0]["state"] != "unusable" {
        assert!(began.elapsed() < LIMIT);
    }
    assert!(setup.ok(["outbox", "list"]).contains("ERROR_FILE_NOT_FOUND"));
    setup.ok(["outbox", "remove", &path]);
    assert_eq!(setup.json(["outbox", "list", "--json"]), json!([]));
    let missing = setup.run(["outbox", "remove", "till.db"]);
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.stderr.contains("consign outbox list"), "{missing:?}");
}
