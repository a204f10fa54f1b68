//! Tells owners: keeps what has to be told until somebody has heard it, and climbs the ladder.
//!
//! What is told is stored before it is told, with the change of state that it tells of. Calls run
//! beside the engine; what comes of them returns as reports. A callee that takes its time holds up
//! its own job alone.

use std::{sync::Arc, time::Duration};

use consign_bits::{Failure, JobId, bits, describe};
use consign_core::{Hresult, clock::Monotonic, common};

use super::{
    api::{JobError, JobEvent},
    entry::{Entry, Unheard},
    notice::{Ladder, Next, Notice, NoticeKind, ObjectId, Receiver, Told},
    report::Report,
    service::{Service, not_found},
    view,
};
use crate::machine::{Event, Origin, State};

/// Carries calls to receivers. The engine knows no connections and starts no processes.
pub trait Receivers: Send + Sync + 'static {
    /// Tells `receiver` of `notice`, with the error of the job if that is what is told. The engine gives up on objects and command lines after
    /// `jobs.callback_timeout`; how long a class may take to start only the one who starts it knows,
    /// and has to bound.
    fn tell(&self, job: JobId, notice: Notice, error: Option<JobError>, receiver: Receiver) -> Telling;

    /// The engine calls this object no more: one that was made of a class can go.
    fn released(&self, object: ObjectId) {
        let _ = object;
    }
}

/// A call on its way.
pub type Telling = std::pin::Pin<Box<dyn Future<Output = Told> + Send>>;

/// Nobody: an engine whose owner polls.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoReceivers;

impl Receivers for NoReceivers {
    fn tell(&self, _: JobId, _: Notice, _: Option<JobError>, _: Receiver) -> Telling {
        Box::pin(async { Told::Failed("nobody carries calls here".into()) })
    }
}

/// A call that is under way.
#[derive(Clone, Debug)]
pub(super) struct Call {
    number: u64,
    notice: Notice,
    receiver: Receiver,
    /// Whether it still counts among those that run at once.
    counted: bool,
    /// Whether another object was set since it began.
    outdated: bool,
}

/// How long a call counts among those that run at once. A callee that needs longer has its
/// deadline, but keeps nobody else waiting.
const SLOW: Duration = Duration::from_secs(2);

impl Service {
    /// Writes down that the owner has to be told; it happens after the commit.
    pub(super) fn keep_notice(&mut self, id: JobId, kind: NoticeKind) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        let notice = Notice { id: self.next_notice, kind };
        self.next_notice += 1;
        entry.notices.push_back(notice);
        self.batch.notices_added.push((id, notice));
        self.to_tell.insert(id);
    }

    /// Takes back what nobody has heard and nobody needs to hear any more.
    pub(super) fn withdraw(&mut self, id: JobId, outdated: impl Fn(NoticeKind) -> bool) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        let (gone, kept) = entry.notices.drain(..).partition(|notice: &Notice| outdated(notice.kind));
        entry.notices = kept;
        self.batch.notices_removed.extend(std::collections::VecDeque::into_iter(gone).map(|notice| (id, notice)));
    }

    /// Notes that something changed that the owner may want to look at.
    pub(super) fn modified(&mut self, id: JobId) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        let somebody = entry.activity.object.is_some() || entry.core.notification_class.is_some();
        if somebody && NoticeKind::JobModification.is_wanted(entry.core.notify_flags) {
            entry.activity.modification = true;
            self.to_tell.insert(id);
        }
    }

    /// Starts the calls that can be started now. After the commit, never before.
    pub(super) fn tell_owners(&mut self) {
        while self.free_calls() > 0 {
            let Some(id) = self.to_tell.pop_first() else { return };
            self.tell_owner(id);
        }
    }

    /// Of jobs of which nothing waits to be stored, all that there is to tell was stored before: their
    /// owners hear it while the rest is committed. Otherwise each call would wait for the commit that
    /// follows the one before.
    pub(super) fn tell_owners_of_stored(&mut self) {
        if self.free_calls() == 0 || self.to_tell.is_empty() {
            return;
        }
        let unstored = self.batch.jobs();
        let stored = self.to_tell.iter().filter(|id| !unstored.contains(id));
        for id in stored.take(self.free_calls()).copied().collect::<Vec<_>>() {
            self.to_tell.remove(&id);
            self.tell_owner(id);
        }
    }

    /// How many more calls may be under way.
    fn free_calls(&self) -> usize {
        (self.settings.jobs.callbacks_at_once.max(1) as usize).saturating_sub(self.calls as usize)
    }

    fn tell_owner(&mut self, id: JobId) {
        let now = self.now().monotonic;
        let Some(entry) = self.jobs.get_mut(&id).filter(|entry| entry.activity.call.is_none()) else { return };
        let flags = entry.core.notify_flags;
        let stored = entry.notices.iter().find(|notice| notice.kind.is_wanted(flags)).copied();
        let waits = entry.core.tell_again.is_some_and(|at| at > now);
        if let Some(notice) = stored.filter(|_| !waits) {
            let first = entry.ladder().first(notice.kind);
            self.climb(id, notice, first);
        } else if entry.activity.modification {
            let interval = Duration::from_millis(entry.core.notification_interval.into());
            let earliest = entry.activity.modification_told.map_or(Monotonic::default(), |told| told + interval);
            if earliest > now {
                self.tell_at(id, earliest);
                return;
            }
            entry.activity.modification = false;
            entry.activity.modification_told = Some(now);
            let first = entry.ladder().first(NoticeKind::JobModification);
            self.climb(id, Notice { id: 0, kind: NoticeKind::JobModification }, first);
        } else if entry.core.is_final()
            && stored.is_none()
            && let Some(object) = entry.activity.object.take()
        {
            self.receivers.released(object);
        }
    }

    fn climb(&mut self, id: JobId, notice: Notice, next: Next) {
        match next {
            Next::Try(receiver) => self.call(id, notice, receiver),
            Next::Over => self.heard(id, notice),
            Next::Later => {
                let delay = self.jobs.get(&id).map_or(Duration::ZERO, |entry| entry.core.machine.choices.minimum_retry_delay);
                let now = self.now();
                if let Some(unheard) = self.jobs.get_mut(&id).and_then(|entry| entry.activity.unheard.as_mut()) {
                    unheard.again = Some(now.wall + delay);
                }
                self.receivers_changed(id);
                self.tell_at(id, now.monotonic + delay);
            }
            Next::Wait => {}
        }
    }

    fn call(&mut self, id: JobId, notice: Notice, receiver: Receiver) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        let number = self.next_call;
        self.next_call += 1;
        self.calls += 1;
        entry.activity.call = Some(Call { number, notice, receiver: receiver.clone(), counted: true, outdated: false });
        let starts_itself = matches!(receiver, Receiver::Class(_));
        let error = if notice.kind == NoticeKind::JobError { view::error(entry) } else { None };
        let telling = self.receivers.tell(id, notice, error, receiver);
        let deadline = Duration::from_secs(self.settings.jobs.callback_timeout.max(1).into());
        let reports = self.reports.clone();
        tokio::spawn(async move {
            let call = async {
                match starts_itself {
                    true => telling.await,
                    false => tokio::time::timeout(deadline, telling)
                        .await
                        .unwrap_or_else(|_| Told::Failed(format!("no answer within {} s", deadline.as_secs()))),
                }
            };
            tokio::pin!(call);
            let told = tokio::select! {
                told = &mut call => told,
                () = tokio::time::sleep(SLOW) => {
                    let _ = reports.send(Report::CallIsSlow { job: id, number });
                    call.await
                }
            };
            // The engine has ended: the notice is stored, and told again.
            let _ = reports.send(Report::Told { job: id, number, told });
        });
    }

    pub(super) fn call_is_slow(&mut self, id: JobId, number: u64) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        let Some(call) = entry.activity.call.as_mut().filter(|call| call.number == number) else { return };
        if std::mem::take(&mut call.counted) {
            self.calls -= 1;
        }
        if call.outdated {
            entry.activity.call = None;
            self.to_tell.insert(id);
        }
    }

    pub(super) fn told(&mut self, id: JobId, number: u64, told: &Told) {
        let made = if let Told::Answered { object, .. } = told { *object } else { None };
        let Some(entry) = self.jobs.get_mut(&id) else { return self.refuse(made) };
        let Some(call) = entry.activity.call.take_if(|call| call.number == number) else { return self.refuse(made) };
        if call.counted {
            self.calls -= 1;
        }
        let had_object = entry.activity.object.is_some();
        match (told, &call.receiver) {
            // Whoever was set meanwhile comes first.
            (Told::Answered { object: Some(_), .. }, _) if had_object || call.outdated => self.refuse(made),
            (Told::Answered { object: Some(object), .. }, _) => entry.activity.object = Some(*object),
            (Told::Disconnected, Receiver::Object(object)) if entry.activity.object == Some(*object) => entry.activity.object = None,
            _ => {}
        }
        let has_object = self.jobs.get(&id).is_some_and(|entry| entry.activity.object.is_some());
        self.to_tell.insert(id);
        if had_object != has_object {
            self.receivers_changed(id);
        }
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        let pending = call.notice.id == 0 || entry.notices.iter().any(|notice| notice.id == call.notice.id);
        if !pending {
            return;
        }
        let next = entry.ladder().after(call.notice.kind, &call.receiver, told);
        if call.outdated && next != Next::Over {
            // Whoever was set meanwhile has not failed yet, and does not wait for the retry delay.
            return;
        }
        if next == Next::Later {
            let why = why_not(&call.receiver, told);
            tracing::warn!(job = %id, notice = call.notice.id, why, "the owner could not be told; it is told again after the retry delay");
            entry.activity.unheard = Some(Unheard { why, again: None });
        }
        self.climb(id, call.notice, next);
    }

    /// An object that was made for nothing.
    fn refuse(&self, object: Option<ObjectId>) {
        if let Some(object) = object {
            self.receivers.released(object);
        }
    }

    /// Somebody has heard it.
    fn heard(&mut self, id: JobId, notice: Notice) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        if let Some(at) = entry.notices.iter().position(|kept| kept.id == notice.id) {
            entry.notices.remove(at);
            self.batch.notices_removed.push((id, notice));
            self.receivers_changed(id);
        }
        self.tell_now(id);
    }

    /// `SetNotifyInterface`: the last one set is the one called. Answers who was displaced.
    pub(super) fn set_object(&mut self, id: JobId, object: Option<ObjectId>) -> Result<Option<ObjectId>, Failure> {
        let entry = self.jobs.get_mut(&id).ok_or_else(not_found)?;
        if entry.core.is_final() && entry.notices.is_empty() {
            return Err(Failure::refused(bits::BG_E_INVALID_STATE, "the job has ended, and everything was told"));
        }
        let displaced = std::mem::replace(&mut entry.activity.object, object).filter(|displaced| Some(*displaced) != object);
        self.receivers_changed(id);
        if let Some(entry) = self.jobs.get_mut(&id) {
            // A displaced object that has not answered for long keeps its successor no longer.
            entry.activity.call.take_if(|call| !call.counted);
            if let Some(call) = &mut entry.activity.call {
                call.outdated = true;
            }
        }
        self.tell_now(id);
        Ok(displaced)
    }

    /// The client of these objects is gone.
    pub(super) fn objects_gone(&mut self, gone: &[ObjectId]) {
        let losers = self.jobs.values_mut().filter(|entry| entry.activity.object.is_some_and(|object| gone.contains(&object)));
        let ids: Vec<JobId> = losers
            .map(|entry| {
                entry.activity.object = None;
                entry.core.id
            })
            .collect();
        for id in ids {
            self.receivers_changed(id);
            self.tell_now(id);
        }
    }

    /// Those who watch the job see it. Of a job that has ended nothing more is told.
    fn receivers_changed(&mut self, id: JobId) {
        if self.jobs.get(&id).is_some_and(|entry| !entry.core.is_final()) {
            self.batch.told.insert(JobEvent::Changed(id));
        }
    }

    /// What waited for the retry delay is told now: something about the receivers changed.
    pub(super) fn tell_now(&mut self, id: JobId) {
        if let Some(entry) = self.jobs.get_mut(&id) {
            entry.core.tell_again = None;
            entry.activity.unheard = None;
            self.index.place(&entry.core, &mut entry.activity.keys);
            self.to_tell.insert(id);
        }
    }

    fn tell_at(&mut self, id: JobId, at: Monotonic) {
        if let Some(entry) = self.jobs.get_mut(&id) {
            entry.core.tell_again = Some(at);
            self.index.place(&entry.core, &mut entry.activity.keys);
        }
    }

    /// `SetValidationState`: what the owner says of a file that is here.
    pub(super) fn validate(&mut self, id: JobId, number: u32, validity: Validity) -> Result<Hresult, Failure> {
        let entry = self.jobs.get_mut(&id).ok_or_else(not_found)?;
        if entry.core.is_final() || matches!(entry.core.machine.state, State::Completing { .. }) {
            return Err(Failure::refused(bits::BG_E_INVALID_STATE, "the job was completed or cancelled"));
        }
        let no_file = || Failure::refused(bits::BG_E_FILE_NOT_FOUND, format!("the job has no file {number}"));
        let file = entry.files.get(number as usize).ok_or_else(no_file)?;
        if !file.is_done() {
            return Err(Failure::refused(common::E_PENDING, "the file is not transferred yet"));
        }
        self.batch.touch_file(entry, number);
        entry.core.error_file = Some(number);
        if let Some(file) = entry.files.get_mut(number as usize) {
            file.validity = Some(validity);
            if validity == Validity::Invalid {
                file.forget();
            }
        }
        match validity {
            Validity::Valid => Ok(common::S_OK),
            // There are no peers: all data is the server's.
            Validity::Invalid => self.step(id, Event::FoundInvalid(Origin::Server)),
        }
    }

    /// Whether a stored notice could be told without any client.
    pub(super) fn can_tell_without_client(&self) -> bool {
        self.jobs.values().any(|entry| {
            let wanted = entry.notices.iter().any(|notice| notice.kind.is_wanted(entry.core.notify_flags));
            wanted && (entry.core.notification_class.is_some() || entry.core.command_line.is_some())
        })
    }
}

/// What the owner found when it looked at a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It is what it should be, and could be given to others.
    Valid,
    /// It is not: the job stops with `BG_E_VALIDATION_FAILED`, and fetches it again when resumed.
    Invalid,
}

impl Entry {
    fn ladder(&self) -> Ladder {
        Ladder { object: self.activity.object, class: self.core.notification_class, command_line: self.core.command_line.clone() }
    }
}

/// What a failed call says of the one that was called.
fn why_not(receiver: &Receiver, told: &Told) -> String {
    let who = match receiver {
        Receiver::Object(_) => "the object".to_owned(),
        Receiver::Class(class) => format!("the class {class}"),
        Receiver::CommandLine(line) => format!("the command {}", line.program),
    };
    match told {
        Told::Answered { result, .. } => format!("{who} answered {} ({result})", describe(*result).symbol),
        Told::Disconnected => format!("{who} was disconnected"),
        Told::Failed(why) => format!("{who} could not be told: {why}"),
    }
}

/// The one that carries calls, shared with the tasks that wait for them.
pub(super) type SharedReceivers = Arc<dyn Receivers>;
