//! The reader side: open, read, move, close, and what that does to windows and memory.

use std::ops::Range;

use gostorm_wire::PieceIndex;

use super::Swarm;
use crate::budget::Want;
use crate::config::Policy;
use crate::demand::Waiting;
use crate::event::{FailReason, Output, ReadKey, ReaderKey};
use crate::time::Time;

impl Swarm {
    pub(super) fn open(&mut self, reader: ReaderKey, file: usize, policy: Policy) {
        if let Some(span) = self.layout.files().get(file) {
            let blockwise = policy == Policy::Responsive;
            if blockwise {
                self.responsive.insert(reader);
            }
            self.demand.open(reader, *span, blockwise);
            self.demand_moved = true;
        }
    }

    pub(super) fn close(&mut self, reader: ReaderKey) {
        self.stalls.close(reader);
        for read in self.demand.close(reader) {
            self.push(Output::Fail {
                read,
                reason: FailReason::Closed,
            });
        }
        self.responsive.remove(&reader);
        if !self.demand.has_readers() {
            self.take_back_overdue();
        }
        self.demand_moved = true;
    }

    pub(super) fn read(
        &mut self,
        reader: ReaderKey,
        read: ReadKey,
        range: Range<u64>,
        deadline: Time,
    ) {
        if self.asleep {
            return self.push(Output::Fail {
                read,
                reason: FailReason::Shutdown,
            });
        }
        let Some(cursor) = self.demand.touch(self.now, reader, &range) else {
            return self.push(Output::Fail {
                read,
                reason: FailReason::Invalid,
            });
        };
        self.demand_moved = true;
        self.touch_pieces(&range);
        if self.is_verified(&range) {
            return self.push(Output::Serve { read });
        }
        let waiting = Waiting {
            read,
            reader,
            class: self.demand.class_of(reader),
            cursor,
            range,
            since: self.now,
            deadline,
            blockwise: self.is_responsive(reader),
        };
        if !self.demand.wait(waiting) {
            self.push(Output::Fail {
                read,
                reason: FailReason::Deadline,
            });
        }
    }

    pub(super) fn position(&mut self, reader: ReaderKey, range: &Range<u64>) {
        self.demand.touch(self.now, reader, range);
        self.touch_pieces(range);
        self.demand_moved = true;
    }

    fn touch_pieces(&mut self, range: &Range<u64>) {
        for piece in self.layout.pieces_of(range) {
            self.held.touch(PieceIndex(piece));
        }
    }

    fn is_verified(&self, range: &Range<u64>) -> bool {
        self.layout
            .pieces_of(range)
            .all(|piece| self.picker.verified().contains(PieceIndex(piece)))
    }

    /// Serves the reads that a newly verified piece completes.
    pub(super) fn serve_with(&mut self, piece: PieceIndex) {
        let layout = &self.layout;
        let verified = self.picker.verified();
        let served = self.demand.take_waiting(|waiting| {
            let mut pieces = layout.pieces_of(&waiting.range);
            pieces.contains(&piece.0) && pieces.all(|piece| verified.contains(PieceIndex(piece)))
        });
        for waiting in served {
            self.end_wait(&waiting, true);
            self.push(Output::Serve { read: waiting.read });
        }
    }

    /// Fails the reads whose time is over.
    pub(super) fn fail_late_reads(&mut self) {
        let now = self.now;
        for late in self.demand.take_waiting(|waiting| waiting.deadline <= now) {
            self.end_wait(&late, false);
            self.push(Output::Fail {
                read: late.read,
                reason: FailReason::Deadline,
            });
            self.demand_moved = true;
        }
    }

    pub(super) fn shutdown(&mut self) {
        self.asleep = true;
        for waiting in self.demand.take_waiting(|_| true) {
            self.push(Output::Fail {
                read: waiting.read,
                reason: FailReason::Shutdown,
            });
        }
        for tracker in self.announce.stop() {
            self.push_announce(tracker, gostorm_wire::AnnounceEvent::Stopped);
        }
        let peers: Vec<_> = self.peers.keys().copied().collect();
        for peer in peers {
            self.disconnect(peer, crate::event::DisconnectReason::Sleep);
        }
        let mut pieces: Vec<PieceIndex> = self.held.pieces().collect();
        pieces.sort_unstable();
        for piece in pieces {
            self.evict(piece);
        }
        self.push(Output::Lease {
            want: Want::default(),
            held: 0,
        });
    }
}
