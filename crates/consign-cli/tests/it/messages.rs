//! Service, client and component killed at random moments: every committed message has its effect exactly once,
//! or is in the dead queue with its reason; nothing that was not committed is ever played; the calls of a message
//! are made in their order.
//!
//! `CONSIGN_KILLS` says how often each of the three is killed, `CONSIGN_TEST_SEED` repeats a run:
//!
//! ```text
//! CONSIGN_KILLS=200 cargo test -p consign-cli --test it messages:: -- --nocapture
//! ```

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use consign::{
    Client, Component, Error, Interface, Playback, QueuePolicy, Server, Standing,
    common::{E_FAIL, RPC_E_SERVER_DIED},
};
use consign_outbox::{inbox, rusqlite};
use consign_testkit::Dice;

use crate::roles::{self, kill, options};

/// So many kills of each in an ordinary run of the tests.
const KILLS: u64 = 8;

/// The longest time between two kills.
const LIFE: Duration = Duration::from_millis(120);

/// Nothing here takes so long: a run that does not end is a failure.
const LIMIT: Duration = Duration::from_secs(900);

/// The test that plays them.
const ROLES: &str = "messages::plays_its_role";

const CLASS: &str = "5b0a7f5e-8f0c-4d35-9d0a-2a6c0b0c7b1d";

#[consign::interface(uuid = "e6a7a8c0-6f38-4a5e-b4c1-61d1a5b0a9e2", queueable)]
pub(crate) trait Mark {
    /// One of `count` calls of the message `token`.
    async fn mark(&self, token: &str, index: u32, count: u32) -> consign::Result<()>;
}

/// What this program does when the test below or the service starts it again.
#[test]
fn plays_its_role() {
    let (Ok(role), Some(folder)) = (env::var("TEST_ROLE"), env::var_os("TEST_FOLDER")) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        match role.as_str() {
            "client" => be_client(folder.as_ref()).await,
            _ => be_component(folder.into()).await,
        }
    });
}

/// Records messages, for ever. Every fourth is not committed.
async fn be_client(folder: &Path) {
    let mut number = 0_u32;
    loop {
        let Ok(client) = Client::connect_with(options(folder)).await else { continue };
        loop {
            number += 1;
            let token = format!("{}-{number}", std::process::id());
            let count = number % 4 + 1;
            let recorder = client.recorder(CLASS).unwrap();
            let mark = recorder.interface::<IMark>();
            (0..count).for_each(|index| mark.mark(&token, index, count).unwrap());
            if number.is_multiple_of(4) {
                note(folder, &format!("aborted {token}"));
                recorder.abort();
                continue;
            }
            note(folder, &format!("intended {token}"));
            match recorder.commit().await {
                Ok(Some(id)) => note(folder, &format!("committed {token} {id}")),
                Ok(None) => panic!("something was recorded"),
                Err(error) if error.is_worth_retrying() => break,
                Err(error) => panic!("{error}"),
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

struct Marker {
    folder: Arc<PathBuf>,
    effects: Arc<Mutex<rusqlite::Connection>>,
    playback: Playback,
}

async fn be_component(folder: PathBuf) {
    let effects = rusqlite::Connection::open(folder.join("effects.db")).unwrap();
    let (folder, effects) = (Arc::new(folder), Arc::new(Mutex::new(effects)));
    let create = move |playback| Ok(Marker { folder: Arc::clone(&folder), effects: Arc::clone(&effects), playback });
    // The service may be gone before it has begun.
    drop(Server::new().component(CLASS.parse().unwrap(), Component::new(create).interface::<IMark>()).run().await);
}

impl Mark for Marker {
    async fn mark(&self, token: &str, index: u32, count: u32) -> consign::Result<()> {
        let message = self.playback.message();
        note(&self.folder, &format!("called {} {} {} {index} {token}", message.id, std::process::id(), message.attempt));
        // Now and then it does not work.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        if now.subsec_micros().is_multiple_of(10) {
            return Err(Error::failed(E_FAIL, "not this time"));
        }
        if index + 1 == count {
            let work = |transaction: &rusqlite::Transaction<'_>| -> Result<(), consign_outbox::Error> {
                transaction.execute("INSERT INTO effect VALUES (?1, ?2)", [message.id.to_string(), token.to_owned()])?;
                Ok(())
            };
            inbox::transaction(&mut self.effects.lock().unwrap(), &self.playback, work)?;
        }
        Ok(())
    }
}

/// One line of the log: there whole or not at all.
fn note(folder: &Path, line: &str) {
    let mut log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    log.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Service,
    Client,
    Component,
}

#[test]
fn killed_again_and_again_every_message_has_its_effect_once() {
    let kills = env::var("CONSIGN_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let mut dice = Dice::from_environment();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    fs::create_dir_all(path.join("config")).unwrap();
    fs::write(path.join("config/consign.toml"), "[classes]\nrestart_delay = 0.01\nrestart_delay_longest = 0.05\n").unwrap();
    let effects = rusqlite::Connection::open(path.join("effects.db")).unwrap();
    effects.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE effect (message TEXT, token TEXT)").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let dead = runtime.block_on(async {
        let script = async {
            let client = Client::connect_with(options(&path)).await.unwrap();
            client
                .register_class(&format!("clsid = '{CLASS}'\napplication = 'Marks'\n{}", roles::exec(&path, "component", ROLES)))
                .await
                .unwrap();
            client.import_component(CLASS, &[IMark::model()]).await.unwrap();
            // Whoever fails is tried again at once.
            let policy = QueuePolicy { attempts: 1000, retry: Vec::new(), ..QueuePolicy::default() };
            client.set_queue_policy("Marks", &policy).await.unwrap();
            let mut application = roles::start(&path, "client", ROLES);
            let mut victims: Vec<Victim> = [Victim::Service, Victim::Client, Victim::Component]
                .into_iter()
                .flat_map(|victim| (0..kills).map(move |_| victim))
                .collect();
            while !victims.is_empty() {
                tokio::time::sleep(dice.time_up_to(LIFE)).await;
                let victim = victims.swap_remove(usize::try_from(dice.within(0..victims.len() as u64)).unwrap());
                match victim {
                    Victim::Service => {
                        if let Ok(status) = client.status().await {
                            kill(status.process_id);
                            client.closed().await;
                        }
                        client.reconnect().await.unwrap();
                    }
                    Victim::Client => {
                        kill(application.id());
                        application = roles::start(&path, "client", ROLES);
                    }
                    Victim::Component => loop {
                        if let Some(component) = roles::playing(&path, "component").first() {
                            kill(*component);
                            break;
                        }
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    },
                }
            }
            kill(application.id());
            drop(application);
            settled(&client).await
        };
        tokio::time::timeout(LIMIT, script).await.expect("the script did not end in time")
    });
    let log = fs::read_to_string(path.join("log")).unwrap();
    let (committed, played) = assert_kept(&log, &effects, &dead);
    println!(
        "service, client and component killed {kills} times each; {committed} messages committed, {played} effects, {} set aside",
        dead.len()
    );
}

/// Waits until nothing is left to be played, ends the service, and answers the dead messages.
async fn settled(client: &Client) -> BTreeSet<String> {
    loop {
        let queue = client.queue("Marks").await.unwrap();
        if queue.count(Standing::Ready) + queue.count(Standing::Waiting) == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut dead = BTreeSet::new();
    let mut messages = client.all_messages("Marks", Standing::Dead);
    while let Some(message) = messages.next().await {
        let message = message.unwrap();
        let (code, sentence) = message.reason.expect("a dead message says why");
        assert_eq!((code, message.deaths), (RPC_E_SERVER_DIED, 2), "{sentence}");
        dead.insert(message.id.to_string());
    }
    client.stop().await.unwrap();
    client.closed().await;
    dead
}

/// Answers how many messages were committed, and how many effects there are.
fn assert_kept(log: &str, effects: &rusqlite::Connection, dead: &BTreeSet<String>) -> (usize, usize) {
    let mut query = effects.prepare("SELECT message, token FROM effect").unwrap();
    let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
    let rows: Vec<(String, String)> = rows.collect::<Result<_, _>>().unwrap();
    let by_token: HashMap<&str, &str> = rows.iter().map(|(message, token)| (token.as_str(), message.as_str())).collect();
    assert_eq!(by_token.len(), rows.len(), "an effect that happened twice");
    let (mut aborted, mut intended, mut committed) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    let mut calls: HashMap<(&str, &str, &str), Vec<u32>> = HashMap::new();
    for line in log.lines() {
        match *line.split(' ').collect::<Vec<_>>() {
            ["aborted", token] => drop(aborted.insert(token)),
            ["intended", token] => drop(intended.insert(token)),
            ["committed", token, id] => drop(committed.insert(token, id)),
            ["called", message, process, attempt, index, token] => {
                assert!(intended.contains(token), "{line}: nobody recorded that, or it was aborted");
                calls.entry((message, process, attempt)).or_default().push(index.parse().unwrap());
            }
            _ => panic!("{line}"),
        }
    }
    for (token, id) in &committed {
        match by_token.get(token) {
            Some(message) => assert_eq!(message, id),
            None => assert!(dead.contains(*id), "{token}: {id} was committed, and is neither played nor dead"),
        }
    }
    assert!(by_token.keys().all(|token| intended.contains(token) && !aborted.contains(token)));
    for (attempt, indices) in &calls {
        // After a crash of the service the same attempt may be made by the same process once more.
        let in_order = indices
            .iter()
            .zip(std::iter::once(&u32::MAX).chain(indices))
            .all(|(index, before)| *index == 0 || before.checked_add(1) == Some(*index));
        assert!(in_order && indices[0] == 0, "{attempt:?}: {indices:?}");
    }
    (committed.len(), rows.len())
}
