//! What is declared is answered, and as declared; what is not is refused in the right words.

use std::collections::BTreeMap;

use consign_wire::{JobRecord, names};
use zbus::{Array, Connection, Dict, Message, OwnedVariant, Signature, Structure, Variant, message::Flags};

use crate::support::{Service, call, error_of, within_limit};

const INTROSPECTABLE: &str = "org.freedesktop.DBus.Introspectable";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const PEER: &str = "org.freedesktop.DBus.Peer";
const BUS: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";

/// A job without files, and its path.
pub(crate) async fn new_job(client: &Connection, name: &str) -> String {
    let options = BTreeMap::<&str, Variant<'_>>::new();
    let reply = call(client, names::MANAGER_PATH, names::MANAGER, "CreateJob", &(name, 0_u32, options)).await.unwrap();
    let (path, id): (zbus::OwnedObjectPath, String) = reply.body().deserialize().unwrap();
    assert_eq!(names::job_of_path(path.as_str()).unwrap().to_string(), id);
    path.as_str().to_owned()
}

async fn property(client: &Connection, path: &str, interface: &str, name: &str) -> Variant<'static> {
    let reply = call(client, path, PROPERTIES, "Get", &(interface, name)).await.unwrap();
    let value: OwnedVariant = reply.body().deserialize::<(OwnedVariant,)>().unwrap().0;
    value.into()
}

/// An interface as the service itself describes it.
#[derive(Default, Debug)]
struct Described {
    name: String,
    methods: Vec<(String, String, String)>,
    properties: Vec<(String, String)>,
}

/// What `Introspect` says. The text has one element a line.
fn parse(xml: &str) -> (Vec<Described>, Vec<String>) {
    let attribute = |line: &str, name: &str| {
        let start = line.find(&format!(" {name}=\"")).map(|at| at + name.len() + 3)?;
        Some(line[start..].split('"').next().unwrap().to_owned())
    };
    let (mut interfaces, mut children) = (Vec::<Described>::new(), Vec::new());
    let mut in_signal = false;
    for line in xml.lines().map(str::trim) {
        let name = || attribute(line, "name").unwrap();
        match line.split([' ', '>']).next().unwrap() {
            "<interface" => interfaces.push(Described { name: name(), ..Described::default() }),
            "<method" => interfaces.last_mut().unwrap().methods.push((name(), String::new(), String::new())),
            "<signal" => in_signal = true,
            "</signal" => in_signal = false,
            "<arg" if !in_signal => {
                let method = interfaces.last_mut().unwrap().methods.last_mut().unwrap();
                let side = if attribute(line, "direction").unwrap() == "in" { &mut method.1 } else { &mut method.2 };
                side.push_str(&attribute(line, "type").unwrap());
            }
            "<property" => interfaces.last_mut().unwrap().properties.push((name(), attribute(line, "type").unwrap())),
            "<node" if line.contains("name=") => children.push(name()),
            _ => {}
        }
    }
    (interfaces, children)
}

async fn introspect(client: &Connection, path: &str) -> (Vec<Described>, Vec<String>) {
    let reply = call(client, path, INTROSPECTABLE, "Introspect", &()).await.unwrap();
    parse(&reply.body().deserialize::<(String,)>().unwrap().0)
}

/// Some value of this type.
fn value(signature: &Signature) -> Variant<'static> {
    match signature {
        Signature::U8 => 0_u8.into(),
        Signature::U32 => 0_u32.into(),
        Signature::I32 => 0_i32.into(),
        Signature::U64 => 0_u64.into(),
        Signature::Bool => true.into(),
        Signature::Str => "x".into(),
        Signature::ObjectPath => zbus::ObjectPath::from_static_str_unchecked("/x").into(),
        Signature::Variant => Variant::new(Variant::from("x")),
        Signature::Array(element) => Array::new(element.signature()).into(),
        Signature::Dict { key, value } => Dict::new(key.signature(), value.signature()).into(),
        other => panic!("{other}"),
    }
}

fn message(path: &str, interface: &str, member: &str, inputs: &str) -> Message {
    let builder = Message::method_call(path, member).interface(interface);
    if inputs.is_empty() {
        return builder.build(&()).unwrap();
    }
    let Ok(Signature::Structure(fields)) = Signature::try_from(format!("({inputs})").as_str()) else { panic!("{inputs}") };
    let body: Structure<'_> =
        fields.iter().fold(zbus::wire::StructureBuilder::new(), |body, field| body.append_field(value(field))).build().unwrap();
    builder.build(&body).unwrap()
}

/// Sends a call as it is and returns what comes back.
async fn exchange(client: &Connection, message: &Message) -> Message {
    use futures_util::StreamExt as _;
    let mut stream = zbus::MessageStream::from(client);
    client.send(message).await.unwrap();
    loop {
        let reply = stream.next().await.unwrap().unwrap();
        if reply.header().reply_serial() == Some(message.primary_header().serial_num()) {
            return reply;
        }
    }
}

#[test]
fn every_declared_member_is_answered_as_declared() {
    let service = Service::start();
    within_limit(async {
        let client = service.client().await;
        let job = new_job(&client, "declared").await;
        let mut members = 0;
        for path in [names::MANAGER_PATH, &job, BUS_PATH, "/", "/org/consign/job"] {
            for interface in introspect(&client, path).await.0 {
                for (name, inputs, outputs) in &interface.methods {
                    if (interface.name.as_str(), name.as_str()) == (names::SERVICE, "Stop") {
                        continue;
                    }
                    members += 1;
                    let reply = exchange(&client, &message(path, &interface.name, name, inputs)).await;
                    assert_eq!(reply.header().sender().unwrap().as_str(), ":1.0");
                    match reply.header().error_name() {
                        Some(error) => {
                            let (sentence, code, _): (String, i32, u32) = reply.body().deserialize().unwrap();
                            assert_ne!(error.as_str(), "org.freedesktop.DBus.Error.UnknownMethod", "{name}: {sentence}");
                            assert!(code < 0 && !sentence.is_empty(), "{name}: {sentence}");
                        }
                        None => assert_eq!(reply.body().signature().to_string_no_parens(), *outputs, "{}.{name}", interface.name),
                    }
                }
                if interface.properties.is_empty() {
                    continue;
                }
                let reply = call(&client, path, PROPERTIES, "GetAll", &(&interface.name,)).await.unwrap();
                let body = reply.body();
                let (all,): (BTreeMap<String, Variant<'_>>,) = body.deserialize().unwrap();
                let given: BTreeMap<_, _> = all.iter().map(|(name, value)| (name.clone(), value.value_signature().to_string())).collect();
                assert_eq!(given, interface.properties.iter().cloned().collect(), "{}", interface.name);
                members += interface.properties.len();
            }
        }
        assert!(members > 60, "{members}");
    });
}

#[test]
fn the_tree_leads_to_every_object() {
    let service = Service::start();
    within_limit(async {
        let client = service.client().await;
        let job = new_job(&client, "in the tree").await;
        let mut found = Vec::new();
        let mut open = vec!["/".to_owned()];
        while let Some(path) = open.pop() {
            for child in introspect(&client, &path).await.1 {
                open.push(format!("{}/{child}", path.trim_end_matches('/')));
            }
            found.push(path);
        }
        for path in [names::MANAGER_PATH, &job, BUS_PATH] {
            assert!(found.iter().any(|other| other == path), "{path} in {found:?}");
        }
    });
}

#[test]
fn mistakes_have_the_names_that_dbus_gives_them() {
    let service = Service::start();
    within_limit(async {
        let client = service.client().await;
        let job = new_job(&client, "mistakes").await;
        let manager = names::MANAGER_PATH;
        let nobody = "/org/consign/job/00000000000000000000000000000000";
        for (name, message) in [
            ("UnknownObject", message("/org/consign/jobs", PEER, "Ping", "")),
            ("UnknownObject", message("/org/consign/job/0", PEER, "Ping", "")),
            ("UnknownInterface", message(manager, names::JOB, "Resume", "")),
            ("UnknownInterface", message("/", names::MANAGER, "EnumJobs", "u")),
            ("UnknownMethod", message(manager, names::MANAGER, "Explode", "")),
            ("UnknownMethod", Message::method_call(manager, "Suspend").build(&()).unwrap()),
            ("InvalidArgs", message(manager, names::MANAGER, "EnumJobs", "")),
            ("InvalidArgs", message(manager, names::MANAGER, "EnumJobs", "s")),
            ("InvalidArgs", message(&job, names::JOB, "Resume", "u")),
            ("ServiceUnknown", Message::method_call("/", "Ping").interface(PEER).destination("org.example.Other").build(&()).unwrap()),
            ("UnknownInterface", Message::method_call(&*job, "Get").interface(PROPERTIES).build(&("org.example", "State")).unwrap()),
            ("UnknownProperty", Message::method_call(&*job, "Get").interface(PROPERTIES).build(&(names::JOB, "Colour")).unwrap()),
            (
                "PropertyReadOnly",
                Message::method_call(&*job, "Set").interface(PROPERTIES).build(&(names::JOB, "State", Variant::from(0_u32))).unwrap(),
            ),
            (
                "InvalidArgs",
                Message::method_call(&*job, "Set").interface(PROPERTIES).build(&(names::JOB, "Priority", Variant::from("low"))).unwrap(),
            ),
            ("MatchRuleInvalid", Message::method_call(BUS_PATH, "AddMatch").interface(BUS).build(&("nonsense",)).unwrap()),
            ("MatchRuleNotFound", Message::method_call(BUS_PATH, "RemoveMatch").interface(BUS).build(&("type='signal'",)).unwrap()),
            ("NameHasNoOwner", Message::method_call(BUS_PATH, "GetNameOwner").interface(BUS).build(&("org.example",)).unwrap()),
        ] {
            let reply = exchange(&client, &message).await;
            let error = reply.header().error_name().map(|name| name.as_str().to_owned());
            assert_eq!(error, Some(format!("org.freedesktop.DBus.Error.{name}")), "{:?}", message.header().member());
            let (sentence, code, context): (String, i32, u32) = reply.body().deserialize().unwrap();
            assert!(!sentence.is_empty() && code < 0 && context == 0, "{sentence} {code} {context}");
        }
        for (code, result) in [
            ("BG_E_NOT_FOUND", call(&client, nobody, names::JOB, "Resume", &()).await),
            ("BG_E_NOT_FOUND", call(&client, nobody, PROPERTIES, "GetAll", &(names::JOB,)).await),
            ("BG_E_NOT_FOUND", call(&client, nobody, INTROSPECTABLE, "Introspect", &()).await),
            ("BG_E_NOT_FOUND", call(&client, manager, names::MANAGER, "FindJob", &("nobody",)).await),
            ("E_INVALIDARG", call(&client, manager, names::MANAGER, "GetJob", &("nobody",)).await),
            ("E_INVALIDARG", call(&client, manager, names::MANAGER, "EnumJobs", &(0x8000_u32,)).await),
            ("BG_E_EMPTY", call(&client, &job, names::JOB, "Resume", &()).await),
            ("E_NOTIMPL", call(&client, &job, PROPERTIES, "Set", &(names::JOB, "Priority", Variant::from(9_u32))).await),
        ] {
            assert_eq!(error_of(result).0, format!("org.consign.Error.{code}"));
        }
    });
}

#[test]
fn a_call_may_leave_the_interface_out_and_ask_for_no_answer() {
    let service = Service::start();
    within_limit(async {
        let client = service.client().await;
        let reply = exchange(&client, &Message::method_call(names::MANAGER_PATH, "EnumJobs").build(&(0_u32,)).unwrap()).await;
        assert_eq!(reply.body().signature().to_string_no_parens(), "ao");
        let silent = Message::method_call("/", "Ping").interface(PEER).with_flags(Flags::NO_REPLY_EXPECTED).build(&()).unwrap();
        let wrong = Message::method_call("/", "Pong").interface(PEER).with_flags(Flags::NO_REPLY_EXPECTED).build(&()).unwrap();
        let asked = Message::method_call("/", "Ping").interface(PEER).build(&()).unwrap();
        use futures_util::StreamExt as _;
        let mut stream = zbus::MessageStream::from(&client);
        for message in [&silent, &wrong, &asked] {
            client.send(message).await.unwrap();
        }
        let reply = stream.next().await.unwrap().unwrap();
        assert_eq!(reply.header().reply_serial(), Some(asked.primary_header().serial_num()), "the first answer is to the last call");
    });
}

#[test]
fn a_client_of_the_other_byte_order_is_answered_in_it() {
    let service = Service::start();
    within_limit(async {
        let client = service.client().await;
        for endian in [zbus::wire::Endian::Big, zbus::wire::Endian::Little] {
            let text = "a display name".repeat(9);
            let message = Message::method_call(names::MANAGER_PATH, "FindJob").endian(endian).build(&(&text,)).unwrap();
            let reply = exchange(&client, &message).await;
            assert_eq!(zbus::wire::Endian::from(reply.primary_header().endian_sig()), endian);
            let (sentence, code, _): (String, i32, u32) = reply.body().deserialize().unwrap();
            assert_eq!(code, consign_bits::bits::BG_E_NOT_FOUND.as_i32(), "{sentence}");
        }
    });
}

#[test]
fn clients_made_for_a_bus_find_one() {
    let service = Service::start();
    within_limit(async {
        let client = service.client().await;
        let ask = async |member: &str, name: &str| call(&client, BUS_PATH, BUS, member, &(name,)).await;
        let text = |message: zbus::Result<Message>| message.unwrap().body().deserialize::<(String,)>().unwrap().0;
        let own = text(call(&client, BUS_PATH, BUS, "Hello", &()).await);
        assert!(own.starts_with(":1."), "{own}");
        assert_eq!(error_of(call(&client, BUS_PATH, BUS, "Hello", &()).await).0, "org.freedesktop.DBus.Error.Failed");
        assert_eq!(text(ask("GetNameOwner", names::SERVICE_NAME).await), ":1.0");
        assert_eq!(text(ask("GetNameOwner", BUS).await), BUS);
        assert_eq!(text(ask("GetNameOwner", &own).await), own);
        let number = |message: zbus::Result<Message>| message.unwrap().body().deserialize::<(u32,)>().unwrap().0;
        assert_eq!(number(ask("GetConnectionUnixUser", &own).await), rustix::process::geteuid().as_raw());
        assert_eq!(number(ask("GetConnectionUnixProcessID", &own).await), std::process::id());
        assert_eq!(number(ask("GetConnectionUnixProcessID", names::SERVICE_NAME).await), service.pid());
        let refused = call(&client, BUS_PATH, BUS, "RequestName", &("org.example", 0_u32)).await;
        assert_eq!(error_of(refused).0, "org.freedesktop.DBus.Error.AccessDenied");
    });
}

#[test]
fn a_job_lives_its_life_through_the_face() {
    let service = Service::start();
    within_limit(async {
        let client = service.client().await;
        let manager = names::MANAGER_PATH;
        let options = BTreeMap::from([
            ("Description", Variant::from("a description")),
            ("Priority", Variant::from(3_u32)),
            ("ProxyEnvironment", Variant::from(std::collections::HashMap::from([("http_proxy", "http://me:secret@proxy:1")]))),
        ]);
        let reply = call(&client, manager, names::MANAGER, "CreateJob", &("life", 0_u32, options)).await.unwrap();
        let (path, id): (zbus::OwnedObjectPath, String) = reply.body().deserialize().unwrap();
        let path = path.as_str();
        assert_eq!(property(&client, path, names::JOB, "Description").await, Variant::from("a description"));
        assert_eq!(property(&client, path, names::JOB, "Priority").await, Variant::from(3_u32));
        assert_eq!(property(&client, path, names::JOB, "Owner").await, Variant::from(rustix::process::geteuid().as_raw()));
        assert_eq!(property(&client, path, names::JOB, "StateName").await, Variant::from("suspended"));
        let options = BTreeMap::from([("DisplayName", Variant::from("renamed")), ("NotifyFlags", Variant::from(1_u32))]);
        call(&client, path, names::JOB, "SetProperties", &(options,)).await.unwrap();
        assert_eq!(property(&client, path, names::JOB, "DisplayName").await, Variant::from("renamed"));
        let folder = tempfile::tempdir().unwrap();
        let local = folder.path().join("file");
        call(&client, path, names::JOB, "AddFile", &("http://127.0.0.1:9/file", local.to_str().unwrap())).await.unwrap();
        let reply = call(&client, path, names::JOB, "EnumFiles", &(0_u32, 10_u32)).await.unwrap();
        let (files,): (Vec<consign_wire::FileRecord>,) = reply.body().deserialize().unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].remote_name, "http://127.0.0.1:9/file");
        let reply = call(&client, manager, names::MANAGER, "ListJobs", &(0_u32, 0_u32, 10_u32)).await.unwrap();
        let (jobs, total): (Vec<JobRecord>, u32) = reply.body().deserialize().unwrap();
        assert_eq!((jobs.len(), total), (1, 1));
        assert_eq!((jobs[0].id.as_str(), jobs[0].display_name.as_str(), jobs[0].files_total), (id.as_str(), "renamed", 1));
        let reply = call(&client, manager, names::MANAGER, "FindJob", &("renamed",)).await.unwrap();
        assert_eq!(reply.body().deserialize::<(zbus::OwnedObjectPath,)>().unwrap().0.as_str(), path);
        let reply = call(&client, path, names::JOB, "Cancel", &()).await.unwrap();
        assert_eq!(reply.body().deserialize::<(i32,)>().unwrap().0, 0);
        assert_eq!(error_of(call(&client, manager, names::MANAGER, "GetJob", &(&id,)).await).0, "org.consign.Error.BG_E_NOT_FOUND");
        let reply = call(&client, manager, names::MANAGER, "EnumJobs", &(names::ENUM_FINISHED,)).await.unwrap();
        assert_eq!(reply.body().deserialize::<(Vec<zbus::OwnedObjectPath>,)>().unwrap().0.len(), 1);
        assert_eq!(property(&client, manager, names::SERVICE, "ProcessId").await, Variant::from(service.pid()));
    });
}

#[test]
fn calls_that_nobody_waits_for_take_effect_in_their_order() {
    let service = Service::start();
    within_limit(async {
        use futures_util::StreamExt as _;
        let client = service.client().await;
        let create = ("pipelined", 0_u32, BTreeMap::<&str, Variant<'_>>::new());
        let reply = call(&client, names::MANAGER_PATH, names::MANAGER, "CreateJob", &create).await.unwrap();
        let (path, _): (zbus::OwnedObjectPath, String) = reply.body().deserialize().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let of_job = |member: &'static str| Message::method_call(path.as_str(), member).interface(names::JOB);
        let mut calls = Vec::new();
        let mut expected = Vec::new();
        for round in 1..=50_u32 {
            let local = folder.path().join(round.to_string());
            calls.push(of_job("AddFile").build(&("http://127.0.0.1:9/file", local.to_str().unwrap())).unwrap());
            calls.push(of_job("Resume").build(&()).unwrap());
            calls.push(of_job("Suspend").build(&()).unwrap());
            calls.push(of_job("EnumFiles").build(&(0_u32, 500_u32)).unwrap());
            calls.push(of_job("AddFile").build(&("http://127.0.0.1:9/file", "not absolute")).unwrap());
            expected.push(round as usize);
        }
        let mut stream = zbus::MessageStream::from(&client);
        let send = async {
            for call in &calls {
                client.send(call).await.unwrap();
            }
        };
        let receive = async {
            let (mut serials, mut counts, mut refused) = (Vec::new(), Vec::new(), 0);
            while serials.len() < calls.len() {
                let reply = stream.next().await.unwrap().unwrap();
                serials.push(reply.header().reply_serial().unwrap());
                refused += usize::from(reply.message_type() == zbus::message::Type::Error);
                if let Ok((files,)) = reply.body().deserialize::<(Vec<consign_wire::FileRecord>,)>() {
                    counts.push(files.len());
                }
            }
            (serials, counts, refused)
        };
        let ((), (serials, counts, refused)) = futures_util::join!(send, receive);
        assert_eq!(serials, calls.iter().map(|call| call.primary_header().serial_num()).collect::<Vec<_>>());
        assert_eq!((counts, refused), (expected, 50));
        assert_eq!(property(&client, path.as_str(), names::JOB, "StateName").await, Variant::from("suspended"));
    });
}
