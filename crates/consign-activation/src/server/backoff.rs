use std::time::Duration;

/// How long a server that keeps failing is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure; doubled after each further one.
    pub shortest: Duration,
    /// After many.
    pub longest: Duration,
    /// A server that stayed well for so long has not failed when it ends, and failures before it are
    /// forgotten.
    pub healthy: Duration,
}

impl Default for Backoff {
    /// From one second to five minutes; well is a minute.
    fn default() -> Self {
        Self { shortest: Duration::from_secs(1), longest: Duration::from_secs(300), healthy: Duration::from_secs(60) }
    }
}

impl Backoff {
    /// How long a server is not started after so many failures in a row.
    pub fn after(&self, failures: u32) -> Duration {
        match failures {
            0 => Duration::ZERO,
            _ => self.shortest.saturating_mul(1_u32.checked_shl(failures - 1).unwrap_or(u32::MAX)).min(self.longest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_five_minutes() {
        let seconds = [0, 1, 2, 3, 8, 9, 10, 33, u32::MAX].map(|failures| Backoff::default().after(failures).as_secs());
        assert_eq!(seconds, [0, 1, 2, 4, 128, 256, 300, 300, 300]);
    }
}
