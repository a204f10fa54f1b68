//! The account of all servers: one lock, under which events are decided. What calls outward is done
//! after it is given back.

use std::{
    collections::{HashMap, hash_map::Entry},
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use consign_core::{Now, clock::Monotonic, common};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot, watch},
    time::sleep,
};

use super::{
    deaths::{Deaths, Died},
    errands::{Answer, Errands},
    known::Known,
    launch::{self, Launched},
    lease::Lease,
    options::Options,
    slot::{Slot, terms},
    status::{ClassState, ClassStatus},
};
use crate::{
    class_file::{ClassFile, Host},
    failure::Failure,
    names::ClassId,
    process::is_child,
    server::{Action, Attempt, Connection, Event, Hosting, Process, Refusal, State, Step, StopReason, Token, step},
};

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) options: Options,
    pub(super) runtime: Handle,
    me: Weak<Self>,
    slots: Mutex<HashMap<ClassId, Slot>>,
    ending: AtomicBool,
    /// Counts what happened, for whoever waits for something to have happened.
    changes: watch::Sender<u64>,
    listeners: Mutex<Vec<mpsc::UnboundedSender<Died>>>,
    pub(super) known: Known,
    /// The latest attempt of all classes that were forgotten.
    forgotten: AtomicU64,
}

impl Desk {
    pub(super) fn new(options: Options, runtime: Handle) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            options,
            runtime,
            me: me.clone(),
            slots: Mutex::default(),
            ending: AtomicBool::new(false),
            changes: watch::Sender::new(0),
            listeners: Mutex::default(),
            known: Known::default(),
            forgotten: AtomicU64::new(0),
        })
    }

    /// Joins those who use the server or wait for it; `None` when there is none.
    pub(super) fn join(&self, class: ClassId) -> Result<Option<oneshot::Receiver<Answer>>, Failure> {
        self.change(|slots, errands| {
            self.still_open()?;
            let slot = slots.get_mut(&class).filter(|slot| matches!(slot.server.state, State::Starting { .. } | State::Running { .. }));
            Ok(slot.map(|slot| self.want(slot, errands)))
        })
    }

    pub(super) fn wanted(&self, file: ClassFile) -> Result<oneshot::Receiver<Answer>, Failure> {
        self.change(|slots, errands| {
            self.still_open()?;
            Ok(self.want(self.slot(slots, file), errands))
        })
    }

    fn want(&self, slot: &mut Slot, errands: &mut Errands) -> oneshot::Receiver<Answer> {
        let (sender, answer) = oneshot::channel();
        slot.waiters.push(sender);
        let token = Token::random(&*self.options.random);
        // Only a registration has an answer of its own.
        let _ = self.happened(slot, Event::Wanted { token }, errands);
        answer
    }

    /// Whose server was started with this token and has not registered yet.
    pub(super) fn owner_of(&self, token: &Token) -> Option<ClassId> {
        let slots = self.lock();
        // Every token is compared: which one matched cannot be told by the time it took.
        slots.iter().fold(None, |found, (class, slot)| match &slot.server.state {
            State::Starting { token: expected, .. } if expected == token => Some(*class),
            _ => found,
        })
    }

    /// `file` makes a class known that nobody has wanted yet.
    pub(super) fn registered(&self, class: ClassId, file: Option<ClassFile>, event: Event) -> Result<(), Failure> {
        self.change(|slots, errands| {
            self.still_open()?;
            let slot = match file {
                Some(file) => self.slot(slots, file),
                None => slots.get_mut(&class).ok_or(Refusal::StaleToken)?,
            };
            self.happened(slot, event, errands).inspect_err(|refusal| tracing::warn!(%class, %refusal, "a server was not registered"))?;
            tracing::info!(%class, "a server has registered");
            Ok(())
        })
    }

    pub(super) fn connection_closed(&self, connection: Connection) {
        self.change(|slots, errands| {
            for slot in slots.values_mut() {
                let _ = self.happened(slot, Event::ConnectionClosed { connection }, errands);
            }
        });
    }

    pub(super) fn revoked(&self, class: ClassId, connection: Connection) {
        self.event(class, Event::Revoked { connection });
    }

    pub(super) fn renewed(&self, class: ClassId) {
        self.known.here(class);
        self.event(class, Event::Renewed);
    }

    /// The class is not registered any more: what is known of it is forgotten when its server is over.
    pub(super) fn gone(&self, class: ClassId) {
        self.change(|_, _| self.known.gone(class));
    }

    pub(super) fn released(&self, class: ClassId, attempt: Attempt) {
        self.event(class, Event::Released { attempt });
    }

    pub(super) fn stop(&self, class: ClassId, reason: StopReason) {
        self.event(class, Event::Stop { reason });
    }

    /// Nothing is started from here on.
    pub(super) fn stop_all(&self, how: impl Fn(StopReason) -> Event) {
        self.change(|slots, errands| {
            self.ending.store(true, Ordering::SeqCst);
            for slot in slots.values_mut() {
                let _ = self.happened(slot, how(StopReason::ServiceEnds), errands);
            }
        });
    }

    pub(super) async fn all_gone(&self) {
        let mut changes = self.changes.subscribe();
        let gone = |_: &u64| self.lock().values().all(|slot| matches!(slot.server.state, State::Absent | State::BackingOff { .. }));
        // The sender is ours: it is not gone.
        let _ = changes.wait_for(gone).await;
    }

    pub(super) fn deaths(&self) -> Deaths {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        Deaths(receiver)
    }

    pub(super) fn status(&self, class: ClassId) -> Option<ClassStatus> {
        let now = self.now().monotonic;
        self.lock().get(&class).map(|slot| slot.status(now))
    }

    pub(super) fn state(&self, class: ClassId) -> Option<ClassState> {
        let now = self.now().monotonic;
        self.lock().get(&class).map(|slot| slot.state(now))
    }

    pub(super) fn is_starting_process(&self, process: u32) -> bool {
        let mut unreported = false;
        for slot in self.lock().values() {
            let starting = matches!(slot.server.state, State::Starting { .. });
            if slot.process() == Some(process) {
                return starting;
            }
            let own = slot.terms.hosting == Hosting::Own;
            unreported |= starting && own && slot.server.process() == Some(Process::Pending);
        }
        unreported && is_child(process)
    }

    /// What became of [`Action::Start`].
    pub(super) fn launched(&self, class: ClassId, attempt: Attempt, launched: Result<Launched, Failure>) {
        self.change(|slots, errands| {
            // Dropped, and so killed, what nobody waits for any more.
            let Some(slot) = slots.get_mut(&class).filter(|slot| slot.server.attempt == attempt) else { return };
            let event = match launched {
                Ok(Launched::Own(group, voice)) => {
                    let process = Process::Own(group.id());
                    tracing::info!(%class, process = group.id(), "a server was started");
                    slot.group = Some(group);
                    self.runtime.spawn(launch::follow(self.me.clone(), class, attempt, voice, Arc::clone(&slot.output)));
                    Event::Spawned { attempt, process }
                }
                Ok(Launched::Elsewhere) => Event::Spawned { attempt, process: Process::Elsewhere },
                Err(failure) => Event::SpawnFailed { attempt, failure },
            };
            let _ = self.happened(slot, event, errands);
        });
    }

    /// The process of an attempt has ended.
    pub(super) fn exited(&self, class: ClassId, attempt: Attempt) {
        let take = |slot: &mut Slot| if slot.server.attempt == attempt { slot.group.take() } else { None };
        let Some(group) = self.lock().get_mut(&class).and_then(take) else { return };
        let exit = group.reap();
        tracing::info!(%class, %exit, "a server has ended");
        self.event(class, Event::ProcessExited { attempt, exit });
    }

    fn time_came(&self, class: ClassId) {
        self.change(|slots, errands| {
            let Some(slot) = slots.get_mut(&class) else { return };
            slot.timer = None;
            let _ = self.happened(slot, Event::TimeCame, errands);
        });
    }

    pub(super) fn now(&self) -> Now {
        self.options.clock.now()
    }

    fn still_open(&self) -> Result<(), Failure> {
        if self.ending.load(Ordering::SeqCst) { Err(Failure::of(common::ERROR_SHUTDOWN_IN_PROGRESS)) } else { Ok(()) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClassId, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn event(&self, class: ClassId, event: Event) {
        self.change(|slots, errands| {
            if let Some(slot) = slots.get_mut(&class) {
                let _ = self.happened(slot, event, errands);
            }
        });
    }

    fn change<T>(&self, decide: impl FnOnce(&mut HashMap<ClassId, Slot>, &mut Errands) -> T) -> T {
        let mut errands = Errands::default();
        let result = {
            let mut slots = self.lock();
            let result = decide(&mut slots, &mut errands);
            self.forget_gone(&mut slots);
            result
        };
        errands.run(&*self.options.link, &self.listeners);
        self.changes.send_modify(|count| *count += 1);
        result
    }

    /// The servers of classes that are not registered any more are remembered until they are over.
    fn forget_gone(&self, slots: &mut HashMap<ClassId, Slot>) {
        self.known.forget_gone(|class| match slots.entry(class) {
            Entry::Occupied(slot) if slot.get().is_over() => {
                self.forgotten.fetch_max(slot.remove().server.attempt.0, Ordering::SeqCst);
                false
            }
            Entry::Occupied(_) => true,
            Entry::Vacant(_) => false,
        });
    }

    /// The slot of a class, by what its file says now.
    fn slot<'a>(&self, slots: &'a mut HashMap<ClassId, Slot>, file: ClassFile) -> &'a mut Slot {
        self.known.here(file.class);
        let terms = terms(&self.options, &file);
        match slots.entry(file.class) {
            Entry::Occupied(slot) => {
                let slot = slot.into_mut();
                (slot.file, slot.terms) = (file, terms);
                slot
            }
            Entry::Vacant(place) => place.insert(Slot::new(file, terms, Attempt(self.forgotten.load(Ordering::SeqCst)))),
        }
    }

    /// How many servers, and how much besides.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> (usize, usize) {
        (self.lock().len(), self.known.counted())
    }

    /// Decides an event and begins what follows from it.
    fn happened(&self, slot: &mut Slot, event: Event, errands: &mut Errands) -> Result<(), Refusal> {
        let now = self.now();
        let Step { server, answer, actions } = step(mem::take(&mut slot.server), &slot.terms, event, now.monotonic);
        slot.server = server;
        for action in actions {
            self.carry_out(slot, action, now, errands);
        }
        self.set_timer(slot, now.monotonic);
        answer
    }

    fn carry_out(&self, slot: &mut Slot, action: Action, now: Now, errands: &mut Errands) {
        let class = slot.file.class;
        match action {
            Action::Start { attempt, token } => {
                slot.started = Some(now.wall);
                slot.host = slot.file.host.clone();
                self.runtime.spawn(launch::start(self.me.clone(), self.options.clone(), slot.file.clone(), attempt, token));
            }
            Action::Serve { connection } => {
                for waiter in slot.waiters.drain(..) {
                    let lease = Lease { desk: self.me.clone(), class, attempt: slot.server.attempt, connection };
                    errands.answers.push((waiter, Ok(lease)));
                }
            }
            Action::Refuse(refusal) => {
                let failure = slot.explain(refusal);
                tracing::warn!(%class, %failure, "a class could not be activated");
                if failure.retry_after.is_none() {
                    slot.last_failure = Some((now.wall, failure.clone()));
                }
                errands.answers.extend(slot.waiters.drain(..).map(|waiter| (waiter, Err(failure.clone()))));
            }
            Action::AskToLeave { connection } => errands.ask_to_leave.push(connection),
            Action::Terminate { .. } => self.press(slot, rustix::process::Signal::TERM),
            Action::Kill { .. } => self.press(slot, rustix::process::Signal::KILL),
            Action::Close { connection } => errands.close.push(connection),
            Action::Note(fault) => {
                tracing::warn!(%class, %fault, "a server has failed");
                slot.last_failure = Some((now.wall, fault.into()));
            }
            Action::Died { connection } => errands.died.push(Died { class, connection }),
        }
    }

    fn press(&self, slot: &Slot, signal: rustix::process::Signal) {
        tracing::info!(class = %slot.file.class, ?signal, "a server is made to end");
        match (&slot.group, &slot.host) {
            (Some(group), _) if signal == rustix::process::Signal::KILL => group.kill(),
            (Some(group), _) => group.signal(signal),
            (None, Host::SystemdUnit(unit)) => {
                self.runtime.spawn(launch::stop_unit(self.options.clone(), unit.clone(), signal));
            }
            // The bus starts servers and does not stop them.
            (None, Host::BusName(_) | Host::Program(_)) => {}
        }
    }

    fn set_timer(&self, slot: &mut Slot, now: Monotonic) {
        let due = slot.server.deadline(&slot.terms);
        if slot.timer.as_ref().map(|(at, _)| *at) == due {
            return;
        }
        if let Some((_, timer)) = slot.timer.take() {
            timer.abort();
        }
        slot.timer = due.map(|due| {
            let (me, class, left) = (self.me.clone(), slot.file.class, due.since(now));
            let timer = self.runtime.spawn(async move {
                sleep(left).await;
                if let Some(desk) = me.upgrade() {
                    desk.time_came(class);
                }
            });
            (due, timer.abort_handle())
        });
    }

    /// Whether an attempt still waits for its server.
    pub(super) fn is_starting(&self, class: ClassId, attempt: Attempt) -> bool {
        self.attempt_is(class, attempt, |state| matches!(state, State::Starting { .. }))
    }

    /// Whether the server of an attempt serves.
    pub(super) fn is_running(&self, class: ClassId, attempt: Attempt) -> bool {
        self.attempt_is(class, attempt, |state| matches!(state, State::Running { .. }))
    }

    fn attempt_is(&self, class: ClassId, attempt: Attempt, so: impl FnOnce(&State) -> bool) -> bool {
        self.lock().get(&class).is_some_and(|slot| slot.server.attempt == attempt && so(&slot.server.state))
    }

    /// Changes whenever something has happened to a server.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
