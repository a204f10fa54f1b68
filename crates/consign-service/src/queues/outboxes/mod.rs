//! Outboxes: databases of applications, from which messages are carried to their queues, each once and in
//! order, by numbered streams.
//!
//! Owns which outboxes there are (stored in the catalogue), and who watches them. What is stored of the
//! messages is the engine's; what a database holds is the application's, and is distrusted (`source`).
//!
//! Nothing polls: a carrier looks when the service starts, when a writer says so (`bell`), when a file has
//! changed (`watch`), and by time only while something is known to be in the way.

mod bell;
mod carrier;
mod letter;
mod source;
mod watch;

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use consign_bits::Failure;
use consign_core::{Clock, Guid, SystemClock, Timestamp, common};
use consign_queue::Engine;
use consign_wire::{names, queue::OutboxRecord};
use serde::{Deserialize, Serialize};
use tokio::{
    runtime::Handle,
    sync::watch as told,
    task::{AbortHandle, spawn_blocking},
};

use super::{catalogue::Catalogue, refused};
use bell::Bell;
use carrier::{Carrier, Means, Standing};
use source::{Again, Source, Trouble};
use watch::{Changed, Watch};

/// What a key of the catalogue begins with; the path follows.
pub(super) const KEY: &str = "outbox/";

/// Each has a task, and a thread while it is looked into.
const MOST: usize = 256;

/// How long the last look may take. One that takes longer has found something.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// The outboxes of a service.
pub(crate) struct Outboxes {
    means: Arc<Means>,
    known: Mutex<BTreeMap<PathBuf, Known>>,
    watch: Option<Watch>,
    bell_path: PathBuf,
    /// Hears the bell; and follows the files.
    listening: Mutex<Vec<AbortHandle>>,
    /// One change of the list at a time.
    changing: tokio::sync::Mutex<()>,
}

struct Known {
    carrier: Arc<Carrier>,
    task: AbortHandle,
}

/// An outbox as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    added: i64,
}

/// Whose id is whose: two databases with one id are copies, and each would hide what the other holds.
#[derive(Default)]
pub(super) struct Identities(Mutex<HashMap<Guid, PathBuf>>);

impl Identities {
    fn claim(&self, id: Guid, path: &Path) -> Result<(), Trouble> {
        let mut owners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let owner = owners.entry(id).or_insert_with(|| path.to_owned());
        if owner == path {
            return Ok(());
        }
        let sentence = format!("it has the same id as {}: one is a copy of the other, and only one can be carried from", owner.display());
        Err(Trouble { code: common::ERROR_ALREADY_EXISTS, sentence, again: Again::OnChange })
    }

    fn release(&self, path: &Path) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, owner| owner != path);
    }
}

impl Outboxes {
    /// Takes up those that are stored, and begins to carry. To be called inside a runtime.
    pub(super) fn open(engine: Engine, catalogue: Arc<Catalogue>, entries: &[(String, String)], bell_path: PathBuf) -> Arc<Self> {
        let (changes, _) = told::channel(());
        let means = Means { engine, catalogue, runtime: Handle::current(), identities: Identities::default(), changes };
        let watch = Watch::new().inspect_err(|error| tracing::warn!(%error, "changes of outboxes are not noticed")).ok();
        let outboxes = Arc::new(Self {
            means: Arc::new(means),
            known: Mutex::default(),
            watch,
            bell_path,
            listening: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
        });
        for path in entries.iter().filter_map(|(key, _)| key.strip_prefix(KEY)) {
            outboxes.begin(PathBuf::from(path));
        }
        outboxes.listen();
        outboxes
    }

    /// Adds a database that can be used now.
    ///
    /// # Errors
    /// `E_INVALIDARG` (no absolute path; no database, or none with an outbox), `ERROR_ALREADY_EXISTS`,
    /// `ERROR_FILE_NOT_FOUND`, `E_ACCESSDENIED`, `CO_E_NOT_SUPPORTED`, and those of the store.
    pub(crate) async fn add(&self, path: &str) -> Result<(), Failure> {
        let _one_at_a_time = self.changing.lock().await;
        let given = PathBuf::from(path);
        let real = spawn_blocking(move || real(&given)).await.map_err(|_| broke_off())??;
        if self.known().contains_key(&real) {
            return Err(Failure::refused(common::ERROR_ALREADY_EXISTS, format!("{path} is known already")));
        }
        if self.known().len() >= MOST {
            return Err(Failure::refused(common::MQ_ERROR_INSUFFICIENT_RESOURCES, format!("there are {MOST} outboxes already")));
        }
        let looked_at = real.clone();
        let looked = spawn_blocking(move || Source::open(&looked_at).and_then(|mut source| source.batch())).await;
        match looked.map_err(|_| broke_off())? {
            Ok(batch) => self.means.identities.claim(batch.origin, &real).map_err(|trouble| failure(path, trouble))?,
            // It will pass.
            Err(Trouble { again: Again::ByItself, .. }) => {}
            Err(trouble) => return Err(failure(path, trouble)),
        }
        let key = key(&real)?;
        let text = serde_json::to_string(&Stored { added: SystemClock.now().wall.as_millis() });
        let text = text.map_err(|error| Failure::refused(common::E_UNEXPECTED, error.to_string()))?;
        if let Err(refusal) = self.means.engine.set_catalogue(key, Some(text)).await {
            self.means.identities.release(&real);
            return Err(refused(refusal));
        }
        self.begin(real);
        Ok(())
    }

    /// Forgets an outbox. What is in it stays there.
    ///
    /// # Errors
    /// `ERROR_FILE_NOT_FOUND` (no such outbox), and those of the store.
    pub(crate) async fn remove(&self, path: &str) -> Result<(), Failure> {
        let _one_at_a_time = self.changing.lock().await;
        let given = PathBuf::from(path);
        let known = |path: &Path| self.known().contains_key(path);
        // The database may be gone, and its folder.
        let found = if known(&given) { Some(given) } else { spawn_blocking(move || real(&given)).await.ok().and_then(Result::ok) };
        let Some(found) = found.filter(|found| known(found)) else {
            return Err(Failure::refused(common::ERROR_FILE_NOT_FOUND, format!("there is no outbox {path}")));
        };
        self.means.engine.set_catalogue(key(&found)?, None).await.map_err(refused)?;
        if let Some(Known { task, .. }) = self.known().remove(&found) {
            task.abort();
        }
        self.means.identities.release(&found);
        if let Some(watch) = &self.watch {
            let known = self.known();
            watch.keep(|folder| known.keys().any(|path| path.starts_with(folder)));
        }
        self.means.changes.send_replace(());
        Ok(())
    }

    /// All outboxes, by path.
    pub(crate) fn list(&self) -> Vec<OutboxRecord> {
        self.known().values().map(|known| record(&known.carrier)).collect()
    }

    /// Told when an outbox begins or ends to have something to do.
    pub(crate) fn changes(&self) -> told::Receiver<()> {
        self.means.changes.subscribe()
    }

    /// Whether something is being carried, or will be without anybody asking.
    pub(crate) fn has_work(&self) -> bool {
        self.known().values().any(|known| known.carrier.has_work())
    }

    /// Before the service leaves: nobody can wake it from now on, and everything is looked into once more.
    /// Who has committed before is seen by that look; who commits after it finds no bell, and starts a
    /// service. Answers whether there is work; who stays then calls [`Outboxes::stay`].
    pub(crate) async fn last_look(&self) -> bool {
        self.stop_listening();
        // Who keeps a turn for ever must not keep the service from hearing its clients.
        tokio::time::timeout(LAST_LOOK, self.look_once()).await.unwrap_or(true)
    }

    async fn look_once(&self) -> bool {
        let mut changes = self.changes();
        self.known().values().for_each(|known| known.carrier.wake());
        loop {
            changes.borrow_and_update();
            let carriers: Vec<_> = self.known().values().map(|known| known.carrier.status().standing).collect();
            if carriers.contains(&Standing::Waiting) {
                return true;
            }
            if !carriers.contains(&Standing::Carrying) || changes.changed().await.is_err() {
                return false;
            }
        }
    }

    /// The service does not leave after all.
    pub(crate) fn stay(self: &Arc<Self>) {
        self.listen();
    }

    /// Carries nothing more.
    pub(super) fn stop(&self) {
        self.stop_listening();
        self.known().values().for_each(|known| known.task.abort());
    }

    fn begin(&self, path: PathBuf) {
        if let (Some(watch), Some(folder)) = (&self.watch, path.parent()) {
            watch.follow(folder);
        }
        let carrier = Arc::new(Carrier::new(path.clone()));
        let task = tokio::spawn(Arc::clone(&carrier).run(Arc::clone(&self.means))).abort_handle();
        self.known().insert(path, Known { carrier, task });
    }

    fn listen(self: &Arc<Self>) {
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        match Bell::hang(&self.bell_path) {
            Ok(bell) => listening.push(tokio::spawn(Arc::clone(self).hear(bell)).abort_handle()),
            Err(error) => tracing::warn!(%error, "nobody can wake the service; changes of files are noticed all the same"),
        }
        if self.watch.is_some() {
            listening.push(tokio::spawn(Arc::clone(self).follow()).abort_handle());
        }
    }

    fn stop_listening(&self) {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner).drain(..).for_each(|task| task.abort());
        // The task that has the bell goes in its own time; its name goes now.
        let _ = std::fs::remove_file(&self.bell_path);
    }

    async fn hear(self: Arc<Self>, bell: Bell) {
        loop {
            match bell.next().await {
                Ok(path) => {
                    if let Some(known) = self.known().get(&path) {
                        known.carrier.wake();
                    }
                }
                Err(error) => return tracing::error!(%error, "nobody can wake the service any more"),
            }
        }
    }

    async fn follow(self: Arc<Self>) {
        let Some(watch) = &self.watch else { return };
        loop {
            match watch.next().await {
                Ok(changes) => changes.iter().for_each(|change| self.changed(watch, change)),
                Err(error) => return tracing::error!(%error, "changes of outboxes are not noticed any more"),
            }
        }
    }

    fn changed(&self, watch: &Watch, change: &Changed) {
        for (path, known) in self.known().iter() {
            let Some(folder) = path.parent() else { continue };
            match change {
                Changed::File(changed, name) if changed == folder => {
                    if path.file_name().is_some_and(|database| is_of(database, name)) {
                        known.carrier.changed();
                    }
                }
                Changed::File(above, _) if !folder.starts_with(above) => {}
                // A folder above it is there now; or nobody can say.
                Changed::File(..) | Changed::Anything => {
                    watch.follow(folder);
                    known.carrier.changed();
                }
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a file is the database, or one in which SQLite keeps what it will hold. Not the one for shared
/// memory, and not our locks: both change when somebody only looks.
fn is_of(database: &OsStr, name: &OsStr) -> bool {
    let ending = name.as_bytes().strip_prefix(database.as_bytes());
    ending.is_some_and(|ending| [&b""[..], b"-wal", b"-journal"].contains(&ending))
}

/// The path without links above the file, by which it is known.
fn real(path: &Path) -> Result<PathBuf, Failure> {
    let (Some(folder), Some(name)) = (path.parent().filter(|_| path.is_absolute()), path.file_name()) else {
        return Err(Failure::refused(common::E_INVALIDARG, format!("{} is not the absolute path of a file", path.display())));
    };
    let folder = folder.canonicalize().map_err(|error| {
        let sentence = format!("the folder of {} cannot be found: {error}", path.display());
        Failure::refused(common::ERROR_FILE_NOT_FOUND, sentence)
    })?;
    Ok(folder.join(name))
}

fn key(path: &Path) -> Result<String, Failure> {
    let path = path.to_str().ok_or_else(|| Failure::refused(common::E_INVALIDARG, "the path is not text in UTF-8"))?;
    Ok(format!("{KEY}{path}"))
}

fn failure(path: &str, trouble: Trouble) -> Failure {
    Failure::refused(trouble.code, format!("{path}: {}", trouble.sentence))
}

fn broke_off() -> Failure {
    Failure::refused(common::E_UNEXPECTED, "the look into the database broke off")
}

fn record(carrier: &Carrier) -> OutboxRecord {
    let status = carrier.status();
    let time = |time: Option<Timestamp>| time.map_or(0, Timestamp::as_millis);
    OutboxRecord {
        path: carrier.path().display().to_string(),
        id: status.id.map(|id| id.to_string()).unwrap_or_default(),
        state: match status.standing {
            Standing::Idle => names::OUTBOX_IDLE,
            Standing::Carrying => names::OUTBOX_CARRYING,
            Standing::Waiting => names::OUTBOX_WAITING,
            Standing::Unusable => names::OUTBOX_UNUSABLE,
        },
        pending: status.pending,
        taken: status.taken,
        code: status.trouble.as_ref().map_or(0, |trouble| trouble.code.as_i32()),
        sentence: status.trouble.map(|trouble| trouble.sentence).unwrap_or_default(),
        scanned: time(status.scanned),
        next_attempt: time(status.next_attempt),
    }
}
