use consign_core::interface::{Base, Field, IID_IUNKNOWN, Interface, Method, MethodKind, Parameter, StringForm, Type};
use consign_idl::{Document, InMemory, Options, parse, print};
use proptest::prelude::*;

use crate::support::{clean, clean_with, one};

#[track_caller]
fn comes_back(document: &Document) -> String {
    let text = print(document);
    let again = clean(&text);
    assert!(document.is_said_by(&again), "{text}");
    assert_eq!(print(&again), text);
    text
}

#[test]
fn what_is_printed_is_read_as_the_same() {
    for file in ["shipment", "types", "library", "preprocessor"] {
        let path = format!("{}/../../fuzz/corpus/idl/{file}", env!("CARGO_MANIFEST_DIR"));
        comes_back(&clean(&std::fs::read_to_string(path).unwrap()));
    }
}

#[test]
fn types_and_bases_of_imported_files_are_printed_where_they_are_needed() {
    let others = InMemory::new().with(
        "base.idl",
        format!("typedef enum Kind {{ Small }} Kind; typedef struct Unused {{ long x; }} Unused; {}", one("HRESULT A([in] Kind k);")),
    );
    let text =
        "import \"base.idl\"; [object, uuid(97184D0F-F7EF-413A-8C6D-C1745018B2EA)] interface ITwo : IOne { HRESULT B([in] Kind *k); }";
    let printed = comes_back(&clean_with(text, others));
    assert!(printed.contains("enum Kind") && printed.contains("interface IOne : IUnknown") && !printed.contains("Unused"), "{printed}");
}

#[test]
fn the_shipment_interface_is_printed_as_people_write_it() {
    let text = "#include \"mtxattr.h\"\n[object, uuid(97184D0F-F7EF-413A-8C6D-C1745018B2E9), dual, QUEUEABLE] interface IShipment : IDispatch { [id(1)] HRESULT ShipOrder([in] DWORD dwOrderNumber); };";
    let wanted = "\
#include \"mtxattr.h\"

interface IShipment;

[object, uuid(97184d0f-f7ef-413a-8c6d-c1745018b2e9), dual, QUEUEABLE, pointer_default(unique)]
interface IShipment : IDispatch
{
    [id(1)] HRESULT ShipOrder([in] unsigned long dwOrderNumber);
};
";
    assert_eq!(comes_back(&clean(text)), wanted);
}

fn types() -> impl Strategy<Value = Type> {
    let base = prop::sample::select(vec![
        Type::Boolean,
        Type::U8,
        Type::I8,
        Type::I16,
        Type::U16,
        Type::I32,
        Type::U32,
        Type::I64,
        Type::U64,
        Type::F32,
        Type::F64,
        Type::Hresult,
        Type::Currency,
        Type::Date,
        Type::Decimal,
        Type::Guid,
        Type::Variant,
        Type::String(StringForm::Utf8),
        Type::String(StringForm::Bstr),
        Type::String(StringForm::Wide),
        Type::String(StringForm::Narrow),
        Type::Interface { name: "IThing".to_owned() },
        Type::Persisted,
        Type::Recorder,
    ]);
    base.prop_recursive(5, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|kind| Type::Array(Box::new(kind))),
            inner.clone().prop_map(|kind| Type::Optional(Box::new(kind))),
            inner.clone().prop_map(|kind| Type::Reference(Box::new(kind))),
            inner.prop_map(|kind| Type::SafeArray(Box::new(kind))),
        ]
    })
}

#[test]
fn types_that_no_file_declares_are_printed_before_they_are_used() {
    let inner = Type::Struct { name: "Inner".to_owned(), uuid: None, fields: vec![Field { name: "x".to_owned(), kind: Type::I32 }] };
    let outer = Type::Struct { name: "Outer".to_owned(), uuid: None, fields: vec![Field { name: "inner".to_owned(), kind: inner }] };
    let mut interface = clean(&one("HRESULT M([in] long x);")).interfaces[0].interface.clone();
    interface.methods[0].parameters[0].kind = outer;
    comes_back(&Document { interfaces: vec![interface.into()], ..Document::default() });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Also an interface that no file describes, with any types within types.
    #[test]
    fn any_interface_comes_back(kinds in prop::collection::vec((types(), any::<bool>()), 1..6)) {
        let parameters = kinds.into_iter().enumerate().map(|(place, (kind, named))| Parameter {
            name: if named { format!("p{place}") } else { String::new() },
            direction: consign_core::interface::Direction::In,
            retval: false,
            kind,
        });
        let method = Method {
            name: "Call".to_owned(),
            number: 3,
            dispid: None,
            kind: MethodKind::Method,
            help: None,
            returns: Type::Hresult,
            parameters: parameters.collect(),
        };
        let interface = Interface {
            iid: "97184D0F-F7EF-413A-8C6D-C1745018B2E9".parse().unwrap(),
            name: "IOne".to_owned(),
            help: None,
            bases: vec![Base { iid: IID_IUNKNOWN, name: "IUnknown".to_owned() }],
            attributes: consign_core::interface::Attributes::default(),
            methods: vec![method],
        };
        let document = Document { interfaces: vec![interface.into()], ..Document::default() };
        let text = print(&document);
        let again = parse("x", &InMemory::new().with("x", text.as_str()), &Options::default());
        prop_assert!(again.diagnostics.is_empty(), "{:?}\n{text}", again.diagnostics);
        prop_assert!(document.is_said_by(&again.document), "{text}\n{:#?}", again.document.interfaces);
    }
}
