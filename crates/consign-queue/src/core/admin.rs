//! What people do with queues and messages.

use std::sync::Arc;

use consign_core::{Guid, Timestamp, common};

use super::{Core, MessageDetails, MessageView, Page, QueueView, Reply, Round};
use crate::{
    Refusal,
    event::QueueEvent,
    host::Host,
    machine::{Event, ExceptionClass},
    message::{Message, MessageId, Place, Standing},
    policy::QueuePolicy,
    store::{Change, Next, Turn, Which},
};

/// How many messages are read at once where all of a queue are meant.
const AT_ONCE: usize = 128;

/// After so many changes they are stored, where all of a queue are meant: `CommitBatchSize`.
const STORED_AT_ONCE: usize = 1024;

/// What can be asked about queues.
#[derive(Debug)]
pub enum Admin {
    /// All queues.
    Queues(Reply<Vec<QueueView>>),
    /// One queue.
    Queue(String, Reply<QueueView>),
    /// Messages of a queue.
    Messages(Page, Reply<Vec<MessageView>>),
    /// A message with everything.
    Message(MessageId, Reply<MessageDetails>),
    /// The id of the message with this number.
    Find(u64, Reply<MessageId>),
    /// Stops serving a queue, or serves it again.
    SetPaused(String, bool, Reply<()>),
    /// Another policy; makes the queue if there is none.
    SetPolicy(String, Box<QueuePolicy>, Reply<()>),
    /// Tries again from the beginning: how many messages that were.
    Retry(Selection, Reply<u64>),
    /// Puts messages at the end of another queue: how many.
    Move(Selection, String, Reply<u64>),
    /// Takes messages away for ever: how many.
    Drop(Selection, Reply<u64>),
    /// Takes a queue away that is empty.
    RemoveQueue(String, Reply<()>),
    /// How many messages there are for a class, and in which queues.
    Using(Guid, Reply<Vec<MessageView>>),
    /// The entries of the catalogue.
    Catalogue(Reply<Vec<(String, String)>>),
}

/// Which messages are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// This one.
    Message(MessageId),
    /// All of a queue that stand so.
    All(String, Standing),
}

impl Core {
    pub(super) fn admin(&mut self, round: &mut Round, admin: Admin, now: Timestamp, host: &dyn Host) {
        match admin {
            Admin::Queues(reply) => {
                let queues = self.view_queues(host);
                round.answer(reply, Ok(queues));
            }
            Admin::Queue(name, reply) => {
                let queue = self.view_queue(&name, host).ok_or_else(|| Refusal::no_queue(&name));
                round.answer(reply, queue);
            }
            Admin::Messages(page, reply) => {
                let messages = self.view_page(&page);
                round.answer(reply, messages);
            }
            Admin::Message(id, reply) => {
                let details = self.details(id);
                round.answer(reply, details);
            }
            Admin::Find(seq, reply) => {
                let id = MessageId::of(self.number, seq);
                let found = self.stored(id).map(|_| id);
                round.answer(reply, found);
            }
            Admin::SetPaused(name, paused, reply) => match self.queues.get_mut(name.as_str()) {
                Some(queue) => {
                    queue.record.paused = paused;
                    round.touched.insert(Arc::clone(&queue.name));
                    round.promise(reply, ());
                }
                None => round.answer(reply, Err(Refusal::no_queue(&name))),
            },
            Admin::SetPolicy(name, policy, reply) => self.set_policy(round, &name, *policy, reply),
            Admin::Retry(selection, reply) => {
                let done = self.each(round, &selection, now, |core, round, message| {
                    let state = &message.state;
                    if (state.place, state.standing, state.attempts_here) == (Place::Input, Standing::Ready, 0) {
                        return Ok(0);
                    }
                    let position = core.give_number();
                    core.apply(round, message, &Event::Retry { position }, ExceptionClass::Absent, now);
                    Ok(1)
                });
                self.finish(round, reply, done);
            }
            Admin::Move(selection, to, reply) => {
                if let Err(refusal) = Self::check_name(&to) {
                    return round.answer(reply, Err(refusal));
                }
                let to = self.queue_for(round, &to);
                let done = self.each(round, &selection, now, |core, round, message| Ok(core.move_to(round, message, &to)));
                self.finish(round, reply, done);
            }
            Admin::Drop(selection, reply) => {
                let done = self.each(round, &selection, now, |core, round, message| {
                    core.forget(round, &message);
                    Ok(1)
                });
                self.finish(round, reply, done);
            }
            Admin::RemoveQueue(name, reply) => match self.queues.get(name.as_str()) {
                Some(queue) if queue.record.counts.messages() > 0 => {
                    let sentence = format!("the queue {name} holds {} messages: move or drop them first", queue.record.counts.messages());
                    round.answer(reply, Err(Refusal::new(common::ERROR_BUSY, sentence)));
                }
                Some(_) => {
                    self.queues.remove(name.as_str());
                    round.touched.remove(name.as_str());
                    round.changes.push(Change::RemoveQueue(name));
                    round.promise(reply, ());
                }
                None => round.answer(reply, Err(Refusal::no_queue(&name))),
            },
            Admin::Using(class, reply) => {
                let using = self.using(class);
                round.answer(reply, using);
            }
            Admin::Catalogue(reply) => {
                let entries = self.catalogue.iter().map(|(key, text)| (key.clone(), text.clone())).collect();
                round.answer(reply, Ok(entries));
            }
        }
    }

    fn set_policy(&mut self, round: &mut Round, name: &str, policy: QueuePolicy, reply: Reply<()>) {
        if let Some(fault) = policy.fault() {
            return round.answer(reply, Err(Refusal::new(common::E_INVALIDARG, fault)));
        }
        if let Err(refusal) = Self::check_name(name) {
            return round.answer(reply, Err(refusal));
        }
        let name = self.queue_for(round, name);
        if let Some(queue) = self.queues.get_mut(&name) {
            queue.record.policy = policy;
            queue.forget_window();
        }
        round.touched.insert(name);
        round.promise(reply, ());
    }

    fn finish(&mut self, round: &mut Round, reply: Reply<u64>, done: Result<u64, Refusal>) {
        match done {
            Ok(count) => round.promise(reply, count),
            Err(refusal) => round.answer(reply, Err(refusal)),
        }
    }

    /// Does something with each selected message that nobody plays; a single one that is played is refused.
    fn each(
        &mut self,
        round: &mut Round,
        selection: &Selection,
        now: Timestamp,
        mut act: impl FnMut(&mut Self, &mut Round, Message) -> Result<u64, Refusal>,
    ) -> Result<u64, Refusal> {
        let (name, standing) = match selection {
            Selection::Message(id) => {
                let message = self.stored(*id)?;
                if self.is_played(&message) {
                    let sentence = "it is being played right now: pause its queue, or wait for the end of the attempt";
                    return Err(Refusal::new(common::ERROR_BUSY, sentence));
                }
                return act(self, round, message);
            }
            Selection::All(name, standing) => (name, *standing),
        };
        if !self.queues.contains_key(name.as_str()) {
            return Err(Refusal::no_queue(name));
        }
        let mut done = 0;
        let mut after: Option<Turn> = None;
        // What gets a new turn on the way is not met twice.
        let end = self.next;
        loop {
            let next = Next { queue: name, standing, after, which: Which::ALL, most: AT_ONCE };
            let messages = self.store.next(&next)?;
            let Some(last) = messages.last() else { return Ok(done) };
            after = Some(last.turn());
            for message in messages {
                if message.state.position < end && !self.is_played(&message) {
                    done += act(self, round, message)?;
                }
            }
            if round.changes.len() >= STORED_AT_ONCE {
                self.commit(round, now);
                if let Some(failure) = &self.failing {
                    return Err(failure.clone().into());
                }
            }
        }
    }

    fn is_played(&self, message: &Message) -> bool {
        self.queues.get(message.queue.as_str()).is_some_and(|queue| queue.in_hand.contains_key(&message.seq))
    }

    /// To the end of another queue's input, as `IMessageMover` has it: the message stays the same, and
    /// so does the caller.
    fn move_to(&mut self, round: &mut Round, message: Message, to: &Arc<str>) -> u64 {
        self.let_go(round, &message);
        let position = self.give_number();
        let Some(queue) = self.queues.get_mut(to) else { return 0 };
        let mut state = message.state.clone();
        state.place = Place::Input;
        state.standing = Standing::Ready;
        state.position = position;
        state.due = None;
        state.attempts_here = 0;
        state.deaths = 0;
        let moved = Message { queue: to.to_string(), state: state.clone(), ..message };
        queue.count(None, Some(Standing::Ready), moved.calls.len());
        round.touched.insert(Arc::clone(to));
        round.changes.push(Change::Update { seq: moved.seq, queue: to.to_string(), state });
        round.event(QueueEvent::Record { queue: to.to_string(), message: MessageId::of(self.number, moved.seq) });
        queue.hold(moved);
        1
    }

    fn forget(&mut self, round: &mut Round, message: &Message) {
        self.let_go(round, message);
        round.changes.push(Change::Delete { seq: message.seq });
    }

    fn let_go(&mut self, round: &mut Round, message: &Message) {
        if let Some(queue) = self.queues.get_mut(message.queue.as_str()) {
            queue.let_go(message);
            queue.count(Some(message.state.standing), None, message.calls.len());
            round.touched.insert(Arc::clone(&queue.name));
        }
    }

    /// The first messages for a class, of every queue.
    fn using(&mut self, class: Guid) -> Result<Vec<MessageView>, Refusal> {
        let names: Vec<Arc<str>> = self.queues.keys().cloned().collect();
        let mut found = Vec::new();
        for name in names {
            for standing in [Standing::Ready, Standing::Waiting, Standing::Parked, Standing::Dead] {
                let mut after = None;
                while found.len() < AT_ONCE {
                    let next = Next { queue: &name, standing, after, which: Which::Only(class), most: AT_ONCE };
                    let messages = self.store.next(&next)?;
                    let Some(last) = messages.last() else { break };
                    after = Some(last.turn());
                    found.extend(messages.iter().map(|message| self.view(message)));
                }
            }
        }
        Ok(found)
    }
}
