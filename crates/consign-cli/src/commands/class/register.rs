//! `consign class register`.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use consign::{Guid, common};
use consign_core::random::{Random, SystemRandom};
use serde::Serialize;

use crate::{
    arguments::Register,
    console::{Console, Form},
    document,
    exit::Exit,
    parse::NewClass,
    problem::{Outcome, Problem},
    text::shown,
};

/// No class file is longer.
const LONGEST_FILE: u64 = 64 * 1024;
const WHAT: &str = "the class was not registered";

/// A class file as its keys are given on the command line.
#[derive(Serialize)]
struct Keys {
    clsid: String,
    progid: Option<String>,
    name: Option<String>,
    application: Option<String>,
    exec: Option<Vec<String>>,
    systemd_unit: Option<String>,
    dbus_name: Option<String>,
    start_timeout: Option<u32>,
    idle_stop: Option<u32>,
}

pub(super) async fn run(register: Register, console: &Console) -> Outcome {
    let file = register.file.clone();
    let text = match &file {
        Some(file) => read(file)?,
        None => text(register)?,
    };
    let client = crate::commands::connect().await?;
    let (class, path) = client.register_class(&text).await.map_err(|error| problem(file.as_deref(), &error))?;
    match console.form {
        Form::Programs => console.document(&document::Registered { clsid: class.to_string(), file: path })?,
        Form::People => {
            console.line(class.to_string())?;
            if console.stdout.is_terminal {
                console.remark(format!("registered in {}", shown(&path)));
            }
        }
    }
    Ok(Exit::Done)
}

fn read(path: &Path) -> Outcome<String> {
    let failed = |why: String| Problem::failed(WHAT, format!("{}: {why}", path.display()));
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(LONGEST_FILE + 1).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(failed(format!("a class file has at most {LONGEST_FILE} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Problem::failed(WHAT, format!("{}:{line}: the file is not UTF-8", path.display()))
    })
}

fn text(register: Register) -> Outcome<String> {
    let clsid = match register.clsid {
        Some(NewClass::Given(class)) => class,
        Some(NewClass::Random) => Guid::from_random_bytes(SystemRandom.bytes()),
        None => return Err(Problem::usage(WHAT, "neither a file nor --clsid says which")),
    };
    let keys = Keys {
        clsid: clsid.to_string(),
        progid: register.progid,
        name: register.name,
        application: register.application,
        exec: (!register.exec.is_empty()).then_some(register.exec),
        systemd_unit: register.systemd_unit,
        dbus_name: register.dbus_name,
        start_timeout: register.start_timeout,
        idle_stop: register.idle_stop,
    };
    toml::to_string(&keys).map_err(|error| Problem::failed(WHAT, error.to_string()))
}

fn problem(file: Option<&Path>, error: &consign::Error) -> Problem {
    let problem = Problem::of(WHAT, error);
    match error.code() {
        common::REGDB_E_INVALIDVALUE => {
            let sentence = error.to_string();
            match (place(&sentence), file) {
                (Some((line, column, rest)), Some(file)) => {
                    problem.because(format!("{}:{line}:{column}: {rest}", PathBuf::from(file).display()))
                }
                // Lines and columns of a text that nobody has written.
                (Some((_, _, rest)), None) => problem.because(rest),
                (None, _) => problem,
            }
        }
        common::E_ACCESSDENIED => problem.help(super::TRUST),
        common::ERROR_FILE_NOT_FOUND => problem.help("the program must be there before its class is registered"),
        common::ERROR_ALREADY_EXISTS => {
            problem.help("`consign class list` lists the classes, `consign class unregister CLASS` takes one back")
        }
        _ => problem,
    }
}

/// Line, column and the rest of `line 3, column 7: the rest`.
fn place(sentence: &str) -> Option<(u32, u32, &str)> {
    let (line, rest) = sentence.strip_prefix("line ")?.split_once(", column ")?;
    let (column, rest) = rest.split_once(": ")?;
    Some((line.parse().ok()?, column.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_becomes_a_class_file() {
        let register = Register {
            file: None,
            clsid: Some(NewClass::Given(Guid::NULL)),
            progid: None,
            name: Some("a \"b\"\u{7f}".into()),
            application: None,
            idle_stop: Some(0),
            start_timeout: None,
            exec: vec!["/a".into(), "b\nc".into()],
            systemd_unit: None,
            dbus_name: None,
        };
        let text = text(register).unwrap();
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table.keys().collect::<Vec<_>>(), ["clsid", "exec", "idle_stop", "name"]);
        assert_eq!(table["name"].as_str(), Some("a \"b\"\u{7f}"));
        assert_eq!(table["exec"][1].as_str(), Some("b\nc"));
    }

    #[test]
    fn the_place_of_a_fault_is_read() {
        assert_eq!(place("line 3, column 7: a: b"), Some((3, 7, "a: b")));
        assert_eq!(place("line x, column 7: a"), None);
        assert_eq!(place("the class is bad"), None);
    }
}
