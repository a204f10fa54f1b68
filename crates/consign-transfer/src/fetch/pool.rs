//! Connections that are kept for the next request.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::{address::Origin, proxy::Route};

/// A connection that is not in use longer than this is closed; common servers keep theirs for 60
/// to 75 s, so that ours rarely goes stale first.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// So many idle connections are kept for one way, and for all together.
const IDLE_PER_KEY: usize = 8;
const IDLE: usize = 32;

/// To whom a connection leads, and how.
pub(super) type Key = (Origin, Route);

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    sender: Sender,
    /// Ends with the connection, and says whether the server had sent more than it announced.
    driver: JoinHandle<bool>,
    /// Whether it served a request before: then it may have gone stale.
    pub(super) is_used: bool,
}

/// What takes requests.
#[derive(Debug)]
pub(super) enum Sender {
    /// One request at a time.
    Http1(http1::SendRequest<Empty<Bytes>>),
    /// Many at a time.
    Http2(http2::SendRequest<Empty<Bytes>>),
}

/// How a connection was left by an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// As it should be.
    Fine,
    /// The server sent more than the answer that it announced.
    Excess,
}

impl Connection {
    pub(super) fn new(sender: Sender, driver: JoinHandle<bool>) -> Self {
        Self { sender, driver, is_used: false }
    }

    /// Whether requests name the server by `:authority` instead of `Host`.
    pub(super) fn is_http2(&self) -> bool {
        matches!(self.sender, Sender::Http2(_))
    }

    pub(super) async fn send(&mut self, request: Request<Empty<Bytes>>) -> hyper::Result<Response<Incoming>> {
        match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    fn is_alive(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_ready(),
            Sender::Http2(sender) => sender.is_ready(),
        }
    }
}

/// Keeps connections. Cloned handles share what is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    idle: HashMap<Key, Vec<(Instant, Connection)>>,
    has_reaper: bool,
}

impl Pool {
    /// An idle connection to there, if there is one that seems alive: the one used last.
    pub(super) fn take(&self, key: &Key) -> Option<Connection> {
        let mut kept = self.lock();
        kept.close_old();
        let connections = kept.idle.get_mut(key)?;
        while let Some((_, connection)) = connections.pop() {
            if connection.is_alive() {
                return Some(connection);
            }
        }
        None
    }

    /// Takes a connection back after an answer was read to its end.
    pub(super) async fn put(&self, key: Key, mut connection: Connection) -> After {
        if let Sender::Http1(sender) = &mut connection.sender {
            // Ready once the end of the answer was seen; an error if the connection ended instead.
            match timeout(Duration::from_secs(1), sender.ready()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => {
                    let excess = timeout(Duration::from_secs(1), &mut connection.driver).await;
                    return if matches!(excess, Ok(Ok(true))) { After::Excess } else { After::Fine };
                }
                Err(_) => return After::Fine,
            }
        }
        connection.is_used = true;
        let mut kept = self.lock();
        kept.close_old();
        if kept.count() < IDLE {
            let connections = kept.idle.entry(key).or_default();
            if connections.len() < IDLE_PER_KEY {
                connections.push((Instant::now(), connection));
            }
        }
        if !kept.has_reaper && kept.count() > 0 {
            kept.has_reaper = true;
            tokio::spawn(reap(Arc::downgrade(&self.0)));
        }
        After::Fine
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes what stays idle. Ends when nothing is kept, so that an idle service does nothing, and
/// holds nothing itself, so that connections end with the pool.
async fn reap(pool: Weak<Mutex<Kept>>) {
    loop {
        tokio::time::sleep(IDLE_TIME).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut kept = pool.lock().unwrap_or_else(PoisonError::into_inner);
        kept.close_old();
        if kept.count() == 0 {
            kept.has_reaper = false;
            return;
        }
    }
}

impl Kept {
    fn count(&self) -> usize {
        self.idle.values().map(Vec::len).sum()
    }

    fn close_old(&mut self) {
        self.idle.retain(|_, connections| {
            connections.retain(|(since, connection)| since.elapsed() < IDLE_TIME && connection.is_alive());
            !connections.is_empty()
        });
    }
}
