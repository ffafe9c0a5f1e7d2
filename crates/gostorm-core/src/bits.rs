//! A set of piece indices with a fixed range, one bit each: who has what, and what is verified.
//!
//! Wire order (BEP 3): the highest bit of the first byte is piece 0. Bits past the end are never set.

use gostorm_wire::PieceIndex;

/// A set of pieces out of `len`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bits {
    words: Box<[u64]>,
    len: u32,
    ones: u32,
}

impl Bits {
    /// The empty set of `len` possible pieces.
    #[must_use]
    pub fn none(len: u32) -> Self {
        let words = vec![0; len.div_ceil(64) as usize].into_boxed_slice();
        Self {
            words,
            len,
            ones: 0,
        }
    }

    /// The full set of `len` pieces.
    #[must_use]
    pub fn all(len: u32) -> Self {
        let mut bits = Self::none(len);
        bits.words.fill(u64::MAX);
        if !len.is_multiple_of(64)
            && let Some(last) = bits.words.last_mut()
        {
            *last = (1 << (len % 64)) - 1;
        }
        bits.ones = len;
        bits
    }

    /// Reads a `bitfield` payload; `None` when its length is wrong or a spare bit is set (BEP 3).
    #[must_use]
    pub fn from_wire(len: u32, payload: &[u8]) -> Option<Self> {
        if payload.len() != len.div_ceil(8) as usize {
            return None;
        }
        let mut bits = Self::none(len);
        for (byte, octet) in (0u32..).zip(payload) {
            for bit in 0..8 {
                if octet & (0x80 >> bit) != 0 && !bits.insert(PieceIndex(byte * 8 + bit)) {
                    return None;
                }
            }
        }
        Some(bits)
    }

    /// How many pieces there could be.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// True when no piece is in the set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ones == 0
    }

    /// True when every piece is in the set.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.ones == self.len
    }

    /// How many pieces are in the set.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.ones
    }

    /// True when `piece` is in the set; false for one out of range.
    #[must_use]
    pub fn contains(&self, piece: PieceIndex) -> bool {
        let word = self.words.get(piece.0 as usize / 64).copied().unwrap_or(0);
        word & (1 << (piece.0 % 64)) != 0
    }

    /// Adds a piece; true when it was not there, false too when it is out of range.
    pub fn insert(&mut self, piece: PieceIndex) -> bool {
        if piece.0 >= self.len || self.contains(piece) {
            return false;
        }
        self.words[piece.0 as usize / 64] |= 1 << (piece.0 % 64);
        self.ones += 1;
        true
    }

    /// Takes a piece out; true when it was there.
    pub fn remove(&mut self, piece: PieceIndex) -> bool {
        if !self.contains(piece) {
            return false;
        }
        self.words[piece.0 as usize / 64] &= !(1 << (piece.0 % 64));
        self.ones -= 1;
        true
    }

    /// The first piece at or after `from` that is not in the set.
    #[must_use]
    pub fn next_missing(&self, from: PieceIndex) -> Option<PieceIndex> {
        let mut at = from.0;
        while at < self.len {
            let gaps = !self.words[at as usize / 64] >> (at % 64);
            if gaps != 0 {
                let piece = at + gaps.trailing_zeros();
                return (piece < self.len).then_some(PieceIndex(piece));
            }
            at = (at / 64 + 1) * 64;
        }
        None
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bitfield_with_a_spare_bit_is_refused() {
        assert!(Bits::from_wire(9, &[0xff, 0x80]).unwrap().is_full());
        assert_eq!(Bits::from_wire(9, &[0xff, 0x40]), None);
        assert_eq!(Bits::from_wire(9, &[0xff]), None);
    }

    proptest! {
        #[test]
        fn bits_behave_like_a_set(len in 1u32..300, ops in prop::collection::vec((0u32..320, any::<bool>()), 0..200)) {
            let mut bits = Bits::none(len);
            let mut model = std::collections::BTreeSet::new();
            for (piece, add) in ops {
                if add {
                    prop_assert_eq!(bits.insert(PieceIndex(piece)), piece < len && model.insert(piece));
                } else {
                    prop_assert_eq!(bits.remove(PieceIndex(piece)), model.remove(&piece));
                }
                prop_assert_eq!(bits.count() as usize, model.len());
            }
            for from in 0..len {
                let expected = (from..len).find(|piece| !model.contains(piece)).map(PieceIndex);
                prop_assert_eq!(bits.next_missing(PieceIndex(from)), expected);
            }
        }
    }
}
