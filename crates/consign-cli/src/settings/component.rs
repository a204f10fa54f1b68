use consign::Guid;
use toml::{Table, Value};

use super::{count, split, unknown};
use crate::parse::{AutoSwitch, ClassName, class, switch};

/// A property of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ComponentSetting {
    /// `QueuingEnabled` of an interface: in the catalogue.
    Queued(String, AutoSwitch),
    /// What stands in the class file.
    Class(ClassChange),
}

/// A change of a class file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClassChange {
    Listener(AutoSwitch),
    MaxPlayers(Option<u32>),
    ExceptionClass(ClassName),
    Queue(Option<String>),
}

/// The keys of `component set`, as its help lists them.
pub(crate) const COMPONENT_KEYS: &str = "\
Keys:
  queued.INTERFACE=on|off      whether calls on the interface are queued
  listener=on|off              whether messages are played
  max_players=N|none           how many of its messages are played at once (none: as many as its queue allows)
  exception_class=CLASS|none   who is told of messages that could not be played
  queue=NAME|none              the queue of its messages (none: that of its application)

All but the first stand in the class file, which is registered again.";

const KEYS: [&str; 5] = ["queued.INTERFACE", "listener", "max-players", "exception-class", "queue"];

/// `KEY=VALUE` of a component.
pub(crate) fn component(text: &str) -> Result<ComponentSetting, String> {
    if let Some((interface, value)) = text.strip_prefix("queued.").and_then(|rest| rest.split_once('=')) {
        return Ok(ComponentSetting::Queued(interface.to_owned(), switch(value)?));
    }
    let (key, value) = split(text)?;
    Ok(ComponentSetting::Class(match key.as_str() {
        "listener" => ClassChange::Listener(switch(value)?),
        "max-players" => ClassChange::MaxPlayers(count(value)?),
        "exception-class" => ClassChange::ExceptionClass(class(value)?),
        "queue" if value.is_empty() => return Err("the name of a queue has at least one letter".to_owned()),
        "queue" => ClassChange::Queue((value != "none").then(|| value.to_owned())),
        key => return Err(unknown(key, &KEYS)),
    }))
}

impl ClassChange {
    /// Changes the text of a class file. A ProgID was looked up before.
    pub(crate) fn apply(&self, file: &mut Table, exception_class: Option<Guid>) {
        let (key, value) = match self {
            // On is what a class file means that says nothing.
            Self::Listener(on) => ("listener", (*on == AutoSwitch::Off).then_some(Value::Boolean(false))),
            Self::MaxPlayers(most) => ("max_players", most.map(|most| Value::Integer(most.into()))),
            Self::ExceptionClass(_) => ("exception_class", exception_class.map(|class| Value::String(class.to_string()))),
            Self::Queue(queue) => ("queue", queue.clone().map(Value::String)),
        };
        match value {
            Some(value) => drop(file.insert(key.to_owned(), value)),
            None => drop(file.remove(key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_of_the_catalogue_or_of_the_class_file() {
        assert_eq!(component("queued.IShip_ment=off"), Ok(ComponentSetting::Queued("IShip_ment".into(), AutoSwitch::Off)));
        let mut file: Table = toml::from_str("clsid = 'x'\nlistener = false\nmax_players = 3\n").unwrap();
        for text in ["listener=on", "max-players=5", "queue=Side", "exception_class=none"] {
            let Ok(ComponentSetting::Class(change)) = component(text) else { panic!("{text}") };
            change.apply(&mut file, None);
        }
        assert_eq!(toml::to_string(&file).unwrap(), "clsid = \"x\"\nmax_players = 5\nqueue = \"Side\"\n");
        let Ok(ComponentSetting::Class(change)) = component("exception_class=Other.Class") else { panic!() };
        assert_eq!(change, ClassChange::ExceptionClass(ClassName::ProgId("Other.Class".into())));
        change.apply(&mut file, Some(Guid::NULL));
        assert_eq!(file["exception_class"].as_str(), Some("00000000-0000-0000-0000-000000000000"));
        for text in ["", "listener", "listener=x", "max_players=0", "exception_class={", "queue=", "queued.I", "queued.I=x", "lisener=on"] {
            assert!(component(text).is_err(), "{text}");
        }
        assert!(component("lisener=on").unwrap_err().ends_with("did you mean listener?"));
    }
}
