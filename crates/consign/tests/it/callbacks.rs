//! Objects that the service calls, from end to end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use consign::{
    AutoComplete, BackgroundCopyCallback, Change, Client, CommandLine, EventId, Guid, Hresult, Job, JobError, JobOptions, JobState,
    JobType, NotifyFlags, PeerAvailability, Priority, Validity, bits, blocking, common,
    common::{E_FAIL, S_OK},
};
use consign_testkit::{Resource, Server};
use tokio::sync::{Mutex, mpsc};
use zbus::message::Type;

use crate::setup::{Served, limited, limited_to, places, until};

/// What an object heard.
#[derive(Debug, PartialEq)]
enum Heard {
    Transferred(u64),
    Error(Hresult),
    File(u32),
    Displaced,
}

/// Tells the test what it hears, and answers `S_OK`.
struct Recorder(mpsc::UnboundedSender<Heard>);

impl Recorder {
    fn new() -> (Self, mpsc::UnboundedReceiver<Heard>) {
        let (sender, heard) = mpsc::unbounded_channel();
        (Self(sender), heard)
    }

    fn note(&self, heard: Heard) -> Hresult {
        self.0.send(heard).unwrap();
        S_OK
    }
}

impl BackgroundCopyCallback for Recorder {
    async fn job_transferred(&self, _: Job, event: EventId) -> Hresult {
        self.note(Heard::Transferred(event.number()))
    }

    async fn job_error(&self, _: Job, error: JobError, _: EventId) -> Hresult {
        self.note(Heard::Error(error.failure.code))
    }

    async fn file_transferred(&self, job: Job, file: u32, _: EventId) -> Hresult {
        assert!(job.file(file).snapshot().await.unwrap().temporary_name.is_some_and(|name| name.exists()));
        self.note(Heard::File(file))
    }

    async fn displaced(&self, _: Job) {
        self.note(Heard::Displaced);
    }
}

/// A job that has begun, or will as soon as it is resumed.
async fn job(client: &Client, server: &Server, path: &str, files: &std::path::Path) -> Job {
    let job = client.create_job(path, JobType::Download).await.unwrap();
    job.add_file(server.url(path), files.join(path.trim_start_matches('/'))).await.unwrap();
    job
}

#[test]
fn an_object_hears_of_files_of_the_end_and_of_errors() {
    let (folder, files, server) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        let client = served.client().await;
        server.set("/a", Resource::new("abc"));
        let (recorder, mut heard) = Recorder::new();
        let recorder = Arc::new(recorder);
        let good = job(&client, &server, "/a", &files).await;
        assert!(!good.notify_interface().await.unwrap());
        good.set_notify_flags(NotifyFlags::default() | NotifyFlags::FILE_TRANSFERRED).await.unwrap();
        good.set_notify_interface(Arc::clone(&recorder)).await.unwrap();
        assert!(good.notify_interface().await.unwrap());
        good.resume().await.unwrap();
        assert_eq!(heard.recv().await, Some(Heard::File(0)));
        assert!(matches!(heard.recv().await, Some(Heard::Transferred(_))));
        until(&good, |snapshot| snapshot.notices_pending == 0).await;
        let bad = job(&client, &server, "/missing", &files).await;
        bad.set_notify_interface(recorder).await.unwrap();
        bad.resume().await.unwrap();
        assert_eq!(heard.recv().await, Some(Heard::Error(bits::http_error(404))));
        until(&bad, |snapshot| snapshot.notices_pending == 0).await;
        bad.clear_notify_interface().await.unwrap();
        assert!(!bad.notify_interface().await.unwrap());
        bad.resume().await.unwrap();
        until(&bad, |snapshot| snapshot.state == JobState::Error).await;
        assert_eq!(bad.snapshot().await.unwrap().notices_pending, 1, "nobody is there to hear it");
        good.complete().await.unwrap();
        assert!(heard.try_recv().is_err());
        served.stop().await;
    });
}

#[test]
fn an_object_is_let_go_when_its_job_has_ended_and_all_was_told() {
    let (folder, files, server) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        server.set("/a", Resource::new("abc"));
        let client = served.client().await;
        let job = job(&client, &server, "/a", &files).await;
        job.set_auto_complete(AutoComplete::On).await.unwrap();
        // Dropped with the object, by whoever keeps it.
        let (recorder, mut heard) = Recorder::new();
        job.set_notify_interface(recorder).await.unwrap();
        job.resume().await.unwrap();
        assert!(matches!(heard.recv().await, Some(Heard::Transferred(_))));
        assert_eq!(heard.recv().await, None, "the client keeps nothing of it");
        served.stop().await;
    });
}

/// Completes the job, clears itself, and drops whatever handle the test gave it.
struct Everything {
    handle: Mutex<Option<(Client, Job)>>,
    done: mpsc::UnboundedSender<JobState>,
}

impl BackgroundCopyCallback for Everything {
    async fn job_transferred(&self, job: Job, _: EventId) -> Hresult {
        job.clear_notify_interface().await.unwrap();
        job.complete().await.unwrap();
        self.done.send(job.state().await.unwrap()).unwrap();
        drop(self.handle.lock().await.take());
        S_OK
    }
}

#[test]
fn inside_a_callback_everything_may_be_done() {
    let (folder, files, server) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        server.set("/a", Resource::new("abc"));
        let (done, mut states) = mpsc::unbounded_channel();
        let client = served.client().await;
        let last = job(&client, &server, "/a", &files).await;
        last.set_auto_complete(AutoComplete::Off).await.unwrap();
        last.set_notify_interface(Everything { handle: Mutex::new(Some((client.clone(), last.clone()))), done }).await.unwrap();
        last.resume().await.unwrap();
        drop((client, last));
        assert_eq!(states.recv().await, Some(JobState::Acknowledged));
        assert_eq!(states.recv().await, None, "the object is dropped with the last handle");
        served.stop().await;
    });
}

/// The same, for threads.
struct BlockingEverything {
    handle: std::sync::Mutex<Option<(blocking::Client, blocking::Job)>>,
    done: mpsc::UnboundedSender<JobState>,
}

impl blocking::BackgroundCopyCallback for BlockingEverything {
    fn job_transferred(&self, job: blocking::Job, _: EventId) -> Hresult {
        job.clear_notify_interface().unwrap();
        job.complete().unwrap();
        self.done.send(job.state().unwrap()).unwrap();
        drop(self.handle.lock().unwrap().take());
        S_OK
    }
}

#[test]
fn inside_a_blocking_callback_everything_may_be_done() {
    let (folder, files, server) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        server.set("/a", Resource::new("abc"));
        let (done, mut states) = mpsc::unbounded_channel();
        let (options, url, path) = (served.options(), server.url("/a"), files.join("a"));
        let thread = std::thread::spawn(move || {
            let client = blocking::Client::connect_with(options).unwrap();
            let job = client.create_job("a", JobType::Download).unwrap();
            job.add_file(url, path).unwrap();
            let handle = std::sync::Mutex::new(Some((client.clone(), job.clone())));
            job.set_notify_interface(BlockingEverything { handle, done }).unwrap();
            job.resume().unwrap();
        });
        assert_eq!(states.recv().await, Some(JobState::Acknowledged));
        assert_eq!(states.recv().await, None, "the object is dropped with the last handle");
        thread.join().unwrap();
        served.stop().await;
    });
}

/// Panics the first time, and then says what it was told.
struct BlockingBad(AtomicBool, mpsc::UnboundedSender<u64>);

impl blocking::BackgroundCopyCallback for BlockingBad {
    fn job_transferred(&self, job: blocking::Job, event: EventId) -> Hresult {
        self.1.send(event.number()).unwrap();
        assert!(self.0.swap(true, Ordering::Relaxed), "the first call panics, as the test wants it");
        job.complete().unwrap();
        S_OK
    }
}

#[test]
fn a_blocking_call_that_panics_is_told_again() {
    let (folder, files, server) = places();
    limited(async {
        let served = Served::start_with(folder.path(), |settings| settings.jobs.minimum_retry_delay_floor = 1).await;
        server.set("/a", Resource::new("abc"));
        let (sender, mut events) = mpsc::unbounded_channel();
        let (options, url, path) = (served.options(), server.url("/a"), files.join("a"));
        let thread = std::thread::spawn(move || {
            let client = blocking::Client::connect_with(options).unwrap();
            let job = client.create_job("a", JobType::Download).unwrap();
            job.add_file(url, path).unwrap();
            job.set_minimum_retry_delay(1).unwrap();
            job.set_notify_interface(BlockingBad(AtomicBool::new(false), sender)).unwrap();
            job.resume().unwrap();
            job.wait(|_| false).unwrap().state
        });
        let first = events.recv().await.unwrap();
        assert_eq!(events.recv().await, Some(first), "the same event again");
        let ended = tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
        assert_eq!(ended, JobState::Acknowledged);
        served.stop().await;
    });
}

#[test]
fn the_last_one_set_is_called_and_the_one_before_is_told() {
    let (folder, files, server) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        server.set("/a", Resource::new("abc"));
        let (first, second) = (served.client().await, served.client().await);
        let (recorder, mut heard_first) = Recorder::new();
        let of_first = job(&first, &server, "/a", &files).await;
        of_first.set_notify_interface(recorder).await.unwrap();
        let (recorder, mut heard_second) = Recorder::new();
        let of_second = second.job(of_first.id());
        of_second.set_notify_interface(recorder).await.unwrap();
        assert_eq!(heard_first.recv().await, Some(Heard::Displaced));
        of_first.resume().await.unwrap();
        assert!(matches!(heard_second.recv().await, Some(Heard::Transferred(_))));
        assert_eq!(heard_first.recv().await, None, "what was displaced is dropped");
        drop((second, of_second));
        until(&of_first, |snapshot| !snapshot.notify_interface).await;
        served.stop().await;
    });
}

/// Says that it was called, and never answers.
struct Silent(mpsc::UnboundedSender<u64>);

impl BackgroundCopyCallback for Silent {
    async fn job_transferred(&self, _: Job, event: EventId) -> Hresult {
        self.0.send(event.number()).unwrap();
        std::future::pending().await
    }
}

#[test]
fn a_client_that_goes_in_the_middle_of_its_call_has_not_heard() {
    let (folder, files, server) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        server.set("/a", Resource::new("abc"));
        let client = served.client().await;
        let kept = job(&client, &server, "/a", &files).await;
        let (sender, mut called) = mpsc::unbounded_channel();
        let (options, id) = (served.options(), kept.id());
        let elsewhere = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        elsewhere.spawn(async move {
            let client = Client::connect_with(options).await.unwrap();
            client.job(id).set_notify_interface(Silent(sender)).await.unwrap();
            client.job(id).resume().await.unwrap();
            client.closed().await;
        });
        let event = called.recv().await.unwrap();
        elsewhere.shutdown_background();
        let left = until(&kept, |snapshot| !snapshot.notify_interface).await;
        assert_eq!((left.state, left.notices_pending), (JobState::Transferred, 1));
        let (recorder, mut heard) = Recorder::new();
        kept.set_notify_interface(recorder).await.unwrap();
        assert_eq!(heard.recv().await, Some(Heard::Transferred(event)), "the same event, with its number");
        served.stop().await;
    });
}

/// Panics, and then fails.
struct Bad;

impl BackgroundCopyCallback for Bad {
    async fn job_transferred(&self, _: Job, _: EventId) -> Hresult {
        panic!("as the test wants it");
    }

    async fn job_error(&self, _: Job, _: JobError, _: EventId) -> Hresult {
        E_FAIL
    }
}

#[test]
fn a_call_that_panics_or_fails_is_not_heard() {
    let (folder, files, server) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        let client = served.client().await;
        server.set("/a", Resource::new("abc"));
        for (path, state) in [("/a", JobState::Transferred), ("/missing", JobState::Error)] {
            let job = job(&client, &server, path, &files).await;
            job.set_notify_interface(Bad).await.unwrap();
            job.resume().await.unwrap();
            until(&job, |snapshot| snapshot.state == state).await;
            assert_eq!(job.snapshot().await.unwrap().notices_pending, 1, "{path}");
            let (recorder, mut heard) = Recorder::new();
            job.set_notify_interface(recorder).await.unwrap();
            assert!(heard.recv().await.is_some());
        }
        served.stop().await;
    });
}

#[test]
fn an_object_is_registered_again_with_the_next_connection() {
    let (folder, files, server) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        server.set("/a", Resource::new("abc"));
        let client = served.client().await;
        let job = job(&client, &server, "/a", &files).await;
        let (recorder, mut heard) = Recorder::new();
        job.set_notify_interface(recorder).await.unwrap();
        served.stop().await;
        client.closed().await;
        let served = Served::start(folder.path()).await;
        client.reconnect().await.unwrap();
        assert!(job.notify_interface().await.unwrap());
        job.resume().await.unwrap();
        assert!(matches!(heard.recv().await, Some(Heard::Transferred(_))));
        served.stop().await;
    });
}

#[test]
fn a_peer_that_answers_nonsense_has_not_heard_and_harms_nobody() {
    let (folder, files, server) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        server.set("/a", Resource::new("abc"));
        let client = served.client().await;
        let job = job(&client, &server, "/a", &files).await;
        let stream = std::os::unix::net::UnixStream::connect(served.paths.socket()).unwrap();
        let mut peer = zbus::connection::Builder::unix_stream(stream).p2p().build_message_stream().await.unwrap();
        let bus = zbus::Connection::from(&peer);
        let job_path = consign_wire::names::job_path(job.id());
        let interface = Some(consign_wire::names::JOB);
        let path = zbus::ObjectPath::from_static_str_unchecked("/any/object");
        bus.call_method(None::<()>, job_path.as_str(), interface, "SetNotifyInterface", &path).await.unwrap();
        job.resume().await.unwrap();
        let call = loop {
            let message = futures_util::StreamExt::next(&mut peer).await.unwrap().unwrap();
            if message.message_type() == Type::MethodCall {
                break message;
            }
        };
        assert_eq!(call.header().interface().unwrap(), consign_wire::names::CALLBACK);
        assert_eq!(call.body().signature().to_string_no_parens(), "ot");
        bus.reply(&call.header(), &("what", 1_u64)).await.unwrap();
        bus.reply(&call.header(), &0_i32).await.unwrap();
        until(&job, |snapshot| snapshot.state == JobState::Transferred).await;
        assert_eq!(job.snapshot().await.unwrap().notices_pending, 1, "the first answer counts, and is none");
        drop((peer, bus));
        until(&job, |snapshot| !snapshot.notify_interface).await;
        served.stop().await;
    });
}

#[test]
fn files_are_validated_and_the_rest_of_the_properties_is_kept() {
    let (folder, files, server) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        let client = served.client().await;
        server.set("/a", Resource::new("abc"));
        let job = job(&client, &server, "/a", &files).await;
        let file = job.file(0);
        assert_eq!(file.set_validation_state(Validity::Valid).await.map_err(|error| error.code()), Err(common::E_PENDING));
        assert_eq!(job.file(1).snapshot().await.map_err(|error| error.code()), Err(bits::BG_E_FILE_NOT_FOUND));
        job.resume().await.unwrap();
        job.wait_until_ended_or_error().await.unwrap();
        assert_eq!(file.snapshot().await.unwrap().validity, None);
        assert_eq!(file.set_validation_state(Validity::Valid).await.unwrap(), S_OK);
        let valid = file.snapshot().await.unwrap();
        assert_eq!((valid.validity, valid.peer_availability), (Some(Validity::Valid), PeerAvailability::Validated));
        file.set_validation_state(Validity::Invalid).await.unwrap();
        let end = job.wait_until_ended_or_error().await.unwrap();
        assert_eq!((end.state, end.error.map(|error| error.failure.code)), (JobState::Error, Some(bits::BG_E_VALIDATION_FAILED)));
        let class: Guid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9".parse().unwrap();
        assert_eq!(job.set_notification_class(class).await.map_err(|error| error.code()), Err(common::REGDB_E_CLASSNOTREG));
        job.set_notification_class(Guid::NULL).await.unwrap();
        assert_eq!(job.set_notify_command_line("relative", ["x"]).await.map_err(|error| error.code()), Err(common::E_INVALIDARG));
        job.set_minimum_notification_interval(1234).await.unwrap();
        assert_eq!(job.snapshot().await.unwrap().minimum_notification_interval, 1234);
        served.stop().await;
    });
}

#[test]
fn a_command_line_is_run_with_the_id_of_its_job() {
    let (folder, files, server) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        let client = served.client().await;
        server.set("/a", Resource::new("abc"));
        let job = job(&client, &server, "/a", &files).await;
        let note = files.join("note");
        let script = format!("echo \"$CONSIGN_JOB_ID $1\" > {}", note.display());
        let line = CommandLine { program: "/bin/sh".into(), arguments: ["-c", &script, "sh", "{job}"].map(Into::into).into() };
        job.set([Change::CommandLine(Some(line.clone()))]).await.unwrap();
        assert_eq!(job.snapshot().await.unwrap().command_line, Some(line));
        job.resume().await.unwrap();
        until(&job, |snapshot| snapshot.state == JobState::Transferred && snapshot.notices_pending == 0).await;
        assert_eq!(std::fs::read_to_string(note).unwrap(), format!("{0} {0}\n", job.id()));
        job.clear_notify_command_line().await.unwrap();
        assert_eq!(job.snapshot().await.unwrap().command_line, None);
        served.stop().await;
    });
}

/// So many in an ordinary run of the tests; `CONSIGN_JOBS` says otherwise.
const MANY: u32 = 1000;

#[test]
fn many_jobs_end_at_once_and_one_receiver_is_slow() {
    let many = std::env::var("CONSIGN_JOBS").ok().and_then(|text| text.parse().ok()).unwrap_or(MANY);
    let (folder, files, server) = places();
    limited_to(Duration::from_secs(60 + u64::from(many) / 20), async {
        let served = Served::start_with(folder.path(), |settings| {
            (settings.limits.jobs_per_user, settings.limits.jobs_per_machine) = (many + 1, many + 1);
        })
        .await;
        server.set("/a", Resource::new("abc"));
        let client = served.client().await;
        let (sender, mut called) = mpsc::unbounded_channel();
        let slow = job(&client, &server, "/a", &files).await;
        slow.set_notify_interface(Silent(sender)).await.unwrap();
        slow.resume().await.unwrap();
        called.recv().await.unwrap();
        let (recorder, mut heard) = Recorder::new();
        let recorder = Arc::new(recorder);
        for number in 0..many {
            let changes = vec![Change::Priority(Priority::Foreground)];
            let options = JobOptions { changes, ..JobOptions::default() };
            let job = client.create_job_with(&number.to_string(), JobType::Download, options).await.unwrap();
            job.add_file(server.url("/a"), files.join(number.to_string())).await.unwrap();
            job.set_notify_interface(Arc::clone(&recorder)).await.unwrap();
            job.resume().await.unwrap();
        }
        let mut events = std::collections::BTreeSet::new();
        while events.len() < many as usize {
            match heard.recv().await {
                Some(Heard::Transferred(event)) => assert!(events.insert(event), "event {event} came twice"),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(slow.snapshot().await.unwrap().notices_pending, 1);
        served.stop().await;
    });
}
