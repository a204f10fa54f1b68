//! `consign job notify`.

use consign::{Change, Client, CommandLine, Failure, Guid};

use crate::{
    arguments::Notify,
    console::{Console, Form},
    document,
    exit::Exit,
    parse::{self, ClassName},
    problem::{Outcome, Problem},
    text::shown,
};

pub(super) async fn run(client: &Client, notify: Notify, console: &Console) -> Outcome {
    let job = super::find(client, &notify.job).await?;
    let failed = |error| Problem::of(format!("job {} was not changed", shown(&notify.job)), &error);
    let class = match &notify.class {
        Some(ClassName::ProgId(name)) => Some(id_of(client, name).await.map_err(failed)?),
        Some(ClassName::Id(class)) => Some(*class),
        None => None,
    };
    job.set(changes(&notify, class)).await.map_err(failed)?;
    if console.form == Form::Programs {
        console.document(&document::Job::from(&job.snapshot().await.map_err(failed)?))?;
    }
    Ok(Exit::Done)
}

/// The class that is registered under this name.
async fn id_of(client: &Client, name: &str) -> consign::Result<Guid> {
    match client.class(name).await?.class.details {
        Ok(class) => Ok(class.class),
        Err(problem) => Err(Failure::refused(problem.code, problem.sentence).into()),
    }
}

fn changes(notify: &Notify, class: Option<Guid>) -> Vec<Change> {
    let mut changes = Vec::new();
    changes.extend(notify.on.map(Change::NotifyFlags));
    changes.extend(class.map(Change::NotificationClass));
    changes.extend(notify.command.split_first().map(|(program, arguments)| {
        let line = CommandLine { program: program.clone(), arguments: arguments.to_vec() };
        Change::CommandLine(Some(line).filter(|line| line.program != parse::NONE))
    }));
    changes.extend(notify.interval.map(Change::MinimumNotificationInterval));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_is_changed() {
        let nothing = Notify { job: "a".into(), on: None, class: None, command: vec![], interval: None };
        assert_eq!(changes(&nothing, None), []);
        assert_eq!(changes(&Notify { command: vec!["none".into()], ..nothing.clone() }, None), [Change::CommandLine(None)]);
        let line = CommandLine { program: "/bin/a".into(), arguments: vec!["none".into()] };
        let both = Notify { command: vec!["/bin/a".into(), "none".into()], ..nothing };
        assert_eq!(changes(&both, Some(Guid::NULL)), [Change::NotificationClass(Guid::NULL), Change::CommandLine(Some(line))]);
    }
}
