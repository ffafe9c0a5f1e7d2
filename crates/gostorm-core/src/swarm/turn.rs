//! The end of a batch: late reads fail, silent peers are snubbed, unwanted requests are taken back,
//! then the wanted blocks are given out, addresses dialled and trackers asked.

use std::net::SocketAddr;
use std::time::Duration;

use gostorm_wire::{AnnounceEvent, BLOCK_LEN, Message, PieceIndex};

use super::Swarm;
use super::memory::Memory;
use crate::announce::{Announce, AnnouncePlan};
use crate::budget::Want;
use crate::demand::Wanted;
use crate::event::{Output, PeerKey};
use crate::layout::BlockRef;
use crate::peer::Peer;
use crate::schedule;
use crate::time::Time;

/// How often windows are shared out anew while readers only move on.
const SHARE_EVERY: Duration = Duration::from_millis(100);
/// How often what lies far behind the readers is given back.
const DROP_EVERY: Duration = Duration::from_millis(50);
/// The share of the lease that may lie ahead of the readers; the rest stays behind them.
pub(super) const AHEAD_PERCENT: u64 = 85;

/// A piece that is due so soon may have its late blocks asked of a second peer.
const URGENT: Duration = Duration::from_millis(1_500);
/// So many of them at a time.
const URGENT_PIECES: usize = 4;
/// And so many of them and of reads that wait for their blocks alone.
const URGENT_MAX: usize = 16;
/// How often lateness is looked at while a read waits.
const LATE_EVERY: Duration = Duration::from_millis(50);

/// How often a driver whose peers owe blocks shows that it is there: so their silence is told from its own.
const WATCH_EVERY: Duration = Duration::from_millis(200);
/// A driver that is so late was kept from working.
const LATE_DRIVER: Duration = Duration::from_millis(200);

impl Swarm {
    pub(super) fn turn(&mut self) {
        if self.asleep {
            return;
        }
        self.serve_unverified();
        self.fail_late_reads();
        self.take_back_overdue();
        self.take_back_forgotten();
        self.snub_silent_peers();
        self.replace_worst_peer();
        self.demand_moved |= self.demand.forget_tails(self.now);
        if self.demand_moved || self.now - self.last_share >= SHARE_EVERY {
            self.share_windows();
            self.demand_moved = false;
        }
        if self.now - self.last_drop >= DROP_EVERY {
            self.last_drop = self.now;
            self.drop_what_lies_behind();
        }
        self.shrink_to_lease();
        self.make_room_for_reads();
        self.tell_arbiter();
        self.declare_interest();
        self.ask_hashes();
        self.give_out();
        self.ask_second_peers();
        self.look_at_waits();
        self.serve_others();
        self.dial();
        self.ask_trackers();
        self.ask_around();
        self.exchange_peers();
        self.tell_arbiter();
    }

    /// Sets the windows, and takes back what lies outside: a piece that no window protects owes
    /// nothing, so that it can be evicted in the midst of a turn.
    pub(super) fn share_windows(&mut self) {
        // A window begins and ends inside pieces, which costs up to one more than its bytes.
        let ahead = (self.held.lease() / 100 * AHEAD_PERCENT)
            .saturating_sub(u64::from(self.layout.piece_len()));
        self.demand
            .share_windows(self.now, ahead, self.layout.piece_len());
        self.last_share = self.now;
        self.withdraw_unwanted();
    }

    /// While somebody reads, keeps no more than the back window of what no window wants: the kernel has it too. What
    /// nobody reads any more stays, so that a closed film is still warm.
    fn drop_what_lies_behind(&mut self) {
        if !self.demand.has_readers() {
            return;
        }
        // A window begins inside a piece, so that one more belongs to what lies behind it.
        let keep =
            self.held.lease() / 100 * (100 - AHEAD_PERCENT) + u64::from(self.layout.piece_len());
        if self.held.bytes() <= keep {
            return;
        }
        let protected = self.demand.protected(self.now);
        for piece in self.held.stale(&self.layout, keep, &protected) {
            self.evict(piece);
        }
    }

    /// Cancels the requests that no window and no read needs any more.
    fn withdraw_unwanted(&mut self) {
        let wanted = self.demand.asked_for(self.now, &self.layout);
        let unwanted = |piece: PieceIndex| !wanted.iter().any(|pieces| pieces.contains(&piece.0));
        let owed = self
            .peers
            .values()
            .flat_map(|peer| peer.asked().map(|asked| (peer.key, asked.block)));
        let owed: Vec<_> = owed.filter(|(_, block)| unwanted(block.piece)).collect();
        for (key, block) in owed {
            self.cancel(key, block);
            self.picker.release(block, key);
        }
        let mut untouched: Vec<PieceIndex> = self
            .picker
            .actives()
            .filter(|(piece, active)| active.is_untouched() && unwanted(*piece))
            .map(|(piece, _)| piece)
            .collect();
        untouched.sort_unstable();
        for piece in untouched {
            self.evict(piece);
        }
    }

    /// Says what the readers could use, with room for what stays behind them.
    fn tell_arbiter(&mut self) {
        let most = self
            .layout
            .total_len()
            .next_multiple_of(u64::from(self.layout.piece_len()));
        let with_room = |ahead: u64| (ahead.saturating_mul(100) / AHEAD_PERCENT).min(most);
        let ahead = self.demand.bytes_wanted(self.now, &self.layout);
        let verified = self.picker.verified();
        // A probe of a dead swarm must not keep the memory of those behind it in the line.
        let served = self.peers.values().any(Peer::serves_any);
        let want = Want {
            playback: with_room(ahead.playback),
            others: if served { with_room(ahead.others) } else { 0 },
            hungry: self.demand.is_hungry(self.now, &self.layout, verified),
            confirmed: ahead.confirmed,
        };
        let held = self.held.bytes();
        // Small moves are not worth a message, but for bytes given back that others may wait for.
        let step = u64::from(self.layout.piece_len());
        let moved = |now: u64, told: u64| now.abs_diff(told) >= step || (now == 0) != (told == 0);
        let told = self.told.0;
        if moved(want.playback, told.playback)
            || moved(want.others, told.others)
            || want.hungry != told.hungry
            || want.confirmed != told.confirmed
            || held != self.told.1
        {
            self.told = (want, held);
            self.push(Output::Lease { want, held });
        }
    }

    fn declare_interest(&mut self) {
        if !self.demand.has_readers() {
            return;
        }
        let asking: Vec<PeerKey> = self
            .peers
            .values_mut()
            .filter(|peer| !peer.we_interested)
            .map(|peer| {
                peer.we_interested = true;
                peer.key
            })
            .collect();
        for peer in asking {
            self.push(Output::Send {
                peer,
                message: Message::Interested,
            });
        }
    }

    fn give_out(&mut self) {
        if !self.demand.has_readers() {
            return;
        }
        let trusted_until = self.mark_trusted();
        let allowed = self.affordable();
        let protected = self.demand.protected(self.now);
        let doubted = self.doubted();
        let mut memory = Memory {
            layout: &self.layout,
            held: &mut self.held,
            verify: &self.verify,
            doubted,
            protected,
            trusted_until,
            evicted: Vec::new(),
            started: Vec::new(),
        };
        let peers: Vec<&Peer> = self.peers.values().collect();
        let mut wanted = self.demand.wanted(self.now, &self.layout);
        let given = schedule::assign(
            self.now,
            &peers,
            &mut self.picker,
            &mut wanted,
            &mut memory,
            allowed,
        );
        let held_back = given.len() >= usize::try_from(allowed).unwrap_or(usize::MAX);
        let Memory {
            evicted, started, ..
        } = memory;
        // Bytes are given back before others are taken, so that the driver's pool never overflows.
        for piece in evicted {
            self.retract(piece);
            self.push(Output::Evict { piece });
            self.take_back_exposed(piece);
        }
        for (piece, want_digests) in started {
            let by_blocks = self.hashes_by_blocks(piece);
            if by_blocks {
                self.picker.hash_by_blocks(piece);
            }
            self.push(Output::Reserve {
                piece,
                want_digests,
                by_blocks,
            });
        }
        for schedule::Assignment { peer, block } in given {
            self.request(peer, block);
        }
        self.held_back = held_back;
        let peers = self.peers.values_mut();
        peers.for_each(|peer| peer.end_turn(held_back));
    }

    /// Bytes of blocks that are asked for and not here.
    fn owed(&self) -> u64 {
        let blocks = self
            .peers
            .values()
            .map(|peer| u64::from(peer.outstanding()));
        blocks.sum::<u64>() * u64::from(BLOCK_LEN)
    }

    /// Blocks that the download limit pays for now.
    fn affordable(&mut self) -> u32 {
        if self.intake.rate().is_none() {
            return u32::MAX;
        }
        let owed = self.owed();
        let bytes = self.intake.available(self.now, owed);
        u32::try_from(bytes / u64::from(BLOCK_LEN)).unwrap_or(u32::MAX)
    }

    /// When the limit pays for the next block, if it kept one back.
    fn limit_ends(&self) -> Time {
        if self.held_back && self.demand.has_readers() {
            self.intake
                .ready_at(self.now, u64::from(BLOCK_LEN), self.owed())
        } else {
            Time::NEVER
        }
    }

    /// Asks a second peer for what is late and needed within a moment.
    fn ask_second_peers(&mut self) {
        if self.demand.waiting().is_empty() || self.affordable() == 0 {
            return;
        }
        let mut wanted = self.demand.wanted(self.now, &self.layout);
        let mut urgent: Vec<Wanted> = Vec::with_capacity(URGENT_MAX);
        let mut pieces = 0;
        for _ in 0..URGENT_MAX {
            let next = wanted.next_missing(self.picker.verified());
            let Some(next) = next.filter(|next| next.due <= self.now + URGENT) else {
                break;
            };
            pieces += usize::from(!next.is_read());
            if pieces > URGENT_PIECES {
                break;
            }
            // Two readers may want the same piece; the order is by urgency and stays.
            let same =
                |other: &Wanted| other.piece == next.piece && other.is_read() == next.is_read();
            if next.is_read() || !urgent.iter().any(same) {
                urgent.push(next);
            }
        }
        let doubted = self.doubted();
        let peers: Vec<&Peer> = self
            .peers
            .values()
            .filter(|peer| !doubted.contains(&peer.key) || peer.outstanding() > 0)
            .collect();
        let second = self
            .hedge
            .choose(self.now, &peers, &self.picker, &urgent, self.downloaded);
        for schedule::Assignment { peer, block } in second {
            if self.picker.hedge(block, peer) {
                self.request(peer, block);
            }
        }
    }

    /// The peers that may have spoiled a piece: they are asked for nothing that others have.
    pub(super) fn doubted(&self) -> Vec<PeerKey> {
        let doubted = self.verify.doubted(self.now);
        let peers = self.peers.values();
        peers
            .filter(|peer| doubted.contains(&peer.addr))
            .map(|peer| peer.key)
            .collect()
    }

    fn request(&mut self, key: PeerKey, block: BlockRef) {
        let span = self.layout.span(block);
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.ask(self.now, block);
        }
        self.push(Output::Send {
            peer: key,
            message: Message::Request(span),
        });
    }

    fn dial(&mut self) {
        if !self.demand.has_readers() {
            return;
        }
        let places = self.places();
        let addrs: Vec<SocketAddr> = self.connect.dial(self.now, places);
        for addr in addrs {
            self.push(Output::Dial { addr });
        }
    }

    /// Dials that may be started: more than there are places, for many will not answer.
    fn places(&self) -> usize {
        let free = self
            .config
            .connections_max
            .saturating_sub(self.connections());
        if free == 0 {
            0
        } else {
            (free * 2).saturating_sub(self.connect.dialing())
        }
    }

    pub(super) fn short_of_peers(&self) -> bool {
        self.demand.has_readers() && self.connections() < self.config.connections_max / 2
    }

    fn ask_trackers(&mut self) {
        let short = self.short_of_peers();
        for (tracker, event) in self.announce.due(self.now, short) {
            self.push_announce(tracker, event);
        }
    }

    pub(super) fn push_announce(&mut self, tracker: usize, event: AnnounceEvent) {
        let left =
            (self.layout.total_len() - self.held.bytes().min(self.layout.total_len())).max(1);
        let num_want = if event == AnnounceEvent::Stopped {
            0
        } else {
            Announce::num_want()
        };
        self.push(Output::Announce(AnnouncePlan {
            tracker,
            event,
            num_want,
            downloaded: self.downloaded,
            uploaded: self.uploads.sent,
            left,
        }));
    }

    /// A driver that comes much later than it was asked to (a starved processor, a machine that was
    /// suspended with a clock that ran on) has not read its sockets either: no peer is to blame for
    /// the gap.
    pub(super) fn excuse_late_driver(&mut self, now: Time) {
        let gap = now - self.now;
        if gap < LATE_DRIVER || self.asleep {
            return;
        }
        if now - self.wake_at() >= LATE_DRIVER {
            for peer in self.peers.values_mut() {
                peer.excuse(gap);
            }
        }
    }

    /// When [`Input::Turn`](crate::Input::Turn) is due if nothing else happens.
    #[must_use]
    pub fn wake_at(&self) -> Time {
        if self.asleep {
            return Time::NEVER;
        }
        let snub = self
            .peers
            .values()
            .map(|peer| peer.snub_at().min(peer.next_refusal_end()))
            .min()
            .unwrap_or(Time::NEVER);
        let dial = if self.demand.has_readers() && self.places() > 0 {
            self.connect.next_dial()
        } else {
            Time::NEVER
        };
        let share = if self.demand_moved {
            self.now + SHARE_EVERY
        } else {
            Time::NEVER
        };
        let late = if self.peers.values().all(|peer| peer.outstanding() == 0) {
            Time::NEVER
        } else if self.demand.waiting().is_empty() {
            self.now + WATCH_EVERY
        } else {
            self.now + LATE_EVERY
        };
        let announce = self.announce.next(self.short_of_peers());
        // A window can close with time alone (a paused player), so look now and then.
        let idle = if self.demand.has_readers() {
            self.now + Duration::from_secs(5)
        } else {
            Time::NEVER
        };
        [
            self.demand.next_deadline(),
            snub,
            dial,
            share,
            late,
            self.patience_ends(),
            self.next_forlorn(),
            self.demand.next_return(self.now),
            self.exposed.next_overdue(),
            announce,
            self.next_exchange(),
            self.next_inquiry(),
            idle,
            self.next_serving(),
            self.limit_ends(),
            self.hash_requests.next(self.now),
        ]
        .into_iter()
        .min()
        .unwrap_or(Time::NEVER)
    }
}
