//! Who spoiled a piece: the blocks of failed tries are compared with each other and with the good one.
//!
//! When a piece fails its hash, the digest and the sender of each block are kept. The next three tries
//! come from many peers again, but each block from another sender than before, so that where two tries
//! agree nobody lied, and where they differ one of two did. The fewest peers that explain all
//! differences are *doubted*: they are asked for nothing that others have. A fifth try comes from
//! one peer alone. A try that succeeds names for certain who had sent other bytes; so does one that
//! fails with a single sender. Nobody is banned on suspicion.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use gostorm_wire::PieceIndex;

use crate::time::Time;

/// Failed tries kept for one piece; older ones are forgotten.
const TRIES_MAX: usize = 4;
/// Tries from many peers, each block from another sender than before; the next ones have one source.
pub(crate) const TRIES_APART: usize = 4;
/// Pieces under suspicion; a swarm with more is hostile, and those that failed last are enough.
const PIECES_MAX: usize = 256;
/// Blocks of failed tries that are kept, 40 bytes each: four tries of four pieces of the largest size.
const BLOCKS_MAX: usize = 65_536;
/// How long a peer stays doubted: a piece that nobody wants any more is not tried again.
const DOUBTED_FOR: Duration = Duration::from_secs(20);

#[derive(Clone, Debug)]
struct Try {
    /// Counts all failures.
    number: u64,
    digests: Vec<u64>,
    senders: Vec<SocketAddr>,
    /// Each sender once, sorted.
    suspects: Vec<SocketAddr>,
    /// Those of the senders that had not yet proved themselves beside others that had.
    unproven: Vec<SocketAddr>,
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
    tries: BTreeMap<PieceIndex, Vec<Try>>,
    doubted: Vec<SocketAddr>,
    doubted_until: Time,
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

    /// Failed tries of the piece.
    pub(crate) fn tries(&self, piece: PieceIndex) -> usize {
        self.tries.get(&piece).map_or(0, Vec::len)
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

    /// Who sent a block of the piece in its failed tries.
    pub(crate) fn senders(
        &self,
        piece: PieceIndex,
        block: usize,
    ) -> impl Iterator<Item = SocketAddr> {
        let tries = self.tries.get(&piece).into_iter().flatten();
        tries.filter_map(move |one| one.senders.get(block).copied())
    }

    /// Who is asked for nothing that others have.
    pub(crate) fn doubted(&self, now: Time) -> &[SocketAddr] {
        if now < self.doubted_until {
            &self.doubted
        } else {
            &[]
        }
    }

    /// A try failed; `senders` and `digests` are by block, `proven` says who has sent verified pieces.
    /// Returns who is guilty for certain.
    pub(crate) fn failed(
        &mut self,
        now: Time,
        piece: PieceIndex,
        senders: Vec<SocketAddr>,
        digests: Vec<u64>,
        proven: impl Fn(SocketAddr) -> bool,
    ) -> Vec<SocketAddr> {
        self.failures += 1;
        if let Some(first) = senders.first()
            && senders.iter().all(|sender| sender == first)
        {
            return vec![*first];
        }
        if self.tries.len() >= PIECES_MAX && !self.tries.contains_key(&piece) {
            self.forget_oldest();
        }
        let mut suspects = senders.clone();
        suspects.sort_unstable();
        suspects.dedup();
        let mut unproven = suspects.clone();
        unproven.retain(|sender| !proven(*sender));
        if unproven.len() == suspects.len() {
            unproven.clear();
        }
        let tries = self.tries.entry(piece).or_default();
        if tries.len() == TRIES_MAX {
            tries.remove(0);
        }
        tries.push(Try {
            number: self.failures,
            digests,
            senders,
            suspects,
            unproven,
        });
        while self.tries.len() > 1 && self.blocks() > BLOCKS_MAX {
            self.forget_oldest();
        }
        self.doubted_until = now + DOUBTED_FOR;
        self.doubt();
        Vec::new()
    }

    /// The piece was verified; `digests` are of the good blocks. Says who had sent other ones.
    pub(crate) fn passed(&mut self, piece: PieceIndex, digests: &[u64]) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(tries) = self.tries.remove(&piece) else {
            return outcome;
        };
        for one in tries {
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
        // What the liars had a part in is explained: those pieces are like any others again.
        self.tries.retain(|_, tries| {
            tries.retain(|one| one.suspects.iter().all(|addr| !guilty.contains(addr)));
            !tries.is_empty()
        });
        self.doubt();
        outcome
    }

    /// Blocks of all tries that are kept.
    fn blocks(&self) -> usize {
        let tries = self.tries.values().flatten();
        tries.map(|one| one.digests.len()).sum()
    }

    /// Forgets the piece that has not failed for longest: it may never be tried again.
    fn forget_oldest(&mut self) {
        let last = |tries: &[Try]| tries.last().map(|one| one.number);
        let oldest = self.tries.iter().min_by_key(|(_, tries)| last(tries));
        if let Some(piece) = oldest.map(|(piece, _)| *piece) {
            self.tries.remove(&piece);
        }
    }

    /// Works out who is doubted: who explains most of the differences between tries, then who explains
    /// most of the rest, until all are explained; and newcomers to a failure of proven peers.
    fn doubt(&mut self) {
        let mut differences = self.differences();
        let mut doubted: Vec<SocketAddr> = self
            .tries
            .values()
            .flatten()
            .flat_map(|one| one.unproven.iter().copied())
            .collect();
        differences.retain(|(one, other)| !doubted.contains(one) && !doubted.contains(other));
        while !differences.is_empty() {
            let mut counts: BTreeMap<SocketAddr, usize> = BTreeMap::new();
            for (one, other) in &differences {
                *counts.entry(*one).or_default() += 1;
                *counts.entry(*other).or_default() += 1;
            }
            let most = counts.values().copied().max().unwrap_or(0);
            let worst: Vec<SocketAddr> = counts
                .into_iter()
                .filter(|(_, count)| *count == most)
                .map(|(addr, _)| addr)
                .collect();
            differences.retain(|(one, other)| !worst.contains(one) && !worst.contains(other));
            doubted.extend(worst);
        }
        doubted.sort_unstable();
        doubted.dedup();
        self.doubted = doubted;
    }

    /// The pairs of senders of which one has lied: their tries differ in a block.
    fn differences(&self) -> Vec<(SocketAddr, SocketAddr)> {
        let mut pairs = Vec::new();
        for tries in self.tries.values() {
            for (at, one) in tries.iter().enumerate() {
                for other in &tries[at + 1..] {
                    let blocks = one.digests.iter().zip(&other.digests);
                    let senders = one.senders.iter().zip(&other.senders);
                    let differ = blocks.zip(senders).filter(|((a, b), _)| a != b);
                    pairs.extend(differ.map(|(_, (one, other))| (*one, *other)));
                }
            }
        }
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn addr(host: u8) -> SocketAddr {
        (Ipv4Addr::new(127, 0, 0, host), 6881).into()
    }

    fn fail(
        verify: &mut Verify,
        piece: u32,
        senders: &[u8],
        digests: &[u64],
        proven: &[u8],
    ) -> Vec<SocketAddr> {
        let senders = senders.iter().map(|host| addr(*host)).collect();
        verify.failed(
            Time::ZERO,
            PieceIndex(piece),
            senders,
            digests.to_vec(),
            |one| proven.iter().any(|host| addr(*host) == one),
        )
    }

    #[test]
    fn the_good_try_names_the_sender_of_the_spoilt_block() {
        let mut verify = Verify::default();
        let piece = PieceIndex(3);
        assert_eq!(fail(&mut verify, 3, &[1, 2, 1], &[10, 66, 12], &[]), vec![]);
        assert!(verify.is_suspect(piece) && verify.is_suspected(piece, addr(1)));
        assert_eq!(
            verify.doubted(Time::ZERO),
            [],
            "one try alone says nothing about who"
        );
        assert!(verify.suspects(addr(2)) && !verify.suspects(addr(3)));
        let outcome = verify.passed(piece, &[10, 11, 12]);
        assert_eq!(outcome.guilty, vec![addr(2)]);
        assert_eq!(outcome.cleared, vec![addr(1)]);
        assert!(!verify.is_suspect(piece) && !verify.suspects(addr(1)));
    }

    #[test]
    fn a_lone_sender_of_a_bad_piece_is_guilty_at_once() {
        let mut verify = Verify::default();
        assert_eq!(fail(&mut verify, 0, &[1, 1], &[1, 2], &[]), vec![addr(1)]);
    }

    #[test]
    fn the_peer_that_explains_the_differences_of_two_tries_is_doubted_until_the_piece_is_good() {
        let mut verify = Verify::default();
        fail(&mut verify, 0, &[1, 2, 3, 9], &[10, 11, 12, 66], &[]);
        fail(&mut verify, 0, &[9, 3, 9, 2], &[77, 11, 88, 13], &[]);
        assert_eq!(verify.doubted(Time::ZERO), [addr(9)]);
        assert_eq!(verify.doubted(Time(20_000_000)), [], "not for ever");
        assert_eq!(
            verify.passed(PieceIndex(0), &[10, 11, 12, 13]).guilty,
            vec![addr(9)]
        );
        assert_eq!(verify.doubted(Time::ZERO), []);
    }

    #[test]
    fn of_too_many_suspect_pieces_the_newest_are_kept() {
        let mut verify = Verify::default();
        let last = u32::try_from(PIECES_MAX).unwrap_or(0);
        for piece in 0..=last {
            // Backwards: the oldest is not the first by number.
            fail(&mut verify, last - piece, &[1, 2], &[1, 2], &[]);
        }
        assert!(verify.is_suspect(PieceIndex(0)), "the newest");
        assert!(!verify.is_suspect(PieceIndex(last)), "the oldest");
        assert_eq!(verify.tries.len(), PIECES_MAX);
    }

    #[test]
    fn a_failure_that_a_liar_explains_says_nothing_of_others() {
        let mut verify = Verify::default();
        fail(&mut verify, 0, &[1, 9], &[10, 66], &[]);
        fail(&mut verify, 1, &[2, 9], &[20, 66], &[]);
        fail(&mut verify, 2, &[1, 2], &[30, 31], &[]);
        verify.passed(PieceIndex(0), &[10, 11]);
        assert!(!verify.is_suspect(PieceIndex(1)));
        assert!(verify.is_suspect(PieceIndex(2)));
    }

    #[test]
    fn a_newcomer_among_proven_peers_is_doubted_at_once() {
        let mut verify = Verify::default();
        fail(&mut verify, 5, &[1, 2, 9], &[1, 2, 3], &[1, 2]);
        assert_eq!(verify.doubted(Time::ZERO), [addr(9)]);
    }

    #[test]
    fn large_pieces_that_fail_again_and_again_keep_no_more_than_a_few_megabytes() {
        let mut verify = Verify::default();
        let blocks = 4_096;
        let senders: Vec<u8> = (0..blocks)
            .map(|block| u8::from(block % 2 == 0) + 1)
            .collect();
        let digests = vec![7; blocks];
        for round in 0..40 {
            fail(&mut verify, round % 20, &senders, &digests, &[]);
        }
        assert!(verify.blocks() <= BLOCKS_MAX);
        assert!(verify.is_suspect(PieceIndex(19)), "the last one is kept");
    }
}
