//! When a message is tried again, and what becomes of it at last.

use consign_core::common;
use consign_queue::{
    Component, Input, NewMessage, Outcome, QueueEvent, QueuePolicy, Stage,
    message::{Place, Side, Standing},
};

use crate::bench::{
    BROKEN, Bench, CLASS, EXCEPTION, OTHER, START, died, failed, minutes, new, not_understood, seconds, with_exception_class,
};

#[test]
fn half_an_hour_of_retries() {
    let mut bench = Bench::new();
    bench.register(CLASS, with_exception_class());
    let id = bench.enqueue(new("a"));
    let mut attempts = Vec::new();
    for _ in 0..40 {
        while let Some(play) = bench.playing.first() {
            attempts.push((bench.now.since(START).as_secs(), play.number, play.stage));
            bench.report(failed());
        }
        bench.pass(minutes(1));
    }
    let mut expected: Vec<_> = (1..=3).map(|number| (0, number, Stage::Play)).collect();
    for (index, minute) in [1, 3, 7, 15, 31].into_iter().enumerate() {
        expected.extend((1..=3).map(|number| (minute * 60, 3 + 3 * u32::try_from(index).unwrap() + number, Stage::Play)));
    }
    expected.push((31 * 60, 19, Stage::FinalServerRetry));
    assert_eq!(attempts, expected);
    let details = bench.details(id).unwrap();
    assert_eq!((details.view.place, details.view.standing, details.view.attempts), (Place::Dead, Standing::Dead, 19));
    assert_eq!((details.view.reason.code, details.view.reason.sentence.as_str()), (BROKEN, "it broke"));
    assert_eq!(details.attempts.len(), 19);
    assert!(details.attempts.iter().all(|attempt| attempt.reason.code == BROKEN && attempt.call == Some(0)));
    assert_eq!(details.attempts[18].at, START + minutes(31));
    let moved = |event: &&QueueEvent| matches!(event, QueueEvent::MoveToRetryQueue { .. } | QueueEvent::MoveToDeadQueue { .. });
    assert_eq!(bench.events.iter().filter(moved).count(), 6);
    assert!(bench.core.next_wake().is_none() && !bench.core.has_work(), "the dead ask for nothing");
}

#[test]
fn a_restart_in_the_middle_keeps_the_schedule() {
    let mut bench = Bench::new();
    let id = bench.enqueue(new("a"));
    (0..3).for_each(|_| bench.report(failed()));
    assert_eq!(bench.view(id).due, Some(START + seconds(60)));
    bench.pass(seconds(59));
    bench.crash();
    assert!(bench.playing.is_empty());
    bench.pass(seconds(1));
    assert_eq!(bench.playing[0].number, 4);
    // Played when the process ends, so it burns nothing.
    bench.crash();
    assert_eq!((bench.playing[0].number, bench.view(id).attempts), (4, 3));
    bench.report(Outcome::Played);
    assert!(bench.stored().is_empty());
}

#[test]
fn without_retry_queues_it_is_dead_at_once() {
    let mut bench = Bench::new();
    bench.policy(QueuePolicy { attempts: 2, retry: Vec::new(), ..QueuePolicy::default() });
    let id = bench.enqueue(new("a"));
    (0..2).for_each(|_| bench.report(failed()));
    assert_eq!(bench.view(id).standing, Standing::Dead);
}

#[test]
fn a_component_that_dies_twice_is_not_given_it_again() {
    let mut bench = Bench::new();
    let id = bench.enqueue(new("a"));
    bench.report(died());
    assert_eq!(bench.playing.len(), 1, "it is tried once more at once");
    bench.report(died());
    let view = bench.view(id);
    assert_eq!((view.standing, view.deaths, view.reason.code), (Standing::Dead, 2, common::RPC_E_SERVER_DIED));
    bench.pass(minutes(60));
    assert!(bench.playing.is_empty());
}

#[test]
fn those_under_which_a_component_died_together_are_played_alone() {
    let mut bench = Bench::new();
    let ids: Vec<_> = ["a", "b", "c"].map(|label| bench.enqueue(new(label))).into();
    assert_eq!(bench.playing.len(), 3);
    // One of them kills the process, and with it all three attempts.
    let attempts: Vec<_> = bench.playing.iter().map(|play| play.attempt).collect();
    bench.playing.clear();
    bench.round(attempts.into_iter().map(|attempt| Input::Report(attempt, died())).collect());
    assert_eq!(bench.playing.iter().map(|play| play.message).collect::<Vec<_>>(), [ids[0]]);
    bench.report(died());
    for id in &ids[1..] {
        assert_eq!(bench.playing.iter().map(|play| play.message).collect::<Vec<_>>(), [*id]);
        bench.report(Outcome::Played);
    }
    assert_eq!(bench.view(ids[0]).standing, Standing::Dead);
    assert_eq!(bench.stored().len(), 1, "the others were played");
}

#[test]
fn an_attempt_that_is_given_up_when_its_message_would_expire_is_a_failure() {
    let mut bench = Bench::new();
    let timeout = QueuePolicy::default().play_timeout;
    let id = bench.enqueue(NewMessage { time_to_receive: Some(seconds(timeout.into())), ..new("a") });
    bench.pass(seconds(timeout.into()));
    let view = bench.view(id);
    assert_eq!((view.standing, view.attempts, view.expires), (Standing::Ready, 1, None));
    bench.report(failed());
    assert_eq!(bench.view(id).attempts, 2);
}

fn one_attempt(bench: &mut Bench) {
    bench.policy(QueuePolicy { attempts: 1, retry: Vec::new(), ..QueuePolicy::default() });
}

#[test]
fn the_exception_class_gets_the_same_calls() {
    let mut bench = Bench::new();
    one_attempt(&mut bench);
    bench.register(CLASS, with_exception_class());
    bench.enqueue(new("a"));
    let first = bench.playing[0].clone();
    bench.report(failed());
    let last = &bench.playing[0];
    assert_eq!((last.class, last.stage, &last.calls), (EXCEPTION, Stage::FinalServerRetry, &first.calls));
    assert_eq!((last.message, last.caller), (first.message, first.caller));
    bench.report(Outcome::Played);
    assert!(bench.stored().is_empty());
}

#[test]
fn an_exception_class_that_fails_or_lacks_the_interface_leads_to_the_dead_queue() {
    for outcome in [failed(), not_understood()] {
        let mut bench = Bench::new();
        one_attempt(&mut bench);
        bench.register(CLASS, with_exception_class());
        let id = bench.enqueue(new("a"));
        bench.report(Outcome::Failed { code: common::E_UNEXPECTED, sentence: "the first".to_owned(), call: None });
        bench.report(outcome);
        let view = bench.view(id);
        assert_eq!((view.standing, view.reason.sentence.as_str(), view.attempts), (Standing::Dead, "the first", 2));
    }
}

#[test]
fn an_exception_class_that_was_taken_away_leads_to_the_dead_queue() {
    let mut bench = Bench::new();
    one_attempt(&mut bench);
    bench.register(CLASS, with_exception_class());
    let id = bench.enqueue(new("a"));
    bench.pause(true);
    bench.report(failed());
    assert_eq!(bench.view(id).place, Place::Exception(Side::Server));
    bench.register(CLASS, Some(Component::default()));
    bench.pause(false);
    assert!(bench.playing.is_empty());
    assert_eq!((bench.view(id).standing, bench.view(id).reason.code), (Standing::Dead, BROKEN));
}

#[test]
fn too_long_is_given_up_and_the_late_report_changes_nothing() {
    let mut bench = Bench::new();
    bench.policy(QueuePolicy { play_timeout: 10, ..QueuePolicy::default() });
    let id = bench.enqueue(new("a"));
    let old = bench.playing[0].attempt;
    bench.pass(seconds(9));
    assert!(bench.given_up.is_empty());
    bench.pass(seconds(1));
    assert_eq!(bench.given_up, vec![old]);
    let view = bench.view(id);
    assert_eq!((view.attempts, view.reason.code, view.playing), (1, common::RPC_E_TIMEOUT, true));
    for outcome in [Outcome::Played, failed(), died(), not_understood(), Outcome::CutOff] {
        bench.report_of(old, outcome);
        assert_eq!(bench.view(id), view, "what the old attempt says changes nothing");
    }
    let new = bench.playing[0].attempt;
    assert_ne!(new, old);
    bench.report_of(new, Outcome::Played);
    assert!(bench.stored().is_empty());
    bench.report_of(new, failed());
    assert!(bench.stored().is_empty());
}

#[test]
fn what_nobody_receives_in_time_expires() {
    let mut bench = Bench::new();
    bench.register(CLASS, with_exception_class());
    bench.enqueue(new("first"));
    bench.pause(true);
    let mut late = new("late");
    late.time_to_receive = Some(seconds(5));
    let id = bench.enqueue(late);
    bench.pass(seconds(4));
    assert_eq!(bench.view(id).place, Place::Input);
    bench.pass(seconds(1));
    assert_eq!(bench.view(id).place, Place::Exception(Side::Client));
    bench.pause(false);
    let play = bench.playing[1].clone();
    assert_eq!((play.stage, play.class), (Stage::FinalClientRetry, EXCEPTION));
    bench.report_of(play.attempt, failed());
    assert_eq!((bench.view(id).standing, bench.view(id).reason.code), (Standing::Dead, common::MQ_ERROR_IO_TIMEOUT));
}

#[test]
fn what_is_received_in_time_does_not_expire_while_it_is_played() {
    let mut bench = Bench::new();
    let mut message = new("a");
    message.time_to_receive = Some(seconds(5));
    let id = bench.enqueue(message);
    bench.pass(seconds(100));
    assert_eq!((bench.playing.len(), bench.view(id).expires), (1, None));
    bench.report(failed());
    bench.pass(seconds(100));
    assert_eq!((bench.view(id).place, bench.view(id).standing, bench.playing.len()), (Place::Input, Standing::Ready, 1));
    bench.report(Outcome::CutOff);
    bench.pass(seconds(100));
    assert_eq!(bench.view(id).attempts, 1, "what is cut off burns nothing");
}

#[test]
fn many_expire_at_one_moment() {
    let mut bench = Bench::new();
    bench.enqueue(new("busy"));
    bench.pause(true);
    for index in 0..600 {
        let mut message = new(&index.to_string());
        message.time_to_receive = Some(seconds(5));
        bench.enqueue(message);
    }
    bench.pass(seconds(5));
    assert_eq!(bench.queue("app").counts.dead, 600);
    assert_eq!(bench.core.next_wake(), Some(START + minutes(5)), "only the deadline of what is played is left");
}

#[test]
fn what_no_class_is_there_for_waits_and_goes_on_by_itself() {
    let mut bench = Bench::new();
    bench.host.set(CLASS, None);
    let ids = bench.enqueue_all(&["a", "b"]);
    let view = bench.view(ids[0]);
    assert_eq!((view.standing, view.reason.code, view.attempts), (Standing::Parked, common::REGDB_E_CLASSNOTREG, 0));
    assert!(!bench.core.has_work(), "who is parked does not keep the service");
    bench.register(OTHER, Some(Component::default()));
    assert!(bench.playing.is_empty());
    bench.register(CLASS, Some(Component::default()));
    assert_eq!(bench.play_all(), ["a", "b"]);
}

#[test]
fn more_than_a_page_is_parked_and_goes_on() {
    let mut bench = Bench::new();
    bench.pause_first();
    bench.host.set(CLASS, None);
    for index in 0..700 {
        bench.enqueue(new(&index.to_string()));
    }
    bench.pause(false);
    bench.pass(seconds(0));
    assert_eq!(bench.queue("app").counts.parked, 700);
    bench.register(CLASS, Some(Component::default()));
    assert_eq!(bench.play_all(), (0..700).map(|index| index.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_class_that_was_registered_while_the_service_was_away_is_found() {
    let mut bench = Bench::new();
    bench.host.set(CLASS, None);
    bench.enqueue(new("a"));
    bench.host.set(CLASS, Some(Component::default()));
    bench.crash();
    assert_eq!(bench.play_all(), ["a"]);
}

#[test]
fn what_the_component_does_not_understand_is_parked_where_it_stands() {
    let mut bench = Bench::new();
    let id = bench.enqueue(new("a"));
    (0..3).for_each(|_| bench.report(failed()));
    bench.pass(minutes(1));
    bench.report(not_understood());
    let view = bench.view(id);
    assert_eq!((view.place, view.standing, view.attempts), (Place::Retry(0), Standing::Parked, 3));
    bench.register(CLASS, Some(Component::default()));
    assert_eq!((bench.playing.len(), bench.view(id).place, bench.view(id).standing), (1, Place::Retry(0), Standing::Ready));
}

#[test]
fn a_class_is_taken_away_while_messages_wait() {
    let mut bench = Bench::new();
    let id = bench.enqueue(new("a"));
    (0..3).for_each(|_| bench.report(failed()));
    bench.register(CLASS, None);
    bench.pass(minutes(1));
    assert_eq!(bench.view(id).standing, Standing::Parked);
    bench.register(CLASS, Some(Component::default()));
    assert_eq!(bench.playing[0].number, 4);
}
