//! `consign component`, and what `consign class` says of components.

use std::fs;

use serde_json::json;

use super::{Bench, CLASS, empty, keys, squeezed};

#[test]
fn a_component_is_imported_listed_shown_and_set() {
    let bench = Bench::registered();
    assert_eq!(bench.json(&["component", "list"]), empty());
    let text = squeezed(&bench.ok(&["component", "show", "Test.Orders"]));
    assert!(text.contains("Interfaces: none; `consign component import FILE"), "{text}");
    let imported = bench.run(&["component", "import", "orders.idl", "--class", "Test.Orders"]);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    let told = squeezed(&imported.stdout);
    for line in [
        "IShipment 97184d0f-f7ef-413a-8c6d-c1745018b201 queued",
        "IQuiet 97184d0f-f7ef-413a-8c6d-c1745018b203 not queued",
        "IStatus 97184d0f-f7ef-413a-8c6d-c1745018b204 cannot be queued",
    ] {
        assert!(told.lines().any(|told| told == line), "{line}: {told}");
    }
    assert!(imported.stderr.contains("note: IStatus: GetStatus, parameter status: it is [retval]"), "{imported:?}");
    assert!(
        imported.stderr.contains("note: IQuiet is not QUEUEABLE; `consign component set Test.Orders queued.IQuiet=on`"),
        "{imported:?}"
    );
    let text = squeezed(&bench.ok(&["component", "list"]));
    assert!(text.contains("Test.Orders Orders Orders on IShipment, IDelivery, IQuiet (not queued), IStatus (cannot be queued)"), "{text}");
    let text = squeezed(&bench.ok(&["component", "show", CLASS]));
    for line in [
        "ProgID: Test.Orders",
        "Queue: Orders (empty)",
        "Listener: on",
        "Players: as many as the queue allows",
        "IShipment 97184d0f-f7ef-413a-8c6d-c1745018b201 queueing supported, queued",
        "Deliver(BSTR address, Speed speed, CURRENCY price, DATE when)",
        "IQuiet 97184d0f-f7ef-413a-8c6d-c1745018b203 queueing supported, not queued",
        "GetStatus(long order, [out, retval] long *status)",
    ] {
        assert!(text.lines().any(|told| told == line), "{line}: {text}");
    }
    assert!(text.contains("! GetStatus, parameter status: it is [retval]: a queued call has no answer"), "{text}");
    bench.ok(&["component", "set", CLASS, "queued.IQuiet=on", "queued.IShipment=off", "listener=off", "max-players=3", "queue=Side"]);
    bench.ok(&["component", "set", CLASS, "exception_class=Test.Orders"]);
    let shown = bench.json(&["component", "show", CLASS]);
    assert_eq!(
        keys(&shown),
        ["application", "clsid", "exception_class", "interfaces", "listener", "max_players", "name", "progid", "queue", "registered"]
    );
    assert_eq!((&shown["listener"], &shown["max_players"], &shown["queue"]), (&json!(false), &json!(3), &json!("Side")));
    assert_eq!((&shown["exception_class"], &shown["registered"]), (&json!(CLASS), &json!(true)));
    let interface = &shown["interfaces"][0];
    assert_eq!(keys(interface), ["iid", "methods", "model", "name", "obstacles", "queueing_supported", "queuing_enabled"]);
    assert_eq!(
        (&interface["name"], &interface["queuing_enabled"], &interface["methods"]),
        (&json!("IShipment"), &json!(false), &json!(["ShipOrder"]))
    );
    assert_eq!((&shown["interfaces"][2]["queuing_enabled"], &shown["interfaces"][3]["queueing_supported"]), (&json!(true), &json!(false)));
    // The rest of the class file stays, and what is set back is gone from it.
    bench.ok(&["component", "set", CLASS, "exception_class=none", "max_players=none", "listener=on", "queue=none"]);
    let class = bench.json(&["class", "show", CLASS]);
    assert_eq!((&class["idle_stop"], &class["name"], &class["exec"][0]), (&json!(0), &json!("Orders of a test"), &json!("/usr/bin/env")));
    let file = fs::read_to_string(class["file"].as_str().unwrap()).unwrap();
    for key in ["listener", "max_players", "exception_class", "queue"] {
        assert!(!file.contains(&format!("{key} = ")), "{key}: {file}");
    }
}

#[test]
fn import_takes_what_is_named_and_what_was_shown_before() {
    let bench = Bench::registered();
    bench.ok(&["component", "import", "orders.idl", "--class", CLASS, "--interface", "IQuiet", "--queue", "Quiet"]);
    let shown = bench.json(&["component", "show", CLASS]);
    assert_eq!((shown["interfaces"].as_array().unwrap().len(), &shown["queue"]), (1, &json!("Quiet")));
    // As JSON: the component, a list of models, one model.
    let model = &shown["interfaces"][0]["model"];
    for (name, document) in [("component.json", shown.clone()), ("several.json", json!([model])), ("one.json", model.clone())] {
        fs::write(bench.path(name), document.to_string()).unwrap();
        let again = bench.json(&["component", "import", name, "--class", CLASS]);
        assert_eq!(again["interfaces"], shown["interfaces"], "{name}");
    }
    for (name, text, words) in [
        ("bad.json", "{", "bad.json: EOF"),
        ("other.json", "{\"a\": 1}", "describes no interfaces"),
        ("empty.json", "[]", "the file has no interfaces"),
    ] {
        fs::write(bench.path(name), text).unwrap();
        let (code, error) = bench.refused(&["component", "import", name, "--class", CLASS]);
        assert!(code == 1 && error["sentence"].as_str().unwrap().contains(words), "{name}: {error}");
    }
    let (_, error) = bench.refused(&["component", "import", "orders.idl", "--class", CLASS, "--interface", "INone"]);
    assert!(error["sentence"].as_str().unwrap().contains("no interface INone; it has IShipment, IDelivery"), "{error}");
    assert_eq!(bench.symbol(&["component", "import", "orders.idl", "--class", "No.Class"]), "CO_E_CLASSSTRING");
    // A file with an error is not imported, and says where the error is.
    fs::write(bench.path("broken.idl"), "interface I {").unwrap();
    let broken = bench.run(&["component", "import", "broken.idl", "--class", CLASS]);
    assert!(broken.code == Some(1) && broken.stderr.contains("broken.idl:1:"), "{broken:?}");
    assert!(broken.stderr.contains("error: nothing was imported: broken.idl has "), "{broken:?}");
}

#[test]
fn the_interfaces_of_the_coclass_are_imported_where_there_is_one() {
    let bench = Bench::registered();
    let library =
        |coclasses: &str| format!("{}\n[uuid(97184d0f-f7ef-413a-8c6d-c1745018b2f0)] library Orders {{ {coclasses} }};", super::IDL);
    let other = "[uuid(97184d0f-f7ef-413a-8c6d-c1745018b2f1)] coclass Other { [default] interface IQuiet; };";
    let ours = format!("[uuid({CLASS})] coclass Ours {{ [default] interface IShipment; [source] interface IStatus; }};");
    fs::write(bench.path("both.idl"), library(&format!("{other}{ours}"))).unwrap();
    let names = |shown: serde_json::Value| -> Vec<String> {
        shown["interfaces"].as_array().unwrap().iter().map(|interface| interface["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(bench.json(&["component", "import", "both.idl", "--class", CLASS])), ["IShipment"]);
    let third = "[uuid(97184d0f-f7ef-413a-8c6d-c1745018b2f2)] coclass Third { [default] interface IStatus; };";
    fs::write(bench.path("others.idl"), library(&format!("{other}{third}"))).unwrap();
    let (code, error) = bench.refused(&["component", "import", "others.idl", "--class", CLASS]);
    assert!(code == 1 && error["sentence"].as_str().unwrap().contains("several classes"), "{error}");
    assert_eq!(
        names(bench.json(&["component", "import", "others.idl", "--class", CLASS, "--interface", "IQuiet"])),
        ["IShipment", "IQuiet"]
    );
}

#[test]
fn what_cannot_be_set_is_refused() {
    let bench = Bench::new();
    assert_eq!(bench.symbol(&["component", "set", CLASS, "queued.IStatus=on"]), "COMQC_E_NO_QUEUEABLE_INTERFACES");
    assert_eq!(bench.symbol(&["component", "set", CLASS, "queued.INone=on"]), "REGDB_E_IIDNOTREG");
    assert_eq!(bench.symbol(&["component", "set", CLASS, "exception_class=No.Class"]), "CO_E_CLASSSTRING");
    assert_eq!(bench.symbol(&["component", "show", "No.Class"]), "CO_E_CLASSSTRING");
    for setting in ["max_players=0", "listener=maybe", "colour=red", "queued.IShipment"] {
        let ended = bench.run(&["component", "set", CLASS, setting]);
        assert_eq!(ended.code, Some(2), "{setting}: {ended:?}");
    }
    // An IID whose messages wait keeps its methods.
    bench.call(&["ShipOrder", "1"]);
    fs::write(bench.path("changed.idl"), super::IDL.replace("unsigned long orderNumber", "BSTR orderNumber")).unwrap();
    let (_, error) = bench.refused(&["component", "import", "changed.idl", "--class", CLASS]);
    assert_eq!(error["symbol"], "ERROR_BUSY");
    assert!(error["sentence"].as_str().unwrap().contains("an interface that changes needs a new IID"), "{error}");
}

#[test]
fn a_class_says_what_it_is_as_a_component() {
    let bench = Bench::new();
    bench.ok(&["component", "set", CLASS, "max_players=2"]);
    bench.call(&["ShipOrder", "1"]);
    let text = squeezed(&bench.ok(&["class", "show", CLASS]));
    for line in ["Queue: Orders (1 ready, paused)", "Listener: on", "Players: at most 2"] {
        assert!(text.lines().any(|told| told == line), "{line}: {text}");
    }
    assert_eq!(bench.json(&["class", "show", CLASS])["component"]["queue"], "Orders");
    let refused = bench.run(&["class", "unregister", CLASS]);
    assert!(refused.code == Some(1) && refused.stderr.contains("messages for the class wait: "), "{refused:?}");
    bench.ok(&["class", "unregister", "--force", CLASS]);
    let text = squeezed(&bench.ok(&["component", "show", CLASS]));
    assert!(text.contains("Class: not registered: its messages wait until it is"), "{text}");
}
