//! What the test program does when the service starts it.

use std::{
    env,
    fs::OpenOptions,
    io::Write,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use consign::{
    BackgroundCopyCallback, EventId, Guid, Hresult, Job, JobError, Server, blocking,
    common::{E_FAIL, S_FALSE, S_OK},
};

/// Does nothing unless the service started it: its class file says which role it plays.
#[test]
fn plays_its_role() {
    let (Ok(role), Ok(token)) = (env::var("TEST_ROLE"), env::var("CONSIGN_ACTIVATION_TOKEN")) else { return };
    let class: Guid = env::var("TEST_CLASS").unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let run = |server: Server| runtime.block_on(server.run());
    let ended = match role.as_str() {
        "exits" => {
            eprintln!("the configuration is missing");
            std::process::exit(3);
        }
        "never registers" => loop {
            std::thread::park();
        },
        "other class" => run(Server::new().class::<Object>(super::other_class())),
        "two classes" => run(Server::new().class::<Object>(super::other_class()).class::<Object>(class)),
        "not made" => run(Server::new().class_with(class, || -> Object { panic!("there is no object today") })),
        "forks and exits" => {
            // What goes on has the token and the socket, and is killed all the same.
            let program = env::current_exe().unwrap();
            let arguments: Vec<_> = env::args_os().skip(1).collect();
            let background =
                std::process::Command::new("/bin/sh").args(["-c", "TEST_ROLE=slow \"$0\" \"$@\" &"]).arg(program).args(arguments).status();
            assert!(background.unwrap().success());
            return;
        }
        "slow" => {
            std::thread::sleep(Duration::from_secs(1));
            run(Server::new().class::<Object>(class))
        }
        "blocking" => blocking::Server::new().class::<BlockingObject>(class).run(),
        "garbage" | "no object" | "stale token" => return runtime.block_on(super::bad::misbehave(&role, class, &token)),
        _ => run(Server::new().class::<Object>(class)),
    };
    if let Err(error) = ended {
        eprintln!("{error} ({})", error.symbol());
        std::process::exit(1);
    }
}

/// Counts the objects.
static OBJECTS: AtomicU32 = AtomicU32::new(0);

struct Object(u32);

impl Default for Object {
    fn default() -> Self {
        Self(OBJECTS.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

impl Object {
    fn note(&self, method: &str, job: impl std::fmt::Display, event: EventId) {
        let mut log = OpenOptions::new().create(true).append(true).open(env::var_os("TEST_LOG").unwrap()).unwrap();
        // One write: a line is there whole or not at all.
        log.write_all(format!("{} {} {method} {job} {}\n", std::process::id(), self.0, event.number()).as_bytes()).unwrap();
    }
}

impl BackgroundCopyCallback for Object {
    async fn job_transferred(&self, job: Job, event: EventId) -> Hresult {
        self.note("transferred", job.id(), event);
        match env::var("TEST_ROLE").unwrap().as_str() {
            "notes" => S_OK,
            "fails" => E_FAIL,
            "says S_FALSE" => S_FALSE,
            "hangs" => std::future::pending().await,
            "dies" => std::process::abort(),
            "panics" => panic!("what a day"),
            "fails once" => match event_is_known(event) {
                true => completed(&job).await,
                false => E_FAIL,
            },
            _ => completed(&job).await,
        }
    }

    async fn job_error(&self, job: Job, error: JobError, event: EventId) -> Hresult {
        assert!(error.failure.code.is_failure());
        self.note("error", job.id(), event);
        if job.cancel().await.is_ok() { S_OK } else { E_FAIL }
    }

    async fn file_transferred(&self, job: Job, file: u32, event: EventId) -> Hresult {
        assert!(job.file(file).snapshot().await.unwrap().temporary_name.is_some_and(|name| name.exists()));
        self.note("file", job.id(), event);
        S_OK
    }
}

async fn completed(job: &Job) -> Hresult {
    if job.complete().await.is_ok() { S_OK } else { E_FAIL }
}

/// Whether the event has been told before this call.
fn event_is_known(event: EventId) -> bool {
    let lines = super::read_log(env::var_os("TEST_LOG").unwrap().as_ref());
    lines.iter().filter(|line| line.event == event.number()).count() > 1
}

#[derive(Default)]
struct BlockingObject(Object);

impl blocking::BackgroundCopyCallback for BlockingObject {
    fn job_transferred(&self, job: blocking::Job, event: EventId) -> Hresult {
        self.0.note("transferred", job.id(), event);
        if job.complete().is_ok() { S_OK } else { E_FAIL }
    }
}
