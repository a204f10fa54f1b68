//! What was decided and is not stored yet, and how to take it back.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use consign_bits::{Failure, JobId};

use super::{
    api::JobEvent,
    entry::{Afterwards, Core, Entry, FileEntry, Stage},
    notice::Notice,
    record::Change,
    report::Report,
    service::Service,
};
use crate::machine::Attempt;

/// Decisions of one round. Stored together; then acted upon and answered, or taken back.
#[derive(Default)]
pub(super) struct Batch {
    before: HashMap<JobId, Before>,
    pub(super) added: BTreeSet<JobId>,
    pub(super) cores: BTreeSet<JobId>,
    pub(super) files: BTreeSet<(JobId, u32)>,
    /// Files that went from TRANSFERRED to their names: many at once, and nothing else of them changes.
    pub(super) named: Vec<(JobId, Vec<u32>)>,
    pub(super) removed: BTreeSet<JobId>,
    pub(super) notices_added: Vec<(JobId, Notice)>,
    pub(super) notices_removed: Vec<(JobId, Notice)>,
    pub(super) effects: Vec<Effect>,
    pub(super) told: BTreeSet<JobEvent>,
    pub(super) answers: Vec<Answer>,
    /// Looks at the jobs, answered when it is known what is stored and what is not.
    pub(super) reads: Vec<Read>,
    /// What the decisions came from, to be decided again if they could not be stored.
    pub(super) reports: Vec<Report>,
}

/// Hears whether the decision was stored.
pub(super) type Answer = Box<dyn FnOnce(Result<(), Failure>) + Send>;

/// Looks, and answers.
pub(super) type Read = Box<dyn FnOnce(&Service) + Send>;

/// What is done once the decisions are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Start(JobId, Attempt),
    Stop(JobId),
    Afterwards(JobId, Afterwards),
}

/// A job as it is stored.
struct Before {
    core: Core,
    files: Vec<(usize, Arc<FileEntry>)>,
    length: usize,
}

impl Batch {
    /// Call before changing the job.
    pub(super) fn touch(&mut self, entry: &Entry) {
        self.before.entry(entry.core.id).or_insert_with(|| Before {
            core: entry.core.clone(),
            files: Vec::new(),
            length: entry.files.len(),
        });
    }

    /// Call before changing a file of the job.
    pub(super) fn touch_file(&mut self, entry: &Entry, index: u32) {
        self.touch(entry);
        let at = index as usize;
        if let (Some(before), Some(file)) = (self.before.get_mut(&entry.core.id), entry.files.get(at))
            && self.files.insert((entry.core.id, index))
            && at < before.length
        {
            before.files.push((at, Arc::clone(file)));
        }
    }

    /// Whether it changes this job.
    pub(super) fn is_about(&self, id: JobId) -> bool {
        self.before.contains_key(&id) || self.added.contains(&id) || self.cores.contains(&id) || self.removed.contains(&id)
    }

    /// Whether it adds files to this job.
    pub(super) fn has_new_files(&self, entry: &Entry) -> bool {
        self.added.contains(&entry.core.id) || self.before.get(&entry.core.id).is_some_and(|before| before.length < entry.files.len())
    }

    /// What was decided for this job needs no storing, and stands whatever becomes of the rest.
    pub(super) fn settle(&mut self, id: JobId) {
        self.before.remove(&id);
    }

    /// The jobs of which something waits to be stored.
    pub(super) fn jobs(&self) -> BTreeSet<JobId> {
        let notices = self.notices_added.iter().chain(&self.notices_removed).map(|(id, _)| id);
        self.before.keys().chain(&self.added).chain(&self.removed).chain(notices).copied().collect()
    }

    pub(super) fn needs_storing(&self) -> bool {
        let notices = self.notices_added.len() + self.notices_removed.len();
        notices > 0 || !(self.named.is_empty() && self.cores.is_empty() && self.files.is_empty() && self.removed.is_empty())
    }

    /// The rows to write, as the jobs are now.
    pub(super) fn changes(&self, jobs: &HashMap<JobId, Box<Entry>>) -> Vec<Change> {
        let cores = self.cores.iter().filter_map(|id| jobs.get(id)).map(|entry| Change::PutJob(Box::new(entry.core.clone())));
        let files = self.files.iter().filter_map(|(id, index)| {
            let file = jobs.get(id)?.files.get(*index as usize)?;
            Some(Change::PutFile(*id, *index, Arc::clone(file)))
        });
        let named = self.named.iter().map(|(id, files)| Change::NameFiles(*id, files.clone()));
        let removed = self.removed.iter().map(|id| Change::RemoveJob(*id));
        let told = self.notices_added.iter().map(|(id, notice)| Change::PutNotice(*id, *notice));
        let heard = self.notices_removed.iter().map(|(_, notice)| Change::RemoveNotice(notice.id));
        cores.chain(files).chain(named).chain(told).chain(heard).chain(removed).collect()
    }

    /// Makes the jobs what they were. Meters stay: they belong to fetches, which go on.
    pub(super) fn take_back(&mut self, jobs: &mut HashMap<JobId, Box<Entry>>) -> Vec<JobId> {
        for (id, notice) in self.notices_removed.drain(..) {
            let Some(entry) = jobs.get_mut(&id) else { continue };
            let at = entry.notices.partition_point(|kept| kept.id < notice.id);
            entry.notices.insert(at, notice);
        }
        for (id, notice) in self.notices_added.drain(..) {
            let Some(entry) = jobs.get_mut(&id) else { continue };
            entry.notices.retain(|kept| kept.id != notice.id);
        }
        for (id, files) in self.named.drain(..) {
            let Some(entry) = jobs.get_mut(&id) else { continue };
            for number in files {
                if let Some(file) = entry.file_mut(number) {
                    file.stage = Stage::Transferred;
                }
            }
        }
        let mut changed = Vec::new();
        for (id, before) in self.before.drain() {
            let Some(entry) = jobs.get_mut(&id) else { continue };
            entry.core = before.core;
            entry.files.truncate(before.length);
            for (index, mut file) in before.files {
                Arc::make_mut(&mut file).meter = entry.files[index].meter.clone();
                entry.files[index] = file;
            }
            changed.push(id);
        }
        changed
    }
}
