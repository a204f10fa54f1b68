//! Queues, messages and components, as the library shows them. The component's server is this test
//! program itself, started again ([`server`]).

mod playing;
mod server;

use consign::{
    Client, Error, Guid, Interface, ListenerState, MessageSummary, QueueEvent, QueuePolicy, Queuing, RetryQueue, Selection, Standing,
    blocking, common,
};
use tempfile::TempDir;

use crate::setup::{Served, limited};

use server::{IShipment, REFUSED};

const CLASS: &str = "6f7c1d8e-2b0a-4a55-9d3b-0c6a1e5f4c01";
const OTHER: &str = "6f7c1d8e-2b0a-4a55-9d3b-0c6a1e5f4c02";

/// A service in which the class is a component, with its queue `Orders` paused.
async fn begin() -> (TempDir, Served, Client) {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path()).await;
    let client = served.client().await;
    client.register_class(&class_file(CLASS, "async", folder.path())).await.unwrap();
    client.import_component(CLASS, &[IShipment::model()]).await.unwrap();
    client.set_queue_policy("Orders", &once()).await.unwrap();
    client.pause_queue("Orders").await.unwrap();
    (folder, served, client)
}

fn class_file(class: &str, role: &str, folder: &std::path::Path) -> String {
    let (program, folder) = (std::env::current_exe().unwrap(), folder.display());
    format!(
        "clsid = '{class}'\nprogid = 'Test.{role}'\napplication = 'Orders'\nmax_players = 2\nexception_class = '{OTHER}'\n\
         exec = ['/usr/bin/env', 'TEST_COMPONENT={class}', 'TEST_ROLE={role}', 'TEST_FOLDER={folder}', '{}', '--exact', \
         'queues::server::plays_its_role', '--nocapture']\n",
        program.display()
    )
}

fn once() -> QueuePolicy {
    QueuePolicy { attempts: 1, retry: Vec::new(), ..QueuePolicy::default() }
}

async fn ship(client: &Client, number: u32) -> Guid {
    let recorder = client.recorder(&format!("queue:Label=\"n {number}\",Priority=5,AppSpecific={number}/new:{CLASS}")).unwrap();
    recorder.interface::<IShipment>().ship_order(number).unwrap();
    recorder.commit().await.unwrap().unwrap()
}

fn code<T>(result: Result<T, Error>) -> consign::Hresult {
    result.map(drop).unwrap_err().code()
}

#[test]
fn messages_are_listed_read_moved_and_dropped() {
    limited(async {
        let (_folder, served, client) = begin().await;
        let mut ids = Vec::new();
        for number in 0..300 {
            ids.push(ship(&client, number).await);
        }
        let queue = client.queue("Orders").await.unwrap();
        assert_eq!((queue.name.as_str(), queue.paused, queue.ready, queue.messages()), ("Orders", true, 300, 300));
        assert_eq!((queue.policy.clone(), queue.waiting_because.as_deref()), (once(), Some("the queue is paused")));
        assert_eq!(client.queues().await.unwrap(), [queue]);
        // By pages, and all.
        let page = client.messages("Orders", Standing::Ready, None, 2).await.unwrap();
        let next = client.messages("Orders", Standing::Ready, Some(page[1].turn), 2).await.unwrap();
        assert_eq!([page[0].id, page[1].id, next[0].id, next[1].id], ids[..4]);
        let mut all: Vec<MessageSummary> = Vec::new();
        let mut list = client.all_messages("Orders", Standing::Ready);
        while let Some(message) = list.next().await {
            all.push(message.unwrap());
        }
        assert_eq!(all.iter().map(|message| message.id).collect::<Vec<_>>(), ids);
        assert_eq!(client.messages("Orders", Standing::Dead, None, 9).await.unwrap(), []);
        // One, by its id and by its number.
        let details = client.message(&ids[7].to_string()).await.unwrap();
        let summary = &details.summary;
        assert_eq!((summary.label.as_str(), summary.priority, summary.app_specific, summary.calls), ("n 7", 5, 7, 1));
        assert_eq!((summary.place.as_str(), summary.standing, summary.playing), ("Orders", Standing::Ready, false));
        assert_eq!((summary.uid, summary.pid), (rustix::process::geteuid().as_raw(), Some(std::process::id())));
        assert_eq!((summary.due, summary.expires, summary.attempts, &summary.reason), (None, None, 0, &None));
        assert_eq!(details.calls.methods()[0].name, "ShipOrder");
        assert_eq!(details.attempts, []);
        assert_eq!(client.message(&summary.number.to_string()).await.unwrap(), details);
        // Moved, dropped.
        let one = ids[0].to_string();
        assert_eq!(client.move_messages(Selection::Message(&one), "Side").await.unwrap(), 1);
        assert_eq!(client.message(&one).await.unwrap().summary.queue, "Side");
        assert_eq!(client.drop_messages(Selection::Message(&ids[1].to_string())).await.unwrap(), 1);
        assert_eq!(code(client.message(&ids[1].to_string()).await), common::MQ_ERROR_MESSAGE_NOT_FOUND);
        assert_eq!(client.drop_messages(Selection::All("Orders", Standing::Ready)).await.unwrap(), 298);
        client.remove_queue("Orders").await.unwrap();
        assert_eq!(code(client.queue("Orders").await), common::MQ_ERROR_QUEUE_NOT_FOUND);
        served.stop().await;
    });
}

#[test]
fn what_is_refused_carries_its_code() {
    limited(async {
        let (_folder, served, client) = begin().await;
        ship(&client, 1).await;
        assert_eq!(code(client.messages("None", Standing::Ready, None, 1).await), common::MQ_ERROR_QUEUE_NOT_FOUND);
        assert_eq!(code(client.message("word").await), common::E_INVALIDARG);
        assert_eq!(code(client.message("99999").await), common::MQ_ERROR_MESSAGE_NOT_FOUND);
        assert_eq!(code(client.remove_queue("Orders").await), common::ERROR_BUSY);
        assert_eq!(code(client.pause_queue("None").await), common::MQ_ERROR_QUEUE_NOT_FOUND);
        assert_eq!(code(client.move_messages(Selection::All("Orders", Standing::Ready), "").await), common::E_INVALIDARG);
        let never = QueuePolicy { attempts: 0, ..QueuePolicy::default() };
        assert_eq!(code(client.set_queue_policy("Orders", &never).await), common::E_INVALIDARG);
        assert_eq!(code(client.component("Nobody.Knows").await), common::CO_E_CLASSSTRING);
        assert_eq!(code(client.set_queuing_enabled(CLASS, "INothing", Queuing::Enabled).await), common::REGDB_E_IIDNOTREG);
        assert_eq!(code(client.interface_model(CLASS.parse().unwrap()).await), common::REGDB_E_IIDNOTREG);
        served.stop().await;
    });
}

#[test]
fn a_policy_comes_back_as_it_was_set() {
    limited(async {
        let (_folder, served, client) = begin().await;
        let retry = vec![RetryQueue { delay: std::time::Duration::from_secs(7), attempts: 2 }];
        let policy = QueuePolicy {
            attempts: 4,
            retry,
            ordered: true,
            max_players: Some(3),
            max_messages: Some(5),
            max_bytes: Some(6000),
            play_timeout: std::time::Duration::from_secs(9),
        };
        client.set_queue_policy("New", &policy).await.unwrap();
        assert_eq!(client.queue("New").await.unwrap().policy, policy);
        client.set_queue_policy("New", &QueuePolicy::default()).await.unwrap();
        assert_eq!(client.queue("New").await.unwrap().policy, QueuePolicy::default());
        served.stop().await;
    });
}

#[test]
fn a_component_is_shown_and_switched() {
    limited(async {
        let (_folder, served, client) = begin().await;
        let component = client.component("test.async").await.unwrap();
        let summary = &component.summary;
        assert_eq!((summary.class.to_string().as_str(), summary.queue.as_str(), summary.registered), (CLASS, "Orders", true));
        assert_eq!((summary.listener, summary.max_players), (ListenerState::On, Some(2)));
        assert_eq!(summary.exception_class, Some(OTHER.parse().unwrap()));
        let interface = &summary.interfaces[0];
        assert_eq!((interface.name.as_str(), interface.queueing_supported, interface.queuing_enabled), ("IShipment", true, true));
        assert_eq!((interface.methods.as_slice(), interface.obstacles.as_slice()), (&["ShipOrder".to_owned()][..], &[][..]));
        assert_eq!(component.models, [IShipment::model().clone()]);
        assert_eq!(client.components().await.unwrap(), std::slice::from_ref(summary));
        assert_eq!(&client.interface_model(IShipment::IID).await.unwrap(), IShipment::model());
        client.set_queuing_enabled(CLASS, "IShipment", Queuing::Disabled).await.unwrap();
        assert!(!client.component(CLASS).await.unwrap().summary.interfaces[0].queuing_enabled);
        let recorder = client.recorder(CLASS).unwrap();
        recorder.interface::<IShipment>().ship_order(1).unwrap();
        assert_eq!(code(recorder.commit().await), common::COMQC_E_NO_QUEUEABLE_INTERFACES);
        served.stop().await;
    });
}

/// Plays one message that succeeds and one that fails, and follows both by the events.
async fn follow(role: &str) {
    let (folder, served, client) = begin().await;
    let without_exception_class = class_file(CLASS, role, folder.path()).replace(&format!("exception_class = '{OTHER}'"), "");
    client.register_class(&without_exception_class).await.unwrap();
    let mut events = client.queue_events(Some("Orders")).await.unwrap();
    let mut others = client.queue_events(Some("It's, another")).await.unwrap();
    let (good, bad) = (ship(&client, 1).await, ship(&client, REFUSED).await);
    client.resume_queue("Orders").await.unwrap();
    let (mut of_good, mut of_bad, mut bad_code) = (Vec::new(), Vec::new(), None);
    while of_good.last() != Some(&"OnQCPlayback") || of_bad.last() != Some(&"OnQCMoveToDeadQueue") {
        let event = events.next().await.unwrap().unwrap();
        assert!(event.queue() == Some("Orders"), "{event:?}");
        match event.message() {
            Some(message) if message == good => {
                assert!(event.code().is_none_or(|code| code == common::S_OK), "{event:?}");
                of_good.push(event.name());
            }
            Some(message) => {
                assert_eq!(message, bad);
                bad_code = bad_code.or(event.code());
                of_bad.push(event.name());
            }
            None => assert_eq!(event, QueueEvent::QueueOpen { queue: "Orders".into(), code: common::S_OK }),
        }
    }
    assert_eq!(of_good, ["OnQCRecord", "OnQCReceive", "OnQCPlayback"]);
    assert_eq!(of_bad, ["OnQCRecord", "OnQCReceive", "OnQCPlayback", "OnQCMoveToDeadQueue"]);
    assert_eq!(bad_code, Some(common::E_INVALIDARG));
    let details = client.message(&bad.to_string()).await.unwrap();
    assert_eq!((details.summary.standing, details.summary.place.as_str()), (Standing::Dead, "Orders_deadqueue"));
    let attempt = &details.attempts[0];
    assert_eq!((attempt.number, attempt.call, attempt.code), (1, Some(0), common::E_INVALIDARG));
    assert_eq!((attempt.sentence.as_str(), attempt.place.as_str()), ("no such order", "Orders"));
    assert_eq!(std::fs::read_to_string(folder.path().join("shipped")).unwrap(), "1\n");
    client.pause_queue("Orders").await.unwrap();
    assert_eq!(client.retry_messages(Selection::All("Orders", Standing::Dead)).await.unwrap(), 1);
    assert_eq!(client.queue("Orders").await.unwrap().count(Standing::Ready), 1);
    // Nothing of that was told to who asked for another queue.
    served.disconnect();
    assert!(matches!(others.next().await, Some(Err(Error::Disconnected))));
    assert!(others.next().await.is_none());
    served.stop().await;
}

#[test]
fn a_message_is_followed_to_its_end() {
    limited(follow("async"));
}

#[test]
fn a_component_may_block() {
    limited(follow("blocking"));
}

#[test]
fn a_thread_without_a_runtime_records_and_reads() {
    limited(async {
        let (_folder, served, client) = begin().await;
        let options = served.options();
        let thread = tokio::task::spawn_blocking(move || {
            std::thread::spawn(move || {
                let client = blocking::Client::connect_with(options).unwrap();
                let mut events = client.queue_events(None).unwrap();
                let recorder = client.recorder(CLASS).unwrap();
                recorder.interface::<IShipment>().ship_order(5).unwrap();
                assert_eq!((recorder.len(), recorder.is_empty()), (1, false));
                let id = recorder.commit().unwrap().unwrap();
                assert_eq!(events.next().unwrap().unwrap(), QueueEvent::Record { queue: "Orders".into(), message: id });
                assert_eq!(client.recorder(CLASS).unwrap().commit().unwrap(), None);
                client.recorder(CLASS).unwrap().abort();
                let listed: Vec<Guid> = client.all_messages("Orders", Standing::Ready).map(|message| message.unwrap().id).collect();
                assert_eq!(listed, [id]);
                assert_eq!(client.message(&id.to_string()).unwrap().calls.len(), 1);
                assert_eq!(client.component(CLASS).unwrap().summary.interfaces.len(), 1);
                client.drop_messages(Selection::Message(&id.to_string())).unwrap();
                client.queue("Orders").unwrap().messages()
            })
            .join()
            .unwrap()
        });
        assert_eq!(thread.await.unwrap(), 0);
        drop(client);
        served.stop().await;
    });
}
