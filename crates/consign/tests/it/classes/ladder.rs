//! The rules of notification classes, each by its name.

use consign::{
    BackgroundCopyCallback, Change, CommandLine, EventId, Guid, Hresult, Job, JobState, NotifyFlags, ServerState, Unregister, common,
    common::S_OK,
};
use consign_testkit::{Fault, Resource};
use tokio::sync::mpsc;

use super::{Bench, class, ended, other_class, pause, until_gone};
use crate::setup::{limited, until};

/// Tells the test that it was called.
struct Recorder(mpsc::UnboundedSender<u64>);

impl BackgroundCopyCallback for Recorder {
    async fn job_transferred(&self, _: Job, event: EventId) -> Hresult {
        self.0.send(event.number()).unwrap();
        S_OK
    }
}

#[test]
fn rule_3_an_event_starts_the_server_of_the_class() {
    limited(async {
        let bench = Bench::new().await;
        bench.register("completes").await;
        let job = bench.running_job("one").await;
        let line = bench.heard(1).await.remove(0);
        assert_eq!((line.method.as_str(), line.job), ("transferred", job.id().to_string()));
        assert_ne!(line.process, std::process::id());
        ended(&job).await;
        assert_eq!(std::fs::read(bench.files.join("one")).unwrap(), b"abc");
        // The next job finds it running.
        ended(&bench.running_job("two").await).await;
        let lines = bench.lines();
        assert_eq!((lines[1].process, lines[1].object), (line.process, 2), "each job has an object of its own");
        assert!(lines[1].event > line.event);
        let report = bench.client.class(&class().to_string()).await.unwrap().class.details.unwrap();
        assert_eq!((report.process, report.attempts), (Some(line.process), 1));
        bench.end().await;
        until_gone(line.process).await;
    });
}

#[test]
fn rule_3_an_error_starts_it_too_and_the_flags_decide() {
    limited(async {
        let bench = Bench::new().await;
        bench.register("completes").await;
        let job = bench.job("missing", NotifyFlags::JOB_ERROR).await;
        job.add_file(bench.web.url("/missing"), bench.files.join("b")).await.unwrap();
        job.resume().await.unwrap();
        assert_eq!(bench.heard(1).await[0].method, "error");
        assert_eq!(ended(&job).await.state, JobState::Cancelled);
        let silent = bench.job("silent", NotifyFlags::default() | NotifyFlags::DISABLE).await;
        silent.resume().await.unwrap();
        until(&silent, |snapshot| snapshot.state == JobState::Transferred).await;
        let heard = bench.running_job("heard").await;
        ended(&heard).await;
        assert_eq!(bench.lines().len(), 2, "DISABLE silences the class");
        bench.end().await;
    });
}

#[test]
fn rule_2_a_class_is_registered_before_it_is_set_and_the_last_one_counts() {
    limited(async {
        let bench = Bench::new().await;
        let job = bench.client.create_job("job", consign::JobType::Download).await.unwrap();
        let refused = job.set_notification_class(class()).await.unwrap_err();
        assert_eq!(refused.code(), common::REGDB_E_CLASSNOTREG);
        bench.register("completes").await;
        bench.client.register_class(&bench.class_file(other_class(), "notes")).await.unwrap();
        job.set_notification_class(class()).await.unwrap();
        job.set_notification_class(other_class()).await.unwrap();
        assert_eq!(job.snapshot().await.unwrap().notification_class, Some(other_class()));
        job.set_notification_class(Guid::NULL).await.unwrap();
        assert_eq!(job.snapshot().await.unwrap().notification_class, None);
        bench.end().await;
    });
}

#[test]
fn rule_2_the_class_outlives_the_client_and_the_service() {
    limited(async {
        let mut bench = Bench::new().await;
        bench.register("completes").await;
        bench.web.set("/a", Resource::new("abc").always(Fault::Stall { after: 1 }));
        let id = bench.running_job("one").await.id();
        assert_eq!(bench.lines(), []);
        bench.served.stop().await;
        bench.web.set("/a", Resource::new("abc"));
        bench.served = crate::setup::Served::start(bench.folder.path()).await;
        let line = bench.heard(1).await.remove(0);
        assert_eq!(line.job, id.to_string());
        bench.client = bench.served.client().await;
        ended(&bench.client.job(id)).await;
        bench.end().await;
        until_gone(line.process).await;
    });
}

#[test]
fn rule_3_the_object_of_a_class_serves_later_events_of_its_job() {
    limited(async {
        let bench = Bench::new().await;
        bench.register("completes").await;
        let job = bench.job("one", NotifyFlags::default() | NotifyFlags::FILE_TRANSFERRED).await;
        job.add_file(bench.web.url("/a"), bench.files.join("two")).await.unwrap();
        job.resume().await.unwrap();
        ended(&job).await;
        let lines = bench.heard(3).await;
        let methods: Vec<_> = lines.iter().map(|line| (line.method.as_str(), line.process, line.object)).collect();
        let process = lines[0].process;
        assert_eq!(methods, [("file", process, 1), ("file", process, 1), ("transferred", process, 1)]);
        assert!(lines.is_sorted_by_key(|line| line.event));
        bench.end().await;
    });
}

#[test]
fn rule_3_an_object_that_is_set_comes_before_the_class_and_replaces_its_object() {
    limited(async {
        let bench = Bench::new().await;
        bench.register("notes").await;
        let (sender, mut heard) = mpsc::unbounded_channel();
        let first = bench.job("first", NotifyFlags::default()).await;
        first.set_notify_interface(Recorder(sender.clone())).await.unwrap();
        first.resume().await.unwrap();
        heard.recv().await.unwrap();
        assert_eq!(bench.lines(), [], "a live object wins");
        // The class's object is displaced, and its server not needed any more.
        let second = bench.running_job("second").await;
        bench.heard(1).await;
        until(&second, |snapshot| snapshot.notify_interface && snapshot.notices_pending == 0).await;
        let users = async |expected: u32| {
            while bench.client.class(&class().to_string()).await.unwrap().class.details.unwrap().server
                != (ServerState::Running { users: expected })
            {
                pause().await;
            }
        };
        users(1).await;
        second.set_notify_interface(Recorder(sender)).await.unwrap();
        users(0).await;
        bench.end().await;
    });
}

#[test]
fn rule_3_when_the_client_of_the_object_is_gone_the_class_is_activated() {
    limited(async {
        let bench = Bench::new().await;
        bench.register("completes").await;
        let (sender, _heard) = mpsc::unbounded_channel();
        let client = bench.served.client().await;
        let id = bench.job("one", NotifyFlags::default()).await.id();
        let job = client.job(id);
        job.set_notify_interface(Recorder(sender)).await.unwrap();
        drop((job, client));
        let job = bench.client.job(id);
        until(&job, |snapshot| !snapshot.notify_interface).await;
        job.resume().await.unwrap();
        assert_eq!(bench.heard(1).await[0].method, "transferred");
        bench.end().await;
    });
}

#[test]
fn rule_3_a_server_that_died_is_started_again() {
    limited(async {
        let bench = Bench::new().await;
        bench.register("notes").await;
        let first = bench.running_job("one").await;
        let line = bench.heard(1).await.remove(0);
        until(&first, |snapshot| snapshot.notify_interface).await;
        let process = rustix::process::Pid::from_raw(i32::try_from(line.process).unwrap()).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
        until(&first, |snapshot| !snapshot.notify_interface).await;
        bench.running_job("two").await;
        let lines = bench.heard(2).await;
        assert_ne!(lines[1].process, line.process);
        bench.end().await;
        until_gone(lines[1].process).await;
    });
}

#[test]
fn rule_3_without_an_object_the_command_line_is_run_and_else_it_is_told_again() {
    limited(async {
        let bench = Bench::new().await;
        bench.register("exits").await;
        let job = bench.job("one", NotifyFlags::default()).await;
        let note = bench.files.join("note");
        let script = format!("echo run > {}", note.display());
        let line = CommandLine { program: "/bin/sh".into(), arguments: ["-c", &script].map(Into::into).into() };
        job.set([Change::CommandLine(Some(line))]).await.unwrap();
        job.resume().await.unwrap();
        until(&job, |snapshot| snapshot.state == JobState::Transferred && snapshot.notices_pending == 0).await;
        assert_eq!(std::fs::read_to_string(note).unwrap(), "run\n");
        let report = bench.client.class(&class().to_string()).await.unwrap();
        assert!(report.output.iter().any(|line| line.text == "the configuration is missing"), "{:?}", report.output);
        let details = report.class.details.unwrap();
        assert_eq!(details.last_failure.map(|(_, failure)| failure.code), Some(common::CO_E_SERVER_EXEC_FAILURE));
        assert_eq!(details.process, None);
        bench.end().await;
    });
}

#[test]
fn rule_5_everything_but_s_ok_means_again_after_the_retry_delay() {
    limited(async {
        let bench = Bench::new().await;
        bench.register("fails once").await;
        let job = bench.running_job("one").await;
        ended(&job).await;
        let lines = bench.lines();
        assert_eq!(lines.len(), 2);
        assert_eq!((lines[0].event, lines[0].object), (lines[1].event, lines[1].object), "the same event to the same object");
        bench.register("says S_FALSE").await;
        bench.client.stop_class(&class().to_string()).await.unwrap();
        let job = bench.running_job("two").await;
        let lines = bench.heard(4).await;
        assert_eq!(lines[2].event, lines[3].event, "S_FALSE is not S_OK");
        assert_eq!(job.snapshot().await.unwrap().notices_pending, 1);
        bench.end().await;
    });
}

#[test]
fn a_class_that_jobs_use_is_not_unregistered() {
    limited(async {
        let bench = Bench::new().await;
        bench.register("completes").await;
        let job = bench.job("the till", NotifyFlags::default()).await;
        let name = class().to_string();
        let refused = bench.client.unregister_class(&name, Unregister::IfUnused).await.unwrap_err();
        assert_eq!(refused.code(), common::ERROR_BUSY);
        assert!(refused.to_string().contains("the till"), "{refused}");
        assert_eq!(bench.client.class(&name).await.unwrap().jobs, [(job.id().to_string(), "the till".to_owned())]);
        bench.client.unregister_class(&name, Unregister::Force).await.unwrap();
        job.resume().await.unwrap();
        until(&job, |snapshot| snapshot.state == JobState::Transferred).await;
        assert_eq!(bench.client.unregister_class(&name, Unregister::Force).await.unwrap_err().code(), common::REGDB_E_CLASSNOTREG);
        // Registered again, it hears what it missed.
        bench.register("completes").await;
        ended(&job).await;
        bench.end().await;
    });
}

#[test]
fn a_server_with_several_classes_serves_the_one_that_it_was_started_for() {
    limited(async {
        let bench = Bench::new().await;
        bench.register("two classes").await;
        ended(&bench.running_job("one").await).await;
        assert_eq!(bench.lines().len(), 1);
        assert_eq!(bench.client.class(&other_class().to_string()).await.unwrap_err().code(), common::REGDB_E_CLASSNOTREG);
        bench.end().await;
    });
}

#[test]
fn a_server_without_async_serves_as_well() {
    limited(async {
        let bench = Bench::new().await;
        bench.register("blocking").await;
        ended(&bench.running_job("one").await).await;
        let process = bench.lines()[0].process;
        bench.end().await;
        until_gone(process).await;
    });
}

#[test]
fn a_server_ends_when_the_service_is_gone() {
    limited(async {
        let bench = Bench::new().await;
        bench.register("hangs").await;
        bench.client.start_class(&class().to_string()).await.unwrap();
        let process = bench.client.class(&class().to_string()).await.unwrap().class.details.unwrap().process.unwrap();
        // Nobody asks it to, as when the service was killed.
        bench.served.disconnect();
        until_gone(process).await;
        bench.end().await;
    });
}

#[test]
fn a_server_ends_after_the_call_in_hand_was_answered() {
    limited(async {
        let bench = Bench::new().await;
        bench.client.register_class(&format!("{}idle_stop = 0\n", bench.class_file(class(), "notes"))).await.unwrap();
        let job = bench.running_job("one").await;
        let process = bench.heard(1).await[0].process;
        until(&job, |snapshot| snapshot.notices_pending == 0).await;
        assert!(std::fs::exists(format!("/proc/{process}")).unwrap(), "its object is kept: the job is not completed");
        job.complete().await.unwrap();
        until_gone(process).await;
        let details = bench.client.class(&class().to_string()).await.unwrap().class.details.unwrap();
        assert_eq!((details.failures, details.last_failure), (0, None), "it was asked to");
        bench.end().await;
    });
}
