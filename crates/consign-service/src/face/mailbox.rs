//! What waits to be told to one peer: for each job the newest fact that it changed, not every
//! change. However slow the peer, this holds at most one entry a job.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use consign_bits::JobId;
use consign_wire::names;
use tokio::sync::Notify;
use zbus::Message;

use super::{
    stream::Ended,
    subscriptions::{First, Sketch, Subscriptions},
};

/// How many jobs may wait to be told of. More are never live under BITS's limits; a peer for which
/// more wait is cut off.
const MOST_JOBS: usize = 16 << 10;

/// How many signals of queues may wait for a peer. One for which more wait is cut off.
const MOST_SIGNALS: usize = 16 << 10;

/// What is to be told next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Something about a job.
    Job(JobId, News),
    /// A signal as it is.
    Signal(Message),
}

/// What happened to a job since its peer was last told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) added: bool,
    pub(crate) changed: bool,
    pub(crate) ended: bool,
}

/// One peer's rules, and what waits for it.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    inner: Mutex<Inner>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    subscriptions: Subscriptions,
    /// The order in which jobs were first heard of.
    order: VecDeque<JobId>,
    news: HashMap<JobId, News>,
    /// Signals of queues, each of which is told.
    signals: VecDeque<Message>,
    overflowed: bool,
}

/// `JobAdded` or `JobEnded`, and `PropertiesChanged`, as rules see them.
pub(crate) const fn manager_signal<'a>(member: &'a str, job_path: &'a str) -> Sketch<'a> {
    Sketch { path: names::MANAGER_PATH, interface: names::MANAGER, member, first: First::Path(job_path) }
}

/// See [`manager_signal`].
pub(crate) const fn job_signal(job_path: &str) -> Sketch<'_> {
    Sketch { path: job_path, interface: "org.freedesktop.DBus.Properties", member: "PropertiesChanged", first: First::Text(names::JOB) }
}

/// See [`manager_signal`].
const fn queue_signal<'a>(member: &'a str, queue: &'a str) -> Sketch<'a> {
    Sketch { path: names::MANAGER_PATH, interface: names::QUEUES, member, first: First::Text(queue) }
}

impl Mailbox {
    /// Changes the rules, or asks them.
    pub(crate) fn subscriptions<T>(&self, act: impl FnOnce(&mut Subscriptions) -> T) -> T {
        act(&mut self.lock().subscriptions)
    }

    /// Puts news in, as far as the peer asked for them. Never waits.
    pub(crate) fn post(&self, job: JobId, news: News) {
        let path = names::job_path(job);
        let mut inner = self.lock();
        let rules = &inner.subscriptions;
        let wanted = News {
            added: news.added && rules.want(manager_signal("JobAdded", &path)),
            changed: news.changed && rules.want(job_signal(&path)),
            ended: news.ended && rules.want(manager_signal("JobEnded", &path)),
        };
        if wanted == News::default() {
            return;
        }
        if inner.news.len() >= MOST_JOBS && !inner.news.contains_key(&job) {
            inner.overflowed = true;
        } else {
            let Inner { order, news, .. } = &mut *inner;
            let entry = news.entry(job).or_insert_with(|| {
                order.push_back(job);
                News::default()
            });
            entry.added |= wanted.added;
            entry.changed |= wanted.changed;
            entry.ended |= wanted.ended;
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// Whether it wants this signal of the queues.
    pub(crate) fn wants_of_queue(&self, member: &str, queue: &str) -> bool {
        self.lock().subscriptions.want(queue_signal(member, queue))
    }

    /// Puts a signal in that the peer asked for. Never waits.
    pub(crate) fn post_signal(&self, signal: &Message) {
        let mut inner = self.lock();
        if inner.signals.len() >= MOST_SIGNALS {
            inner.overflowed = true;
        } else {
            inner.signals.push_back(signal.clone());
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// The next thing to tell.
    pub(crate) async fn next(&self) -> Result<Next, Ended> {
        loop {
            {
                let mut inner = self.lock();
                if inner.overflowed {
                    return Err(Ended::TooManySignals);
                }
                if let Some(job) = inner.order.pop_front() {
                    let news = inner.news.remove(&job).unwrap_or_default();
                    return Ok(Next::Job(job, news));
                }
                if let Some(signal) = inner.signals.pop_front() {
                    return Ok(Next::Signal(signal));
                }
            }
            self.wake.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::pin, task::Poll};

    use consign_core::Guid;

    use super::*;

    const CHANGED: News = News { added: false, changed: true, ended: false };
    const ENDED: News = News { added: false, changed: true, ended: true };

    fn job(number: u128) -> JobId {
        JobId::new(Guid::from_bytes(number.to_be_bytes()))
    }

    /// What waits now, without waiting for it.
    fn drain(mailbox: &Mailbox) -> Vec<(JobId, News)> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let mut all = Vec::new();
        while let Poll::Ready(Ok(Next::Job(job, news))) = pin!(mailbox.next()).poll(&mut context) {
            all.push((job, news));
        }
        all
    }

    #[test]
    fn news_of_one_job_are_merged_and_the_rest_is_kept_in_order() {
        let mailbox = Mailbox::default();
        mailbox.subscriptions(|rules| rules.add("type='signal'")).unwrap();
        for _ in 0..1000 {
            mailbox.post(job(2), CHANGED);
            mailbox.post(job(1), CHANGED);
        }
        mailbox.post(job(2), ENDED);
        assert_eq!(drain(&mailbox), [(job(2), ENDED), (job(1), CHANGED)]);
        assert_eq!(drain(&mailbox), []);
    }

    #[test]
    fn what_nobody_asked_for_is_not_kept() {
        let mailbox = Mailbox::default();
        mailbox.post(job(1), CHANGED);
        mailbox.subscriptions(|rules| rules.add("member='JobEnded'")).unwrap();
        mailbox.post(job(1), CHANGED);
        mailbox.post(job(2), ENDED);
        assert_eq!(drain(&mailbox), [(job(2), News { ended: true, ..News::default() })]);
    }

    #[test]
    fn there_is_a_bound() {
        let mailbox = Mailbox::default();
        mailbox.subscriptions(|rules| rules.add("type='signal'")).unwrap();
        for number in 0..=MOST_JOBS as u128 {
            mailbox.post(job(number), CHANGED);
        }
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(matches!(pin!(mailbox.next()).poll(&mut context), Poll::Ready(Err(Ended::TooManySignals))));
    }
}
