use std::{os::unix::fs::PermissionsExt, time::Duration};

use consign_activation::{
    ClassFile, Host,
    activator::{ClassState, Tools},
    server::Connection,
};
use consign_core::common;

use crate::bench::{Bench, id, script, until};

fn tool(bench: &Bench) -> String {
    bench.path("tool").to_str().unwrap().to_owned()
}

fn bench(text: &str) -> Bench {
    let bench = Bench::with(|options| {
        let tool = options.socket.with_file_name("tool").to_str().unwrap().to_owned();
        options.tools = Tools { systemctl: tool.clone(), busctl: tool };
    });
    script(tool(&bench).as_ref(), text);
    bench
}

#[tokio::test]
async fn a_unit_gets_its_token_by_a_file() {
    let bench = bench(
        "file=$XDG_RUNTIME_DIR/consign/activation/$4.env; [ $1$2$3 = --userstart-- ] || exit 0; . $file; \
         echo $CONSIGN_ACTIVATION_TOKEN $$ > $CONSIGN_SOCKET",
    );
    let waiting = bench.begin(&ClassFile::new(id(1), Host::SystemdUnit("a@1.service".to_owned())));
    let hello = bench.hello().await;
    let file = bench.path("consign/activation/a@1.service.env");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(bench.activator().registered(None, id(1), Connection(7)).unwrap_err().code, common::E_ACCESSDENIED);
    bench.activator().registered(Some(&hello.token), id(1), Connection(7)).unwrap();
    let lease = waiting.answer().await.unwrap();
    assert_eq!(lease.connection(), Connection(7));
    until("the file's end", || !file.exists()).await;
    bench.activator().connection_closed(Connection(7));
    assert!(matches!(bench.status().state, ClassState::BackingOff(_)));
}

#[tokio::test]
async fn a_unit_that_cannot_be_started_has_failed() {
    let bench = bench("echo no such unit >&2; exit 5");
    let failure = bench.begin(&ClassFile::new(id(1), Host::SystemdUnit("a.service".to_owned()))).answer().await.unwrap_err();
    assert_eq!(failure.code, common::CO_E_SERVER_EXEC_FAILURE);
    assert!(failure.sentence.contains("exit status 5") && failure.sentence.contains("no such unit"), "{failure}");
    assert!(!bench.path("consign/activation/a.service.env").exists());
}

/// Keeps what it was called with; a start never ends by itself.
const HANGS: &str = "echo $@ >> $XDG_RUNTIME_DIR/calls; [ $2 = start ] && exec sleep 1000; exit 0";

fn calls(bench: &Bench) -> Vec<String> {
    std::fs::read_to_string(bench.path("calls")).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_unit_whose_start_is_cut_off_is_stopped() {
    let bench = bench(HANGS);
    let unit = ClassFile::new(id(1), Host::SystemdUnit("a.service".to_owned()));
    let failure = bench.begin(&ClassFile { start_timeout: Duration::from_secs(1), ..unit }).answer().await.unwrap_err();
    assert_eq!(failure.code, common::CO_E_SERVER_EXEC_FAILURE);
    bench.until(|state| matches!(state, ClassState::BackingOff(_))).await;
    assert_eq!(calls(&bench).last().unwrap(), "--user --no-block stop -- a.service", "before its failure is known");
}

#[tokio::test]
async fn a_server_of_the_bus_registers_without_a_token() {
    let bench = bench("[ $6 = StartServiceByName ] && echo $8 $$ > $XDG_RUNTIME_DIR/socket");
    let waiting = bench.begin(&ClassFile::new(id(1), Host::BusName("org.example.Thing".to_owned())));
    assert_eq!(bench.hello().await.token, "org.example.Thing");
    bench.activator().registered(None, id(1), Connection(7)).unwrap();
    assert_eq!(waiting.answer().await.unwrap().connection(), Connection(7));
}
