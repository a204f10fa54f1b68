//! `consign job`: one file for each verb.

mod act;
mod add;
mod create;
mod error;
mod files;
mod list;
mod notify;
mod set;
mod show;
mod validate;
mod watch;

use consign::{Client, Job, common};

use crate::{
    arguments,
    console::Console,
    problem::{Outcome, Problem},
    text::shown,
};

pub(super) async fn run(command: arguments::Job, console: &Console) -> Outcome {
    let client = super::connect().await?;
    match command {
        arguments::Job::Create { name, kind, priority } => create::run(&client, &name, kind.into(), priority, console).await,
        arguments::Job::Add(add) => add::run(&client, add, console).await,
        arguments::Job::Resume(jobs) => act::run(&client, act::Verb::Resume, &jobs.jobs, console).await,
        arguments::Job::Suspend(jobs) => act::run(&client, act::Verb::Suspend, &jobs.jobs, console).await,
        arguments::Job::Complete(jobs) => act::run(&client, act::Verb::Complete, &jobs.jobs, console).await,
        arguments::Job::Cancel(jobs) => act::run(&client, act::Verb::Cancel, &jobs.jobs, console).await,
        arguments::Job::List { all } => list::run(&client, if all { consign::Listing::All } else { consign::Listing::Live }, console).await,
        arguments::Job::Show(job) => show::run(&client, &job.job, console).await,
        arguments::Job::Watch { jobs } => watch::run(&client, &jobs, console).await,
        arguments::Job::Set { job, settings } => set::run(&client, &job, settings, console).await,
        arguments::Job::Notify(notify) => notify::run(&client, notify, console).await,
        arguments::Job::Validate { job, file, judgement } => validate::run(&client, &job, file, judgement.into(), console).await,
        arguments::Job::Files(job) => files::run(&client, &job.job, console).await,
        arguments::Job::Error(job) => error::run(&client, &job.job, console).await,
    }
}

async fn find(client: &Client, name: &str) -> Outcome<Job> {
    client.find(name).await.map_err(|error| {
        let problem = Problem::of(format!("job {} was not found", shown(name)), &error);
        // Several fit, and the sentence lists them.
        if error.code() == common::E_INVALIDARG { problem.help("name it by its id, or by the beginning of its id") } else { problem }
    })
}
