//! Classes and type libraries.

use super::{Resolver, attributes};
use crate::{
    Coclass, CoclassInterface, Code, Library, Origin, Transaction, builtin,
    syntax::{AttributeList, CoclassDeclaration, Item, LibraryDeclaration},
};

impl Resolver<'_, '_> {
    pub(super) fn coclass(&mut self, declared: &CoclassDeclaration, origin: Origin) {
        let name = &declared.name;
        self.check_word(name);
        if !self.classes.insert(std::rc::Rc::clone(&name.text)) {
            self.session.error(Code::Duplicate, name.span, format!("the class `{}` is declared twice", name.text));
            return;
        }
        let clsid = self.required_uuid(&declared.attributes, name);
        let mut interfaces = Vec::new();
        for (said, member) in &declared.members {
            if !self.is_interface(&member.text) {
                self.tell_unknown("interface", &member.text, member.span);
            }
            interfaces.push(CoclassInterface {
                name: member.text.to_string(),
                default: said.has("default"),
                source: said.has("source"),
                restricted: said.has("restricted"),
            });
        }
        self.count_parts(1 + interfaces.len(), name.span);
        self.document.coclasses.push(Coclass {
            clsid,
            name: name.text.to_string(),
            help: attributes::help(&declared.attributes),
            interfaces,
            transaction: transaction(&declared.attributes),
            origin,
            place: self.session.place(name.span),
        });
    }

    pub(super) fn library(&mut self, declared: &LibraryDeclaration, origin: Origin) {
        let id = self.required_uuid(&declared.attributes, &declared.name);
        let version = self.version(&declared.attributes);
        let imports = declared.items.iter().filter_map(|item| match item {
            Item::ImportLibrary(name) => Some(name.clone()),
            _ => None,
        });
        let library = Library {
            id,
            name: declared.name.text.to_string(),
            help: attributes::help(&declared.attributes),
            version,
            imports: imports.collect(),
            origin,
        };
        self.check_word(&declared.name);
        self.document.libraries.push(library);
    }
}

fn transaction(said: &AttributeList) -> Option<Transaction> {
    let attributes = [
        (builtin::TRANSACTION_REQUIRED, Transaction::Required),
        (builtin::TRANSACTION_NOT_SUPPORTED, Transaction::NotSupported),
        (builtin::TRANSACTION_REQUIRES_NEW, Transaction::RequiresNew),
        (builtin::TRANSACTION_SUPPORTED, Transaction::Supported),
    ];
    attributes.into_iter().find(|(guid, _)| attributes::custom(said, *guid).is_some()).map(|(_, transaction)| transaction)
}
