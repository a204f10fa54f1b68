use std::time::Duration;

use consign::{QueuePolicy, RetryQueue};

use super::{count, split, unknown};
use crate::parse::{AutoSwitch, seconds, switch};

/// A part of the policy of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum QueueSetting {
    Attempts(u32),
    Retry(Vec<RetryQueue>),
    Ordered(AutoSwitch),
    MaxPlayers(Option<u32>),
    MaxMessages(Option<u64>),
    MaxBytes(Option<u64>),
    PlayTimeout(Duration),
    Default,
}

/// The keys of `queue set`, as its help lists them.
pub(crate) const QUEUE_KEYS: &str = "\
Keys:
  attempts=N               how often the input queue tries (3 at first)
  retry=TIME[:N],...|none  the retry queues: how long each waits, and how often it tries then
                           (1m:3,2m:3,4m:3,8m:3,16m:3 at first; N is 3 where it is left out)
  ordered=on|off           one message after the other; one that fails holds up the others
  max-players=N|none       how many are played at once (none: what the settings say)
  max-messages=N|none      how many may stand in it, the dead ones included
  max-bytes=SIZE|none      how much they may be: 1000000, 512K, 20M, 1G
  play-timeout=TIME        how long one message may be played (5m at first)
  policy=default           all of it as it is at first

Times are 90, 90s, 10m, 2h or 14d.";

const KEYS: [&str; 8] = ["attempts", "retry", "ordered", "max-players", "max-messages", "max-bytes", "play-timeout", "policy"];

/// `KEY=VALUE` of a queue.
pub(crate) fn queue(text: &str) -> Result<QueueSetting, String> {
    let (key, value) = split(text)?;
    let time = |value: &str| seconds(value).map(|seconds| Duration::from_secs(seconds.into()));
    let attempts = |value: &str| match value.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("`{value}` is no number of attempts: expected 1 or more")),
    };
    Ok(match key.as_str() {
        "attempts" => QueueSetting::Attempts(attempts(value)?),
        "retry" if value == "none" => QueueSetting::Retry(Vec::new()),
        "retry" => {
            let one = |part: &str| {
                let (delay, number) = part.split_once(':').unwrap_or((part, "3"));
                Ok::<_, String>(RetryQueue { delay: time(delay)?, attempts: attempts(number)? })
            };
            QueueSetting::Retry(value.split(',').map(one).collect::<Result<_, _>>()?)
        }
        "ordered" => QueueSetting::Ordered(switch(value)?),
        "max-players" => QueueSetting::MaxPlayers(count(value)?),
        "max-messages" => QueueSetting::MaxMessages(count(value)?),
        "max-bytes" => QueueSetting::MaxBytes(size(value)?),
        "play-timeout" => match time(value)? {
            Duration::ZERO => return Err("a message is played at least for a second".to_owned()),
            time => QueueSetting::PlayTimeout(time),
        },
        "policy" if value == "default" => QueueSetting::Default,
        "policy" => return Err(format!("`{value}` is no policy: expected default")),
        key => return Err(unknown(key, &KEYS)),
    })
}

/// `none`, bytes, or with K, M, G.
fn size(value: &str) -> Result<Option<u64>, String> {
    let (digits, factor) = match value.chars().last() {
        Some('K' | 'k') => (&value[..value.len() - 1], 1 << 10),
        Some('M' | 'm') => (&value[..value.len() - 1], 1 << 20),
        Some('G' | 'g') => (&value[..value.len() - 1], 1 << 30),
        _ => (value, 1),
    };
    let number: Option<u64> = count(digits).map_err(|_| format!("`{value}` is no size: expected 1000000, 512K, 20M, 1G or none"))?;
    number.map(|number| number.checked_mul(factor).ok_or_else(|| format!("`{value}` is too large"))).transpose()
}

/// The policy with these changes; a later one wins.
pub(crate) fn changed(mut policy: QueuePolicy, settings: &[QueueSetting]) -> QueuePolicy {
    for setting in settings {
        match setting.clone() {
            QueueSetting::Attempts(attempts) => policy.attempts = attempts,
            QueueSetting::Retry(queues) => policy.retry = queues,
            QueueSetting::Ordered(ordered) => policy.ordered = ordered == AutoSwitch::On,
            QueueSetting::MaxPlayers(most) => policy.max_players = most,
            QueueSetting::MaxMessages(most) => policy.max_messages = most,
            QueueSetting::MaxBytes(most) => policy.max_bytes = most,
            QueueSetting::PlayTimeout(time) => policy.play_timeout = time,
            QueueSetting::Default => policy = QueuePolicy::default(),
        }
    }
    policy
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> QueuePolicy {
        let settings: Vec<_> = texts.iter().map(|text| queue(text).unwrap()).collect();
        changed(QueuePolicy::default(), &settings)
    }

    #[test]
    fn settings_change_a_policy() {
        assert_eq!(set(&[]), QueuePolicy::default());
        let policy =
            set(&["attempts=5", "retry=10s:1,2m", "ordered=on", "max_players=4", "max-messages=9", "max-bytes=2K", "play-timeout=1h"]);
        let queue = |delay, attempts| RetryQueue { delay: Duration::from_secs(delay), attempts };
        assert_eq!((policy.attempts, policy.retry.as_slice()), (5, &[queue(10, 1), queue(120, 3)][..]));
        assert_eq!((policy.ordered, policy.max_players, policy.max_messages), (true, Some(4), Some(9)));
        assert_eq!((policy.max_bytes, policy.play_timeout), (Some(2048), Duration::from_secs(3600)));
        assert_eq!(set(&["retry=none"]).retry, []);
        assert_eq!(set(&["attempts=5", "policy=default"]), QueuePolicy::default());
        assert_eq!(set(&["retry=1m:3,2m:3,4m:3,8m:3,16m:3"]), QueuePolicy::default(), "as the help says");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in [
            "",
            "attempts",
            "attempts=0",
            "attempts=x",
            "retry=",
            "retry=1m:0",
            "retry=soon",
            "ordered=maybe",
            "max-players=0",
            "max-bytes=5T",
            "max-bytes=99999999999G",
            "play-timeout=0",
            "policy=mine",
            "colour=red",
        ] {
            assert!(queue(text).is_err(), "{text}");
        }
        assert!(queue("atempts=3").unwrap_err().ends_with("did you mean attempts?"));
    }

    #[test]
    fn every_key_of_the_help_is_known() {
        let lines = QUEUE_KEYS.lines().filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
        let keys: Vec<&str> = lines.map(|line| line.split('=').next().unwrap()).collect();
        assert_eq!(keys, KEYS);
    }
}
