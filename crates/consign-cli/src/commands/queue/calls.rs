//! The calls of messages, with the names that the interfaces have for them.

use std::collections::HashMap;

use consign::{Calls, Client, Guid, InterfaceModel};
use consign_core::marshal::Value;

use crate::{
    text::shown,
    values::{Length, Shown, show},
};

/// The interfaces that were asked for; `None` for one that is not in the catalogue.
pub(super) struct Models<'a> {
    client: &'a Client,
    known: HashMap<Guid, Option<InterfaceModel>>,
}

/// A call as it is shown.
pub(crate) struct ShownCall {
    pub(crate) iid: Guid,
    /// The name of the interface.
    pub(crate) interface: Option<String>,
    pub(crate) method: String,
    pub(crate) signature: String,
    pub(crate) arguments: Vec<ShownArgument>,
}

/// An argument as it is shown.
pub(crate) struct ShownArgument {
    /// Its name and its type, where the interface is known.
    pub(crate) parameter: Option<(String, String)>,
    pub(crate) value: Shown,
}

impl<'a> Models<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self { client, known: HashMap::new() }
    }

    pub(super) async fn shown(&mut self, calls: &Calls, most: usize) -> consign::Result<Vec<ShownCall>> {
        for method in calls.methods() {
            if self.known.contains_key(&method.iid) {
                continue;
            }
            let model = match self.client.interface_model(method.iid).await {
                Ok(model) => Some(model),
                Err(consign::Error::Refused(_)) => None,
                Err(error) => return Err(error),
            };
            self.known.insert(method.iid, model);
        }
        Ok(shown_calls(calls, &self.known, most))
    }
}

fn shown_calls(calls: &Calls, models: &HashMap<Guid, Option<InterfaceModel>>, most: usize) -> Vec<ShownCall> {
    let methods = calls.methods();
    let mut all = Vec::new();
    calls.each(|call| {
        let Some(called) = methods.get(call.method).filter(|_| all.len() < most) else { return };
        let model = models.get(&called.iid).and_then(Option::as_ref);
        // Another method of that name, later, is another method.
        let method =
            model.and_then(|model| model.method(called.name)).filter(|method| method.signature().is_ok_and(|own| own == called.signature));
        // Checked when it came.
        let values = Value::read_all(call.arguments, called.signature, call.endian).unwrap_or_default();
        let parameters = method.map(|method| method.parameters.as_slice()).filter(|parameters| parameters.len() == values.len());
        let arguments = values.iter().enumerate().map(|(place, value)| {
            let parameter = parameters.and_then(|parameters| parameters.get(place));
            ShownArgument {
                parameter: parameter.map(|parameter| (parameter.name.clone(), parameter.kind.to_string())),
                value: show(parameter.map(|parameter| &parameter.kind), value),
            }
        });
        all.push(ShownCall {
            iid: called.iid,
            interface: model.map(|model| model.name.clone()),
            method: called.name.to_owned(),
            signature: called.signature.to_owned(),
            arguments: arguments.collect(),
        });
    });
    all
}

impl ShownCall {
    /// `IShipment.ShipOrder(number: 42)`.
    pub(crate) fn to_text(&self, length: Length) -> String {
        let argument = |argument: &ShownArgument| match &argument.parameter {
            Some((name, _)) if !name.is_empty() => format!("{}: {}", shown(name), argument.value.to_text(length)),
            _ => argument.value.to_text(length),
        };
        let arguments: Vec<String> = self.arguments.iter().map(argument).collect();
        let interface = self.interface.as_deref().map_or_else(|| self.iid.to_string(), shown);
        format!("{interface}.{}({})", shown(&self.method), arguments.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_the_names_of_its_interface_while_it_is_the_same() {
        let iid = Guid::from_bytes([7; 16]);
        let mut builder = Calls::builder();
        builder
            .push(iid, "Note", "us", |writer| {
                writer.u32(42);
                writer.str("a\x1b\"");
            })
            .unwrap();
        let calls = builder.finish().unwrap();
        let model = |kind: &str| -> HashMap<Guid, Option<InterfaceModel>> {
            let text = format!(
                r#"{{"iid": "{iid}", "name": "IShipment", "bases": [], "methods": [{{"name": "Note", "number": 3, "returns": "hresult",
                "parameters": [{{"name": "order", "type": "u32"}}, {{"name": "text", "type": {kind}}}]}}]}}"#
            );
            HashMap::from([(iid, Some(serde_json::from_str(&text).unwrap()))])
        };
        let text = |models| shown_calls(&calls, &models, 9)[0].to_text(Length::Short);
        assert_eq!(text(model(r#"{"string": "utf8"}"#)), "IShipment.Note(order: 42, text: \"a\\u{1b}\\\"\")");
        assert_eq!(text(model(r#"{"string": "bstr"}"#)), "IShipment.Note(42, \"a\\u{1b}\\\"\")");
        assert_eq!(text(HashMap::new()), format!("{iid}.Note(42, \"a\\u{{1b}}\\\"\")"));
        assert!(shown_calls(&calls, &HashMap::new(), 0).is_empty());
    }
}
