//! `consign queue`: queues and messages.

use serde_json::json;

use super::{Bench, CLASS, empty, keys, server::REFUSED, squeezed};

#[test]
fn queues_are_listed_shown_paused_and_set() {
    let bench = Bench::registered();
    assert_eq!(bench.json(&["queue", "list"]), empty());
    let bench = Bench::new();
    bench.call(&["ShipOrder", "1"]);
    let list = squeezed(&bench.ok(&["queue", "list"]));
    assert!(list.contains("QUEUE READY PLAYING WAITING PARKED DEAD SIZE DETAILS"), "{list}");
    assert!(list.contains("Orders 1 0 0 0 0 68 B not played: the queue is paused"), "{list}");
    bench.ok(&["queue", "set", "Orders", "attempts=2", "retry=10s:1,2m", "ordered=on", "max-players=4", "max_bytes=1M", "play-timeout=9"]);
    let text = squeezed(&bench.ok(&["queue", "show", "Orders"]));
    for line in [
        "State: paused",
        "Ready: 1",
        "Not played because: the queue is paused",
        "Tries: 2 times at once",
        "Retry queues: Orders_0: after 10 s, once",
        "Orders_1: after 2 min, 3 times",
        "Order: one after the other",
        "Players: at most 4",
        "Play timeout: 9 s",
        "Size at most: 1.0 MiB",
    ] {
        assert!(text.lines().any(|told| told == line), "{line}: {text}");
    }
    let shown = bench.json(&["queue", "show", "Orders"]);
    assert_eq!(keys(&shown), ["bytes", "dead", "name", "parked", "paused", "playing", "policy", "ready", "waiting", "waiting_because"]);
    assert_eq!(
        shown["policy"],
        json!({"attempts": 2, "retry": [{"delay": 10, "attempts": 1}, {"delay": 120, "attempts": 3}], "ordered": true, "max_players": 4,
               "max_messages": null, "max_bytes": 1_048_576, "play_timeout": 9})
    );
    assert_eq!(bench.json(&["queue", "list"])[0], shown);
    assert_eq!(bench.json(&["queue", "set", "New", "attempts=5"])["policy"]["attempts"], 5);
    assert_eq!(bench.json(&["queue", "set", "Orders", "policy=default"])["policy"]["retry"].as_array().unwrap().len(), 5);
    // All or none of them.
    assert_eq!(bench.symbol(&["queue", "resume", "New", "Newer"]), "MQ_ERROR_QUEUE_NOT_FOUND");
    let done = bench.json(&["queue", "pause", "New"]);
    assert_eq!(keys(&done[0]), ["code", "queue", "sentence", "symbol"]);
    bench.ok(&["queue", "remove", "New"]);
    let (_, error) = bench.refused(&["queue", "remove", "Orders"]);
    assert_eq!(error["symbol"], "ERROR_BUSY");
    assert!(error["help"].as_str().unwrap().contains("consign queue drop"), "{error}");
    let (_, error) = bench.refused(&["queue", "show", "Order"]);
    assert_eq!((&error["symbol"], &error["help"]), (&json!("MQ_ERROR_QUEUE_NOT_FOUND"), &json!("did you mean Orders?")));
    for setting in ["attempts=0", "retry=soon", "colour=red", "attempts"] {
        assert_eq!(bench.run(&["queue", "set", "Orders", setting]).code, Some(2), "{setting}");
    }
}

#[test]
fn a_message_is_played_and_one_that_fails_is_dead_with_every_attempt() {
    let bench = Bench::new();
    bench.ok(&["queue", "set", "Orders", "attempts=2"]);
    bench.call(&["ShipOrder", "7"]);
    let id = bench.call(&["ShipOrder", &REFUSED.to_string(), "--label", "bad \x1b luck"]);
    bench.ok(&["queue", "resume", "Orders"]);
    bench.until("Orders", |queue| queue["dead"] == 1 && queue["ready"] == 0);
    assert_eq!(bench.book(), ["7"]);
    let list = bench.ok(&["queue", "peek", "Orders", "--dead"]);
    for words in [
        "dead in Orders_deadqueue  recorded ",
        "  bad \\u{1b} luck\n",
        "    IShipment.ShipOrder(orderNumber: 13)\n",
        "    failed 2 times: no such \\u{1b}order (E_INVALIDARG 0x80070057)\n",
    ] {
        assert!(list.contains(words), "{words}: {list}");
    }
    assert_eq!(bench.ok(&["queue", "peek", "Orders", "--ready", "--waiting", "--parked"]), "");
    let message = bench.json(&["queue", "peek", &id]);
    assert_eq!(
        keys(&message),
        [
            "app_specific",
            "arrived",
            "attempts",
            "bytes",
            "calls",
            "clsid",
            "deaths",
            "due",
            "expires",
            "id",
            "label",
            "number",
            "pid",
            "place",
            "playing",
            "priority",
            "queue",
            "reason",
            "standing",
            "uid"
        ]
    );
    assert_eq!((&message["standing"], &message["place"], &message["clsid"]), (&json!("dead"), &json!("Orders_deadqueue"), &json!(CLASS)));
    assert_eq!(keys(&message["attempts"][1]), ["call", "code", "number", "place", "sentence", "symbol", "time"]);
    assert_eq!((&message["attempts"][1]["symbol"], &message["attempts"][1]["call"]), (&json!("E_INVALIDARG"), &json!(0)));
    assert_eq!(keys(&message["calls"][0]), ["arguments", "iid", "interface", "method", "signature"]);
    assert_eq!(message["calls"][0]["arguments"], json!([{"name": "orderNumber", "type": "unsigned long", "value": 13}]));
    // By its number, and as one of its queue.
    let number = message["number"].to_string();
    assert_eq!(bench.json(&["queue", "peek", "Orders", &number]), message);
    let text = squeezed(&bench.ok(&["queue", "peek", &number]));
    for line in [
        &format!("Id: {id}")[..],
        "Stands: dead in Orders_deadqueue",
        "Because: no such \\u{1b}order (E_INVALIDARG 0x80070057)",
        &format!("Class: Test.Orders ({CLASS})"),
        "1 IShipment.ShipOrder(orderNumber: 13)",
        "NO ENDED QUEUE CALL WHY",
    ] {
        assert!(text.lines().any(|told| told == line), "{line}: {text}");
    }
    // Tried again: dead again, with the attempts before.
    assert_eq!(bench.ok(&["queue", "retry", &number]), "1 message is tried again\n");
    bench.until("Orders", |queue| queue["dead"] == 1);
    assert_eq!(bench.json(&["queue", "peek", &number])["attempts"].as_array().unwrap().len(), 4);
    bench.ok(&["queue", "pause", "Orders"]);
    assert_eq!(bench.json(&["queue", "retry", "Orders"]), json!({"count": 1}));
    assert_eq!(bench.json(&["queue", "show", "Orders"])["ready"], 1);
}

#[test]
fn what_no_component_understands_is_parked() {
    let bench = Bench::new();
    let id = bench.call(&["Note", "x", "yes"]);
    bench.ok(&["queue", "resume", "Orders"]);
    let queue = bench.until("Orders", |queue| queue["parked"] == 1);
    assert_eq!(queue["waiting"], 0);
    let text = bench.ok(&["queue", "peek", "Orders", "--parked"]);
    assert!(text.contains("parked in Orders") && text.contains("(REGDB_E_IIDNOTREG 0x80040155)"), "{text}");
    assert!(squeezed(&bench.ok(&["queue", "show", "Orders"])).contains("Parked: 1, which no component understands"));
    assert_eq!(bench.ok(&["queue", "drop", &id]), "1 message is gone\n");
}

#[test]
fn messages_are_moved_and_dropped() {
    let bench = Bench::new();
    let first = bench.call(&["ShipOrder", "1"]);
    bench.call(&["ShipOrder", "2"]);
    bench.ok(&["queue", "set", "Side", "retry=none"]);
    bench.ok(&["queue", "pause", "Side"]);
    assert_eq!(bench.ok(&["queue", "move", &first, "Side"]), "1 message is in Side\n");
    assert_eq!(bench.json(&["queue", "peek", &first])["queue"], "Side");
    let (_, error) = bench.refused(&["queue", "peek", "Orders", &first]);
    assert!(error["sentence"].as_str().unwrap().ends_with("is in Side"), "{error}");
    assert_eq!(bench.json(&["queue", "move", "Orders", "Side", "--dead"]), json!({"count": 0}));
    assert_eq!(bench.json(&["queue", "move", "Orders", "Side"]), json!({"count": 1}));
    assert_eq!(bench.run(&["queue", "move", "Side", "Side"]).code, Some(2));
    // A queue is not dropped by accident.
    let asked = bench.run(&["queue", "drop", "Side"]);
    assert!(asked.code == Some(2) && asked.stderr.contains("that would be 2 messages of a queue"), "{asked:?}");
    assert!(asked.stderr.contains("help: `--yes` drops them without asking"), "{asked:?}");
    assert_eq!(bench.json(&["queue", "show", "Side"])["ready"], 2);
    assert_eq!(bench.json(&["queue", "drop", "Side", "--yes"]), json!({"count": 2}));
    assert_eq!(bench.symbol(&["queue", "drop", &first]), "MQ_ERROR_MESSAGE_NOT_FOUND");
    assert_eq!(bench.symbol(&["queue", "retry", "4294967295"]), "MQ_ERROR_MESSAGE_NOT_FOUND");
    assert_eq!(bench.symbol(&["queue", "retry", "None"]), "MQ_ERROR_QUEUE_NOT_FOUND");
}

#[test]
fn lists_are_short_unless_all_is_wanted() {
    let bench = Bench::new();
    let lines: String = (1..=6).map(|number| format!("ShipOrder {number}\n")).collect();
    let ended = bench.fed(&["call", CLASS, "--stdin", "--one-message"], lines.as_bytes());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    bench.call(&["Note", &"long ".repeat(100), "yes"]);
    let short = bench.ok(&["queue", "peek", "Orders"]);
    assert!(short.contains("    … and 2 more calls\n") && short.contains("long …\" (500 characters)"), "{short}");
    let full = bench.ok(&["queue", "peek", "Orders", "--full"]);
    assert!(full.contains("orderNumber: 6") && full.contains(&"long ".repeat(100)), "{full}");
    let one = bench.run(&["queue", "peek", "Orders", "-n", "1"]);
    assert_eq!(one.stdout.matches("recorded").count(), 1, "{one:?}");
    assert_eq!(one.stderr, "and 1 more message; `-n 2` shows all of them\n");
    assert_eq!(bench.json(&["queue", "peek", "Orders", "-n", "1"])[0]["calls"].as_array().unwrap().len(), 6);
}

#[test]
fn a_queue_may_have_the_name_of_a_number() {
    let bench = Bench::new();
    bench.ok(&["queue", "set", "2026", "retry=none"]);
    bench.ok(&["queue", "pause", "2026"]);
    bench.call(&["ShipOrder", "1"]);
    bench.ok(&["queue", "move", "Orders", "2026"]);
    assert_eq!(bench.json(&["queue", "peek", "2026"]).as_array().unwrap().len(), 1);
    assert_eq!(bench.json(&["queue", "drop", "2026", "--ready", "--yes"]), json!({"count": 1}));
}
