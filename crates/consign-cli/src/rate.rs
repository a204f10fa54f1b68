//! How fast bytes come, and when they will all be there.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// What happened longer ago says nothing of now.
const WINDOW: Duration = Duration::from_secs(8);
/// Less than this is too short to tell a rate from.
const LEAST: Duration = Duration::from_millis(400);

/// The rate of one job, over the last seconds.
#[derive(Debug, Default)]
pub(crate) struct Rate(VecDeque<(Instant, u64)>);

impl Rate {
    /// So many bytes were there at that time.
    pub(crate) fn add(&mut self, now: Instant, bytes: u64) {
        // Fewer than before: the file began again.
        if self.0.back().is_some_and(|(_, before)| *before > bytes) {
            self.0.clear();
        }
        self.0.push_back((now, bytes));
        while self.0.len() > 2 && self.0.front().is_some_and(|(then, _)| now.duration_since(*then) > WINDOW) {
            self.0.pop_front();
        }
    }

    /// Forgets what was, because the job stands still.
    pub(crate) fn rest(&mut self) {
        self.0.clear();
    }

    /// Bytes in a second.
    pub(crate) fn per_second(&self, now: Instant) -> Option<u64> {
        let ((then, before), (_, bytes)) = (self.0.front()?, self.0.back()?);
        let elapsed = now.duration_since(*then);
        if elapsed < LEAST {
            return None;
        }
        u64::try_from(u128::from(bytes - before) * 1000 / elapsed.as_millis()).ok()
    }

    /// How long the rest takes at this rate.
    pub(crate) fn time_left(&self, now: Instant, total: Option<u64>) -> Option<Duration> {
        let (_, bytes) = self.0.back()?;
        let rate = self.per_second(now).filter(|rate| *rate > 0)?;
        // Rounded up: nobody believes in 0 s left while something is missing.
        Some(Duration::from_secs(total?.saturating_sub(*bytes).div_ceil(rate)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let start = Instant::now();
        let mut rate = Rate::default();
        let at = |seconds| start + Duration::from_secs(seconds);
        rate.add(at(0), 0);
        assert_eq!(rate.per_second(at(0)), None);
        rate.add(at(2), 2000);
        assert_eq!(rate.per_second(at(2)), Some(1000));
        assert_eq!(rate.time_left(at(2), Some(4500)), Some(Duration::from_secs(3)));
        assert_eq!(rate.time_left(at(2), None), None);
        rate.add(at(20), 2000);
        rate.add(at(22), 2000);
        assert_eq!(rate.per_second(at(22)), Some(0), "it stands still");
        assert_eq!(rate.time_left(at(22), Some(4500)), None);
    }

    #[test]
    fn a_file_that_begins_again_has_no_rate_yet() {
        let start = Instant::now();
        let mut rate = Rate::default();
        rate.add(start, 5000);
        rate.add(start + Duration::from_secs(1), 10);
        assert_eq!(rate.per_second(start + Duration::from_secs(1)), None);
    }
}
