//! `consign idl check`.

use std::fs;

use serde_json::json;

use super::{Bench, IDL, empty, keys};

#[test]
fn a_good_file_is_good_and_says_what_cannot_be_queued() {
    let bench = Bench::registered();
    let checked = bench.run(&["idl", "check", "orders.idl"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert_eq!(
        checked.stdout.lines().collect::<Vec<_>>(),
        [
            "orders.idl: IShipment can be queued, and says QUEUEABLE",
            "orders.idl: IDelivery can be queued, and says QUEUEABLE",
            "orders.idl: IQuiet can be queued",
            "orders.idl: IStatus cannot be queued",
        ]
    );
    // Merely not queueable: a note.
    assert!(checked.stderr.contains(": note[") && checked.stderr.contains("`IStatus` cannot be queued"), "{checked:?}");
    let json = bench.json(&["idl", "check", "orders.idl"]);
    let file = &json[0];
    assert_eq!(keys(file), ["diagnostics", "file", "interfaces", "ok"]);
    assert_eq!((&file["file"], &file["ok"]), (&json!("orders.idl"), &json!(true)));
    assert_eq!(keys(&file["interfaces"][0]), ["iid", "name", "queueable", "queueing_supported"]);
    assert_eq!(keys(&file["diagnostics"][0]), ["code", "column", "file", "help", "line", "message", "severity"]);
    assert_eq!(file["diagnostics"][0]["severity"], "note");
}

#[test]
fn a_queueable_interface_that_cannot_be_queued_is_an_error_with_every_reason() {
    let bench = Bench::registered();
    let text = IDL
        .replace("[object, uuid(97184d0f-f7ef-413a-8c6d-c1745018b204)]", "[object, uuid(97184d0f-f7ef-413a-8c6d-c1745018b204), QUEUEABLE]");
    fs::write(bench.path("bad.idl"), text.replace("[in] long order, ", "[in, out] long *order, ")).unwrap();
    let checked = bench.run(&["idl", "check", "orders.idl", "bad.idl"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let errors: Vec<&str> = checked.stderr.lines().filter(|line| line.contains(": error[")).collect();
    assert!(errors.len() == 2 && errors.iter().all(|line| line.starts_with("bad.idl:")), "{checked:?}");
    assert!(errors[0].contains("`order` of `GetStatus`") && errors[1].contains("`status` of `GetStatus`"), "{errors:?}");
    let ended = bench.run(&["idl", "check", "--json", "bad.idl"]);
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, &json[0]["ok"]), (Some(1), &json!(false)));
}

#[test]
fn mistakes_are_shown_where_they_stand() {
    let bench = Bench::registered();
    fs::write(bench.path("broken.idl"), "interface I {\n  HRESULT F([in] long\n").unwrap();
    for (file, words) in [("broken.idl", "broken.idl:"), ("none.idl", "`none.idl` was not read")] {
        let checked = bench.run(&["idl", "check", file]);
        assert!(checked.code == Some(1) && checked.stderr.contains(words), "{checked:?}");
        assert!(checked.stdout.is_empty(), "{checked:?}");
    }
    assert_eq!(bench.run(&["idl", "check"]).code, Some(2));
}

#[test]
fn includes_are_found_beside_the_file_and_in_named_folders() {
    let bench = Bench::registered();
    fs::create_dir(bench.path("include")).unwrap();
    fs::write(bench.path("include/shared.idl"), "typedef struct Shared { long a; } Shared;\n").unwrap();
    let text = "import \"oaidl.idl\";\nimport \"shared.idl\";\n[object, uuid(97184d0f-f7ef-413a-8c6d-c1745018b205)] interface IUses : IUnknown { HRESULT F([in] Shared a); };\n";
    fs::write(bench.path("uses.idl"), text).unwrap();
    assert_eq!(bench.run(&["idl", "check", "uses.idl"]).code, Some(1));
    assert_eq!(bench.json(&["idl", "check", "uses.idl", "-I", "include"])[0]["diagnostics"], empty());
    // COM+ takes no structure without a uuid: a warning, and no more.
    let checked = bench.run(&["idl", "check", "--com", "uses.idl", "-I", "include"]);
    assert!(checked.code == Some(0) && checked.stderr.contains(": warning[") && checked.stderr.contains("COM+"), "{checked:?}");
    fs::create_dir(bench.path("below")).unwrap();
    fs::rename(bench.path("uses.idl"), bench.path("below/uses.idl")).unwrap();
    fs::write(bench.path("below/shared.idl"), "typedef struct Shared { long a; } Shared;\n").unwrap();
    assert_eq!(bench.ok(&["idl", "check", "below/uses.idl"]), "below/uses.idl: IUses can be queued\n");
    bench.ok(&["component", "import", "below/uses.idl", "--class", super::CLASS]);
}
