//! The pieces whose bytes are charged to the budget, and which of them go first.
//!
//! A piece is reserved whole before its first request: half-filled pieces of starving readers would
//! deadlock. What no window and no waiting read touches may be evicted, the longest untouched first;
//! room is made in steps of a few per cent so that small pieces do not cost a scan each.

use std::ops::Range;

use gostorm_wire::PieceIndex;
use rustc_hash::FxHashMap;

use crate::layout::Layout;

/// Share of the lease that one eviction frees at least, as a divisor.
const STEP_DIVISOR: u64 = 32;

/// What is charged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    stamps: FxHashMap<PieceIndex, u64>,
    clock: u64,
    bytes: u64,
    lease: u64,
}

impl Held {
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) const fn lease(&self) -> u64 {
        self.lease
    }

    pub(crate) const fn set_lease(&mut self, bytes: u64) {
        self.lease = bytes;
    }

    /// True when `len` more bytes fit the lease.
    pub(crate) const fn fits(&self, len: u64) -> bool {
        self.bytes + len <= self.lease
    }

    pub(crate) fn reserve(&mut self, layout: &Layout, piece: PieceIndex) {
        self.clock += 1;
        let fresh = self.stamps.insert(piece, self.clock).is_none();
        debug_assert!(fresh, "a piece is reserved once");
        self.bytes += u64::from(layout.piece_size(piece));
    }

    /// Somebody read of it, or it was verified: it is the last to go.
    pub(crate) fn touch(&mut self, piece: PieceIndex) {
        self.clock += 1;
        if let Some(stamp) = self.stamps.get_mut(&piece) {
            *stamp = self.clock;
        }
    }

    pub(crate) fn release(&mut self, layout: &Layout, piece: PieceIndex) {
        if self.stamps.remove(&piece).is_some() {
            self.bytes -= u64::from(layout.piece_size(piece));
        }
    }

    pub(crate) fn contains(&self, piece: PieceIndex) -> bool {
        self.stamps.contains_key(&piece)
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = PieceIndex> {
        self.stamps.keys().copied()
    }

    /// The pieces to evict so that at most `keep` bytes are held that nothing protects.
    pub(crate) fn stale(
        &self,
        layout: &Layout,
        keep: u64,
        protected: &[Range<u64>],
    ) -> Vec<PieceIndex> {
        let mut stale = self.loose(layout, protected);
        let mut kept = 0;
        let fresh = stale.iter().rev().take_while(|piece| {
            kept += u64::from(layout.piece_size(**piece));
            kept <= keep
        });
        stale.truncate(stale.len() - fresh.count());
        stale
    }

    /// The pieces that nothing protects, the longest untouched first.
    fn loose(&self, layout: &Layout, protected: &[Range<u64>]) -> Vec<PieceIndex> {
        let kept: Vec<Range<u32>> = protected
            .iter()
            .map(|range| layout.pieces_of(range))
            .collect();
        let mut loose: Vec<(u64, PieceIndex)> = self
            .stamps
            .iter()
            .filter(|(piece, _)| !kept.iter().any(|kept| kept.contains(&piece.0)))
            .map(|(piece, stamp)| (*stamp, *piece))
            .collect();
        loose.sort_unstable();
        loose.into_iter().map(|(_, piece)| piece).collect()
    }

    /// The pieces to evict so that `len` more bytes fit; empty when that cannot be, or need not.
    pub(crate) fn victims(
        &self,
        layout: &Layout,
        len: u64,
        protected: &[Range<u64>],
    ) -> Vec<PieceIndex> {
        let over = (self.bytes + len).saturating_sub(self.lease);
        if over == 0 || len > self.lease {
            return Vec::new();
        }
        let loose = self.loose(layout, protected);
        let step = if len == 0 {
            over
        } else {
            over.max(self.lease / STEP_DIVISOR)
        };
        let mut freed = 0;
        let mut victims = Vec::new();
        for piece in loose {
            if freed >= step {
                break;
            }
            freed += u64::from(layout.piece_size(piece));
            victims.push(piece);
        }
        // Half a step helps nobody when a piece is to be reserved; a shrunk lease takes what it gets.
        if freed < over && len > 0 {
            Vec::new()
        } else {
            victims
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_longest_untouched_piece_outside_the_windows_goes_first() {
        let layout = Layout::new(16_384, 16_384 * 10, vec![]).unwrap();
        let mut held = Held::default();
        held.set_lease(4 * 16_384);
        (0..4)
            .map(PieceIndex)
            .for_each(|piece| held.reserve(&layout, piece));
        held.touch(PieceIndex(0));
        assert!(!held.fits(16_384));
        let window = 16_384..2 * 16_384;
        assert_eq!(
            held.victims(&layout, 16_384, std::slice::from_ref(&window)),
            vec![PieceIndex(2)]
        );
        held.release(&layout, PieceIndex(2));
        assert!(held.fits(16_384));
        assert_eq!(held.bytes(), 3 * 16_384);
    }

    #[test]
    fn of_what_nothing_protects_the_last_touched_stays() {
        let layout = Layout::new(16_384, 16_384 * 10, vec![]).unwrap();
        let mut held = Held::default();
        held.set_lease(8 * 16_384);
        (0..6)
            .map(PieceIndex)
            .for_each(|piece| held.reserve(&layout, piece));
        held.touch(PieceIndex(0));
        let window = 4 * 16_384..6 * 16_384;
        let stale = |keep| held.stale(&layout, keep, std::slice::from_ref(&window));
        assert_eq!(stale(2 * 16_384), vec![PieceIndex(1), PieceIndex(2)]);
        assert_eq!(stale(4 * 16_384), vec![]);
        assert_eq!(stale(0).len(), 4);
    }

    #[test]
    fn nothing_is_evicted_when_it_would_not_make_the_room() {
        let layout = Layout::new(16_384, 16_384 * 10, vec![]).unwrap();
        let mut held = Held::default();
        held.set_lease(2 * 16_384);
        (0..2)
            .map(PieceIndex)
            .for_each(|piece| held.reserve(&layout, piece));
        let all = 0..layout.total_len();
        assert_eq!(held.victims(&layout, 16_384, &[all]), vec![]);
    }
}
