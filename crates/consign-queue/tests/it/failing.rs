//! The disk fails, and what was promised holds.

use consign_core::common;
use consign_queue::{Admin, Component, Input, Listener, Outcome, QueueEvent, QueuePolicy, Selection, message::Standing};

use crate::bench::{Bench, CLASS, died, failed, minutes, new, seconds};

#[test]
fn what_could_not_be_stored_is_refused_and_never_played() {
    let mut bench = Bench::new();
    bench.disk.fail_commits(1);
    let refused = bench.try_enqueue(new("refused")).unwrap_err();
    assert_eq!(refused.code, common::ERROR_DISK_FULL);
    assert!(bench.playing.is_empty() && bench.stored().is_empty());
    assert!(!bench.events.iter().any(|event| matches!(event, QueueEvent::Record { .. })), "nobody is told of it either");
    bench.enqueue(new("stored"));
    bench.pass(seconds(10));
    assert_eq!(bench.play_all(), ["stored"]);
}

/// Nothing else happens after the failure, so nothing but the engine itself can find that it is over.
#[test]
fn it_goes_on_by_itself_when_the_disk_can_do_it_again() {
    let mut bench = Bench::new();
    bench.policy(QueuePolicy { max_players: Some(1), ..QueuePolicy::default() });
    bench.pause(true);
    bench.enqueue_all(&["a", "b"]);
    bench.pause(false);
    bench.disk.fail_commits(3);
    bench.try_enqueue(new("refused")).unwrap_err();
    assert!(bench.queue("app").waiting_because.starts_with("nothing can be stored"));
    bench.report(Outcome::Played);
    assert_eq!(bench.labels_begun(), ["a"]);
    bench.pass(seconds(5));
    assert!(!bench.core.is_failing());
    assert_eq!(bench.labels_begun(), ["b"]);
}

/// As above, where nothing at all waits to be stored.
#[test]
fn it_finds_by_itself_that_the_failure_is_over() {
    let mut bench = Bench::new();
    bench.register(CLASS, Some(Component { listener: Listener::Off, ..Component::default() }));
    bench.enqueue(new("a"));
    bench.disk.fail_commits(3);
    bench.try_enqueue(new("refused")).unwrap_err();
    bench.register(CLASS, Some(Component::default()));
    assert!(bench.playing.is_empty() && bench.core.is_failing());
    bench.pass(seconds(5));
    assert_eq!(bench.labels_begun(), ["a"]);
}

/// The wake itself can be read and stored, but not when the next one is.
#[test]
fn a_wake_is_not_lost_when_it_cannot_be_read_when_the_next_is() {
    let mut bench = Bench::new();
    bench.policy(QueuePolicy { attempts: 1, ..QueuePolicy::default() });
    bench.enqueue(new("a"));
    bench.report(failed());
    bench.pass(seconds(5));
    bench.enqueue(new("b"));
    bench.report(failed());
    bench.pass(seconds(54));
    bench.labels_begun();
    bench.disk.fail_reads_after(1, 1);
    bench.pass(seconds(1));
    assert_eq!(bench.labels_begun(), ["a"]);
    bench.pass(seconds(5));
    assert_eq!(bench.labels_begun(), ["b"]);
}

#[test]
fn an_outcome_that_could_not_be_stored_is_stored_later_and_not_played_twice() {
    for (outcome, left) in [(Outcome::Played, 0), (died(), 1), (failed(), 1)] {
        let mut bench = Bench::new();
        bench.policy(QueuePolicy { attempts: 1, play_timeout: 10, ..QueuePolicy::default() });
        let id = bench.enqueue(new("a"));
        let attempt = bench.playing[0].attempt;
        bench.disk.fail_commits(1000);
        bench.report(outcome.clone());
        assert_eq!(bench.core.playing(), 1);
        assert_eq!(bench.view(id).attempts, 0);
        assert_eq!(bench.drop_messages(Selection::Message(id)).unwrap_err().code, common::ERROR_BUSY);
        // Later words of the same attempt, and its deadline, change nothing.
        bench.report_of(attempt, failed());
        bench.pass(seconds(15));
        assert_eq!(bench.given_up, Vec::<u64>::new(), "nobody gives up what has ended");
        assert!(bench.core.is_failing());
        bench.disk.fail_commits(0);
        bench.pass(seconds(2));
        assert!(!bench.core.is_failing());
        assert_eq!(bench.stored().len(), left);
        if let Some(message) = bench.stored().first() {
            assert_eq!((message.state.attempts, bench.disk.attempts(message.seq).len()), (1, 1));
        }
    }
}

/// A commit in the middle of a round fails, and the deadline is over by the end of that round.
#[test]
fn a_success_is_not_turned_into_a_timeout() {
    let mut bench = Bench::new();
    bench.policy(QueuePolicy { play_timeout: 10, ..QueuePolicy::default() });
    bench.enqueue_all(&["a", "b"]);
    let (attempt, other) = (bench.playing[0].attempt, bench.playing[1].attempt);
    bench.now = bench.now + seconds(10);
    bench.disk.fail_commits(1);
    let (reply, _answer) = tokio::sync::oneshot::channel();
    bench.round(vec![Input::Report(attempt, Outcome::Played), Input::Admin(Admin::Queues(reply))]);
    assert_eq!(bench.given_up, [other]);
    bench.playing.retain(|play| play.attempt != attempt);
    bench.pass(seconds(5));
    let left: Vec<_> = bench.stored().into_iter().map(|message| message.label).collect();
    assert_eq!(left, ["b"], "the first was played");
}

#[test]
fn a_crash_before_an_outcome_is_stored_plays_it_again() {
    let mut bench = Bench::new();
    bench.enqueue(new("a"));
    bench.disk.fail_commits(1);
    bench.report(Outcome::Played);
    bench.crash();
    assert_eq!(bench.labels_begun(), ["a", "a"]);
}

#[test]
fn what_could_not_be_let_go_on_goes_on_later() {
    let mut bench = Bench::new();
    bench.pause_first();
    bench.host.set(CLASS, None);
    bench.enqueue_all(&["a", "b"]);
    bench.pause(false);
    assert_eq!(bench.queue("app").counts.parked, 2);
    bench.enqueue(new("c"));
    assert_eq!(bench.queue("app").counts.parked, 3);
    bench.disk.fail_commits(2);
    bench.register(CLASS, Some(Component::default()));
    assert!(bench.playing.is_empty());
    bench.pass(seconds(10));
    assert_eq!(bench.play_all(), ["a", "b", "c"]);
}

#[test]
fn what_is_due_while_the_disk_fails_is_woken_later() {
    let mut bench = Bench::new();
    bench.enqueue(new("a"));
    (0..3).for_each(|_| bench.report(failed()));
    bench.disk.fail_commits(100);
    bench.pass(seconds(65));
    assert!(bench.playing.is_empty());
    bench.disk.fail_commits(0);
    bench.pass(seconds(2));
    assert_eq!(bench.playing.len(), 1);
}

#[test]
fn what_cannot_be_read_is_read_later() {
    for reads in 1..12 {
        let mut bench = Bench::new();
        let waiting = bench.enqueue(new("waits"));
        (0..3).for_each(|_| bench.report(failed()));
        bench.pause(true);
        for index in 0..300 {
            bench.enqueue(new(&index.to_string()));
        }
        bench.disk.fail_reads(reads);
        bench.host.set(CLASS, Some(Component::default()));
        bench.round(vec![Input::ComponentChanged(CLASS)]);
        let (reply, _answer) = tokio::sync::oneshot::channel();
        bench.round(vec![Input::Admin(Admin::SetPaused("app".to_owned(), false, reply))]);
        bench.pass(minutes(2));
        let mut played = bench.play_all();
        bench.pass(minutes(2));
        played.extend(bench.play_all());
        assert!(bench.stored().is_empty(), "with {reads} reads that fail something is left, {waiting} perhaps");
        played.sort();
        played.dedup();
        assert_eq!(played.len(), 301);
    }
}

/// A commit fails, and then the store cannot say what it holds either.
#[test]
fn what_memory_only_believes_is_neither_played_nor_counted() {
    let mut bench = Bench::new();
    bench.pause_first();
    bench.enqueue(new("a"));
    bench.disk.fail_commits(1);
    bench.disk.fail_reads(3);
    bench.try_enqueue(new("refused")).unwrap_err();
    bench.try_enqueue(new("refused too")).unwrap_err();
    bench.pass(seconds(10));
    bench.pause(false);
    assert_eq!(bench.play_all(), ["a"]);
}

#[test]
fn a_poisoned_store_takes_nothing_and_loses_nothing() {
    let mut bench = Bench::new();
    bench.enqueue(new("a"));
    bench.disk.poison();
    bench.report(Outcome::Played);
    bench.try_enqueue(new("refused")).unwrap_err();
    bench.pass(minutes(60));
    assert_eq!(bench.labels_begun(), ["a"], "nothing is played while nothing can be stored");
    assert_eq!(bench.list("app", Standing::Ready).len(), 1, "it can still be read");
    bench.crash();
    assert_eq!(bench.play_all(), ["a"]);
}

/// Two commits in one round: the first succeeds, the second does not.
#[test]
fn events_of_what_was_stored_are_told_though_a_later_commit_fails() {
    let mut bench = Bench::new();
    bench.enqueue(new("first"));
    bench.events.clear();
    let (stored, mut answer) = tokio::sync::oneshot::channel();
    let (look, _look) = tokio::sync::oneshot::channel();
    let (refused, mut refusal) = tokio::sync::oneshot::channel();
    bench.disk.fail_commits_after(1, 1);
    let enqueue = |label, reply| Input::Enqueue(Box::new(new(label)), reply);
    bench.round(vec![enqueue("stored", stored), Input::Admin(Admin::Queues(look)), enqueue("refused", refused)]);
    let id = answer.try_recv().unwrap().unwrap();
    refusal.try_recv().unwrap().unwrap_err();
    let told = |event: &&QueueEvent| matches!(event, QueueEvent::Record { .. });
    let events: Vec<_> = bench.events.iter().filter(told).collect();
    assert_eq!(events, [&QueueEvent::Record { queue: "app".to_owned(), message: id }]);
}

/// The commit of an outcome fails, and a later one of the same round succeeds.
#[test]
fn an_outcome_is_not_left_lying_when_the_disk_is_well_within_the_round() {
    let mut bench = Bench::new();
    bench.enqueue(new("a"));
    bench.disk.fail_commits(2);
    bench.report(Outcome::Played);
    bench.pause(true);
    assert!(!bench.core.is_failing());
    assert_eq!(bench.stored().len(), 1);
    bench.pass(seconds(0));
    assert!(bench.stored().is_empty());
}
