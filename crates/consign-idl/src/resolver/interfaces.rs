//! Interfaces: what they derive from, their methods with their numbers.

use std::rc::Rc;

use consign_core::{
    Guid,
    interface::{
        Attributes, Base, Direction, IID_IDISPATCH, IID_IUNKNOWN, Interface, Method, MethodKind, Parameter, QUEUEABLE_ATTRIBUTE, Type,
    },
};

use super::{
    Resolver, attributes,
    index::Declared,
    shapes::{PointerKind, Said},
    types::measure,
};
use crate::{
    Code, Described, Form, InterfacePlaces, MethodPlaces, ParameterPlace, Place, builtin,
    parser::spelled,
    session::Span,
    syntax::{AttributeList, InterfaceForm, Layer, MethodDeclaration, ParameterDeclaration, Word},
};

#[derive(Clone, Copy)]
pub(super) enum Resolved {
    /// Its bases are being resolved.
    Begun,
    /// Its place in the document, and the number of the first method of what derives from it.
    Done { place: usize, next: u16 },
    /// It was told why it is none.
    Broken,
}

/// What a derived interface takes over.
struct Inherited {
    bases: Vec<Base>,
    methods: Vec<Method>,
    places: Vec<MethodPlaces>,
    next: u16,
    attributes: Attributes,
}

/// Methods that are called by `Invoke` have no place in the vtable; they are numbered behind `IDispatch`.
const FIRST_DISPATCHED: u16 = 7;

/// How many interfaces may derive from one another before the first of them is resolved.
const DEEPEST: usize = 64;

impl Resolver<'_, '_> {
    pub(super) fn interface(&mut self, name: &Rc<str>) -> Resolved {
        if let Some(known) = self.interfaces.get(name) {
            return *known;
        }
        let Some(declared) = self.index.interfaces.get(name).cloned() else { return Resolved::Broken };
        if self.depth >= DEEPEST {
            let message = format!("interfaces derive from one another more than {DEEPEST} deep before the first is declared");
            self.session.give_up(Some(declared.declaration.name.span), message);
            return Resolved::Broken;
        }
        self.interfaces.insert(Rc::clone(name), Resolved::Begun);
        self.depth += 1;
        let resolved = self.describe(&declared).unwrap_or(Resolved::Broken);
        self.depth -= 1;
        self.interfaces.insert(Rc::clone(name), resolved);
        resolved
    }

    fn describe(&mut self, declared: &Declared) -> Option<Resolved> {
        let declaration = &*declared.declaration;
        let name = &declaration.name;
        let said = &declaration.attributes;
        let is_dispatch = declaration.form == InterfaceForm::Dispinterface;
        let inherited = self.inherited(declared);
        // A `local` one without a base is C++ that COM never sees.
        let says_com = (said.has("object") && !said.has("local")) || said.has("odl");
        let is_com = says_com || !declaration.bases.is_empty();
        let form = match (is_dispatch, is_com) {
            (true, _) => Form::Dispatch,
            (false, true) => Form::Object,
            (false, false) => Form::Plain,
        };
        let itself = builtin::base(&name.text);
        let iid = match (itself, form) {
            (Some((iid, _)), _) => iid,
            // What is `local` is never named in a call.
            (None, form) if form == Form::Plain || said.has("local") => self.uuid(said).unwrap_or(Guid::NULL),
            (None, _) => self.required_uuid(said, name),
        };
        let queueable = attributes::custom(said, QUEUEABLE_ATTRIBUTE);
        let attributes = Attributes {
            queueable: queueable.is_some(),
            dual: said.has("dual"),
            oleautomation: said.has("oleautomation") || said.has("dual"),
            local: said.has("local") || (inherited.attributes.local && itself.is_none()),
        };
        let queueable = queueable.and_then(|attribute| self.session.place(attribute.name.span));
        let Inherited { bases, mut methods, mut places, next, .. } = inherited;
        let mut number = next;
        for declared_method in &declaration.methods {
            // The form of a `local` method on the wire: it has no place in the vtable.
            if declared_method.attributes.has("call_as") {
                continue;
            }
            for (method, place) in self.method(declared_method, declared, is_dispatch, number)? {
                methods.push(method);
                places.push(place);
                number = number.checked_add(1).filter(|number| *number < 0xf000).or_else(|| {
                    self.session.give_up(Some(name.span), "an interface has more methods than a vtable can");
                    None
                })?;
            }
        }
        self.count_parts(bases.len() + 1 + declaration.methods.len(), name.span);
        let interface = Interface { iid, name: name.text.to_string(), help: attributes::help(said), bases, attributes, methods };
        self.tell_same_iid(&interface, name, declared);
        let places = Some(InterfacePlaces { name: self.session.place(name.span)?, queueable, methods: places });
        self.document.interfaces.push(Described { interface, form, origin: declared.origin, places });
        let next = itself.map_or(number, |(_, next)| next);
        Some(Resolved::Done { place: self.document.interfaces.len() - 1, next })
    }

    fn tell_same_iid(&mut self, interface: &Interface, name: &Word, declared: &Declared) {
        if interface.iid == Guid::NULL {
            return;
        }
        let same = Rc::clone(self.iids.entry(interface.iid).or_insert_with(|| Rc::clone(&name.text)));
        if same != name.text && declared.origin == crate::Origin::Own {
            let message = format!("`{}` has the uuid of `{same}`", name.text);
            let help = Some("give it its own, from `uuidgen`".to_owned());
            self.session.report(crate::Severity::Warning, Code::Duplicate, Some(name.span), message, help);
        }
    }

    fn inherited(&mut self, declared: &Declared) -> Inherited {
        let declaration = &declared.declaration;
        let mut inherited =
            Inherited { bases: Vec::new(), methods: Vec::new(), places: Vec::new(), next: 0, attributes: Attributes::default() };
        if declaration.form == InterfaceForm::Dispinterface {
            if let Some(of) = &declaration.of_interface {
                self.inherit(of, &mut inherited);
            }
            // Whatever it is of, it is called by `Invoke`.
            inherited.bases =
                [(IID_IDISPATCH, "IDispatch"), (IID_IUNKNOWN, "IUnknown")].map(|(iid, name)| Base { iid, name: name.to_owned() }).to_vec();
            inherited.next = FIRST_DISPATCHED;
            for (method, place) in inherited.methods.iter_mut().zip(&mut inherited.places) {
                method.number = inherited.next;
                inherited.next += 1;
                give_result_beside(method, place);
            }
            return inherited;
        }
        if let [_, second, ..] = declaration.bases.as_slice() {
            self.session.error(Code::Inheritance, second.span, "an interface derives from one interface alone");
        }
        match declaration.bases.first() {
            Some(base) => self.inherit(base, &mut inherited),
            None if declaration.attributes.has("object")
                && !declaration.attributes.has("local")
                && builtin::base(&declaration.name.text).is_none() =>
            {
                let message = format!("`{}` is an object, and derives from nothing", declaration.name.text);
                let help = format!("write `interface {} : IUnknown`", declaration.name.text);
                self.session.error_with_help(Code::Inheritance, declaration.name.span, message, &help);
            }
            None => {}
        }
        inherited
    }

    fn inherit(&mut self, base: &Word, inherited: &mut Inherited) {
        let built_in = builtin::base(&base.text);
        match (self.interface(&base.text), built_in) {
            (_, Some((iid, next))) => {
                inherited.next = next;
                inherited.bases.push(Base { iid, name: base.text.to_string() });
                if iid == IID_IDISPATCH {
                    inherited.bases.push(Base { iid: IID_IUNKNOWN, name: "IUnknown".to_owned() });
                }
            }
            (Resolved::Done { place, next }, None) => {
                let Some(described) = self.document.interfaces.get(place) else { return };
                let of = &described.interface;
                // Before they are copied: a long line of bases has them many times over.
                let parameters = of.methods.iter().flat_map(|method| &method.parameters);
                let parts = of.methods.len() + of.bases.len() + parameters.map(|parameter| measure(&parameter.kind).0).sum::<usize>();
                self.count_parts(parts, base.span);
                if self.session.has_given_up() {
                    return;
                }
                let Some(described) = self.document.interfaces.get(place) else { return };
                let of = &described.interface;
                inherited.next = next;
                inherited.bases.push(Base { iid: of.iid, name: of.name.clone() });
                inherited.bases.extend(of.bases.iter().cloned());
                inherited.methods.clone_from(&of.methods);
                inherited.places = described.places.as_ref().map(|places| places.methods.clone()).unwrap_or_default();
                inherited.attributes = of.attributes;
            }
            (Resolved::Begun, None) => {
                self.session.error(Code::Inheritance, base.span, format!("`{}` derives from itself", base.text));
            }
            (Resolved::Broken, None) => {
                let is_declared = self.is_interface(&base.text);
                let what = if is_declared { "is only declared here, not defined" } else { "is not known" };
                let message = format!("the interface `{}` {what}", base.text);
                self.session.error_with_help(Code::Unknown, base.span, message, "import the file that defines it");
            }
        }
    }

    /// One method; two for a property of a dispinterface. `None` when the places cannot be told.
    fn method(
        &mut self,
        declared: &MethodDeclaration,
        of: &Declared,
        is_dispatch: bool,
        number: u16,
    ) -> Option<Vec<(Method, MethodPlaces)>> {
        let said = &declared.attributes;
        self.check_word(&declared.name);
        let dispid = self.dispid(said);
        let help = attributes::help(said);
        let kind = if said.has("propget") {
            MethodKind::PropertyGet
        } else if said.has("propput") {
            MethodKind::PropertyPut
        } else if said.has("propputref") {
            MethodKind::PropertyPutRef
        } else {
            MethodKind::Method
        };
        let nothing = Said::by(said);
        let returned = self.base_shape(&declared.returns, of.origin, of.pointers).within(&declared.layers, &nothing);
        let returned = self.bounded(returned, declared.returns.span);
        let returns = returned.settle(&nothing, PointerKind::Optional, of.pointers);
        let mut parameters = Vec::new();
        let mut places = Vec::new();
        for parameter in &declared.parameters {
            parameters.push(self.parameter(parameter, of));
            places.push(self.parameter_place(parameter)?);
        }
        let place = MethodPlaces {
            name: self.session.place(declared.name.span)?,
            returns: self.session.place(declared.returns.span)?,
            parameters: places,
        };
        let name = |kind: MethodKind| {
            let prefix = match kind {
                MethodKind::Method => "",
                MethodKind::PropertyGet => "get_",
                MethodKind::PropertyPut => "put_",
                MethodKind::PropertyPutRef => "putref_",
            };
            format!("{prefix}{}", declared.name.text)
        };
        if !is_dispatch || (returns == Type::Hresult && !declared.is_property) {
            let method = Method { name: name(kind), number, dispid, kind, help, returns, parameters };
            return Some(vec![(method, place)]);
        }
        if !declared.is_property {
            let mut method = Method { name: name(kind), number, dispid, kind, help, returns, parameters };
            let mut place = place;
            give_result_beside(&mut method, &mut place);
            return Some(vec![(method, place)]);
        }
        let mut read =
            Method { name: name(MethodKind::PropertyGet), number, dispid, kind: MethodKind::PropertyGet, help, returns, parameters };
        let mut read_place = place.clone();
        let mut written = Method { name: name(MethodKind::PropertyPut), number: number + 1, kind: MethodKind::PropertyPut, ..read.clone() };
        let mut written_place = place;
        written_place.parameters.push(result_place(&written_place));
        let value = std::mem::replace(&mut written.returns, Type::Hresult);
        written.parameters.push(Parameter { name: "value".to_owned(), direction: Direction::In, retval: false, kind: value });
        if read.returns == Type::Hresult {
            // What it reads is one, and not what reading it gives.
            read.parameters.push(result(Type::Hresult));
            read_place.parameters.push(result_place(&read_place));
        }
        give_result_beside(&mut read, &mut read_place);
        let mut both = vec![(read, read_place)];
        if !said.has("readonly") {
            both.push((written, written_place));
        }
        Some(both)
    }

    fn parameter(&mut self, declared: &ParameterDeclaration, of: &Declared) -> Parameter {
        let said = &declared.attributes;
        let retval = said.has("retval");
        let direction = match (said.has("in"), said.has("out") || retval) {
            (true, true) => Direction::InOut,
            (false, true) => Direction::Out,
            (_, false) => Direction::In,
        };
        let name = declared.declarator.name.as_ref();
        if let Some(name) = name {
            self.check_word(name);
        }
        let kind = self.parameter_type(declared, of);
        Parameter { name: name.map(|name| name.text.to_string()).unwrap_or_default(), direction, retval, kind }
    }

    fn parameter_type(&mut self, declared: &ParameterDeclaration, of: &Declared) -> Type {
        let said = Said::by(&declared.attributes);
        let shape = self.base_shape(&declared.base, of.origin, of.pointers).within(&declared.declarator.layers, &said);
        let shape = self.bounded(shape, declared.span);
        shape.settle(&said, PointerKind::Reference, of.pointers)
    }

    fn parameter_place(&mut self, declared: &ParameterDeclaration) -> Option<ParameterPlace> {
        let stars = declared.declarator.layers.iter().filter(|layer| matches!(layer, Layer::Pointer)).count();
        let mut written = declared.base.written.to_string();
        if stars > 0 {
            written.push(' ');
            written.push_str(&"*".repeat(stars));
        }
        Some(ParameterPlace { place: self.place(declared.span)?, written, size: size(&declared.attributes) })
    }

    fn place(&self, span: Span) -> Option<Place> {
        self.session.place(span)
    }
}

/// By `Invoke` a call gives an HRESULT, and its result beside it.
fn give_result_beside(method: &mut Method, place: &mut MethodPlaces) {
    match std::mem::replace(&mut method.returns, Type::Hresult) {
        Type::Hresult | Type::Void => {}
        returned => {
            method.parameters.push(result(returned));
            place.parameters.push(result_place(place));
        }
    }
}

fn result(kind: Type) -> Parameter {
    Parameter { name: "value".to_owned(), direction: Direction::Out, retval: true, kind: Type::Reference(Box::new(kind)) }
}

fn result_place(place: &MethodPlaces) -> ParameterPlace {
    ParameterPlace { place: place.returns.clone(), written: place.returns.text().to_owned(), size: None }
}

fn size(attributes: &AttributeList) -> Option<String> {
    let sizes = attributes.get("size_is").or_else(|| attributes.get("max_is"))?;
    Some(sizes.arguments.iter().map(|argument| spelled(argument)).collect::<Vec<_>>().join(", "))
}
