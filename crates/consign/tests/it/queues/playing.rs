//! Messages on components that fail, hang, vote, or are not there: from the recorder to the end of each.

use std::{fs, path::Path, time::Duration};

use consign::{Client, Guid, Interface, MessageDetails, QueuePolicy, RetryQueue, Selection, Standing, common};

use super::server::{HANGS, IShipment, REFUSED, VOTES};
use crate::setup::{Served, limited};

const CLASS: &str = "6f7c1d8e-2b0a-4a55-9d3b-0c6a1e5f4c11";
const EXCEPTION: &str = "6f7c1d8e-2b0a-4a55-9d3b-0c6a1e5f4c12";

fn class_file(class: &str, role: &str, folder: &Path, more: &str) -> String {
    let (program, folder) = (std::env::current_exe().unwrap(), folder.display());
    format!(
        "clsid = '{class}'\napplication = 'Orders'\n{more}\n\
         exec = ['/usr/bin/env', 'TEST_COMPONENT={class}', 'TEST_ROLE={role}', 'TEST_FOLDER={folder}', '{}', '--exact', \
         'queues::server::plays_its_role', '--nocapture']\n",
        program.display()
    )
}

async fn begin(folder: &Path, more: &str, policy: QueuePolicy) -> (Served, Client) {
    let served = Served::start(folder).await;
    let client = served.client().await;
    client.register_class(&class_file(CLASS, "async", folder, more)).await.unwrap();
    client.import_component(CLASS, &[IShipment::model()]).await.unwrap();
    client.set_queue_policy("Orders", &policy).await.unwrap();
    (served, client)
}

async fn record(client: &Client, target: &str, numbers: &[u32]) -> Guid {
    let recorder = client.recorder(target).unwrap();
    numbers.iter().for_each(|number| recorder.interface::<IShipment>().ship_order(*number).unwrap());
    recorder.commit().await.unwrap().unwrap()
}

/// The message when it is dead.
async fn dead(client: &Client, message: Guid) -> MessageDetails {
    loop {
        let details = client.message(&message.to_string()).await.unwrap();
        if details.summary.standing == Standing::Dead {
            return details;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn gone(client: &Client) {
    while client.queue("Orders").await.unwrap().messages() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn lines(folder: &Path) -> Vec<String> {
    fs::read_to_string(folder.join("shipped")).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn attempts(count: u32) -> QueuePolicy {
    QueuePolicy { attempts: count, retry: Vec::new(), ..QueuePolicy::default() }
}

#[test]
fn a_failing_call_sends_the_whole_message_back_through_the_retry_queues() {
    let folder = tempfile::tempdir().unwrap();
    limited(async {
        let retry = vec![RetryQueue { delay: Duration::ZERO, attempts: 1 }];
        let (served, client) = begin(folder.path(), "", QueuePolicy { attempts: 2, retry, ..QueuePolicy::default() }).await;
        let id = record(&client, CLASS, &[1, REFUSED, 3]).await;
        let details = dead(&client, id).await;
        let tried: Vec<_> = details.attempts.iter().map(|attempt| (attempt.place.as_str(), attempt.call, attempt.code)).collect();
        let refused = (Some(1), common::E_INVALIDARG);
        assert_eq!(tried, ["Orders", "Orders", "Orders_0"].map(|place| (place, refused.0, refused.1)));
        assert_eq!(lines(folder.path()), ["1", "1", "1"], "those before it are made each time, those after it never");
        served.stop().await;
    });
}

#[test]
fn a_vote_to_abort_is_a_failure_whatever_the_calls_answered() {
    let folder = tempfile::tempdir().unwrap();
    limited(async {
        let (served, client) = begin(folder.path(), "", attempts(1)).await;
        let id = record(&client, CLASS, &[VOTES]).await;
        assert_eq!(dead(&client, id).await.attempts[0].code, common::CONTEXT_E_ABORTED);
        served.stop().await;
    });
}

#[test]
fn the_exception_class_is_told_and_gets_the_same_calls() {
    let folder = tempfile::tempdir().unwrap();
    limited(async {
        let more = format!("exception_class = '{EXCEPTION}'");
        let (served, client) = begin(folder.path(), &more, attempts(1)).await;
        client.register_class(&class_file(EXCEPTION, "exception", folder.path(), "")).await.unwrap();
        record(&client, CLASS, &[REFUSED]).await;
        gone(&client).await;
        assert_eq!(lines(folder.path()), ["FinalServerRetry".to_owned(), format!("exception {REFUSED}")]);
        // One that nobody received in time: the client's side of failing.
        client.pause_queue("Orders").await.unwrap();
        record(&client, &format!("queue:MaxTimeToReceive=0/new:{CLASS}"), &[7]).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        client.resume_queue("Orders").await.unwrap();
        gone(&client).await;
        assert_eq!(lines(folder.path())[2..], ["FinalClientRetry", "exception 7"]);
        served.stop().await;
    });
}

#[test]
fn a_component_that_hangs_is_given_up_and_others_are_played() {
    let folder = tempfile::tempdir().unwrap();
    limited(async {
        let policy = QueuePolicy { play_timeout: Duration::from_secs(1), ..attempts(1) };
        let (served, client) = begin(folder.path(), "", policy).await;
        let hanging = record(&client, CLASS, &[HANGS]).await;
        record(&client, CLASS, &[1]).await;
        assert_eq!(dead(&client, hanging).await.attempts[0].code, common::RPC_E_TIMEOUT);
        assert_eq!(lines(folder.path()), ["1"]);
        served.stop().await;
    });
}

#[test]
fn a_component_that_cannot_start_says_why_and_is_tried_again_when_it_can() {
    let folder = tempfile::tempdir().unwrap();
    limited(async {
        let (served, client) = begin(folder.path(), "", attempts(1)).await;
        let broken = format!("clsid = '{CLASS}'\napplication = 'Orders'\nexec = ['/bin/false']\n");
        client.register_class(&broken).await.unwrap();
        let id = record(&client, CLASS, &[1]).await;
        assert_eq!(dead(&client, id).await.attempts[0].code, common::CO_E_SERVER_EXEC_FAILURE);
        client.register_class(&class_file(CLASS, "async", folder.path(), "")).await.unwrap();
        // The class was found failing, and waits a little before it is started again.
        client.set_queue_policy("Orders", &attempts(10_000)).await.unwrap();
        assert_eq!(client.retry_messages(Selection::Message(&id.to_string())).await.unwrap(), 1);
        gone(&client).await;
        assert_eq!(lines(folder.path()), ["1"]);
        served.stop().await;
    });
}

#[test]
fn what_waits_outlives_the_service() {
    let folder = tempfile::tempdir().unwrap();
    limited(async {
        let (served, client) = begin(folder.path(), "", attempts(1)).await;
        client.pause_queue("Orders").await.unwrap();
        for number in 1..=3 {
            record(&client, CLASS, &[number]).await;
        }
        drop(client);
        served.stop().await;
        let served = Served::start(folder.path()).await;
        let client = served.client().await;
        assert_eq!(client.queue("Orders").await.unwrap().count(Standing::Ready), 3);
        client.resume_queue("Orders").await.unwrap();
        gone(&client).await;
        let mut shipped = lines(folder.path());
        shipped.sort();
        assert_eq!(shipped, ["1", "2", "3"]);
        served.stop().await;
    });
}
