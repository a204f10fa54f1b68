use proptest::prelude::*;

use super::*;
use crate::policy::RetryQueue;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const BACK_OF_THE_QUEUE: u64 = 777;
const BROKEN: Hresult = Hresult::new(0x8000_4005);

fn given(policy: &QueuePolicy, exception_class: ExceptionClass) -> Given<'_> {
    Given { policy, exception_class, position: BACK_OF_THE_QUEUE, now: NOW }
}

fn at(place: Place, standing: Standing) -> State {
    State {
        place,
        standing,
        position: 5,
        due: (standing == Standing::Waiting).then_some(NOW + Duration::from_secs(9)),
        expires: None,
        attempts_here: 0,
        attempts: 0,
        deaths: 0,
        reason: Reason::none(),
    }
}

fn fresh() -> State {
    State { expires: Some(NOW + Duration::from_secs(60)), ..at(Place::Input, Standing::Ready) }
}

fn failure() -> Event {
    Event::Failed { call: Some(1), reason: Reason::new(BROKEN, "it broke") }
}

fn died_event() -> Event {
    Event::Died { sentence: "signal 11".to_owned() }
}

fn unknown() -> Event {
    Event::NotUnderstood(Reason::new(common::REGDB_E_IIDNOTREG, "no such interface"))
}

fn undeliverable() -> Event {
    Event::Undeliverable(Reason::new(common::MQ_ERROR_QUEUE_NOT_FOUND, "no such queue"))
}

/// The state after `event`; panics where the message is gone.
fn after(state: &State, event: &Event, policy: &QueuePolicy, exception_class: ExceptionClass) -> State {
    step(state, event, &given(policy, exception_class)).state.expect("the message is still somewhere")
}

const PLACES: [Place; 6] =
    [Place::Input, Place::Retry(0), Place::Retry(4), Place::Exception(Side::Server), Place::Exception(Side::Client), Place::Dead];

const STANDINGS: [Standing; 4] = [Standing::Ready, Standing::Waiting, Standing::Parked, Standing::Dead];

fn events() -> [Event; 10] {
    [
        Event::Played,
        failure(),
        died_event(),
        unknown(),
        Event::CutOff,
        Event::Expired,
        undeliverable(),
        Event::Due,
        Event::Understood,
        Event::Retry { position: 9 },
    ]
}

/// What one event does to a message that stands so, in a word and with the place where that matters.
#[derive(Debug, PartialEq, Eq)]
enum Does {
    Nothing,
    Removes,
    /// Counts an attempt, and leaves the message in this place, standing so.
    Counts(Place, Standing),
    Moves(Place, Standing),
}

fn does(state: &State, event: &Event, policy: &QueuePolicy, exception_class: ExceptionClass) -> Does {
    let step = step(state, event, &given(policy, exception_class));
    match step.state {
        None => {
            assert_eq!(step.attempt, None, "what has succeeded has no failed attempt");
            Does::Removes
        }
        Some(next) if next == *state => {
            assert_eq!(step.attempt, None);
            Does::Nothing
        }
        Some(next) if next.attempts > state.attempts => {
            assert_eq!(next.attempts, state.attempts + 1);
            let attempt = step.attempt.expect("an attempt that is counted is kept");
            assert_eq!((attempt.number, attempt.at, attempt.place), (next.attempts, NOW, state.place));
            Does::Counts(next.place, next.standing)
        }
        Some(next) => {
            assert_eq!(step.attempt, None, "an attempt that is kept is counted");
            Does::Moves(next.place, next.standing)
        }
    }
}

/// The whole table: every event in every place and standing, with and without an exception class.
#[test]
fn every_event_in_every_place() {
    let policy = QueuePolicy::default();
    for exception_class in [ExceptionClass::Present, ExceptionClass::Absent] {
        for place in PLACES {
            for standing in STANDINGS {
                for event in events() {
                    let state = at(place, standing);
                    let final_place = |side| match exception_class {
                        ExceptionClass::Present if !matches!(place, Place::Exception(_) | Place::Dead) => {
                            (Place::Exception(side), Standing::Ready)
                        }
                        _ => (Place::Dead, Standing::Dead),
                    };
                    let exception = matches!(place, Place::Exception(_));
                    let expected = match (&event, standing) {
                        (Event::Retry { .. }, _) => Does::Moves(Place::Input, Standing::Ready),
                        (_, Standing::Dead) => Does::Nothing,
                        (Event::Undeliverable(_), _) => {
                            let (place, standing) = final_place(Side::Client);
                            Does::Moves(place, standing)
                        }
                        (Event::Due, Standing::Waiting) | (Event::Understood, Standing::Parked) => Does::Moves(place, Standing::Ready),
                        (Event::Played, Standing::Ready) => Does::Removes,
                        (Event::Failed { .. }, Standing::Ready) if exception || place == Place::Dead => {
                            Does::Counts(Place::Dead, Standing::Dead)
                        }
                        (Event::Failed { .. } | Event::Died { .. }, Standing::Ready) => Does::Counts(place, Standing::Ready),
                        (Event::NotUnderstood(_), Standing::Ready) if exception => Does::Counts(Place::Dead, Standing::Dead),
                        (Event::NotUnderstood(_), Standing::Ready) => Does::Moves(place, Standing::Parked),
                        _ => Does::Nothing,
                    };
                    let told = does(&state, &event, &policy, exception_class);
                    assert_eq!(told, expected, "{event:?} in {place:?}, {standing:?}, exception class {exception_class:?}");
                }
            }
        }
    }
}

/// COM+'s schedule as data: where the message is at each attempt, and how long it waited for it.
#[test]
fn the_default_schedule() {
    let policy = QueuePolicy::default();
    let mut state = fresh();
    let mut history = Vec::new();
    let mut waited = 0;
    while state.standing != Standing::Dead {
        match state.standing {
            Standing::Ready => {
                history.push((state.place, waited));
                waited = 0;
                state = after(&state, &failure(), &policy, ExceptionClass::Present);
            }
            Standing::Waiting => {
                waited = state.due.expect("who waits, waits for a time").since(NOW).as_secs();
                assert_eq!(state.position, BACK_OF_THE_QUEUE, "to the back of the next queue");
                state = after(&state, &Event::Due, &policy, ExceptionClass::Present);
            }
            Standing::Parked | Standing::Dead => unreachable!(),
        }
    }
    let mut expected = vec![(Place::Input, 0); 3];
    for (index, seconds) in [60, 120, 240, 480, 960].into_iter().enumerate() {
        let place = Place::Retry(u8::try_from(index).unwrap());
        expected.extend([(place, seconds), (place, 0), (place, 0)]);
    }
    expected.push((Place::Exception(Side::Server), 0));
    assert_eq!(history, expected);
    assert_eq!((state.place, state.attempts, state.due), (Place::Dead, 19, None));
    assert_eq!(state.reason, Reason::new(BROKEN, "it broke"));
}

/// How often a message is tried until it is dead, and the waits between.
fn schedule(policy: &QueuePolicy) -> (u32, Vec<u64>) {
    let (mut state, mut waits) = (fresh(), Vec::new());
    while state.standing != Standing::Dead {
        if let Some(due) = state.due {
            waits.push(due.since(NOW).as_secs());
        }
        let event = if state.standing == Standing::Waiting { Event::Due } else { failure() };
        state = after(&state, &event, policy, ExceptionClass::Absent);
    }
    (state.attempts, waits)
}

#[test]
fn deleted_retry_queues_shorten_the_schedule() {
    let mut policy = QueuePolicy { attempts: 2, ..QueuePolicy::default() };
    policy.retry.truncate(2);
    assert_eq!(schedule(&policy), (8, vec![60, 120]));
    policy.retry.clear();
    assert_eq!(schedule(&policy), (2, vec![]));
}

#[test]
fn sixty_four_retry_queues_are_all_used() {
    let policy = QueuePolicy { attempts: 1, retry: vec![RetryQueue { delay: 1, attempts: 1 }; 64], ..QueuePolicy::default() };
    assert_eq!(policy.fault(), None);
    assert_eq!(schedule(&policy), (65, vec![1; 64]));
}

#[test]
fn a_retry_queue_that_was_taken_away_tries_once_more_and_no_more() {
    let policy = QueuePolicy { retry: Vec::new(), ..QueuePolicy::default() };
    let state = after(&at(Place::Retry(3), Standing::Waiting), &Event::Due, &policy, ExceptionClass::Absent);
    assert_eq!(after(&state, &failure(), &policy, ExceptionClass::Absent).place, Place::Dead);
}

#[test]
fn in_an_ordered_queue_the_turn_is_kept() {
    let policy = QueuePolicy { attempts: 1, ordered: true, ..QueuePolicy::default() };
    let state = after(&fresh(), &failure(), &policy, ExceptionClass::Absent);
    assert_eq!((state.standing, state.position), (Standing::Waiting, 5));
}

#[test]
fn deaths_are_counted_apart_and_set_aside_at_two() {
    let policy = QueuePolicy::default();
    let once = after(&fresh(), &died_event(), &policy, ExceptionClass::Present);
    assert_eq!((once.place, once.standing, once.attempts_here, once.attempts, once.deaths), (Place::Input, Standing::Ready, 0, 1, 1));
    let failed = after(&once, &failure(), &policy, ExceptionClass::Present);
    assert_eq!((failed.attempts_here, failed.deaths), (1, 1));
    let twice = after(&failed, &died_event(), &policy, ExceptionClass::Present);
    assert_eq!((twice.place, twice.standing, twice.attempts), (Place::Dead, Standing::Dead, 3));
    assert_eq!(twice.reason.code, common::RPC_E_SERVER_DIED);
    assert!(twice.reason.sentence.contains("set aside") && twice.reason.sentence.contains("signal 11"), "{}", twice.reason.sentence);
}

#[test]
fn a_death_before_the_exception_class_keeps_the_reason() {
    let state = State { reason: Reason::new(BROKEN, "why it came"), ..at(Place::Exception(Side::Server), Standing::Ready) };
    let next = after(&state, &died_event(), &QueuePolicy::default(), ExceptionClass::Present);
    assert_eq!((next.place, next.standing), (state.place, Standing::Ready));
    assert_eq!(next.reason, state.reason);
}

#[test]
fn what_nobody_understands_is_parked_and_burns_nothing() {
    let policy = QueuePolicy::default();
    let before = State { attempts_here: 1, attempts: 4, ..at(Place::Retry(0), Standing::Ready) };
    let parked = after(&before, &unknown(), &policy, ExceptionClass::Present);
    assert_eq!((parked.standing, parked.reason.code), (Standing::Parked, common::REGDB_E_IIDNOTREG));
    let again = after(&parked, &Event::Understood, &policy, ExceptionClass::Present);
    assert_eq!(again, before);
}

#[test]
fn what_was_cut_off_burns_nothing() {
    let state = fresh();
    assert_eq!(does(&state, &Event::CutOff, &QueuePolicy::default(), ExceptionClass::Present), Does::Nothing);
}

#[test]
fn who_is_not_received_in_time_goes_to_the_exception_class_and_is_dead_then() {
    let policy = QueuePolicy::default();
    for standing in [Standing::Ready, Standing::Parked] {
        let state = State { standing, ..fresh() };
        let told = after(&state, &Event::Expired, &policy, ExceptionClass::Present);
        assert_eq!((told.place, told.standing, told.expires), (Place::Exception(Side::Client), Standing::Ready, None));
        assert_eq!(told.reason.code, common::MQ_ERROR_IO_TIMEOUT);
        let dead = after(&told, &failure(), &policy, ExceptionClass::Present);
        assert_eq!((dead.place, dead.reason.code), (Place::Dead, common::MQ_ERROR_IO_TIMEOUT));
        let nobody_to_tell = after(&state, &Event::Expired, &policy, ExceptionClass::Absent);
        assert_eq!((nobody_to_tell.place, nobody_to_tell.expires), (Place::Dead, None));
    }
}

#[test]
fn what_was_received_does_not_expire() {
    let policy = QueuePolicy::default();
    let tried = after(&fresh(), &failure(), &policy, ExceptionClass::Absent);
    assert_eq!(tried.expires, None);
    assert_eq!(does(&tried, &Event::Expired, &policy, ExceptionClass::Absent), Does::Nothing);
}

#[test]
fn a_person_begins_again() {
    let dead = State { attempts: 19, attempts_here: 2, deaths: 2, ..at(Place::Dead, Standing::Dead) };
    let again = after(&dead, &Event::Retry { position: 42 }, &QueuePolicy::default(), ExceptionClass::Present);
    assert_eq!((again.place, again.standing, again.position), (Place::Input, Standing::Ready, 42));
    assert_eq!((again.attempts, again.attempts_here, again.deaths), (19, 0, 0), "the history stays, the counts begin again");
}

proptest! {
    #[test]
    fn any_course_of_events_keeps_the_promises(
        course in prop::collection::vec((0usize..10, any::<bool>()), 0..200),
        attempts in 1u32..4,
        retries in 0usize..6,
        ordered in any::<bool>(),
    ) {
        let retry = vec![RetryQueue { delay: 60, attempts }; retries];
        let policy = QueuePolicy { attempts, retry, ordered, ..QueuePolicy::default() };
        let mut state = fresh();
        for (event, present) in course {
            let event = &events()[event];
            let exception_class = if present { ExceptionClass::Present } else { ExceptionClass::Absent };
            let step = step(&state, event, &given(&policy, exception_class));
            let Some(next) = step.state else {
                prop_assert_eq!(event, &Event::Played);
                prop_assert_eq!(state.standing, Standing::Ready);
                break;
            };
            prop_assert!(next.attempts >= state.attempts);
            prop_assert_eq!(step.attempt.is_some(), next.attempts > state.attempts);
            prop_assert_eq!(next.standing == Standing::Waiting, next.due.is_some(), "who waits, and only who waits, has a time");
            prop_assert_eq!(next.standing == Standing::Dead, next.place == Place::Dead);
            if state.standing == Standing::Dead {
                let asked = matches!(event, Event::Retry { .. });
                prop_assert!(next == state || asked);
            }
            if next.standing == Standing::Dead {
                prop_assert!(next.expires.is_none());
                prop_assert!(next.reason.code.is_failure() && !next.reason.sentence.is_empty());
            }
            if next.standing == Standing::Parked {
                prop_assert!(next.reason.code.is_failure());
            }
            if let Place::Retry(index) = next.place {
                prop_assert!(usize::from(index) < retries);
            }
            let before_it = matches!(state.place, Place::Exception(_));
            if matches!(next.place, Place::Exception(_)) && !before_it {
                prop_assert!(exception_class == ExceptionClass::Present);
            }
            state = next;
        }
    }
}
