//! Choices that look random and can be made again.

use std::{
    ops::Range,
    time::{Duration, SystemTime},
};

/// Random choices from a seed.
#[derive(Clone, Debug)]
pub struct Dice {
    seed: u64,
    state: u64,
}

impl Dice {
    /// The variable that names the seed.
    pub const VARIABLE: &str = "CONSIGN_TEST_SEED";

    /// The seed from the environment variable [`VARIABLE`](Self::VARIABLE), else one from the clock. It
    /// is printed, with how to use it again: a test shows what it printed when it fails.
    pub fn from_environment() -> Self {
        let given = std::env::var(Self::VARIABLE).ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            // Nanoseconds, cut off: short enough to be typed.
            u64::from(now.subsec_nanos()) ^ (now.as_secs() & 0xffff)
        });
        eprintln!("random choices: to repeat them, set {}={seed}", Self::VARIABLE);
        Self::seeded(seed)
    }

    /// The choices of this seed.
    pub const fn seeded(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// The seed.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Any number.
    pub const fn number(&mut self) -> u64 {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number of the range; its start if it is empty.
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        match range.end.saturating_sub(range.start) {
            0 => range.start,
            width => range.start + self.number() % width,
        }
    }

    /// A time up to `most`.
    pub fn time_up_to(&mut self, most: Duration) -> Duration {
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.within(0..micros.saturating_add(1)))
    }

    /// One of several; `None` if there are none.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let index = self.within(0..choices.len() as u64);
        choices.get(usize::try_from(index).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_choices() {
        let (mut one, mut other) = (Dice::seeded(5), Dice::seeded(5));
        let mut seen = [false; 3];
        for _ in 0..100 {
            assert_eq!(one.number(), other.number());
            let chosen = one.within(10..13);
            assert_eq!(chosen, other.within(10..13));
            seen[usize::try_from(chosen - 10).unwrap()] = true;
            assert!(one.time_up_to(Duration::from_millis(1)) <= Duration::from_millis(1));
            assert_eq!(other.one_of(&[7]), Some(&7));
        }
        assert_eq!(seen, [true; 3]);
        assert_eq!(one.one_of::<u8>(&[]), None);
        assert_eq!(one.within(3..3), 3);
        assert_eq!(one.time_up_to(Duration::ZERO), Duration::ZERO);
        assert_ne!(Dice::seeded(1).number(), Dice::seeded(2).number());
    }
}
