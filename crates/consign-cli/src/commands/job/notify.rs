//! `consign job notify`.

use consign::{Change, Client, CommandLine};

use crate::{
    arguments::Notify,
    console::{Console, Form},
    document,
    exit::Exit,
    parse,
    problem::{Outcome, Problem},
    text::shown,
};

pub(super) async fn run(client: &Client, notify: Notify, console: &Console) -> Outcome {
    let job = super::find(client, &notify.job).await?;
    let failed = |error| Problem::of(format!("job {} was not changed", shown(&notify.job)), &error);
    job.set(changes(&notify)).await.map_err(failed)?;
    if console.form == Form::Programs {
        console.document(&document::Job::from(&job.snapshot().await.map_err(failed)?))?;
    }
    Ok(Exit::Done)
}

fn changes(notify: &Notify) -> Vec<Change> {
    let mut changes = Vec::new();
    changes.extend(notify.on.map(Change::NotifyFlags));
    changes.extend(notify.class.map(Change::NotificationClass));
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
    use consign::Guid;

    #[test]
    fn only_what_is_said_is_changed() {
        let nothing = Notify { job: "a".into(), on: None, class: None, command: vec![], interval: None };
        assert_eq!(changes(&nothing), []);
        assert_eq!(changes(&Notify { command: vec!["none".into()], ..nothing.clone() }), [Change::CommandLine(None)]);
        let line = CommandLine { program: "/bin/a".into(), arguments: vec!["none".into()] };
        let both = Notify { class: Some(Guid::NULL), command: vec!["/bin/a".into(), "none".into()], ..nothing };
        assert_eq!(changes(&both), [Change::NotificationClass(Guid::NULL), Change::CommandLine(Some(line))]);
    }
}
