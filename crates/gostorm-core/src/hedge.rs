//! A second peer for a block that is late and needed now: the first answer wins, the other request is
//! taken back.
//!
//! Called once a turn after the assignment, for the pieces that readers wait for or reach within a
//! moment. A block is late when the peer that owes it is not expected to bring it before another peer
//! would, asked now; what a peer owes past its own expected time (mean and deviations of its earlier
//! blocks) is expected later and later. The last blocks of a piece are hedged the same way, so that a
//! piece has no tail of slow peers. A full pipeline takes a few more.
//!
//! What may be wasted is capped: a share of all that came, and a little more in the first seconds.

use std::time::Duration;

use gostorm_wire::BLOCK_LEN;

use crate::demand::Wanted;
use crate::event::PeerKey;
use crate::layout::BlockRef;
use crate::peer::Peer;
use crate::picker::{BlockState, Picker};
use crate::schedule::Assignment;
use crate::time::Time;

/// A second request must gain so much over the first, or it is not worth its bytes.
const GAIN_MIN: Duration = Duration::from_millis(40);
/// And the first must be expected to take so many times longer.
const GAIN_RATIO: f64 = 1.6;
/// Share of what came that hedges may waste, as a divisor: 1/40 = 2.5 %.
const WASTE_DIVISOR: u64 = 40;
/// Bytes that hedges may waste beyond that: the first seconds know nothing of their peers.
const WASTE_START: u64 = 512 << 10;
/// Blocks that one turn hedges at most.
const HEDGES_MAX: usize = 8;

/// How much is hedged, and what it cost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hedge {
    /// Bytes of second answers that came all the same.
    wasted: u64,
    /// Second requests that were made.
    count: u64,
}

impl Hedge {
    /// A second answer came after the first.
    pub(crate) fn waste(&mut self, len: u32) {
        self.wasted += u64::from(len);
    }

    /// Second requests made so far.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// The blocks to ask of a second peer. `urgent` are the pieces that readers need next, or the blocks
    /// of them that a read waits for, the most urgent first; `downloaded` is what came in all.
    pub(crate) fn choose(
        &mut self,
        now: Time,
        peers: &[&Peer],
        picker: &Picker,
        urgent: &[Wanted],
        downloaded: u64,
    ) -> Vec<Assignment> {
        let mut seconds: Vec<Second<'_>> = peers
            .iter()
            .filter(|peer| peer.hedge_room() > 0 && peer.serves_any())
            .map(|peer| Second::new(peer))
            .collect();
        let cap = downloaded / WASTE_DIVISOR + WASTE_START;
        let afford = cap.saturating_sub(self.wasted) / u64::from(BLOCK_LEN);
        let limit = usize::try_from(afford)
            .unwrap_or(HEDGES_MAX)
            .min(HEDGES_MAX);
        let mut chosen: Vec<Assignment> = Vec::new();
        for wanted in urgent {
            let piece = wanted.piece;
            let Some(active) = picker.active(piece) else {
                continue;
            };
            // A piece that is not yet given out is not late, and a suspect one has one source. What a read
            // waits for is late whatever else of the piece there is to do.
            if active.only.is_some() || (!wanted.is_read() && active.next_missing(0).is_some()) {
                continue;
            }
            let blocks = (0..wanted.until).zip(active.blocks());
            // What comes before the first wanted block of a whole piece is needed all the same.
            let from = if wanted.is_read() { wanted.from } else { 0 };
            for (block, state) in blocks.skip(from as usize) {
                let BlockState::Asked(owner) = state else {
                    continue;
                };
                if chosen.len() >= limit {
                    return chosen;
                }
                let block = BlockRef { piece, block };
                if chosen.iter().any(|chosen| chosen.block == block) {
                    continue;
                }
                let late = expected(now, peers, *owner, block);
                if let Some(peer) = faster(late, &mut seconds, *owner, wanted) {
                    chosen.push(Assignment { peer, block });
                    self.count += 1;
                }
            }
        }
        chosen
    }
}

/// Seconds from now until the owner is expected to bring the block.
fn expected(now: Time, peers: &[&Peer], owner: PeerKey, block: BlockRef) -> f64 {
    let owner = peers.iter().find(|peer| peer.key == owner);
    owner.map_or(f64::MAX, |peer| peer.expects(now, block))
}

/// A peer that may be asked as well.
struct Second<'a> {
    peer: &'a Peer,
    /// Seconds from now until one more block would be here.
    arrival: f64,
    per_block: f64,
    room: u32,
}

impl<'a> Second<'a> {
    fn new(peer: &'a Peer) -> Self {
        let per_block = peer.block_seconds();
        let queue = f64::from(peer.outstanding()) * per_block;
        Self {
            peer,
            arrival: queue.max(peer.estimate.rtt().as_secs_f64()) + per_block,
            per_block,
            room: peer.hedge_room(),
        }
    }

    /// True when it is worth its bytes beside an answer that is expected so `late`.
    fn is_worth(&self, late: f64) -> bool {
        self.arrival + GAIN_MIN.as_secs_f64() < late && self.arrival * GAIN_RATIO < late
    }
}

/// The peer that would bring a block of the wanted piece soonest, if that is worth it.
fn faster(
    late: f64,
    seconds: &mut [Second<'_>],
    owner: PeerKey,
    wanted: &Wanted,
) -> Option<PeerKey> {
    let able = seconds.iter_mut().filter(|second| {
        // The cheap questions first: this is asked for every block of every urgent piece.
        second.room > 0
            && second.is_worth(late)
            && second.peer.key != owner
            // A block of another would make the read wait for the whole piece.
            && (second.peer.trusted || !wanted.is_read())
            && second.peer.serves(wanted.piece)
    });
    let second = able.min_by(|a, b| a.arrival.total_cmp(&b.arrival))?;
    second.room -= 1;
    second.arrival += second.per_block;
    Some(second.peer.key)
}
