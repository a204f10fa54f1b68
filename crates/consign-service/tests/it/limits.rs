//! Limits that the shell put on the service, and what jobs say of them.

use std::{fs, path::Path, process::Command, time::Duration};

use consign_bits::JobState;
use consign_core::{Paths, common};
use consign_testkit::{Body, Resource, Server};
use consign_wire::{ErrorRecord, names};
use zbus::{Connection, OwnedVariant};

use crate::{
    calls::new_job,
    support::{Service, call, command, eventually, within_limit},
};

/// The service of `folder`, under what `ulimit` says.
fn limited(folder: &Path, limits: &str) -> Service {
    let plain = command(folder);
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit {limits}; exec \"$0\"")).arg(plain.get_program()).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Service::spawn(command, Paths::under(folder)).expect("the service starts")
}

/// Waits until the job is there. Whoever needs no signals may look again and again.
async fn wait(client: &Connection, job: &str, wanted: JobState) {
    loop {
        let reply = call(client, job, "org.freedesktop.DBus.Properties", "Get", &(names::JOB, "State")).await.unwrap();
        let value = reply.body().deserialize::<(OwnedVariant,)>().unwrap().0;
        let state = JobState::try_from(u32::try_from(value).unwrap()).unwrap();
        if state == wanted {
            return;
        }
        assert!(!matches!(state, JobState::Error | JobState::Transferred) && !state.is_final(), "{state}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn a_file_above_the_limit_is_an_error_of_its_job_alone() {
    let folder = tempfile::tempdir().unwrap();
    // In blocks of 512 or, in some shells, 1024 bytes: at most 4 MiB, and room enough for the store.
    let service = limited(folder.path(), "-f 4096");
    let server = Server::start().unwrap();
    server.set("/large", Resource::new(Body::pattern(1, 6 << 20)));
    let small = Body::pattern(2, 100_000);
    within_limit(async {
        let client = service.client().await;
        let job = new_job(&client, "large").await;
        let target = folder.path().join("file");
        call(&client, &job, names::JOB, "AddFile", &(server.url("/large"), target.to_str().unwrap())).await.unwrap();
        call(&client, &job, names::JOB, "Resume", &()).await.unwrap();
        wait(&client, &job, JobState::Error).await;
        let reply = call(&client, &job, names::JOB, "GetError", &()).await.unwrap();
        let error: ErrorRecord = reply.body().deserialize::<(ErrorRecord,)>().unwrap().0;
        assert_eq!(error.code, common::ERROR_FILE_TOO_LARGE.as_i32(), "{error:?}");
        // The cause is gone: the service is the same, and so is the job.
        server.set("/large", Resource::new(small.clone()));
        call(&client, &job, names::JOB, "Resume", &()).await.unwrap();
        wait(&client, &job, JobState::Transferred).await;
        call(&client, &job, names::JOB, "Complete", &()).await.unwrap();
        small.check_file(&target).unwrap();
    });
}

#[test]
fn it_takes_as_many_descriptors_as_it_may_have() {
    let folder = tempfile::tempdir().unwrap();
    let service = limited(folder.path(), "-Sn 128; ulimit -Hn 512");
    eventually("the limit to be raised", || {
        let limits = fs::read_to_string(format!("/proc/{}/limits", service.pid())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        line.split_whitespace().filter(|word| *word == "512").count() == 2
    });
    within_limit(service.is_well());
}
