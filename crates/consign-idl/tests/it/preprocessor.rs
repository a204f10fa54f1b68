use consign_idl::{InMemory, Literal, Options, parse};

use crate::support::{MAIN, clean, clean_with, only, told};

/// The numbers that are left of `const long x = …;` lines.
#[track_caller]
fn values(text: &str) -> Vec<i64> {
    clean(text).constants.iter().filter_map(|one| if let Literal::Integer(value) = one.value { Some(value) } else { None }).collect()
}

#[test]
fn groups_are_taken_by_their_conditions() {
    let text = "\
#if defined(A) || !defined __midl || __midl < 500
const long x = 1;
#elif defined(B) ? 1 : (2 + 3 * 4 == 14) && -1 < 0 && 0x10 == 16
const long x = 2;
# if 0
don't look \"here
#  if 1
const long x = 3;
#  endif
# else
const long x = 4;
# endif
#elif 1 / 0
const long x = 5;
#else
const long x = 6;
#endif
#ifdef __midl
const long y = 7;
#endif
#ifndef __midl
#error no
#endif
";
    assert_eq!(values(text), [2, 4, 7]);
}

#[test]
fn macros_are_expanded_as_in_c() {
    let text = "\
#define ONE 1
#define ADD(a, b) ((a) + (b))
#define JOIN(a, b) a##b
#define TWICE(x) ADD(x, \\
    x)
#define SELF SELF + 1
#define G(x) x + 100
#define F G
#define MANY(first, ...) ADD(__VA_ARGS__) * first
const long a = ADD(ONE, TWICE(2));
const long JOIN(b, 2) = JOIN(4, 2);
const long c = F(1);
const long d = MANY(2, 3, (4, 5));
#undef ONE
#define ONE 5
const long e = ONE;
"
    .replace("(4, 5)", "(4)");
    assert_eq!(values(&text), [5, 42, 101, 14, 5]);
}

#[test]
fn a_macro_is_not_expanded_within_itself() {
    let told = only("#define SELF SELF + 1\nconst long a = SELF;");
    assert!(told.contains("2:16: error[idl::constant]: `SELF` is no constant that is known"), "{told}");
}

#[test]
fn texts_are_made_of_arguments() {
    let document = clean("#define T(x) #x\ncpp_quote(T(a  \"b\\n\"  + c))");
    assert_eq!(document.cpp_quotes, ["a \"b\\n\" + c"]);
}

#[test]
fn macros_flow_out_of_included_files() {
    let others = InMemory::new().with("a.h", "#pragma once\n#include <b.h>\n#define A B\n").with("b.h", "#ifndef B\n#define B 3\n#endif\n");
    let document = clean_with("#include \"a.h\"\n#define NAME \"a.h\"\n#include NAME\nconst long x = A;", others);
    assert_eq!(document.constants[0].value, Literal::Integer(3));
}

#[test]
fn macros_can_be_given() {
    let options = Options { defines: vec![("DEBUG".to_owned(), "7".to_owned())], ..Options::default() };
    let outcome = parse(MAIN, &InMemory::new().with(MAIN, "const long x = DEBUG;"), &options);
    assert_eq!(outcome.document.constants[0].value, Literal::Integer(7));
}

#[test]
fn comments_pragmas_and_lines_are_skipped() {
    clean(
        "#pragma region A /* … */\n#pragma midl_echo(\"x\")\n#line 5 \"other\"\n# 7 \"other\"\n// a comment \\\n that goes on\nmidl_pragma warning(disable: 2007 2111)\n/* * / */\n#",
    );
}

#[test]
fn utf16_and_latin_1_are_read() {
    let text = "cpp_quote(\"gr\u{fc}n\")";
    let mut wide = vec![0xff, 0xfe];
    wide.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    let narrow: Vec<u8> = text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect();
    for bytes in [wide, narrow, format!("\u{feff}{text}").into_bytes()] {
        let outcome = parse(MAIN, &InMemory::new().with(MAIN, bytes), &Options::default());
        assert_eq!(outcome.document.cpp_quotes, ["gr\u{fc}n"]);
        assert!(outcome.diagnostics.is_empty());
    }
}

#[test]
fn mistakes_are_told() {
    let rows = [
        ("#if 1\n", "1:1: error[idl::preprocessor]: the condition has no `#endif`"),
        ("#endif", "1:1: error[idl::preprocessor]: `#endif` without `#if`"),
        ("#if 1\n#else\n#else\n#endif", "3:1: error[idl::preprocessor]: `#else` after `#else`"),
        ("#if 1 +\n#endif", "error[idl::preprocessor]: the expression has no end"),
        ("#if 1 / 0\n#endif", "1:7: error[idl::preprocessor]: division by zero"),
        ("#include", "`#include` without a file"),
        ("#include \"no.h\"", "1:1: error[idl::file]: `no.h` was not read: there is no such file"),
        ("import \"no.idl\";", "1:8: error[idl::file]: `no.idl` was not read"),
        ("#nonsense", "there is no directive `#nonsense`"),
        ("#error not today", "error[idl::directive]: `#error`: not today"),
        ("#warning old", "warning[idl::directive]: `#warning`: old"),
        ("#define M(a) a\ncpp_quote(\"x\") M(1, 2)", "2:16: error[idl::preprocessor]: the macro `M` takes 1 arguments, and has 2"),
        ("/* no end", "1:1: error[idl::syntax]: the comment has no end"),
        ("#define M(a", "the parameters of `M` have no end"),
        ("#define M a ##", "`##` needs something on both sides"),
    ];
    for (text, wanted) in rows {
        let told = told(text);
        assert!(told.iter().any(|line| line.contains(wanted)), "{text:?}: {told:#?}");
    }
}
