//! Words become a call: which method is meant, and what its arguments are.

use consign::{ComponentDetails, Failure, Guid, InterfaceModel, common};
use consign_core::{calls::CallsBuilder, interface::Method};
use serde_json::Value as Json;

use crate::{
    nearest::nearest,
    text::shown,
    values::{Misfit, from_json, from_text},
};

/// An argument as it is given.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Given {
    /// As a word.
    Word(String),
    /// In a JSON array.
    Json(Json),
}

/// Why words are no call, and what to do about it.
#[derive(Debug)]
pub(super) struct NoCall {
    pub(super) failure: Failure,
    pub(super) help: Option<String>,
}

/// What can be called on a component.
pub(super) struct Callable<'a> {
    component: &'a ComponentDetails,
    class: &'a str,
    interface: Option<&'a str>,
}

impl<'a> Callable<'a> {
    /// With what `--interface` names, if it does.
    pub(super) fn new(component: &'a ComponentDetails, class: &'a str, interface: Option<&'a str>) -> Result<Self, NoCall> {
        if let Some(name) = interface
            && !component.models.iter().any(|model| is(model, name))
        {
            let names = component.models.iter().map(|model| model.name.as_str());
            let sentence = format!("the component has no interface {}", shown(name));
            return Err(NoCall::new(common::E_NOINTERFACE, sentence).meant(nearest(name, names)));
        }
        Ok(Self { component, class, interface })
    }

    /// Appends a call. One that is refused leaves those before it as they were.
    pub(super) fn append(&self, calls: &mut CallsBuilder, method: &str, given: &[Given]) -> Result<(), NoCall> {
        let (model, method) = self.find(method)?;
        let expected = method.parameters.len();
        if given.len() != expected {
            let sentence = format!("`{}` takes {}, not {}", method.name, crate::wording::counted(expected as u64, "argument"), given.len());
            return Err(NoCall { help: Some(usage(method)), ..NoCall::new(common::DISP_E_BADPARAMCOUNT, sentence) });
        }
        let mut values = Vec::with_capacity(expected);
        for (parameter, given) in method.parameters.iter().zip(given) {
            let value = match given {
                Given::Word(word) => from_text(&parameter.kind, word),
                Given::Json(json) => from_json(&parameter.kind, json),
            };
            values.push(value.map_err(|misfit| NoCall::of(method, &parameter.name, &misfit))?);
        }
        let signature = method.signature().map_err(|reason| NoCall::new(common::COMQC_E_NO_QUEUEABLE_INTERFACES, reason.to_string()))?;
        let pushed = calls.push(model.iid, &method.name, &signature, |writer| values.iter().for_each(|value| value.write(writer)));
        pushed.map_err(|reason| NoCall::new(common::MQ_ERROR_INSUFFICIENT_RESOURCES, reason.to_string()))
    }

    fn find(&self, name: &str) -> Result<(&'a InterfaceModel, &'a Method), NoCall> {
        let (interface, name) = match name.split_once('.') {
            Some((interface, name)) => (Some(interface), name),
            None => (self.interface, name),
        };
        let meant = |model: &&InterfaceModel| interface.is_none_or(|interface| is(model, interface));
        let models: Vec<&'a InterfaceModel> = self.component.models.iter().filter(meant).collect();
        let having = |queued: bool| {
            let of_kind = models.iter().filter(move |model| self.is_queued(model.iid) == queued);
            of_kind.filter_map(|model| Some((*model, model.method(name)?))).collect::<Vec<_>>()
        };
        let found = having(true);
        // What a derived interface has from its base is called on the base, which more components have.
        let is_first = |model: &InterfaceModel| found.iter().all(|(other, _)| other.derives_from(model.iid));
        if let Some(first) = found.iter().find(|(model, _)| is_first(model)) {
            return Ok(*first);
        }
        if !found.is_empty() {
            let names: Vec<String> = found.iter().map(|(model, _)| shown(&model.name)).collect();
            let sentence = format!("several interfaces have a method {}: {}", shown(name), names.join(", "));
            let help = Some(format!("name one with --interface, or as {}.{}", names[0], shown(name)));
            return Err(NoCall { help, ..NoCall::new(common::E_INVALIDARG, sentence) });
        }
        if let Some((model, _)) = having(false).first() {
            let sentence = format!("calls on {} are not queued", shown(&model.name));
            let help = match model.supports_queueing() {
                true => format!("`consign component set {} queued.{}=on` queues them", shown(self.class), shown(&model.name)),
                false => format!("`consign component show {}` says why they cannot be", shown(self.class)),
            };
            return Err(NoCall { help: Some(help), ..NoCall::new(common::E_NOINTERFACE, sentence) });
        }
        if !self.component.models.iter().any(|model| self.is_queued(model.iid)) {
            let sentence = format!("the component {} has no interface on which calls are queued", shown(self.class));
            let help = format!("`consign component import FILE --class {}` gives it one", shown(self.class));
            return Err(NoCall { help: Some(help), ..NoCall::new(common::COMQC_E_NO_QUEUEABLE_INTERFACES, sentence) });
        }
        let names = models.iter().flat_map(|model| model.methods.iter().map(|method| method.name.as_str()));
        let listed: Vec<&str> = names.clone().take(20).collect();
        let sentence = match interface {
            Some(interface) => format!("{} has no method {}", shown(interface), shown(name)),
            None => format!("no interface of the component has a method {}", shown(name)),
        };
        let no_call = NoCall::new(common::DISP_E_MEMBERNOTFOUND, sentence).meant(nearest(name, names));
        let listed = (!listed.is_empty()).then(|| format!("its methods are {}", shown(&listed.join(", "))));
        Err(NoCall { help: no_call.help.or(listed), ..no_call })
    }

    fn is_queued(&self, iid: Guid) -> bool {
        self.component.summary.interfaces.iter().any(|interface| interface.iid == iid && interface.queuing_enabled)
    }
}

fn is(model: &InterfaceModel, name: &str) -> bool {
    model.name == name || name.parse::<Guid>() == Ok(model.iid)
}

/// `ShipOrder(unsigned long number)`.
fn usage(method: &Method) -> String {
    format!("it is {}", crate::commands::component::signature(method))
}

impl NoCall {
    fn new(code: consign::Hresult, sentence: impl Into<String>) -> Self {
        Self { failure: Failure::refused(code, sentence.into()), help: None }
    }

    fn of(method: &Method, parameter: &str, misfit: &Misfit) -> Self {
        let Misfit { code, place, kind, sentence } = misfit;
        let sentence = format!("`{}`, parameter `{}{place}` ({kind}): {sentence}", method.name, parameter);
        Self { help: Some(usage(method)), ..Self::new(*code, sentence) }
    }

    fn meant(self, name: Option<&str>) -> Self {
        Self { help: name.map(|name| format!("did you mean {}?", shown(name))), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consign::{Calls, ComponentInterface, ComponentSummary, ListenerState};
    use serde_json::json;

    const UNKNOWN: &str = "00000000-0000-0000-c000-000000000046";

    /// Interfaces by name and base, each with these methods without parameters.
    fn component(interfaces: &[(&str, Option<usize>, &[&str])]) -> ComponentDetails {
        let iid = |index: usize| Guid::from_bytes([u8::try_from(index).unwrap() + 1; 16]);
        let model = |(index, (name, base, methods)): (usize, &(&str, Option<usize>, &[&str]))| -> InterfaceModel {
            let unknown = json!({"iid": UNKNOWN, "name": "IUnknown"});
            let bases = base.map_or_else(|| json!([unknown]), |base| json!([{"iid": iid(base), "name": interfaces[base].0}, unknown]));
            let methods = methods
                .iter()
                .enumerate()
                .map(|(number, name)| json!({"name": name, "number": number + 3, "returns": "hresult", "parameters": []}));
            serde_json::from_value(json!({"iid": iid(index), "name": name, "bases": bases, "methods": methods.collect::<Vec<_>>()}))
                .unwrap()
        };
        let models: Vec<InterfaceModel> = interfaces.iter().enumerate().map(model).collect();
        let summary = ComponentSummary {
            class: Guid::NULL,
            progid: None,
            name: None,
            application: None,
            queue: "Q".into(),
            registered: true,
            listener: ListenerState::On,
            max_players: None,
            exception_class: None,
            interfaces: models
                .iter()
                .map(|model| ComponentInterface {
                    iid: model.iid,
                    name: model.name.clone(),
                    queueing_supported: true,
                    queuing_enabled: true,
                    methods: Vec::new(),
                    obstacles: Vec::new(),
                })
                .collect(),
        };
        ComponentDetails { summary, models }
    }

    /// The interface on which a method is called, counted from 0.
    fn called(component: &ComponentDetails, interface: Option<&str>, method: &str) -> Result<usize, String> {
        let callable = Callable::new(component, "A.B", interface).map_err(|no_call| no_call.failure.sentence.into_owned())?;
        let mut calls = Calls::builder();
        callable.append(&mut calls, method, &[]).map_err(|no_call| no_call.failure.sentence.into_owned())?;
        let iid = calls.finish().unwrap().methods()[0].iid;
        Ok(component.models.iter().position(|model| model.iid == iid).unwrap())
    }

    #[test]
    fn a_method_is_called_on_the_interface_that_has_it_first() {
        let component = component(&[("IShip2", Some(1), &["Ship", "Cancel"]), ("IShip", None, &["Ship"]), ("IOther", None, &["Note"])]);
        assert_eq!(called(&component, None, "Ship"), Ok(1));
        assert_eq!(called(&component, None, "Cancel"), Ok(0));
        assert_eq!(called(&component, None, "Note"), Ok(2));
        assert_eq!(called(&component, Some("IShip2"), "Ship"), Ok(0));
        assert_eq!(called(&component, None, "IShip2.Ship"), Ok(0));
        assert_eq!(called(&component, Some("{02020202-0202-0202-0202-020202020202}"), "Ship"), Ok(1));
    }

    #[test]
    fn a_method_of_two_interfaces_has_to_be_named_with_its_own() {
        let component = component(&[("IOne", None, &["Do"]), ("ITwo", None, &["Do"])]);
        assert_eq!(called(&component, None, "Do"), Err("several interfaces have a method Do: IOne, ITwo".to_owned()));
        assert_eq!(called(&component, None, "ITwo.Do"), Ok(1));
        assert_eq!(called(&component, Some("IThree"), "Do"), Err("the component has no interface IThree".to_owned()));
    }
}
