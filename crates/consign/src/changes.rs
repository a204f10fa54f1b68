//! Following one job: the values merged in the order in which the service sent them.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use consign_bits::JobId;
use consign_wire::names;
use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::watch;
use zbus::{Message, OwnedVariant, message::Sequence};

use crate::{
    Client, Error, JobSnapshot, Result,
    connection::{Connection, MatchGuard, PROPERTIES},
};

/// A service that dies this often in a row is not started again.
const RECONNECTS: u32 = 6;
/// A connection that lived longer than this counts as a good one.
const GOOD_CONNECTION: Duration = Duration::from_secs(5);

/// The snapshots of one job: the present one first, then one after each change. Changes that come
/// faster than they are read are merged, so nothing piles up. Ends after the snapshot that shows a
/// final state, or after an error.
///
/// Made by [`Job::changes`](crate::Job::changes) and [`Job::follow`](crate::Job::follow).
pub struct JobChanges(BoxStream<'static, Result<JobSnapshot>>);

impl JobChanges {
    /// The next snapshot, or `None` at the end.
    pub async fn next(&mut self) -> Option<Result<JobSnapshot>> {
        self.0.next().await
    }

    /// Ends when the connection does.
    pub(crate) async fn open(connection: Arc<Connection>, job: JobId) -> Result<Self> {
        let subscription = Subscription::open(connection, job).await?;
        Ok(Self(
            stream::unfold(Some(subscription), |subscription| async {
                let mut subscription = subscription?;
                let item = subscription.next().await;
                let ended = !matches!(&item, Ok(snapshot) if !snapshot.state.is_final());
                Some((item, (!ended).then_some(subscription)))
            })
            .boxed(),
        ))
    }

    /// Connects again when the connection ends, starting the service if need be.
    pub(crate) async fn follow(client: Client, job: JobId) -> Result<Self> {
        let following =
            Following { changes: Self::open(client.connection(), job).await?, client, job, since: Instant::now(), reconnects: 0 };
        Ok(Self(
            stream::unfold(Some(following), |following| async {
                let mut following = following?;
                let item = following.next().await?;
                let ended = item.is_err();
                Some((item, (!ended).then_some(following)))
            })
            .boxed(),
        ))
    }
}

impl Stream for JobChanges {
    type Item = Result<JobSnapshot>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl std::fmt::Debug for JobChanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobChanges").finish_non_exhaustive()
    }
}

struct Following {
    client: Client,
    job: JobId,
    changes: JobChanges,
    since: Instant,
    reconnects: u32,
}

impl Following {
    async fn next(&mut self) -> Option<Result<JobSnapshot>> {
        let mut lost = match self.changes.next().await? {
            Err(error) if error.is_worth_retrying() => error,
            item => return Some(item),
        };
        if self.since.elapsed() > GOOD_CONNECTION {
            self.reconnects = 0;
        }
        while self.reconnects < RECONNECTS {
            // The first time at once; then slower, because the service keeps dying.
            tokio::time::sleep(Duration::from_millis(100) * self.reconnects * self.reconnects).await;
            self.reconnects += 1;
            match reopen(&self.client, self.job).await {
                Ok(changes) => {
                    self.changes = changes;
                    self.since = Instant::now();
                    match self.changes.next().await? {
                        Err(error) if error.is_worth_retrying() => lost = error,
                        item => return Some(item),
                    }
                }
                Err(error) if error.is_worth_retrying() => lost = error,
                Err(error) => return Some(Err(error)),
            }
        }
        Some(Err(lost))
    }
}

async fn reopen(client: &Client, job: JobId) -> Result<JobChanges> {
    client.reconnect().await?;
    JobChanges::open(client.connection(), job).await
}

/// The latest value of each property, and which message of the connection it came with: an answer
/// and a signal can reach us in either order.
#[derive(Debug, Default)]
pub(crate) struct PropertyCache {
    values: HashMap<String, OwnedVariant>,
    positions: HashMap<String, Sequence>,
}

impl PropertyCache {
    pub(crate) fn apply_signal(&mut self, message: &Message) {
        if let Ok((interface, values, _)) = message.body().deserialize::<(String, HashMap<String, OwnedVariant>, Vec<String>)>()
            && interface == names::JOB
        {
            self.apply(message.recv_position(), values);
        }
    }

    fn apply_answer(&mut self, message: &Message) -> Result<()> {
        self.apply(message.recv_position(), message.body().deserialize().map_err(Error::protocol)?);
        Ok(())
    }

    fn apply(&mut self, position: Sequence, values: HashMap<String, OwnedVariant>) {
        for (name, value) in values {
            if self.is_news(&name, position) {
                self.positions.insert(name.clone(), position);
                self.values.insert(name, value);
            }
        }
    }

    fn absorb(&mut self, other: &Self) {
        for (name, position) in &other.positions {
            if self.is_news(name, *position)
                && let Some(value) = other.values.get(name).and_then(|value| value.try_clone().ok())
            {
                self.positions.insert(name.clone(), *position);
                self.values.insert(name.clone(), value);
            }
        }
    }

    fn is_news(&self, name: &str, position: Sequence) -> bool {
        self.positions.get(name).is_none_or(|known| *known < position)
    }
}

/// Where the connection puts the changes of one job.
pub(crate) struct PropertyWatch {
    job: JobId,
    cache: watch::Sender<PropertyCache>,
}

impl PropertyWatch {
    pub(crate) fn job(&self) -> JobId {
        self.job
    }

    pub(crate) fn is_wanted(&self) -> bool {
        !self.cache.is_closed()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut PropertyCache)) {
        self.cache.send_modify(change);
    }
}

struct Subscription {
    /// What was read at first, and all that was told since.
    known: PropertyCache,
    /// What the connection was told. It may hold signals that are older than `known`.
    told: watch::Receiver<PropertyCache>,
    /// Whether `known` was shown.
    shown: bool,
    _rule: MatchGuard,
}

impl Subscription {
    async fn open(connection: Arc<Connection>, job: JobId) -> Result<Self> {
        let path = names::job_path(job);
        let (sender, told) = watch::channel(PropertyCache::default());
        connection.watch(PropertyWatch { job, cache: sender })?;
        let rule = connection.add_match(format!("type='signal',interface='{PROPERTIES}',member='PropertiesChanged',path='{path}'")).await?;
        let answer = connection.call_for_message(&path, PROPERTIES, "GetAll", &names::JOB).await?;
        let mut known = PropertyCache::default();
        known.apply_answer(&answer)?;
        Ok(Self { known, told, shown: false, _rule: rule })
    }

    async fn next(&mut self) -> Result<JobSnapshot> {
        if self.shown {
            self.told.changed().await.map_err(|_| Error::Disconnected)?;
        }
        self.shown = true;
        self.known.absorb(&self.told.borrow_and_update());
        JobSnapshot::read(&self.known.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::tests::properties;
    use consign_bits::JobState;

    /// A message that a connection received: positions count up from one message to the next.
    async fn messages() -> Vec<Message> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let server = zbus::connection::Builder::unix_stream(theirs).server(zbus::Guid::generate()).p2p().build();
        let client = zbus::connection::Builder::unix_stream(ours).p2p().build_message_stream();
        let (server, client) = tokio::join!(server, client);
        let (server, mut client) = (server.unwrap(), client.unwrap());
        let mut messages = Vec::new();
        for state in [1_u32, 2] {
            let changed = HashMap::from([("State", zbus::Variant::from(state))]);
            let body = (names::JOB, changed, Vec::<String>::new());
            server.emit_signal(None::<&str>, "/x", PROPERTIES, "PropertiesChanged", &body).await.unwrap();
            messages.push(client.next().await.unwrap().unwrap());
        }
        messages
    }

    #[tokio::test]
    async fn what_came_later_wins_whatever_is_applied_first() {
        let messages = tokio::time::timeout(Duration::from_secs(10), messages()).await.unwrap();
        let mut told = PropertyCache::default();
        told.apply_signal(&messages[0]);
        let mut known = PropertyCache::default();
        known.apply(messages[1].recv_position(), properties());
        known.absorb(&told);
        assert_eq!(JobSnapshot::read(&known.values).unwrap().state, JobState::TransientError, "an older signal changes nothing");
        let mut known = PropertyCache::default();
        known.apply(messages[0].recv_position(), properties());
        told.apply_signal(&messages[1]);
        known.absorb(&told);
        assert_eq!(JobSnapshot::read(&known.values).unwrap().state, JobState::Transferring);
    }
}
