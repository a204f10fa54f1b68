//! The dispatch: one line for each command.

mod call;
mod class;
mod completions;
mod component;
mod demo;
mod get;
mod idl;
mod job;
mod outbox;
mod process;
mod queue;
mod service;

pub(crate) use queue::ShownCall;

use std::io;

use consign::Client;

use crate::{
    arguments::Command,
    console::Console,
    problem::{Outcome, Problem},
};

/// Runs one command.
pub(crate) fn run(command: Command, console: &Console) -> Outcome {
    match command {
        Command::Get(get) => wait(get::run(get, console)),
        Command::Job(job) => wait(job::run(job, console)),
        Command::Class(class) => wait(class::run(class, console)),
        Command::Component(component) => wait(component::run(component, console)),
        Command::Call(call) => wait(call::run(call, console)),
        Command::Queue(queue) => wait(queue::run(queue, console)),
        Command::Idl(idl) => idl::run(idl, console),
        Command::Outbox(outbox) => wait(outbox::run(outbox, console)),
        Command::Demo => wait(demo::run(console)),
        Command::DemoServer(server) => wait(demo::serve(server)),
        Command::Service(service) => service::run(service, console),
        Command::Completions { shell } => completions::run(shell),
    }
}

/// Runs what waits for the service.
fn wait<T>(command: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error: io::Error| Problem::failed("the command could not be run", error.to_string()))?;
    let result = runtime.block_on(command);
    // A thread that still waits for a child must not hold up the end.
    runtime.shutdown_background();
    result
}

async fn connect() -> Outcome<Client> {
    Client::connect().await.map_err(|error| Problem::of("the service was not reached", &error))
}
