//! The examples as programs: `cargo test` builds them.

use std::process::{Command, Output, Stdio};

use consign_testkit::{Resource, Trusted};

use crate::setup::{Served, limited, places};

/// Runs an example beside a service; answers what came of it, and keeps the program as long as that.
async fn run(served: &Served, example: &str, url: String, file: &std::path::Path) -> Option<(Output, Trusted)> {
    run_with(served, example, &[url.as_ref(), file.as_os_str()]).await
}

async fn run_with(served: &Served, example: &str, arguments: &[&std::ffi::OsStr]) -> Option<(Output, Trusted)> {
    let program = std::env::current_exe().unwrap().parent().unwrap().with_file_name("examples").join(example);
    if !program.is_file() {
        eprintln!("passed over: {} is built by `cargo test` and by `cargo build --examples`", program.display());
        return None;
    }
    // The service starts it again.
    let program = Trusted::program(&program).unwrap();
    let mut command = Command::new(program.path());
    command.args(arguments).stdin(Stdio::null());
    command.env("CONSIGN_DIR", served.paths.runtime.parent().unwrap()).env_remove("CONSIGN_ACTIVATION_TOKEN");
    Some((tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap(), program))
}

#[test]
fn notify_object() {
    let (folder, files, server) = places();
    server.set("/a", Resource::new("abc"));
    limited(async {
        let served = Served::start(folder.path()).await;
        let Some((output, _program)) = run(&served, "notify_object", server.url("/a"), &files.join("a")).await else { return };
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "event 1: transferred\n");
        assert_eq!(std::fs::read(files.join("a")).unwrap(), b"abc");
        let Some((output, _program)) = run(&served, "notify_object", server.url("/missing"), &files.join("b")).await else { return };
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        served.stop().await;
    });
}

#[test]
fn notify_class() {
    let (folder, files, server) = places();
    server.set("/a", Resource::new("abc"));
    limited(async {
        let served = Served::start(folder.path()).await;
        let Some((output, _program)) = run(&served, "notify_class", server.url("/a"), &files.join("a")).await else { return };
        assert!(output.status.success(), "{output:?}");
        let id = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        // The program has ended; it is started again.
        let job = served.client().await.job(id);
        job.wait(|snapshot| snapshot.state.is_final()).await.unwrap();
        assert_eq!(std::fs::read(files.join("a")).unwrap(), b"abc");
        served.stop().await;
    });
}

#[test]
fn shipment() {
    let (folder, files, _server) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        let book = files.join("book");
        let Some((output, _program)) = run_with(&served, "shipment", &[book.as_os_str(), "7".as_ref(), "8".as_ref()]).await else { return };
        assert!(output.status.success(), "{output:?}");
        let message = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        // The program has ended; it is started again as the component.
        let shipped = format!("order 7, message {message}, attempt 1\norder 8, message {message}, attempt 1\n");
        while std::fs::read_to_string(&book).ok().as_ref() != Some(&shipped) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        served.stop().await;
    });
}

#[test]
fn order_with_response() {
    let (folder, files, _server) = places();
    limited(async {
        let served = Served::start(folder.path()).await;
        let book = files.join("book");
        let arguments = [book.as_os_str(), "teapot".as_ref(), "2".as_ref()];
        let Some((output, _program)) = run_with(&served, "order_with_response", &arguments).await else { return };
        assert!(output.status.success(), "{output:?}");
        while std::fs::read_to_string(&book).unwrap_or_default() != "ordered: 2 x teapot\nshipped: 2 x teapot\n" {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        served.stop().await;
    });
}
