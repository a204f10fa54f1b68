//! `consign component import`.

use std::{fs::File, io::Read, path::Path};

use consign::{ComponentSummary, Guid, InterfaceModel};
use consign_idl::{Coclass, Document, Form, Origin, Severity};
use serde::Deserialize;

use super::{queuing, set};
use crate::{
    arguments::Import,
    commands::idl,
    console::{Colour, Console, Form as Output},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    settings::ClassChange,
    table::Table,
    text::shown,
    wording::counted,
};

/// No file of interfaces is longer.
const LONGEST_FILE: u64 = 8 << 20;
const WHAT: &str = "nothing was imported";

pub(super) async fn run(import: Import, console: &Console) -> Outcome {
    let described = read(&import, console)?;
    let client = crate::commands::connect().await?;
    let queue = import.queue.map(|queue| ClassChange::Queue(Some(queue)));
    // The class is looked up before anything is changed.
    let class = client.component(&import.class).await.map_err(|error| Problem::of(WHAT, &error))?.summary.class;
    let models = wanted(described.of_class(class, &import.interfaces)?, &import.interfaces)?;
    let borrowed: Vec<&InterfaceModel> = models.iter().collect();
    client.import_component(&import.class, &borrowed).await.map_err(|error| Problem::of(WHAT, &error))?;
    let changes: Vec<&ClassChange> = queue.iter().collect();
    set::change_class(&client, &import.class, &changes, "the interfaces were imported, but the queue was not set").await?;
    let component = client.component(&import.class).await.map_err(|error| Problem::of("the component was not read", &error))?;
    match console.form {
        Output::Programs => console.document(&document::Component::new(&component.summary, &component.models))?,
        Output::People => tell(&component.summary, &models, &import.class, console)?,
    }
    Ok(Exit::Done)
}

/// A line for each interface; and why one is not queued, as a note.
fn tell(component: &ComponentSummary, imported: &[InterfaceModel], class: &str, console: &Console) -> Outcome<()> {
    let interfaces = || component.interfaces.iter().filter(|interface| imported.iter().any(|model| model.iid == interface.iid));
    let mut table = Table::new(&["INTERFACE", "IID", "CALLS"], 0).expendable(&[1]);
    interfaces().for_each(|interface| table.push([shown(&interface.name), interface.iid.to_string(), queuing(interface).to_owned()]));
    console.lines(table.lines(console.columns()))?;
    for interface in interfaces() {
        let note = console.stderr.paint(Colour::Waiting, "note:");
        for obstacle in &interface.obstacles {
            console.remark(format!("{note} {}: {}", shown(&interface.name), shown(obstacle)));
        }
        if interface.queueing_supported && !interface.queuing_enabled {
            let name = shown(&interface.name);
            console.remark(format!(
                "{note} {name} is not QUEUEABLE; `consign component set {} queued.{name}=on` queues calls on it",
                shown(class)
            ));
        }
    }
    Ok(())
}

/// What a file says.
enum Described {
    Models(Vec<InterfaceModel>),
    Idl(Box<Document>),
}

impl Described {
    /// The interfaces of the class; or, where some are named, all that these can be.
    fn of_class(self, class: Guid, names: &[String]) -> Outcome<Vec<InterfaceModel>> {
        let document = match self {
            Self::Models(models) => return Ok(models),
            Self::Idl(document) => document,
        };
        let objects = || document.interfaces.iter().filter(|described| described.form == Form::Object);
        let own = || objects().filter(|described| described.origin == Origin::Own).map(|described| described.interface.clone()).collect();
        let coclasses: Vec<&Coclass> = document.coclasses.iter().filter(|coclass| coclass.origin == Origin::Own).collect();
        let coclass = match coclasses.iter().find(|coclass| coclass.clsid == class) {
            Some(coclass) => coclass,
            None => match coclasses.as_slice() {
                [] => return Ok(own()),
                _ if !names.is_empty() => return Ok(own()),
                [one] => one,
                several => {
                    let names: Vec<String> =
                        several.iter().map(|coclass| format!("{} ({})", shown(&coclass.name), coclass.clsid)).collect();
                    let why = format!("the file has several classes, and none of them is {class}: {}", names.join(", "));
                    return Err(Problem::failed(WHAT, why).help("`--interface NAME` says which interfaces are meant"));
                }
            },
        };
        let implemented = |name: &str| coclass.interfaces.iter().any(|interface| !interface.source && interface.name == name);
        Ok(objects().map(|described| described.interface.clone()).filter(|interface| implemented(&interface.name)).collect())
    }
}

/// Models as JSON: one, several, or the document of `component show --json`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Models {
    Component { interfaces: Vec<Listed> },
    Several(Vec<InterfaceModel>),
    One(Box<InterfaceModel>),
}

#[derive(Deserialize)]
struct Listed {
    model: InterfaceModel,
}

fn read(import: &Import, console: &Console) -> Outcome<Described> {
    if import.file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        return read_json(&import.file).map(Described::Models);
    }
    let parsed = idl::read(&import.file, &import.include, WHAT)?;
    // What cannot be queued is told when it is imported.
    idl::tell(&parsed.diagnostics, console);
    let errors = parsed.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    match errors {
        0 => Ok(Described::Idl(Box::new(parsed.document))),
        count => {
            let count = counted(u64::try_from(count).unwrap_or(u64::MAX), "error");
            let help = format!("`consign idl check {}` shows the file's errors alone", import.file.display());
            Err(Problem::failed(WHAT, format!("{} has {count}", import.file.display())).help(help))
        }
    }
}

fn read_json(path: &Path) -> Outcome<Vec<InterfaceModel>> {
    let failed = |why: String| Problem::failed(WHAT, format!("{}: {why}", path.display()));
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut text = String::new();
    file.take(LONGEST_FILE + 1).read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
    if text.len() as u64 > LONGEST_FILE {
        return Err(failed(format!("it has more than {LONGEST_FILE} bytes")));
    }
    // Where it is no JSON at all, that is said with its place; where it is, what is missing in a model.
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    match serde_json::from_value::<Models>(json.clone()) {
        Ok(Models::One(model)) => Ok(vec![*model]),
        Ok(Models::Several(models)) => Ok(models),
        Ok(Models::Component { interfaces }) => Ok(interfaces.into_iter().map(|listed| listed.model).collect()),
        Err(_) => {
            let error = serde_json::from_value::<InterfaceModel>(json).err().map(|error| format!(" ({error})")).unwrap_or_default();
            Err(failed(format!("it describes no interfaces{error}")))
        }
    }
}

/// Those that are named, or all.
fn wanted(models: Vec<InterfaceModel>, names: &[String]) -> Outcome<Vec<InterfaceModel>> {
    let is = |model: &InterfaceModel, name: &String| model.name == *name || name.parse::<Guid>() == Ok(model.iid);
    if let Some(name) = names.iter().find(|name| !models.iter().any(|model| is(model, name))) {
        let there: Vec<String> = models.iter().map(|model| shown(&model.name)).collect();
        return Err(Problem::failed(WHAT, format!("the file has no interface {}; it has {}", shown(name), there.join(", "))));
    }
    let wanted: Vec<InterfaceModel> =
        models.into_iter().filter(|model| names.is_empty() || names.iter().any(|name| is(model, name))).collect();
    if wanted.is_empty() { Err(Problem::failed(WHAT, "the file has no interfaces")) } else { Ok(wanted) }
}
