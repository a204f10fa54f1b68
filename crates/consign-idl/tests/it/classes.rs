use consign_idl::{CoclassInterface, Transaction};

use crate::support::{clean, only};

const ORDERS: &str = "\
#include \"mtxattr.h\"
[uuid(22222222-2222-3333-4444-555555555555), version(1.2), helpstring(\"orders\")]
library Orders
{
    importlib(\"stdole2.tlb\");
    interface IOrder;
    dispinterface DEvents;
    [uuid(77777777-2222-3333-4444-555555555555), TRANSACTION_REQUIRES_NEW, helpstring(\"an order\")]
    coclass Order
    {
        [default] interface IOrder;
        [default, source, restricted] dispinterface DEvents;
    };
};
";

#[test]
fn a_class_has_its_interfaces_and_its_transaction() {
    let document = clean(ORDERS);
    let class = document.coclass("Order").unwrap();
    assert_eq!(class.clsid.to_string(), "77777777-2222-3333-4444-555555555555");
    assert_eq!(class.help.as_deref(), Some("an order"));
    assert_eq!(class.transaction, Some(Transaction::RequiresNew));
    let of = |name: &str, source| CoclassInterface { name: name.to_owned(), default: true, source, restricted: source };
    assert_eq!(class.interfaces, [of("IOrder", false), of("DEvents", true)]);
    assert_eq!(class.place.as_ref().unwrap().text(), "Order");
}

#[test]
fn each_transaction_attribute_is_its_own() {
    for (name, transaction) in [
        ("TRANSACTION_REQUIRED", Transaction::Required),
        ("TRANSACTION_SUPPORTED", Transaction::Supported),
        ("TRANSACTION_NOT_SUPPORTED", Transaction::NotSupported),
    ] {
        let document = clean(&ORDERS.replace("TRANSACTION_REQUIRES_NEW", name));
        assert_eq!(document.coclass("Order").unwrap().transaction, Some(transaction), "{name}");
    }
}

#[test]
fn a_library_has_its_version_and_imports() {
    let document = clean(ORDERS);
    let library = &document.libraries[0];
    assert_eq!(
        (library.name.as_str(), library.version, library.imports.as_slice()),
        ("Orders", (1, 2), ["stdole2.tlb".to_owned()].as_slice())
    );
}

#[test]
fn a_class_with_an_unknown_interface_is_told() {
    let told = only("[uuid(77777777-2222-3333-4444-555555555555)] coclass C { interface IMissing; }");
    assert!(told.contains("1:68: error[idl::unknown]: the interface `IMissing` is not known"), "{told}");
}
