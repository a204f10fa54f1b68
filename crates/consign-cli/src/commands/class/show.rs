//! `consign class show`.

use consign::{ClassDetails, ClassReport, Client, ComponentSummary, ListenerState, OutputLine, ServerState, Timestamp, describe};

use crate::{
    console::{Colour, Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    text::{self, Calendar, now, shown},
    wording,
};

pub(super) async fn run(client: &Client, name: &str, console: &Console) -> Outcome {
    let report = client.class(name).await.map_err(|error| Problem::of(format!("class {} was not read", shown(name)), &error))?;
    // A file that describes no class has none.
    let component = client.component(name).await.ok().map(|component| component.summary).filter(is_component);
    match console.form {
        Form::Programs => console.document(&document::ClassReport::new(&report, component.as_ref()))?,
        Form::People => {
            let mut facts = facts(&report, &console.calendar, now());
            if let Some(component) = &component {
                let queue = client.queue(&component.queue).await.ok();
                facts.extend(crate::commands::component::of_class(component, queue.as_ref()));
            }
            console.lines(wording::aligned(&facts))?;
            if !report.output.is_empty() {
                console.line("")?;
                console.line(console.stdout.paint(Colour::Strong, "What its server wrote last:"))?;
                console.lines(output(&report.output, &console.calendar, now()))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// Whether calls on the class are queued, or its class file speaks of queues.
fn is_component(component: &ComponentSummary) -> bool {
    let says_so = component.listener == ListenerState::Off || component.max_players.is_some() || component.exception_class.is_some();
    !component.interfaces.is_empty() || says_so
}

/// What a server wrote, with its times.
pub(in crate::commands) fn output(lines: &[OutputLine], calendar: &Calendar, now: Timestamp) -> impl Iterator<Item = String> {
    lines.iter().map(move |line| format!("  {}  {}", calendar.short(line.at, now), shown(&line.text)).trim_end().to_owned())
}

fn facts(report: &ClassReport, calendar: &Calendar, now: Timestamp) -> Vec<(&'static str, String)> {
    let mut facts = vec![("File", shown(&report.class.file))];
    match &report.class.details {
        Ok(class) => facts.extend(of_class(class, calendar, now)),
        Err(problem) => {
            facts.push(("Bad because", format!("{} ({} {})", shown(&problem.sentence), describe(problem.code).symbol, problem.code)));
        }
    }
    if report.jobs.is_empty() {
        facts.push(("Jobs", "none".to_owned()));
    }
    facts.extend(report.jobs.iter().map(|(id, name)| ("Job", format!("{} {}", shown(id), shown(name)))));
    facts
}

fn of_class(class: &ClassDetails, calendar: &Calendar, now: Timestamp) -> Vec<(&'static str, String)> {
    let mut facts = vec![("CLSID", class.class.to_string())];
    let texts = [("ProgID", &class.progid), ("Name", &class.name), ("Application", &class.application)];
    facts.extend(texts.into_iter().filter_map(|(name, text)| Some((name, shown(text.as_ref()?)))));
    facts.extend([
        ("Started by", super::host(class)),
        ("Start timeout", text::duration(class.start_timeout)),
        (
            "Idle stop",
            match class.idle_stop {
                None => "never".to_owned(),
                Some(time) if time.is_zero() => "as soon as nobody uses it".to_owned(),
                Some(time) => format!("after {}", text::duration(time)),
            },
        ),
        ("Server", server(class.server, calendar, now)),
    ]);
    if let ServerState::Running { users } = class.server {
        facts.push(("Objects in use", users.to_string()));
    }
    facts.extend(class.process.map(|process| ("Process", process.to_string())));
    facts.push(("Starts", class.attempts.to_string()));
    facts.extend(class.started.map(|time| ("Last start", calendar.short(time, now))));
    if class.failures > 0 {
        facts.push(("Failures in a row", class.failures.to_string()));
    }
    if let Some((time, failure)) = &class.last_failure {
        let words = format!("{} ({} {})", shown(&failure.sentence), describe(failure.code).symbol, failure.code);
        facts.push(("Last failure", format!("{}, {words}", calendar.short(*time, now))));
    }
    facts
}

fn server(state: ServerState, calendar: &Calendar, now: Timestamp) -> String {
    match state {
        ServerState::BackingOff(until) => format!("{}: not started again before {}", super::state(state), calendar.short(until, now)),
        state => super::state(state).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consign::{Class, ClassHost, Failure, common};
    use std::time::Duration;

    #[test]
    fn a_server_that_keeps_failing_says_when_and_why() {
        let (calendar, at) = (Calendar::of_this_machine(), Timestamp::from_millis(1_795_262_671_000));
        let time = calendar.short(at, at);
        let class = ClassDetails {
            class: "97184d0f-f7ef-413a-8c6d-c1745018b2e9".parse().unwrap(),
            progid: None,
            name: Some("a\x07".into()),
            application: None,
            host: ClassHost::SystemdUnit("a.service".into()),
            start_timeout: Duration::from_secs(60),
            idle_stop: Some(Duration::ZERO),
            server: ServerState::BackingOff(at),
            process: None,
            started: Some(at),
            attempts: 7,
            failures: 3,
            last_failure: Some((at, Failure::refused(common::CO_E_SERVER_EXEC_FAILURE, "it ended"))),
        };
        let class = Class { file: "/a.toml".into(), details: Ok(class) };
        let report = ClassReport { class, output: vec![], jobs: vec![("1".into(), "j\x1b".into())] };
        let told: Vec<String> = facts(&report, &calendar, at).into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        for line in [
            "Name: a\\u{7}",
            "Started by: systemd unit a.service",
            "Idle stop: as soon as nobody uses it",
            &format!("Server: backing off: not started again before {time}"),
            "Starts: 7",
            "Failures in a row: 3",
            &format!("Last failure: {time}, it ended (CO_E_SERVER_EXEC_FAILURE 0x80080005)"),
            "Job: 1 j\\u{1b}",
        ] {
            assert!(told.iter().any(|told| told == line), "{line}: {told:?}");
        }
        let lines = [OutputLine { at, text: "\x1b[2Jx".into() }, OutputLine { at, text: String::new() }];
        assert_eq!(output(&lines, &calendar, at).collect::<Vec<_>>(), [format!("  {time}  \\u{{1b}}[2Jx"), format!("  {time}")]);
    }
}
