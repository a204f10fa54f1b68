//! How an engine begins: the store is opened, what it holds is taken up, and the threads start.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    ops::Bound,
    path::PathBuf,
    time::Duration,
};

use consign_bits::{ErrorContext, Failure, JobId};
use consign_core::{Guid, clock::Monotonic, common, filesystem::network_file_system, paths::private_folder};
use consign_store::{Opening, Store};
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    task::JoinSet,
};

use super::{
    api::JobEvent,
    batch::Batch,
    callees::Callees,
    folders::Folders,
    handle::{Command, EngineOptions},
    index::Index,
    naming::Naming,
    network,
    record::{self, Change, SCHEMA, Stored},
    report::Report,
    service::Service,
};
use crate::{
    fetch::Fetcher,
    files::{find_temporary_files, local_failure},
    machine::{Event, State},
};

/// Threads that fetch. Two keep a fast link busy while one writes or hashes.
const TRANSFER_THREADS: usize = 2;

/// The beginning of 2026, in milliseconds since 1970: clocks that show less were never set.
const PLAUSIBLE: i64 = 1_767_225_600_000;

/// Starts the engine's threads and answers when the store is open.
pub(super) async fn start(
    options: EngineOptions,
    inbox: mpsc::Receiver<Command>,
    events: broadcast::Sender<JobEvent>,
) -> Result<(), Failure> {
    let (opened, answer) = oneshot::channel();
    let thread = std::thread::Builder::new().name("consign-engine".into());
    thread.spawn(move || run(options, inbox, events, opened)).map_err(|error| broken(&error))?;
    answer.await.unwrap_or_else(|_| Err(Failure::refused(common::E_UNEXPECTED, "the engine broke down while it started")))
}

fn broken(error: &std::io::Error) -> Failure {
    Failure::new(common::E_OUTOFMEMORY, ErrorContext::GeneralQueueManager, format!("a thread could not be started: {error}"))
}

fn run(
    options: EngineOptions,
    inbox: mpsc::Receiver<Command>,
    events: broadcast::Sender<JobEvent>,
    opened: oneshot::Sender<Result<(), Failure>>,
) {
    let build = || {
        let own = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut transfers = tokio::runtime::Builder::new_multi_thread();
        let transfers = transfers.worker_threads(TRANSFER_THREADS).thread_name("consign-transfer").enable_all().build()?;
        Ok((own, transfers))
    };
    let (own, transfers) = match build() {
        Ok(both) => both,
        Err(error) => {
            let _ = opened.send(Err(broken(&error)));
            return;
        }
    };
    let (reports, received) = mpsc::unbounded_channel();
    match open(options, transfers.handle().clone(), reports.clone(), events) {
        Err(failure) => {
            let _ = opened.send(Err(failure));
        }
        Ok(service) => own.block_on(async {
            let watcher = tokio::spawn(network::watch(reports));
            let _ = opened.send(Ok(()));
            service.run(inbox, received).await;
            watcher.abort();
        }),
    }
    transfers.shutdown_background();
}

fn open(
    options: EngineOptions,
    transfers: tokio::runtime::Handle,
    reports: mpsc::UnboundedSender<Report>,
    events: broadcast::Sender<JobEvent>,
) -> Result<Service, Failure> {
    let EngineOptions { paths, settings, clock, random, receivers } = options;
    private_folder(&paths.state).map_err(|error| local_failure(&error, "use", &paths.state))?;
    if let Some(kind) = network_file_system(&paths.state).map_err(|error| local_failure(&error, "look at", &paths.state))? {
        let sentence = format!(
            "{} is on a network file system ({kind}), whose locks cannot be relied on: set XDG_STATE_HOME or CONSIGN_DIR to a local folder",
            paths.state.display()
        );
        return Err(Failure::new(common::CO_E_NOT_SUPPORTED, ErrorContext::GeneralQueueManager, sentence));
    }
    let stored_badly = |error: &dyn std::fmt::Display, code| Failure::new(code, ErrorContext::GeneralQueueManager, error.to_string());
    let (store, opening) = Store::open(&paths.transfer_database(), &SCHEMA).map_err(|error| stored_badly(&error, error.code()))?;
    let list = paths.state.join("transfer-folders");
    let mut folders = Folders::read(list.clone()).map_err(|error| local_failure(&error, "read", &list))?;
    let set_aside = match opening {
        Opening::SetAside { to, reason } => {
            tracing::error!(to = %to.display(), reason, "the database could not be read and was set aside");
            Some(to)
        }
        Opening::Opened | Opening::Created => None,
    };
    let stored: Stored = store.read(record::load).wait().map_err(|error| stored_badly(&error, error.code()))?;
    // A new database looks once for what one before it knew of. Of what was found, that which
    // somebody deleted meanwhile is no longer of interest.
    let found = if stored.searched { stored.orphans.clone() } else { find_lost_files(&folders) };
    let orphans: Vec<PathBuf> = found.into_iter().filter(|path| path.symlink_metadata().is_ok()).collect();
    if !stored.searched || orphans != stored.orphans {
        let change = Change::PutOrphans(orphans.clone());
        store.write(move |connection| record::apply(connection, &[change])).wait().map_err(|error| stored_badly(&error, error.code()))?;
    }
    let of_jobs = stored.folders.iter().map(AsRef::as_ref);
    let of_orphans = orphans.iter().filter_map(|path| path.parent());
    folders.keep(of_jobs.chain(of_orphans)).map_err(|error| local_failure(&error, "write", &list))?;
    let fetcher = Fetcher::new(&settings.fetch)?;
    let callees = Callees::new(settings.jobs.callbacks_at_once);
    let mut service = Service {
        settings,
        clock,
        random,
        store,
        fetcher,
        transfers,
        reports,
        arrivals: mpsc::unbounded_channel(),
        events,
        jobs: HashMap::with_capacity(stored.jobs.len()),
        order: stored.jobs.iter().map(|entry| (entry.core.sequence, entry.core.id)).collect(),
        index: Index::default(),
        next_turn: 1,
        folders,
        orphans,
        set_aside,
        naming: Naming::default(),
        batch: Batch::default(),
        fetches: 0,
        settling: 0,
        hungry: VecDeque::new(),
        pending: VecDeque::new(),
        slice_end: None,
        receivers,
        to_tell: BTreeSet::new(),
        callees,
        telling: JoinSet::new(),
        silent: false,
        forgotten_to: (i64::MIN, JobId::new(Guid::NULL)),
        next_notice: stored.next_notice,
        quiet: Vec::new(),
        probing: None,
        network_returned: Monotonic::default(),
        network_watched: true,
        store_retry: None,
        closing: None,
    };
    let inactivity = service.settings.jobs.inactivity_timeout;
    service.index.inactivity = (inactivity > 0).then(|| Duration::from_secs(inactivity.into()));
    for entry in stored.jobs {
        service.admit(entry);
    }
    Ok(service)
}

/// Temporary files in every folder that the lost database knew of.
fn find_lost_files(folders: &Folders) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in folders.known() {
        match find_temporary_files(folder) {
            Ok(mut files) => found.append(&mut files),
            Err(error) => tracing::warn!(folder = %folder.display(), %error, "cannot be searched for temporary files"),
        }
    }
    found
}

impl Service {
    /// Its place in the order it has already.
    fn admit(&mut self, mut entry: Box<super::entry::Entry>) {
        let now = self.now();
        // A clock that was not set yet when the job was made says nothing of its age.
        let age = if entry.core.modified.as_millis() < PLAUSIBLE { Duration::ZERO } else { now.wall.since(entry.core.modified) };
        entry.core.active = now.monotonic - age;
        entry.core.turn = self.next_turn;
        self.next_turn += 1;
        self.index.place(&entry.core, &mut entry.keys);
        if !entry.core.machine.sleeps_through_starts() {
            self.pending.push_back(Report::TakeUp { job: entry.core.id });
        }
        if !entry.notices.is_empty() {
            self.to_tell.insert(entry.core.id);
        }
        self.jobs.insert(entry.core.id, entry);
    }

    /// Goes on with a job where the last process left it.
    pub(super) fn take_up(&mut self, id: JobId) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        // A final job whose files were dealt with is only remembered.
        if entry.core.is_final() && !entry.core.cleanup_pending {
            return;
        }
        if matches!(entry.core.machine.state, State::Completing { .. }) {
            entry.activity.completing_again = true;
        }
        // The begin of the service cannot be refused.
        let _ = self.step(id, Event::ServiceStarted);
    }

    /// Final jobs are remembered for a while, then not at all. One that somebody has still to hear of
    /// is remembered for its time, however many there are.
    pub(super) fn forget_old_jobs(&mut self) {
        let oldest = self.now().wall.as_millis().saturating_sub(i64::from(self.settings.jobs.history) * 1000);
        let mut surplus = self.index.ended.len().saturating_sub(self.settings.jobs.history_length as usize);
        let old = self.index.ended.iter().take_while(|(at, _)| *at < oldest).take(MOST_LOOKED_AT).copied();
        // Those that cannot be forgotten yet are not looked at again each time: we go on behind them.
        let behind = self.index.ended.range((Bound::Excluded(self.forgotten_to), Bound::Unbounded));
        let next = behind.chain(self.index.ended.range(..=self.forgotten_to)).take(if surplus > 0 { MOST_LOOKED_AT } else { 0 }).copied();
        for (at, id) in old.chain(next).collect::<Vec<_>>() {
            let is_old = at < oldest;
            if !is_old && surplus == 0 {
                break;
            }
            self.forgotten_to = (at, id);
            let Some(entry) = self.jobs.get(&id).filter(|entry| entry.is_quiet()) else { continue };
            if entry.has_to_tell() {
                if !is_old {
                    continue;
                }
                tracing::warn!(job = %id, "forgotten: nobody has heard of it for as long as jobs.history allows");
            }
            self.batch.cores.remove(&id);
            self.batch.files.retain(|(job, _)| *job != id);
            if self.batch.removed.insert(id) {
                surplus = surplus.saturating_sub(1);
            }
        }
    }
}

/// How many final jobs are looked at in one round, whether they can be forgotten.
const MOST_LOOKED_AT: usize = 64;
