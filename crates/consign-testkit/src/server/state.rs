//! What the server's handle and its connections share.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    Role,
    answer::{self, Answer},
    fault::Close,
    proxy,
    request::Request,
    resource::Resource,
};

/// Whether connections are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accepting {
    /// All of them.
    #[default]
    All,
    /// They are accepted and closed at once.
    None,
    /// At most so many at the same time; more are accepted and closed at once.
    AtMost(usize),
}

/// How many requests a connection serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepAlive {
    /// Any number.
    #[default]
    Always,
    /// So many; then it is closed, and no header says so.
    Requests(u64),
}

pub(super) struct State {
    role: Role,
    inner: Mutex<Inner>,
    changed: Condvar,
    /// Every change lets stalled answers go on.
    pub(super) releases: watch::Sender<()>,
    /// Every change ends all connections.
    pub(super) cuts: watch::Sender<Close>,
}

#[derive(Default)]
pub(super) struct Inner {
    resources: HashMap<String, Resource>,
    pub(super) requests: Vec<Request>,
    pub(super) accepting: Accepting,
    pub(super) keep_alive: KeepAlive,
    pub(super) stalled: usize,
    pub(super) open: usize,
    pub(super) connections: u64,
    pub(super) proxy_credentials: Option<String>,
    pub(super) hosts: HashMap<String, SocketAddr>,
}

impl State {
    pub(super) fn new(role: Role) -> Self {
        Self {
            role,
            inner: Mutex::default(),
            changed: Condvar::new(),
            releases: watch::Sender::new(()),
            cuts: watch::Sender::new(Close::Fin),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something, and wakes those who wait for it.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    /// Waits until the condition holds, at most until the limit. Answers whether it does.
    pub(super) fn wait(&self, limit: Duration, mut condition: impl FnMut(&Inner) -> bool) -> (bool, MutexGuard<'_, Inner>) {
        let deadline = Instant::now() + limit;
        let mut inner = self.lock();
        loop {
            if condition(&inner) {
                return (true, inner);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return (false, inner);
            }
            inner = self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn set(&self, path: &str, resource: Option<Resource>) {
        let mut inner = self.lock();
        match resource {
            Some(resource) => inner.resources.insert(path.to_owned(), resource),
            None => inner.resources.remove(path),
        };
    }

    /// Logs a request and decides on its answer: the request's number in the log, and the answer.
    pub(super) fn receive(&self, request: Request) -> (usize, Answer) {
        self.change(|inner| {
            let key = if inner.resources.contains_key(&request.target) { &request.target } else { &request.path };
            let answer = match inner.resources.get_mut(key) {
                Some(resource) => {
                    let (resource, faults) = resource.take(&request.method);
                    answer::answer(&request, &resource, &faults)
                }
                None => answer::not_found(&request),
            };
            inner.requests.push(request);
            (inner.requests.len() - 1, answer)
        })
    }

    /// Whether the request is to be forwarded.
    pub(super) fn forwards(&self, request: &Request) -> bool {
        self.role == Role::Proxy && proxy::concerns(request) && !self.lock().resources.contains_key(&request.target)
    }

    /// Whether the request has the credentials that the proxy wants.
    pub(super) fn proxy_admits(&self, request: &Request) -> bool {
        let inner = self.lock();
        inner.proxy_credentials.is_none() || inner.proxy_credentials.as_deref() == request.header("proxy-authorization")
    }

    /// Logs a request that something else answers.
    pub(super) fn log(&self, request: Request) -> usize {
        self.change(|inner| {
            inner.requests.push(request);
            inner.requests.len() - 1
        })
    }

    pub(super) fn begin(&self, index: usize, status: u16) {
        self.of(index, |request| request.status = Some(status));
    }

    pub(super) fn progress(&self, index: usize, count: u64) {
        self.of(index, |request| request.body_sent += count);
    }

    pub(super) fn finish(&self, index: usize) {
        self.of(index, |request| request.finished = true);
    }

    pub(super) fn end(&self, index: usize) {
        self.of(index, |request| request.over = true);
    }

    // A number is of a request that was logged, and the log only grows.
    fn of(&self, index: usize, change: impl FnOnce(&mut Request)) {
        self.change(|inner| inner.requests.get_mut(index).map(change));
    }

    pub(super) fn keep_alive_ends(&self, answered: u64) -> bool {
        matches!(self.lock().keep_alive, KeepAlive::Requests(most) if answered >= most)
    }

    /// Counts a connection; `None` if it is to be closed at once.
    pub(super) fn connected(&self) -> Option<u64> {
        self.change(|inner| {
            inner.connections += 1;
            let refused = match inner.accepting {
                Accepting::All => false,
                Accepting::None => true,
                Accepting::AtMost(most) => inner.open >= most,
            };
            if refused {
                return None;
            }
            inner.open += 1;
            Some(inner.connections)
        })
    }

    pub(super) fn disconnected(&self) {
        self.change(|inner| inner.open -= 1);
    }
}

/// Counts an answer among the stalled ones while it lives.
pub(super) struct Stalled<'a>(&'a State);

impl<'a> Stalled<'a> {
    pub(super) fn new(state: &'a State) -> Self {
        state.change(|inner| inner.stalled += 1);
        Self(state)
    }
}

impl Drop for Stalled<'_> {
    fn drop(&mut self) {
        self.0.change(|inner| inner.stalled -= 1);
    }
}
