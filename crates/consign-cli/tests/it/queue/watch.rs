//! `consign queue watch`.

use rustix::process::Signal;
use serde_json::Value;

use super::{Bench, keys, server::REFUSED};
use crate::setup::Running;

#[test]
fn events_are_lines_with_the_names_of_com() {
    let bench = Bench::new();
    let mut watch = Running::start(&mut bench.setup.command(["queue", "watch", "Orders"]));
    watch.wait_for_line("watching; interrupt to leave");
    let id = bench.call(&["ShipOrder", &REFUSED.to_string()]);
    bench.ok(&["queue", "resume", "Orders"]);
    watch.wait_for_answer("OnQCMoveToDeadQueue");
    watch.signal(Signal::INT);
    let ended = watch.end();
    assert_eq!(ended.code, Some(130), "{ended:?}");
    let lines: Vec<String> = ended.stdout.lines().map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines,
        [
            format!("OnQCRecord Orders {id}"),
            format!("OnQCReceive Orders {id}"),
            format!("OnQCPlayback Orders {id} E_INVALIDARG 0x80070057"),
            format!("OnQCMoveToDeadQueue Orders {id}"),
        ]
    );
}

#[test]
fn programs_read_one_object_for_each_event_and_the_service_may_come_and_go() {
    let bench = Bench::new();
    let mut watch = Running::start(&mut bench.setup.command(["queue", "watch", "--json"]));
    let heard = {
        // Until it listens, it hears nothing: so it is told until it does.
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    bench.call(&["ShipOrder", "1"]);
                }
            });
            let heard = watch.wait_for_answer("OnQCRecord");
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            heard
        })
    };
    let event: Value = serde_json::from_str(&heard).unwrap();
    assert_eq!(keys(&event), ["code", "event", "message", "missed", "queue", "retry_queue", "symbol", "time"]);
    assert_eq!((event["event"].as_str(), event["queue"].as_str()), (Some("OnQCRecord"), Some("Orders")));
    bench.setup.kill_service();
    watch.wait_for_line("the service ended");
    bench.ok(&["queue", "resume", "Orders"]);
    watch.signal(Signal::INT);
    assert_eq!(watch.end().code, Some(130));
}
