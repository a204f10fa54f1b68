//! A document as IDL: what is printed is read as the same document. Typedefs of the source are gone, because
//! the model has only what they stand for.

mod declarators;
mod interfaces;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt::Write,
};

use consign_core::interface::{Element, Field, Type};

use crate::{Coclass, Constant, Document, Form, Library, Literal, NamedKind, NamedType, Opaque, Origin, Transaction, builtin};

/// The file's own interfaces, classes and libraries, and the types that they need, as IDL.
pub fn print(document: &Document) -> String {
    let mut printer = Printer {
        document,
        text: String::new(),
        references: HashMap::new(),
        pending: String::new(),
        taken: taken_names(document),
        printed: HashSet::new(),
    };
    printer.whole();
    printer.text
}

struct Printer<'d> {
    document: &'d Document,
    text: String,
    /// Names of typedefs for pointers that are never NULL and stand within other types: IDL has no other way
    /// to say so.
    references: HashMap<String, String>,
    /// The typedefs that what is printed next needs.
    pending: String,
    taken: HashSet<String>,
    /// Interfaces that are printed.
    printed: HashSet<String>,
}

impl Printer<'_> {
    fn whole(&mut self) {
        let document = self.document;
        let own = |origin: Origin| origin == Origin::Own;
        let queueing = document.interfaces.iter().any(|one| own(one.origin) && one.interface.attributes.queueable);
        let transactions = document.coclasses.iter().any(|one| own(one.origin) && one.transaction.is_some());
        if queueing || transactions {
            self.text += "#include \"mtxattr.h\"\n\n";
        }
        for quote in &document.cpp_quotes {
            let _ = writeln!(self.text, "cpp_quote({})", quoted(quote));
        }
        for name in self.forward_names() {
            let _ = writeln!(self.text, "interface {name};");
        }
        let needed = needed_types(document);
        for named in document.types.iter().filter(|named| own(named.origin) || needed.contains(named.name.as_str())) {
            self.named_type(named);
        }
        // A type of the model that no file declares: of a Rust trait, say.
        for kind in undeclared_types(document) {
            self.named_type(&kind);
        }
        for constant in document.constants.iter().filter(|constant| own(constant.origin)) {
            self.constant(constant);
        }
        for described in document.interfaces.iter().filter(|one| own(one.origin)) {
            self.interface(described);
        }
        let libraries: Vec<&Library> = document.libraries.iter().filter(|library| own(library.origin)).collect();
        for library in &libraries {
            self.library(library);
        }
        for coclass in document.coclasses.iter().filter(|coclass| own(coclass.origin)) {
            self.coclass(coclass);
        }
    }

    /// Interfaces that are pointed at, or that a class has, and that are not printed.
    fn forward_names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let types: HashSet<&str> = self.document.types.iter().map(|named| named.name.as_str()).collect();
        let interfaces: HashSet<&str> = self.document.interfaces.iter().map(|one| one.interface.name.as_str()).collect();
        each_type(self.document, &mut |kind| {
            if let Type::Interface { name } = kind {
                names.insert(name.clone());
            }
            // An interface that is passed by value, which nobody can.
            if let Type::Foreign { name, .. } = kind
                && !types.contains(name.as_str())
                && builtin::fixed(name).is_none()
                && interfaces.contains(name.as_str())
            {
                names.insert(name.clone());
            }
        });
        // Bases of other files are printed before what derives from them.
        let interfaces = self.document.interfaces.iter().filter(|one| one.origin == Origin::Own && one.form != Form::Dispatch);
        let bases = interfaces.flat_map(|one| one.interface.bases.iter().map(|base| base.name.clone()));
        names.extend(bases.filter(|name| builtin::base(name).is_none()));
        let coclasses = self.document.coclasses.iter().filter(|coclass| coclass.origin == Origin::Own);
        names.extend(coclasses.flat_map(|coclass| coclass.interfaces.iter().map(|member| member.name.clone())));
        // Those that are printed are declared, too: they may point at one another.
        let own = self.document.interfaces.iter().filter(|one| one.origin == Origin::Own);
        names.extend(own.map(|one| one.interface.name.clone()));
        names
    }

    fn named_type(&mut self, named: &NamedType) {
        let name = &named.name;
        match &named.kind {
            NamedKind::Struct { uuid, fields } => {
                let body = self.fields(fields, 1);
                self.flush_references();
                let uuid = uuid.map(|uuid| format!("[uuid({uuid})] ")).unwrap_or_default();
                let _ = writeln!(self.text, "typedef {uuid}struct {name} {{\n{body}}} {name};");
            }
            NamedKind::Enum(elements) => {
                let _ = writeln!(self.text, "typedef enum {name} {{\n{}}} {name};", elements_text(elements));
            }
            NamedKind::Opaque(opaque) => {
                let text = match opaque {
                    Opaque::Union => format!("typedef union {name} {name};"),
                    Opaque::Function => format!("typedef void (*{name})();"),
                    Opaque::Pipe => format!("typedef pipe byte {name};"),
                    Opaque::Handle => format!("typedef [context_handle] void *{name};"),
                    Opaque::Incomplete => format!("typedef struct {name} {name};"),
                };
                let _ = writeln!(self.text, "{text}");
            }
        }
    }

    fn constant(&mut self, constant: &Constant) {
        let value = match &constant.value {
            Literal::Integer(value) if *value == i64::MIN => "(-0x7fffffffffffffff - 1)".to_owned(),
            Literal::Integer(value) => value.to_string(),
            Literal::Text(text) => quoted(text),
            Literal::Written(text) => text.clone(),
        };
        let shown = self.declared(&constant.kind, &constant.name);
        self.flush_references();
        let _ = writeln!(self.text, "const {shown} = {value};");
    }

    fn library(&mut self, library: &Library) {
        let mut attributes = vec![format!("uuid({})", library.id)];
        if library.version != (0, 0) {
            attributes.push(format!("version({}.{})", library.version.0, library.version.1));
        }
        attributes.extend(library.help.as_ref().map(|help| format!("helpstring({})", quoted(help))));
        let _ = writeln!(self.text, "\n[{}]\nlibrary {}\n{{", attributes.join(", "), library.name);
        for import in &library.imports {
            let _ = writeln!(self.text, "    importlib({});", quoted(import));
        }
        self.text += "};\n";
    }

    fn coclass(&mut self, coclass: &Coclass) {
        let mut attributes = vec![format!("uuid({})", coclass.clsid)];
        attributes.extend(coclass.help.as_ref().map(|help| format!("helpstring({})", quoted(help))));
        attributes.extend(coclass.transaction.map(|transaction| {
            match transaction {
                Transaction::NotSupported => "TRANSACTION_NOT_SUPPORTED",
                Transaction::Supported => "TRANSACTION_SUPPORTED",
                Transaction::Required => "TRANSACTION_REQUIRED",
                Transaction::RequiresNew => "TRANSACTION_REQUIRES_NEW",
            }
            .to_owned()
        }));
        let _ = writeln!(self.text, "\n[{}]\ncoclass {}\n{{", attributes.join(", "), coclass.name);
        for member in &coclass.interfaces {
            let said = [(member.default, "default"), (member.source, "source"), (member.restricted, "restricted")];
            let said: Vec<&str> = said.iter().filter(|(said, _)| *said).map(|(_, name)| *name).collect();
            let said = if said.is_empty() { String::new() } else { format!("[{}] ", said.join(", ")) };
            let _ = writeln!(self.text, "    {said}interface {};", member.name);
        }
        self.text += "};\n";
    }
}

fn elements_text(elements: &[Element]) -> String {
    elements.iter().map(|element| format!("    {} = {},\n", element.name, element.value)).collect()
}

fn quoted(text: &str) -> String {
    let mut shown = String::from("\"");
    for character in text.chars() {
        match character {
            '\\' => shown += "\\\\",
            '"' => shown += "\\\"",
            '\n' => shown += "\\n",
            '\r' => shown += "\\r",
            '\t' => shown += "\\t",
            other => shown.push(other),
        }
    }
    shown.push('"');
    shown
}

/// All types of the file's own declarations, from the outside in.
fn each_type<'d>(document: &'d Document, see: &mut dyn FnMut(&'d Type)) {
    for described in document.interfaces.iter().filter(|one| one.origin == Origin::Own) {
        for method in &described.interface.methods {
            within(&method.returns, see);
            method.parameters.iter().for_each(|parameter| within(&parameter.kind, see));
        }
    }
    for named in document.types.iter().filter(|named| named.origin == Origin::Own) {
        if let NamedKind::Struct { fields, .. } = &named.kind {
            fields.iter().for_each(|field| within(&field.kind, see));
        }
    }
    document.constants.iter().filter(|one| one.origin == Origin::Own).for_each(|constant| within(&constant.kind, see));
}

fn within<'d>(kind: &'d Type, see: &mut dyn FnMut(&'d Type)) {
    see(kind);
    match kind {
        Type::Array(inner) | Type::Optional(inner) | Type::Reference(inner) | Type::SafeArray(inner) => within(inner, see),
        Type::Struct { fields, .. } => fields.iter().for_each(|field: &Field| within(&field.kind, see)),
        _ => {}
    }
}

fn needed_types(document: &Document) -> HashSet<&str> {
    let mut names = HashSet::new();
    each_type(document, &mut |kind| {
        if let Type::Struct { name, .. } | Type::Enum { name, .. } | Type::Foreign { name, .. } = kind {
            names.insert(name.as_str());
        }
    });
    names
}

fn undeclared_types(document: &Document) -> Vec<NamedType> {
    let mut known: HashSet<&str> = document.types.iter().map(|named| named.name.as_str()).collect();
    let mut found: Vec<NamedType> = Vec::new();
    each_type(document, &mut |kind| {
        let (name, named) = match kind {
            Type::Struct { name, .. } | Type::Enum { name, .. } if matches!(name.as_str(), "struct" | "enum") => return,
            Type::Struct { name, uuid, fields } => (name, NamedKind::Struct { uuid: *uuid, fields: fields.clone() }),
            Type::Enum { name, elements } => (name, NamedKind::Enum(elements.clone())),
            _ => return,
        };
        if builtin::usual(name).as_ref() != Some(kind) && known.insert(name) {
            found.push(NamedType { name: name.clone(), kind: named, origin: Origin::Own });
        }
    });
    // What is inside another was found after it, and stands before it.
    found.reverse();
    found
}

fn taken_names(document: &Document) -> HashSet<String> {
    let mut names: HashSet<String> = document.types.iter().map(|named| named.name.clone()).collect();
    names.extend(document.interfaces.iter().map(|described| described.interface.name.clone()));
    names
}
