//! `consign outbox list`.

use consign::{Client, OutboxSnapshot, OutboxState, describe};

use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    table::Table,
    text::{Calendar, now, shown},
};

pub(super) async fn run(client: &Client, console: &Console) -> Outcome {
    let outboxes = client.outboxes().await.map_err(|error| Problem::of("the outboxes were not listed", &error))?;
    match console.form {
        Form::Programs => console.document(&outboxes.iter().map(document::Outbox::from).collect::<Vec<_>>())?,
        Form::People if outboxes.is_empty() && console.stdout.is_terminal => {
            console.remark("no outboxes; `consign outbox add DB` adds one");
        }
        Form::People => console.lines(table(&outboxes).lines(console.columns()))?,
    }
    Ok(Exit::Done)
}

fn table(outboxes: &[OutboxSnapshot]) -> Table {
    let (calendar, now) = (Calendar::of_this_machine(), now());
    let mut table = Table::new(&["DATABASE", "STATE", "PENDING", "TAKEN", "LOOKED AT", "PROBLEM"], 0).expendable(&[4, 3]);
    for outbox in outboxes {
        let problem = outbox.problem.as_ref();
        table.push([
            shown(&outbox.path),
            state(outbox.state).to_owned(),
            outbox.pending.to_string(),
            outbox.taken.to_string(),
            outbox.scanned.map_or_else(|| "never".to_owned(), |time| calendar.short(time, now)),
            problem.map_or_else(String::new, |problem| format!("{} ({})", shown(&problem.sentence), describe(problem.code).symbol)),
        ]);
    }
    table
}

/// What it does.
fn state(state: OutboxState) -> &'static str {
    match state {
        OutboxState::Idle => "idle",
        OutboxState::Carrying => "carrying",
        OutboxState::Waiting => "waiting",
        OutboxState::Unusable => "unusable",
        // A newer library than this command.
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consign::{Failure, common};

    #[test]
    fn a_row_says_what_is_in_the_way() {
        let outbox = OutboxSnapshot {
            path: "/srv/till.db".into(),
            id: None,
            state: OutboxState::Unusable,
            pending: 3,
            taken: 7,
            problem: Some(Failure::refused(common::ERROR_FILE_NOT_FOUND, "there is no such file")),
            scanned: None,
            next_attempt: None,
        };
        assert_eq!(
            table(&[outbox]).lines(None),
            [
                "DATABASE      STATE     PENDING  TAKEN  LOOKED AT  PROBLEM",
                "/srv/till.db  unusable  3        7      never      there is no such file (ERROR_FILE_NOT_FOUND)",
            ]
        );
    }
}
