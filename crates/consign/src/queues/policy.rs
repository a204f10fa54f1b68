use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// When the messages of a queue are tried again, and how many are played at once.
///
/// The default is COM+'s: three attempts at once, then after 1, 2, 4, 8 and 16 minutes three more each, then
/// the exception class, then the dead queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuePolicy {
    /// How often the input queue tries before a message goes to the first retry queue. At least 1.
    pub attempts: u32,
    /// The retry queues, in order, at most 64. None: straight to the exception class and the dead queue.
    pub retry: Vec<RetryQueue>,
    /// Whether messages are played one after the other, so that one that fails holds the others up.
    pub ordered: bool,
    /// How many messages are played at once, 1 or more; `None`: what `queue.players` in the settings says.
    pub max_players: Option<u32>,
    /// How many messages may stand in it, the dead ones included; `None`: as many as there is room for.
    pub max_messages: Option<u64>,
    /// How many bytes of calls may stand in it, the dead ones included; `None`: as many as there is room for.
    pub max_bytes: Option<u64>,
    /// How long one message may be played, in whole seconds, 1 or more.
    pub play_timeout: Duration,
}

/// One retry queue: a message waits once, then it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryQueue {
    /// How long it waits, in whole seconds.
    pub delay: Duration,
    /// How often it is tried after that. At least 1.
    pub attempts: u32,
}

impl Default for QueuePolicy {
    fn default() -> Self {
        let retry = [1, 2, 4, 8, 16].map(|minutes| RetryQueue { delay: Duration::from_secs(60 * minutes), attempts: 3 });
        Self {
            attempts: 3,
            retry: retry.to_vec(),
            ordered: false,
            max_players: None,
            max_messages: None,
            max_bytes: None,
            play_timeout: Duration::from_secs(300),
        }
    }
}

/// As it travels.
#[derive(Serialize, Deserialize)]
struct Written {
    attempts: u32,
    retry: Vec<WrittenRetry>,
    ordered: bool,
    max_players: Option<u32>,
    max_messages: Option<u64>,
    max_bytes: Option<u64>,
    play_timeout: u32,
}

#[derive(Serialize, Deserialize)]
struct WrittenRetry {
    delay: u32,
    attempts: u32,
}

impl QueuePolicy {
    pub(super) fn read(text: &str) -> Result<Self> {
        let written: Written = serde_json::from_str(text).map_err(Error::protocol)?;
        let retry = written.retry.into_iter();
        Ok(Self {
            attempts: written.attempts,
            retry: retry.map(|queue| RetryQueue { delay: Duration::from_secs(queue.delay.into()), attempts: queue.attempts }).collect(),
            ordered: written.ordered,
            max_players: written.max_players,
            max_messages: written.max_messages,
            max_bytes: written.max_bytes,
            play_timeout: Duration::from_secs(written.play_timeout.into()),
        })
    }

    pub(super) fn write(&self) -> Result<String> {
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let retry = self.retry.iter().map(|queue| WrittenRetry { delay: seconds(queue.delay), attempts: queue.attempts }).collect();
        let written = Written {
            attempts: self.attempts,
            retry,
            ordered: self.ordered,
            max_players: self.max_players,
            max_messages: self.max_messages,
            max_bytes: self.max_bytes,
            play_timeout: seconds(self.play_timeout),
        };
        serde_json::to_string(&written).map_err(Error::protocol)
    }
}
