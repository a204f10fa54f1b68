//! `consign component list`.

use consign::{Client, ComponentSummary, ListenerState};

use super::queuing;
use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    table::Table,
    text::shown,
};

pub(super) async fn run(client: &Client, console: &Console) -> Outcome {
    let components = client.components().await.map_err(|error| Problem::of("the components were not listed", &error))?;
    match console.form {
        Form::Programs => {
            console.document(&components.iter().map(|component| document::Component::new(component, &[])).collect::<Vec<_>>())?;
        }
        Form::People if components.is_empty() && console.stdout.is_terminal => {
            console.remark("no components; `consign component import FILE --class CLASS` makes a class one");
        }
        Form::People => console.lines(table(&components).lines(console.columns()))?,
    }
    Ok(Exit::Done)
}

fn table(components: &[ComponentSummary]) -> Table {
    let mut table = Table::new(&["COMPONENT", "APPLICATION", "QUEUE", "LISTENER", "INTERFACES"], 0).expendable(&[1]);
    for component in components {
        let interfaces: Vec<String> = component
            .interfaces
            .iter()
            .map(|interface| {
                if interface.queuing_enabled {
                    shown(&interface.name)
                } else {
                    format!("{} ({})", shown(&interface.name), queuing(interface))
                }
            })
            .collect();
        let listener = match (component.registered, component.listener) {
            (false, _) => "not registered",
            (true, ListenerState::On) => "on",
            (true, ListenerState::Off) => "off",
        };
        table.push([
            component.progid.as_deref().map_or_else(|| component.class.to_string(), shown),
            component.application.as_deref().map_or_else(|| "-".to_owned(), shown),
            if component.registered { shown(&component.queue) } else { "-".to_owned() },
            listener.to_owned(),
            interfaces.join(", "),
        ]);
    }
    table
}
