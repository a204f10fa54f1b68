//! Reports: turns what came of fetches, and of work on files, into decisions.

use consign_bits::{Failure, JobId, SecurityFlags};

use super::{
    entry::{Afterwards, Entry, Setback, Stage},
    handling::{self, Turn},
    naming::Order,
    notice::NoticeKind,
    report::{Arrival, Handled, Report},
    service::Service,
};
use crate::{
    fetch::{FileFacts, Outcome, Retry},
    files::FileMode,
    machine::{Attempt, CommitOutcome, Event, Severity, State},
};

impl Service {
    pub(super) fn report(&mut self, report: Report) {
        if let Report::Ended { job, attempt, file, outcome } = report {
            self.fetches -= 1;
            if let Some(entry) = self.jobs.get_mut(&job) {
                entry.activity.fetching -= 1;
                self.settling -= u32::from(entry.activity.settling.remove(&file));
                if entry.activity.fetching == 0 {
                    self.quiet.push(job);
                    self.to_tell.insert(job);
                }
            }
            self.make_hungry(job);
            self.report(Report::CameOf { job, attempt, file, outcome });
            return;
        }
        if self.store_retry.is_some() {
            self.pending.push_back(report);
            return;
        }
        self.batch.reports.push(report.clone());
        match report {
            Report::Answered { job, attempt, file, facts } => self.answered(job, attempt, file, facts),
            Report::Progressed { job, attempt } => {
                // Reports cannot be refused: what does not fit the state changes nothing.
                let _ = self.step(job, Event::Progressed(attempt));
            }
            Report::Checkpoint { job, file, checkpoint, stored } => {
                if let Some(entry) = self.jobs.get_mut(&job) {
                    self.batch.touch_file(entry, file);
                    if let Some(file) = entry.file_mut(file).filter(|file| !file.is_done()) {
                        file.checkpoint = checkpoint.into();
                    }
                }
                if let Some(stored) = stored {
                    // If it could not be stored the report comes again, and its fetch waits on.
                    self.batch.answers.push(Box::new(move |result| {
                        if result.is_ok() {
                            let _ = stored.send(());
                        }
                    }));
                }
            }
            Report::CameOf { job, attempt, file, outcome } => self.came_of(job, attempt, file, outcome),
            Report::TakeUp { job } => self.take_up(job),
            Report::CallIsSlow { job, number } => self.call_is_slow(job, number),
            Report::Told { job, number, told } => self.told(job, number, &told),
            Report::AttemptOver { job, attempt } => self.attempt_over(job, attempt),
            Report::Probed { job, file, facts } => self.probed(job, file, facts),
            Report::Handled { job, handled } => self.handled(job, handled),
            Report::NetworkReturned => {
                self.network_returned = self.now().monotonic;
                let waits = |entry: &&Entry| matches!(entry.core.machine.state, State::TransientError { .. });
                let waiting: Vec<JobId> = self.jobs.values().map(AsRef::as_ref).filter(waits).map(|entry| entry.core.id).collect();
                for id in waiting {
                    let _ = self.step(id, Event::NetworkReturned);
                }
            }
            Report::NetworkUnwatched => self.network_watched = false,
            Report::Ended { .. } => {}
        }
    }

    /// What is left of a fetch is the disk's: it makes room for another one.
    pub(super) fn arrived(&mut self, arrival: Arrival) {
        let Arrival { job, attempt, file } = arrival;
        let Some(entry) = self.jobs.get_mut(&job) else { return };
        let is_fetched = entry.files.get(file as usize).is_some_and(|file| file.meter.is_some());
        if is_fetched && entry.core.machine.running() == Some(attempt) && entry.activity.settling.insert(file) {
            self.settling += 1;
            self.make_hungry(job);
        }
    }

    fn answered(&mut self, id: JobId, attempt: Attempt, number: u32, facts: FileFacts) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        let reported = entry.core.context.security.contains(SecurityFlags::REDIRECT_ALLOW_REPORT);
        if let Some(url) = facts.final_url.clone().filter(|_| reported) {
            self.batch.touch_file(entry, number);
            if let Some(file) = entry.file_mut(number) {
                file.url = url.into();
            }
        }
        if let Some(file) = entry.file_mut(number) {
            file.answered = Some(Box::new(facts));
        }
        let _ = self.step(id, Event::Connected(attempt));
    }

    fn came_of(&mut self, id: JobId, attempt: Attempt, number: u32, outcome: Outcome) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        self.batch.touch_file(entry, number);
        let running = entry.core.machine.running() == Some(attempt);
        let Some(file) = entry.file_mut(number).filter(|file| !file.is_done()) else { return };
        file.meter = None;
        match outcome {
            Outcome::Done(checkpoint) => {
                // What was answered last is what the checkpoint says.
                (file.checkpoint, file.answered) = (checkpoint.into(), None);
                file.stage = Stage::Transferred;
                file.validity = None;
                let kind = NoticeKind::FileTransferred(number);
                if kind.is_wanted(entry.core.notify_flags) {
                    self.keep_notice(id, kind);
                }
                let _ = self.step(id, Event::FileTransferred(attempt));
            }
            Outcome::Stopped(checkpoint) => file.checkpoint = checkpoint.into(),
            Outcome::Failed(failed) => {
                file.checkpoint = failed.checkpoint.into();
                if let Some(target) = failed.redirect {
                    file.url = target.into();
                }
                if running {
                    self.failed(id, attempt, number, failed.failure, failed.retry);
                }
            }
        }
    }

    fn failed(&mut self, id: JobId, attempt: Attempt, number: u32, failure: Failure, retry: Retry) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        let began = match entry.core.machine.state {
            State::Connecting { since } | State::Transferring { since } => since,
            _ => return,
        };
        let severity = match retry {
            Retry::Never => Severity::Fatal,
            Retry::WhenNetworkReturns if self.network_watched => Severity::NetworkDown,
            Retry::WhenNetworkReturns => Severity::Transient { not_before: None },
            Retry::After(not_before) => {
                // The other files of the job go on; what went wrong counts when they are through.
                let setback = entry.activity.setback.get_or_insert(Setback { file: number, failure, not_before, files: 0 });
                setback.not_before = setback.not_before.max(not_before);
                setback.files += 1;
                return;
            }
        };
        self.batch.touch(entry);
        entry.core.rare.error_file = Some(number);
        let _ = self.step(id, Event::Failed(attempt, failure, severity));
        if self.network_returned >= began {
            // It returned while the failure was on its way here.
            let _ = self.step(id, Event::NetworkReturned);
        }
    }

    fn attempt_over(&mut self, id: JobId, attempt: Attempt) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        if entry.core.machine.running() != Some(attempt) || entry.activity.fetching > 0 {
            return;
        }
        match entry.activity.setback.clone() {
            Some(setback) => {
                self.batch.touch(entry);
                entry.core.rare.error_file = Some(setback.file);
                let severity = Severity::Transient { not_before: setback.not_before };
                let _ = self.step(id, Event::Failed(attempt, setback.failure, severity));
            }
            None if entry.files.iter().all(|file| file.is_done()) => {
                let _ = self.step(id, Event::NothingLeft(attempt));
            }
            None => {
                entry.activity.cursor = 0;
                self.make_hungry(id);
            }
        }
    }

    /// Does what waits for the job's files to be left alone, if they are now.
    pub(super) fn handle_files(&mut self, id: JobId) {
        let Some(entry) = self.jobs.get_mut(&id).filter(|entry| entry.activity.fetching == 0) else { return };
        let Some(what) = entry.activity.afterwards.take() else { return };
        let turn = if std::mem::take(&mut entry.activity.completing_again) { Turn::Again } else { Turn::First };
        let files = entry.files.clone();
        let mode = FileMode::of_umask(entry.core.umask);
        let reports = self.reports.clone();
        match what {
            Afterwards::Commit => self.naming.carry_out(&self.transfers, &reports, Order { job: id, files, mode, turn }),
            Afterwards::Discard => drop(self.transfers.spawn_blocking(move || {
                let handled = handling::discard(&files);
                let _ = reports.send(Report::Handled { job: id, handled });
            })),
        }
    }

    fn handled(&mut self, id: JobId, handled: Handled) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        self.batch.touch(entry);
        self.batch.cores.insert(id);
        let answer = match handled {
            Handled::Discarded { all_deleted } => {
                entry.core.cleanup_pending = false;
                Ok(if all_deleted { consign_core::common::S_OK } else { consign_bits::bits::BG_S_UNABLE_TO_DELETE_FILES })
            }
            Handled::Committed { named, lost, failed, all_deleted } => {
                for number in &named {
                    if let Some(file) = entry.file_mut(*number) {
                        file.stage = Stage::Named;
                    }
                }
                self.batch.named.push((id, named));
                for number in &lost {
                    self.batch.touch_file(entry, *number);
                    if let Some(file) = entry.file_mut(*number) {
                        file.forget();
                    }
                }
                let outcome = match failed {
                    Some((number, failure)) => {
                        entry.core.rare.error_file = Some(number);
                        CommitOutcome::Failed { failure, lost: u32::try_from(lost.len()).unwrap_or(u32::MAX) }
                    }
                    None => CommitOutcome::Done { all_deleted },
                };
                self.step(id, Event::Committed(outcome))
            }
        };
        let waiting = self.jobs.get_mut(&id).map(|entry| std::mem::take(&mut entry.activity.waiting)).unwrap_or_default();
        for reply in waiting {
            let answer = answer.clone();
            self.batch.answers.push(Box::new(move |stored| {
                let _ = reply.send(stored.and(answer));
            }));
        }
    }
}
