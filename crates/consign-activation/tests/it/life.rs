use std::{io::Write, time::Duration};

use consign_activation::{
    ClassFile, Died,
    activator::ClassState,
    server::{Connection, StopReason},
};
use consign_core::common;
use tokio::time::timeout;

use crate::bench::{Bench, Call, GOOD, LIMIT, id, lives, shell, until};

/// A child says hello; the parent ends when it is told to.
const FORKS: &str =
    "(echo $CONSIGN_ACTIVATION_TOKEN $$ > $CONSIGN_SOCKET; exec sleep 1000) & echo $!; read go < $CONSIGN_SOCKET.go; exit 0";

fn fifo(bench: &Bench) -> std::fs::File {
    let path = bench.path("socket.go");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap()
}

fn kill(process: u32) {
    let process = rustix::process::Pid::from_raw(process.cast_signed()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
}

fn first_number(bench: &Bench) -> Option<u32> {
    bench.status().output.first().and_then(|line| line.text.parse().ok())
}

#[tokio::test]
async fn a_server_that_forks_and_exits_is_dead_though_its_connection_is_open() {
    let mut bench = Bench::new();
    let mut go = fifo(&bench);
    let mut deaths = bench.activator().deaths();
    let (_lease, _) = bench.running(&shell(FORKS), 7).await;
    until("the child's number", || first_number(&bench).is_some()).await;
    let child = first_number(&bench).unwrap();
    assert!(lives(child));
    go.write_all(b"go\n").unwrap();
    let died = timeout(LIMIT, deaths.next()).await.unwrap().unwrap();
    assert_eq!(died, Died { class: id(1), connection: Connection(7) });
    assert_eq!(bench.asked().await, Call::Close(Connection(7)));
    until("the child's end", || !lives(child)).await;
    bench.until(|state| state == ClassState::Absent).await;
    assert_eq!(bench.status().failures, 0, "its exit status is 0");
}

#[tokio::test]
async fn a_server_that_closes_its_connection_is_dead_though_its_process_lives() {
    let bench = Bench::new();
    let mut go = fifo(&bench);
    let mut deaths = bench.activator().deaths();
    let (lease, hello) = bench.running(&shell(FORKS), 7).await;
    bench.activator().connection_closed(lease.connection());
    assert_eq!(timeout(LIMIT, deaths.next()).await.unwrap().unwrap().connection, Connection(7));
    let refused = bench.again(id(1)).answer().await.unwrap_err();
    assert!(refused.retry_after.is_some(), "it did not end");
    go.write_all(b"go\n").unwrap();
    bench.until(|state| matches!(state, ClassState::BackingOff(_))).await;
    until("its end", || !lives(hello.process) && first_number(&bench).is_none_or(|child| !lives(child))).await;
}

#[tokio::test]
async fn a_server_that_ends_in_order_has_not_failed_though_it_was_in_use() {
    let bench = Bench::with(|options| options.grace = LIMIT);
    let mut go = fifo(&bench);
    let (_lease, _) = bench.running(&shell(FORKS), 7).await;
    bench.activator().connection_closed(Connection(7));
    let waiting = bench.again(id(1));
    go.write_all(b"go\n").unwrap();
    let second = bench.hello().await;
    bench.activator().registered(Some(&second.token), id(1), Connection(8)).unwrap();
    assert_eq!(waiting.answer().await.unwrap().connection(), Connection(8));
    assert_eq!((bench.status().failures, bench.status().last_failure), (0, None));
}

#[tokio::test]
async fn it_is_said_how_a_server_died() {
    let bench = Bench::with(|options| options.grace = LIMIT);
    let (_lease, hello) = bench.running(&shell(GOOD), 7).await;
    bench.activator().connection_closed(Connection(7));
    kill(hello.process);
    bench.until(|state| matches!(state, ClassState::BackingOff(_))).await;
    let failure = bench.status().last_failure.unwrap().1;
    assert_eq!(failure.code, common::RPC_E_DISCONNECTED);
    assert_eq!(failure.sentence, "the server died while it was in use (signal 9)");
}

#[tokio::test]
async fn a_server_that_serves_no_more_and_stays_has_failed() {
    let bench = Bench::new();
    let (_lease, _) = bench.running(&shell(GOOD), 7).await;
    bench.activator().connection_closed(Connection(7));
    bench.until(|state| matches!(state, ClassState::BackingOff(_))).await;
    let failure = bench.status().last_failure.unwrap().1;
    // SIGTERM or, on a busy machine, SIGKILL.
    assert!(failure.sentence.starts_with("the server stopped serving and did not end until it was made to (signal "), "{failure}");
    assert_eq!(bench.status().failures, 1);
}

#[tokio::test]
async fn a_server_that_ignores_everything_is_killed() {
    let mut bench = Bench::new();
    let deaf = "trap '' TERM; echo $CONSIGN_ACTIVATION_TOKEN $$ > $CONSIGN_SOCKET; exec sleep 1000";
    let (_lease, hello) = bench.running(&shell(deaf), 7).await;
    timeout(LIMIT, bench.activator().shutdown_all()).await.unwrap();
    assert_eq!(bench.asked().await, Call::Shutdown(Connection(7)));
    assert!(!lives(hello.process));
    assert_eq!(bench.status().state, ClassState::Absent);
    assert_eq!(bench.activator().activate(id(1)).await.unwrap_err().code, common::ERROR_SHUTDOWN_IN_PROGRESS);
}

#[tokio::test]
async fn a_server_nobody_uses_is_asked_to_end() {
    let mut bench = Bench::new();
    let class = ClassFile { idle_stop: Some(Duration::ZERO), ..shell(GOOD) };
    let (lease, hello) = bench.running(&class, 7).await;
    assert!(bench.asked.try_recv().is_err(), "it is in use");
    drop(lease);
    assert_eq!(bench.asked().await, Call::Shutdown(Connection(7)));
    bench.until(|state| state == ClassState::Absent).await;
    assert!(!lives(hello.process));
    assert_eq!(bench.status().failures, 0);
    let (_lease, again) = bench.running(&class, 8).await;
    assert_ne!(again.token, hello.token);
}

#[tokio::test]
async fn who_asks_while_a_server_ends_gets_the_next_one() {
    let bench = Bench::with(|options| options.grace = LIMIT);
    let (_lease, first) = bench.running(&shell(GOOD), 7).await;
    bench.activator().stop(id(1), StopReason::Asked);
    let waiting = bench.again(id(1));
    let pid = rustix::process::Pid::from_raw(first.process.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let second = bench.hello().await;
    bench.activator().registered(Some(&second.token), id(1), Connection(8)).unwrap();
    assert_eq!(waiting.answer().await.unwrap().connection(), Connection(8));
}

#[tokio::test]
async fn a_flood_of_output_is_cut_to_its_end() {
    let bench = Bench::new();
    let flood = "head -c 10485760 /dev/zero | tr '\\0' x; echo; echo the end; ";
    let (_lease, _) = bench.running(&shell(&format!("{flood}{GOOD}")), 7).await;
    timeout(LIMIT, bench.activator().shutdown_all()).await.unwrap();
    let output = bench.status().output;
    assert_eq!(output.last().unwrap().text, "the end");
    let held: usize = output.iter().map(|line| line.text.len()).sum();
    assert!((32 * 1024..=64 * 1024).contains(&held), "{held}");
}

#[tokio::test]
async fn no_process_outlives_the_activator() {
    let mut bench = Bench::new();
    let (_lease, hello) = bench.running(&shell(&format!("sleep 1000 & echo $!; {GOOD}")), 7).await;
    until("the child's number", || first_number(&bench).is_some()).await;
    let child = first_number(&bench).unwrap();
    assert!(lives(child) && lives(hello.process));
    drop(bench.activator.take());
    until("their end", || !lives(child) && !lives(hello.process)).await;
}

#[tokio::test]
async fn every_process_can_be_killed_at_once() {
    let bench = Bench::with(|options| options.grace = LIMIT);
    let deaf = format!("trap '' TERM; sleep 1000 & echo $!; {GOOD}");
    let (_lease, hello) = bench.running(&shell(&deaf), 7).await;
    until("its number", || bench.status().process == Some(hello.process)).await;
    until("the child's number", || first_number(&bench).is_some()).await;
    let child = first_number(&bench).unwrap();
    let waiting = bench.begin(&ClassFile { class: id(2), ..shell("exec sleep 1000") });
    until("the start", || bench.activator().status(id(2)).is_some_and(|status| status.process.is_some())).await;
    let silent = bench.activator().status(id(2)).unwrap().process.unwrap();
    bench.activator().kill_all();
    // Nothing of ours is waited for: this thread runs no task of the activator meanwhile.
    let begun = std::time::Instant::now();
    while [hello.process, child, silent].into_iter().any(lives) {
        assert!(begun.elapsed() < LIMIT, "they live");
        std::thread::yield_now();
    }
    assert_eq!(waiting.answer().await.unwrap_err().code, common::ERROR_SHUTDOWN_IN_PROGRESS);
    assert_eq!(bench.activator().activate(id(1)).await.unwrap_err().code, common::ERROR_SHUTDOWN_IN_PROGRESS);
    timeout(LIMIT, bench.activator().shutdown_all()).await.unwrap();
}

#[test]
fn what_is_about_to_be_started_is_not_when_all_is_killed() {
    // Starts go through the one thread, and wait there while the gate is shut.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let bench = Bench::with(|options| options.grace = LIMIT);
        let starts = bench.path("starts");
        let (_lease, hello) = bench.running(&shell(&format!("echo >> {}; {GOOD}", starts.display())), 7).await;
        bench.activator().stop(id(1), StopReason::Asked);
        let waiting = bench.again(id(1));
        // A stopping server is not joined: the registry is asked, by the one thread.
        tokio::task::yield_now().await;
        tokio::task::spawn_blocking(|| {}).await.unwrap();
        tokio::task::yield_now().await;
        let (open, shut) = std::sync::mpsc::channel::<()>();
        let gate = tokio::task::spawn_blocking(move || shut.recv_timeout(LIMIT));
        kill(hello.process);
        bench.until(|state| state == ClassState::Starting).await;
        bench.activator().kill_all();
        assert_eq!(waiting.answer().await.unwrap_err().code, common::ERROR_SHUTDOWN_IN_PROGRESS);
        assert_eq!(bench.status().state, ClassState::Stopping);
        open.send(()).unwrap();
        gate.await.unwrap().unwrap();
        bench.until(|state| state == ClassState::Absent).await;
        assert_eq!(std::fs::read_to_string(starts).unwrap(), "\n", "it was started once");
    });
}

#[tokio::test]
async fn a_server_that_revokes_its_class_is_followed_by_another() {
    let mut bench = Bench::with(|options| options.grace = LIMIT);
    let mut deaths = bench.activator().deaths();
    let (_lease, first) = bench.running(&shell(GOOD), 7).await;
    bench.activator().revoked(id(1), Connection(8));
    bench.activator().revoked(id(2), Connection(7));
    assert!(matches!(bench.status().state, ClassState::Running { .. }), "that was another");
    bench.activator().revoked(id(1), Connection(7));
    assert_eq!(timeout(LIMIT, deaths.next()).await.unwrap().unwrap(), Died { class: id(1), connection: Connection(7) });
    assert_eq!(bench.status().state, ClassState::Stopping);
    let waiting = bench.again(id(1));
    // It announced its end, and all the same has to come to a good one.
    kill(first.process);
    assert!(waiting.answer().await.unwrap_err().retry_after.is_some());
    assert_eq!(bench.status().last_failure.unwrap().1.sentence, "the server ended badly (signal 9)");
    assert!(bench.asked.try_recv().is_err(), "nobody asked it, nor closed its connection");
}

#[tokio::test]
async fn unregistering_ends_the_server_and_who_waits_for_it() {
    let bench = Bench::new();
    let waiting = bench.begin(&shell(GOOD));
    let hello = bench.hello().await;
    bench.activator().unregister(id(1)).unwrap();
    assert_eq!(waiting.answer().await.unwrap_err().code, common::REGDB_E_CLASSNOTREG);
    until("its end", || bench.activator().status(id(1)).is_none()).await;
    assert!(!lives(hello.process));
    assert_eq!(bench.again(id(1)).answer().await.unwrap_err().code, common::REGDB_E_CLASSNOTREG);
    assert_eq!(bench.activator().status(id(1)), None);
}

#[tokio::test]
async fn a_lease_from_before_a_class_was_forgotten_counts_for_nothing() {
    let bench = Bench::new();
    let (old, _) = bench.running(&shell(GOOD), 7).await;
    bench.activator().unregister(id(1)).unwrap();
    until("its end", || bench.activator().status(id(1)).is_none()).await;
    let (_lease, _) = bench.running(&shell(GOOD), 8).await;
    drop(old);
    assert_eq!(bench.status().state, ClassState::Running { connection: Connection(8), users: 1 });
    assert_eq!(bench.status().attempts, 1);
}

#[tokio::test]
async fn a_class_whose_file_was_removed_is_forgotten() {
    let bench = Bench::new();
    bench.begin(&shell("exit 1")).answer().await.unwrap_err();
    assert!(bench.activator().status(id(1)).is_some());
    std::fs::remove_dir_all(bench.path("classes")).unwrap();
    assert_eq!(bench.again(id(1)).answer().await.unwrap_err().code, common::REGDB_E_CLASSNOTREG);
    assert_eq!(bench.activator().status(id(1)), None);
}

#[tokio::test]
async fn a_server_inherits_nothing() {
    let bench = Bench::new();
    let secret = std::fs::File::create(bench.path("secret")).unwrap();
    rustix::io::fcntl_setfd(&secret, rustix::io::FdFlags::empty()).unwrap();
    let nosy = "pwd; for fd in /proc/$$/fd/*; do echo fd $(readlink $fd); done; tr '\\0' '\\n' < /proc/$$/environ; exit 1";
    bench.begin(&shell(nosy)).answer().await.unwrap_err();
    let lines: Vec<_> = bench.status().output.into_iter().map(|line| line.text).collect();
    assert_eq!(lines[0], "/");
    let descriptors: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("fd")).map(str::trim).collect();
    assert!(descriptors.contains(&"/dev/null"), "{lines:?}");
    // The shell's own are pipes, and the listing of its descriptors.
    let expected = |target: &str| target.is_empty() || target == "/dev/null" || target.starts_with("pipe:") || target.starts_with("/proc/");
    assert!(descriptors.iter().all(|target| expected(target)), "{lines:?}");
    for line in lines.iter().filter(|line| line.contains('=')) {
        let name = line.split('=').next().unwrap();
        let stated = ["PATH", "HOME", "LANG", "CONSIGN_SOCKET", "CONSIGN_ACTIVATION_TOKEN"].contains(&name) || name.starts_with("XDG_");
        assert!(stated, "{line}");
    }
    assert!(lines.iter().any(|line| line.starts_with("CONSIGN_ACTIVATION_TOKEN=")));
}
