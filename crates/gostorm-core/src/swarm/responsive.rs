//! The policy `Responsive`: a read that waits may be served before its piece is verified.
//!
//! Used by `turn`, and wherever a piece comes to its end. Four rules: the reader accepts it and no bad
//! piece was seen in the last minute; every peer that sent a part of the piece is trusted; the piece itself
//! is not under suspicion; and the read waits, so that nothing but a deadline is bought. What was served so
//! is exposed until its piece is verified; when that fails, or does not come about, the bytes are taken
//! back by [`Output::Invalidate`].

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use gostorm_wire::PieceIndex;

use super::Swarm;
use crate::demand::Waiting;
use crate::event::{Output, ReaderKey};
use crate::picker::{Active, BlockState};
use crate::time::Time;

/// After a bad piece only verified bytes are served for so long.
const FALL_BACK: Duration = Duration::from_secs(60);
/// Pieces that are due within this come from trusted peers alone, if these are fast enough: one part of
/// another's would make a read wait for the whole piece. The others prove themselves further ahead.
const TRUSTED_AHEAD: Duration = Duration::from_secs(5);

impl Swarm {
    /// True when a reader gets unverified bytes now, if all else holds.
    pub(super) fn is_responsive(&self, reader: ReaderKey) -> bool {
        self.responsive.contains(&reader) && !self.falls_back()
    }

    fn falls_back(&self) -> bool {
        self.now < self.verified_until
    }

    /// True when it has sent verified bytes and nothing of its is in doubt.
    pub(super) fn is_trusted(&self, addr: SocketAddr) -> bool {
        self.trust.has_proved(addr)
            && !self.verify.suspects(addr)
            && !self.connect.is_banned(addr.ip())
    }

    /// Notes on each peer whether it is trusted, for the scheduler. Returns until when wanted pieces come
    /// from trusted peers alone.
    pub(super) fn mark_trusted(&mut self) -> Option<Time> {
        if self.responsive.is_empty() || self.falls_back() {
            return None;
        }
        let trusted: Vec<bool> = self
            .peers
            .values()
            .map(|peer| self.is_trusted(peer.addr))
            .collect();
        for (peer, trusted) in self.peers.values_mut().zip(trusted) {
            peer.trusted = trusted;
        }
        Some(self.now + TRUSTED_AHEAD)
    }

    /// Serves the waiting reads that need not wait for a hash.
    pub(super) fn serve_unverified(&mut self) {
        let blockwise = |read: &Waiting| read.blockwise;
        if self.responsive.is_empty()
            || self.falls_back()
            || !self.demand.waiting().iter().any(blockwise)
        {
            return;
        }
        let waiting = self.demand.waiting().iter();
        let ready: Vec<_> = waiting
            .filter(|read| read.blockwise && self.responsive.contains(&read.reader))
            .filter(|read| self.may_be_served(&read.range))
            .map(|read| read.read)
            .collect();
        if ready.is_empty() {
            return;
        }
        for read in self.demand.take_waiting(|read| ready.contains(&read.read)) {
            self.expose(&read);
            self.end_wait(&read, true);
            self.unverified_reads += 1;
            self.push(Output::ServeUnverified { read: read.read });
        }
        self.settle_debts();
    }

    /// True when every piece of the range is verified, or its blocks in the range are here, from peers
    /// that are trusted as all are that sent a part of it.
    fn may_be_served(&self, range: &Range<u64>) -> bool {
        self.layout.pieces_of(range).map(PieceIndex).all(|piece| {
            self.picker.verified().contains(piece)
                || self.picker.active(piece).is_some_and(|active| {
                    let wanted = self.layout.blocks_of(piece, range);
                    active.has_received(&wanted)
                        // Its hash comes in a moment.
                        && !active.is_complete()
                        && !self.verify.is_suspect(piece)
                        && self.come_from_trusted(active)
                })
        })
    }

    fn come_from_trusted(&self, active: &Active) -> bool {
        let mut last = None;
        active.blocks().iter().all(|state| {
            let BlockState::Received(sender) = state else {
                return true;
            };
            // Blocks come in runs of one sender, and this is asked for each read that waits.
            last.replace(*sender) == Some(*sender)
                || self
                    .addresses
                    .get(sender)
                    .is_some_and(|addr| self.is_trusted(*addr))
        })
    }

    fn expose(&mut self, read: &Waiting) {
        for piece in self.layout.pieces_of(&read.range).map(PieceIndex) {
            if self.picker.verified().contains(piece) {
                continue;
            }
            let start = self.layout.piece_offset(piece);
            let end = start + u64::from(self.layout.piece_size(piece));
            let part = read.range.start.max(start)..read.range.end.min(end);
            self.exposed.add(self.now, &self.layout, piece, &part);
        }
    }

    /// Exposed pieces are wanted until they are verified, also behind a reader that went on.
    fn settle_debts(&mut self) {
        self.demand.set_debts(self.exposed.dues(&self.layout));
        self.demand_moved = true;
    }

    /// A piece was verified: what was served of it was right.
    pub(super) fn clear_exposed(&mut self, piece: PieceIndex) {
        if !self.exposed.take(piece).is_empty() {
            self.settle_debts();
        }
    }

    /// A piece goes, or is late, and was not verified: what was served of it is taken back.
    pub(super) fn take_back_exposed(&mut self, piece: PieceIndex) {
        let ranges = self.exposed.take(piece);
        if ranges.is_empty() {
            return;
        }
        for range in ranges {
            for (file, span) in self.layout.files().iter().enumerate() {
                let part = range.start.max(span.offset)..range.end.min(span.offset + span.len);
                if !part.is_empty() {
                    self.outputs
                        .push_back(Output::Invalidate { file, range: part });
                }
            }
        }
        self.settle_debts();
    }

    /// Takes back what nobody verifies any more: what is late, and all of it when nobody reads.
    pub(super) fn take_back_overdue(&mut self) {
        let overdue = if self.demand.has_readers() {
            self.exposed.overdue(self.now)
        } else {
            self.exposed.pieces().collect()
        };
        for piece in overdue {
            self.take_back_exposed(piece);
        }
    }

    /// A piece failed its hash: whoever sent a part of it is not trusted until it is cleared, and only
    /// verified bytes are served for a while.
    pub(super) fn fall_back(&mut self, senders: &[SocketAddr]) {
        for addr in senders {
            self.trust.doubt(*addr);
        }
        self.verified_until = self.now + FALL_BACK;
        self.demand.wait_for_pieces();
    }
}
