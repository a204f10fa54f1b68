//! Classes.

use consign::{ClassDetails, ClassHost, ComponentSummary, ServerState, describe};
use serde::Serialize;

use super::Component;
use crate::text::exact;

/// A class file and its server, as `class list` prints it.
#[derive(Serialize)]
pub(crate) struct Class {
    file: String,
    /// Why the file describes no class; then most of the rest is null.
    problem: Option<Problem>,
    clsid: Option<String>,
    progid: Option<String>,
    name: Option<String>,
    application: Option<String>,
    exec: Option<Vec<String>>,
    systemd_unit: Option<String>,
    dbus_name: Option<String>,
    start_timeout: Option<u64>,
    /// Null for never.
    idle_stop: Option<u64>,
    state: Option<&'static str>,
    users: Option<u32>,
    pid: Option<u32>,
    starts: Option<u64>,
    start_time: Option<String>,
    failures: Option<u32>,
    last_failure: Option<LastFailure>,
    /// When it may be started again.
    next_start: Option<String>,
}

#[derive(Serialize)]
struct Problem {
    code: String,
    symbol: String,
    sentence: String,
}

#[derive(Serialize)]
struct LastFailure {
    time: String,
    #[serde(flatten)]
    problem: Problem,
}

/// A class, as `class show` prints it.
#[derive(Serialize)]
pub(crate) struct ClassReport {
    #[serde(flatten)]
    class: Class,
    jobs: Vec<UsingJob>,
    /// Null where no calls on it are queued.
    component: Option<Component>,
    output: Vec<OutputLine>,
}

#[derive(Serialize)]
struct UsingJob {
    id: String,
    display_name: String,
}

#[derive(Serialize)]
struct OutputLine {
    time: String,
    text: String,
}

/// What `class register` prints.
#[derive(Serialize)]
pub(crate) struct Registered {
    pub(crate) clsid: String,
    pub(crate) file: String,
}

/// A class to which something was done.
#[derive(Serialize)]
pub(crate) struct ClassDone {
    /// As it was named.
    class: String,
    code: String,
    symbol: String,
    sentence: String,
}

impl ClassDone {
    pub(crate) fn new(class: &str) -> Self {
        let Problem { code, symbol, sentence } = Problem::new(consign::common::S_OK, None);
        Self { class: class.to_owned(), code, symbol, sentence }
    }
}

impl Problem {
    fn new(code: consign::Hresult, sentence: Option<&str>) -> Self {
        let description = describe(code);
        let sentence = sentence.map_or_else(|| description.sentence.into_owned(), str::to_owned);
        Self { code: code.to_string(), symbol: description.symbol.into_owned(), sentence }
    }
}

impl From<&consign::Class> for Class {
    fn from(class: &consign::Class) -> Self {
        let nothing = Self {
            file: class.file.clone(),
            problem: None,
            clsid: None,
            progid: None,
            name: None,
            application: None,
            exec: None,
            systemd_unit: None,
            dbus_name: None,
            start_timeout: None,
            idle_stop: None,
            state: None,
            users: None,
            pid: None,
            starts: None,
            start_time: None,
            failures: None,
            last_failure: None,
            next_start: None,
        };
        match &class.details {
            Ok(details) => nothing.with(details),
            Err(problem) => Self { problem: Some(Problem::new(problem.code, Some(&problem.sentence))), ..nothing },
        }
    }
}

impl Class {
    fn with(self, class: &ClassDetails) -> Self {
        let host = |wanted: fn(&ClassHost) -> Option<&String>| wanted(&class.host).cloned();
        let (state, users, next_start) = match class.server {
            ServerState::Absent => ("absent", 0, None),
            ServerState::Starting => ("starting", 0, None),
            ServerState::Running { users } => ("running", users, None),
            ServerState::Stopping => ("stopping", 0, None),
            ServerState::BackingOff(until) => ("backing-off", 0, Some(exact(until))),
            _ => ("unknown", 0, None),
        };
        Self {
            clsid: Some(class.class.to_string()),
            progid: class.progid.clone(),
            name: class.name.clone(),
            application: class.application.clone(),
            exec: if let ClassHost::Program(command) = &class.host { Some(command.clone()) } else { None },
            systemd_unit: host(|host| if let ClassHost::SystemdUnit(unit) = host { Some(unit) } else { None }),
            dbus_name: host(|host| if let ClassHost::BusName(name) = host { Some(name) } else { None }),
            start_timeout: Some(class.start_timeout.as_secs()),
            idle_stop: class.idle_stop.map(|time| time.as_secs()),
            state: Some(state),
            users: Some(users),
            pid: class.process,
            starts: Some(class.attempts),
            start_time: class.started.map(exact),
            failures: Some(class.failures),
            last_failure: class
                .last_failure
                .as_ref()
                .map(|(time, failure)| LastFailure { time: exact(*time), problem: Problem::new(failure.code, Some(&failure.sentence)) }),
            next_start,
            ..self
        }
    }
}

impl ClassReport {
    pub(crate) fn new(report: &consign::ClassReport, component: Option<&ComponentSummary>) -> Self {
        Self {
            component: component.map(|component| Component::new(component, &[])),
            class: Class::from(&report.class),
            jobs: report.jobs.iter().map(|(id, name)| UsingJob { id: id.clone(), display_name: name.clone() }).collect(),
            output: report.output.iter().map(|line| OutputLine { time: exact(line.at), text: line.text.clone() }).collect(),
        }
    }
}
