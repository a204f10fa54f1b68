use std::time::Duration;

use consign_activation::{
    Environment, Exit, Policy,
    hook::{End, Outcome, run},
};
use consign_core::SystemClock;
use tokio::time::timeout;

use crate::bench::{LIMIT, lives, until};

async fn shell(text: &str, deadline: Duration) -> Outcome {
    let program = Policy::default().check(&["/bin/sh", "-c", text].map(str::to_owned)).unwrap();
    let environment = Environment::from_variables([]).with("CONSIGN_JOB_ID", "42");
    timeout(LIMIT, run(program, environment, deadline, &SystemClock)).await.unwrap().unwrap()
}

fn text(outcome: &Outcome) -> Vec<&str> {
    outcome.output.iter().map(|line| line.text.as_str()).collect()
}

#[tokio::test]
async fn a_command_has_its_status_its_output_and_its_environment() {
    let outcome = shell("echo job $CONSIGN_JOB_ID; echo home $HOME >&2; exit 3", LIMIT).await;
    assert_eq!(outcome.end, End::Exited(Exit::Code(3)));
    assert_eq!(text(&outcome), ["job 42", "home"]);
    assert_eq!(shell("kill -9 $$", LIMIT).await.end, End::Exited(Exit::Signal(9)));
    assert_eq!(shell("read line; exit 7", LIMIT).await.end, End::Exited(Exit::Code(7)), "its input is empty");
}

#[tokio::test]
async fn a_command_is_killed_with_its_children_at_the_deadline() {
    let outcome = shell("sleep 1000 & echo $!; trap '' TERM; wait", Duration::from_secs(1)).await;
    assert_eq!(outcome.end, End::TimedOut);
    if let Some(child) = outcome.output.first() {
        let child = child.text.parse().unwrap();
        until("the child's end", || !lives(child)).await;
    }
}

#[tokio::test]
async fn what_a_command_leaves_running_is_killed() {
    let outcome = shell("sleep 1000 & echo $!", LIMIT).await;
    assert_eq!(outcome.end, End::Exited(Exit::Code(0)));
    let child = outcome.output[0].text.parse().unwrap();
    until("the child's end", || !lives(child)).await;
}

#[tokio::test]
async fn the_last_of_much_output_is_kept() {
    let outcome = shell("head -c 10485760 /dev/zero | tr '\\0' x; echo; echo the end", LIMIT).await;
    assert_eq!(text(&outcome).last(), Some(&"the end"));
    assert!(outcome.output.iter().map(|line| line.text.len()).sum::<usize>() <= 64 * 1024);
}
