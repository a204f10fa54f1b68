use consign_core::interface::{Direction, MethodKind, Type};
use consign_idl::{Form, InMemory, Origin};

use crate::support::{HEAD, clean, clean_with, interface, one, only, told};

fn numbered(interface: &consign_core::interface::Interface) -> Vec<(String, u16)> {
    interface.methods.iter().map(|method| (method.name.clone(), method.number)).collect()
}

#[test]
fn methods_are_numbered_behind_those_of_the_bases() {
    let text = format!(
        "{} [object, uuid(97184D0F-F7EF-413A-8C6D-C1745018B2EA)] interface ITwo : IOne {{ HRESULT Third(); }}",
        one("HRESULT First(); HRESULT Second();")
    );
    let document = clean(&text);
    let two = &document.interface("ITwo").unwrap().interface;
    assert_eq!(numbered(two), [("First".to_owned(), 3), ("Second".to_owned(), 4), ("Third".to_owned(), 5)]);
    assert_eq!(two.bases.iter().map(|base| base.name.as_str()).collect::<Vec<_>>(), ["IOne", "IUnknown"]);
    assert_eq!(two.bases[0].iid, document.interface("IOne").unwrap().interface.iid);
}

#[test]
fn a_base_may_stand_behind_what_derives_from_it() {
    let text = format!(
        "{HEAD} interface IOne : ITwo {{ HRESULT A(); }} [object, uuid(97184D0F-F7EF-413A-8C6D-C1745018B2EA)] interface ITwo : IDispatch {{ HRESULT B(); }}"
    );
    assert_eq!(numbered(&interface(&text)), [("B".to_owned(), 7), ("A".to_owned(), 8)]);
}

#[test]
fn properties_are_methods_with_a_prefix() {
    let body = "[id(1), propget] HRESULT Count([out, retval] long *value); [id(1), propput] HRESULT Count([in] long value); [id(2), propputref] HRESULT Owner([in] IUnknown *value);";
    let found = interface(&one(body));
    let names: Vec<_> = found.methods.iter().map(|method| (method.name.as_str(), method.kind, method.dispid)).collect();
    let wanted = [
        ("get_Count", MethodKind::PropertyGet, Some(1)),
        ("put_Count", MethodKind::PropertyPut, Some(1)),
        ("putref_Owner", MethodKind::PropertyPutRef, Some(2)),
    ];
    assert_eq!(names, wanted);
}

#[test]
fn directions_are_in_where_nothing_is_said() {
    let method =
        interface(&one("HRESULT M(long a, [in] long b, [out] long *c, [in, out] long *d, [retval] long *e, [in, optional] VARIANT);"))
            .methods[0]
            .clone();
    let directions: Vec<Direction> = method.parameters.iter().map(|parameter| parameter.direction).collect();
    assert_eq!(directions, [Direction::In, Direction::In, Direction::Out, Direction::InOut, Direction::Out, Direction::In]);
    assert!(method.parameters[4].retval);
    assert_eq!(method.parameters[5].name, "");
}

#[test]
fn the_wire_form_of_a_local_method_has_no_place_in_the_vtable() {
    let found = interface(&one("[local] HRESULT Next([in] ULONG n); [call_as(Next)] HRESULT RemoteNext([in] ULONG n); HRESULT Skip();"));
    assert_eq!(numbered(&found), [("Next".to_owned(), 3), ("Skip".to_owned(), 4)]);
}

#[test]
fn attributes_may_repeat_and_have_stray_commas() {
    let text = "[object, , uuid(\"97184D0F-F7EF-413A-8C6D-C1745018B2E9\"),] [helpstring(\"to \" \"ship\"), odl, local] interface IOne : IUnknown { long STDMETHODCALLTYPE Add(void) const; };";
    let found = interface(text);
    assert_eq!(found.help.as_deref(), Some("to ship"));
    assert!(found.attributes.local);
    assert_eq!(found.methods[0].returns, Type::I32);
}

#[test]
fn a_braced_guid_is_a_guid() {
    let found = interface("[object, uuid({97184D0F-F7EF-413A-8C6D-C1745018B2E9})] interface IOne : IUnknown { HRESULT M(); }");
    assert_eq!(found.iid.to_string(), "97184d0f-f7ef-413a-8c6d-c1745018b2e9");
}

#[test]
fn a_dispinterface_is_called_by_invoke() {
    let document = clean(
        "[uuid(97184D0F-F7EF-413A-8C6D-C1745018B2E9)] dispinterface DOne {
            properties: [id(1)] long Count; [id(2), readonly] BSTR Name;
            methods: [id(3)] void Shipped([in] long number); [id(4)] double Total(); };",
    );
    let described = document.interface("DOne").unwrap();
    assert_eq!(described.form, Form::Dispatch);
    assert_eq!(described.interface.bases[0].name, "IDispatch");
    let names = ["get_Count", "put_Count", "get_Name", "Shipped", "Total"];
    assert_eq!(described.interface.methods.iter().map(|method| method.name.as_str()).collect::<Vec<_>>(), names);
    assert!(described.interface.methods.iter().all(|method| method.returns == Type::Hresult));
    let total = described.interface.method("Total").unwrap();
    assert_eq!(total.parameters[0].kind, Type::Reference(Box::new(Type::F64)));
    assert!(total.parameters[0].retval);
    let reasons: Vec<_> = described.interface.obstacles().iter().filter_map(|obstacle| obstacle.method).collect();
    assert_eq!(reasons, [0, 2, 4], "what gives something back, and nothing else");
}

#[test]
fn a_dispinterface_of_an_interface_has_its_methods() {
    let text = format!(
        "{} [uuid(97184D0F-F7EF-413A-8C6D-C1745018B2EA)] dispinterface DOne {{ interface IOne; }}",
        one("HRESULT A([in] long a); HRESULT B();")
    );
    let document = clean(&text);
    assert_eq!(numbered(&document.interface("DOne").unwrap().interface), [("A".to_owned(), 7), ("B".to_owned(), 8)]);
}

#[test]
fn imported_files_are_read_once_and_their_macros_stay_with_them() {
    let others = InMemory::new()
        .with("a.idl", "import \"b.idl\"; import \"main.idl\"; #define HIDDEN 1\ntypedef short Number;".replace("; #", ";\n#"))
        .with("b.idl", "import \"a.idl\"; typedef struct S { long x; } S;");
    let text = format!(
        "import \"a.idl\", \"b.idl\";\n#ifdef HIDDEN\n#error it came along\n#endif\n{}",
        one("import \"b.idl\"; HRESULT M([in] Number n, [in] S s);")
    );
    let document = clean_with(&text, others);
    assert_eq!(document.interface("IOne").unwrap().interface.methods[0].signature().unwrap(), "n(x)".replace('x', "i"));
    assert_eq!(document.named_type("S").unwrap().origin, Origin::Imported);
}

#[test]
fn the_files_of_the_sdk_need_not_be_there() {
    clean(
        "import \"unknwn.idl\";\nimport \"OAIdl.idl\", \"ocidl.idl\";\n#include <windows.h>\ntypedef IStream *PSTREAM; typedef interface IMine IMine;",
    );
}

#[test]
fn an_interface_that_is_none_is_told() {
    assert!(only("[object] interface IOne : IUnknown { HRESULT M(); }").contains("error[idl::guid]: `IOne` has no uuid"));
    assert!(only("[object, uuid(1234-56)] interface IOne : IUnknown { }").contains("error[idl::guid]: this is no GUID"));
    assert!(only(&one("HRESULT M();").replace(": IUnknown", "")).contains("`IOne` is an object, and derives from nothing"));
    assert!(only(&one("HRESULT M();").replace("IUnknown", "IMissing")).contains("the interface `IMissing` is not known"));
    assert!(only(&one("HRESULT M();").replace("IUnknown", "IStream")).contains("is only declared here, not defined"));
    assert!(only(&one("HRESULT M();").replace(": IUnknown", ": IUnknown, IDispatch")).contains("derives from one interface alone"));
    let text = one("").replace("IUnknown", "IOne");
    assert!(told(&text)[0].contains("error[idl::inheritance]: `IOne` derives from itself"));
    let twice = format!("{} {}", one("HRESULT A();"), one("HRESULT B();"));
    assert!(only(&twice).contains("the interface `IOne` is declared twice"));
}

#[test]
fn a_parameter_is_kept_as_it_was_written() {
    let document = clean(&one("HRESULT M([in, size_is(n / 2)] const DWORD *x, [in] SAFEARRAY(BSTR) y);"));
    let places = document.interface("IOne").unwrap().places.as_ref().unwrap();
    let parameters = &places.methods[0].parameters;
    assert_eq!((parameters[0].written.as_str(), parameters[0].size.as_deref()), ("const DWORD *", Some("n / 2")));
    assert_eq!(parameters[1].written, "SAFEARRAY(BSTR)");
    assert_eq!(parameters[1].place.text(), "[in] SAFEARRAY(BSTR) y");
    assert_eq!(places.methods[0].name.text(), "M");
}
