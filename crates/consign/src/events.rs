//! What happens to the jobs of this user, told as it happens.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use consign_bits::JobId;
use consign_wire::names;
use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::broadcast::error::RecvError;

use crate::{
    Error, Result,
    connection::{Connection, PROPERTIES},
};

/// What happened. Says where to look, not what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// A job was made, by whichever client.
    JobAdded(JobId),
    /// A job became ACKNOWLEDGED or CANCELLED.
    JobEnded(JobId),
    /// Something of a job changed. Only where [`Interest::Everything`] was asked for, or the job is
    /// followed on the same connection.
    JobChanged(JobId),
    /// So many events were dropped because they were not read in time: list the jobs instead.
    Missed(u64),
}

/// Which events [`Client::events`](crate::Client::events) tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interest {
    /// Jobs that come and go.
    #[default]
    AddedAndEnded,
    /// The changes of all jobs as well.
    Everything,
}

/// The events from now on. Ends with [`Error::Disconnected`] when the connection closes.
pub struct Events(BoxStream<'static, Result<ClientEvent>>);

impl Events {
    /// The next event, or `None` after the end.
    pub async fn next(&mut self) -> Option<Result<ClientEvent>> {
        self.0.next().await
    }

    pub(crate) async fn open(connection: Arc<Connection>, interest: Interest) -> Result<Self> {
        let events = connection.events()?;
        let mut rules = vec![connection.add_match(format!("type='signal',interface='{}'", names::MANAGER)).await?];
        if interest == Interest::Everything {
            // A path namespace has no slash at its end.
            let jobs = names::JOB_PATH_PREFIX.trim_end_matches('/');
            let rule = format!("type='signal',interface='{PROPERTIES}',member='PropertiesChanged',path_namespace='{jobs}'");
            rules.push(connection.add_match(rule).await?);
        }
        Ok(Self(
            stream::unfold(Some((events, rules)), |state| async {
                let (mut events, rules) = state?;
                match events.recv().await {
                    Ok(event) => Some((Ok(event), Some((events, rules)))),
                    Err(RecvError::Lagged(missed)) => Some((Ok(ClientEvent::Missed(missed)), Some((events, rules)))),
                    Err(RecvError::Closed) => Some((Err(Error::Disconnected), None)),
                }
            })
            .boxed(),
        ))
    }
}

impl Stream for Events {
    type Item = Result<ClientEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
