//! What is taken, what is refused, and streams from outboxes.

use consign_core::{Guid, Hresult, common};
use consign_queue::{
    NewMessage, QueueEvent, QueuePolicy, Stage, StreamBatch, StreamMessage, Taken, Undeliverable,
    message::{LONGEST_LABEL, Reason, Standing},
};

use crate::bench::{Bench, CLASS, calls, failed, new, with_exception_class};

fn refusal(bench: &mut Bench, message: NewMessage) -> Hresult {
    bench.try_enqueue(message).unwrap_err().code
}

#[test]
fn what_cannot_be_a_message_is_refused() {
    let mut bench = Bench::new();
    assert_eq!(refusal(&mut bench, NewMessage { label: "ß".repeat(LONGEST_LABEL + 1), ..new("") }), common::MQ_ERROR_LABEL_TOO_LONG);
    assert_eq!(refusal(&mut bench, NewMessage { priority: 8, ..new("") }), common::E_INVALIDARG);
    assert_eq!(refusal(&mut bench, NewMessage { queue: String::new(), ..new("") }), common::E_INVALIDARG);
    assert_eq!(refusal(&mut bench, NewMessage { queue: "x".repeat(125), ..new("") }), common::E_INVALIDARG);
    assert!(bench.stored().is_empty() && bench.playing.is_empty());
    bench.enqueue(NewMessage { label: "ß".repeat(LONGEST_LABEL), queue: "x".repeat(124), priority: 7, ..new("") });
}

#[test]
fn a_full_queue_refuses_and_takes_again_when_there_is_room() {
    let mut bench = Bench::new();
    bench.policy(QueuePolicy { max_messages: Some(2), ..QueuePolicy::default() });
    bench.enqueue_all(&["a", "b"]);
    assert_eq!(refusal(&mut bench, new("c")), common::MQ_ERROR_INSUFFICIENT_RESOURCES);
    bench.report(consign_queue::Outcome::Played);
    bench.enqueue(new("d"));
    assert_eq!(bench.play_all(), ["a", "b", "d"]);
}

#[test]
fn bytes_are_limited_too() {
    let mut bench = Bench::new();
    let size = calls("a").as_bytes().len() as u64;
    bench.policy(QueuePolicy { max_bytes: Some(2 * size), ..QueuePolicy::default() });
    bench.enqueue_all(&["a", "b"]);
    assert_eq!(refusal(&mut bench, new("c")), common::MQ_ERROR_INSUFFICIENT_RESOURCES);
    assert_eq!(bench.queue("app").counts.bytes, 2 * size);
}

#[test]
fn who_recorded_it_and_what_it_says_are_kept() {
    let mut bench = Bench::new();
    let id = bench.enqueue(NewMessage { app_specific: 77, priority: 5, ..new("a label") });
    let details = bench.details(id).unwrap();
    assert_eq!((details.view.app_specific, details.view.priority, details.view.label.as_str()), (77, 5, "a label"));
    assert_eq!((details.view.caller.uid, details.view.caller.pid), (1000, Some(7)));
    assert_eq!((&*details.calls, details.view.calls), (calls("a label").as_bytes(), 1));
    assert_eq!((details.view.class, details.view.playing), (CLASS, true));
    let play = &bench.playing[0];
    assert_eq!((play.message, play.number, play.app_specific, &*play.queue), (id, 1, 77, "app"));
    assert_eq!(bench.admin(|reply| consign_queue::Admin::Find(details.view.number, reply)).unwrap(), id);
    assert!(bench.events.contains(&QueueEvent::Record { queue: "app".to_owned(), message: id }));
}

#[test]
fn names_are_never_given_twice() {
    let mut bench = Bench::new();
    let mut ids = bench.enqueue_all(&["a", "b"]);
    bench.play_all();
    for _ in 0..3 {
        bench.crash();
        ids.extend(bench.enqueue_all(&["c", "d"]));
        bench.disk.fail_commits(1);
        bench.try_enqueue(new("refused")).unwrap_err();
        ids.extend(bench.enqueue_all(&["e"]));
        bench.play_all();
    }
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

/// The reservation itself is what could not be stored.
#[test]
fn numbers_whose_reservation_failed_are_reserved_again() {
    let mut bench = Bench::new();
    bench.pause_first();
    bench.disk.fail_commits(1);
    bench.try_enqueue(new("refused")).unwrap_err();
    let before = bench.enqueue_all(&["a", "b"]);
    for id in &before {
        bench.drop_messages(consign_queue::Selection::Message(*id)).unwrap();
    }
    bench.crash();
    let after = bench.enqueue_all(&["c", "d", "e", "f"]);
    assert!(after.iter().all(|id| !before.contains(id)), "{after:?} were given before: {before:?}");
}

const ORIGIN: Guid = Guid::from_bytes([0xaa; 16]);

fn batch(numbers: impl IntoIterator<Item = u64>) -> StreamBatch {
    let message = |number: u64| StreamMessage { number, message: new(&number.to_string()), undeliverable: None };
    StreamBatch { origin: ORIGIN, messages: numbers.into_iter().map(message).collect() }
}

#[test]
fn a_stream_is_taken_exactly_once() {
    let mut bench = Bench::new();
    assert_eq!(bench.take(batch([])), Ok(Taken { up_to: 0 }));
    assert_eq!(bench.take(batch(1..=3)), Ok(Taken { up_to: 3 }));
    assert_eq!(bench.take(batch(1..=3)), Ok(Taken { up_to: 3 }), "the answer was lost, it is sent again");
    assert_eq!(bench.take(batch(2..=5)), Ok(Taken { up_to: 5 }));
    bench.crash();
    assert_eq!(bench.take(batch(4..=6)), Ok(Taken { up_to: 6 }));
    assert_eq!(bench.take(batch([6, 9])), Ok(Taken { up_to: 9 }), "numbers may be left out");
    let other = StreamBatch { origin: CLASS, ..batch([1]) };
    assert_eq!(bench.take(other), Ok(Taken { up_to: 1 }), "each origin counts for itself");
    let mut labels = bench.play_all();
    labels.sort();
    // The crash began those again that were being played.
    labels.dedup();
    assert_eq!(labels, ["1", "2", "3", "4", "5", "6", "9"]);
    assert!(bench.stored().is_empty());
}

#[test]
fn the_same_batch_twice_in_one_round_is_taken_once() {
    let mut bench = Bench::new();
    let (first, mut first_answer) = tokio::sync::oneshot::channel();
    let (second, mut second_answer) = tokio::sync::oneshot::channel();
    bench.round(vec![consign_queue::Input::Take(batch(1..=2), first), consign_queue::Input::Take(batch(1..=2), second)]);
    assert_eq!(first_answer.try_recv().unwrap(), Ok(Taken { up_to: 2 }));
    assert_eq!(second_answer.try_recv().unwrap(), Ok(Taken { up_to: 2 }));
    assert_eq!(bench.play_all(), ["1", "2"]);
}

#[test]
fn what_has_no_room_waits_in_its_outbox() {
    let mut bench = Bench::new();
    bench.policy(QueuePolicy { max_messages: Some(2), ..QueuePolicy::default() });
    assert_eq!(bench.take(batch(1..=4)), Ok(Taken { up_to: 2 }));
    assert_eq!(bench.take(batch(3..=4)).unwrap_err().code, common::MQ_ERROR_INSUFFICIENT_RESOURCES);
    assert_eq!(bench.play_all(), ["1", "2"]);
    assert_eq!(bench.take(batch(3..=4)), Ok(Taken { up_to: 4 }));
    assert_eq!(bench.play_all(), ["3", "4"]);
}

#[test]
fn a_batch_that_was_not_stored_is_taken_when_it_is_sent_again() {
    let mut bench = Bench::new();
    bench.disk.fail_commits(1);
    assert_eq!(bench.take(batch(1..=3)).unwrap_err().code, common::ERROR_DISK_FULL);
    assert!(bench.playing.is_empty());
    assert_eq!(bench.take(batch(1..=3)), Ok(Taken { up_to: 3 }));
    assert_eq!(bench.play_all(), ["1", "2", "3"]);
}

/// The disk fails, and then cannot even say what it holds: nobody may be told that all is taken.
#[test]
fn what_memory_only_believes_is_not_acknowledged() {
    let mut bench = Bench::new();
    bench.disk.fail_commits(1);
    bench.disk.fail_reads(4);
    bench.take(batch(1..=3)).unwrap_err();
    assert!(bench.take(batch(1..=3)).is_err());
    assert!(bench.playing.is_empty());
    bench.pass(crate::bench::seconds(10));
    assert_eq!(bench.take(batch(1..=3)), Ok(Taken { up_to: 3 }));
    assert_eq!(bench.play_all(), ["1", "2", "3"]);
}

#[test]
fn what_can_never_be_delivered_is_told_to_the_exception_class() {
    let mut bench = Bench::new();
    bench.register(CLASS, with_exception_class());
    let mut undeliverable = batch([1]);
    let reason = Reason::new(common::E_ACCESSDENIED, "the sender may not");
    undeliverable.messages[0].undeliverable = Some(Undeliverable(reason.clone()));
    assert_eq!(bench.take(undeliverable), Ok(Taken { up_to: 1 }));
    assert_eq!(bench.playing[0].stage, Stage::FinalClientRetry);
    bench.report(failed());
    let dead = bench.list("app", Standing::Dead);
    assert_eq!((dead.len(), &dead[0].reason), (1, &reason));
}
