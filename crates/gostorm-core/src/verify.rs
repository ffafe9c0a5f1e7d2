//! Who spoiled a piece: the blocks of a failed try are compared with those of the good one.
//!
//! When a piece fails its hash, the digest and the sender of each block are kept, and the piece is
//! fetched again from one peer alone. If that fails too, that peer is guilty for certain. When it
//! succeeds, every sender whose digest differs from the good one lied. Nobody is banned on suspicion.

use std::net::SocketAddr;

use gostorm_wire::PieceIndex;
use rustc_hash::FxHashMap;

/// Failed tries kept for one piece; older ones are forgotten.
const TRIES_MAX: usize = 4;
/// Pieces under suspicion; a swarm with more is hostile, and the newest are enough.
const PIECES_MAX: usize = 256;

#[derive(Clone, Debug)]
struct Try {
    digests: Vec<u64>,
    senders: Vec<SocketAddr>,
    /// Each sender once, sorted.
    suspects: Vec<SocketAddr>,
}

/// What a good try says of those who sent a part of the bad ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// They sent another block than the good one.
    pub(crate) guilty: Vec<SocketAddr>,
    /// All that they sent was right.
    pub(crate) cleared: Vec<SocketAddr>,
}

/// The failed tries of this session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verify {
    tries: FxHashMap<PieceIndex, Vec<Try>>,
    failures: u64,
}

impl Verify {
    /// Pieces that failed their hash.
    pub(crate) const fn failures(&self) -> u64 {
        self.failures
    }

    /// True when an earlier try of the piece failed and its liar is not known yet.
    pub(crate) fn is_suspect(&self, piece: PieceIndex) -> bool {
        self.tries.contains_key(&piece)
    }

    /// True when `addr` sent a part of a failed try of the piece.
    pub(crate) fn is_suspected(&self, piece: PieceIndex, addr: SocketAddr) -> bool {
        self.tries
            .get(&piece)
            .is_some_and(|tries| tries.iter().any(|one| one.suspects.contains(&addr)))
    }

    /// True when `addr` sent a part of any failed try whose liar is not known yet.
    pub(crate) fn suspects(&self, addr: SocketAddr) -> bool {
        self.tries
            .values()
            .flatten()
            .any(|one| one.suspects.binary_search(&addr).is_ok())
    }

    /// A try failed; `senders` and `digests` are by block. Returns who is guilty for certain.
    pub(crate) fn failed(
        &mut self,
        piece: PieceIndex,
        senders: Vec<SocketAddr>,
        digests: Vec<u64>,
    ) -> Vec<SocketAddr> {
        self.failures += 1;
        if let Some(first) = senders.first()
            && senders.iter().all(|sender| sender == first)
        {
            return vec![*first];
        }
        if self.tries.len() >= PIECES_MAX && !self.tries.contains_key(&piece) {
            return Vec::new();
        }
        let tries = self.tries.entry(piece).or_default();
        if tries.len() == TRIES_MAX {
            tries.remove(0);
        }
        let mut suspects = senders.clone();
        suspects.sort_unstable();
        suspects.dedup();
        tries.push(Try {
            digests,
            senders,
            suspects,
        });
        Vec::new()
    }

    /// The piece was verified; `digests` are of the good blocks. Says who had sent other ones.
    pub(crate) fn passed(&mut self, piece: PieceIndex, digests: &[u64]) -> Outcome {
        let mut outcome = Outcome::default();
        for one in self.tries.remove(&piece).unwrap_or_default() {
            let blocks = one.digests.iter().zip(digests).zip(&one.senders);
            outcome.guilty.extend(
                blocks
                    .filter(|((bad, good), _)| bad != good)
                    .map(|(_, sender)| *sender),
            );
            outcome.cleared.extend(one.suspects);
        }
        outcome.guilty.sort_unstable();
        outcome.guilty.dedup();
        outcome.cleared.sort_unstable();
        outcome.cleared.dedup();
        let guilty = &outcome.guilty;
        outcome
            .cleared
            .retain(|addr| guilty.binary_search(addr).is_err());
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn addr(host: u8) -> SocketAddr {
        (Ipv4Addr::new(127, 0, 0, host), 6881).into()
    }

    #[test]
    fn the_good_try_names_the_sender_of_the_spoilt_block() {
        let mut verify = Verify::default();
        let piece = PieceIndex(3);
        assert_eq!(
            verify.failed(piece, vec![addr(1), addr(2), addr(1)], vec![10, 66, 12]),
            vec![]
        );
        assert!(verify.is_suspect(piece) && verify.is_suspected(piece, addr(1)));
        assert!(verify.suspects(addr(2)) && !verify.suspects(addr(3)));
        let outcome = verify.passed(piece, &[10, 11, 12]);
        assert_eq!(outcome.guilty, vec![addr(2)]);
        assert_eq!(outcome.cleared, vec![addr(1)]);
        assert!(!verify.is_suspect(piece) && !verify.suspects(addr(1)));
    }

    #[test]
    fn a_lone_sender_of_a_bad_piece_is_guilty_at_once() {
        let mut verify = Verify::default();
        assert_eq!(
            verify.failed(PieceIndex(0), vec![addr(1), addr(1)], vec![1, 2]),
            vec![addr(1)]
        );
    }
}
