//! Class programs and servers that do what they should not.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use consign::{Guid, Hresult, JobState, NotifyFlags, ServerState, common};
use consign_service::HandStartedRule;
use consign_testkit::trusted_folder;
use consign_wire::names;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use zbus::{ObjectPath, message::Type};

use super::{Bench, class, other_class, pause, until_gone};
use crate::setup::{limited, until};

/// Servers that do not use the library as it is meant.
pub(super) async fn misbehave(role: &str, class: Guid, token: &str) {
    let socket = std::env::var("CONSIGN_SOCKET").unwrap();
    if role == "garbage" {
        let mut stream = tokio::net::UnixStream::connect(socket).await.unwrap();
        stream.write_all(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\nwhat is this\0\0\0").await.unwrap();
        return std::future::pending().await;
    }
    let stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    let mut calls = zbus::connection::Builder::unix_stream(stream).p2p().build_message_stream().await.unwrap();
    let bus = zbus::Connection::from(&calls);
    let token = if role == "stale token" { "0".repeat(32) } else { token.to_owned() };
    let body = (token, class.to_string(), ObjectPath::from_static_str_unchecked("/factory"), names::REGCLS_MULTIPLEUSE);
    let interface = Some(names::ACTIVATION);
    if let Err(error) = bus.call_method(None::<()>, names::MANAGER_PATH, interface, "RegisterClass", &body).await {
        eprintln!("{error}");
        return;
    }
    while let Some(Ok(call)) = calls.next().await {
        if call.message_type() == Type::MethodCall && call.header().member().is_some_and(|member| *member == "CreateInstance") {
            bus.reply(&call.header(), &("no", "object")).await.unwrap();
        }
    }
}

/// A program that follows the rules, in a folder that does.
fn program(folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    fs::copy("/bin/true", &path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_program_that_breaks_a_rule_is_not_registered() {
    limited(async {
        let bench = Bench::new().await;
        let folder = trusted_folder().unwrap();
        let refused = async |program: &str| {
            let registered = bench.client.register_class(&format!("clsid = '{}'\nexec = ['{program}']\n", class())).await;
            registered.map_err(|error| error.code())
        };
        let good = program(folder.path(), "good");
        assert_eq!(refused(folder.path().to_str().unwrap()).await, Err(common::E_ACCESSDENIED), "a directory");
        fs::set_permissions(&good, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(refused(&good).await, Err(common::E_ACCESSDENIED), "not executable");
        fs::set_permissions(&good, fs::Permissions::from_mode(0o757)).unwrap();
        assert_eq!(refused(&good).await, Err(common::E_ACCESSDENIED), "writable by others");
        assert_eq!(refused(&format!("{good}x")).await, Err(common::ERROR_FILE_NOT_FOUND), "not there");
        assert_eq!(refused("good").await, Err(common::REGDB_E_INVALIDVALUE), "relative");
        fs::set_permissions(&good, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(refused(&good).await.is_ok());
        assert_eq!(bench.client.classes().await.unwrap().len(), 1);
        bench.end().await;
    });
}

#[test]
fn a_program_is_checked_again_when_it_is_set_and_when_it_is_run() {
    limited(async {
        let bench = Bench::new().await;
        let folder = trusted_folder().unwrap();
        let path = program(folder.path(), "program");
        bench.client.register_class(&format!("clsid = '{}'\nexec = ['{path}']\n", class())).await.unwrap();
        let job = bench.job("one", NotifyFlags::default()).await;
        fs::remove_file(&path).unwrap();
        program(folder.path(), "program");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(job.set_notification_class(class()).await.unwrap_err().code(), common::E_ACCESSDENIED);
        job.resume().await.unwrap();
        until(&job, |snapshot| snapshot.state == JobState::Transferred).await;
        assert_eq!(failure(&bench).await, common::E_ACCESSDENIED);
        assert_eq!(job.snapshot().await.unwrap().notices_pending, 1, "nobody has heard it");
        bench.end().await;
    });
}

/// The failure of the class's server, once there is one.
async fn failure(bench: &Bench) -> Hresult {
    loop {
        let details = bench.client.class(&class().to_string()).await.unwrap().class.details.unwrap();
        if let Some((_, failure)) = details.last_failure {
            return failure.code;
        }
        pause().await;
    }
}

#[test]
fn a_server_that_does_not_serve_its_class_has_failed_and_is_gone() {
    for role in ["exits", "other class", "forks and exits", "stale token", "never registers"] {
        limited(async {
            let bench = Bench::new().await;
            let file = bench.class_file(class(), role);
            let file = if role == "never registers" { file.replace("start_timeout = 30", "start_timeout = 1") } else { file };
            bench.client.register_class(&file).await.unwrap();
            let refused = bench.client.start_class(&class().to_string()).await.unwrap_err();
            assert_eq!(refused.code(), common::CO_E_SERVER_EXEC_FAILURE, "{role}: {refused}");
            let job = bench.running_job("one").await;
            until(&job, |snapshot| snapshot.state == JobState::Transferred).await;
            assert_eq!(job.snapshot().await.unwrap().notices_pending, 1, "{role}");
            assert_eq!(bench.lines(), [], "{role}");
            let log = bench.log.clone();
            bench.end().await;
            // Of a server that went into the background nothing is left, either.
            while let Some(process) = server_of(&log) {
                until_gone(process).await;
            }
        });
    }
}

/// A process that was started as a server that writes to this log.
fn server_of(log: &Path) -> Option<u32> {
    let variable = format!("TEST_LOG={}", log.display());
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u32>().ok());
    let has_it = |process: &u32| {
        let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|part| part == variable.as_bytes())
    };
    processes.into_iter().find(has_it)
}

#[test]
fn a_server_that_answers_nonsense_has_not_heard() {
    for role in ["no object", "not made", "garbage", "panics", "hangs", "dies"] {
        limited(async {
            let bench = Bench::with(|settings| settings.jobs.callback_timeout = 1).await;
            let file = bench.class_file(class(), role);
            let file = if role == "garbage" { file.replace("start_timeout = 30", "start_timeout = 1") } else { file };
            bench.client.register_class(&file).await.unwrap();
            let job = bench.job("one", NotifyFlags::default()).await;
            let note = bench.files.join("note");
            let script = format!("echo run > {}", note.display());
            job.set_notify_command_line("/bin/sh", ["-c", &script]).await.unwrap();
            job.resume().await.unwrap();
            // Whatever the class did, the next rung of the ladder hears it.
            until(&job, |snapshot| snapshot.state == JobState::Transferred && snapshot.notices_pending == 0).await;
            assert_eq!(fs::read_to_string(note).unwrap(), "run\n", "{role}");
            let processes: Vec<u32> = bench.lines().iter().map(|line| line.process).collect();
            bench.end().await;
            for process in processes {
                until_gone(process).await;
            }
        });
    }
}

/// `RegisterClass`, as a program calls it that nobody has started; answers the code of the refusal.
async fn register_by_hand(bench: &Bench, token: &str, class: Guid, flags: u32) -> (zbus::Connection, Result<u32, Hresult>) {
    let stream = std::os::unix::net::UnixStream::connect(bench.served.paths.socket()).unwrap();
    let bus = zbus::connection::Builder::unix_stream(stream).p2p().build().await.unwrap();
    let body = (token, class.to_string(), ObjectPath::from_static_str_unchecked("/factory"), flags);
    let answer = bus.call_method(None::<()>, names::MANAGER_PATH, Some(names::ACTIVATION), "RegisterClass", &body).await;
    let answer = match answer {
        Ok(answer) => Ok(answer.body().deserialize().unwrap()),
        Err(zbus::Error::MethodError(_, _, answer)) => {
            Err(consign_wire::error::from_wire(answer.body().deserialize::<consign_wire::error::Body>().unwrap()).code)
        }
        Err(other) => panic!("{other}"),
    };
    (bus, answer)
}

#[test]
fn a_server_that_was_started_by_hand_is_refused() {
    limited(async {
        let bench = Bench::new().await;
        bench.register("completes").await;
        for (token, class, flags, code) in [
            (String::new(), class(), names::REGCLS_MULTIPLEUSE, common::E_ACCESSDENIED),
            (String::new(), other_class(), names::REGCLS_MULTIPLEUSE, common::REGDB_E_CLASSNOTREG),
            ("0".repeat(32), class(), names::REGCLS_MULTIPLEUSE, common::E_ACCESSDENIED),
            ("x".repeat(100_000), class(), names::REGCLS_MULTIPLEUSE | names::REGCLS_SUSPENDED, common::E_ACCESSDENIED),
            (String::new(), class(), 0, common::E_INVALIDARG),
            (String::new(), class(), 2, common::E_INVALIDARG),
            (String::new(), Guid::NULL, names::REGCLS_MULTIPLEUSE, common::E_INVALIDARG),
        ] {
            assert_eq!(register_by_hand(&bench, &token, class, flags).await.1, Err(code), "{token:.40} {class} {flags}");
        }
        bench.end().await;
    });
}

#[test]
fn where_the_settings_allow_it_a_server_started_by_hand_serves() {
    limited(async {
        let bench = Bench::with(|settings| settings.policy.hand_started_servers = HandStartedRule::Allow).await;
        bench.register("exits").await;
        let (first, registered) = register_by_hand(&bench, "", class(), names::REGCLS_MULTIPLEUSE).await;
        assert_eq!(registered, Ok(1));
        bench.client.start_class(&class().to_string()).await.unwrap();
        let (_second, again) = register_by_hand(&bench, "", class(), names::REGCLS_MULTIPLEUSE).await;
        assert_eq!(again, Err(common::CO_E_OBJISREG));
        first.close().await.unwrap();
        loop {
            let state = bench.client.class(&class().to_string()).await.unwrap().class.details.unwrap().server;
            if !matches!(state, ServerState::Running { .. }) {
                break;
            }
            pause().await;
        }
        bench.end().await;
    });
}

#[test]
fn a_registration_that_is_revoked_serves_no_more() {
    limited(async {
        let bench = Bench::with(|settings| settings.policy.hand_started_servers = HandStartedRule::Allow).await;
        bench.register("completes").await;
        let (bus, registered) = register_by_hand(&bench, "", class(), names::REGCLS_MULTIPLEUSE).await;
        let cookie = registered.unwrap();
        let revoke = async |cookie: u32| {
            let answer = bus.call_method(None::<()>, names::MANAGER_PATH, Some(names::ACTIVATION), "RevokeClass", &cookie).await;
            answer.map(drop).map_err(|error| error.to_string())
        };
        assert!(revoke(cookie + 1).await.unwrap_err().contains("cookie"));
        revoke(cookie).await.unwrap();
        assert!(revoke(cookie).await.is_err(), "once is enough");
        // Whoever wants the class now gets a server of its own.
        bench.running_job("one").await;
        assert_ne!(bench.heard(1).await[0].process, std::process::id());
        drop(bus);
        bench.end().await;
    });
}
