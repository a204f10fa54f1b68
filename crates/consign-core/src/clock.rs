//! Time as an argument: what decides is told the time, and never asks for it.

use std::{
    ops::{Add, Sub},
    sync::Mutex,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A moment of the calendar, in milliseconds since 1970 (UTC). It may jump when somebody sets the
/// clock: it is stored and shown, and never waited for while the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The same moment as the operating system's type.
    pub fn to_system_time(self) -> SystemTime {
        let millis = Duration::from_millis(self.0.unsigned_abs());
        if self.0 < 0 { UNIX_EPOCH - millis } else { UNIX_EPOCH + millis }
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// A moment of a clock that nobody can set and that goes on while the machine sleeps
/// (`CLOCK_BOOTTIME`). It means nothing after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Monotonic(Duration);

impl Monotonic {
    /// From the time since the clock's own beginning.
    pub const fn from_duration(duration: Duration) -> Self {
        Self(duration)
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

impl Sub<Duration> for Monotonic {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration))
    }
}

/// Both clocks, read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Now {
    /// What the calendar says.
    pub wall: Timestamp,
    /// What can be waited for.
    pub monotonic: Monotonic,
}

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Now;
}

/// A century, so that a moment before the machine's start has a place on the monotonic clock: waits
/// that began before a restart go on after it.
const BEFORE_THE_START: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let wall = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
        };
        let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(boot.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(boot.tv_nsec).unwrap_or(0);
        Now { wall: Timestamp(wall), monotonic: Monotonic(BEFORE_THE_START + Duration::new(seconds, nanos)) }
    }
}

/// A clock that stands still until it is told to go on: for tests.
#[derive(Debug, Default)]
pub struct ManualClock(Mutex<Now>);

impl ManualClock {
    /// A clock that shows `now`.
    pub const fn new(now: Now) -> Self {
        Self(Mutex::new(now))
    }

    /// Lets `duration` pass on both clocks.
    pub fn advance(&self, duration: Duration) {
        let mut now = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *now = Now { wall: now.wall + duration, monotonic: now.monotonic + duration };
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_saturates_instead_of_wrapping() {
        assert_eq!(Timestamp::from_millis(i64::MAX) + Duration::MAX, Timestamp::from_millis(i64::MAX));
        assert_eq!(Timestamp::from_millis(1).since(Timestamp::from_millis(5)), Duration::ZERO);
        assert_eq!((Monotonic::default() - Duration::from_secs(1)), Monotonic::default());
    }

    #[test]
    fn a_manual_clock_moves_when_told() {
        let clock = ManualClock::default();
        let before = clock.now();
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now().wall.since(before.wall), Duration::from_secs(2));
        assert_eq!(clock.now().monotonic.since(before.monotonic), Duration::from_secs(2));
    }

    #[test]
    fn the_machines_clock_goes_forward() {
        let first = SystemClock.now();
        let second = SystemClock.now();
        assert!(second.monotonic >= first.monotonic);
        assert!(first.wall.as_millis() > 1_700_000_000_000);
    }
}
