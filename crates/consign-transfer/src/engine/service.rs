//! The engine's service: owns the jobs, and turns calls and reports into decisions, commits and
//! effects, round by round.
//!
//! One thread, one loop. In a round everything that came in is decided, in order, by plain
//! functions; what they changed is stored in one commit; then, and not before, effects run and
//! callers are answered. If the commit fails everything is taken back: callers hear of it, and
//! reports are decided again later.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use consign_bits::{ErrorContext, Failure, JobId};
use consign_core::{Clock, Now, clock::Monotonic, common, random::Random};
use consign_store::{Store, StoreError};
use tokio::{
    sync::{broadcast, mpsc},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    api::JobEvent,
    batch::Batch,
    callees::Callees,
    entry::{Core, Entry},
    folders::Folders,
    handle::{Command, Reply},
    index::Index,
    naming::Naming,
    notify::SharedReceivers,
    record,
    report::{Arrival, Report},
};
use crate::{
    Settings,
    fetch::Fetcher,
    machine::{self, Action, Event, Notification, State},
};

/// Commands and reports decided in one round: what a commit is shared by.
const ROUND: usize = 256;

/// How often the progress of running jobs is told.
const TICK: Duration = Duration::from_millis(500);

/// How long after a failed commit reports are decided again.
const STORE_RETRY: Duration = Duration::from_secs(5);

/// How long fetches may take to save what they have when the engine ends.
const LAST_SYNC: Duration = Duration::from_secs(10);

pub(super) struct Service {
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) store: Store,
    pub(super) fetcher: Fetcher,
    /// Where fetches run: threads of their own, so that a slow disk delays no answer.
    pub(super) transfers: tokio::runtime::Handle,
    pub(super) reports: mpsc::UnboundedSender<Report>,
    pub(super) arrivals: (mpsc::UnboundedSender<Arrival>, mpsc::UnboundedReceiver<Arrival>),
    pub(super) events: broadcast::Sender<JobEvent>,

    pub(super) jobs: HashMap<JobId, Box<Entry>>,
    /// In the order in which they were made.
    pub(super) order: BTreeMap<i64, JobId>,
    pub(super) index: Index,
    pub(super) next_turn: u64,
    pub(super) folders: Folders,
    pub(super) orphans: Vec<PathBuf>,
    pub(super) set_aside: Option<PathBuf>,

    pub(super) naming: Naming,
    pub(super) batch: Batch,
    /// Fetches under way, of all jobs.
    pub(super) fetches: u32,
    /// Those of them whose bytes are all here.
    pub(super) settling: u32,
    /// Running jobs that may have more files to fetch, the next one first.
    pub(super) hungry: VecDeque<JobId>,
    /// Reports of the service to itself, and those that could not be stored.
    pub(super) pending: VecDeque<Report>,
    /// When the slice of the running background job ends, if an equal one waits.
    pub(super) slice_end: Option<Monotonic>,
    pub(super) receivers: SharedReceivers,
    /// Jobs whose owner may have to be told something.
    pub(super) to_tell: BTreeSet<JobId>,
    /// Calls to owners that are under way and not slow.
    pub(super) callees: Callees,
    /// The calls to owners that are under way.
    pub(super) telling: JoinSet<()>,
    /// Whether owners are told no more: the service ends.
    pub(super) silent: bool,
    /// The final job that was last looked at, whether it can be forgotten.
    pub(super) forgotten_to: (i64, JobId),
    pub(super) next_notice: u64,
    /// Jobs of which no fetch is under way any more: what waits for that is done after the commit.
    pub(super) quiet: Vec<JobId>,
    /// The job that asks for the size of a file: one at a time, of all jobs.
    pub(super) probing: Option<JobId>,
    /// When the network last returned, and whether anybody would tell.
    pub(super) network_returned: Monotonic,
    pub(super) network_watched: bool,
    pub(super) store_retry: Option<Monotonic>,
    pub(super) closing: Option<Reply<()>>,
}

/// What wakes the loop.
enum Input {
    Command(Command),
    Report(Report),
    Arrival(Arrival),
    /// Every handle was dropped.
    Abandoned,
    Time,
}

impl Service {
    /// Runs until it is shut down or abandoned.
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Command>, mut reports: mpsc::UnboundedReceiver<Report>) {
        let mut next_tick = Instant::now();
        // What was taken up from the store waits for nobody: the first round is about it.
        let mut input = Input::Time;
        loop {
            self.time_passed();
            let abandoned = self.take(input);
            for _ in 1..ROUND {
                if let Ok(arrival) = self.arrivals.1.try_recv() {
                    self.arrived(arrival);
                } else if let Ok(report) = reports.try_recv() {
                    self.report(report);
                } else if let Ok(command) = inbox.try_recv() {
                    self.command(command);
                } else {
                    break;
                }
            }
            if Instant::now() >= next_tick {
                self.tell_progress();
                next_tick = Instant::now() + TICK;
            }
            if abandoned || self.closing.is_some() {
                break;
            }
            self.schedule();
            if self.store_retry.is_none() {
                self.tell_owners_of_stored();
            }
            self.commit().await;
            self.feed(None);
            if self.store_retry.is_none() {
                self.tell_owners();
            }
            input = self.wait(&mut inbox, &mut reports, next_tick).await;
        }
        self.close(reports).await;
    }

    async fn wait(
        &mut self,
        inbox: &mut mpsc::Receiver<Command>,
        reports: &mut mpsc::UnboundedReceiver<Report>,
        next_tick: Instant,
    ) -> Input {
        let decided_meanwhile = !self.pending.is_empty() || self.batch.needs_storing();
        if decided_meanwhile && self.store_retry.is_none() {
            return Input::Time;
        }
        let tick = (!self.index.running.is_empty()).then_some(next_tick);
        let now = self.now().monotonic;
        let deadline = self.index.deadlines.first().map(|(at, _)| *at);
        // Nothing can be decided while nothing can be stored.
        let due = self.store_retry.or_else(|| deadline.into_iter().chain(self.slice_end).min());
        let due = due.map(|at| Instant::now() + at.since(now));
        let wake = [tick, due].into_iter().flatten().min();
        // Without anything that time can bring there is no timer at all.
        tokio::select! {
            Some(arrival) = self.arrivals.1.recv() => Input::Arrival(arrival),
            report = reports.recv() => report.map_or(Input::Time, Input::Report),
            command = inbox.recv() => command.map_or(Input::Abandoned, Input::Command),
            () = async { sleep_until(wake.unwrap_or_else(Instant::now)).await }, if wake.is_some() => Input::Time,
        }
    }

    fn take(&mut self, input: Input) -> bool {
        match input {
            Input::Command(command) => self.command(command),
            Input::Report(report) => self.report(report),
            Input::Arrival(arrival) => self.arrived(arrival),
            Input::Time => {}
            Input::Abandoned => return true,
        }
        false
    }

    pub(super) fn now(&self) -> Now {
        self.clock.now()
    }

    /// Lets the machine decide, and notes what has to be stored and done.
    pub(super) fn step(&mut self, id: JobId, event: Event) -> Result<consign_core::Hresult, Failure> {
        let now = self.now();
        let entry = self.jobs.get_mut(&id).ok_or_else(not_found)?;
        let keeps_turn = event == Event::Preempted;
        let is_activity = event != Event::ServiceStarted;
        let is_progress = matches!(event, Event::FileTransferred(_));
        let decided = machine::step(&entry.core.machine, event, now);
        if decided.job == entry.core.machine && decided.actions.is_empty() {
            return decided.answer;
        }
        self.batch.touch(entry);
        let core = &mut entry.core;
        let was_queued = matches!(core.machine.state, State::Queued);
        let failed_anew = decided.job.error.is_some() && decided.job.error != core.machine.error;
        if outlives_the_process(&core.machine) != outlives_the_process(&decided.job) {
            self.batch.cores.insert(id);
        }
        core.machine = decided.job;
        if is_activity {
            core.modified = now.wall;
            core.active = now.monotonic;
        }
        if failed_anew {
            core.rare.error_at = now.wall;
        }
        if matches!(core.machine.state, State::Queued) && !was_queued && !keeps_turn {
            core.turn = self.next_turn;
            self.next_turn += 1;
        }
        if core.machine.is_final() && core.rare.ended.is_none() {
            core.rare.ended = Some(now.wall);
            // Its object may not be needed any more.
            self.to_tell.insert(id);
        }
        self.index.place(&entry.core, &mut entry.keys);
        // How far a job has come that goes on, subscribers hear with the tick.
        let waits_for_tick = is_progress && entry.core.machine.running().is_some();
        for action in decided.actions {
            match action {
                Action::Notify(Notification::JobModification) if waits_for_tick => self.modified(id),
                action => self.note(id, action),
            }
        }
        decided.answer
    }

    /// Stores what was decided; then acts and answers.
    async fn commit(&mut self) {
        self.forget_old_jobs();
        let mut batch = std::mem::take(&mut self.batch);
        let stored = if batch.needs_storing() {
            let changes = batch.changes(&self.jobs);
            let mut answer = self.store.write(move |transaction| record::apply(transaction, &changes));
            loop {
                tokio::select! {
                    biased;
                    stored = &mut answer => break stored,
                    Some(arrival) = self.arrivals.1.recv() => {
                        self.arrived(arrival);
                        self.go_on(&batch);
                    }
                }
            }
        } else {
            Ok(())
        };
        match stored {
            Ok(()) => {
                for id in &batch.removed {
                    if let Some(entry) = self.jobs.remove(id) {
                        self.index.remove(&entry.core, &entry.keys);
                        self.order.remove(&entry.core.sequence);
                        if let Some(object) = entry.activity.object {
                            self.receivers.released(object);
                        }
                    }
                }
                for answer in batch.answers {
                    answer(Ok(()));
                }
                for effect in batch.effects {
                    self.act(effect);
                }
                for event in batch.told {
                    // Nobody listens: nobody needs to hear.
                    let _ = self.events.send(event);
                }
                for id in &batch.cores {
                    if let Some(entry) = self.jobs.get_mut(id) {
                        entry.put_away();
                    }
                }
                // What came of the fetches is stored, unless some of it waits to be decided again.
                if self.pending.is_empty() {
                    for id in std::mem::take(&mut self.quiet) {
                        self.handle_files(id);
                    }
                }
            }
            Err(error) => self.take_back(&mut batch, &error),
        }
        for read in batch.reads {
            read(self);
        }
    }

    fn take_back(&mut self, batch: &mut Batch, error: &StoreError) {
        tracing::error!(%error, "what was decided could not be stored");
        let failure = Failure::new(error.code(), ErrorContext::GeneralQueueManager, format!("the state could not be stored: {error}"));
        for id in batch.take_back(&mut self.jobs) {
            let Some(entry) = self.jobs.get_mut(&id) else { continue };
            self.index.place(&entry.core, &mut entry.keys);
            let still_ending = matches!(entry.core.machine.state, State::Completing { .. }) || entry.core.cleanup_pending;
            if !still_ending {
                for reply in entry.activity.waiting.drain(..) {
                    let _ = reply.send(Err(failure.clone()));
                }
            }
        }
        for id in &batch.added {
            if let Some(entry) = self.jobs.remove(id) {
                self.index.remove(&entry.core, &entry.keys);
                self.order.remove(&entry.core.sequence);
            }
        }
        for answer in batch.answers.drain(..) {
            answer(Err(failure.clone()));
        }
        // Older than whatever waits already.
        for report in batch.reports.drain(..).rev() {
            self.pending.push_front(report);
        }
        self.store_retry = Some(self.now().monotonic + STORE_RETRY);
    }

    fn time_passed(&mut self) {
        let now = self.now().monotonic;
        if self.store_retry.is_some_and(|at| at > now) {
            return;
        }
        self.store_retry = None;
        // What waited is older than what comes now, and is decided first.
        for report in std::mem::take(&mut self.pending) {
            self.report(report);
        }
        let due: Vec<JobId> = self.index.deadlines.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        for id in due {
            let Some(entry) = self.jobs.get(&id) else { continue };
            let event = match entry.core.machine.deadline() {
                Some((at, event)) if at <= now => event,
                _ if entry.core.rare.tell_again.is_some_and(|at| at <= now) => {
                    self.tell_now(id);
                    continue;
                }
                _ if entry.core.rare.modification_due.is_some_and(|at| at <= now) => {
                    self.modification_is_due(id);
                    continue;
                }
                _ => {
                    tracing::warn!(job = %id, "cancelled: nobody touched it for longer than jobs.inactivity_timeout allows");
                    Event::InactivityDue
                }
            };
            // Time cannot be refused.
            let _ = self.step(id, event);
        }
    }

    fn tell_progress(&mut self) {
        let now = self.now();
        let (mut slow, mut moved) = (Vec::new(), Vec::new());
        for (_, id) in &self.index.running {
            let Some(entry) = self.jobs.get_mut(id) else { continue };
            let bytes = entry.progress().bytes_transferred;
            let done = entry.core.machine.files_transferred;
            let done_before = entry.activity.done_at_tick.replace(done);
            if bytes != entry.activity.told || done_before.is_some_and(|before| before != done) {
                entry.activity.told = bytes;
                (entry.core.modified, entry.core.active) = (now.wall, now.monotonic);
                moved.push(*id);
                let _ = self.events.send(JobEvent::Changed(*id));
            }
            if done_before == Some(done) {
                slow.push(*id);
            }
        }
        for id in slow {
            self.probe(id);
        }
        for id in moved {
            self.modified(id);
        }
    }

    /// The end, in order: no new work, fetches save what they have, the store closes.
    async fn close(mut self, mut reports: mpsc::UnboundedReceiver<Report>) {
        self.commit().await;
        // What they start ends with them.
        self.telling.shutdown().await;
        for entry in self.jobs.values() {
            if let Some(stop) = &entry.activity.stop {
                stop.cancel();
            }
        }
        let give_up = Instant::now() + LAST_SYNC;
        while self.fetches > 0 {
            let Ok(Some(report)) = tokio::time::timeout_at(give_up, reports.recv()).await else {
                tracing::warn!(fetches = self.fetches, "fetches did not end in time: they go on from their last checkpoint");
                break;
            };
            self.report(report);
            self.commit().await;
        }
        if let Err(error) = self.store.close().await {
            tracing::error!(%error, "the store could not be closed");
        }
        if let Some(closing) = self.closing {
            let _ = closing.send(Ok(()));
        }
    }
}

/// What of a job's machine is stored.
fn outlives_the_process(job: &machine::Job) -> machine::Job {
    let state = if job.running().is_some() { State::Queued } else { job.state.clone() };
    machine::Job { state, attempt: machine::Attempt(0), ..job.clone() }
}

pub(super) fn not_found() -> Failure {
    Failure::refused(consign_bits::bits::BG_E_NOT_FOUND, "there is no such job")
}

pub(super) fn ending() -> Failure {
    Failure::refused(common::ERROR_SHUTDOWN_IN_PROGRESS, "the service is ending; it starts again with the next call")
}

impl Core {
    pub(super) const fn is_final(&self) -> bool {
        self.machine.is_final()
    }
}
