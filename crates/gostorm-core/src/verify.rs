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
            .is_some_and(|tries| tries.iter().any(|one| one.senders.contains(&addr)))
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
        tries.push(Try { digests, senders });
        Vec::new()
    }

    /// The piece was verified; `digests` are of the good blocks. Returns who had sent other ones.
    pub(crate) fn passed(&mut self, piece: PieceIndex, digests: &[u64]) -> Vec<SocketAddr> {
        let mut guilty = Vec::new();
        for one in self.tries.remove(&piece).unwrap_or_default() {
            let blocks = one.digests.iter().zip(digests).zip(&one.senders);
            guilty.extend(
                blocks
                    .filter(|((bad, good), _)| bad != good)
                    .map(|(_, sender)| *sender),
            );
        }
        guilty.sort_unstable();
        guilty.dedup();
        guilty
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
        assert_eq!(verify.passed(piece, &[10, 11, 12]), vec![addr(2)]);
        assert!(!verify.is_suspect(piece));
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
