//! What peers say before and around their calls, as bytes.

use std::{cell::OnceCell, io::Write, net::Shutdown, os::unix::net, time::Duration};

use tokio::{net::UnixStream, runtime::Runtime};

use super::{
    handshake::{Handshake, Step},
    head::{HEAD, LONGEST, message_length},
    stream::{Incoming, room_for_large_messages},
    subscriptions::{First, LONGEST_RULE, Sketch, Subscriptions},
};

thread_local! {
    static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
}

/// Lines of a handshake: messages begin only after the peer was taken, and there is an end to it.
pub fn handshake(bytes: &[u8]) {
    let mut handshake = Handshake::new(1000, "feed".into());
    let mut accepted = false;
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        match handshake.line(line) {
            Step::Answer(answer) => {
                assert!(!answer.contains(['\r', '\n']) && answer.len() < 100, "{answer:?}");
                match answer.split(' ').next() {
                    Some("OK") => {
                        let identity = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
                        assert!(matches!(identity, b"31303030" | b"" | b"DATA"), "{line:?}");
                        accepted = true;
                    }
                    Some("REJECTED") => accepted = false,
                    _ => {}
                }
                assert!(index < 100, "a handshake without end");
            }
            Step::Begin => {
                assert!(accepted);
                return;
            }
            Step::Refuse(reason) => {
                assert!(!reason.is_empty());
                return;
            }
        }
    }
}

/// Messages after a good handshake: each is taken from its first byte to its last, and none from its
/// neighbour.
pub fn stream(bytes: &[u8]) {
    if let Some((head, _)) = bytes.split_first_chunk::<HEAD>()
        && let Ok(length) = message_length(head)
    {
        assert!((HEAD..=LONGEST).contains(&length));
    }
    // All of it has to fit into the socket: nobody reads at the same time.
    if bytes.len() > 32 << 10 {
        return;
    }
    let (mut peer, own) = net::UnixStream::pair().expect("a pair of sockets");
    peer.write_all(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n").expect("room for the handshake");
    peer.write_all(bytes).expect("room for everything");
    peer.shutdown(Shutdown::Write).expect("an end");
    own.set_nonblocking(true).expect("a socket that does not block");
    RUNTIME.with(|runtime| {
        let runtime = runtime.get_or_init(|| tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"));
        runtime.block_on(receive(own, bytes));
    });
}

async fn receive(own: net::UnixStream, bytes: &[u8]) {
    let (read, mut write) = UnixStream::from_std(own).expect("a socket").into_split();
    let mut incoming = Incoming::new(read, room_for_large_messages(), Duration::from_secs(10));
    incoming.handshake(Handshake::new(1000, "feed".into()), &mut write).await.expect("a good handshake");
    let mut rest = bytes;
    while incoming.begins().await.is_ok_and(|begins| begins) {
        let Ok(received) = incoming.message().await else { return };
        let data = received.message.data();
        rest = rest.strip_prefix(&data[..]).expect("the message is what was sent");
        let header = received.message.header();
        let _ = (header.path(), header.member(), header.interface(), header.destination());
        let _ = received.message.body().signature().to_string_no_parens();
    }
    assert!(rest.is_empty(), "what remains is not passed over in silence");
}

/// A match rule: what was added can be taken away, and then asks for nothing.
pub fn match_rules(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let mut subscriptions = Subscriptions::default();
    if subscriptions.add(text).is_err() {
        return;
    }
    assert!(text.len() <= LONGEST_RULE);
    let signals =
        [First::Text("org.consign.Job"), First::Path("/org/consign/job/1"), First::Text(""), First::Path("/")].map(|first| Sketch {
            path: "/org/consign/job/97184d0ff7ef413a8c6dc1745018b2e9",
            interface: "org.freedesktop.DBus.Properties",
            member: "PropertiesChanged",
            first,
        });
    let wanted = signals.map(|signal| subscriptions.want(signal));
    assert_eq!(subscriptions.add(text), Ok(()));
    assert_eq!(signals.map(|signal| subscriptions.want(signal)), wanted, "a rule added twice is the same rule");
    for _ in 0..2 {
        assert_eq!(subscriptions.remove(text), Ok(true));
    }
    assert_eq!(subscriptions.remove(text), Ok(false));
    assert!(!signals.iter().any(|signal| subscriptions.want(*signal)));
}
