//! The handle: how callers reach the engine.

use std::{ops::Range, sync::Arc};

use consign_bits::{Failure, JobId};
use consign_core::{Clock, Hresult, Paths, common, random::Random};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::{
    api::{Change, EngineStatus, FileView, JobEvent, JobView, Listing, NewFile, NewJob},
    notice::ObjectId,
    notify::{Receivers, Validity},
    start,
};
use crate::{Settings, files::Place};

/// The engine. Clones are the same engine; it ends at [`Engine::shutdown`] or when the last one is
/// dropped.
#[derive(Clone, Debug)]
pub struct Engine {
    commands: mpsc::Sender<Command>,
    events: broadcast::Sender<JobEvent>,
}

/// What an engine is made of.
pub struct EngineOptions {
    /// Where its state lives.
    pub paths: Paths,
    /// What its user chose.
    pub settings: Settings,
    /// Where its time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where its identifiers come from.
    pub random: Arc<dyn Random>,
    /// Who carries calls to the owners of jobs.
    pub receivers: Arc<dyn Receivers>,
}

/// Files whose local names were found good.
#[derive(Debug)]
pub struct PlacedFiles(pub(super) Vec<(NewFile, Place)>);

impl PlacedFiles {
    /// Looks at the folders.
    ///
    /// # Errors
    /// Those of [`Engine::add_files`] that are about local names.
    pub async fn look(files: Vec<NewFile>) -> Result<Self, Failure> {
        // Folders may be slow to answer, or never answer: the engine's thread does not wait for them.
        let look = tokio::task::spawn_blocking(|| {
            let mut known = std::collections::HashMap::new();
            let look = |file: NewFile| Place::check_with(&file.local_name, &mut known).map(|place| (file, place));
            files.into_iter().map(look).collect::<Result<Vec<_>, _>>()
        });
        let files = look.await.map_err(|_| Failure::refused(common::E_UNEXPECTED, "the folders could not be looked at"))??;
        Ok(Self(files))
    }
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, Failure>>;

/// The calls, one for one.
#[derive(Debug)]
pub(super) enum Command {
    Create(NewJob, Reply<JobId>),
    AddFiles(JobId, PlacedFiles, Reply<()>),
    Change(JobId, Vec<Change>, Reply<()>),
    Resume(JobId, Reply<Hresult>),
    Suspend(JobId, Reply<Hresult>),
    Complete(JobId, Reply<Hresult>),
    Cancel(JobId, Reply<Hresult>),
    SetObject(JobId, Option<ObjectId>, Reply<Option<ObjectId>>),
    ObjectsGone(Vec<ObjectId>, Reply<()>),
    Validate(JobId, u32, Validity, Reply<Hresult>),
    Job(JobId, Reply<JobView>),
    Files(JobId, u32, u32, Reply<Vec<FileView>>),
    Jobs(Listing, Range<usize>, Reply<(Vec<JobView>, usize)>),
    JobIds(Listing, Reply<Vec<JobId>>),
    Find(String, Reply<JobId>),
    Status(Reply<EngineStatus>),
    StopTelling(Reply<()>),
    Shutdown(Reply<()>),
}

impl Engine {
    /// Opens the store and takes up the work that is in it.
    ///
    /// # Errors
    /// When the state cannot be used: the folder is on a network file system, the store was
    /// written by a newer version, the disk refuses. A store that cannot be read is set aside
    /// instead, see [`EngineStatus::set_aside`].
    pub async fn open(options: EngineOptions) -> Result<Self, Failure> {
        let (commands, inbox) = mpsc::channel(256);
        let (events, _) = broadcast::channel(1024);
        start::start(options, inbox, events.clone()).await?;
        Ok(Self { commands, events })
    }

    /// `IBackgroundCopyManager::CreateJob`: an empty job, SUSPENDED.
    ///
    /// # Errors
    /// `E_INVALIDARG` (name), `BG_E_TOO_MANY_JOBS_PER_USER`, `BG_E_TOO_MANY_JOBS_PER_MACHINE`,
    /// `E_NOTIMPL` (uploads), and those of [`Engine::change`].
    pub async fn create_job(&self, job: NewJob) -> Result<JobId, Failure> {
        self.call(|reply| Command::Create(job, reply)).await
    }

    /// `AddFileSet`: all of them or, on any failure, none.
    ///
    /// # Errors
    /// `E_INVALIDARG`, `E_ACCESSDENIED`, `ERROR_PATH_NOT_FOUND`, `BG_E_TOO_MANY_FILES_IN_JOB`,
    /// `BG_E_TOO_MANY_RANGES_IN_FILE`, `BG_E_INVALID_RANGE`, `BG_E_OVERLAPPING_RANGES`,
    /// `BG_E_INVALID_STATE` (final).
    pub async fn add_files(&self, job: JobId, files: Vec<NewFile>) -> Result<(), Failure> {
        let files = PlacedFiles::look(files).await?;
        self.add_placed_files(job, files).await
    }

    /// [`Engine::add_files`] of files whose folders were looked at already.
    ///
    /// # Errors
    /// Those of [`Engine::add_files`].
    pub async fn add_placed_files(&self, job: JobId, files: PlacedFiles) -> Result<(), Failure> {
        self.call(|reply| Command::AddFiles(job, files, reply)).await
    }

    /// The setters: all of them or, on any failure, none.
    ///
    /// # Errors
    /// `E_INVALIDARG`, `BG_E_STRING_TOO_LONG`, `E_NOTIMPL` (unknown bits or values),
    /// `BG_E_PROXY_LIST_TOO_LARGE`, `BG_E_PROXY_BYPASS_LIST_TOO_LARGE`, `BG_E_INVALID_STATE`
    /// (final).
    pub async fn change(&self, job: JobId, changes: Vec<Change>) -> Result<(), Failure> {
        self.call(|reply| Command::Change(job, changes, reply)).await
    }

    /// `Resume`. `S_OK`.
    ///
    /// # Errors
    /// `BG_E_EMPTY`, `BG_E_INVALID_STATE` (final).
    pub async fn resume(&self, job: JobId) -> Result<Hresult, Failure> {
        self.call(|reply| Command::Resume(job, reply)).await
    }

    /// `Suspend`. `S_OK`, also where it is suspended already.
    ///
    /// # Errors
    /// `BG_E_INVALID_STATE` (final).
    pub async fn suspend(&self, job: JobId) -> Result<Hresult, Failure> {
        self.call(|reply| Command::Suspend(job, reply)).await
    }

    /// `Complete`: finished files get their names, the others are given up. `S_OK`,
    /// `BG_S_PARTIAL_COMPLETE` or `BG_S_UNABLE_TO_DELETE_FILES`.
    ///
    /// # Errors
    /// What the disk said of a file that could not be renamed: the job stays. `BG_E_INVALID_STATE`
    /// (final).
    pub async fn complete(&self, job: JobId) -> Result<Hresult, Failure> {
        self.call(|reply| Command::Complete(job, reply)).await
    }

    /// `Cancel`: everything that was not completed is deleted. `S_OK` or
    /// `BG_S_UNABLE_TO_DELETE_FILES`.
    ///
    /// # Errors
    /// `BG_E_INVALID_STATE` (final).
    pub async fn cancel(&self, job: JobId) -> Result<Hresult, Failure> {
        self.call(|reply| Command::Cancel(job, reply)).await
    }

    /// `SetNotifyInterface`: from now on this object is called; `None` clears. Answers which one was
    /// called until now, so that its client can be told. What nobody has heard yet is told at once.
    ///
    /// # Errors
    /// `BG_E_NOT_FOUND`; `BG_E_INVALID_STATE` (final, and everything was told).
    pub async fn set_notify_interface(&self, job: JobId, object: Option<ObjectId>) -> Result<Option<ObjectId>, Failure> {
        self.call(|reply| Command::SetObject(job, object, reply)).await
    }

    /// The client of these objects has gone, and they with it.
    ///
    /// # Errors
    /// Only when the engine has ended.
    pub async fn objects_gone(&self, objects: Vec<ObjectId>) -> Result<(), Failure> {
        self.call(|reply| Command::ObjectsGone(objects, reply)).await
    }

    /// `IBackgroundCopyFile3::SetValidationState`.
    ///
    /// # Errors
    /// `BG_E_NOT_FOUND`, `BG_E_FILE_NOT_FOUND`, `E_PENDING` (not transferred yet),
    /// `BG_E_INVALID_STATE` (final).
    pub async fn validate(&self, job: JobId, file: u32, validity: Validity) -> Result<Hresult, Failure> {
        self.call(|reply| Command::Validate(job, file, validity, reply)).await
    }

    /// All getters at once. Answers for final jobs too, as long as they are remembered.
    ///
    /// # Errors
    /// `BG_E_NOT_FOUND`.
    pub async fn job(&self, job: JobId) -> Result<JobView, Failure> {
        self.call(|reply| Command::Job(job, reply)).await
    }

    /// `EnumFiles`: at most `count` files from the `start`-th on.
    ///
    /// # Errors
    /// `BG_E_NOT_FOUND`.
    pub async fn files(&self, job: JobId, start: u32, count: u32) -> Result<Vec<FileView>, Failure> {
        self.call(|reply| Command::Files(job, start, count, reply)).await
    }

    /// `EnumJobs`: a snapshot, in the order in which the jobs were made.
    ///
    /// # Errors
    /// Only when the engine has ended.
    pub async fn jobs(&self, listing: Listing) -> Result<Vec<JobView>, Failure> {
        self.page_of_jobs(listing, 0..usize::MAX).await.map(|(jobs, _)| jobs)
    }

    /// Those of [`Engine::jobs`] from a place on to another, and how many there are in all.
    ///
    /// # Errors
    /// Only when the engine has ended.
    pub async fn page_of_jobs(&self, listing: Listing, page: Range<usize>) -> Result<(Vec<JobView>, usize), Failure> {
        self.call(|reply| Command::Jobs(listing, page, reply)).await
    }

    /// Those of [`Engine::jobs`], by their ids alone.
    ///
    /// # Errors
    /// Only when the engine has ended.
    pub async fn job_ids(&self, listing: Listing) -> Result<Vec<JobId>, Failure> {
        self.call(|reply| Command::JobIds(listing, reply)).await
    }

    /// The job with this id, with an id that begins so, or with this display name, live ones
    /// first.
    ///
    /// # Errors
    /// `BG_E_NOT_FOUND`; `E_INVALIDARG` where several fit (the sentence lists them).
    pub async fn find(&self, text: &str) -> Result<JobId, Failure> {
        let text = text.to_owned();
        self.call(|reply| Command::Find(text, reply)).await
    }

    /// What the engine is doing.
    ///
    /// # Errors
    /// Only when the engine has ended.
    pub async fn status(&self) -> Result<EngineStatus, Failure> {
        self.call(Command::Status).await
    }

    /// What happens from now on. Who reads too slowly is told how much it missed and reads the
    /// jobs instead.
    pub fn subscribe(&self) -> broadcast::Receiver<JobEvent> {
        self.events.subscribe()
    }

    /// Tells owners nothing more: what is under way may end, and what it leaves untold is told by the
    /// next engine. For a host that is about to close the connections of receivers, which are not to
    /// be taken for gone.
    pub async fn stop_telling(&self) {
        // A refusal means that it has ended already.
        let _ = self.call(Command::StopTelling).await;
    }

    /// Takes no more work, stops all transfers at a point from which they go on, and closes the
    /// store. Later calls fail with `ERROR_SHUTDOWN_IN_PROGRESS`.
    pub async fn shutdown(&self) {
        // A refusal means that it has ended already.
        let _ = self.call(Command::Shutdown).await;
    }

    async fn call<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Failure> {
        let (reply, answer) = oneshot::channel();
        let ended = || Failure::refused(common::ERROR_SHUTDOWN_IN_PROGRESS, "the engine has ended");
        self.commands.send(command(reply)).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}
