//! What this side asks of one peer: calls on the peer's objects, matched with its answers.
//!
//! Apart from what the peer asks of this side: inside a call that it was given a peer may make
//! calls of its own. Nothing here waits for the task that answers those.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Mutex as AsyncMutex, Semaphore, mpsc, oneshot};
use zbus::Message;

/// How many calls may wait for the answers of one peer. Those beyond wait for room.
const MOST_CALLS: usize = 256;

/// How many messages may wait to be written to one peer, those included whose caller has given up.
const MOST_WAITING: usize = 1024;

/// The calls on one peer.
#[derive(Debug)]
pub(crate) struct Outbound {
    room: Semaphore,
    queue: mpsc::Sender<Message>,
    waiting: AsyncMutex<mpsc::Receiver<Message>>,
    /// Callers by the serial of their call; `None` once the connection has ended.
    callers: Mutex<Option<Callers>>,
}

type Callers = HashMap<NonZeroU32, oneshot::Sender<Message>>;

/// A call that has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// The connection has ended.
    Disconnected,
    /// The peer does not read as fast as it is called.
    TooMany,
}

impl Default for Outbound {
    fn default() -> Self {
        let (queue, waiting) = mpsc::channel(MOST_WAITING);
        Self { room: Semaphore::new(MOST_CALLS), queue, waiting: AsyncMutex::new(waiting), callers: Mutex::new(Some(HashMap::new())) }
    }
}

impl Outbound {
    /// Calls, and waits for the answer. May be dropped: a later answer then answers nothing.
    pub(crate) async fn call(&self, call: Message) -> Result<Message, NoAnswer> {
        let _room = self.room.acquire().await.map_err(|_| NoAnswer::Disconnected)?;
        let (sender, answer) = oneshot::channel();
        let serial = call.primary_header().serial_num();
        self.callers().as_mut().ok_or(NoAnswer::Disconnected)?.insert(serial, sender);
        let _expected = Expected(self, serial);
        self.queue.try_send(call).map_err(|_| NoAnswer::TooMany)?;
        answer.await.map_err(|_| NoAnswer::Disconnected)
    }

    /// Sends what needs no answer, unless too much waits already.
    pub(crate) fn tell(&self, message: Message) {
        if self.queue.try_send(message).is_err() {
            tracing::debug!("a peer that reads slowly is not told something");
        }
    }

    /// The next message to write.
    pub(crate) async fn next(&self) -> Option<Message> {
        self.waiting.lock().await.recv().await
    }

    /// An answer of the peer's. What nobody waits for is let go.
    pub(crate) fn answered(&self, answer: Message) {
        let Some(serial) = answer.header().reply_serial() else { return };
        let caller = self.callers().as_mut().and_then(|callers| callers.remove(&serial));
        if let Some(caller) = caller {
            // Who has given up meanwhile does not want it.
            let _ = caller.send(answer);
        }
    }

    /// The connection has ended: so do all calls, now.
    pub(crate) fn end(&self) {
        self.room.close();
        self.callers().take();
    }

    fn callers(&self) -> MutexGuard<'_, Option<Callers>> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller in the list, as long as it waits.
struct Expected<'a>(&'a Outbound, NonZeroU32);

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        if let Some(callers) = self.0.callers().as_mut() {
            callers.remove(&self.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;

    fn call() -> Message {
        Message::method_call("/a", "B").build(&()).unwrap()
    }

    fn answer(call: &Message, value: i32) -> Message {
        Message::method_return(&call.header()).build(&value).unwrap()
    }

    async fn limited<T>(test: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_secs(30), test).await.expect("the test takes too long")
    }

    #[tokio::test]
    async fn answers_find_their_callers_in_any_order() {
        limited(async {
            let outbound = Outbound::default();
            let peer = async {
                let (first, second) = (outbound.next().await.unwrap(), outbound.next().await.unwrap());
                outbound.answered(answer(&call(), 9));
                outbound.answered(answer(&second, 2));
                outbound.answered(answer(&second, 3));
                outbound.answered(answer(&first, 1));
            };
            let (one, two, ()) = tokio::join!(outbound.call(call()), outbound.call(call()), peer);
            assert_eq!([one, two].map(|answer| answer.unwrap().body().deserialize::<i32>().unwrap()), [1, 2]);
        })
        .await;
    }

    #[tokio::test]
    async fn the_end_of_the_connection_ends_all_calls() {
        limited(async {
            let outbound = Arc::new(Outbound::default());
            let calls: Vec<_> = (0..MOST_CALLS + 10)
                .map(|_| {
                    let outbound = Arc::clone(&outbound);
                    tokio::spawn(async move { outbound.call(call()).await.map(drop) })
                })
                .collect();
            for _ in 0..MOST_CALLS {
                outbound.next().await.unwrap();
            }
            assert!(outbound.waiting.lock().await.try_recv().is_err(), "those beyond wait for room");
            outbound.end();
            for call in calls {
                assert_eq!(call.await.unwrap(), Err(NoAnswer::Disconnected));
            }
            assert_eq!(outbound.call(call()).await.map(drop), Err(NoAnswer::Disconnected));
        })
        .await;
    }

    #[tokio::test]
    async fn callers_that_give_up_leave_nothing_behind() {
        limited(async {
            let outbound = Outbound::default();
            for _ in 0..MOST_WAITING {
                tokio::select! {
                    biased;
                    _ = outbound.call(call()) => panic!("nobody answers"),
                    () = std::future::ready(()) => {}
                }
            }
            assert_eq!(outbound.call(call()).await.map(drop), Err(NoAnswer::TooMany));
            assert!(outbound.callers().as_ref().unwrap().is_empty());
        })
        .await;
    }
}
