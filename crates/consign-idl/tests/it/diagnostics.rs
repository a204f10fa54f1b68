//! What people see.

use consign_idl::{Colour, Severity, Wanted, render};

use crate::support::{clean, only, read, told};

fn drawn(text: &str) -> String {
    read(text).diagnostics.iter().map(|one| render(one, Colour::Never, 80)).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_mistake_is_drawn_with_its_line() {
    same_as_golden(&drawn("interface IOne;\ntypedef lung Number;\nconst long x = 1;\n"), "unknown");
}

#[test]
fn an_obstacle_is_drawn_with_its_cause_and_advice() {
    let text = "#include \"mtxattr.h\"\n[object, uuid(97184D0F-F7EF-413A-8C6D-C1745018B2E9), QUEUEABLE]\ninterface IOne : IUnknown\n{\n    HRESULT Total([in] long order, [out, retval] long *total);\n}\n";
    let told = clean(text).check(Wanted::Consign);
    same_as_golden(&render(&told[0], Colour::Never, 100), "obstacle");
}

#[test]
fn a_mistake_in_a_macro_is_drawn_at_its_use() {
    same_as_golden(&drawn("#define NUMBER lung long\ntypedef long Good;\ntypedef NUMBER *Bad;\n"), "macro");
}

#[test]
fn one_run_tells_of_all_mistakes() {
    let text = "\
typedef struct { long a long b; } S;
const long x = y;
[object, uuid(97184D0F-F7EF-413A-8C6D-C1745018B2E9)]
interface IOne : IUnknown
{
    HRESULT A([in] long a;
    HRESULT B([in long b);
    HRESULT C([in] long c);
    HRESULT D(,);
    [id(x] HRESULT E();
}
coclass C { interface IOne };
typedef enum { A = 1, B C } E;
library { }
interface ITwo : IOne
{
    HRESULT Last(\"text)
";
    let told = told(text);
    same_as_golden(&(told.join("\n") + "\n"), "recovery");
    let document = read(text).document;
    let one = &document.interface("IOne").unwrap().interface;
    assert!(one.method("C").is_some(), "what stands between mistakes is understood");
}

#[test]
fn colours_are_drawn_when_asked_for() {
    let one = &read("nonsense").diagnostics[0];
    assert!(render(one, Colour::Always, 80).contains("\u{1b}["));
    assert!(!render(one, Colour::Never, 80).contains('\u{1b}'));
}

#[test]
fn what_steers_a_terminal_is_not_drawn() {
    let shown = drawn("\u{1b}[2Jnonsense \u{202e}x;\n");
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
}

#[test]
fn a_record_has_line_and_column() {
    let record = read("/* \u{e4} */ typedef lung X;").diagnostics[0].record();
    assert_eq!((record.file.as_deref(), record.line, record.column), (Some("main.idl"), Some(1), Some(17)));
    assert_eq!((record.severity, record.code), (Severity::Error, "idl::unknown"));
    assert_eq!(record.message, "the type `lung` is not known");
    assert_eq!(record.help.as_deref(), Some("define it, or import the file that defines it"));
}

#[test]
fn the_windows_runtime_is_told_as_not_understood() {
    let told = only("namespace Windows { interface IOne { } }\ntypedef long X;");
    assert!(told.contains("1:1: error[idl::unsupported]: `namespace` is of the Windows Runtime's IDL"), "{told}");
}

#[test]
fn a_missing_semicolon_is_told_where_it_is_missing() {
    let told = only("typedef long X\ntypedef long Y;\n");
    assert!(told.starts_with("main.idl:1:14: error[idl::syntax]: expected `;` after this"), "{told}");
}

/// Compares with the file in `golden/`; with `CONSIGN_BLESS` set, writes it.
#[track_caller]
fn same_as_golden(found: &str, name: &str) {
    let path = format!("{}/tests/it/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("CONSIGN_BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, wanted, "{path} says otherwise");
}
