//! The reader side: open, read, move, close, and what that does to windows and memory.

use std::ops::Range;

use gostorm_wire::PieceIndex;

use super::Swarm;
use crate::budget::Want;
use crate::config::Policy;
use crate::demand::Waiting;
use crate::event::{Expected, FailReason, Output, ReadKey, ReaderKey};
use crate::patience::Hope;
use crate::peer::Peer;
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
        let deadline = self.patience.deadline(self.now, deadline, self.hope());
        if deadline <= self.now {
            return self.push(Output::Fail {
                read,
                reason: FailReason::Deadline,
            });
        }
        let waiting = Waiting {
            read,
            reader,
            class: self.demand.class_of(reader),
            cursor,
            range,
            since: self.now,
            deadline,
            blockwise: self.demand.serves_by_blocks() || self.is_responsive(reader),
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

    pub(super) fn expect(&mut self, expected: Expected) {
        self.demand.expect(self.now, expected);
        self.demand_moved = true;
    }

    pub(super) fn confirm(&mut self, reader: ReaderKey, confirmed: bool) {
        self.demand.confirm(self.now, reader, confirmed);
        self.demand_moved = true;
    }

    fn touch_pieces(&mut self, range: &Range<u64>) {
        for piece in self.layout.pieces_of(range) {
            self.held.touch(PieceIndex(piece));
        }
    }

    /// Serves the reads that a newly verified piece, or a part of one, completes.
    pub(super) fn serve_with(&mut self, piece: PieceIndex) {
        let touched = self.demand.waiting().iter();
        let touched = touched.filter(|read| self.layout.pieces_of(&read.range).contains(&piece.0));
        let ready: Vec<ReadKey> = touched
            .filter(|read| self.is_verified(&read.range))
            .map(|read| read.read)
            .collect();
        if ready.is_empty() {
            return;
        }
        let served = self.demand.take_waiting(|read| ready.contains(&read.read));
        for waiting in served {
            self.end_wait(&waiting, true);
            self.push(Output::Serve { read: waiting.read });
        }
    }

    /// Who might answer a read that comes now.
    fn hope(&self) -> Hope {
        if self.peers.values().any(Peer::serves_any) {
            Hope::Served
        } else if self.connect.has_untried() {
            Hope::Untried
        } else {
            Hope::Nobody
        }
    }

    /// True when every address that is known has failed and no tracker is awaited: whoever comes, comes later.
    #[must_use]
    pub fn has_tried_all(&self) -> bool {
        self.connect.is_spent() && self.announce.under_way() == 0
    }

    /// True when nobody is connected, and nobody is left who could be asked for anybody.
    fn is_forlorn(&self) -> bool {
        self.peers.is_empty()
            && (self.config.private || self.inquiry.is_answered())
            && self.announce.is_spent(self.now)
            && self.connect.is_spent()
    }

    /// When the next read is given up because nobody is left to be asked.
    pub(super) fn next_forlorn(&self) -> Time {
        let waiting = self.demand.waiting();
        if waiting.is_empty() || !self.is_forlorn() {
            return Time::NEVER;
        }
        let ends = waiting
            .iter()
            .filter_map(|read| self.patience.forlorn(read.since));
        ends.min().unwrap_or(Time::NEVER)
    }

    /// Fails the reads whose time is over.
    pub(super) fn fail_late_reads(&mut self) {
        let (now, patience) = (self.now, self.patience);
        let forlorn = !self.demand.waiting().is_empty() && self.is_forlorn();
        let is_over = |waiting: &Waiting| {
            let given_up = patience.forlorn(waiting.since).filter(|_| forlorn);
            waiting.deadline <= now || given_up.is_some_and(|at| at <= now)
        };
        for late in self.demand.take_waiting(is_over) {
            self.end_wait(&late, false);
            self.push(Output::Fail {
                read: late.read,
                reason: FailReason::Deadline,
            });
            if let Some(rest) = self.patience.failed(now, late.since) {
                self.push(Output::Rests(rest));
            }
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
