//! Files that ask for more than any memory, stack or patience has. Each limit has its test.

use std::fmt::Write;

use consign_idl::{InMemory, Limits, Options, parse};

use crate::support::{HEAD, MAIN, limited, read, read_with, read_within};

fn few() -> Limits {
    Limits { expansion: 50_000, parts: 20_000, ..Limits::default() }
}

#[test]
fn a_file_has_a_greatest_size() {
    let outcome = read_within(&" ".repeat(101), Limits { file_bytes: 100, ..Limits::default() });
    assert_eq!(outcome.diagnostics[0].message, "`main.idl` was not read: it has more than 100 bytes");
}

#[test]
fn all_files_together_have_a_greatest_size() {
    let limits = Limits { total_bytes: 1000, ..Limits::default() };
    let source = InMemory::new().with(MAIN, "#include \"a.h\"\n".repeat(20)).with("a.h", " ".repeat(100));
    limited(&parse(MAIN, &source, &Options { limits, ..Options::default() }), "the files have more than 1000 bytes together");
}

#[test]
fn there_is_a_greatest_number_of_files() {
    limited(&read_with(&"#include \"a.h\"\n".repeat(300), InMemory::new().with("a.h", "")), "more than 256 files");
}

#[test]
fn a_file_that_includes_itself_has_an_end() {
    limited(&read("#include \"main.idl\"\n#include \"main.idl\"\n"), "files include each other more than 32 deep");
}

#[test]
fn files_that_import_each_other_are_read_once() {
    let outcome = read_with("import \"a.idl\";", InMemory::new().with("a.idl", "import \"main.idl\"; import \"a.idl\";"));
    assert!(outcome.diagnostics.is_empty());
}

#[test]
fn the_same_import_many_times_over_has_an_end() {
    let mut others = InMemory::new();
    let mut text = String::new();
    for number in 0..300 {
        others = others.with(&format!("{number}.idl"), "");
        let _ = writeln!(text, "import \"{number}.idl\";");
    }
    limited(&read_with(&text, others), "more than 256 files");
}

#[test]
fn macros_that_multiply_have_an_end() {
    let mut text = String::from("#define M0 x x\n");
    for number in 1..60 {
        let _ = writeln!(text, "#define M{number} M{0} M{0} M{0} M{0}", number - 1);
    }
    limited(&read_within(&format!("{text}M30"), few()), "macros expand to more than 50000 tokens");
}

#[test]
fn macros_that_multiply_their_arguments_have_an_end() {
    let mut text = String::from("#define D(x) x x\n");
    let mut nested = "y".to_owned();
    for _ in 0..40 {
        nested = format!("D({nested})");
    }
    let _ = write!(text, "{nested}");
    limited(&read_within(&text, few()), "macros expand to more than 50000 tokens");
}

#[test]
fn macros_that_stand_for_one_another_have_an_end() {
    let mut text = String::new();
    for number in 0..5000 {
        let _ = writeln!(text, "#define M{number} M{}", number + 1);
    }
    limited(&read(&format!("{text}M0")), "macros stand for one another more than");
}

#[test]
fn names_that_are_pasted_have_an_end() {
    let mut text = String::from("#define P(a, b) a##b\n#define M0 aaaaaaaaaaaaaaaa\n");
    for number in 1..40 {
        let _ = writeln!(text, "#define M{number} Q(M{0}, M{0})", number - 1);
    }
    text += "#define Q(a, b) P(a, b)\nM20";
    limited(&read(&text), "`##` makes a name of more than");
}

#[test]
fn texts_of_texts_have_an_end() {
    let mut text = String::from("#define S(a) #a\n#define T(a) S(a a)\n");
    let mut nested = "\"\"".to_owned();
    for _ in 0..40 {
        nested = format!("T({nested})");
    }
    let _ = write!(text, "cpp_quote({nested})");
    limited(&read_within(&text, few()), "macros expand to more than 50000 tokens");
}

#[test]
fn structures_within_structures_have_an_end() {
    let text = "struct {".repeat(100_000);
    limited(&read(&text), "nested more than 32 deep");
    limited(&read(&"union {".repeat(100_000)), "nested more than 32 deep");
}

#[test]
fn brackets_within_brackets_have_an_end() {
    limited(&read(&format!("typedef long {}", "(*".repeat(100_000))), "nested more than 32 deep");
    limited(&read(&format!("typedef {}", "SAFEARRAY(".repeat(100_000))), "nested more than 32 deep");
    limited(&read(&"void f(".repeat(100_000)), "nested more than 32 deep");
}

#[test]
fn expressions_within_expressions_have_an_end() {
    for text in ["(", "-", "!", "1 + (", "1 ? "] {
        let outcome = read(&format!("const long x = {}1;", text.repeat(100_000)));
        assert!(outcome.diagnostics[0].message.contains("nested more than 64 deep"), "{text}: {}", outcome.diagnostics[0].message);
        let outcome = read(&format!("#if {}1\n#endif", text.repeat(100_000)));
        assert!(outcome.diagnostics[0].message.contains("nested more than 64 deep"), "{text}: {}", outcome.diagnostics[0].message);
    }
}

#[test]
fn conditions_within_conditions_have_an_end() {
    limited(&read(&"#if 1\n".repeat(100_000)), "conditions are nested more than 32 deep");
}

#[test]
fn pointers_to_pointers_have_an_end() {
    let outcome = read(&format!("typedef long {}x;", "*".repeat(100_000)));
    assert_eq!(outcome.diagnostics[0].message, "more than 32 pointers and arrays within each other");
}

#[test]
fn structures_that_multiply_have_an_end() {
    let mut text = String::from("typedef struct S0 { long a; } S0;\n");
    for number in 1..60 {
        let _ = writeln!(text, "typedef struct S{number} {{ S{0} a; S{0} b; }} S{number};", number - 1);
    }
    let outcome = read(&text);
    assert!(outcome.diagnostics[0].message.contains("more than 4096 parts"), "{}", outcome.diagnostics[0].message);
}

#[test]
fn types_that_are_nested_by_their_names_have_an_end() {
    for (first, next) in [
        ("typedef long T0;", "typedef SAFEARRAY(T#) T%;"),
        ("typedef struct T0 { long a; } T0;", "typedef struct T% { T# a; } T%;"),
        ("typedef long T0;", "typedef T# *T%;"),
    ] {
        let mut text = first.to_owned();
        for number in 1..5000 {
            text += &next.replace('%', &number.to_string()).replace('#', &(number - 1).to_string());
        }
        let outcome = read(&text);
        assert_eq!(outcome.diagnostics[0].code.as_str(), "idl::limit", "{next}: {}", outcome.diagnostics[0].message);
    }
    let mut backwards = String::new();
    for number in 0..5000 {
        let _ = writeln!(backwards, "struct T{number} {{ struct T{} a; }};", number + 1);
    }
    limited(&read(&backwards), "types stand for one another more than 64 deep");
}

#[test]
fn names_for_something_large_have_an_end() {
    let mut text = String::from("typedef struct T { long a[1]");
    for number in 0..100 {
        let _ = write!(text, ", b{number}");
    }
    text += "; } T;\n";
    for number in 0..1000 {
        let _ = writeln!(text, "typedef T T{number};");
    }
    limited(&read_within(&text, few()), "the types have more than 20000 parts");
    let parameters = format!("{HEAD} interface IOne : IUnknown {{ HRESULT M({}[in] T last); }}", "[in] T x, ".repeat(1000));
    limited(
        &read_within(&(text.lines().next().unwrap_or_default().to_owned() + &parameters), few()),
        "the types have more than 20000 parts",
    );
}

#[test]
fn interfaces_that_inherit_much_have_an_end() {
    let mut text = String::from("[local] interface I0 : IUnknown { HRESULT M(); }\n");
    for number in 1..500 {
        let _ = writeln!(text, "[local] interface I{number} : I{} {{ HRESULT M(); }}", number - 1);
    }
    limited(&read_within(&text, few()), "the types have more than 20000 parts");
}

#[test]
fn interfaces_that_derive_backwards_have_an_end() {
    let mut text = String::new();
    for number in 0..5000 {
        let _ = writeln!(text, "[local] interface I{number} : I{} {{ HRESULT M(); }}", number + 1);
    }
    limited(&read(&text), "interfaces derive from one another more than 64 deep");
}

#[test]
fn typedefs_that_stand_for_one_another_have_an_end() {
    let mut text = String::new();
    for number in 0..5000 {
        let _ = writeln!(text, "typedef T{} T{number};", number + 1);
    }
    limited(&read(&text), "types stand for one another more than 64 deep");
    limited(&read("typedef A B; typedef B A;"), "types stand for one another more than 64 deep");
}

#[test]
fn there_is_a_greatest_number_of_diagnostics() {
    let outcome = read(&"nonsense nonsense;\n".repeat(1000));
    assert_eq!(outcome.diagnostics.len(), 100);
    assert_eq!(outcome.diagnostics[99].message, "there is more than 100 things to say: the rest is left out");
}

#[test]
fn an_enumeration_has_a_greatest_number_of_values() {
    let mut text = String::from("enum E {");
    for number in 0..20_000 {
        let _ = write!(text, "E{number},");
    }
    let outcome = read(&(text + "};"));
    assert!(outcome.diagnostics[0].message.contains("more than 16384 values"), "{}", outcome.diagnostics[0].message);
}

#[test]
fn a_method_has_as_many_parameters_as_fit() {
    let outcome = read(&format!("{HEAD} interface IOne : IUnknown {{ HRESULT M({}[in] long last); }}", "[in] long x, ".repeat(5000)));
    assert!(outcome.diagnostics.is_empty());
    assert!(!outcome.document.interface("IOne").unwrap().interface.supports_queueing());
}
