//! `consign service`: one file for each verb.

mod install;
mod run;
mod start;
mod status;
mod stop;

use consign::{Client, ConnectOptions, StartPolicy};

use crate::{arguments, console::Console, problem::Outcome};

pub(super) fn run(command: arguments::Service, console: &Console) -> Outcome {
    match command {
        // Not inside a runtime: the service makes its own, and leaves its starter before.
        arguments::Service::Run { detach } => run::run(detach),
        arguments::Service::Start => super::wait(start::run(console)),
        arguments::Service::Stop => super::wait(stop::run(console)),
        arguments::Service::Status => super::wait(status::run(console)),
        arguments::Service::Install => install::install(console),
        arguments::Service::Uninstall => install::uninstall(console),
    }
}

/// Connects to the service if it runs, and never starts it.
async fn running() -> consign::Result<Client> {
    Client::connect_with(ConnectOptions { start: StartPolicy::Never, ..ConnectOptions::default() }).await
}
