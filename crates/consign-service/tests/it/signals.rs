//! What peers are told, and those who do not listen.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use consign_bits::{JobId, Priority};
use consign_core::{Paths, SystemClock, Timestamp, random::SystemRandom};
use consign_service::{Face, Facts, Patience, StopPolicy};
use consign_transfer::{Change, Engine, EngineOptions, NewJob, Settings};
use consign_wire::names;
use futures_util::StreamExt as _;
use tokio::net::UnixStream;
use zbus::{Connection, Message, MessageStream, Variant};

use crate::{
    calls::new_job,
    support::{LIMIT, Service, call, client, error_of, handshake, within_limit},
};

const BUS: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";

async fn add_match(client: &Connection, rule: &str) {
    call(client, BUS_PATH, BUS, "AddMatch", &(rule,)).await.unwrap();
}

/// The next signal that `wanted` wants.
async fn next(stream: &mut MessageStream, wanted: impl Fn(&Message) -> bool) -> Message {
    loop {
        let message = stream.next().await.unwrap().unwrap();
        if message.message_type() == zbus::message::Type::Signal && wanted(&message) {
            return message;
        }
    }
}

fn is(member: &'static str) -> impl Fn(&Message) -> bool {
    move |message| message.header().member().is_some_and(|other| other == member)
}

#[test]
fn a_peer_hears_what_it_asked_for_with_a_sender() {
    let service = Service::start();
    within_limit(async {
        let (listener, actor) = (service.client().await, service.client().await);
        let mut stream = MessageStream::from(&listener);
        add_match(&listener, "type='signal',sender='org.consign',path_namespace='/org/consign'").await;
        let job = new_job(&actor, "heard").await;
        let added = next(&mut stream, |_| true).await;
        assert!(is("JobAdded")(&added), "the first thing is that there is a job: {added:?}");
        assert_eq!(added.header().sender().unwrap().as_str(), ":1.0");
        assert_eq!(added.body().deserialize::<(zbus::OwnedObjectPath,)>().unwrap().0.as_str(), job);
        call(&actor, &job, "org.freedesktop.DBus.Properties", "Set", &(names::JOB, "Description", Variant::from("new"))).await.unwrap();
        loop {
            let changed = next(&mut stream, is("PropertiesChanged")).await;
            assert_eq!(changed.header().path().unwrap().as_str(), job);
            let body = changed.body();
            let (interface, values, invalidated): (&str, BTreeMap<String, Variant<'_>>, Vec<String>) = body.deserialize().unwrap();
            assert_eq!((interface, invalidated.len()), (names::JOB, 0));
            assert!(!values.contains_key("Id"), "what never changes is not told");
            if values["Description"] == Variant::from("new") {
                break;
            }
        }
        call(&actor, &job, names::JOB, "Cancel", &()).await.unwrap();
        let ended = next(&mut stream, is("JobEnded")).await;
        assert_eq!(ended.body().deserialize::<(zbus::OwnedObjectPath,)>().unwrap().0.as_str(), job);
    });
}

#[test]
fn a_peer_hears_nothing_else() {
    let service = Service::start();
    within_limit(async {
        let (listener, actor) = (service.client().await, service.client().await);
        let mut stream = MessageStream::from(&listener);
        let rule = format!("type='signal',interface='{}',member='JobEnded'", names::MANAGER);
        add_match(&listener, &rule).await;
        let job = new_job(&actor, "one").await;
        call(&actor, &job, names::JOB, "Cancel", &()).await.unwrap();
        assert!(is("JobEnded")(&next(&mut stream, |_| true).await));
        call(&listener, BUS_PATH, BUS, "RemoveMatch", &(&rule,)).await.unwrap();
        let job = new_job(&actor, "two").await;
        call(&actor, &job, names::JOB, "Cancel", &()).await.unwrap();
        add_match(&listener, "member='JobAdded'").await;
        let job = new_job(&actor, "three").await;
        let added = next(&mut stream, |_| true).await;
        assert_eq!(added.body().deserialize::<(zbus::OwnedObjectPath,)>().unwrap().0.as_str(), job, "nothing in between was told");
    });
}

/// A face inside the test, that waits for its peers a moment only.
struct Inside {
    face: Face,
    engine: Engine,
    _folder: tempfile::TempDir,
}

impl Inside {
    async fn new(patience: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::under(folder.path());
        consign_core::paths::private_folder(&paths.state).unwrap();
        let receivers = consign_service::Settings::default().receivers(None);
        let options = EngineOptions {
            paths: paths.clone(),
            settings: Settings::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            receivers: receivers.clone(),
        };
        let engine = Engine::open(options).await.unwrap();
        let facts = Facts { state_folder: paths.state, started: Timestamp::default(), stop: StopPolicy::ByHostOnly };
        let patience = Patience { handshake: patience, read: patience, write: patience };
        Self { face: Face::new(engine.clone(), receivers, None, facts, patience), engine, _folder: folder }
    }

    /// A peer, and what its connection came to.
    fn peer(&self) -> (std::os::unix::net::UnixStream, tokio::task::JoinHandle<()>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let face = self.face.clone();
        let served = tokio::spawn(async move { face.serve(ours).await.unwrap() });
        let theirs = theirs.into_std().unwrap();
        theirs.set_nonblocking(false).unwrap();
        (theirs, served)
    }

    async fn change(&self, job: JobId, number: u32) {
        let priority = if number.is_multiple_of(2) { Priority::Low } else { Priority::High };
        let changes = vec![Change::Priority(priority), Change::Description(number.to_string().repeat(200).chars().take(1000).collect())];
        self.engine.change(job, changes).await.unwrap();
    }
}

#[test]
fn who_stalls_in_the_handshake_is_cut_off() {
    within_limit(async {
        let inside = Inside::new(Duration::from_millis(100)).await;
        let (_stalls, served) = inside.peer();
        served.await.unwrap();
        assert_eq!(inside.face.connections(), 0);
    });
}

#[test]
fn who_sends_half_a_message_is_cut_off() {
    within_limit(async {
        let inside = Inside::new(Duration::from_millis(300)).await;
        let (peer, served) = inside.peer();
        let peer = tokio::task::spawn_blocking(move || {
            let mut peer = handshake(peer);
            std::io::Write::write_all(&mut peer, b"l\x01\0\x01").unwrap();
            peer
        });
        let _peer = peer.await.unwrap();
        served.await.unwrap();
    });
}

#[test]
fn who_does_not_read_its_signals_is_cut_off_and_the_others_are_not_held_up() {
    within_limit(async {
        let inside = Inside::new(Duration::from_millis(500)).await;
        let (peer, mut served) = inside.peer();
        let peer = tokio::task::spawn_blocking(move || {
            let mut peer = handshake(peer);
            let subscribe = Message::method_call(BUS_PATH, "AddMatch").interface(BUS).build(&("type='signal'",)).unwrap();
            std::io::Write::write_all(&mut peer, subscribe.data()).unwrap();
            peer
        });
        let _never_reads = peer.await.unwrap();
        let (other, _other_served) = inside.peer();
        let other = client(other).await;
        let owner = rustix::process::geteuid().as_raw();
        let job = inside.engine.create_job(NewJob { display_name: "noise".into(), owner, ..NewJob::default() }).await.unwrap();
        let mut number = 0;
        while !served.is_finished() {
            number += 1;
            inside.change(job, number).await;
            if number.is_multiple_of(100) {
                call(&other, "/", "org.freedesktop.DBus.Peer", "Ping", &()).await.unwrap();
                // Lets the deadline of the write come.
                let _ = tokio::time::timeout(Duration::from_millis(1), &mut served).await;
            }
        }
        call(&other, "/", "org.freedesktop.DBus.Peer", "Ping", &()).await.unwrap();
        assert_eq!(inside.face.connections(), 1);
    });
}

#[test]
fn who_reads_slowly_still_learns_the_last_state() {
    within_limit(async {
        let inside = Inside::new(LIMIT).await;
        let (peer, _served) = inside.peer();
        let listener = client(peer).await;
        let mut stream = MessageStream::from(&listener);
        add_match(&listener, "member='PropertiesChanged'").await;
        let owner = rustix::process::geteuid().as_raw();
        let job = inside.engine.create_job(NewJob { display_name: "slow".into(), owner, ..NewJob::default() }).await.unwrap();
        // More than the socket holds, before anything is read; then the last word.
        for number in 0..2000 {
            inside.change(job, number).await;
        }
        inside.engine.change(job, vec![Change::Description("the last".into())]).await.unwrap();
        loop {
            let changed = next(&mut stream, is("PropertiesChanged")).await;
            let body = changed.body();
            let (_, values, _): (&str, BTreeMap<String, Variant<'_>>, Vec<String>) = body.deserialize().unwrap();
            if values["Description"] == Variant::from("the last") {
                break;
            }
        }
    });
}

#[test]
fn an_embedded_face_is_ended_by_its_host_alone() {
    within_limit(async {
        let inside = Inside::new(LIMIT).await;
        let (peer, served) = inside.peer();
        let peer = client(peer).await;
        let refused = call(&peer, names::MANAGER_PATH, names::SERVICE, "Stop", &()).await;
        assert_eq!(error_of(refused).0, "org.consign.Error.CO_E_NOT_SUPPORTED");
        inside.face.close();
        served.await.unwrap();
    });
}
