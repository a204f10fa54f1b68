//! Stock D-Bus clients, as they are installed.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use consign_wire::names;

use crate::{
    calls::new_job,
    support::{Service, call, eventually, has_tool, within_limit},
};

/// What a tool printed; it must have succeeded.
fn run(tool: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool).args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{tool} {arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// A service with one job, and the job's path.
fn with_job() -> (Service, String) {
    let service = Service::start();
    let job = within_limit(async { new_job(&service.client().await, "for tools").await });
    (service, job)
}

#[test]
fn dbus_send() {
    if !has_tool("which", &["dbus-send"]) {
        return;
    }
    let (service, job) = with_job();
    let peer = format!("--peer={}", service.address());
    let send = |arguments: &[&str]| run("dbus-send", &[&[&*peer, "--print-reply"], arguments].concat());
    assert!(send(&[names::MANAGER_PATH, "org.consign.Manager.EnumJobs", "uint32:0"]).contains(&job));
    assert!(send(&[&job, "org.freedesktop.DBus.Properties.GetAll", "string:org.consign.Job"]).contains("for tools"));
    assert!(send(&[&job, "org.freedesktop.DBus.Introspectable.Introspect"]).contains("PropertiesChanged"));
    let output = Command::new("dbus-send").args([&peer, "--print-reply", &job, "org.consign.Job.Resume"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("org.consign.Error.BG_E_EMPTY"), "{output:?}");
}

#[test]
fn gdbus() {
    if !has_tool("gdbus", &["help"]) {
        return;
    }
    let (service, job) = with_job();
    let address = service.address();
    let call = |path: &str, method: &str, arguments: &[&str]| {
        run(
            "gdbus",
            &[&["call", "--address", &address, "--dest", "org.consign", "--object-path", path, "--method", method], arguments].concat(),
        )
    };
    assert!(call(names::MANAGER_PATH, "org.consign.Manager.EnumJobs", &["0"]).contains(&job));
    assert!(call(&job, "org.freedesktop.DBus.Properties.Get", &["org.consign.Job", "DisplayName"]).contains("for tools"));
    let tree = run("gdbus", &["introspect", "--address", &address, "--dest", "org.consign", "--object-path", "/", "--recurse"]);
    assert!(tree.contains(&format!("node {job}")) && tree.contains("StateName"), "{tree}");
}

#[test]
fn busctl() {
    if !has_tool("busctl", &["--version"]) {
        return;
    }
    let (service, job) = with_job();
    let address = format!("--address={}", service.address());
    let busctl = |arguments: &[&str]| run("busctl", &[&[&*address], arguments].concat());
    let listed = busctl(&["call", "org.consign", names::MANAGER_PATH, names::MANAGER, "EnumJobs", "u", "0"]);
    assert!(listed.contains(&job), "{listed}");
    let name = busctl(&["get-property", "org.consign", &job, names::JOB, "DisplayName"]);
    assert_eq!(name.trim(), "s \"for tools\"");
    busctl(&["set-property", "org.consign", &job, names::JOB, "Priority", "u", "0"]);
    assert_eq!(busctl(&["get-property", "org.consign", &job, names::JOB, "Priority"]).trim(), "u 0");
    let described = busctl(&["introspect", "org.consign", &job]);
    assert!(described.contains("org.consign.Job") && described.contains(".StateName"), "{described}");
    let tree = busctl(&["tree", "org.consign"]);
    assert!(tree.contains(&job), "{tree}");
}

/// The interpreter that has the libraries.
pub(crate) fn python() -> String {
    std::env::var("CONSIGN_PYTHON").unwrap_or_else(|_| "python3".into())
}

const JEEPNEY: &str = r#"
import sys
from jeepney import DBusAddress, MatchRule, MessageType, Properties, message_bus, new_method_call
from jeepney.io.blocking import open_dbus_connection

socket, job = sys.argv[1:]
manager = DBusAddress('/org/consign/Manager', bus_name='org.consign', interface='org.consign.Manager')
with open_dbus_connection(bus='unix:path=' + socket) as connection:
    def call(message):
        reply = connection.send_and_get_reply(message, timeout=30)
        assert reply.header.message_type == MessageType.method_return, reply.body
        return reply.body
    assert job in call(new_method_call(manager, 'EnumJobs', 'u', (0,)))[0]
    properties = Properties(DBusAddress(job, bus_name='org.consign', interface='org.consign.Job'))
    everything = call(properties.get_all())[0]
    assert everything['DisplayName'] == ('s', 'for tools'), everything
    xml = call(new_method_call(DBusAddress(job, 'org.consign', 'org.freedesktop.DBus.Introspectable'), 'Introspect'))[0]
    assert 'org.consign.Job' in xml
    rule = MatchRule(type='signal', interface='org.freedesktop.DBus.Properties', member='PropertiesChanged', path=job)
    call(message_bus.AddMatch(rule))
    with connection.filter(rule) as queue:
        call(properties.set('Description', 's', 'by jeepney'))
        while True:
            changed = connection.recv_until_filtered(queue, timeout=30)
            if changed.body[1]['Description'] == ('s', 'by jeepney'):
                break
print('done')
"#;

const DBUS_FAST: &str = r#"
import asyncio, sys
from dbus_fast.aio import MessageBus

async def main(socket, job):
    bus = await MessageBus(bus_address='unix:path=' + socket).connect()
    proxy = bus.get_proxy_object('org.consign', job, await bus.introspect('org.consign', job))
    assert await proxy.get_interface('org.consign.Job').get_display_name() == 'for tools'
    changed = asyncio.Event()
    def on_changed(interface, values, invalidated):
        if values['Description'].value == 'by dbus-fast':
            changed.set()
    proxy.get_interface('org.freedesktop.DBus.Properties').on_properties_changed(on_changed)
    await proxy.get_interface('org.consign.Job').set_description('by dbus-fast')
    await asyncio.wait_for(changed.wait(), 30)
    print('done')

asyncio.run(main(*sys.argv[1:]))
"#;

#[test]
fn jeepney() {
    if !has_tool(python(), &["-c", "import jeepney"]) {
        return;
    }
    let (service, job) = with_job();
    let done = run(&python(), &["-c", JEEPNEY, service.paths.socket().to_str().unwrap(), &job]);
    assert_eq!(done, "done\n");
}

#[test]
fn dbus_fast() {
    if !has_tool(python(), &["-c", "import dbus_fast"]) {
        return;
    }
    let (service, job) = with_job();
    let done = run(&python(), &["-c", DBUS_FAST, service.paths.socket().to_str().unwrap(), &job]);
    assert_eq!(done, "done\n");
}

#[test]
fn gdbus_monitors_a_signal() {
    if !has_tool("gdbus", &["help"]) {
        return;
    }
    let (service, job) = with_job();
    let arguments = ["monitor", "--address", &service.address(), "--dest", "org.consign"];
    let mut monitor =
        Command::new("gdbus").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let output = monitor.stdout.take().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        use std::io::BufRead as _;
        for line in std::io::BufReader::new(output).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    // It says when it watches, and not when its rule has arrived: so something changes until it
    // has been heard.
    let mut number = 0_u32;
    eventually("a signal in the monitor", || {
        number += 1;
        within_limit(async {
            let client = service.client().await;
            let value = zbus::Variant::from(number);
            call(&client, &job, "org.freedesktop.DBus.Properties", "Set", &(names::JOB, "NoProgressTimeout", value)).await.unwrap();
        });
        std::iter::from_fn(|| receiver.recv_timeout(Duration::from_millis(20)).ok()).any(|line| line.contains("PropertiesChanged"))
    });
    let _ = monitor.kill();
    let _ = monitor.wait();
}
