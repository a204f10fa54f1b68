//! When a message is tried again: data, not code.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What may be chosen for a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueuePolicy {
    /// How often the input queue tries before a message goes to the first retry queue. At least 1.
    pub attempts: u32,
    /// The retry queues, in order. None: straight to the exception class and the dead queue.
    pub retry: Vec<RetryQueue>,
    /// Whether messages are played one after the other, so that one that fails holds the others up.
    pub ordered: bool,
    /// How many messages are played at once; `None`: 16 for each processor.
    pub max_players: Option<u32>,
    /// How many messages may stand in it, the dead ones included; `None`: as many as there is room for.
    pub max_messages: Option<u64>,
    /// How many bytes of calls may stand in it, the dead ones included; `None`: as many as there is room for.
    pub max_bytes: Option<u64>,
    /// How long one message may be played, in seconds.
    pub play_timeout: u32,
}

/// One retry queue: a message waits once, then it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryQueue {
    /// In seconds.
    pub delay: u32,
    /// How often it is tried after that. At least 1.
    pub attempts: u32,
}

impl Default for QueuePolicy {
    /// COM+'s: three attempts, then after 1, 2, 4, 8 and 16 minutes three more each.
    fn default() -> Self {
        Self {
            attempts: 3,
            retry: [60, 120, 240, 480, 960].map(|delay| RetryQueue { delay, attempts: 3 }).to_vec(),
            ordered: false,
            max_players: None,
            max_messages: None,
            max_bytes: None,
            play_timeout: 300,
        }
    }
}

impl QueuePolicy {
    /// Why it cannot be a policy, if it cannot.
    pub fn fault(&self) -> Option<&'static str> {
        if self.attempts == 0 || self.retry.iter().any(|queue| queue.attempts == 0) {
            Some("a queue tries at least once")
        } else if self.retry.len() > 64 {
            Some("a queue has at most 64 retry queues")
        } else if self.max_players == Some(0) {
            Some("a queue has at least one player; pause it to have none")
        } else if self.play_timeout == 0 {
            Some("a message needs some time to be played")
        } else {
            None
        }
    }

    /// How long the retry queue `index` makes wait.
    pub(crate) fn delay(&self, index: u8) -> Option<Duration> {
        self.retry.get(usize::from(index)).map(|queue| Duration::from_secs(queue.delay.into()))
    }
}
