//! The parts of an info dict while they come in: 16 KiB each, from several peers.

use bytes::Bytes;
use gostorm_wire::ut_metadata::{metadata_piece_count, metadata_piece_len};

use crate::event::PeerKey;

/// A dict of a claimed size. Memory grows with what has come, not with the claim.
#[derive(Clone, Debug)]
pub(super) struct Assembly {
    size: u32,
    parts: Vec<Option<(Bytes, PeerKey)>>,
}

impl Assembly {
    pub(super) fn new(size: u32) -> Self {
        Self {
            size,
            parts: vec![None; metadata_piece_count(size) as usize],
        }
    }

    pub(super) const fn size(&self) -> u32 {
        self.size
    }

    /// Keeps a part that is not here yet; false when there is no such part of that length.
    pub(super) fn fill(&mut self, part: u32, payload: &Bytes, from: PeerKey) -> bool {
        let right_len =
            metadata_piece_len(self.size, part).is_some_and(|len| len as usize == payload.len());
        if let Some(slot) = self.parts.get_mut(part as usize)
            && right_len
        {
            slot.get_or_insert_with(|| (payload.clone(), from));
        }
        right_len
    }

    /// The parts that are not here, in order.
    pub(super) fn missing(&self) -> impl Iterator<Item = u32> {
        (0..)
            .zip(&self.parts)
            .filter(|(_, part)| part.is_none())
            .map(|(at, _)| at)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.missing().next().is_none()
    }

    /// Bytes here, and bytes in all.
    pub(super) fn progress(&self) -> (u32, u32) {
        let done: usize = self
            .parts
            .iter()
            .flatten()
            .map(|(bytes, _)| bytes.len())
            .sum();
        (u32::try_from(done).unwrap_or(self.size), self.size)
    }

    /// The whole dict, and who sent a part of it.
    pub(super) fn finish(self) -> (Vec<u8>, Vec<PeerKey>) {
        let mut senders: Vec<PeerKey> =
            self.parts.iter().flatten().map(|(_, from)| *from).collect();
        senders.sort_unstable();
        senders.dedup();
        let bytes = self
            .parts
            .iter()
            .flatten()
            .flat_map(|(bytes, _)| bytes.iter().copied())
            .collect();
        (bytes, senders)
    }
}
