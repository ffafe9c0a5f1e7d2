//! Between the swarm and the hash threads: what has come is given to them, what they found is told to it.

use std::sync::Arc;

use gostorm_core::{Input, Time};
use gostorm_wire::PieceIndex;

use super::Running;
use crate::cache::PieceBuf;
use crate::hasher::{HASH_BATCH, HashRequest, HashResult, Hashed, LeafResult};
use crate::torrent::links::Links;

impl Running {
    /// Tells the hash threads what has come; true when some had no room and must be told again.
    pub(in crate::torrent) fn advance_hashes(&mut self, links: &Links) -> bool {
        let full = self.advance_leaves(links);
        self.touched.sort_unstable();
        self.touched.dedup();
        let mut touched = std::mem::take(&mut self.touched);
        touched.retain(|piece| {
            let (Some(buffer), Some((expected, zeros))) =
                (self.cache.piece(*piece), self.info.piece_sha1(*piece))
            else {
                return false;
            };
            let request = HashRequest {
                key: (self.tenant, *piece),
                buffer: &buffer,
                expected: *expected,
                zeros,
                want_digests: self.wants_digests.contains(piece),
                done: &self.verdicts,
            };
            !links.shared.hasher.advance(&request)
        });
        self.touched = touched;
        full || !self.touched.is_empty()
    }

    /// A block is hashed at once while somebody waits, else in batches as whole pieces are: a thread's wake-up costs.
    fn advance_leaves(&mut self, links: &Links) -> bool {
        let at_once = self.swarm.has_waiting_reads();
        let mut full = false;
        let mut unhashed = std::mem::take(&mut self.unhashed);
        unhashed.retain(|piece, blocks| {
            let Some(buffer) = self.cache.piece(*piece) else {
                return false;
            };
            if !at_once && blocks.len() < HASH_BATCH as usize && !buffer.is_full() {
                return true;
            }
            let key = (self.tenant, *piece);
            let taken = links
                .shared
                .hasher
                .leaves(key, &buffer, blocks, &self.verdicts);
            full |= !taken;
            !taken
        });
        self.unhashed = unhashed;
        full
    }

    /// The piece may have been evicted, and asked for again, while it was hashed.
    fn is_held(&self, piece: PieceIndex, buffer: &Arc<PieceBuf>) -> bool {
        let held = self.cache.piece(piece);
        held.is_some_and(|held| Arc::ptr_eq(&held, buffer))
    }

    pub(in crate::torrent) fn hashed(&mut self, now: Time, links: &mut Links, hashed: Hashed) {
        match hashed {
            Hashed::Piece(verdict) => self.piece_hashed(now, links, verdict),
            Hashed::Leaves(LeafResult {
                piece,
                buffer,
                leaves,
            }) => {
                if self.is_held(piece, &buffer) {
                    self.input(now, links, Input::Leaves { piece, leaves }, None);
                }
            }
            // The driver ends over it.
            Hashed::Broken => {}
        }
    }

    fn piece_hashed(&mut self, now: Time, links: &mut Links, verdict: HashResult) {
        let HashResult {
            piece,
            buffer,
            ok,
            digests,
        } = verdict;
        if !self.is_held(piece, &buffer) {
            return;
        }
        if ok {
            buffer.mark_verified();
            self.wants_digests.remove(&piece);
        } else {
            tracing::warn!(torrent = %links.info_hash, %piece, "a piece failed its hash");
        }
        drop(buffer);
        self.input(now, links, Input::Hashed { piece, ok, digests }, None);
    }

    /// The piece layers in the form of a .torrent, when there are more than the store has.
    pub(in crate::torrent) fn new_layers(&mut self) -> Option<Vec<u8>> {
        let layers = self.swarm.trees()?.layers();
        if layers == self.kept_layers {
            return None;
        }
        let text = layers.encode();
        self.kept_layers = layers;
        Some(text)
    }
}
