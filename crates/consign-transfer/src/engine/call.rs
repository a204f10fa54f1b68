//! The calls, one for one.

use std::{ops::Range, sync::Arc};

use consign_bits::{ErrorContext, Failure, JobId, JobState, NotifyFlags, Priority, bits};
use consign_core::{
    Guid, Hresult,
    common::{E_INVALIDARG, S_OK},
};

use super::{
    api::{Change, Due, EngineStatus, FileView, JobEvent, JobView, Listing, NewJob},
    entry::{Core, Entry},
    handle::{Command, PlacedFiles, Reply},
    intake,
    lazy::Lazy,
    record,
    service::{Service, ending, not_found},
    view,
};
use crate::{
    fetch::JobContext,
    machine::{self, Choices, Event, State},
};

/// `BITS_JOB_PROPERTY_MINIMUM_NOTIFICATION_INTERVAL_MS`, in milliseconds.
const DEFAULT_NOTIFICATION_INTERVAL: u32 = 500;

/// What most systems begin with.
const DEFAULT_UMASK: u32 = 0o022;

impl Service {
    pub(super) fn command(&mut self, command: Command) {
        match command {
            Command::Create(job, reply) => self.answer(reply, |service| service.create(job)),
            Command::AddFiles(job, files, reply) => self.answer(reply, |service| service.add_files(job, files)),
            Command::Change(job, changes, reply) => self.answer(reply, |service| service.change(job, changes)),
            Command::Resume(job, reply) => self.answer(reply, |service| service.step(job, Event::Resume)),
            Command::Suspend(job, reply) => self.answer(reply, |service| service.step(job, Event::Suspend)),
            Command::Complete(job, reply) => self.end(job, Event::Complete, reply),
            Command::Cancel(job, reply) => self.end(job, Event::Cancel, reply),
            Command::SetObject(job, object, reply) => self.answer(reply, |service| service.set_object(job, object)),
            Command::ObjectsGone(objects, reply) => self.answer(reply, |service| {
                service.objects_gone(&objects);
                Ok(())
            }),
            Command::Validate(job, file, validity, reply) => self.answer(reply, |service| service.validate(job, file, validity)),
            Command::Job(job, reply) => self.read(reply, move |service| service.job(job)),
            Command::Files(job, start, count, reply) => self.read_files(job, start, count, reply),
            Command::Jobs(listing, page, reply) => self.read(reply, move |service| Ok(service.list(listing, page))),
            Command::JobIds(listing, reply) => {
                self.read(reply, move |service| Ok(service.listed(listing).map(|entry| entry.core.id).collect()))
            }
            Command::Find(text, reply) => self.read(reply, move |service| service.find(&text)),
            Command::Status(reply) => self.read(reply, |service| Ok(service.status())),
            Command::StopTelling(reply) => self.answer(reply, |service| {
                service.silent = true;
                Ok(())
            }),
            Command::Shutdown(reply) => {
                if let Some(earlier) = self.closing.replace(reply) {
                    let _ = earlier.send(Ok(()));
                }
            }
        }
    }

    /// Calls, and answers once what the call decided is stored.
    fn answer<T: Send + 'static>(&mut self, reply: Reply<T>, call: impl FnOnce(&mut Self) -> Result<T, Failure>) {
        let result = if self.closing.is_some() { Err(ending()) } else { call(self) };
        // The caller may be gone: what it asked for happens all the same.
        self.batch.answers.push(Box::new(move |stored| {
            let _ = reply.send(stored.and(result));
        }));
    }

    /// Looks at what is stored, once this round is.
    fn read<T: Send + 'static>(&mut self, reply: Reply<T>, look: impl FnOnce(&Self) -> Result<T, Failure> + Send + 'static) {
        if self.closing.is_some() {
            let _ = reply.send(Err(ending()));
            return;
        }
        self.batch.reads.push(Box::new(move |service| {
            let _ = reply.send(look(service));
        }));
    }

    /// The files of a job that has ended are in the store alone: who wants them waits for it, and nobody
    /// else.
    fn read_files(&mut self, id: JobId, start: u32, count: u32, reply: Reply<Vec<FileView>>) {
        if self.closing.is_some() {
            let _ = reply.send(Err(ending()));
            return;
        }
        self.batch.reads.push(Box::new(move |service| {
            if service.jobs.get(&id).is_none_or(|entry| entry.past.is_none()) {
                let _ = reply.send(service.files(id, start, count));
                return;
            }
            let stored = service.store.read(move |connection| record::files(connection, id, start, count));
            tokio::spawn(async move {
                let files = stored.await.map_err(|error| Failure::new(error.code(), ErrorContext::GeneralQueueManager, error.to_string()));
                let _ = reply.send(files.map(|files| files.iter().map(|(number, file)| view::file(*number, file)).collect()));
            });
        }));
    }

    /// `Complete` and `Cancel` answer when the files are named or deleted.
    fn end(&mut self, id: JobId, event: Event, reply: Reply<Hresult>) {
        if self.closing.is_some() {
            let _ = reply.send(Err(ending()));
            return;
        }
        // Who asks for a completion that is under way already, perhaps because a crash took the
        // first answer along, hears how it ends.
        let joins = event == Event::Complete
            && self.jobs.get(&id).is_some_and(|entry| matches!(entry.core.machine.state, State::Completing { .. }));
        let decided = if joins { Ok(S_OK) } else { self.step(id, event) };
        match (decided, self.jobs.get_mut(&id)) {
            (Ok(_), Some(entry)) => entry.activity.waiting.push(reply),
            (Ok(_), None) => drop(reply),
            (Err(failure), _) => {
                let _ = reply.send(Err(failure));
            }
        }
    }

    fn exempt(&self, owner: u32) -> bool {
        owner == 0 && self.settings.limits.exempt_root
    }

    fn create(&mut self, new: NewJob) -> Result<JobId, Failure> {
        intake::display_name(&new.display_name)?;
        let job_type = intake::job_type(new.job_type)?;
        if !self.exempt(new.owner) {
            let (of_user, of_machine) = (self.settings.limits.jobs_per_user, self.settings.limits.jobs_per_machine);
            if self.index.owners.get(&new.owner).copied().unwrap_or(0) >= of_user {
                let sentence = format!("the user has {of_user} jobs, as many as limits.jobs_per_user allows: complete or cancel some");
                return Err(Failure::refused(bits::BG_E_TOO_MANY_JOBS_PER_USER, sentence));
            }
            if self.index.owners.values().sum::<u32>() >= of_machine {
                let sentence = format!("there are {of_machine} jobs, as many as limits.jobs_per_machine allows: complete or cancel some");
                return Err(Failure::refused(bits::BG_E_TOO_MANY_JOBS_PER_MACHINE, sentence));
            }
        }
        let now = self.now();
        let seconds = |seconds: u32| std::time::Duration::from_secs(seconds.into());
        let choices = Choices {
            minimum_retry_delay: seconds(consign_bits::limits::MINIMUM_RETRY_DELAY.max(self.settings.jobs.minimum_retry_delay_floor)),
            no_progress_timeout: seconds(consign_bits::limits::NO_PROGRESS_TIMEOUT),
            maximum_download_time: seconds(self.settings.jobs.maximum_download_time),
            auto_complete: false,
        };
        let id = JobId::new(Guid::from_random_bytes(self.random.bytes()));
        let sequence = self.order.last_key_value().map_or(1, |(last, _)| last + 1);
        let mut core = Core {
            id,
            sequence,
            owner: new.owner,
            display_name: new.display_name.into(),
            description: Box::default(),
            priority: Priority::Normal,
            notify_flags: NotifyFlags::default(),
            context: Arc::new(JobContext { proxy_environment: intake::proxy_environment(&new.proxy_environment), ..JobContext::default() }),
            notification_interval: DEFAULT_NOTIFICATION_INTERVAL,
            umask: new.umask.unwrap_or(DEFAULT_UMASK) & 0o777,
            created: now.wall,
            modified: now.wall,
            active: now.monotonic,
            cleanup_pending: false,
            machine: machine::Job::new(job_type, choices),
            turn: 0,
            rare: Lazy::default(),
        };
        for change in new.changes {
            intake::change(&mut core, change, &self.settings)?;
        }
        core.context = self.shared_context(core.context);
        let mut entry = Box::new(Entry::at_rest(core, Vec::new()));
        self.index.place(&entry.core, &mut entry.keys);
        self.order.insert(sequence, id);
        self.jobs.insert(id, entry);
        self.batch.added.insert(id);
        self.batch.cores.insert(id);
        self.batch.told.insert(JobEvent::Added(id));
        Ok(id)
    }

    /// Jobs that are made one after the other have mostly the same: they share one copy.
    fn shared_context(&self, context: Arc<JobContext>) -> Arc<JobContext> {
        let newest = self.order.last_key_value().and_then(|(_, id)| self.jobs.get(id));
        newest.map(|entry| &entry.core.context).filter(|known| ***known == *context).map_or(context, Arc::clone)
    }

    fn add_files(&mut self, id: JobId, PlacedFiles(new): PlacedFiles) -> Result<(), Failure> {
        let entry = self.jobs.get(&id).ok_or_else(not_found)?;
        let exempt = self.exempt(entry.core.owner);
        let most = self.settings.limits.files_per_job as usize;
        if !exempt && entry.files.len() + new.len() > most {
            let sentence = format!("a job may have {most} files, by limits.files_per_job");
            return Err(Failure::refused(bits::BG_E_TOO_MANY_FILES_IN_JOB, sentence));
        }
        let count = u32::try_from(new.len()).map_err(|_| Failure::refused(E_INVALIDARG, "too many files at once"))?;
        // All are looked at before any is added: a refused call changes nothing.
        let mut files = Vec::with_capacity(new.len());
        let most_ranges = (!exempt).then_some(self.settings.limits.ranges_per_file);
        for (file, place) in new {
            files.push(intake::file(file, place, most_ranges, self.random.as_ref())?);
        }
        self.folders.remember(files.iter().map(|file| &*file.place.folder))?;
        for file in &mut files {
            file.place.folder = self.folders.shared(&file.place.folder);
        }
        self.step(id, Event::FilesAdded(count))?;
        if let Some(entry) = self.jobs.get_mut(&id) {
            let first = u32::try_from(entry.files.len()).unwrap_or(u32::MAX);
            entry.files.extend(files.into_iter().map(Arc::new));
            self.batch.files.extend((first..first.saturating_add(count)).map(|index| (id, index)));
            if entry.core.machine.running().is_some() {
                self.make_hungry(id);
            }
        }
        Ok(())
    }

    fn change(&mut self, id: JobId, changes: Vec<Change>) -> Result<(), Failure> {
        let entry = self.jobs.get(&id).ok_or_else(not_found)?;
        let mut core = entry.core.clone();
        for change in changes {
            intake::change(&mut core, change, &self.settings)?;
        }
        self.step(id, Event::Chosen(core.machine.choices))?;
        if let Some(entry) = self.jobs.get_mut(&id) {
            // The machine has the choices, and more that is newer than this copy.
            let (modified, active) = (entry.core.modified, entry.core.active);
            let receivers = |core: &Core| (core.notify_flags, core.rare.notification_class, core.rare.command_line.clone());
            let same_receivers = receivers(&entry.core) == receivers(&core);
            if entry.core.notification_interval != core.notification_interval {
                if core.rare.modification_due.is_some() {
                    core.rare.modification_due = None;
                }
                self.to_tell.insert(id);
            }
            entry.core = Core { machine: entry.core.machine.clone(), modified, active, ..core };
            self.index.place(&entry.core, &mut entry.keys);
            self.batch.cores.insert(id);
            if !same_receivers {
                self.tell_now(id);
            }
        }
        Ok(())
    }

    fn job(&self, id: JobId) -> Result<JobView, Failure> {
        let entry = self.jobs.get(&id).ok_or_else(not_found)?;
        Ok(view::job(entry, self.background_job()))
    }

    fn files(&self, id: JobId, start: u32, count: u32) -> Result<Vec<FileView>, Failure> {
        let entry = self.jobs.get(&id).ok_or_else(not_found)?;
        let numbered = (0_u32..).zip(&entry.files).skip(start as usize).take(count as usize);
        Ok(numbered.map(|(index, file)| view::file(index, file)).collect())
    }

    fn listed(&self, listing: Listing) -> impl Iterator<Item = &Entry> {
        let all = self.order.values().filter_map(|id| self.jobs.get(id).map(AsRef::as_ref));
        all.filter(move |entry| listing == Listing::All || !entry.core.is_final())
    }

    fn list(&self, listing: Listing, page: Range<usize>) -> (Vec<JobView>, usize) {
        let before = self.background_job();
        let mut total = 0;
        let mut views = Vec::new();
        for entry in self.listed(listing) {
            if page.contains(&total) {
                views.push(view::job(entry, before));
            }
            total += 1;
        }
        (views, total)
    }

    /// The background job whose turn it is.
    fn background_job(&self) -> Option<(JobId, &str)> {
        let (_, id) = self.index.running.range((Priority::High, JobId::new(Guid::NULL))..).next()?;
        Some((*id, &*self.jobs.get(id)?.core.display_name))
    }

    fn find(&self, text: &str) -> Result<JobId, Failure> {
        if let Ok(id) = text.parse::<JobId>() {
            return if self.jobs.contains_key(&id) { Ok(id) } else { Err(not_found()) };
        }
        let wanted = text.to_ascii_lowercase().replace('-', "");
        let by_id = wanted.len() >= 4 && wanted.bytes().all(|digit| digit.is_ascii_hexdigit());
        for live in [true, false] {
            let fits = |entry: &&Entry| {
                entry.core.is_final() != live
                    && (*entry.core.display_name == *text || by_id && begins_with(entry.core.id.guid().as_bytes(), wanted.as_bytes()))
            };
            let found: Vec<&Entry> =
                self.order.values().filter_map(|id| self.jobs.get(id).map(AsRef::as_ref)).filter(fits).take(6).collect();
            match found.as_slice() {
                [] => {}
                [one] => return Ok(one.core.id),
                several => {
                    let ids: Vec<String> = several.iter().map(|entry| entry.core.id.to_string()).collect();
                    let sentence = format!("several jobs are called {}: {}", text.escape_debug(), ids.join(", "));
                    return Err(Failure::refused(E_INVALIDARG, sentence));
                }
            }
        }
        Err(Failure::refused(bits::BG_E_NOT_FOUND, format!("no job has the id or the name {}", text.escape_debug())))
    }

    fn status(&self) -> EngineStatus {
        EngineStatus {
            jobs_by_state: self.index.states.clone(),
            orphans: self.orphans.clone(),
            set_aside: self.set_aside.clone(),
            due: self.due(),
        }
    }

    fn due(&self) -> Due {
        let busy = [JobState::Queued, JobState::Connecting, JobState::Transferring];
        let completing = self.jobs.values().any(|entry| {
            matches!(entry.core.machine.state, State::Completing { .. }) || entry.core.cleanup_pending || !entry.activity.waiting.is_empty()
        });
        if self.fetches > 0
            || completing
            || self.can_tell_without_client()
            || busy.iter().any(|state| self.index.states.contains_key(state))
        {
            return Due::Now;
        }
        if !self.index.states.contains_key(&JobState::TransientError) {
            return Due::Nothing;
        }
        let now = self.now().monotonic;
        self.index.deadlines.first().map_or(Due::Now, |(at, _)| Due::In(at.since(now)))
    }
}

/// Whether the hexadecimal digits of an id begin with these, which are in lower case.
fn begins_with(id: &[u8; 16], digits: &[u8]) -> bool {
    let nibbles = id.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let written = nibbles.map(|nibble| b"0123456789abcdef"[usize::from(nibble)]);
    digits.len() <= 32 && written.zip(digits).all(|(one, other)| one == *other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_id_is_found() {
        let guid: Guid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9".parse().unwrap();
        for (digits, fits) in
            [("9718", true), ("97184d0ff7ef413a8c6dc1745018b2e9", true), ("97184d0ff7ef413a8c6dc1745018b2e90", false), ("9719", false)]
        {
            assert_eq!(begins_with(guid.as_bytes(), digits.as_bytes()), fits, "{digits}");
        }
    }
}
