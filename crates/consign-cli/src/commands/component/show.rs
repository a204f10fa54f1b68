//! `consign component show`.

use consign::{Client, ComponentDetails, ComponentInterface, ComponentSummary, InterfaceModel, ListenerState, QueueSummary};
use consign_core::interface::{Direction, Method, Parameter};

use super::queuing;
use crate::{
    console::{Colour, Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    text::{shown, wrapped},
    wording,
};

pub(super) async fn run(client: &Client, class: &str, console: &Console) -> Outcome {
    let component =
        client.component(class).await.map_err(|error| Problem::of(format!("component {} was not read", shown(class)), &error))?;
    match console.form {
        Form::Programs => console.document(&document::Component::new(&component.summary, &component.models))?,
        Form::People => {
            let queue = client.queue(&component.summary.queue).await.ok();
            print(&component, queue.as_ref(), console)?;
        }
    }
    Ok(Exit::Done)
}

fn print(component: &ComponentDetails, queue: Option<&QueueSummary>, console: &Console) -> Outcome<()> {
    console.lines(wording::aligned(&facts(&component.summary, queue)))?;
    for interface in &component.summary.interfaces {
        let model = component.models.iter().find(|model| model.iid == interface.iid);
        console.line("")?;
        console.lines(section(interface, model, console))?;
    }
    Ok(())
}

fn facts(component: &ComponentSummary, queue: Option<&QueueSummary>) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Component", component.class.to_string())];
    let texts = [("ProgID", &component.progid), ("Name", &component.name), ("Application", &component.application)];
    facts.extend(texts.into_iter().filter_map(|(name, text)| Some((name, shown(text.as_ref()?)))));
    if !component.registered {
        facts.push(("Class", "not registered: its messages wait until it is".to_owned()));
        return facts;
    }
    facts.extend(of_class(component, queue));
    if component.interfaces.is_empty() {
        facts.push(("Interfaces", format!("none; `consign component import FILE --class {}` gives it some", component.class)));
    }
    facts
}

/// What the class file says of queued calls.
pub(in crate::commands) fn of_class(component: &ComponentSummary, queue: Option<&QueueSummary>) -> Vec<(&'static str, String)> {
    let counts = queue.map_or_else(|| "empty".to_owned(), counts);
    let listener = match component.listener {
        ListenerState::On => "on",
        ListenerState::Off => "off: messages wait",
    };
    let mut facts = vec![
        ("Queue", format!("{} ({counts})", shown(&component.queue))),
        ("Listener", listener.to_owned()),
        ("Players", component.max_players.map_or_else(|| "as many as the queue allows".to_owned(), |most| format!("at most {most}"))),
    ];
    facts.extend(component.exception_class.map(|class| ("Exception class", class.to_string())));
    facts
}

/// `3 ready, 1 dead`.
fn counts(queue: &QueueSummary) -> String {
    let counts = consign::Standing::ALL.map(|standing| (queue.count(standing), standing));
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, standing)| format!("{count} {standing}")).collect();
    let paused = if queue.paused { ", paused" } else { "" };
    format!("{}{paused}", if counts.is_empty() { "empty".to_owned() } else { counts.join(", ") })
}

fn section(interface: &ComponentInterface, model: Option<&InterfaceModel>, console: &Console) -> Vec<String> {
    let colour = if interface.queuing_enabled { Colour::Good } else { Colour::Waiting };
    let name = console.stdout.paint(Colour::Strong, &shown(&interface.name));
    let supported = if interface.queueing_supported { "queueing supported, " } else { "" };
    let mut lines = vec![format!("{name}  {}  {supported}{}", interface.iid, console.stdout.paint(colour, queuing(interface)))];
    match model {
        Some(model) => lines.extend(model.methods.iter().map(|method| format!("  {}", signature(method)))),
        None => lines.extend(interface.methods.iter().map(|method| format!("  {}", shown(method)))),
    }
    for obstacle in &interface.obstacles {
        let text = shown(obstacle);
        let text = console.columns().map_or_else(|| vec![text.clone()], |columns| wrapped(&text, columns.saturating_sub(4).max(20)));
        lines.extend(text.iter().enumerate().map(|(place, line)| format!("{}{line}", if place == 0 { "  ! " } else { "    " })));
    }
    lines
}

/// A method as an IDL file has it, without what all of them have.
pub(in crate::commands) fn signature(method: &Method) -> String {
    let parameter = |parameter: &Parameter| {
        let way = match (parameter.direction, parameter.retval) {
            (Direction::In, _) => "",
            (Direction::Out, false) => "[out] ",
            (Direction::Out, true) => "[out, retval] ",
            (Direction::InOut, _) => "[in, out] ",
        };
        let kind = shown(&parameter.kind.to_string());
        let space = if kind.ends_with('*') { "" } else { " " };
        format!("{way}{kind}{space}{}", shown(&parameter.name)).trim_end().to_owned()
    };
    let parameters: Vec<String> = method.parameters.iter().map(parameter).collect();
    let returns = if method.returns == consign_core::interface::Type::Hresult {
        String::new()
    } else {
        format!("{} ", shown(&method.returns.to_string()))
    };
    format!("{returns}{}({})", shown(&method.name), parameters.join(", "))
}
