use consign_core::interface::{Element, Field, StringForm, Type};

use crate::support::{clean, interface, one, only, type_of};

fn boxed(kind: Type) -> Box<Type> {
    Box::new(kind)
}

fn field(name: &str, kind: Type) -> Field {
    Field { name: name.to_owned(), kind }
}

#[test]
fn base_types_have_their_rows() {
    let rows = [
        ("boolean", "b"),
        ("VARIANT_BOOL", "b"),
        ("byte", "y"),
        ("unsigned char", "y"),
        ("BYTE", "y"),
        ("char", "n"),
        ("small", "n"),
        ("short int", "n"),
        ("unsigned short", "q"),
        ("wchar_t", "q"),
        ("int", "i"),
        ("signed", "i"),
        ("long int", "i"),
        ("LONG", "i"),
        ("BOOL", "i"),
        ("HRESULT", "i"),
        ("unsigned", "u"),
        ("unsigned long", "u"),
        ("DWORD", "u"),
        ("UINT", "u"),
        ("hyper", "x"),
        ("__int64", "x"),
        ("long long", "x"),
        ("unsigned __int64", "t"),
        ("ULONGLONG", "t"),
        ("float", "d"),
        ("double", "d"),
        ("DATE", "d"),
        ("CURRENCY", "x"),
        ("DECIMAL", "(yyut)"),
        ("GUID", "ay"),
        ("REFIID", "ay"),
        ("BSTR", "(bay)"),
        ("LPCWSTR", "(bay)"),
        ("VARIANT", "(qv)"),
        ("SAFEARRAY(BSTR)", "(qa(ui)av)"),
        ("FILETIME", "(uu)"),
        ("SYSTEMTIME", "(qqqqqqqq)"),
        ("IUnknown *", "v"),
        ("IPersistStream *", "(ayay)"),
        ("IConsignRecorder *", "(ss)"),
        ("const volatile DWORD", "u"),
    ];
    for (written, signature) in rows {
        assert_eq!(type_of("", &format!("[in] {written} x")).signature().as_deref(), Ok(signature), "{written}");
    }
}

#[test]
fn a_pointer_of_a_parameter_is_never_null_unless_it_says_so() {
    assert_eq!(type_of("", "[in] long *x"), Type::Reference(boxed(Type::I32)));
    assert_eq!(type_of("", "[in, ref] long *x"), Type::Reference(boxed(Type::I32)));
    assert_eq!(type_of("", "[in, unique] long *x"), Type::Optional(boxed(Type::I32)));
    assert_eq!(type_of("", "[in, ptr] long *x"), Type::Optional(boxed(Type::I32)));
    assert_eq!(type_of("", "[in] long **x"), Type::Reference(boxed(Type::Optional(boxed(Type::I32)))));
    assert_eq!(type_of("typedef long *P;", "[in] P x"), Type::Reference(boxed(Type::I32)));
    assert_eq!(type_of("typedef long *P;", "[in, unique] P x"), Type::Optional(boxed(Type::I32)));
    assert_eq!(type_of("typedef [unique] long *P;", "[in] P x"), Type::Optional(boxed(Type::I32)));
}

#[test]
fn inner_pointers_are_what_pointer_default_says() {
    let text = one("HRESULT Method([in] long **x);").replace("pointer_default(unique)", "pointer_default(ref)");
    let kind = interface(&text).methods[0].parameters[0].kind.clone();
    assert_eq!(kind, Type::Reference(boxed(Type::Reference(boxed(Type::I32)))));
}

#[test]
fn arrays_have_a_size_or_brackets() {
    let longs = Type::Array(boxed(Type::I32));
    assert_eq!(type_of("", "[in, size_is(4)] long *x"), longs);
    assert_eq!(type_of("", "[in, size_is(n ? *n : 0)] long x[]"), longs);
    assert_eq!(type_of("", "[in] long x[4]"), longs);
    assert_eq!(type_of("#define S(n) size_is(n, )", "[in, S(4)] long *x"), longs);
    assert_eq!(type_of("", "[in, unique, size_is(4)] long *x"), Type::Optional(boxed(longs.clone())));
    assert_eq!(type_of("", "[in, size_is(,4)] long **x"), Type::Reference(boxed(Type::Optional(boxed(longs.clone())))));
    assert_eq!(type_of("", "[in] long x[2][3]"), Type::Array(boxed(longs)));
    let objects = Type::Array(boxed(Type::Interface { name: "IUnknown".to_owned() }));
    assert_eq!(type_of("", "[in, size_is(4)] IUnknown **x"), objects);
}

#[test]
fn strings_say_so_or_have_a_name_that_does() {
    let wide = Type::String(StringForm::Wide);
    assert_eq!(type_of("", "[in, string] wchar_t *x"), wide);
    assert_eq!(type_of("", "[in, string] const WCHAR *x"), wide);
    assert_eq!(type_of("", "[in, string, unique] OLECHAR *x"), wide);
    assert_eq!(type_of("typedef [string] wchar_t *Name;", "[in] Name x"), wide);
    assert_eq!(type_of("", "[in] LPOLESTR x"), wide);
    assert_eq!(type_of("", "[in, string] char *x"), Type::String(StringForm::Narrow));
    assert_eq!(type_of("", "[in, string, size_is(4)] wchar_t **x"), Type::Array(boxed(wide)));
    assert_eq!(type_of("", "[in] wchar_t *x"), Type::Reference(boxed(Type::U16)), "one character, and no string");
}

#[test]
fn structures_and_enumerations_are_written_out_by_the_name_of_their_typedef() {
    let declarations = "typedef struct tagLine { BSTR name; struct { short x, y; } at; } Line, *PLine;
        typedef enum tagKind { Small = 1, Large, Huge = Large << 4, } Kind;";
    let at = Type::Struct { name: "struct".to_owned(), uuid: None, fields: vec![field("x", Type::I16), field("y", Type::I16)] };
    let fields = vec![field("name", Type::String(StringForm::Bstr)), field("at", at)];
    let line = Type::Struct { name: "Line".to_owned(), uuid: None, fields };
    assert_eq!(type_of(declarations, "[in] Line x"), line);
    assert_eq!(type_of(declarations, "[in] struct tagLine x"), line);
    assert_eq!(type_of(declarations, "[in, unique] PLine x"), Type::Optional(boxed(line)));
    let element = |name: &str, value| Element { name: name.to_owned(), value };
    let elements = vec![element("Small", 1), element("Large", 2), element("Huge", 32)];
    assert_eq!(type_of(declarations, "[in] enum tagKind x"), Type::Enum { name: "Kind".to_owned(), elements });
}

#[test]
fn a_structure_has_the_uuid_of_its_typedef() {
    let uuid = "11111111-2222-3333-4444-555555555555";
    let kind = type_of(&format!("typedef [uuid({uuid})] struct Line {{ long x; }} Line;"), "[in] Line x");
    assert!(matches!(kind, Type::Struct { uuid: Some(found), .. } if found.to_string() == uuid), "{kind:?}");
}

#[test]
fn what_contains_itself_cannot_be_written_down() {
    let kind = type_of("struct Node { long x; struct Node *next; };", "[in] struct Node *x");
    let reason = kind.signature().unwrap_err();
    assert!(reason.to_string().contains("`Node` cannot be written down: it contains itself"), "{reason}");
}

#[test]
fn what_means_nothing_elsewhere_cannot_be_written_down() {
    let rows = [
        ("", "void *x", "a pointer to anything"),
        ("", "HWND x", "a handle"),
        ("", "handle_t x", "a handle"),
        ("typedef [context_handle] void *Session;", "Session x", "a handle"),
        ("typedef union { long a; float b; } U;", "U x", "a union"),
        ("typedef union switch (long k) v { case 1: long a; case 2: [string] char *b; default: ; } U;", "U *x", "a union"),
        ("typedef [switch_type(long)] union { [case(1, 2)] long a; [default] ; } U;", "[switch_is(1)] U *x", "a union"),
        ("typedef void (__stdcall *Callback)(long, void *);", "Callback x", "a function"),
        ("", "void (*x)(long)", "a function"),
        ("typedef pipe char P;", "P x", "a pipe"),
        ("typedef struct Hidden Hidden;", "Hidden *x", "only its name is known"),
        ("", "IUnknown x", "an interface travels by pointer"),
        ("struct Bits { int a : 3, b : 5; };", "struct Bits x", "a bit field"),
        ("", "SAFEARRAY *x", "its elements have no type"),
    ];
    for (declarations, written, why) in rows {
        let reason = type_of(declarations, &format!("[in] {written}")).signature().unwrap_err().to_string();
        assert!(reason.contains(why), "{written}: {reason}");
    }
}

#[test]
fn an_unknown_type_is_told_once() {
    let told = only(&one("HRESULT A([in] Thing x); HRESULT B([in] Thing *x);"));
    assert!(told.contains("error[idl::unknown]: the type `Thing` is not known; define it, or import"), "{told}");
}

#[test]
fn names_of_the_sdk_keep_their_meaning_and_others_can_be_defined() {
    let told = only("typedef long DATE;");
    assert!(told.contains("warning[idl::duplicate]: `DATE` keeps the meaning"), "{told}");
    assert_eq!(type_of("typedef struct POINT { double x; } POINT;", "[in] POINT x").signature().as_deref(), Ok("(d)"));
    assert_eq!(type_of("typedef unsigned long DWORD;", "[in] DWORD x"), Type::U32);
}

#[test]
fn constants_are_reckoned_with() {
    let document = clean(
        "const long A = 3 * (1 << 4) - 1; const long B = A > 5 ? -A : sizeof_nothing(1);
         const wchar_t *TEXT = L\"a\" \"b\"; enum { X = 'a', Y }; const short C = (short)Y & ~1; const double HALF = 1 / 2.0;"
            .replace("sizeof_nothing(1)", "0")
            .as_str(),
    );
    let values: Vec<String> = document.constants.iter().map(|one| format!("{}={:?}", one.name, one.value)).collect();
    let wanted = [
        "A=Integer(47)",
        "B=Integer(-47)",
        "TEXT=Text(\"ab\")",
        "X=Integer(97)",
        "Y=Integer(98)",
        "C=Integer(98)",
        "HALF=Written(\"1 / 2.0\")",
    ];
    assert_eq!(values, wanted);
}

#[test]
fn a_name_cannot_stand_for_two_types() {
    assert!(only("typedef struct A { long x; } A; typedef short A;").contains("is defined twice, and differently"));
    assert!(only("struct A { long x; }; typedef short A;").contains("`A` stands for two types"));
    clean("typedef long A; typedef long A; typedef struct B B; struct B { A a; };");
}
