//! `consign component set`: what the catalogue keeps, and what stands in the class file.

use std::{fs::File, io::Read};

use consign::{Client, Guid, Queuing};
use toml::Table;

use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    parse::{AutoSwitch, ClassName},
    problem::{Outcome, Problem},
    settings::{ClassChange, ComponentSetting},
    text::shown,
};

/// No class file is longer.
const LONGEST_FILE: u64 = 64 * 1024;

/// The class file is checked and written whole before interfaces are switched.
pub(super) async fn run(client: &Client, class: &str, settings: &[ComponentSetting], console: &Console) -> Outcome {
    let what = format!("component {} was not changed", shown(class));
    let of_class: Vec<&ClassChange> =
        settings.iter().filter_map(|setting| if let ComponentSetting::Class(change) = setting { Some(change) } else { None }).collect();
    change_class(client, class, &of_class, &what).await?;
    for setting in settings {
        let ComponentSetting::Queued(interface, on) = setting else { continue };
        let queuing = if *on == AutoSwitch::On { Queuing::Enabled } else { Queuing::Disabled };
        client.set_queuing_enabled(class, interface, queuing).await.map_err(|error| Problem::of(&what, &error))?;
    }
    if console.form == Form::Programs {
        let component = client.component(class).await.map_err(|error| Problem::of(&what, &error))?;
        console.document(&document::Component::new(&component.summary, &component.models))?;
    }
    Ok(Exit::Done)
}

/// Registers the class again, with these keys of its file changed and all others as they are.
pub(super) async fn change_class(client: &Client, class: &str, changes: &[&ClassChange], what: &str) -> Outcome<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let report = client.class(class).await.map_err(|error| Problem::of(what, &error))?;
    let path = report.class.file;
    let bad = |error: String| Problem::failed(what, format!("{}: {error}", shown(&path)));
    let mut text = String::new();
    let read = File::open(&path).and_then(|file| file.take(LONGEST_FILE).read_to_string(&mut text));
    read.map_err(|error| bad(error.to_string()))?;
    let mut file: Table = toml::from_str(&text).map_err(|error| bad(error.message().to_owned()))?;
    for change in changes {
        let exception_class = match change {
            ClassChange::ExceptionClass(name) => resolve(client, name, what).await?,
            _ => None,
        };
        change.apply(&mut file, exception_class);
    }
    let text = toml::to_string(&file).map_err(|error| bad(error.to_string()))?;
    client.register_class(&text).await.map_err(|error| Problem::of(what, &error))?;
    Ok(())
}

/// The exception class must be registered by the time when it is called, not before.
async fn resolve(client: &Client, name: &ClassName, what: &str) -> Outcome<Option<Guid>> {
    match name {
        ClassName::Id(Guid::NULL) => Ok(None),
        ClassName::Id(class) => Ok(Some(*class)),
        ClassName::ProgId(progid) => {
            let component = client.component(progid).await.map_err(|error| Problem::of(what, &error))?;
            Ok(Some(component.summary.class))
        }
    }
}
