//! Which peers have proved themselves: a piece with a part of theirs was verified, in this session or an
//! earlier one, and none has failed since.
//!
//! Kept by address, for trust outlives a connection as blame does. Used by `swarm/responsive`, which asks
//! `verify` as well whether an address is under suspicion, and by what is remembered for the next session.

use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Addresses remembered; the one that has proved itself longest ago is forgotten first.
const PROVED_MAX: usize = 4_096;

/// The peers that have proved themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    /// When each proved itself last, as a number that only grows.
    proved: BTreeMap<SocketAddr, u64>,
    clock: u64,
}

impl Trust {
    /// A part of a verified piece came from it.
    pub(crate) fn prove(&mut self, addr: SocketAddr) {
        self.clock += 1;
        self.proved.insert(addr, self.clock);
        if self.proved.len() > PROVED_MAX
            && let Some(oldest) = self
                .proved
                .iter()
                .min_by_key(|(_, at)| **at)
                .map(|(addr, _)| *addr)
        {
            self.proved.remove(&oldest);
        }
    }

    /// A part of a piece that failed came from it.
    pub(crate) fn doubt(&mut self, addr: SocketAddr) {
        self.proved.remove(&addr);
    }

    /// True when it has proved itself, and nothing of its failed since.
    pub(crate) fn has_proved(&self, addr: SocketAddr) -> bool {
        self.proved.contains_key(&addr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(number: usize) -> SocketAddr {
        let [high, low] = u16::try_from(number).unwrap_or(0).to_be_bytes();
        ([10, 0, high, low], 6881).into()
    }

    #[test]
    fn a_failure_takes_trust_away_until_it_is_proved_again() {
        let mut trust = Trust::default();
        assert!(!trust.has_proved(addr(1)));
        trust.prove(addr(1));
        assert!(trust.has_proved(addr(1)));
        trust.doubt(addr(1));
        assert!(!trust.has_proved(addr(1)));
        trust.prove(addr(1));
        assert!(trust.has_proved(addr(1)));
    }

    #[test]
    fn the_oldest_proof_is_forgotten_first() {
        let mut trust = Trust::default();
        (0..PROVED_MAX).for_each(|number| trust.prove(addr(number)));
        trust.prove(addr(0));
        trust.prove(addr(PROVED_MAX));
        assert!(trust.has_proved(addr(0)) && !trust.has_proved(addr(1)));
        assert_eq!(trust.proved.len(), PROVED_MAX);
    }
}
