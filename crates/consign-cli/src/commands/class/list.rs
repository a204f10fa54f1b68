//! `consign class list`.

use consign::{Class, Client, describe};

use crate::{
    console::{Colour, Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    table::Table,
    text::shown,
};

pub(super) async fn run(client: &Client, console: &Console) -> Outcome {
    let classes = client.classes().await.map_err(|error| Problem::of("the classes were not listed", &error))?;
    match console.form {
        Form::Programs => console.document(&classes.iter().map(document::Class::from).collect::<Vec<_>>())?,
        Form::People if classes.is_empty() && console.stdout.is_terminal => {
            console.remark("no classes; `consign class register` registers one");
        }
        Form::People => {
            if classes.is_empty() || classes.iter().any(|class| class.details.is_ok()) {
                console.lines(table(&classes).lines(console.columns()))?;
            }
            console.lines(bad(&classes).map(|line| format!("{} {line}", console.stdout.paint(Colour::Bad, "bad file:"))))?;
        }
    }
    Ok(Exit::Done)
}

fn table(classes: &[Class]) -> Table {
    let mut table = Table::new(&["CLSID", "PROGID", "NAME", "SERVER", "STARTED BY"], 1).expendable(&[2, 4]);
    for class in classes.iter().filter_map(|class| class.details.as_ref().ok()) {
        let text = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), shown);
        table.push([
            class.class.to_string(),
            text(&class.progid),
            text(&class.name),
            super::state(class.server).to_owned(),
            super::host(class),
        ]);
    }
    table
}

/// A line for each file that describes no class.
fn bad(classes: &[Class]) -> impl Iterator<Item = String> {
    let problems = classes.iter().filter_map(|class| Some((&class.file, class.details.as_ref().err()?)));
    problems.map(|(file, problem)| format!("{}: {} ({})", shown(file), shown(&problem.sentence), describe(problem.code).symbol))
}

#[cfg(test)]
mod tests {
    use super::*;
    use consign::{ClassDetails, ClassHost, ClassProblem, ServerState, common};
    use std::time::Duration;

    fn class(progid: Option<&str>, server: ServerState) -> Class {
        let details = ClassDetails {
            class: "97184d0f-f7ef-413a-8c6d-c1745018b2e9".parse().unwrap(),
            progid: progid.map(str::to_owned),
            name: Some("Notices of the updater".into()),
            application: None,
            host: ClassHost::Program(vec!["/usr/bin/updater".into(), "--serve".into(), "two words".into()]),
            start_timeout: Duration::from_secs(60),
            idle_stop: None,
            server,
            process: None,
            started: None,
            attempts: 0,
            failures: 0,
            last_failure: None,
        };
        Class { file: "/a.toml".into(), details: Ok(details) }
    }

    #[test]
    fn the_table_gives_up_what_tells_least() {
        let bad_file = ClassProblem { code: common::REGDB_E_INVALIDVALUE, sentence: "line 1, column 1: x\x07".into() };
        let bad_file = Class { file: "/b.toml".into(), details: Err(bad_file) };
        let classes = [class(Some("Updater.Notices.1"), ServerState::Running { users: 1 }), class(None, ServerState::Absent), bad_file];
        let table = table(&classes);
        assert_eq!(
            table.lines(None),
            [
                "CLSID                                 PROGID             NAME                    SERVER       STARTED BY",
                "97184d0f-f7ef-413a-8c6d-c1745018b2e9  Updater.Notices.1  Notices of the updater  running      /usr/bin/updater --serve 'two words'",
                "97184d0f-f7ef-413a-8c6d-c1745018b2e9  -                  Notices of the updater  not running  /usr/bin/updater --serve 'two words'",
            ]
        );
        assert_eq!(table.lines(Some(80))[1], "97184d0f-f7ef-413a-8c6d-c1745018b2e9  Updater.Notices.1  running      /usr/bin/…");
        assert_eq!(table.lines(Some(60))[1], "97184d0f-f7ef-413a-8c6d-c1745018b2e9  Updater.…  running");
        assert_eq!(bad(&classes).collect::<Vec<_>>(), ["/b.toml: line 1, column 1: x\\u{7} (REGDB_E_INVALIDVALUE)"]);
    }
}
