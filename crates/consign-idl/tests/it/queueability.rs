use consign_idl::{Severity, Wanted, render_plain};

use crate::support::{clean, one};

/// The interface of the book, as it stands there.
const SHIPMENT: &str = "\
#include \"mtxattr.h\" // For QUEUEABLE
[
   object,
   uuid(97184D0F-F7EF-413A-8C6D-C1745018B2E9),
   dual,
   pointer_default(unique),
   QUEUEABLE 
]
interface IShipment: IDispatch
{
   [id(1)] HRESULT ShipOrder([in]DWORD dwOrderNumber);
};
";

#[test]
fn the_shipment_interface_is_read_as_it_stands_and_can_be_queued() {
    let document = clean(SHIPMENT);
    let interface = &document.interface("IShipment").unwrap().interface;
    assert!(interface.attributes.queueable && interface.attributes.dual && interface.attributes.oleautomation);
    assert_eq!(interface.iid, "97184D0F-F7EF-413A-8C6D-C1745018B2E9".parse().unwrap());
    assert_eq!(interface.bases.iter().map(|base| base.name.as_str()).collect::<Vec<_>>(), ["IDispatch", "IUnknown"]);
    let method = interface.method("ShipOrder").unwrap();
    assert_eq!((method.number, method.dispid), (7, Some(1)));
    assert_eq!(method.signature().unwrap(), "u");
    assert!(interface.supports_queueing());
    assert_eq!(document.check(Wanted::ComPlus), []);
}

#[test]
fn a_queueable_interface_that_cannot_be_queued_is_told_at_each_parameter() {
    let text = SHIPMENT.replace("};", "   HRESULT Total([out, retval] long *total);\n   long Weigh([in] void *what);\n};");
    let told: Vec<String> = clean(&text).check(Wanted::Consign).iter().map(render_plain).collect();
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told[0].starts_with("main.idl:12:18: error[idl::not_queueable]: `IShipment` is QUEUEABLE, and cannot be queued because of `total` of `Total`: it is [retval]"));
    assert!(told[0].ends_with("; let the component answer by a call of its own: pass it a recorder"));
    assert!(told[1].starts_with("main.idl:13:4: error"), "at the type that it returns: {}", told[1]);
    assert!(told[2].starts_with("main.idl:13:15: error"), "{}", told[2]);
}

#[test]
fn another_interface_that_cannot_be_queued_is_a_note() {
    let told = clean(&one("HRESULT Get([out] long *a, [in, out] long *b);")).check(Wanted::Consign);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].severity, Severity::Note);
    assert!(told[0].message.starts_with("`IOne` cannot be queued: `a` of `Get`: it is [out]"), "{}", told[0].message);
    assert!(told[0].message.ends_with("and for one more reason"), "{}", told[0].message);
}

#[test]
fn what_com_plus_would_refuse_is_told_when_asked_for() {
    let document = clean(&one("HRESULT Say([in] LPCWSTR text, [in] BSTR name);"));
    assert_eq!(document.check(Wanted::Consign), []);
    let told = document.check(Wanted::ComPlus);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].severity, Severity::Warning);
    assert!(told[0].label.contains("LPWSTR"), "{}", told[0].label);
}

#[test]
fn what_an_imported_file_has_is_not_checked() {
    let others = consign_idl::InMemory::new().with("other.idl", one("HRESULT Get([out] long *a);"));
    let document = crate::support::clean_with("import \"other.idl\";", others);
    assert_eq!(document.interfaces.len(), 1);
    assert_eq!(document.check(Wanted::ComPlus), []);
}

#[test]
fn queueable_without_its_header_is_told_with_the_header() {
    let told = crate::support::only(&SHIPMENT.replace("#include \"mtxattr.h\"", ""));
    assert!(told.starts_with("main.idl:7:4: error[idl::attribute]: `QUEUEABLE` is a macro that is not defined"), "{told}");
    assert!(told.ends_with("add `#include \"mtxattr.h\"` at the top of the file"), "{told}");
}

#[test]
fn an_inherited_method_is_told_where_its_base_declares_it() {
    let others = consign_idl::InMemory::new().with("base.idl", one("HRESULT Get([out] long *a);"));
    let text = "#include \"mtxattr.h\"\nimport \"base.idl\";\n[object, uuid(97184D0F-F7EF-413A-8C6D-C1745018B2EA), QUEUEABLE] interface ITwo : IOne { HRESULT Put([in] long a); }";
    let told = crate::support::clean_with(text, others).check(Wanted::Consign);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].place.as_ref().unwrap().file.name, "base.idl");
    assert_eq!(told[0].place.as_ref().unwrap().text(), "[out] long *a");
}
