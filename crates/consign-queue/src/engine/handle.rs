//! The handle: how callers reach the engine.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use consign_core::{Clock, Guid, common};
use tokio::sync::{broadcast, oneshot};

use super::{Loop, Order};
use crate::{
    Admin, Core, CoreSettings, Host, Input, MessageDetails, MessageId, MessageView, NewMessage, Page, QueueEvent, QueuePolicy, QueueView,
    Refusal, Reply, Selection, StreamBatch, Taken,
    store::{Store, StoreFailure},
};

/// The engine. Clones are the same engine; it ends at [`Engine::stop`], or when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Engine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    orders: mpsc::Sender<Order>,
    events: broadcast::Sender<QueueEvent>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let (done, _) = oneshot::channel();
        // The thread has a sender of its own for reports, so that the channel alone never ends it.
        let _ = self.orders.send(Order::Stop { grace: Duration::ZERO, done });
    }
}

/// What an engine is made of.
pub struct EngineOptions {
    /// Where its messages are kept.
    pub store: Box<dyn Store>,
    /// Who plays them.
    pub host: Arc<dyn Host>,
    /// Where its time comes from.
    pub clock: Arc<dyn Clock>,
    /// How many messages of a queue are played at once where its policy says nothing; 0: 16 for each processor.
    pub players: u32,
}

impl Engine {
    /// Takes up what is stored, and begins to play.
    ///
    /// # Errors
    /// When the store cannot be read, or the thread not be started.
    pub fn start(options: EngineOptions) -> Result<Self, Refusal> {
        let EngineOptions { store, host, clock, players } = options;
        let players = match players {
            0 => std::thread::available_parallelism().map_or(16, |count| u32::try_from(count.get()).unwrap_or(1).saturating_mul(16)),
            players => players,
        };
        let core = Core::open(store, CoreSettings { players })?;
        let (orders, inbox) = mpsc::channel();
        let (events, _) = broadcast::channel(4096);
        let engine = Self(Arc::new(Inner { orders: orders.clone(), events: events.clone() }));
        let own = Loop { core, host, clock, orders, inbox, events, stopping: None, told: Vec::new(), asked: Vec::new() };
        own.start().map_err(|error| StoreFailure { code: common::E_OUTOFMEMORY, sentence: format!("no thread for the queue: {error}") })?;
        Ok(engine)
    }

    /// Takes a message. It is durable when this answers.
    ///
    /// # Errors
    /// `MQ_ERROR_INSUFFICIENT_RESOURCES` (the queue is full), `MQ_ERROR_LABEL_TOO_LONG`, `E_INVALIDARG`,
    /// `ERROR_SHUTDOWN_IN_PROGRESS`, and those of the disk.
    pub async fn enqueue(&self, message: NewMessage) -> Result<MessageId, Refusal> {
        self.ask(|reply| Input::Enqueue(Box::new(message), reply)).await
    }

    /// Takes messages of an outbox, those that were not taken before.
    ///
    /// # Errors
    /// As [`Engine::enqueue`], when not even the first could be taken.
    pub async fn take(&self, batch: StreamBatch) -> Result<Taken, Refusal> {
        self.ask(|reply| Input::Take(batch, reply)).await
    }

    /// A class was registered, changed or taken away, or it understands more than before.
    pub fn component_changed(&self, class: Guid) {
        self.tell(Input::ComponentChanged(class));
    }

    /// Stores an entry of the catalogue; `None` takes it away.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn set_catalogue(&self, key: String, text: Option<String>) -> Result<(), Refusal> {
        self.ask(|reply| Input::Catalogue(key, text, reply)).await
    }

    /// The entries of the catalogue.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn catalogue(&self) -> Result<Vec<(String, String)>, Refusal> {
        self.admin(Admin::Catalogue).await
    }

    /// All queues.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn queues(&self) -> Result<Vec<QueueView>, Refusal> {
        self.admin(Admin::Queues).await
    }

    /// One queue.
    ///
    /// # Errors
    /// `MQ_ERROR_QUEUE_NOT_FOUND`.
    pub async fn queue(&self, name: &str) -> Result<QueueView, Refusal> {
        self.admin(|reply| Admin::Queue(name.to_owned(), reply)).await
    }

    /// Messages of a queue.
    ///
    /// # Errors
    /// `MQ_ERROR_QUEUE_NOT_FOUND`.
    pub async fn messages(&self, page: Page) -> Result<Vec<MessageView>, Refusal> {
        self.admin(|reply| Admin::Messages(page, reply)).await
    }

    /// A message with everything.
    ///
    /// # Errors
    /// `MQ_ERROR_MESSAGE_NOT_FOUND`.
    pub async fn message(&self, id: MessageId) -> Result<MessageDetails, Refusal> {
        self.admin(|reply| Admin::Message(id, reply)).await
    }

    /// The id of the message with this number.
    ///
    /// # Errors
    /// `MQ_ERROR_MESSAGE_NOT_FOUND`.
    pub async fn find(&self, number: u64) -> Result<MessageId, Refusal> {
        self.admin(|reply| Admin::Find(number, reply)).await
    }

    /// Stops serving a queue. What is being played goes on.
    ///
    /// # Errors
    /// `MQ_ERROR_QUEUE_NOT_FOUND`.
    pub async fn pause(&self, name: &str) -> Result<(), Refusal> {
        self.admin(|reply| Admin::SetPaused(name.to_owned(), true, reply)).await
    }

    /// Serves a queue again.
    ///
    /// # Errors
    /// `MQ_ERROR_QUEUE_NOT_FOUND`.
    pub async fn resume(&self, name: &str) -> Result<(), Refusal> {
        self.admin(|reply| Admin::SetPaused(name.to_owned(), false, reply)).await
    }

    /// Gives a queue another policy, and makes the queue if there is none.
    ///
    /// # Errors
    /// `E_INVALIDARG`.
    pub async fn set_policy(&self, name: &str, policy: QueuePolicy) -> Result<(), Refusal> {
        self.admin(|reply| Admin::SetPolicy(name.to_owned(), Box::new(policy), reply)).await
    }

    /// Has messages tried again from the beginning, at the end of their queue; tells how many.
    ///
    /// # Errors
    /// `MQ_ERROR_MESSAGE_NOT_FOUND`, `MQ_ERROR_QUEUE_NOT_FOUND`, `ERROR_BUSY` (it is being played).
    pub async fn retry(&self, which: Selection) -> Result<u64, Refusal> {
        self.admin(|reply| Admin::Retry(which, reply)).await
    }

    /// `IMessageMover`: puts messages at the end of another queue; tells how many.
    ///
    /// # Errors
    /// As [`Engine::retry`].
    pub async fn move_to(&self, which: Selection, queue: &str) -> Result<u64, Refusal> {
        self.admin(|reply| Admin::Move(which, queue.to_owned(), reply)).await
    }

    /// Takes messages away for ever; tells how many.
    ///
    /// # Errors
    /// As [`Engine::retry`].
    pub async fn drop_messages(&self, which: Selection) -> Result<u64, Refusal> {
        self.admin(|reply| Admin::Drop(which, reply)).await
    }

    /// Takes an empty queue away.
    ///
    /// # Errors
    /// `MQ_ERROR_QUEUE_NOT_FOUND`, `ERROR_BUSY` (it is not empty).
    pub async fn remove_queue(&self, name: &str) -> Result<(), Refusal> {
        self.admin(|reply| Admin::RemoveQueue(name.to_owned(), reply)).await
    }

    /// Messages for a class, at most 128 or a few more.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn using(&self, class: Guid) -> Result<Vec<MessageView>, Refusal> {
        self.admin(|reply| Admin::Using(class, reply)).await
    }

    /// What happens from now on. Who is too slow misses some, and is told how many.
    pub fn events(&self) -> broadcast::Receiver<QueueEvent> {
        self.0.events.subscribe()
    }

    /// Whether something stored can become due, or be played, without anybody asking.
    pub async fn has_work(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        // An engine that has ended has no work.
        self.0.orders.send(Order::HasWork(reply)).is_ok() && answer.await.unwrap_or(false)
    }

    /// Plays nothing more, waits `grace` for what is being played, and closes the store. What is cut
    /// off goes back to its queue and counts for nothing.
    pub async fn stop(&self, grace: Duration) {
        let (done, stopped) = oneshot::channel();
        if self.0.orders.send(Order::Stop { grace, done }).is_ok() {
            // An end without a word is an end, too.
            let _ = stopped.await;
        }
    }

    async fn admin<T>(&self, admin: impl FnOnce(Reply<T>) -> Admin) -> Result<T, Refusal> {
        self.ask(|reply| Input::Admin(admin(reply))).await
    }

    async fn ask<T>(&self, input: impl FnOnce(Reply<T>) -> Input) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.tell(input(reply));
        let ended = || Refusal::new(common::ERROR_SHUTDOWN_IN_PROGRESS, "the service is ending; try again when it has started");
        answer.await.unwrap_or_else(|_| Err(ended()))
    }

    fn tell(&self, input: Input) {
        // If the thread has ended, the input is dropped, and with it the reply: the answer says so.
        let _ = self.0.orders.send(Order::Input(input));
    }
}
