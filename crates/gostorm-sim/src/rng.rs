//! The random numbers of a run: SplitMix64, ours, so that a seed means the same on every machine.
//!
//! Every part of a world that draws has its own stream, forked from the run's seed: a change in one
//! part does not shift what another part draws.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Rng(u64);

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): a good mix of 64 bits.
#[must_use]
pub const fn mix(mut value: u64) -> u64 {
    value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl Rng {
    /// The stream of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// A stream of its own for the part called `tag`.
    #[must_use]
    pub const fn fork(&self, tag: u64) -> Self {
        Self(mix(self.0 ^ mix(tag)))
    }

    /// Any number.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number from `low` up to, not including, `high`; `low` when the range is empty.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        if high <= low {
            return low;
        }
        low + self.next_u64() % (high - low)
    }

    /// True in `percent` of a hundred cases.
    pub const fn percent(&mut self, percent: u64) -> bool {
        self.between(0, 100) < percent
    }

    /// True in `parts` of a million cases.
    pub const fn per_million(&mut self, parts: u64) -> bool {
        self.between(0, 1_000_000) < parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_its_numbers_and_a_fork_gives_others() {
        let mut one = Rng::new(17);
        let mut two = Rng::new(17);
        let first: Vec<u64> = (0..5).map(|_| one.next_u64()).collect();
        assert_eq!(first, (0..5).map(|_| two.next_u64()).collect::<Vec<_>>());
        assert_ne!(first[0], Rng::new(17).fork(1).next_u64());
        assert!((0..100).all(|_| (5..9).contains(&one.between(5, 9))));
    }
}
