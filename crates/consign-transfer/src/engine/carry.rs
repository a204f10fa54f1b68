//! Effects: notes what decisions ask for, lets the scheduler decide, and starts fetches.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64},
    },
};

use consign_bits::{ErrorContext, Failure, JobId, Priority};
use consign_core::{Guid, common::E_UNEXPECTED};
use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use super::{
    api::JobEvent,
    batch::{Batch, Effect},
    entry::{Afterwards, FileEntry, Setback, Stage},
    notice::NoticeKind,
    report::{Meter, Report},
    schedule::{Decision, Running, background},
    service::Service,
};
use crate::{
    fetch::{Checkpoint, FetchFailure, FileFacts, FileTask, Observer, Outcome, Retry},
    machine::{Action, Attempt, Event, Notification, State},
};

/// Jobs with more files than BITS allows learn their sizes as the files come.
const MOST_PROBED: usize = consign_bits::limits::FILES_PER_JOB as usize;

/// Files that wait for the disk at the same time, of all jobs. Many share one sync; each holds two
/// descriptors and some memory.
const MOST_SETTLING: u32 = 256;

/// What comes before all background jobs that wait.
const FIRST_BACKGROUND: (Priority, u64, JobId) = (Priority::High, 0, JobId::new(Guid::NULL));

impl Setback {
    /// Whether other files of the job would meet the same: the server named a time, or could not
    /// be reached.
    fn is_of_the_server(&self) -> bool {
        self.not_before.is_some() || self.failure.context == ErrorContext::GeneralTransport
    }
}

impl Service {
    /// Notes what a decision asks for, to be done once it is stored.
    pub(super) fn note(&mut self, id: JobId, action: Action) {
        match action {
            Action::StartTransfer(attempt) => self.batch.effects.push(Effect::Start(id, attempt)),
            Action::StopTransfer(_) => self.batch.effects.push(Effect::Stop(id)),
            Action::CommitFiles => self.batch.effects.push(Effect::Afterwards(id, Afterwards::Commit)),
            Action::DeleteTemporaryFiles => {
                if let Some(entry) = self.jobs.get_mut(&id) {
                    entry.core.cleanup_pending = true;
                }
                self.batch.effects.push(Effect::Afterwards(id, Afterwards::Discard));
            }
            Action::Notify(what) => {
                match what {
                    Notification::JobTransferred => self.keep_notice(id, NoticeKind::JobTransferred),
                    Notification::JobError => self.keep_notice(id, NoticeKind::JobError),
                    Notification::JobModification => self.modified(id),
                }
                let ended = self.jobs.get(&id).is_some_and(|entry| entry.core.is_final());
                let event = if ended { JobEvent::Ended(id) } else { JobEvent::Changed(id) };
                self.tell(event);
            }
            Action::WithdrawNotifications => {
                let ends = self
                    .jobs
                    .get(&id)
                    .is_some_and(|entry| entry.core.is_final() || matches!(entry.core.machine.state, State::Completing { .. }));
                self.withdraw(id, |kind| ends || matches!(kind, NoticeKind::JobTransferred | NoticeKind::JobError));
            }
            // Who found a file invalid knows which one, and has forgotten it by now.
            Action::ForgetInvalidFile => {}
        }
    }

    /// Tells subscribers, once what was decided is stored.
    fn tell(&mut self, event: JobEvent) {
        self.batch.told.insert(event);
    }

    pub(super) fn act(&mut self, effect: Effect) {
        let (Effect::Start(id, _) | Effect::Stop(id) | Effect::Afterwards(id, _)) = effect;
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        match effect {
            Effect::Start(..) => {
                entry.activity.stop = Some(CancellationToken::new());
                entry.activity.cursor = 0;
                entry.activity.probe_cursor = 0;
                entry.activity.done_at_tick = None;
                entry.activity.setback = None;
                self.make_hungry(id);
            }
            Effect::Stop(_) => {
                if let Some(stop) = &entry.activity.stop {
                    stop.cancel();
                }
            }
            Effect::Afterwards(_, what) => {
                entry.activity.afterwards = Some(what);
                self.handle_files(id);
            }
        }
    }

    /// Lets the scheduler decide until it has nothing more to say.
    pub(super) fn schedule(&mut self) {
        let quiet = |service: &Self, id: &JobId| service.jobs.get(id).is_some_and(|entry| entry.activity.fetching == 0);
        let foreground: Vec<JobId> =
            self.index.queued.range(..FIRST_BACKGROUND).map(|(_, _, id)| *id).filter(|id| quiet(self, id)).collect();
        for id in foreground {
            // Scheduling cannot be refused; neither can it below.
            let _ = self.step(id, Event::Picked);
        }
        let slice = std::time::Duration::from_secs(self.settings.jobs.time_slice.max(1).into());
        loop {
            let next =
                self.index.queued.range(FIRST_BACKGROUND..).map(|(priority, _, id)| (*priority, *id)).find(|(_, id)| quiet(self, id));
            let running = self.index.running.range((Priority::High, JobId::new(Guid::NULL))..);
            let running: Vec<Running> = running
                .filter_map(|(priority, id)| match self.jobs.get(id).filter(|entry| !entry.only_settles())?.core.machine.state {
                    State::Connecting { since } | State::Transferring { since } => Some(Running { id: *id, priority: *priority, since }),
                    _ => None,
                })
                .collect();
            let _ = match background(next, &running, slice, self.now().monotonic) {
                Decision::Keep(slice_end) => {
                    self.slice_end = slice_end;
                    return;
                }
                Decision::Start(id) => self.step(id, Event::Picked),
                Decision::Preempt(id) => self.step(id, Event::Preempted),
                Decision::EndSlice(id) => self.step(id, Event::SliceOver),
            };
        }
    }

    /// Uses the room that an arrival made, while a commit is under way: only for what that commit is
    /// not about.
    pub(super) fn go_on(&mut self, unstored: &Batch) {
        if self.closing.is_some() || self.store_retry.is_some() || !self.pending.is_empty() {
            return;
        }
        let quiet = |service: &Self, id: &JobId| service.jobs.get(id).is_some_and(|entry| entry.activity.fetching == 0);
        let waiting = self.index.queued.range(FIRST_BACKGROUND..).map(|(_, _, id)| *id).find(|id| quiet(self, id));
        let mut running = self.index.running.range((Priority::High, JobId::new(Guid::NULL))..);
        let is_free = running.all(|(_, id)| self.jobs.get(id).is_some_and(|entry| entry.only_settles()));
        if let Some(id) = waiting.filter(|id| is_free && !unstored.is_about(*id) && !self.batch.is_about(*id)) {
            let _ = self.step(id, Event::Picked);
            // That a job runs is not stored: there is nothing to wait for, and nothing to take back.
            self.batch.settle(id);
            for effect in std::mem::take(&mut self.batch.effects) {
                self.act(effect);
            }
        }
        self.feed(Some(unstored));
    }

    /// Starts fetches as far as there is room, one for each hungry job in turn; but none of a file that
    /// is not stored yet.
    pub(super) fn feed(&mut self, unstored: Option<&Batch>) {
        // What is decided again may end or undo the attempts that would be fed.
        if !self.pending.is_empty() {
            return;
        }
        let mut left_out = Vec::new();
        while self.fetches - self.settling < self.settings.fetch.at_once.max(1) && self.settling < MOST_SETTLING {
            let Some(id) = self.hungry.pop_front() else { break };
            let Some(entry) = self.jobs.get_mut(&id) else { continue };
            if unstored.is_some_and(|batch| batch.has_new_files(entry)) {
                left_out.push(id);
                continue;
            }
            entry.activity.hungry = false;
            let Some(attempt) = entry.core.machine.running() else { continue };
            if entry.moving() >= self.settings.fetch.files_at_once.max(1) {
                continue;
            }
            let at_once = self.settings.fetch.files_at_once.max(1);
            let goes_on = entry.activity.setback.as_ref().is_none_or(|setback| !setback.is_of_the_server() && setback.files < at_once);
            let left = if goes_on { entry.activity.cursor..entry.files.len() } else { 0..0 };
            let next = left.into_iter().find(|index| !entry.files[*index].is_done());
            match next {
                Some(index) => {
                    entry.activity.cursor = index + 1;
                    self.fetch(id, attempt, index);
                    self.make_hungry(id);
                }
                None if entry.activity.fetching == 0 => self.pending.push_back(Report::AttemptOver { job: id, attempt }),
                // The end of a fetch makes it hungry again.
                None => {}
            }
        }
        self.hungry.extend(left_out);
    }

    fn fetch(&mut self, id: JobId, attempt: Attempt, index: usize) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        let Some(file) = entry.file_mut(number) else { return };
        let position = Arc::new(AtomicU64::new(file.checkpoint.synced));
        file.meter = Some(Arc::clone(&position));
        file.stage = Stage::Begun;
        let task = FileTask {
            url: file.url.to_string(),
            place: file.place.clone(),
            temporary_name: (*file.temporary_name).into(),
            ranges: file.ranges.to_vec(),
            checksum: file.checksum.as_deref().cloned(),
            checkpoint: Checkpoint::clone(&file.checkpoint),
        };
        let checkpoint = Checkpoint::clone(&file.checkpoint);
        let synced = AtomicU64::new(file.checkpoint.synced);
        let context = Arc::clone(&entry.core.context);
        let observer: Arc<dyn Observer> = Arc::new(Meter {
            job: id,
            attempt,
            file: number,
            synced,
            position,
            progressed: AtomicBool::new(false),
            reports: self.reports.clone(),
            arrivals: self.arrivals.0.clone(),
        });
        entry.activity.fetching += 1;
        self.fetches += 1;
        let (fetcher, stop, reports) = (self.fetcher.clone(), entry.activity.stop.clone().unwrap_or_default(), self.reports.clone());
        self.transfers.spawn(async move {
            let fetch = AssertUnwindSafe(fetcher.fetch(task, context, observer, stop)).catch_unwind();
            // Whatever happens to the fetch, its end is told, once.
            let outcome = fetch.await.unwrap_or_else(|_| {
                tracing::error!("a fetch broke down");
                let failure =
                    Failure::new(E_UNEXPECTED, ErrorContext::GeneralQueueManager, "the fetch broke down: this is a fault of the service");
                Outcome::Failed(FetchFailure { failure, retry: Retry::After(None), checkpoint, redirect: None })
            });
            let _ = reports.send(Report::Ended { job: id, attempt, file: number, outcome });
        });
    }

    /// Asks for the size of the next file that waits, so that the job's total becomes known while
    /// another file takes its time. One question at a time, and none while files go through fast:
    /// their turn tells soon enough.
    pub(super) fn probe(&mut self, id: JobId) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        let quiet = entry.activity.fetching == 0 || entry.core.machine.running().is_none();
        if self.probing.is_some() || quiet || entry.files.len() > MOST_PROBED {
            return;
        }
        let from = entry.activity.probe_cursor.max(entry.activity.cursor);
        let wanted = |file: &FileEntry| file.stage == Stage::Waiting && file.total().is_none();
        let Some(index) = (from..entry.files.len()).find(|index| wanted(&entry.files[*index])) else { return };
        entry.activity.probe_cursor = index + 1;
        self.probing = Some(id);
        let file = u32::try_from(index).unwrap_or(u32::MAX);
        let url = entry.files[index].url.clone();
        let context = Arc::clone(&entry.core.context);
        let (fetcher, reports, stop) = (self.fetcher.clone(), self.reports.clone(), entry.activity.stop.clone().unwrap_or_default());
        self.transfers.spawn(async move {
            // A server that does not answer this will be heard of when the file's turn comes.
            let facts = tokio::select! {
                facts = fetcher.probe(&url, &context) => facts.ok(),
                () = stop.cancelled() => None,
            };
            let _ = reports.send(Report::Probed { job: id, file, facts });
        });
    }

    pub(super) fn probed(&mut self, id: JobId, number: u32, facts: Option<FileFacts>) {
        self.probing = None;
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        if let (Some(facts), Some(file)) = (facts, entry.file_mut(number))
            && file.stage == Stage::Waiting
        {
            file.answered = Some(Box::new(facts));
            self.tell(JobEvent::Changed(id));
        }
        self.probe(id);
    }

    /// Lets the job be fed when there is room.
    pub(super) fn make_hungry(&mut self, id: JobId) {
        if let Some(entry) = self.jobs.get_mut(&id)
            && !std::mem::replace(&mut entry.activity.hungry, true)
        {
            self.hungry.push_back(id);
        }
    }
}
