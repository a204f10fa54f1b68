//! `consign call`: one call, and many.

use serde_json::{Value, json};

use super::{Bench, CLASS, keys};

impl Bench {
    /// The arguments of the only message in the queue, which is dropped.
    fn recorded(&self, queue: &str) -> Value {
        let messages = self.json(&["queue", "peek", queue]);
        assert_eq!(messages.as_array().unwrap().len(), 1, "{messages}");
        self.ok(&["queue", "drop", "--yes", queue]);
        let arguments = messages[0]["calls"][0]["arguments"].as_array().unwrap();
        arguments.iter().map(|argument| argument["value"].clone()).collect()
    }
}

#[test]
fn arguments_are_converted_by_the_types_of_the_interface() {
    let bench = Bench::new();
    for (arguments, expected) in [
        (&["ShipOrder", "0xffffffff"][..], json!([4_294_967_295_u32])),
        (
            &["Deliver", "Main \x1b[31m \"St\"", "FAST", "12.5", "2026-11-21T12:04:31"],
            json!(["Main \x1b[31m \"St\"", "FAST", "12.5000", "2026-11-21T12:04:31"]),
        ),
        (&["Deliver", "", "7", "-0.0001", "1899-12-29"], json!(["", 7, "-0.0001", "1899-12-29"])),
        (&["Note", "5", "true"], json!([{"vt": "VT_I4", "value": 5}, true])),
        (&["Note", "two words", "no"], json!([{"vt": "VT_BSTR", "value": "two words"}, false])),
        (&["Move", r#"{"city": "Oslo", "zip": "0150"}"#], json!([{"city": "Oslo", "zip": 150}])),
        (&["IShipment.ShipOrder", "1"], json!([1])),
    ] {
        let id = bench.call(arguments);
        assert!(id.parse::<consign::Guid>().is_ok(), "{id}");
        assert_eq!(bench.recorded("Orders"), expected, "{arguments:?}");
    }
    bench.ok(&["component", "set", CLASS, "queued.IQuiet=on"]);
    bench.call(&["Hush", "-5"]);
    assert_eq!(bench.recorded("Orders"), json!([-5]));
}

#[test]
fn what_is_no_call_says_why_with_its_code() {
    let bench = Bench::new();
    for (arguments, symbol, words, help) in [
        (&["ShipOrdr", "1"][..], "DISP_E_MEMBERNOTFOUND", "has a method ShipOrdr", "did you mean ShipOrder?"),
        (&["Zzzzzzz"], "DISP_E_MEMBERNOTFOUND", "Zzzzzzz", "its methods are ShipOrder"),
        (&["IDelivery.ShipOrder", "1"], "DISP_E_MEMBERNOTFOUND", "IDelivery has no method", ""),
        (&["ShipOrder"], "DISP_E_BADPARAMCOUNT", "takes 1 argument, not 0", "ShipOrder(unsigned long orderNumber)"),
        (&["ShipOrder", "1", "2"], "DISP_E_BADPARAMCOUNT", "takes 1 argument, not 2", ""),
        (&["ShipOrder", "x"], "DISP_E_TYPEMISMATCH", "parameter `orderNumber` (unsigned long): `x` is no whole number", ""),
        (&["ShipOrder", "4294967296"], "DISP_E_OVERFLOW", "expected 0 to 4294967295", ""),
        (&["ShipOrder", "-1"], "DISP_E_OVERFLOW", "too small", ""),
        (&["Deliver", "a", "FASST", "1", "2026-11-21"], "DISP_E_TYPEMISMATCH", "parameter `speed` (Speed): Speed has no `FASST`", ""),
        (&["Move", r#"{"city": 5, "zip": 1}"#], "DISP_E_TYPEMISMATCH", "parameter `to.city` (BSTR)", ""),
        (&["GetStatus", "1"], "E_NOINTERFACE", "calls on IStatus are not queued", "says why they cannot be"),
        (&["Hush", "1"], "E_NOINTERFACE", "calls on IQuiet are not queued", "queued.IQuiet=on"),
    ] {
        let (code, error) = bench.refused(&[&["call", CLASS], arguments].concat());
        assert_eq!((code, error["symbol"].as_str()), (1, Some(symbol)), "{arguments:?}: {error}");
        assert!(error["sentence"].as_str().unwrap().contains(words), "{arguments:?}: {error}");
        assert!(error["help"].as_str().unwrap_or_default().contains(help), "{arguments:?}: {error}");
    }
    let (_, error) = bench.refused(&["call", CLASS, "ShipOrder", "1", "--interface", "IShipmnt"]);
    assert_eq!((&error["symbol"], &error["help"]), (&json!("E_NOINTERFACE"), &json!("did you mean IShipment?")));
    assert_eq!(bench.symbol(&["call", "No.Class", "ShipOrder", "1"]), "CO_E_CLASSSTRING");
    let long = "x".repeat(250);
    for usage in [
        &["call", CLASS][..],
        &["call", CLASS, "ShipOrder", "1", "--priority", "8"],
        &["call", CLASS, "ShipOrder", "1", "--stdin"],
        &["call", CLASS, "ShipOrder", "1", "--one-message"],
        &["call", CLASS, "ShipOrder", "1", "--expire", "soon"],
        &["call", CLASS, "ShipOrder", "1", "--label", &long],
    ] {
        assert_eq!(bench.run(usage).code, Some(2), "{usage:?}");
    }
    assert_eq!(bench.json(&["queue", "list"])[0]["ready"], 0, "nothing of it was recorded");
}

#[test]
fn a_component_without_queued_interfaces_says_what_to_do() {
    let bench = Bench::registered();
    let (_, error) = bench.refused(&["call", CLASS, "ShipOrder", "1"]);
    assert_eq!(error["symbol"], "COMQC_E_NO_QUEUEABLE_INTERFACES");
    assert!(error["help"].as_str().unwrap().contains("consign component import"), "{error}");
}

#[test]
fn a_message_has_its_properties() {
    let bench = Bench::new();
    let recorded =
        bench.json(&["call", CLASS, "ShipOrder", "1", "--label", "o \"1\"", "--priority", "6", "--expire", "1h", "--app-specific", "77"]);
    assert_eq!(keys(&recorded), ["id"]);
    let message = bench.json(&["queue", "peek", "Orders"])[0].clone();
    assert_eq!((&message["label"], &message["priority"], &message["app_specific"]), (&json!("o \"1\""), &json!(6), &json!(77)));
    assert_eq!(message["id"], recorded["id"]);
    assert!(message["expires"].is_string(), "{message}");
}

#[test]
fn thousands_of_lines_become_thousands_of_messages() {
    let bench = Bench::new();
    let lines: String = (1..=2000).map(|number| format!("ShipOrder {number}\n")).collect();
    let ended = bench.fed(&["call", CLASS, "--stdin"], lines.as_bytes());
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(0), 2000), "{}", ended.stderr);
    assert_eq!(ended.stderr, "2000 calls recorded\n");
    assert_eq!(bench.json(&["queue", "show", "Orders"])["ready"], 2000);
    // In their order.
    let first = bench.json(&["queue", "peek", "Orders", "-n", "3"]);
    let numbers: Vec<&Value> = first.as_array().unwrap().iter().map(|message| &message["calls"][0]["arguments"][0]["value"]).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[test]
fn a_bad_line_is_told_with_its_number_and_holds_up_no_other() {
    let bench = Bench::new();
    let lines =
        b"ShipOrder 1\n\n # nothing\nShipOrder x\n[\"ShipOrder\", 2]\r\n[\"ShipOrder\"\n\"ShipOrder\" '3'\nNote '\xff' yes\nShipOrder 4";
    let ended = bench.fed(&["call", CLASS, "--stdin"], lines);
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(1), 4), "{ended:?}");
    for words in [
        "error: line 4: nothing was recorded: `ShipOrder`, parameter `orderNumber`",
        "error: line 6: nothing was recorded: this is no JSON array",
        "error: line 8: nothing was recorded: the line is not UTF-8",
        "4 calls recorded, 3 refused\n",
    ] {
        assert!(ended.stderr.contains(words), "{words}: {ended:?}");
    }
    let ended = bench.fed(&["call", CLASS, "--stdin", "--json"], b"ShipOrder 5\nShipOrder x\n");
    let documents: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((ended.code, documents.len(), keys(&documents[0])), (Some(1), 2, vec!["id", "line"]));
    assert_eq!(documents[1], json!({"recorded": 1, "refused": 1}));
}

#[test]
fn one_message_is_all_lines_or_none() {
    let bench = Bench::new();
    let refused = bench.fed(&["call", CLASS, "--stdin", "--one-message"], b"ShipOrder 1\nShipOrder x\nShipOrder\n");
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
    assert!(
        refused.stderr.contains("line 2: ")
            && refused.stderr.contains("line 3: ")
            && refused.stderr.ends_with("0 calls recorded, 2 refused\n")
    );
    let none = bench.fed(&["call", CLASS, "--stdin", "--one-message"], b"\n");
    assert!(none.code == Some(1) && none.stderr.contains("there is no call"), "{none:?}");
    let ended = bench.fed(&["call", CLASS, "--stdin", "--one-message", "--label", "all"], b"ShipOrder 1\nNote x yes\nShipOrder 2\n");
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(0), 1), "{ended:?}");
    assert_eq!(ended.stderr, "3 calls recorded in one message\n");
    let messages = bench.json(&["queue", "peek", "Orders"]);
    assert_eq!((messages.as_array().unwrap().len(), messages[0]["calls"].as_array().unwrap().len()), (1, 3));
    assert_eq!(messages[0]["label"], "all");
}
