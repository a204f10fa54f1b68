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
    callees::{Callee, End},
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

    /// The connection that an object is called over: a client that lets one call wait keeps its other
    /// jobs waiting, and nobody else's.
    fn connection_of(&self, object: ObjectId) -> u64 {
        object.0
    }

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
    pace: End,
    /// Whether another object was set since it began.
    outdated: bool,
}

/// How long a call may keep others waiting. A callee that needs longer has its deadline.
const SLOW: Duration = Duration::from_secs(2);

impl Service {
    /// Writes down that the owner has to be told; it happens after the commit.
    pub(super) fn keep_notice(&mut self, id: JobId, kind: NoticeKind) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        // Files come before what becomes of the job. A fetch that ends after the error of another file is
        // waited for, so nobody has heard of that error yet, and it can be another event.
        let error = entry.notices.iter().position(|notice| notice.kind == NoticeKind::JobError);
        let is_file = matches!(kind, NoticeKind::FileTransferred(_));
        let later = error.filter(|_| is_file).and_then(|at| entry.notices.remove(at));
        self.batch.notices_removed.extend(later.map(|notice| (id, notice)));
        for kind in std::iter::once(kind).chain(later.map(|notice| notice.kind)) {
            let notice = Notice { id: self.next_notice, kind };
            self.next_notice += 1;
            entry.notices.push_back(notice);
            self.batch.notices_added.push((id, notice));
        }
        self.to_tell.insert(id);
    }

    /// Takes back what nobody has heard and nobody needs to hear any more.
    pub(super) fn withdraw(&mut self, id: JobId, outdated: impl Fn(NoticeKind) -> bool) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        let first = entry.notices.front().copied();
        let (gone, kept) = entry.notices.drain(..).partition(|notice: &Notice| outdated(notice.kind));
        *entry.notices = kept;
        // What comes next has not failed yet.
        let waits_anew = entry.notices.front().copied() != first;
        self.batch.notices_removed.extend(std::collections::VecDeque::into_iter(gone).map(|notice| (id, notice)));
        if waits_anew {
            self.tell_now(id);
        }
    }

    /// Notes that something changed that the owner may want to look at.
    pub(super) fn modified(&mut self, id: JobId) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        let somebody = entry.activity.object.is_some() || entry.core.rare.notification_class.is_some();
        if somebody && NoticeKind::JobModification.is_wanted(entry.core.notify_flags) {
            entry.activity.modification = true;
            self.to_tell.insert(id);
        }
    }

    /// Starts the calls that can be started now. After the commit, never before.
    pub(super) fn tell_owners(&mut self) {
        while self.may_call() {
            let Some(id) = self.to_tell.pop_first() else { return };
            self.tell_owner(id);
        }
    }

    /// Of jobs of which nothing waits to be stored, all that there is to tell was stored before: their
    /// owners hear it while the rest is committed. Otherwise each call would wait for the commit that
    /// follows the one before.
    pub(super) fn tell_owners_of_stored(&mut self) {
        if !self.may_call() || self.to_tell.is_empty() {
            return;
        }
        let unstored = self.batch.jobs();
        let stored = self.to_tell.iter().filter(|id| !unstored.contains(id));
        for id in stored.take(self.callees.room()).copied().collect::<Vec<_>>() {
            self.to_tell.remove(&id);
            self.tell_owner(id);
        }
    }

    fn may_call(&self) -> bool {
        !self.silent && self.callees.room() > 0
    }

    fn tell_owner(&mut self, id: JobId) {
        let now = self.now().monotonic;
        let Some(entry) = self.jobs.get_mut(&id).filter(|entry| entry.activity.call.is_none()) else { return };
        let activity = &mut entry.activity;
        if activity.object_class.is_some_and(|class| entry.core.rare.notification_class != Some(class)) {
            // Its class was taken back, or is another now.
            activity.object_class = None;
            if let Some(object) = activity.object.take() {
                self.receivers.released(object);
            }
        }
        let waits = entry.core.rare.tell_again.is_some_and(|at| at > now);
        let stored = entry.first_notice();
        if stored.is_some_and(|notice| notice.kind == NoticeKind::JobError) && entry.activity.fetching > 0 {
            // Its last fetches may still bring files. Their end brings us back.
            return;
        }
        if let Some(notice) = stored.filter(|_| !waits) {
            let first = entry.ladder().first(notice.kind);
            self.climb(id, notice, first, None);
        } else if entry.activity.modification {
            let interval = Duration::from_millis(entry.core.notification_interval.into());
            let earliest = entry.activity.modification_told.map_or(Monotonic::default(), |told| told + interval);
            if earliest > now {
                entry.core.rare.modification_due = Some(earliest);
                self.index.place(&entry.core, &mut entry.keys);
                return;
            }
            entry.activity.modification = false;
            entry.activity.modification_told = Some(now);
            let first = entry.ladder().first(NoticeKind::JobModification);
            self.climb(id, Notice { id: 0, kind: NoticeKind::JobModification }, first, None);
        } else if entry.core.is_final()
            && stored.is_none()
            && let Some(object) = entry.activity.object.take()
        {
            self.receivers.released(object);
        }
    }

    /// The time has come to tell of a modification that waited for it.
    pub(super) fn modification_is_due(&mut self, id: JobId) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        entry.core.rare.modification_due = None;
        self.index.place(&entry.core, &mut entry.keys);
        self.to_tell.insert(id);
    }

    /// Does what follows. `sooner` is when another try is worth it, if that is known.
    fn climb(&mut self, id: JobId, notice: Notice, next: Next, sooner: Option<Duration>) {
        match next {
            Next::Try(receiver) => self.call(id, notice, receiver),
            Next::Over => self.heard(id, notice),
            Next::Later => {
                let Some(entry) = self.jobs.get_mut(&id) else { return };
                let delay = entry.core.machine.choices.minimum_retry_delay;
                let delay = sooner.map_or(delay, |sooner| sooner.min(delay));
                let now = self.clock.now();
                if let Some(unheard) = &mut entry.activity.unheard {
                    unheard.again = Some(now.wall + delay);
                }
                entry.core.rare.tell_again = Some(now.monotonic + delay);
                self.index.place(&entry.core, &mut entry.keys);
                self.receivers_changed(id);
            }
            Next::Wait => {}
        }
    }

    fn call(&mut self, id: JobId, notice: Notice, receiver: Receiver) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        let callee = match &receiver {
            Receiver::Object(object) => Callee::Connection(self.receivers.connection_of(*object)),
            Receiver::Class(class) => Callee::Class(*class),
            Receiver::CommandLine(line) => Callee::Program(line.program.clone()),
        };
        // Without a number it is tried again when the callee has answered somebody.
        let Some(number) = self.callees.begin(callee, id) else { return };
        entry.activity.call = Some(Call { number, notice, receiver: receiver.clone(), pace: End::Quick, outdated: false });
        let error = if notice.kind == NoticeKind::JobError { view::error(entry) } else { None };
        let starts_itself = matches!(receiver, Receiver::Class(_));
        let telling = self.receivers.tell(id, notice, error, receiver);
        let deadline = Duration::from_secs(self.settings.jobs.callback_timeout.max(1).into());
        let reports = self.reports.clone();
        // Those that have ended are let go.
        while self.telling.try_join_next().is_some() {}
        self.telling.spawn(async move {
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
        self.callees.is_slow(number);
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        let Some(call) = entry.activity.call.as_mut().filter(|call| call.number == number) else { return };
        call.pace = End::Slow;
        if call.outdated {
            entry.activity.call = None;
            self.to_tell.insert(id);
        }
    }

    pub(super) fn told(&mut self, id: JobId, number: u64, told: &Told) {
        let made = if let Told::Answered { object, .. } = told { *object } else { None };
        let call = self.jobs.get_mut(&id).and_then(|entry| entry.activity.call.take_if(|call| call.number == number));
        let end = match (told, &call) {
            (Told::Disconnected, _) => End::Gone,
            (_, Some(call)) => call.pace,
            // Abandoned, because it was slow.
            (_, None) => End::Slow,
        };
        let waited = self.callees.ended(number, end);
        self.to_tell.extend(waited);
        let (Some(entry), Some(call)) = (self.jobs.get_mut(&id), call) else { return self.refuse(made) };
        let had_object = entry.activity.object.is_some();
        match (told, &call.receiver) {
            // Whoever was set meanwhile comes first.
            (Told::Answered { object: Some(_), .. }, _) if had_object || call.outdated => self.refuse(made),
            (Told::Answered { object: Some(object), .. }, receiver) => {
                entry.activity.object = Some(*object);
                entry.activity.object_class = if let Receiver::Class(class) = receiver { Some(*class) } else { None };
            }
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
        if next != Next::Over && (call.outdated || self.silent) {
            // Whoever was set meanwhile has not failed yet, and does not wait for the retry delay; nor is
            // who could not answer because the service ends.
            return;
        }
        if next == Next::Later {
            let why = why_not(&call.receiver, told);
            tracing::warn!(job = %id, notice = call.notice.id, why, "the owner could not be told; it is told again after the retry delay");
            entry.activity.unheard = Some(Unheard { why, again: None });
        }
        let sooner = if let Told::NotYet(_, sooner) = told { Some(*sooner) } else { None };
        self.climb(id, call.notice, next, sooner);
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
        let Some(at) = entry.notices.iter().position(|kept| kept.id == notice.id) else { return };
        entry.notices.remove(at);
        if entry.core.is_final() && entry.notices.is_empty() {
            self.batch.told.insert(JobEvent::AllTold(id));
        }
        self.batch.notices_removed.push((id, notice));
        self.receivers_changed(id);
        self.tell_now(id);
    }

    /// `SetNotifyInterface`: the last one set is the one called. Answers who was displaced.
    pub(super) fn set_object(&mut self, id: JobId, object: Option<ObjectId>) -> Result<Option<ObjectId>, Failure> {
        let entry = self.jobs.get_mut(&id).ok_or_else(not_found)?;
        if entry.core.is_final() && entry.notices.is_empty() {
            return Err(Failure::refused(bits::BG_E_INVALID_STATE, "the job has ended, and everything was told"));
        }
        let displaced = std::mem::replace(&mut entry.activity.object, object).filter(|displaced| Some(*displaced) != object);
        entry.activity.object_class = None;
        self.receivers_changed(id);
        if let Some(entry) = self.jobs.get_mut(&id) {
            // A displaced object that has not answered for long keeps its successor no longer.
            entry.activity.call.take_if(|call| call.pace == End::Slow);
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
            if entry.core.rare.tell_again.is_some() {
                entry.core.rare.tell_again = None;
            }
            if entry.activity.unheard.is_some() {
                entry.activity.unheard = None;
            }
            self.index.place(&entry.core, &mut entry.keys);
            self.to_tell.insert(id);
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
        entry.core.rare.error_file = Some(number);
        if let Some(file) = entry.file_mut(number) {
            file.validity = Some(validity);
            if validity == Validity::Invalid {
                file.forget();
            }
        }
        if validity == Validity::Invalid {
            // Nobody has to hear of a file that is not there any more.
            self.withdraw(id, |kind| kind == NoticeKind::FileTransferred(number));
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
            entry.first_notice().is_some() && (entry.core.rare.notification_class.is_some() || entry.core.rare.command_line.is_some())
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
    /// What is told next. Where there is only a command line, what that is not for is passed over.
    fn first_notice(&self) -> Option<Notice> {
        let only_line =
            self.activity.object.is_none() && self.core.rare.notification_class.is_none() && self.core.rare.command_line.is_some();
        let is_for_it = |kind| !only_line || matches!(kind, NoticeKind::JobTransferred | NoticeKind::JobError);
        let flags = self.core.notify_flags;
        self.notices.iter().find(|notice| notice.kind.is_wanted(flags) && is_for_it(notice.kind)).copied()
    }

    /// Whether there is something to tell, and somebody who can be told. What nobody can be told of waits
    /// for whoever registers, as long as the job is remembered anyway.
    pub(super) fn has_to_tell(&self) -> bool {
        let ladder = self.ladder();
        let somebody = ladder.object.is_some() || ladder.class.is_some() || ladder.command_line.is_some();
        somebody && self.first_notice().is_some()
    }

    fn ladder(&self) -> Ladder {
        Ladder { object: self.activity.object, class: self.core.rare.notification_class, command_line: self.core.rare.command_line.clone() }
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
        Told::Failed(why) | Told::NotYet(why, _) => format!("{who} could not be told: {why}"),
    }
}

/// The one that carries calls, shared with the tasks that wait for them.
pub(super) type SharedReceivers = Arc<dyn Receivers>;
