//! What owners are told: the rules of callbacks, each by its name.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use consign_bits::{JobId, JobState, NotifyFlags, Priority, bits};
use consign_core::{
    Guid, Hresult,
    common::{E_FAIL, E_PENDING, S_FALSE, S_OK},
};
use consign_testkit::{Fault, Resource};
use consign_transfer::{
    AutoComplete, Change, CommandLine, JobError, Listing, Notice, NoticeKind, ObjectId, PeerAvailability, Receiver, Receivers, Telling,
    Told, Validity,
};
use tokio::sync::watch;

use crate::bench::{Bench, check_told, settings};

pub(crate) const OBJECT: ObjectId = ObjectId(1);
pub(crate) const CLASS: Guid = Guid::from_bytes([9; 16]);

/// One call, as a receiver sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) job: JobId,
    pub(crate) notice: Notice,
    pub(crate) receiver: Receiver,
}

/// Receivers that write down what they hear and answer as they are told to.
pub(crate) struct Fake {
    heard: watch::Sender<Vec<Heard>>,
    released: watch::Sender<Vec<ObjectId>>,
    answers: Mutex<BTreeMap<String, Vec<Answer>>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Now(Told),
    /// Once the test says so.
    When(Arc<tokio::sync::Notify>, Told),
    Never,
}

pub(crate) fn answered(result: Hresult) -> Answer {
    Answer::Now(Told::Answered { result, object: None })
}

impl Receivers for Fake {
    fn tell(&self, job: JobId, notice: Notice, error: Option<JobError>, receiver: Receiver) -> Telling {
        assert_eq!(error.is_some(), notice.kind == NoticeKind::JobError);
        let name = rung(&receiver);
        let mut answers = self.answers.lock().unwrap();
        let script = answers.entry(name).or_default();
        let answer = if script.is_empty() { answered(S_OK) } else { script.remove(0) };
        self.heard.send_modify(|heard| heard.push(Heard { job, notice, receiver }));
        Box::pin(async move {
            match answer {
                Answer::Now(told) => told,
                Answer::When(said, told) => {
                    said.notified().await;
                    told
                }
                Answer::Never => std::future::pending().await,
            }
        })
    }

    fn released(&self, object: ObjectId) {
        self.released.send_modify(|released| released.push(object));
    }
}

fn rung(receiver: &Receiver) -> String {
    match receiver {
        Receiver::Object(object) => format!("object {}", object.0),
        Receiver::Class(_) => "class".into(),
        Receiver::CommandLine(_) => "command line".into(),
    }
}

impl Fake {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { heard: watch::Sender::new(Vec::new()), released: watch::Sender::new(Vec::new()), answers: Mutex::default() })
    }

    /// The next answers of one rung; afterwards it answers `S_OK`.
    pub(crate) fn script(&self, rung: &str, answers: impl IntoIterator<Item = Answer>) {
        self.answers.lock().unwrap().entry(rung.into()).or_default().extend(answers);
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.borrow().clone()
    }

    pub(crate) async fn wait(&self, fits: impl Fn(&[Heard]) -> bool) -> Vec<Heard> {
        self.heard.subscribe().wait_for(|heard| fits(heard)).await.unwrap().clone()
    }

    pub(crate) async fn released(&self, objects: &[ObjectId]) {
        self.released.subscribe().wait_for(|released| released == objects).await.unwrap();
    }

    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Heard> {
        self.wait(|heard| heard.len() >= count).await
    }
}

pub(crate) fn rungs(heard: &[Heard]) -> Vec<String> {
    heard.iter().map(|call| rung(&call.receiver)).collect()
}

pub(crate) fn kinds(heard: &[Heard]) -> Vec<NoticeKind> {
    heard.iter().map(|call| call.notice.kind).collect()
}

pub(crate) fn line() -> Option<CommandLine> {
    Some(CommandLine { program: "/bin/true".into(), arguments: vec!["{job}".into()] })
}

/// A job that is told of by the object, and ends as the resource lets it.
pub(crate) async fn told_job(bench: &Bench, name: &str, resource: Resource, changes: Vec<Change>) -> JobId {
    let job = bench.job_with(name, resource, changes).await;
    bench.engine.set_notify_interface(job, Some(OBJECT)).await.unwrap();
    bench.engine.resume(job).await.unwrap();
    job
}

/// Waits until nobody has anything left to hear.
pub(crate) async fn all_heard(bench: &Bench, job: JobId) {
    loop {
        if bench.engine.job(job).await.unwrap().notices_pending == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[test]
fn rule_1_the_last_object_set_is_called_and_the_displaced_one_is_named() {
    check_told(settings(), async |bench, fake| {
        let job = bench.job_with("a", Resource::new("x"), vec![]).await;
        assert_eq!(bench.engine.set_notify_interface(job, Some(OBJECT)).await.unwrap(), None);
        assert_eq!(bench.engine.set_notify_interface(job, Some(ObjectId(2))).await.unwrap(), Some(OBJECT));
        assert_eq!(bench.engine.set_notify_interface(job, Some(ObjectId(2))).await.unwrap(), None, "nobody is displaced by itself");
        bench.engine.resume(job).await.unwrap();
        assert_eq!(rungs(&fake.wait_for(1).await), ["object 2"]);
        assert_eq!(bench.engine.set_notify_interface(job, None).await.unwrap(), Some(ObjectId(2)));
        assert!(!bench.engine.job(job).await.unwrap().has_object);
    });
}

#[test]
fn rule_1_an_object_is_gone_when_its_client_is_and_is_not_persisted() {
    check_told(settings(), async |mut bench, fake| {
        let job = bench.job_with("a", Resource::new("x"), vec![]).await;
        bench.engine.set_notify_interface(job, Some(OBJECT)).await.unwrap();
        bench.engine.objects_gone(vec![OBJECT]).await.unwrap();
        assert!(!bench.engine.job(job).await.unwrap().has_object);
        bench.engine.set_notify_interface(job, Some(OBJECT)).await.unwrap();
        bench.restart().await;
        assert!(!bench.engine.job(job).await.unwrap().has_object);
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        assert!(fake.heard().is_empty());
    });
}

#[test]
fn rule_2_a_class_is_persisted_and_guid_null_clears_it() {
    check_told(settings(), async |mut bench, fake| {
        let job = bench.job_with("a", Resource::new("x"), vec![Change::NotificationClass(CLASS)]).await;
        bench.restart().await;
        assert_eq!(bench.engine.job(job).await.unwrap().notification_class, Some(CLASS));
        bench.engine.resume(job).await.unwrap();
        let heard = fake.wait_for(1).await;
        assert_eq!(heard[0].receiver, Receiver::Class(CLASS));
        bench.engine.change(job, vec![Change::NotificationClass(Guid::NULL)]).await.unwrap();
        assert_eq!(bench.engine.job(job).await.unwrap().notification_class, None);
    });
}

#[test]
fn rule_3_the_object_made_of_a_class_serves_later_events() {
    check_told(settings(), async |bench, fake| {
        let made = Answer::Now(Told::Answered { result: S_OK, object: Some(ObjectId(5)) });
        fake.script("class", [made]);
        let changes =
            vec![Change::NotificationClass(CLASS), Change::NotifyFlags(NotifyFlags::FILE_TRANSFERRED | NotifyFlags::JOB_TRANSFERRED)];
        let job = bench.job_with("a", Resource::new("x"), changes).await;
        bench.engine.resume(job).await.unwrap();
        assert_eq!(rungs(&fake.wait_for(2).await), ["class", "object 5"]);
    });
}

#[test]
fn rule_3_the_object_made_of_a_class_is_released_when_it_is_not_needed_any_more() {
    check_told(settings(), async |bench, fake| {
        let made = |number| Told::Answered { result: S_OK, object: Some(ObjectId(number)) };
        fake.script("class", [Answer::Now(made(5))]);
        let job = bench.job_with("a", Resource::new("x"), vec![Change::NotificationClass(CLASS)]).await;
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        all_heard(&bench, job).await;
        assert!(bench.engine.job(job).await.unwrap().has_object);
        bench.engine.complete(job).await.unwrap();
        fake.released(&[ObjectId(5)]).await;
        // One that comes too late serves nobody.
        let set = Arc::new(tokio::sync::Notify::new());
        fake.script("class", [Answer::When(Arc::clone(&set), made(6))]);
        let job = bench.job_with("b", Resource::new("x"), vec![Change::NotificationClass(CLASS)]).await;
        bench.engine.resume(job).await.unwrap();
        fake.wait_for(2).await;
        bench.engine.set_notify_interface(job, Some(OBJECT)).await.unwrap();
        set.notify_one();
        fake.released(&[ObjectId(5), ObjectId(6)]).await;
        // The end of a job that completes itself comes before its owner has heard of it.
        fake.script("class", [Answer::Now(made(7))]);
        let changes = vec![Change::NotificationClass(CLASS), Change::AutoComplete(AutoComplete::On)];
        let job = bench.job_with("c", Resource::new("x"), changes).await;
        bench.engine.resume(job).await.unwrap();
        fake.released(&[ObjectId(5), ObjectId(6), ObjectId(7)]).await;
    });
}

#[test]
fn what_was_not_told_says_why_and_when_it_is_told_again() {
    check_told(settings(), async |bench, fake| {
        let job = bench.job_with("a", Resource::new("x"), vec![]).await;
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        let view = bench.engine.job(job).await.unwrap();
        assert!(view.not_told_because.unwrap().contains("nobody is there"));
        assert_eq!(view.next_notification, None);
        fake.script("class", [Answer::Now(Told::Failed("its program is gone".into()))]);
        bench.engine.change(job, vec![Change::NotificationClass(CLASS), Change::MinimumRetryDelay(3600)]).await.unwrap();
        let view = loop {
            let view = bench.engine.job(job).await.unwrap();
            if view.next_notification.is_some() {
                break view;
            }
            tokio::task::yield_now().await;
        };
        assert!(view.not_told_because.unwrap().contains("its program is gone"));
        bench.engine.set_notify_interface(job, Some(OBJECT)).await.unwrap();
        all_heard(&bench, job).await;
        let view = bench.engine.job(job).await.unwrap();
        assert_eq!((view.not_told_because, view.next_notification), (None, None));
    });
}

#[test]
fn rule_3_the_whole_ladder_is_climbed_again_after_the_retry_delay() {
    check_told(settings(), async |bench, fake| {
        fake.script("object 1", [answered(E_FAIL), answered(E_FAIL)]);
        fake.script("command line", [answered(E_FAIL), answered(S_OK)]);
        let changes = vec![Change::CommandLine(line()), Change::MinimumRetryDelay(1)];
        let job = told_job(&bench, "a", Resource::new("x"), changes).await;
        let heard = fake.wait_for(4).await;
        assert_eq!(rungs(&heard), ["object 1", "command line", "object 1", "command line"]);
        assert!(heard.iter().all(|call| call.notice == heard[0].notice), "one event, one id");
        all_heard(&bench, job).await;
        assert_eq!(bench.engine.job(job).await.unwrap().state, JobState::Transferred, "what a callee says does not change the job");
    });
}

#[test]
fn rule_3_a_disconnected_object_gives_way_to_the_class_and_a_failing_one_does_not() {
    check_told(settings(), async |bench, fake| {
        fake.script("object 1", [Answer::Now(Told::Disconnected)]);
        told_job(&bench, "a", Resource::new("x"), vec![Change::NotificationClass(CLASS)]).await;
        assert_eq!(rungs(&fake.wait_for(2).await), ["object 1", "class"]);
        fake.script("object 1", [answered(E_FAIL)]);
        told_job(&bench, "b", Resource::new("x"), vec![Change::NotificationClass(CLASS), Change::CommandLine(line())]).await;
        assert_eq!(rungs(&fake.wait_for(4).await)[2..], ["object 1", "command line"]);
    });
}

#[test]
fn rule_4_disable_silences_everything_and_enabling_tells_what_was_missed() {
    check_told(settings(), async |bench, fake| {
        let silent = NotifyFlags::JOB_TRANSFERRED | NotifyFlags::DISABLE;
        let changes = vec![Change::NotifyFlags(silent), Change::CommandLine(line())];
        let job = told_job(&bench, "a", Resource::new("x"), changes).await;
        bench.wait(job, JobState::Transferred).await;
        assert!(fake.heard().is_empty());
        bench.engine.change(job, vec![Change::NotifyFlags(NotifyFlags::default())]).await.unwrap();
        assert_eq!(kinds(&fake.wait_for(1).await), [NoticeKind::JobTransferred]);
    });
}

#[test]
fn rule_5_only_s_ok_ends_job_transferred() {
    check_told(settings(), async |bench, fake| {
        fake.script("object 1", [answered(S_FALSE), answered(E_FAIL)]);
        let job = told_job(&bench, "a", Resource::new("x"), vec![Change::MinimumRetryDelay(1)]).await;
        let heard = fake.wait_for(3).await;
        assert_eq!(kinds(&heard), [NoticeKind::JobTransferred; 3]);
        all_heard(&bench, job).await;
    });
}

#[test]
fn rule_5_job_error_is_for_errors_and_never_for_transient_ones() {
    check_told(settings(), async |bench, fake| {
        let resource = Resource::status(404).then(Fault::status(503));
        let job = told_job(&bench, "a", resource, vec![Change::MinimumRetryDelay(1)]).await;
        bench.wait(job, JobState::TransientError).await;
        bench.wait(job, JobState::Error).await;
        assert_eq!(kinds(&fake.wait_for(1).await), [NoticeKind::JobError]);
    });
}

#[test]
fn rule_5_each_file_is_told_once_in_order_and_before_the_job() {
    check_told(settings(), async |bench, fake| {
        let flags = NotifyFlags::FILE_TRANSFERRED | NotifyFlags::JOB_TRANSFERRED;
        fake.script("object 1", [answered(E_FAIL), answered(S_FALSE)]);
        let job = bench.job("many", vec![Change::NotifyFlags(flags), Change::MinimumRetryDelay(1)]).await;
        bench.engine.set_notify_interface(job, Some(OBJECT)).await.unwrap();
        for number in 0..20 {
            let name = format!("file{number}");
            bench.server.set(&format!("/{name}"), Resource::new("x"));
            bench.add(job, &name).await.unwrap();
        }
        bench.engine.resume(job).await.unwrap();
        let heard = fake.wait(|heard| heard.iter().any(|call| call.notice.kind == NoticeKind::JobTransferred)).await;
        assert_eq!(heard[0].notice, heard[1].notice, "a failure is repeated before anything else is told");
        let told = &heard[1..];
        assert!(told.is_sorted_by_key(|call| call.notice.id));
        let mut files: Vec<u32> = told
            .iter()
            .filter_map(|call| match call.notice.kind {
                NoticeKind::FileTransferred(file) => Some(file),
                _ => None,
            })
            .collect();
        files.sort_unstable();
        assert_eq!(files, (0..20).collect::<Vec<_>>(), "each once, any success ends it");
        assert_eq!(told.last().unwrap().notice.kind, NoticeKind::JobTransferred);
    });
}

#[test]
fn rule_5_files_that_are_still_arriving_come_before_the_error() {
    check_told(settings(), async |bench, fake| {
        let flags = Change::NotifyFlags(NotifyFlags::default() | NotifyFlags::FILE_TRANSFERRED);
        for round in 0..10 {
            let job = bench.job_with(&format!("{round}-0"), Resource::new("x"), vec![flags.clone()]).await;
            for number in 1..40 {
                let name = format!("{round}-{number}");
                if number != 20 {
                    bench.server.set(&format!("/{name}"), Resource::new("x"));
                }
                bench.add(job, &name).await.unwrap();
            }
            bench.engine.set_notify_interface(job, Some(OBJECT)).await.unwrap();
            bench.engine.resume(job).await.unwrap();
            let of_job = |heard: &[Heard]| heard.iter().filter(|call| call.job == job).cloned().collect::<Vec<_>>();
            let heard = fake.wait(|heard| of_job(heard).iter().any(|call| call.notice.kind == NoticeKind::JobError)).await;
            all_heard(&bench, job).await;
            let heard = of_job(&heard);
            assert!(heard.is_sorted_by_key(|call| call.notice.id));
            assert_eq!(of_job(&fake.heard()).len(), heard.len(), "nothing comes after the error");
        }
    });
}

#[test]
fn rule_6_who_registers_late_hears_of_what_it_missed_with_its_id() {
    check_told(settings(), async |mut bench, fake| {
        let job = bench.job_with("a", Resource::new("x"), vec![]).await;
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        assert_eq!(bench.engine.job(job).await.unwrap().notices_pending, 1);
        bench.restart().await;
        assert_eq!(bench.engine.job(job).await.unwrap().notices_pending, 1, "it is durable");
        fake.script("object 1", [Answer::Now(Told::Disconnected)]);
        bench.engine.set_notify_interface(job, Some(OBJECT)).await.unwrap();
        fake.wait_for(1).await;
        bench.restart().await;
        bench.engine.set_notify_interface(job, Some(ObjectId(2))).await.unwrap();
        let heard = fake.wait_for(2).await;
        assert_eq!(heard[0].notice, heard[1].notice);
        all_heard(&bench, job).await;
        bench.restart().await;
        let other = told_job(&bench, "b", Resource::new("x"), vec![]).await;
        let heard = fake.wait_for(3).await;
        assert_eq!(heard[2].job, other);
        assert!(heard[2].notice.id > heard[1].notice.id, "an id is never used again");
    });
}

#[test]
fn rule_6_who_registers_while_another_fails_is_told_at_once() {
    check_told(settings(), async |bench, fake| {
        let said = Arc::new(tokio::sync::Notify::new());
        fake.script("object 1", [Answer::When(Arc::clone(&said), Told::Answered { result: E_FAIL, object: None })]);
        let job = told_job(&bench, "a", Resource::new("x"), vec![Change::MinimumRetryDelay(86_400)]).await;
        fake.wait_for(1).await;
        bench.engine.set_notify_interface(job, Some(ObjectId(2))).await.unwrap();
        said.notify_one();
        let heard = fake.wait_for(2).await;
        assert_eq!(rungs(&heard), ["object 1", "object 2"]);
        assert_eq!(heard[0].notice, heard[1].notice);
        all_heard(&bench, job).await;
    });
}

#[test]
fn rule_6_what_nobody_needs_to_hear_any_more_is_withdrawn() {
    check_told(settings(), async |bench, fake| {
        for (name, end) in [("resumed", 0), ("completed", 1), ("cancelled", 2)] {
            let resource = Resource::status(404).then(Fault::status(404));
            let job = bench.job_with(name, resource, vec![]).await;
            bench.engine.resume(job).await.unwrap();
            bench.wait(job, JobState::Error).await;
            assert_eq!(bench.engine.job(job).await.unwrap().notices_pending, 1);
            match end {
                0 => {
                    bench.server.set(&format!("/{name}"), Resource::new("x").then(Fault::stall(0)));
                    bench.engine.resume(job).await.unwrap();
                }
                1 => drop(bench.engine.complete(job).await.unwrap()),
                _ => drop(bench.engine.cancel(job).await.unwrap()),
            }
            assert_eq!(bench.engine.job(job).await.unwrap().notices_pending, 0, "{name}");
        }
        assert!(fake.heard().is_empty());
    });
}

#[test]
fn rule_6_a_job_that_completes_itself_is_told_of_all_the_same() {
    check_told(settings(), async |bench, fake| {
        let job = bench.job_with("a", Resource::new("x"), vec![Change::AutoComplete(AutoComplete::On)]).await;
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Acknowledged).await;
        bench.engine.set_notify_interface(job, Some(OBJECT)).await.unwrap();
        assert_eq!(kinds(&fake.wait_for(1).await), [NoticeKind::JobTransferred]);
        all_heard(&bench, job).await;
        assert_eq!(bench.engine.set_notify_interface(job, Some(OBJECT)).await.unwrap_err().code, bits::BG_E_INVALID_STATE);
    });
}

#[test]
fn rule_7_a_valid_file_could_be_given_away_at_once_and_any_file_after_complete() {
    check_told(settings(), async |bench, _| {
        let job = bench.job_with("a", Resource::new("x"), vec![]).await;
        assert_eq!(bench.engine.validate(job, 0, Validity::Valid).await.unwrap_err().code, E_PENDING);
        assert_eq!(bench.engine.validate(job, 7, Validity::Valid).await.unwrap_err().code, bits::BG_E_FILE_NOT_FOUND);
        bench.server.set("/b", Resource::new("y"));
        bench.add(job, "b").await.unwrap();
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        assert_eq!(bench.engine.validate(job, 0, Validity::Valid).await.unwrap(), S_OK);
        let available = async || bench.engine.files(job, 0, 9).await.unwrap().iter().map(|file| file.peer_availability).collect::<Vec<_>>();
        assert_eq!(available().await, [PeerAvailability::Validated, PeerAvailability::None]);
        bench.engine.complete(job).await.unwrap();
        assert_eq!(available().await, [PeerAvailability::Completed; 2]);
        assert_eq!(bench.engine.validate(job, 0, Validity::Invalid).await.unwrap_err().code, bits::BG_E_INVALID_STATE);
    });
}

#[test]
fn rule_7_an_invalid_file_stops_the_job_and_is_fetched_again() {
    check_told(settings(), async |mut bench, fake| {
        let job = told_job(&bench, "a", Resource::new("bad"), vec![]).await;
        fake.wait_for(1).await;
        bench.engine.validate(job, 0, Validity::Invalid).await.unwrap();
        let stopped = bench.engine.job(job).await.unwrap();
        assert_eq!(stopped.state, JobState::Error);
        assert_eq!(stopped.error.unwrap().failure.code, bits::BG_E_VALIDATION_FAILED);
        assert_eq!(stopped.progress.bytes_transferred, 0);
        bench.restart().await;
        let file = &bench.engine.files(job, 0, 1).await.unwrap()[0];
        assert_eq!((file.validity, file.peer_availability), (Some(Validity::Invalid), PeerAvailability::None));
        bench.server.set("/a", Resource::new("good"));
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        bench.engine.complete(job).await.unwrap();
        assert_eq!(std::fs::read(bench.path("a")).unwrap(), b"good");
    });
}

#[test]
fn rule_8_hanging_callees_hold_up_no_other_job() {
    let mut settings = settings();
    settings.jobs.callbacks_at_once = 2;
    check_told(settings, async |bench, fake| {
        fake.script("object 1", std::iter::repeat_n(Answer::Never, 30));
        for number in 0..30 {
            told_job(&bench, &format!("hangs{number}"), Resource::new("x"), vec![Change::Priority(Priority::Foreground)]).await;
        }
        fake.wait_for(2).await;
        let other = bench.job_with("other", Resource::new("x"), vec![]).await;
        bench.engine.set_notify_interface(other, Some(ObjectId(2))).await.unwrap();
        bench.engine.resume(other).await.unwrap();
        fake.wait(|heard| heard.iter().any(|call| call.job == other)).await;
        bench.wait(other, JobState::Transferred).await;
        all_heard(&bench, other).await;
        assert_eq!(fake.heard().len(), 3, "the others of the one that hangs wait for it");
    });
}

#[test]
fn rule_6_what_is_untold_outlives_the_memory_of_its_job() {
    let mut settings = settings();
    settings.jobs.history_length = 0;
    settings.jobs.callbacks_at_once = 1;
    check_told(settings, async |bench, fake| {
        let said = Arc::new(tokio::sync::Notify::new());
        let success = Told::Answered { result: S_OK, object: None };
        fake.script("command line", [Answer::When(Arc::clone(&said), success.clone()), Answer::When(Arc::clone(&said), success)]);
        for number in 0..5 {
            let changes = vec![Change::AutoComplete(AutoComplete::On), Change::CommandLine(line())];
            let job = bench.job_with(&number.to_string(), Resource::new("x"), changes).await;
            bench.engine.resume(job).await.unwrap();
        }
        fake.wait_for(1).await;
        // All of them have ended by then, and are as good as forgotten.
        while bench.engine.jobs(Listing::All).await.unwrap().iter().any(|job| !job.state.is_final()) {
            tokio::task::yield_now().await;
        }
        said.notify_one();
        fake.wait_for(2).await;
        said.notify_one();
        fake.wait_for(5).await;
        while !bench.engine.jobs(Listing::All).await.unwrap().is_empty() {
            bench.engine.status().await.unwrap();
        }
    });
}

#[test]
fn rule_3_a_command_line_is_run_although_nobody_is_there_to_hear_of_files() {
    check_told(settings(), async |bench, fake| {
        let flags = NotifyFlags::default() | NotifyFlags::FILE_TRANSFERRED;
        let job = bench.job_with("a", Resource::new("x"), vec![Change::CommandLine(line()), Change::NotifyFlags(flags)]).await;
        bench.engine.resume(job).await.unwrap();
        assert_eq!(kinds(&fake.wait_for(1).await), [NoticeKind::JobTransferred]);
    });
}

#[test]
fn modifications_and_the_retry_delay_leave_each_other_alone() {
    check_told(settings(), async |bench, fake| {
        let flags = NotifyFlags::default() | NotifyFlags::JOB_MODIFICATION;
        let changes = vec![Change::NotifyFlags(flags), Change::NotificationInterval(3_600_000), Change::MinimumRetryDelay(3600)];
        let job = bench.job_with("a", Resource::new("x"), changes).await;
        bench.engine.set_notify_interface(job, Some(OBJECT)).await.unwrap();
        bench.engine.change(job, vec![Change::Description("one".into())]).await.unwrap();
        fake.wait_for(1).await;
        bench.engine.change(job, vec![Change::Description("two".into())]).await.unwrap();
        // The second modification waits for an hour, and keeps nothing else waiting.
        fake.script("object 1", [answered(E_FAIL)]);
        bench.engine.resume(job).await.unwrap();
        let told = |heard: &[Heard]| heard.iter().filter(|call| call.notice.kind == NoticeKind::JobTransferred).count();
        fake.wait(|heard| told(heard) == 1).await;
        // Nor does a modification that is heard end the wait for the retry delay.
        bench.engine.change(job, vec![Change::NotificationInterval(0)]).await.unwrap();
        fake.wait(|heard| heard.len() == 3).await;
        bench.engine.change(job, vec![Change::Description("three".into())]).await.unwrap();
        fake.wait(|heard| heard.len() == 4).await;
        assert_eq!(told(&fake.heard()), 1);
        assert!(bench.engine.job(job).await.unwrap().next_notification.is_some());
    });
}

#[test]
fn a_new_event_does_not_wait_for_the_retry_delay_of_an_old_one() {
    check_told(settings(), async |bench, fake| {
        fake.script("object 1", [answered(E_FAIL)]);
        let job = told_job(&bench, "a", Resource::status(404), vec![Change::MinimumRetryDelay(3600)]).await;
        fake.wait_for(1).await;
        bench.server.set("/a", Resource::new("x"));
        bench.engine.resume(job).await.unwrap();
        assert_eq!(fake.wait_for(2).await[1].notice.kind, NoticeKind::JobTransferred);
    });
}

#[test]
fn a_callee_that_says_when_is_called_then() {
    check_told(settings(), async |bench, fake| {
        fake.script("class", [Answer::Now(Told::NotYet("it failed a moment ago".into(), Duration::from_millis(50)))]);
        let changes = vec![Change::NotificationClass(CLASS), Change::MinimumRetryDelay(3600)];
        let job = bench.job_with("a", Resource::new("x"), changes).await;
        bench.engine.resume(job).await.unwrap();
        fake.wait_for(2).await;
    });
}

#[test]
fn an_engine_that_stops_telling_climbs_no_ladder() {
    check_told(settings(), async |mut bench, fake| {
        let said = Arc::new(tokio::sync::Notify::new());
        fake.script("object 1", [Answer::When(Arc::clone(&said), Told::Disconnected)]);
        let job = told_job(&bench, "a", Resource::new("x"), vec![Change::CommandLine(line())]).await;
        fake.wait_for(1).await;
        bench.engine.stop_telling().await;
        said.notify_one();
        while bench.engine.job(job).await.unwrap().not_told_because.is_some_and(|why| why == "it is being told") {
            tokio::task::yield_now().await;
        }
        assert_eq!(fake.heard().len(), 1);
        bench.restart().await;
        assert_eq!(rungs(&fake.wait_for(2).await), ["object 1", "command line"]);
    });
}

#[test]
fn rule_2_a_class_that_is_taken_back_is_called_no_more() {
    check_told(settings(), async |bench, fake| {
        let made = Answer::Now(Told::Answered { result: S_OK, object: Some(ObjectId(5)) });
        fake.script("class", [made]);
        let job = bench.job_with("a", Resource::new("x"), vec![Change::NotificationClass(CLASS)]).await;
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        all_heard(&bench, job).await;
        bench.engine.change(job, vec![Change::NotificationClass(Guid::NULL)]).await.unwrap();
        fake.released(&[ObjectId(5)]).await;
        assert!(!bench.engine.job(job).await.unwrap().has_object);
    });
}

#[test]
fn rule_7_nobody_hears_again_of_a_file_that_was_found_invalid() {
    check_told(settings(), async |bench, fake| {
        fake.script("object 1", [answered(E_FAIL)]);
        let flags = NotifyFlags::default() | NotifyFlags::FILE_TRANSFERRED;
        let job = told_job(&bench, "a", Resource::new("x"), vec![Change::NotifyFlags(flags), Change::MinimumRetryDelay(3600)]).await;
        fake.wait_for(1).await;
        bench.wait(job, JobState::Transferred).await;
        bench.engine.validate(job, 0, Validity::Invalid).await.unwrap();
        assert_eq!(kinds(&fake.wait_for(2).await), [NoticeKind::FileTransferred(0), NoticeKind::JobError]);
    });
}

#[test]
fn rule_8_a_displaced_object_that_hangs_keeps_its_successor_not_waiting() {
    check_told(settings(), async |bench, fake| {
        fake.script("object 1", [Answer::Never]);
        let job = told_job(&bench, "a", Resource::new("x"), vec![]).await;
        fake.wait_for(1).await;
        bench.engine.set_notify_interface(job, Some(ObjectId(2))).await.unwrap();
        let heard = fake.wait_for(2).await;
        assert_eq!(rungs(&heard), ["object 1", "object 2"]);
        assert_eq!(heard[0].notice, heard[1].notice);
        all_heard(&bench, job).await;
    });
}

#[test]
fn rule_8_a_callee_has_a_deadline() {
    let mut settings = settings();
    settings.jobs.callback_timeout = 1;
    check_told(settings, async |bench, fake| {
        fake.script("object 1", [Answer::Never]);
        let job = told_job(&bench, "a", Resource::new("x"), vec![Change::CommandLine(line())]).await;
        assert_eq!(rungs(&fake.wait_for(2).await), ["object 1", "command line"]);
        all_heard(&bench, job).await;
    });
}

#[test]
fn modifications_are_merged_and_never_repeated() {
    check_told(settings(), async |bench, fake| {
        fake.script("object 1", [answered(E_FAIL)]);
        let changes = vec![Change::NotifyFlags(NotifyFlags::JOB_MODIFICATION), Change::NotificationInterval(60_000)];
        let job = bench.job_with("a", Resource::new("x"), changes).await;
        bench.engine.set_notify_interface(job, Some(OBJECT)).await.unwrap();
        for number in 0..50 {
            bench.engine.change(job, vec![Change::Description(number.to_string())]).await.unwrap();
        }
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        let heard = fake.heard();
        assert_eq!(kinds(&heard), [NoticeKind::JobModification], "one in a minute");
        assert_eq!(heard[0].notice.id, 0, "it is not stored, and has no id");
        bench.engine.change(job, vec![Change::NotificationInterval(0)]).await.unwrap();
        fake.wait_for(2).await;
    });
}

#[test]
fn a_command_line_is_checked() {
    check_told(settings(), async |bench, _| {
        let job = bench.job("a", vec![]).await;
        let line = |program: &str, arguments: Vec<String>| Change::CommandLine(Some(CommandLine { program: program.into(), arguments }));
        for (change, code) in [
            (line("relative", vec![]), consign_core::common::E_INVALIDARG),
            (line("/bin/a\0b", vec![]), consign_core::common::E_INVALIDARG),
            (line("/bin/true", vec!["x".repeat(4001)]), bits::BG_E_STRING_TOO_LONG),
        ] {
            assert_eq!(bench.engine.change(job, vec![change]).await.unwrap_err().code, code);
        }
        bench.engine.change(job, vec![line("/bin/true", vec![])]).await.unwrap();
        bench.engine.change(job, vec![Change::CommandLine(None)]).await.unwrap();
        assert_eq!(bench.engine.job(job).await.unwrap().command_line, None);
        tokio::time::timeout(Duration::from_secs(5), bench.engine.cancel(job)).await.unwrap().unwrap();
    });
}
