//! Queues as a stranger on the wire sees them: what is recorded, what is refused, and a component that is no
//! library of ours and does not behave.

use std::{collections::BTreeMap, time::Duration};

use consign_core::{Hresult, common};
use consign_wire::{
    names,
    queue::{AttemptRecord, ComponentRecord, MessageRecord, QueueRecord},
};
use futures_util::StreamExt as _;
use zbus::{Connection, Message, MessageStream, OwnedObjectPath, message::Type};

use crate::support::{Service, call, error_of, within_limit};

const CLASS: &str = "0f5d7f0a-6d0e-4c7e-9a35-0a8d3e5f7c21";
const IID: &str = "97184d0f-f7ef-413a-8c6d-c1745018b2e9";
const SHIPMENT: &str = r#"{"iid":"97184d0f-f7ef-413a-8c6d-c1745018b2e9","name":"IShipment",
    "bases":[{"iid":"00000000-0000-0000-c000-000000000046","name":"IUnknown"}],"attributes":{"queueable":true},
    "methods":[{"name":"ShipOrder","number":3,"returns":"hresult","parameters":[{"name":"dwOrderNumber","type":"u32"}]},
               {"name":"Note","number":4,"returns":"hresult","parameters":[{"name":"text","type":{"string":"bstr"}}]}]}"#;

/// A service in which a server started by hand may serve, and nothing waits for long.
fn service() -> Service {
    Service::start_with("[policy]\nhand_started_servers = \"allow\"\n")
}

async fn queues<B>(client: &Connection, member: &str, body: &B) -> zbus::Result<Message>
where
    B: serde::Serialize + zbus::DynamicType + Sync,
{
    call(client, names::MANAGER_PATH, names::QUEUES, member, body).await
}

/// Registers the class, which nobody can start, and its interface.
async fn install(client: &Connection) {
    let class_file = format!("clsid = '{CLASS}'\nprogid = 'Test.Shipment'\napplication = 'Shipping'\nexec = ['/bin/false']\n");
    call(client, names::MANAGER_PATH, names::CLASSES, "Register", &(class_file,)).await.unwrap();
    let imported = call(client, names::MANAGER_PATH, names::COMPONENTS, "Import", &(CLASS, vec![SHIPMENT])).await.unwrap();
    let (component,): (ComponentRecord,) = imported.body().deserialize().unwrap();
    assert_eq!((component.queue.as_str(), component.interfaces.len()), ("Shipping", 1));
    assert!(component.interfaces[0].queuing_enabled && component.interfaces[0].queueing_supported, "{component:?}");
}

type Method<'a> = (&'a str, &'a str, &'a str);

/// `Record`, with nothing said but the calls.
async fn record(client: &Connection, class: &str, methods: &[Method<'_>], calls: &[(u32, Vec<u8>)]) -> zbus::Result<String> {
    let body = (class, "", 3_u8, 0_u32, names::INFINITE, b'l', methods, calls);
    let answer = queues(client, "Record", &body).await?;
    let (id,): (String,) = answer.body().deserialize()?;
    Ok(id)
}

async fn ship(client: &Connection, order: u32) -> String {
    record(client, "Test.Shipment", &[(IID, "ShipOrder", "u")], &[(0, order.to_le_bytes().to_vec())]).await.unwrap()
}

async fn queue(client: &Connection) -> QueueRecord {
    let answer = queues(client, "Show", &("Shipping",)).await.unwrap();
    answer.body().deserialize::<(QueueRecord,)>().unwrap().0
}

async fn until(client: &Connection, enough: impl Fn(&QueueRecord) -> bool) -> QueueRecord {
    loop {
        let now = queue(client).await;
        if enough(&now) {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn message(client: &Connection, id: &str) -> (MessageRecord, Vec<AttemptRecord>) {
    type Answer<'a> = (MessageRecord, Vec<AttemptRecord>, u8, Vec<(String, String, String)>, Vec<(u32, Vec<u8>)>);
    let answer = queues(client, "Message", &(id,)).await.unwrap();
    let (message, attempts, ..): Answer<'_> = answer.body().deserialize().unwrap();
    (message, attempts)
}

fn refused(result: zbus::Result<impl Sized>) -> Hresult {
    match result {
        Err(zbus::Error::MethodError(_, _, message)) => {
            let (_, code, _): (String, i32, u32) = message.body().deserialize().unwrap();
            Hresult::from_i32(code)
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was not refused"),
    }
}

/// A connection that serves the class, and answers as it is told.
struct Component {
    connection: Connection,
    calls: MessageStream,
}

impl Component {
    async fn start(service: &Service) -> Self {
        let connection = service.client().await;
        let calls = MessageStream::from(&connection);
        let factory = OwnedObjectPath::try_from("/factory").unwrap();
        let body = ("", CLASS, factory, names::REGCLS_MULTIPLEUSE);
        // The service may be about to start one itself, which comes to nothing.
        while let Err(error) = call(&connection, names::MANAGER_PATH, names::ACTIVATION, "RegisterClass", &body).await {
            assert_eq!(refused(Err::<(), _>(error)), common::CO_E_OBJISREG);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self { connection, calls }
    }

    /// The next `Play`.
    async fn played(&mut self) -> Message {
        loop {
            let message = self.calls.next().await.unwrap().unwrap();
            if message.message_type() == Type::MethodCall && message.header().member().is_some_and(|member| *member == "Play") {
                return message;
            }
        }
    }

    async fn answer(&self, play: &Message, result: (i32, i32, &str)) {
        self.connection.reply(&play.header(), &result).await.unwrap();
    }
}

#[test]
fn what_is_recorded_is_played_with_all_that_was_said() {
    let service = service();
    within_limit(async {
        let client = service.client().await;
        install(&client).await;
        // Until there is somebody who plays it: the program of the class is none.
        queues(&client, "SetPolicy", &("Shipping", "{}")).await.unwrap();
        queues(&client, "Pause", &("Shipping",)).await.unwrap();
        let body = (
            CLASS,
            "urgent",
            7_u8,
            42_u32,
            60_u32,
            b'B',
            vec![(IID, "ShipOrder", "u")],
            vec![(0_u32, 7_u32.to_be_bytes().to_vec()), (0, 8_u32.to_be_bytes().to_vec())],
        );
        let answer = queues(&client, "Record", &body).await.unwrap();
        let (id,): (String,) = answer.body().deserialize().unwrap();
        let mut component = Component::start(&service).await;
        queues(&client, "Resume", &("Shipping",)).await.unwrap();
        let play = component.played().await;
        type Arguments =
            (String, u64, String, u32, u32, String, String, u8, u32, u32, u8, Vec<(String, String, String)>, Vec<(u32, Vec<u8>)>);
        let given: Arguments = play.body().deserialize().unwrap();
        assert_eq!((given.0.as_str(), given.2.as_str(), given.3, given.4), (CLASS, id.as_str(), 1, names::PLAY));
        assert_eq!((given.5.as_str(), given.6.as_str(), given.7, given.8), ("Shipping", "urgent", 7, 42));
        assert_eq!((given.9, given.10), (rustix::process::geteuid().as_raw(), b'B'));
        assert_eq!(given.11, [(IID.to_owned(), "ShipOrder".to_owned(), "u".to_owned())]);
        assert_eq!(given.12, [(0, vec![0, 0, 0, 7]), (0, vec![0, 0, 0, 8])]);
        assert_eq!(queue(&client).await.playing, 1);
        component.answer(&play, (0, -1, "")).await;
        assert_eq!(until(&client, |queue| queue.ready == 0).await.bytes, 0);
    });
}

#[test]
fn what_cannot_be_played_is_refused_when_it_is_recorded() {
    let service = service();
    within_limit(async {
        let client = service.client().await;
        let order = || vec![(0, 1_u32.to_le_bytes().to_vec())];
        let ship = [(IID, "ShipOrder", "u")];
        assert_eq!(refused(record(&client, "Test.Shipment", &ship, &order()).await), common::CO_E_CLASSSTRING);
        assert_eq!(refused(record(&client, CLASS, &ship, &order()).await), common::REGDB_E_CLASSNOTREG);
        install(&client).await;
        let other = "11111111-1111-1111-1111-111111111111";
        for (methods, calls, code) in [
            (vec![(other, "ShipOrder", "u")], order(), common::E_NOINTERFACE),
            (vec![(IID, "Ship", "u")], order(), common::DISP_E_MEMBERNOTFOUND),
            (vec![(IID, "ShipOrder", "s")], vec![(0, b"\x01\0\0\0a\0".to_vec())], common::DISP_E_TYPEMISMATCH),
            (vec![("no iid", "ShipOrder", "u")], order(), common::COMQC_E_BAD_MESSAGE),
            (vec![(IID, "ShipOrder", "u")], vec![(1, vec![0; 4])], common::COMQC_E_BAD_MESSAGE),
            (vec![(IID, "ShipOrder", "u")], vec![(0, vec![0; 3])], common::COMQC_E_BAD_MESSAGE),
            (vec![(IID, "ShipOrder", "u")], vec![(0, vec![0; 5])], common::COMQC_E_BAD_MESSAGE),
            (vec![(IID, "ShipOrder", "((((")], order(), common::COMQC_E_BAD_MESSAGE),
            (vec![(IID, "ShipOrder", "h")], order(), common::COMQC_E_BAD_MESSAGE),
            (vec![(IID, "", "u")], order(), common::MQ_ERROR_INSUFFICIENT_RESOURCES),
            (vec![(IID, "ShipOrder", "u")], vec![], common::COMQC_E_BAD_MESSAGE),
            (vec![], vec![], common::COMQC_E_BAD_MESSAGE),
            (vec![(IID, "Note", "(bay)")], vec![(0, vec![2, 0, 0, 0, 0, 0, 0, 0])], common::COMQC_E_BAD_MESSAGE),
            (vec![(IID, "Note", "(bay)")], vec![(0, vec![1, 0, 0, 0, 255, 255, 255, 255])], common::COMQC_E_BAD_MESSAGE),
        ] {
            assert_eq!(refused(record(&client, CLASS, &methods, &calls).await), code, "{methods:?} {calls:?}");
        }
        // More than a message holds: 300,000 calls, each of which is small.
        let many: Vec<(u32, Vec<u8>)> = (0..300_000_u32).map(|number| (0, number.to_le_bytes().to_vec())).collect();
        assert_eq!(refused(record(&client, CLASS, &ship, &many).await), common::MQ_ERROR_INSUFFICIENT_RESOURCES);
        let said = |label: &str, priority: u8, endian: u8| {
            (CLASS, label.to_owned(), priority, 0_u32, names::INFINITE, endian, ship.to_vec(), order())
        };
        assert_eq!(refused(queues(&client, "Record", &said(&"x".repeat(250), 3, b'l')).await), common::MQ_ERROR_LABEL_TOO_LONG);
        assert_eq!(refused(queues(&client, "Record", &said("", 8, b'l')).await), common::E_INVALIDARG);
        assert_eq!(refused(queues(&client, "Record", &said("", 3, b'x')).await), common::COMQC_E_BAD_MESSAGE);
        assert_eq!(refused(queues(&client, "Show", &("Shipping",)).await), common::MQ_ERROR_QUEUE_NOT_FOUND, "nothing of it was kept");
        service.is_well().await;
    });
}

#[test]
fn a_component_that_answers_nonsense_has_failed_and_says_so_in_the_history() {
    let service = service();
    within_limit(async {
        let client = service.client().await;
        install(&client).await;
        let policy = r#"{"attempts":2,"retry":[]}"#;
        queues(&client, "SetPolicy", &("Shipping", policy)).await.unwrap();
        let mut component = Component::start(&service).await;
        let id = ship(&client, 1).await;
        let first = component.played().await;
        component.connection.reply(&first.header(), &("nonsense",)).await.unwrap();
        let second = component.played().await;
        component.answer(&second, (common::E_ACCESSDENIED.as_i32(), 0, "not \u{1b}[31mtoday")).await;
        until(&client, |queue| queue.dead == 1).await;
        let (message, attempts) = message(&client, &id).await;
        assert_eq!((message.place.as_str(), message.standing, message.attempts), ("Shipping_deadqueue", names::DEAD, 2));
        let codes: Vec<_> = attempts.iter().map(|attempt| (Hresult::from_i32(attempt.code), attempt.call)).collect();
        assert_eq!(codes, [(common::E_UNEXPECTED, -1), (common::E_ACCESSDENIED, 0)]);
        // Once more, by number, and it succeeds.
        let answer = queues(&client, "Retry", &("", 0_u32, message.number.to_string())).await.unwrap();
        assert_eq!(answer.body().deserialize::<(u64,)>().unwrap().0, 1);
        let third = component.played().await;
        // An answer to an attempt that has ended, and to one that never was, change nothing.
        component.answer(&first, (0, -1, "")).await;
        component.answer(&second, (0, -1, "")).await;
        service.is_well().await;
        assert_eq!(queue(&client).await.playing, 1);
        component.answer(&third, (0, -1, "")).await;
        until(&client, |queue| queue.ready == 0).await;
    });
}

#[test]
fn a_component_that_dies_twice_under_a_message_is_not_given_it_a_third_time() {
    let service = service();
    within_limit(async {
        let client = service.client().await;
        install(&client).await;
        // Between the deaths the service tries to start the class, which fails.
        queues(&client, "SetPolicy", &("Shipping", r#"{"attempts":1000}"#)).await.unwrap();
        let id = ship(&client, 1).await;
        for _ in 0..2 {
            let mut component = Component::start(&service).await;
            component.played().await;
            component.connection.close().await.unwrap();
        }
        until(&client, |queue| queue.dead == 1).await;
        let (message, attempts) = message(&client, &id).await;
        assert_eq!((Hresult::from_i32(message.code), message.deaths), (common::RPC_E_SERVER_DIED, 2), "{}", message.sentence);
        let deaths = attempts.iter().filter(|attempt| Hresult::from_i32(attempt.code) == common::RPC_E_SERVER_DIED);
        assert_eq!(deaths.count(), 2);
        let mut component = Component::start(&service).await;
        let other = ship(&client, 2).await;
        let play = component.played().await;
        assert!(play.body().deserialize::<(String, u64, String, u32, u32, String, String, u8, u32, u32, u8, Vec<(String, String, String)>, Vec<(u32, Vec<u8>)>)>().unwrap().2 == other);
        component.answer(&play, (0, -1, "")).await;
    });
}

#[test]
fn what_no_component_understands_waits_for_one_that_does() {
    let service = service();
    within_limit(async {
        let client = service.client().await;
        install(&client).await;
        let mut component = Component::start(&service).await;
        let id = ship(&client, 1).await;
        let play = component.played().await;
        component.answer(&play, (common::REGDB_E_IIDNOTREG.as_i32(), -1, "never heard of it")).await;
        until(&client, |queue| queue.parked == 1).await;
        let (parked, attempts) = message(&client, &id).await;
        assert_eq!((parked.attempts, attempts.len(), parked.sentence.as_str()), (0, 0, "never heard of it"));
        // An IID is a contract while its messages wait.
        let changed = SHIPMENT.replace("\"type\":\"u32\"", "\"type\":\"i64\"");
        let import = call(&client, names::MANAGER_PATH, names::COMPONENTS, "Import", &(CLASS, vec![changed])).await;
        assert_eq!(refused(import), common::ERROR_BUSY);
        let unregister = call(&client, names::MANAGER_PATH, names::CLASSES, "Unregister", &(CLASS, false)).await;
        assert_eq!(refused(unregister), common::ERROR_BUSY);
        install(&client).await;
        let play = component.played().await;
        component.answer(&play, (0, -1, "")).await;
        until(&client, |queue| queue.parked + queue.ready == 0).await;
    });
}

#[test]
fn a_recorder_is_its_connections_own() {
    let service = service();
    within_limit(async {
        let (client, other) = (service.client().await, service.client().await);
        assert_eq!(refused(queues(&client, "CreateRecorder", &("queue:/new:Test.Shipment",)).await), common::CO_E_CLASSSTRING);
        install(&client).await;
        assert_eq!(refused(queues(&client, "CreateRecorder", &("queue:QueueName=x/new:Test.Shipment",)).await), common::E_INVALIDARG);
        let answer = queues(&client, "CreateRecorder", &("queue:Label=x/new:Test.Shipment",)).await.unwrap();
        let (path,): (OwnedObjectPath,) = answer.body().deserialize().unwrap();
        let shipment = "org.consign.i.IShipment";
        call(&client, path.as_str(), shipment, "ShipOrder", &(7_u32,)).await.unwrap();
        // Who writes no C has no BSTR.
        call(&client, path.as_str(), shipment, "Note", &("schön",)).await.unwrap();
        call(&client, path.as_str(), shipment, "Note", &((true, b"a\0".to_vec()),)).await.unwrap();
        for (member, code) in [("Missing", common::DISP_E_MEMBERNOTFOUND), ("ShipOrder", common::DISP_E_TYPEMISMATCH)] {
            assert_eq!(refused(call(&client, path.as_str(), shipment, member, &("x", 1_u32)).await), code);
        }
        let text = call(&client, path.as_str(), "org.freedesktop.DBus.Introspectable", "Introspect", &()).await.unwrap();
        let (text,): (String,) = text.body().deserialize().unwrap();
        assert!(text.contains(shipment) && text.contains("<arg name=\"dwOrderNumber\" type=\"u\" direction=\"in\"/>"), "{text}");
        let (name, _) = error_of(call(&other, path.as_str(), shipment, "ShipOrder", &(7_u32,)).await);
        assert_eq!(name, "org.freedesktop.DBus.Error.UnknownObject");
        let commit = call(&client, path.as_str(), names::RECORDER, "Commit", &()).await.unwrap();
        let (id,): (String,) = commit.body().deserialize().unwrap();
        assert_eq!(message(&client, &id).await.0.calls, 3);
        let (name, _) = error_of(call(&client, path.as_str(), names::RECORDER, "Commit", &()).await);
        assert_eq!(name, "org.freedesktop.DBus.Error.UnknownObject");
        // One that is not committed leaves nothing, and there is a bound.
        for _ in 0..256 {
            queues(&other, "CreateRecorder", &(CLASS,)).await.unwrap();
        }
        assert_eq!(refused(queues(&other, "CreateRecorder", &(CLASS,)).await), common::E_OUTOFMEMORY);
        let mebibyte = "x".repeat(1 << 20);
        let mut held = 0;
        let code = loop {
            assert!(held < 16, "a connection holds 16 MiB at most");
            let recorder = names::recorder_path(2 + held);
            match call(&other, &recorder, shipment, "Note", &((true, mebibyte.clone().into_bytes()),)).await {
                Ok(_) => held += 1,
                refusal => break refused(refusal),
            }
        };
        assert_eq!((code, held), (common::MQ_ERROR_INSUFFICIENT_RESOURCES, 15));
        other.close().await.unwrap();
        let queue = queue(&client).await;
        assert_eq!(queue.ready + queue.waiting, 1, "{queue:?}");
    });
}

#[test]
fn events_are_signals_for_those_who_ask() {
    let service = service();
    within_limit(async {
        let client = service.client().await;
        install(&client).await;
        let follower = service.client().await;
        let mut signals = MessageStream::from(&follower);
        let rule = "type='signal',interface='org.consign.Queues',arg0='Shipping'";
        call(&follower, "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", &(rule,)).await.unwrap();
        queues(&client, "SetPolicy", &("Shipping", r#"{"attempts":1,"retry":[{"delay":0,"attempts":1}]}"#)).await.unwrap();
        let mut component = Component::start(&service).await;
        ship(&client, 1).await;
        for _ in 0..2 {
            let play = component.played().await;
            component.answer(&play, (common::E_FAIL.as_i32(), 0, "no")).await;
        }
        let mut heard = BTreeMap::new();
        while !heard.contains_key("QCMoveToDeadQueue") {
            let signal = signals.next().await.unwrap().unwrap();
            if signal.message_type() == Type::Signal {
                *heard.entry(signal.header().member().unwrap().to_string()).or_insert(0) += 1;
            }
        }
        let expected =
            [("QCMoveToDeadQueue", 1), ("QCMoveToReTryQueue", 1), ("QCPlayback", 2), ("QCQueueOpen", 1), ("QCReceive", 2), ("QCRecord", 1)];
        let mut expected: BTreeMap<_, _> = expected.map(|(member, count)| (member.to_owned(), count)).into();
        if !heard.contains_key("QCQueueOpen") {
            // It came before anybody followed.
            expected.remove("QCQueueOpen");
        }
        assert_eq!(heard, expected);
    });
}
