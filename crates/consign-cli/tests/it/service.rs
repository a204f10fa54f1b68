//! `consign service`.

use serde_json::Value;

use crate::setup::Setup;

#[test]
fn the_service_is_started_looked_at_and_stopped() {
    let setup = Setup::new();
    let ended = setup.run(["service", "status"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), "the service is not running\n"));
    assert!(!setup.folder.path().join("run/consign.sock").exists(), "asking does not start it");
    let started = setup.json(["service", "start", "--json"]);
    let again = setup.ok(["service", "start"]);
    assert_eq!(again, format!("the service runs, process {}\n", started["pid"]));
    setup.ok(["job", "create", "kept"]);
    let status = setup.ok(["service", "status"]);
    for line in ["Version:", "State folder:", "Jobs:         1 suspended"] {
        assert!(status.contains(line), "{line}: {status}");
    }
    assert_eq!(setup.json(["service", "status", "--json"])["jobs_by_state"]["suspended"], 1);
    setup.ok(["service", "stop"]);
    assert_eq!(setup.run(["service", "status", "--json"]).code, Some(1));
    assert_eq!(setup.ok(["service", "stop"]), "the service is not running\n");
    // Its jobs are there when it is started again, here by the first who asks.
    assert_eq!(setup.json(["job", "list", "--json"])[0]["display_name"], "kept");
}

#[test]
fn a_service_that_cannot_start_says_why() {
    let setup = Setup::new();
    std::fs::write(setup.folder.path().join("config/consign.toml"), "nonsense = = 1").unwrap();
    let ended = setup.run(["job", "list", "--json"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let error: Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!(error["symbol"], "CO_E_SERVER_EXEC_FAILURE");
    assert!(error["sentence"].as_str().unwrap().contains("consign.toml"), "{error}");
}
