//! The objects of one client that are registered, and the calls on them.
//!
//! They outlive a connection: a client that connects again registers them again. Each call runs in a
//! task of its own, so that the connection is read meanwhile and calls made inside it get answers.

use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use consign_bits::{ErrorContext, JobId};
use consign_core::{
    Hresult,
    common::{E_INVALIDARG, E_NOTIMPL, E_UNEXPECTED, S_OK},
};
use consign_wire::{ErrorRecord, RangeRecord, names};
use futures_util::future::BoxFuture;
use zbus::{
    Message, OwnedObjectPath,
    message::{Flags, Header},
};

use crate::{
    BackgroundCopyCallback, EventId, FileRange, Job, JobError,
    client::WeakClient,
    server::{self, ClassObjects},
};

/// What stands before the number of an object.
const PATH_PREFIX: &str = "/org/consign/callback/";

/// The objects, by number.
#[derive(Default)]
pub(crate) struct Callbacks {
    objects: Mutex<Inner>,
    /// Of a server: what makes more of them.
    factory: OnceLock<ClassObjects>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    entries: HashMap<u64, Entry>,
}

#[derive(Clone)]
struct Entry {
    /// `None` for an object of a class, which serves any job.
    job: Option<JobId>,
    client: WeakClient,
    callee: Arc<dyn Callee>,
}

/// A method and its arguments.
pub(crate) enum Called {
    Transferred(EventId),
    Error(JobError, EventId),
    Modification,
    File(u32, EventId),
    FileRanges(u32, Vec<FileRange>),
    Displaced,
    /// The job has ended, and all was told: the object is let go.
    Released,
}

/// An object, whatever its methods run on.
pub(crate) trait Callee: Send + Sync {
    fn call(&self, job: Job, called: Called) -> BoxFuture<'static, Answer>;
}

/// What a method returned.
pub(crate) struct Answer {
    pub(crate) result: Hresult,
    /// Dropped once the answer is on its way: what sends it, if nobody else keeps that.
    pub(crate) keep: Option<Box<dyn Any + Send>>,
}

/// An object whose methods are async.
pub(crate) struct Tasks<C>(pub(crate) Arc<C>);

impl<C: BackgroundCopyCallback> Callee for Tasks<C> {
    fn call(&self, job: Job, called: Called) -> BoxFuture<'static, Answer> {
        let callback = Arc::clone(&self.0);
        Box::pin(async move {
            let result = match called {
                Called::Transferred(event) => callback.job_transferred(job, event).await,
                Called::Error(error, event) => callback.job_error(job, error, event).await,
                Called::Modification => callback.job_modification(job).await,
                Called::File(file, event) => callback.file_transferred(job, file, event).await,
                Called::FileRanges(file, ranges) => callback.file_ranges_transferred(job, file, ranges).await,
                Called::Displaced => {
                    callback.displaced(job).await;
                    S_OK
                }
                Called::Released => S_OK,
            };
            Answer { result, keep: None }
        })
    }
}

impl Callbacks {
    /// Adds an object, of one job or of a class; answers its number.
    pub(crate) fn add(&self, job: Option<JobId>, client: WeakClient, callee: Arc<dyn Callee>) -> u64 {
        let mut inner = self.lock();
        inner.last += 1;
        let number = inner.last;
        inner.entries.insert(number, Entry { job, client, callee });
        number
    }

    pub(crate) fn remove(&self, number: u64) {
        let removed = self.lock().entries.remove(&number);
        // What the application drops may call us.
        drop(removed);
    }

    /// The numbers of a job's objects.
    pub(crate) fn of_job(&self, job: JobId) -> Vec<u64> {
        self.lock().entries.iter().filter(|(_, entry)| entry.job == Some(job)).map(|(number, _)| *number).collect()
    }

    /// All objects that were set for a job, and the job, in the order in which they were added.
    pub(crate) fn all(&self) -> Vec<(u64, JobId)> {
        let mut all: Vec<_> = self.lock().entries.iter().filter_map(|(number, entry)| Some((*number, entry.job?))).collect();
        all.sort_unstable();
        all
    }

    /// Answers a call in a task of its own.
    pub(crate) fn serve(self: &Arc<Self>, bus: zbus::Connection, message: Message) {
        let callbacks = Arc::clone(self);
        tokio::spawn(async move { callbacks.answer(&bus, &message).await });
    }

    /// From now on calls on factories go to these. Only a server does it, once.
    pub(crate) fn serve_classes(&self, classes: ClassObjects) {
        let _ = self.factory.set(classes);
    }

    async fn answer(&self, bus: &zbus::Connection, message: &Message) {
        let header = message.header();
        if let Some(classes) = self.factory.get()
            && header.path().is_some_and(|path| *path == server::FACTORY_PATH)
        {
            return classes.answer(self, bus, message).await;
        }
        let wanted = !message.primary_header().flags().contains(Flags::NO_REPLY_EXPECTED);
        let refuse = async |name: &str, code: Hresult, sentence: &str| {
            if wanted {
                let body = (sentence, code.as_i32(), ErrorContext::None.number());
                // A connection that has closed wants no answer.
                let _ = bus.reply_error(&header, format!("org.freedesktop.DBus.Error.{name}"), &body).await;
            }
        };
        let Some((number, entry)) = self.find(&header) else {
            return refuse("UnknownObject", E_NOTIMPL, "there is no such object").await;
        };
        let (job, called) = match read(&header, message) {
            Ok((job, called)) => (entry.job.or(job), called),
            Err(Unreadable::Method) => return refuse("UnknownMethod", E_NOTIMPL, "there is no such method").await,
            Err(Unreadable::Arguments) => return refuse("InvalidArgs", E_INVALIDARG, "the arguments are not understood").await,
        };
        if matches!(called, Called::Displaced | Called::Released) {
            self.remove(number);
        }
        let Some(job) = job else {
            return refuse("InvalidArgs", E_INVALIDARG, "the first argument is no job").await;
        };
        // Kept until the answer is sent: the object may drop the last handle of the client.
        let Some(client) = entry.client.upgrade() else { return };
        let _in_hand = self.factory.get().map(ClassObjects::in_hand);
        let call = tokio::spawn(entry.callee.call(client.job(job), called));
        let answer = call.await.unwrap_or(Answer { result: E_UNEXPECTED, keep: None });
        if wanted {
            let _ = bus.reply(&header, &answer.result.as_i32()).await;
        }
        drop((client, answer.keep));
    }

    fn find(&self, header: &Header<'_>) -> Option<(u64, Entry)> {
        let number = number(header.path()?.as_str())?;
        Some((number, self.lock().entries.get(&number)?.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The path of an object.
pub(crate) fn path(number: u64) -> String {
    format!("{PATH_PREFIX}{number}")
}

/// The number of the object at a path.
pub(crate) fn number(path: &str) -> Option<u64> {
    path.strip_prefix(PATH_PREFIX)?.parse().ok()
}

enum Unreadable {
    Method,
    Arguments,
}

/// The job of an argument, where it is one, and what is called.
fn read(header: &Header<'_>, message: &Message) -> Result<(Option<JobId>, Called), Unreadable> {
    if header.interface().is_some_and(|interface| *interface != names::CALLBACK) {
        return Err(Unreadable::Method);
    }
    let body = message.body();
    let called = match header.member().map(|member| member.as_str()) {
        Some("JobTransferred") => body.deserialize().map(|(job, event): (_, u64)| (job, Called::Transferred(EventId::new(event)))),
        Some("JobError") => {
            let (job, error, event): (_, ErrorRecord, u64) = body.deserialize().map_err(|_| Unreadable::Arguments)?;
            // Whoever answers that it heard of an error has heard of one.
            let error = JobError::read(error).ok_or(Unreadable::Arguments)?;
            Ok((job, Called::Error(error, EventId::new(event))))
        }
        Some("JobModification") => body.deserialize().map(|(job, _): (_, u64)| (job, Called::Modification)),
        Some("FileTransferred") => {
            body.deserialize().map(|(job, file, event): (_, u32, u64)| (job, Called::File(file, EventId::new(event))))
        }
        Some("FileRangesTransferred") => body.deserialize().map(|(job, file, ranges): (_, u32, Vec<RangeRecord>)| {
            let ranges = ranges.iter().map(|range| FileRange { initial_offset: range.initial_offset, length: range.length });
            (job, Called::FileRanges(file, ranges.collect()))
        }),
        Some("Released") => body.deserialize().map(|(job,): (_,)| (job, Called::Released)),
        Some("Displaced") => body.deserialize().map(|(job,): (_,)| (job, Called::Displaced)),
        _ => return Err(Unreadable::Method),
    };
    let (job, called): (OwnedObjectPath, Called) = called.map_err(|_| Unreadable::Arguments)?;
    Ok((names::job_of_path(job.as_str()), called))
}
