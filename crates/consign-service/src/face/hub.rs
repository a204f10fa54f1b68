//! Carries the engine's events to the mailboxes of all peers. It never waits for a peer.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use consign_bits::JobId;
use consign_queue::QueueEvent;
use consign_transfer::{Engine, JobEvent, Listing};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::mailbox::{Mailbox, News};
use crate::dispatch;

/// The mailboxes, by the number of the peer.
#[derive(Debug, Default)]
pub(crate) struct Mailboxes(Mutex<BTreeMap<u64, Arc<Mailbox>>>);

impl Mailboxes {
    pub(crate) fn add(&self, peer: u64, mailbox: Arc<Mailbox>) {
        self.lock().insert(peer, mailbox);
    }

    pub(crate) fn remove(&self, peer: u64) {
        self.lock().remove(&peer);
    }

    fn post(&self, job: JobId, news: News) {
        for mailbox in self.lock().values() {
            mailbox.post(job, news);
        }
    }

    /// The mailboxes of those who want a signal of the queues with this member.
    fn post_queue_event(&self, event: &QueueEvent) {
        let mailboxes = self.lock();
        let (member, queue) = dispatch::queues::member_and_queue(event);
        let mut wanting = mailboxes.values().filter(|mailbox| mailbox.wants_of_queue(member, queue)).peekable();
        if wanting.peek().is_none() {
            return;
        }
        match dispatch::queues::signal(event) {
            Ok(signal) => wanting.for_each(|mailbox| mailbox.post_signal(&signal)),
            Err(error) => tracing::error!(%error, "a signal could not be written"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Mailbox>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const ADDED: News = News { added: true, changed: false, ended: false };
const CHANGED: News = News { added: false, changed: true, ended: false };
/// The last change of a job is that it became final.
const ENDED: News = News { added: false, changed: true, ended: true };

/// Runs until the engine ends.
pub(crate) async fn distribute(engine: Engine, mut events: Receiver<JobEvent>, mailboxes: Arc<Mailboxes>) {
    let mut live = live_jobs(&engine).await.unwrap_or_default();
    loop {
        match events.recv().await {
            Ok(JobEvent::Added(job)) => {
                // The first list may have it already, without anybody having been told. After events
                // were missed a job may be told of twice.
                live.insert(job);
                mailboxes.post(job, ADDED);
            }
            Ok(JobEvent::Changed(job)) => mailboxes.post(job, CHANGED),
            // It has ended for its subscribers already.
            Ok(JobEvent::AllTold(_)) => {}
            Ok(JobEvent::Ended(job)) => {
                live.remove(&job);
                mailboxes.post(job, ENDED);
            }
            Err(RecvError::Lagged(missed)) => {
                tracing::debug!(missed, "events were missed; the jobs are listed again");
                let Some(now) = live_jobs(&engine).await else { continue };
                live.difference(&now).for_each(|job| mailboxes.post(*job, ENDED));
                for job in &now {
                    mailboxes.post(*job, if live.contains(job) { CHANGED } else { ADDED });
                }
                live = now;
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Runs until the queues end. What was missed is not told: who counts looks at the queues.
pub(crate) async fn distribute_queue_events(mut events: Receiver<QueueEvent>, mailboxes: Arc<Mailboxes>) {
    loop {
        match events.recv().await {
            Ok(event) => mailboxes.post_queue_event(&event),
            Err(RecvError::Lagged(missed)) => tracing::debug!(missed, "events of queues were missed"),
            Err(RecvError::Closed) => return,
        }
    }
}

/// `None` once the engine has ended.
async fn live_jobs(engine: &Engine) -> Option<BTreeSet<JobId>> {
    Some(engine.job_ids(Listing::Live).await.ok()?.into_iter().collect())
}
