//! A store that keeps everything in memory, and fails when it is told to.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use consign_core::{Guid, Timestamp, common};

use crate::{
    message::{Attempt, Message},
    store::{Change, HEAVIEST_ANSWER, Loaded, Next, QueueRecord, Store, StoreFailure},
};

/// What outlives a [`MemoryStore`]. Clones are the same disk.
#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<Contents>>);

/// The store on a [`Disk`].
pub struct MemoryStore {
    disk: Disk,
}

#[derive(Clone, Default)]
struct Contents {
    reserved: u64,
    queues: BTreeMap<String, QueueRecord>,
    messages: BTreeMap<u64, Message>,
    attempts: BTreeMap<u64, Vec<Attempt>>,
    streams: BTreeMap<Guid, u64>,
    catalogue: BTreeMap<String, String>,
    commits: u64,
    commits_before: u64,
    failing_commits: u64,
    reads_before: u64,
    failing_reads: u64,
    poisoned: bool,
}

impl Disk {
    /// The number of every store in memory.
    pub const NUMBER: u64 = 0x5eed;

    /// Opens the store again, which heals what [`Disk::poison`] did.
    pub fn open(&self) -> MemoryStore {
        self.contents().poisoned = false;
        MemoryStore { disk: self.clone() }
    }

    /// Has the next `count` commits fail, with nothing stored.
    pub fn fail_commits(&self, count: u64) {
        self.fail_commits_after(0, count);
    }

    /// Has `count` commits fail after `commits` more that succeed.
    pub fn fail_commits_after(&self, commits: u64, count: u64) {
        let mut contents = self.contents();
        contents.commits_before = commits;
        contents.failing_commits = count;
    }

    /// Has the next `count` reads fail.
    pub fn fail_reads(&self, count: u64) {
        self.fail_reads_after(0, count);
    }

    /// Has `count` reads fail after `reads` more that succeed.
    pub fn fail_reads_after(&self, reads: u64, count: u64) {
        let mut contents = self.contents();
        contents.reads_before = reads;
        contents.failing_reads = count;
    }

    /// Has every commit fail until the store is opened again.
    pub fn poison(&self) {
        self.contents().poisoned = true;
    }

    /// How many commits there were.
    pub fn commits(&self) -> u64 {
        self.contents().commits
    }

    /// Every message, by number.
    pub fn messages(&self) -> Vec<Message> {
        self.contents().messages.values().cloned().collect()
    }

    /// The failed attempts of a message.
    pub fn attempts(&self, seq: u64) -> Vec<Attempt> {
        self.contents().attempts.get(&seq).cloned().unwrap_or_default()
    }

    /// Another disk with the same on it, and no faults.
    #[must_use]
    pub fn copy(&self) -> Self {
        let contents = Contents {
            commits_before: 0,
            reads_before: 0,
            failing_commits: 0,
            failing_reads: 0,
            poisoned: false,
            ..self.contents().clone()
        };
        Self(Arc::new(Mutex::new(contents)))
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, look: impl FnOnce(&Contents) -> T) -> Result<T, StoreFailure> {
        let mut contents = self.contents();
        if contents.reads_before > 0 {
            contents.reads_before -= 1;
        } else if contents.failing_reads > 0 {
            contents.failing_reads -= 1;
            return Err(failure("the disk cannot be read"));
        }
        Ok(look(&contents))
    }
}

impl Contents {
    /// Why these changes cannot be made, if they cannot: looked at before any is made.
    fn fault(&self, changes: &[Change]) -> Option<&'static str> {
        let mut known: BTreeMap<u64, bool> = BTreeMap::new();
        for change in changes {
            let is_there = |seq: u64| known.get(&seq).copied().unwrap_or_else(|| self.messages.contains_key(&seq));
            match change {
                Change::Insert(message) if is_there(message.seq) => return Some("a number was given twice"),
                Change::Insert(message) => drop(known.insert(message.seq, true)),
                Change::Update { seq, .. } | Change::Delete { seq } | Change::Attempt { seq, .. } if !is_there(*seq) => {
                    return Some("there is no such message");
                }
                Change::Delete { seq } => drop(known.insert(*seq, false)),
                _ => {}
            }
        }
        None
    }

    fn make(&mut self, change: &Change) {
        match change.clone() {
            Change::Insert(message) => drop(self.messages.insert(message.seq, message)),
            Change::Update { seq, queue, state } => {
                if let Some(message) = self.messages.get_mut(&seq) {
                    message.queue = queue;
                    message.state = state;
                }
            }
            Change::Delete { seq } => {
                self.messages.remove(&seq);
                self.attempts.remove(&seq);
            }
            Change::Attempt { seq, attempt } => self.attempts.entry(seq).or_default().push(attempt),
            Change::Queue(queue) => drop(self.queues.insert(queue.name.clone(), queue)),
            Change::RemoveQueue(name) => drop(self.queues.remove(&name)),
            Change::Stream(origin, last) => drop(self.streams.insert(origin, last)),
            Change::Reserve(up_to) => self.reserved = up_to,
            Change::Catalogue(key, Some(text)) => drop(self.catalogue.insert(key, text)),
            Change::Catalogue(key, None) => drop(self.catalogue.remove(&key)),
        }
    }
}

impl Store for MemoryStore {
    fn load(&mut self) -> Result<Loaded, StoreFailure> {
        self.disk.read(|contents| Loaded {
            number: Disk::NUMBER,
            next_seq: contents.reserved.max(1),
            queues: contents.queues.values().cloned().collect(),
            streams: contents.streams.iter().map(|(origin, last)| (*origin, *last)).collect(),
            catalogue: contents.catalogue.iter().map(|(key, text)| (key.clone(), text.clone())).collect(),
        })
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreFailure> {
        let mut contents = self.disk.contents();
        if contents.poisoned {
            return Err(failure("the disk failed earlier"));
        }
        if contents.commits_before > 0 {
            contents.commits_before -= 1;
        } else if contents.failing_commits > 0 {
            contents.failing_commits -= 1;
            return Err(failure("the disk is full"));
        }
        if let Some(fault) = contents.fault(changes) {
            return Err(failure(fault));
        }
        changes.iter().for_each(|change| contents.make(change));
        contents.commits += 1;
        Ok(())
    }

    fn next(&mut self, query: &Next<'_>) -> Result<Vec<Message>, StoreFailure> {
        self.disk.read(|contents| {
            let mut found: Vec<&Message> = contents
                .messages
                .values()
                .filter(|message| message.queue == query.queue && message.state.standing == query.standing)
                .filter(|message| query.which.wants(message.class))
                .filter(|message| query.after.is_none_or(|after| message.turn().key() > after.key()))
                .collect();
            found.sort_by_key(|message| message.turn().key());
            answer(found, query.most)
        })
    }

    fn due(&mut self, now: Timestamp, most: usize) -> Result<Vec<Message>, StoreFailure> {
        self.disk.read(|contents| {
            let mut found: Vec<&Message> =
                contents.messages.values().filter(|message| wake(message).is_some_and(|wake| wake <= now)).collect();
            found.sort_by_key(|message| wake(message));
            answer(found, most)
        })
    }

    fn next_due(&mut self) -> Result<Option<Timestamp>, StoreFailure> {
        self.disk.read(|contents| contents.messages.values().filter_map(wake).min())
    }

    fn message(&mut self, seq: u64) -> Result<Option<Message>, StoreFailure> {
        self.disk.read(|contents| contents.messages.get(&seq).cloned())
    }

    fn attempts(&mut self, seq: u64) -> Result<Vec<Attempt>, StoreFailure> {
        self.disk.read(|contents| contents.attempts.get(&seq).cloned().unwrap_or_default())
    }
}

fn wake(message: &Message) -> Option<Timestamp> {
    message.state.due.into_iter().chain(message.state.expires).min()
}

fn answer(found: Vec<&Message>, most: usize) -> Vec<Message> {
    let (mut answer, mut weight) = (Vec::new(), 0);
    for message in found.into_iter().take(most) {
        weight += message.calls.len();
        answer.push(message.clone());
        if weight >= HEAVIEST_ANSWER {
            break;
        }
    }
    answer
}

fn failure(sentence: &str) -> StoreFailure {
    StoreFailure { code: common::ERROR_DISK_FULL, sentence: sentence.to_owned() }
}
