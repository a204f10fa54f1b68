//! `consign class`: one file for each verb.

mod act;
mod list;
mod register;
pub(in crate::commands) mod show;

use consign::{ClassDetails, ClassHost, ServerState, Unregister};

use crate::{arguments, console::Console, problem::Outcome, text::shown, wording};

pub(super) async fn run(command: arguments::Class, console: &Console) -> Outcome {
    let command = match command {
        // What is to be registered is read first: no service is needed to see that it cannot be.
        arguments::Class::Register(register) => return register::run(register, console).await,
        command => command,
    };
    let client = super::connect().await?;
    match command {
        arguments::Class::Register(register) => register::run(register, console).await,
        arguments::Class::List => list::run(&client, console).await,
        arguments::Class::Show { class } => show::run(&client, &class, console).await,
        arguments::Class::Unregister { classes, force } => {
            let unregister = if force { Unregister::Force } else { Unregister::IfUnused };
            act::run(&client, act::Verb::Unregister(unregister), &classes.classes, console).await
        }
        arguments::Class::Start(classes) => act::run(&client, act::Verb::Start, &classes.classes, console).await,
        arguments::Class::Stop(classes) => act::run(&client, act::Verb::Stop, &classes.classes, console).await,
    }
}

/// What keeps a program from being run, and what to do about it.
const TRUST: &str = "the program and the folders above it must be writable by nobody but you and root (`chmod go-w`), \
                     and policy.command_lines in the settings must allow it";

/// Who starts the server of a class.
fn host(class: &ClassDetails) -> String {
    match &class.host {
        ClassHost::Program(command) => wording::command_line(command),
        ClassHost::SystemdUnit(unit) => format!("systemd unit {}", shown(unit)),
        ClassHost::BusName(name) => format!("D-Bus name {}", shown(name)),
    }
}

/// What its server does.
fn state(state: ServerState) -> &'static str {
    match state {
        ServerState::Absent => "not running",
        ServerState::Starting => "starting",
        ServerState::Running { .. } => "running",
        ServerState::Stopping => "stopping",
        ServerState::BackingOff(_) => "backing off",
        // A newer library than this command.
        _ => "unknown",
    }
}
