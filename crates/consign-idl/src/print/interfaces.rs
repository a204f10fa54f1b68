//! Interfaces with their methods.

use std::fmt::Write;

use consign_core::interface::{Direction, IID_IUNKNOWN, Method, MethodKind, Parameter};

use super::{Printer, quoted};
use crate::{Described, Form, ParameterPlace, builtin};

impl Printer<'_> {
    pub(super) fn interface(&mut self, described: &Described) {
        let interface = &described.interface;
        let is_dispatch = described.form == Form::Dispatch;
        let itself = builtin::base(&interface.name).is_some();
        let mut attributes = Vec::new();
        if described.form == Form::Object {
            attributes.push("object".to_owned());
        }
        if described.form != Form::Plain || interface.iid != consign_core::Guid::NULL {
            attributes.push(format!("uuid({})", interface.iid));
        }
        let said = interface.attributes;
        let flags = [
            (said.dual, "dual"),
            (said.oleautomation && !said.dual, "oleautomation"),
            (said.local, "local"),
            (said.queueable, "QUEUEABLE"),
        ];
        attributes.extend(flags.iter().filter(|(said, _)| *said).map(|(_, name)| (*name).to_owned()));
        attributes.extend(interface.help.as_ref().map(|help| format!("helpstring({})", quoted(help))));
        attributes.push("pointer_default(unique)".to_owned());
        let mut bases = interface.bases.iter();
        // Those that the vtable has before its own methods: what stands in a base that is printed stands there.
        let base = bases.next().filter(|_| !is_dispatch);
        let known_base = base.filter(|base| builtin::base(&base.name).is_some() || self.is_printed(&base.name));
        let inherited = match (base, known_base) {
            (Some(_), Some(known)) if builtin::base(&known.name).is_none() => {
                self.document.interface(&known.name).map_or(0, |one| one.interface.methods.len())
            }
            _ => 0,
        };
        let mut body = String::new();
        for (place, method) in interface.methods.iter().enumerate().skip(inherited) {
            let sizes = described.places.as_ref().and_then(|places| places.methods.get(place)).map(|place| place.parameters.as_slice());
            self.method(&mut body, method, sizes.unwrap_or_default());
        }
        // An imported base is written out: what derives from it needs its methods.
        if let (Some(base), None) = (base, known_base)
            && let Some(imported) = self.document.interface(&base.name).cloned()
        {
            self.taken.insert(base.name.clone());
            if self.printed.insert(base.name.clone()) {
                self.interface(&imported);
            }
            return self.interface(described);
        }
        self.flush_references();
        let keyword = if is_dispatch { "dispinterface" } else { "interface" };
        let derived = match base {
            Some(base) if !itself || base.iid == IID_IUNKNOWN => format!(" : {}", base.name),
            _ => String::new(),
        };
        let _ = writeln!(self.text, "\n[{}]\n{keyword} {}{derived}\n{{", attributes.join(", "), interface.name);
        if is_dispatch {
            self.text += "properties:\nmethods:\n";
        }
        self.text += &body;
        self.text += "};\n";
        self.printed.insert(interface.name.clone());
    }

    fn is_printed(&self, name: &str) -> bool {
        self.printed.contains(name)
    }

    fn method(&mut self, body: &mut String, method: &Method, places: &[ParameterPlace]) {
        let mut attributes: Vec<String> = method.dispid.map(|id| format!("id({id})")).into_iter().collect();
        let (attribute, prefix) = match method.kind {
            MethodKind::Method => (None, ""),
            MethodKind::PropertyGet => (Some("propget"), "get_"),
            MethodKind::PropertyPut => (Some("propput"), "put_"),
            MethodKind::PropertyPutRef => (Some("propputref"), "putref_"),
        };
        attributes.extend(attribute.map(str::to_owned));
        attributes.extend(method.help.as_ref().map(|help| format!("helpstring({})", quoted(help))));
        let attributes = if attributes.is_empty() { String::new() } else { format!("[{}] ", attributes.join(", ")) };
        let name = method.name.strip_prefix(prefix).unwrap_or(&method.name);
        let parameters: Vec<String> =
            method.parameters.iter().enumerate().map(|(place, parameter)| self.one_parameter(parameter, places.get(place))).collect();
        let shown = self.declared(&method.returns, &format!("{name}({})", parameters.join(", ")));
        let _ = writeln!(body, "    {attributes}{shown};");
    }

    fn one_parameter(&mut self, parameter: &Parameter, place: Option<&ParameterPlace>) -> String {
        let mut attributes = match parameter.direction {
            Direction::In => vec!["in"],
            Direction::Out => vec!["out"],
            Direction::InOut => vec!["in", "out"],
        };
        if parameter.retval {
            attributes.push("retval");
        }
        let (pointer, shown) = self.parameter(&parameter.kind, &parameter.name);
        attributes.extend(pointer.filter(|pointer| *pointer != "ref"));
        let size = place.and_then(|place| place.size.as_ref());
        let mut attributes: Vec<String> = attributes.into_iter().map(str::to_owned).collect();
        // One level alone: which of several is meant cannot be seen from the model.
        if let (Some(size), consign_core::interface::Type::Array(_)) = (size, &parameter.kind)
            && !size.contains(',')
        {
            attributes.push(format!("size_is({size})"));
        }
        format!("[{}] {shown}", attributes.join(", "))
    }
}
