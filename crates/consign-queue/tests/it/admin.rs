//! What people do with queues and messages.

use consign_core::common;
use consign_queue::{
    Admin, Input, MessageId, Outcome, QueuePolicy, Selection,
    message::{Place, Standing},
    store::Counts,
};

use crate::bench::{Bench, CLASS, OTHER, failed, minutes, new};

fn brief() -> QueuePolicy {
    QueuePolicy { attempts: 1, retry: Vec::new(), ..QueuePolicy::default() }
}

fn dead(bench: &mut Bench, count: usize) -> Vec<MessageId> {
    bench.policy(brief());
    let ids = (0..count).map(|index| bench.enqueue(new(&index.to_string()))).collect();
    while !bench.playing.is_empty() {
        bench.report(failed());
    }
    bench.labels_begun();
    ids
}

fn all(queue: &str, standing: Standing) -> Selection {
    Selection::All(queue.to_owned(), standing)
}

#[test]
fn a_dead_message_is_tried_again_from_the_beginning() {
    let mut bench = Bench::new();
    let id = dead(&mut bench, 1)[0];
    assert_eq!(bench.retry(Selection::Message(id)), Ok(1));
    assert_eq!((bench.playing[0].message, bench.playing[0].number), (id, 2));
    let busy = bench.retry(Selection::Message(id)).unwrap_err();
    assert_eq!(busy.code, common::ERROR_BUSY);
    bench.report(Outcome::Played);
    assert_eq!(bench.retry(Selection::Message(id)).unwrap_err().code, common::MQ_ERROR_MESSAGE_NOT_FOUND);
}

#[test]
fn one_that_waits_need_not_wait() {
    let mut bench = Bench::new();
    let id = bench.enqueue(new("a"));
    (0..3).for_each(|_| bench.report(failed()));
    assert_eq!(bench.retry(Selection::Message(id)), Ok(1));
    assert_eq!(bench.view(id).place, Place::Input);
    bench.report(Outcome::Played);
    bench.pass(minutes(5));
    assert!(bench.playing.is_empty());
}

#[test]
fn one_before_the_exception_class_begins_again() {
    let mut bench = Bench::new();
    bench.policy(brief());
    bench.register(CLASS, crate::bench::with_exception_class());
    let id = bench.enqueue(new("a"));
    bench.pause(true);
    bench.report(failed());
    assert_eq!(bench.retry(Selection::Message(id)), Ok(1));
    assert_eq!(bench.view(id).place, Place::Input);
    assert_eq!(bench.retry(Selection::Message(id)), Ok(0), "it stands at the beginning already");
}

#[test]
fn all_of_more_than_a_page() {
    let mut bench = Bench::new();
    dead(&mut bench, 700);
    assert_eq!(bench.queue("app").counts.dead, 700);
    assert_eq!(bench.retry(all("app", Standing::Dead)), Ok(700));
    assert_eq!(bench.play_all(), (0..700).map(|index| index.to_string()).collect::<Vec<_>>());
    assert_eq!(bench.queue("app").counts, Counts::default());
}

#[test]
fn all_of_thousands_are_moved_and_dropped() {
    let mut bench = Bench::new();
    bench.policy(brief());
    bench.pause(true);
    for index in 0..3000 {
        bench.enqueue(new(&index.to_string()));
    }
    // To the same queue: each once, though each gets a new turn.
    assert_eq!(bench.move_to(all("app", Standing::Ready), "app"), Ok(3000));
    assert_eq!(bench.move_to(all("app", Standing::Ready), "other"), Ok(3000));
    assert_eq!(bench.queue("app").counts, Counts::default());
    assert_eq!(bench.queue("other").counts.ready, 3000);
    let begun = bench.labels_begun();
    assert_eq!(begun, ["0", "1", "2", "3"]);
    assert_eq!(bench.drop_messages(all("other", Standing::Ready)), Ok(2996), "those that are played stay");
    bench.play_all();
    assert!(bench.stored().is_empty());
}

#[test]
fn a_message_is_moved_with_all_that_it_is() {
    let mut bench = Bench::new();
    let id = dead(&mut bench, 1)[0];
    let before = bench.view(id);
    assert_eq!(bench.move_to(Selection::Message(id), "elsewhere"), Ok(1));
    let after = bench.view(id);
    assert_eq!((after.queue.as_str(), after.place, after.standing), ("elsewhere", Place::Input, Standing::Ready));
    assert_eq!((after.caller, after.arrived, after.attempts), (before.caller, before.arrived, 1));
    assert_eq!(bench.details(id).unwrap().attempts.len(), 1);
    assert_eq!(&*bench.playing[0].queue, "elsewhere");
    assert_eq!(bench.move_to(Selection::Message(id), "app").unwrap_err().code, common::ERROR_BUSY);
}

#[test]
fn a_name_that_no_queue_can_have_is_refused() {
    let mut bench = Bench::new();
    let id = dead(&mut bench, 1)[0];
    assert_eq!(bench.move_to(Selection::Message(id), "").unwrap_err().code, common::E_INVALIDARG);
    assert_eq!(bench.policy_of(&"x".repeat(125), brief()).unwrap_err().code, common::E_INVALIDARG);
    assert_eq!(bench.policy_of("app", QueuePolicy { attempts: 0, ..brief() }).unwrap_err().code, common::E_INVALIDARG);
}

#[test]
fn what_is_dropped_is_gone_with_its_attempts() {
    let mut bench = Bench::new();
    let id = dead(&mut bench, 1)[0];
    let seq = bench.view(id).number;
    assert_eq!(bench.drop_messages(Selection::Message(id)), Ok(1));
    assert!(bench.stored().is_empty() && bench.disk.attempts(seq).is_empty());
    assert_eq!(bench.drop_messages(Selection::Message(id)).unwrap_err().code, common::MQ_ERROR_MESSAGE_NOT_FOUND);
    let foreign = MessageId::of(1, seq);
    assert_eq!(bench.drop_messages(Selection::Message(foreign)).unwrap_err().code, common::MQ_ERROR_MESSAGE_NOT_FOUND);
}

#[test]
fn what_is_dropped_or_moved_while_it_waits_for_its_turn_is_not_played() {
    let mut bench = Bench::new();
    bench.pause_first();
    let ids = bench.enqueue_all(&["a", "b", "c"]);
    bench.drop_messages(Selection::Message(ids[0])).unwrap();
    bench.move_to(Selection::Message(ids[1]), "other").unwrap();
    assert_eq!(bench.labels_begun(), ["b"]);
    bench.pause(false);
    assert_eq!(bench.labels_begun(), ["c"]);
}

#[test]
fn only_an_empty_queue_is_removed() {
    let mut bench = Bench::new();
    bench.enqueue(new("a"));
    let remove = |bench: &mut Bench| bench.admin(|reply| Admin::RemoveQueue("app".to_owned(), reply));
    assert_eq!(remove(&mut bench).unwrap_err().code, common::ERROR_BUSY);
    bench.play_all();
    remove(&mut bench).unwrap();
    assert_eq!(remove(&mut bench).unwrap_err().code, common::MQ_ERROR_QUEUE_NOT_FOUND);
    bench.crash();
    assert_eq!(bench.admin(Admin::Queues).unwrap(), vec![]);
    bench.enqueue(new("b"));
    assert_eq!(bench.labels_begun(), ["b"]);
}

#[test]
fn a_queue_that_could_not_be_removed_is_still_there() {
    let mut bench = Bench::new();
    bench.enqueue(new("a"));
    bench.play_all();
    bench.disk.fail_commits(1);
    bench.admin(|reply| Admin::RemoveQueue("app".to_owned(), reply)).unwrap_err();
    assert_eq!(bench.queue("app").counts, Counts::default());
}

#[test]
fn unknown_queues_are_refused() {
    let mut bench = Bench::new();
    let code = common::MQ_ERROR_QUEUE_NOT_FOUND;
    assert_eq!(bench.retry(all("nowhere", Standing::Dead)).unwrap_err().code, code);
    assert_eq!(bench.drop_messages(all("nowhere", Standing::Dead)).unwrap_err().code, code);
    assert_eq!(bench.admin(|reply| Admin::SetPaused("nowhere".to_owned(), true, reply)).unwrap_err().code, code);
    assert_eq!(bench.admin(|reply| Admin::Queue("nowhere".to_owned(), reply)).unwrap_err().code, code);
}

#[test]
fn who_uses_a_class_is_listed() {
    let mut bench = Bench::new();
    bench.host.set(OTHER, None);
    let ids = dead(&mut bench, 2);
    let mut parked = new("parked");
    parked.class = OTHER;
    let parked = bench.enqueue(parked);
    let mut using = |class| -> Vec<MessageId> {
        let found = bench.admin(|reply| Admin::Using(class, reply)).unwrap();
        found.into_iter().map(|message| message.id).collect()
    };
    assert_eq!(using(CLASS), ids);
    assert_eq!(using(OTHER), [parked]);
}

#[test]
fn the_catalogue_is_kept() {
    let mut bench = Bench::new();
    bench.ask(|reply| Input::Catalogue("a".to_owned(), Some("1".to_owned()), reply)).unwrap();
    bench.ask(|reply| Input::Catalogue("b".to_owned(), Some("2".to_owned()), reply)).unwrap();
    bench.ask(|reply| Input::Catalogue("a".to_owned(), None, reply)).unwrap();
    bench.disk.fail_commits(1);
    bench.ask(|reply| Input::Catalogue("c".to_owned(), Some("3".to_owned()), reply)).unwrap_err();
    let kept = vec![("b".to_owned(), "2".to_owned())];
    assert_eq!(bench.admin(Admin::Catalogue).unwrap(), kept);
    bench.crash();
    assert_eq!(bench.admin(Admin::Catalogue).unwrap(), kept);
}

#[test]
fn another_policy_holds_from_now_on() {
    let mut bench = Bench::new();
    let id = bench.enqueue(new("a"));
    (0..3).for_each(|_| bench.report(failed()));
    bench.policy(QueuePolicy { retry: Vec::new(), ..QueuePolicy::default() });
    bench.pass(minutes(1));
    bench.report(failed());
    assert_eq!(bench.view(id).standing, Standing::Dead, "its retry queue is gone: it is tried once more, no more");
}
