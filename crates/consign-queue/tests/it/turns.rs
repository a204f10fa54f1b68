//! Whose turn it is.

use consign_queue::{Component, Input, Listener, Outcome, QueuePolicy, message::Standing};

use crate::bench::{Bench, CLASS, OTHER, PLAYERS, failed, minutes, new, not_understood, seconds};

fn ordered() -> QueuePolicy {
    QueuePolicy { ordered: true, ..QueuePolicy::default() }
}

#[test]
fn a_higher_priority_comes_first() {
    let mut bench = Bench::new();
    bench.policy(QueuePolicy { max_players: Some(1), ..QueuePolicy::default() });
    for (label, priority) in [("first", 3), ("low", 0), ("middle", 3), ("high", 7), ("high too", 7)] {
        let mut message = new(label);
        message.priority = priority;
        bench.enqueue(message);
    }
    assert_eq!(bench.play_all(), ["first", "high", "high too", "middle", "low"]);
}

#[test]
fn as_many_at_once_as_there_are_players() {
    let mut bench = Bench::new();
    bench.enqueue_all(&["a", "b", "c", "d", "e", "f"]);
    assert_eq!(bench.playing.len(), PLAYERS as usize);
    assert_eq!(bench.queue("app").waiting_because, "all players are busy: 4 of 4");
    bench.policy(QueuePolicy { max_players: Some(5), ..QueuePolicy::default() });
    assert_eq!(bench.playing.len(), 5);
    assert_eq!(bench.play_all(), ["a", "b", "c", "d", "e", "f"]);
}

#[test]
fn a_class_that_is_busy_holds_up_no_other() {
    let mut bench = Bench::new();
    bench.register(CLASS, Some(Component { max_players: Some(1), ..Component::default() }));
    bench.enqueue_all(&["a", "b", "c"]);
    let mut other = new("other");
    other.class = OTHER;
    bench.enqueue(other);
    assert_eq!(bench.labels_begun(), ["a", "other"]);
    assert!(bench.queue("app").waiting_because.starts_with("all players of class"));
    bench.report(Outcome::Played);
    assert_eq!(bench.labels_begun(), ["b"]);
    assert_eq!(bench.play_all(), ["c"]);
}

/// The messages of a busy class, far more than are held ahead, before those of another.
#[test]
fn thousands_of_a_busy_class_hold_up_no_other_and_are_all_played() {
    let mut bench = Bench::new();
    bench.policy(QueuePolicy::default());
    bench.pause(true);
    let (mut busy, mut free) = (Vec::new(), Vec::new());
    for index in 0..2000 {
        let mut message = new(&format!("busy {index}"));
        message.priority = if index % 2 == 0 { 3 } else { 4 };
        busy.push((7 - message.priority, message.label.clone()));
        bench.enqueue(message);
        if index % 4 == 0 {
            let mut message = new(&format!("free {index}"));
            message.class = OTHER;
            message.priority = 2;
            free.push(message.label.clone());
            bench.enqueue(message);
        }
    }
    busy.sort_by_key(|(rank, _)| *rank);
    bench.register(CLASS, Some(Component { max_players: Some(1), ..Component::default() }));
    bench.pause(false);
    // One player is always with the busy class, the other three take turns with the free one.
    let (mut busy_begun, mut free_begun) = (Vec::new(), Vec::new());
    while !bench.playing.is_empty() {
        for play in std::mem::take(&mut bench.begun) {
            if play.class == CLASS { busy_begun.push(play.label) } else { free_begun.push(play.label) }
        }
        assert!(bench.playing.iter().filter(|play| play.class == CLASS).count() <= 1);
        // The busy class is slow as long as there is something else.
        let next = bench.playing.iter().find(|play| play.class == OTHER).unwrap_or(&bench.playing[0]).attempt;
        if free_begun.len() % 10 == 9 {
            let slow = bench.playing.iter().find(|play| play.class == CLASS).map(|play| play.attempt);
            slow.into_iter().for_each(|attempt| bench.report_of(attempt, Outcome::Played));
        }
        bench.report_of(next, Outcome::Played);
    }
    assert_eq!(free_begun, free);
    assert_eq!(busy_begun, busy.into_iter().map(|(_, label)| label).collect::<Vec<_>>());
    assert!(bench.stored().is_empty());
}

#[test]
fn a_listener_that_is_off_plays_nothing_and_holds_up_no_other() {
    let mut bench = Bench::new();
    bench.register(CLASS, Some(Component { listener: Listener::Off, ..Component::default() }));
    for index in 0..1000 {
        bench.enqueue(new(&format!("off {index}")));
    }
    let mut other = new("on");
    other.class = OTHER;
    bench.enqueue(other);
    assert_eq!(bench.labels_begun(), ["on"]);
    assert!(bench.queue("app").waiting_because.contains("is off"));
    bench.report(Outcome::Played);
    bench.register(CLASS, Some(Component::default()));
    assert_eq!(bench.play_all(), (0..1000).map(|index| format!("off {index}")).collect::<Vec<_>>());
}

#[test]
fn a_paused_queue_plays_nothing_more() {
    let mut bench = Bench::new();
    bench.enqueue(new("a"));
    bench.pause(true);
    bench.enqueue(new("b"));
    assert_eq!(bench.labels_begun(), ["a"]);
    assert_eq!(bench.queue("app").waiting_because, "the queue is paused");
    assert!(bench.queue("app").paused);
    bench.report(failed());
    assert!(bench.playing.is_empty(), "what is paused is not tried again either");
    bench.crash();
    assert!(bench.playing.is_empty(), "a pause outlives the service");
    bench.pause(false);
    assert_eq!(bench.play_all(), ["a", "b"]);
}

#[test]
fn ten_thousand_are_played_once_each_in_their_order() {
    let mut bench = Bench::new();
    bench.policy(QueuePolicy { max_players: Some(1), ..QueuePolicy::default() });
    bench.pause(true);
    let labels: Vec<String> = (0..10_000).map(|index| index.to_string()).collect();
    // In rounds of a hundred, as they come when many enqueue at once.
    for chunk in labels.chunks(100) {
        let inputs = chunk.iter().map(|label| Input::Enqueue(Box::new(new(label)), tokio::sync::oneshot::channel().0));
        bench.round(inputs.collect());
    }
    bench.pause(false);
    assert_eq!(bench.play_all(), labels);
    assert!(bench.stored().is_empty());
}

#[test]
fn large_messages_are_not_held_ahead_and_still_played_in_order() {
    let mut bench = Bench::new();
    bench.policy(QueuePolicy { max_players: Some(1), ..QueuePolicy::default() });
    let labels: Vec<String> = (0..20).map(|index| index.to_string()).collect();
    for label in &labels {
        let mut message = new(label);
        message.calls = crate::bench::calls(&"x".repeat(400_000));
        bench.enqueue(message);
    }
    assert_eq!(bench.play_all(), labels);
}

#[test]
fn an_ordered_queue_waits_for_its_first() {
    let mut bench = Bench::new();
    bench.policy(ordered());
    bench.enqueue_all(&["a", "b", "c"]);
    assert_eq!(bench.playing.len(), 1);
    (0..3).for_each(|_| bench.report(failed()));
    assert!(bench.playing.is_empty(), "nobody overtakes a message that waits");
    assert_eq!(bench.queue("app").waiting_because, "the queue is ordered, and its first message waits");
    bench.pass(seconds(59));
    assert!(bench.playing.is_empty());
    bench.crash();
    assert!(bench.playing.is_empty(), "nor after a restart");
    bench.pass(seconds(1));
    assert_eq!(bench.playing[0].label, "a");
    while bench.list("app", Standing::Dead).is_empty() {
        match bench.playing.first().map(|play| play.label.as_str()) {
            Some("a") => bench.report(failed()),
            Some(other) => panic!("{other} has overtaken"),
            None => bench.pass(minutes(1)),
        }
    }
    bench.begun.retain(|play| play.label != "a");
    assert_eq!(bench.play_all(), ["b", "c"], "after its death the next one's turn has come");
}

#[test]
fn an_ordered_queue_waits_for_what_is_parked() {
    let mut bench = Bench::new();
    bench.policy(ordered());
    bench.host.set(OTHER, None);
    let mut strange = new("strange");
    strange.class = OTHER;
    bench.enqueue(strange);
    bench.enqueue(new("after"));
    assert_eq!(bench.labels_begun(), Vec::<String>::new());
    assert_eq!(bench.list("app", Standing::Parked).len(), 1);
    bench.register(OTHER, Some(Component::default()));
    assert_eq!(bench.labels_begun(), ["strange"]);
    bench.report(not_understood());
    assert_eq!(bench.labels_begun(), Vec::<String>::new());
    bench.register(OTHER, Some(Component::default()));
    assert_eq!(bench.play_all(), ["strange", "after"]);
}

/// Both are there before the first is found to be one that nobody can play.
#[test]
fn in_an_ordered_queue_nobody_overtakes_what_is_just_being_parked() {
    let mut bench = Bench::new();
    bench.policy(ordered());
    bench.pause(true);
    bench.host.set(OTHER, None);
    let mut strange = new("strange");
    strange.class = OTHER;
    bench.enqueue(strange);
    bench.enqueue(new("after"));
    bench.pause(false);
    assert_eq!(bench.labels_begun(), Vec::<String>::new());
}

#[test]
fn in_an_ordered_queue_the_next_follows_at_once_when_the_exception_class_is_gone() {
    let mut bench = Bench::new();
    bench.policy(QueuePolicy { attempts: 1, retry: Vec::new(), ..ordered() });
    bench.register(CLASS, crate::bench::with_exception_class());
    bench.enqueue_all(&["a", "b"]);
    bench.pause(true);
    bench.report(failed());
    bench.register(CLASS, Some(Component::default()));
    bench.pause(false);
    assert_eq!(bench.labels_begun(), ["a", "b"]);
}

#[test]
fn nothing_is_begun_while_draining() {
    let mut bench = Bench::new();
    let ids = bench.enqueue_all(&["a", "b", "c", "d", "e"]);
    bench.round(vec![Input::Drain]);
    bench.labels_begun();
    bench.report(Outcome::Played);
    bench.report(failed());
    assert_eq!(bench.labels_begun(), Vec::<String>::new());
    assert!(bench.details(ids[0]).is_err());
    assert_eq!(bench.view(ids[1]).attempts, 1, "what ends is stored");
    assert_eq!(bench.queue("app").waiting_because, "the service is ending");
    let refused = bench.try_enqueue(new("late")).unwrap_err();
    assert_eq!(refused.code, consign_core::common::ERROR_SHUTDOWN_IN_PROGRESS);
    bench.crash();
    assert_eq!(bench.play_all(), ["b", "c", "d", "e"]);
}

#[test]
fn queues_do_not_wait_for_each_other() {
    let mut bench = Bench::new();
    bench.policy(QueuePolicy { max_players: Some(1), ..QueuePolicy::default() });
    bench.enqueue_all(&["a", "b"]);
    let mut other = new("other");
    other.queue = "other".to_owned();
    bench.enqueue(other);
    assert_eq!(bench.labels_begun(), ["a", "other"]);
}
