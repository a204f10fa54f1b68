//! The process: its beginning, its end, and who else wants to begin.

use std::{
    fs,
    io::Write,
    os::unix::{fs::PermissionsExt, net::UnixStream},
    process::Stdio,
};

use consign_core::Paths;
use consign_wire::names;
use rustix::process::Signal;

use crate::{
    calls::new_job,
    support::{Service, call, closed, command, eventually, first_line, program, within_limit},
};

const NEVER_IDLE: &str = "[service]\nidle_exit = 0\n";

#[test]
fn a_second_instance_is_told_of_the_first() {
    let first = Service::start();
    let folder = first.paths.state.parent().unwrap();
    let said = Service::spawn(command(folder), first.paths.clone()).err().expect("there can be only one");
    assert_eq!(said, format!("error: the service is running already, as process {}", first.pid()));
    within_limit(first.is_well());
}

#[test]
fn a_crash_leaves_nothing_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::under(folder.path());
    let mut first = Service::spawn(command(folder.path()), paths.clone()).unwrap();
    first.signal(Signal::KILL);
    first.ended();
    assert!(paths.socket().exists(), "a stale socket is left");
    let second = Service::spawn(command(folder.path()), paths).unwrap();
    within_limit(second.is_well());
}

#[test]
fn its_folders_are_its_users_alone() {
    let service = Service::start();
    for path in [&service.paths.state, &service.paths.runtime] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700, "{}", path.display());
    }
    for path in [service.paths.socket(), service.paths.lock()] {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
}

#[test]
fn it_ends_in_order_on_each_signal_and_on_stop() {
    for signal in [Some(Signal::TERM), Some(Signal::INT), None] {
        let mut service = Service::start_with(NEVER_IDLE);
        let mut peer = service.raw();
        match signal {
            Some(signal) => service.signal(signal),
            None => within_limit(async {
                let client = service.client().await;
                call(&client, names::MANAGER_PATH, names::SERVICE, "Stop", &()).await.expect("the answer comes before the end");
            }),
        }
        assert!(service.ended().success(), "{signal:?}");
        closed(&mut peer);
        assert!(!service.paths.socket().exists());
        let log = service.log();
        let place = |text: &str| log.find(text).unwrap_or_else(|| panic!("{text} in {log}"));
        assert!(place("ready") < place("ending") && place("ending") < place("ended"), "{log}");
    }
}

/// A peer whose call is in hand for as long as it does not read the answers.
fn stuck(service: &Service) -> UnixStream {
    let mut peer = service.raw();
    let call = zbus::Message::method_call("/", "Introspect").interface("org.freedesktop.DBus.Introspectable").build(&()).unwrap();
    peer.set_nonblocking(true).unwrap();
    let bytes = call.data().repeat(100);
    while peer.write(&bytes).is_ok() {}
    peer
}

#[test]
fn a_call_in_hand_is_waited_for_and_then_cut_off() {
    let mut service = Service::start_with("[service]\nidle_exit = 0\nstop_grace = 0.3\n");
    let mut peer = stuck(&service);
    within_limit(service.is_well());
    service.signal(Signal::TERM);
    assert!(service.ended().success());
    assert!(service.log().contains("cut off") && service.log().contains("ended"), "{}", service.log());
    peer.set_nonblocking(false).unwrap();
    closed(&mut peer);
}

#[test]
fn a_second_signal_means_now() {
    let mut service = Service::start_with("[service]\nidle_exit = 0\nstop_grace = 86400\n");
    let _peer = stuck(&service);
    within_limit(service.is_well());
    service.signal(Signal::TERM);
    service.logged("ending");
    service.signal(Signal::TERM);
    assert!(service.ended().success());
    assert!(service.log().contains("ended at once"), "{}", service.log());
}

#[test]
fn it_tells_its_supervisor() {
    let folder = tempfile::tempdir().unwrap();
    let supervisor = std::os::unix::net::UnixDatagram::bind(folder.path().join("notify")).unwrap();
    supervisor.set_read_timeout(Some(crate::support::LIMIT)).unwrap();
    let mut command = command(folder.path());
    command.env("NOTIFY_SOCKET", folder.path().join("notify"));
    let service = Service::spawn(command, Paths::under(folder.path())).unwrap();
    let mut heard = [0; 64];
    let length = supervisor.recv(&mut heard).unwrap();
    assert_eq!(&heard[..length], b"READY=1");
    service.signal(Signal::TERM);
    let length = supervisor.recv(&mut heard).unwrap();
    assert_eq!(&heard[..length], b"STOPPING=1");
}

#[test]
fn it_ends_when_idle_and_stays_while_a_client_is_there() {
    let mut service = Service::start_with("[service]\nidle_exit = 0.2\n");
    let client = service.raw();
    service.logged("ready");
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert!(service.running(), "a client is connected");
    drop(client);
    assert!(service.ended().success());
    assert!(service.log().contains("nothing is left to do"), "{}", service.log());
    assert!(!service.paths.socket().exists());
}

#[test]
fn who_comes_while_it_leaves_is_served_by_it_or_by_the_next() {
    // It leaves as soon as it may; whoever comes then is either served or finds no socket, and
    // then the next instance starts, which waits for the one that is ending.
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::under(folder.path());
    fs::create_dir_all(&paths.config).unwrap();
    fs::write(paths.settings(), "[service]\nidle_exit = 0.001\n").unwrap();
    let mut served = 0;
    let mut services = Vec::new();
    while served < 20 {
        match UnixStream::connect(paths.socket()) {
            Ok(stream) => {
                let served_at_all = within_limit(async {
                    let builder = zbus::connection::Builder::unix_stream(stream).p2p();
                    match builder.build().await {
                        Ok(client) => call(&client, "/", "org.freedesktop.DBus.Peer", "Ping", &()).await.is_ok(),
                        Err(_) => false,
                    }
                });
                assert!(served_at_all, "who got in is served");
                served += 1;
            }
            Err(_) => match Service::spawn(command(folder.path()), paths.clone()) {
                Ok(service) => services.push(service),
                Err(said) => assert!(said.contains("running already"), "{said}"),
            },
        }
    }
}

#[test]
fn a_job_that_waits_keeps_it() {
    let mut service = Service::start_with("[service]\nidle_exit = 0.1\n");
    let folder = tempfile::tempdir().unwrap();
    let job = within_limit(async {
        let client = service.client().await;
        let job = new_job(&client, "waits").await;
        // Nobody listens there: a transient error, and the next attempt comes by itself.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/file", listener.local_addr().unwrap());
        drop(listener);
        call(&client, &job, names::JOB, "AddFile", &(url, folder.path().join("file").to_str().unwrap())).await.unwrap();
        call(&client, &job, names::JOB, "Resume", &()).await.unwrap();
        job
    });
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(service.running(), "the job has something to do");
    within_limit(async {
        let client = service.client().await;
        call(&client, &job, names::JOB, "Cancel", &()).await.unwrap();
    });
    assert!(service.ended().success());
}

#[test]
fn long_paths_and_missing_variables_work() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("h".repeat(130));
    let mut command = std::process::Command::new(program());
    command.env_clear().env("HOME", &home).env("CONSIGN_LOG", "debug");
    let variables = |name: &str| (name == "HOME").then(|| home.clone().into());
    let paths = Paths::from_environment(variables).unwrap();
    assert!(paths.socket().as_os_str().len() > 108);
    let mut service = Service::spawn(command, paths.clone()).unwrap();
    let through = fs::File::open(&paths.runtime).unwrap();
    let short = format!("/proc/self/fd/{}/consign.sock", std::os::fd::AsRawFd::as_raw_fd(&through));
    within_limit(async {
        let client = crate::support::client(UnixStream::connect(short).unwrap()).await;
        call(&client, "/", "org.freedesktop.DBus.Peer", "Ping", &()).await.unwrap();
    });
    service.signal(Signal::TERM);
    assert!(service.ended().success());
    assert!(!paths.socket().exists());
}

#[test]
fn without_a_place_it_says_what_to_set() {
    let output = std::process::Command::new(program()).env_clear().output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("error: ") && said.contains("CONSIGN_DIR"), "{said}");
}

#[test]
fn a_mistake_in_the_settings_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::under(folder.path());
    fs::create_dir_all(&paths.config).unwrap();
    fs::write(paths.settings(), "[service]\nconnections = 5\ncolour = 1\n").unwrap();
    let said = Service::spawn(command(folder.path()), paths).err().unwrap();
    assert!(said.starts_with("error: ") && said.contains("consign.toml:3:1: ") && said.contains("colour"), "{said}");
}

#[test]
fn systemds_socket_is_used_and_left_alone() {
    if !crate::support::has_tool("systemd-socket-activate", &["--version"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::under(folder.path());
    consign_core::paths::private_folder(&paths.runtime).unwrap();
    let mut command = std::process::Command::new("systemd-socket-activate");
    command.arg("-l").arg(paths.socket()).arg("-E").arg(format!("CONSIGN_DIR={}", folder.path().display())).arg(program());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    eventually("the socket", || paths.socket().exists());
    within_limit(async {
        let client = crate::support::client(UnixStream::connect(paths.socket()).unwrap()).await;
        call(&client, names::MANAGER_PATH, names::SERVICE, "Stop", &()).await.unwrap();
    });
    assert_eq!(first_line(child.stdout.take().unwrap()), "ready");
    assert!(child.wait().unwrap().success());
    assert!(paths.socket().exists(), "the socket is systemd's");
}

#[test]
fn in_the_background_it_has_left_everything_of_its_starter() {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::under(folder.path());
    let mut starter = command(folder.path());
    starter.arg("--detach").current_dir(folder.path()).env("http_proxy", "http://me:secret@proxy:1").env("LC_ALL", "C");
    starter.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = starter.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "ready\n", "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
    let pid: u32 = fs::read_to_string(paths.lock()).unwrap().lines().next().unwrap().parse().unwrap();
    let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}")).unwrap();
    assert_eq!(link("cwd").to_str(), Some("/"));
    for stream in ["fd/0", "fd/1", "fd/2"] {
        // The last of them goes after the line that the starter waited for.
        eventually(&format!("{stream} to be nowhere"), || link(stream).to_str() == Some("/dev/null"));
    }
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    assert!(environment.contains("CONSIGN_DIR=") && environment.contains("LC_ALL=") && !environment.contains("secret"), "{environment}");
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session: u32 = stat.rsplit_once(") ").unwrap().1.split(' ').nth(3).unwrap().parse().unwrap();
    assert_eq!(session, pid, "it leads a session of its own");
    // A second one says why not, and so does the starter of it.
    let mut again = command(folder.path());
    let output = again.arg("--detach").output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said, format!("error: the service is running already, as process {pid}\n"));
    within_limit(async {
        let client = crate::support::client(UnixStream::connect(paths.socket()).unwrap()).await;
        call(&client, names::MANAGER_PATH, names::SERVICE, "Stop", &()).await.unwrap();
    });
    eventually("the end of the service", || !fs::exists(paths.socket()).unwrap());
    let log = fs::read_to_string(paths.log()).unwrap();
    assert!(log.contains("ready"), "{log}");
}

#[test]
fn descriptors_that_the_starter_left_open_are_not_inherited() {
    if !crate::support::has_tool("bash", &["--version"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::under(folder.path());
    let kept = folder.path().join("kept");
    let script = format!("exec 9>'{}'; exec '{}' --detach", kept.display(), program().display());
    let output = std::process::Command::new("bash")
        .args(["-c", &script])
        .env_clear()
        .env("CONSIGN_DIR", folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "ready\n");
    let pid = fs::read_to_string(paths.lock()).unwrap().lines().next().unwrap().to_owned();
    let held: Vec<_> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter(|target| *target == kept)
        .collect();
    within_limit(async {
        let client = crate::support::client(UnixStream::connect(paths.socket()).unwrap()).await;
        call(&client, names::MANAGER_PATH, names::SERVICE, "Stop", &()).await.unwrap();
    });
    assert_eq!(held, Vec::<std::path::PathBuf>::new());
    eventually("the end of the service", || !paths.socket().exists());
}

#[test]
fn of_ten_started_at_once_one_serves_and_the_others_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::under(folder.path());
    let starters: Vec<_> = (0..10)
        .map(|_| {
            let mut command = command(folder.path());
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
            command.spawn().unwrap()
        })
        .collect();
    let mut ready = 0;
    let mut children = Vec::new();
    for mut child in starters {
        match first_line(child.stdout.take().unwrap()).as_str() {
            "ready" => ready += 1,
            said => assert!(said.starts_with("error: the service is running already"), "{said}"),
        }
        children.push(child);
    }
    assert_eq!(ready, 1);
    within_limit(async {
        let client = crate::support::client(UnixStream::connect(paths.socket()).unwrap()).await;
        call(&client, names::MANAGER_PATH, names::SERVICE, "Stop", &()).await.unwrap();
    });
    for mut child in children {
        child.wait().unwrap();
    }
}
