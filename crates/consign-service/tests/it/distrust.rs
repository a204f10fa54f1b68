//! Peers that break the rules, and what is left of the service afterwards.

use std::{
    fs,
    io::{IoSlice, Read, Write},
    os::{
        fd::AsFd,
        unix::{fs::PermissionsExt, net::UnixStream, process::CommandExt},
    },
    process::Stdio,
};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use zbus::Message;

use crate::support::{Service, call, closed, error_of, handshake, has_tool, within_limit};

/// A head that announces a body and fields of these lengths.
fn head(order: u8, body: u32, fields: u32) -> [u8; 16] {
    let number = |value: u32| if order == b'B' { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut head = [0; 16];
    head[..4].copy_from_slice(&[order, 1, 0, 1]);
    head[4..8].copy_from_slice(&number(body));
    head[8..12].copy_from_slice(&number(1));
    head[12..].copy_from_slice(&number(fields));
    head
}

fn ping() -> Message {
    Message::method_call("/org/consign/Manager", "Ping").interface("org.freedesktop.DBus.Peer").build(&()).unwrap()
}

#[test]
fn a_message_that_announces_too_much_is_refused_before_anything_is_allocated() {
    let service = Service::start();
    within_limit(service.is_well());
    let before = service.peak_memory();
    for first in [&b""[..], ping().data()] {
        for bad in [head(b'l', 128 << 20, 0), head(b'B', 128 << 20, 0), head(b'l', 0, 128 << 20), head(b'l', u32::MAX, u32::MAX)] {
            let mut peer = service.raw();
            peer.write_all(first).unwrap();
            peer.write_all(&bad).unwrap();
            closed(&mut peer);
        }
    }
    let after = service.peak_memory();
    assert!(after < before + (16 << 10), "{before} KiB before, {after} KiB after");
    within_limit(service.is_well());
}

#[test]
fn garbage_and_half_messages_end_their_connection_alone() {
    let service = Service::start();
    let mut call = ping().data().to_vec();
    call.truncate(call.len() - 3);
    // What the peer sends before it closes its side, after the handshake.
    for bytes in [&b"GET / HTTP/1.1\r\n\r\nmore than sixteen bytes"[..], &[0; 64], &[0xff; 64], &call, &call[..5], b"l", b""] {
        let mut peer = service.raw();
        peer.write_all(bytes).unwrap();
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        closed(&mut peer);
    }
    // And instead of one.
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\n",
        b"\0\n",
        b"\0AUTH\r\n\n",
        b"\0BEGIN\r\n",
        &[0; 4096],
        &[b'x'; 4096],
        b"\0AUTH EXTERNAL \xff\r\n",
    ] {
        let mut peer = service.connect();
        // The service may have closed its side already.
        let _ = peer.write_all(bytes);
        let _ = peer.shutdown(std::net::Shutdown::Write);
        closed(&mut peer);
    }
    within_limit(service.is_well());
}

#[test]
fn random_bytes_after_a_good_head_end_nothing_but_their_connection() {
    let service = Service::start();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..200 {
        let mut bytes = ping().data().to_vec();
        for _ in 0..=round % 7 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(state >> 33).unwrap() % (bytes.len() - 16) + 16;
            bytes[at] = u8::try_from(state >> 56).unwrap();
        }
        let mut peer = service.raw();
        peer.write_all(&bytes).unwrap();
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        closed(&mut peer);
    }
    within_limit(service.is_well());
}

#[test]
fn a_flood_of_calls_without_reading_holds_up_nobody_and_takes_no_memory() {
    let service = Service::start();
    within_limit(service.is_well());
    let before = service.peak_memory();
    let call =
        Message::method_call("/org/consign/Manager", "Introspect").interface("org.freedesktop.DBus.Introspectable").build(&()).unwrap();
    let bytes = call.data().repeat(100);
    let flooders: Vec<_> = (0..8)
        .map(|_| {
            let mut peer = service.raw();
            peer.set_nonblocking(true).unwrap();
            // Until the service takes no more.
            while peer.write(&bytes).is_ok() {}
            peer
        })
        .collect();
    within_limit(service.is_well());
    let after = service.peak_memory();
    assert!(after < before + (16 << 10), "{before} KiB before, {after} KiB after");
    drop(flooders);
    within_limit(service.is_well());
}

#[test]
fn replies_come_in_the_order_of_the_calls() {
    let service = Service::start();
    let mut peer = service.raw();
    let calls: Vec<Message> = (0..200)
        .map(|number| {
            let member = if number % 2 == 0 { "Ping" } else { "GetMachineId" };
            Message::method_call("/", member).interface("org.freedesktop.DBus.Peer").build(&()).unwrap()
        })
        .collect();
    let bytes: Vec<u8> = calls.iter().flat_map(|call| call.data().to_vec()).collect();
    peer.write_all(&bytes).unwrap();
    for call in &calls {
        assert_eq!(read_reply_serial(&mut peer), call.primary_header().serial_num().get());
    }
}

/// The serial that the next message answers. Its field (code 5, type u) stands in every reply.
fn read_reply_serial(peer: &mut UnixStream) -> u32 {
    let mut head = [0; 16];
    peer.read_exact(&mut head).unwrap();
    let number = |at: usize, bytes: &[u8]| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let rest = number(12, &head).next_multiple_of(8) + number(4, &head);
    let mut bytes = vec![0; rest as usize];
    peer.read_exact(&mut bytes).unwrap();
    let field = bytes.windows(4).position(|window| window == [5, 1, b'u', 0]).expect("a reply");
    number(field + 4, &bytes)
}

#[test]
fn descriptors_are_not_taken() {
    let service = Service::start();
    // A well-made call that a descriptor rides on: the call is answered, the descriptor is not kept.
    let mut peer = service.raw();
    let file = fs::File::open("/dev/null").unwrap();
    let descriptors = || fs::read_dir(format!("/proc/{}/fd", service.pid())).unwrap().count();
    let before = descriptors();
    let message = ping();
    for _ in 0..50 {
        let fds = [file.as_fd(); 10];
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(10))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&fds)));
        let sent = rustix::net::sendmsg(&peer, &[IoSlice::new(message.data())], &mut ancillary, SendFlags::empty()).unwrap();
        assert_eq!(sent, message.data().len());
        read_reply_serial(&mut peer);
    }
    assert_eq!(descriptors(), before);
    // One that says that it brings some is refused.
    let bytes = {
        let file: zbus::OwnedFd = std::os::fd::OwnedFd::from(file).into();
        Message::method_call("/", "Ping").build(&(zbus::Fd::from(&file),)).unwrap().data().to_vec()
    };
    peer.write_all(&bytes).unwrap();
    closed(&mut peer);
    within_limit(service.is_well());
}

#[test]
fn only_so_many_connections_are_served_and_others_can_come_later() {
    let service = Service::start_with("[service]\nconnections = 20\n");
    within_limit(async {
        let first = service.client().await;
        let mut crowd: Vec<UnixStream> = (0..1000).map(|_| service.connect()).collect();
        // The last of them were refused; the first is served as before.
        crowd.split_off(990).iter_mut().for_each(closed);
        call(&first, "/", "org.freedesktop.DBus.Peer", "Ping", &()).await.unwrap();
        drop(crowd);
        drop(first);
    });
    assert_eq!(service.log().matches("as many as the settings allow").count(), 1);
    crate::support::eventually("room for another", || {
        let mut peer = service.connect();
        peer.set_read_timeout(Some(crate::support::LIMIT)).unwrap();
        let _ = peer.write_all(b"\0AUTH\r\n");
        peer.read(&mut [0; 64]).is_ok_and(|read| read > 0)
    });
}

#[test]
fn another_user_is_refused_even_when_the_folder_is_open() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can run a program as another user");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let program = folder.path().join("serve");
    fs::copy(crate::support::program(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    // The service of user nobody; the peer is root, and root is nobody special.
    let mut command = std::process::Command::new(&program);
    command.env_clear().env("CONSIGN_DIR", folder.path().join("theirs")).env("CONSIGN_LOG", "debug").uid(65534).gid(65534);
    command.current_dir("/");
    let theirs = Service::spawn(command, consign_core::Paths::under(&folder.path().join("theirs"))).unwrap();
    let mut peer = theirs.connect();
    let _ = peer.write_all(b"\0AUTH EXTERNAL 30\r\n");
    closed(&mut peer);
    theirs.logged("runs as user 0");
    // The service of root; the peer is nobody.
    if !has_tool("which", &["dbus-send"]) {
        return;
    }
    let ours = Service::start();
    for path in [ours.paths.runtime.parent().unwrap(), &ours.paths.runtime, &ours.paths.socket()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let status = std::process::Command::new("dbus-send")
        .args([&format!("--peer={}", ours.address()), "--print-reply", "/", "org.freedesktop.DBus.Peer.Ping"])
        .uid(65534)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(!status.success());
    ours.logged("runs as user 65534");
    within_limit(ours.is_well());
}

#[test]
fn a_rule_too_many_and_a_body_too_large_are_refused_in_words() {
    let service = Service::start();
    within_limit(async {
        let client = service.client().await;
        let add = || call(&client, "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", &("type='signal'",));
        for _ in 0..1024 {
            add().await.unwrap();
        }
        assert_eq!(error_of(add().await).0, "org.freedesktop.DBus.Error.LimitsExceeded");
        let options = std::collections::BTreeMap::from([("Description", zbus::Variant::from("x".repeat(2 << 20)))]);
        let result = call(&client, "/org/consign/Manager", "org.consign.Manager", "CreateJob", &("name", 0_u32, options)).await;
        assert_eq!(error_of(result).0, "org.freedesktop.DBus.Error.LimitsExceeded");
    });
}

#[test]
fn a_second_peer_is_served_while_the_first_stalls() {
    let service = Service::start();
    let mut stalled: Vec<UnixStream> = (0..10).map(|_| service.connect()).collect();
    let mut halves: Vec<UnixStream> = (0..10).map(|_| handshake(service.connect())).collect();
    halves.iter_mut().for_each(|peer| peer.write_all(&head(b'l', 7 << 20, 0)).unwrap());
    stalled.iter_mut().for_each(|peer| peer.write_all(b"\0AUTH EXT").unwrap());
    within_limit(service.is_well());
}
