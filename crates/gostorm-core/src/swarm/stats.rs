//! What can be seen from outside, without touching anything.

use std::net::SocketAddr;
use std::ops::Range;

use super::Swarm;
use crate::announce::TrackerClock;
use crate::class::ReaderClass;
use crate::connect::{KnownPeer, Source};
use crate::demand::Cursor;
use crate::key::ReaderKey;
use crate::patience::Rest;
use crate::peer::Peer;
use crate::stall::Stall;

/// Counters of one swarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connected peers.
    pub peers: usize,
    /// Connected peers that have every piece.
    pub seeds: usize,
    /// Addresses known.
    pub candidates: usize,
    /// Dials under way.
    pub dialing: usize,
    /// Open readers.
    pub readers: usize,
    /// Of them, those that play.
    pub playbacks: usize,
    /// Of them, those that somebody watches, as a media server says.
    pub confirmed: usize,
    /// Reads that wait.
    pub waiting_reads: usize,
    /// Bytes of pieces held.
    pub held_bytes: u64,
    /// Pieces held.
    pub held_pieces: usize,
    /// Bytes that may be held.
    pub lease_bytes: u64,
    /// Blocks asked for and not here.
    pub outstanding_blocks: u64,
    /// Payload bytes received.
    pub downloaded_bytes: u64,
    /// Payload bytes that were of no use: twice, unasked, spoilt.
    pub wasted_bytes: u64,
    /// Payload bytes of pieces that were given up before the bytes came: what seeks cost.
    pub abandoned_bytes: u64,
    /// Payload bytes that were sent.
    pub uploaded_bytes: u64,
    /// Peers that we serve.
    pub unchoked: usize,
    /// Blocks that peers asked for and wait for.
    pub queued_requests: usize,
    /// Blocks that were asked of a second peer.
    pub hedges: u64,
    /// Pieces that passed their hash, or the hashes of all their blocks.
    pub verified_pieces: u64,
    /// Pieces that failed their hash.
    pub hash_failures: u64,
    /// Single blocks that were not as their hash says (v2).
    pub spoilt_blocks: u64,
    /// Reads that were served before their pieces were verified.
    pub unverified_reads: u64,
    /// The swarm brings nothing: reads fail at once for a while.
    pub rest: Option<Rest>,
    /// Bytes of such reads whose pieces are not verified yet are somewhere.
    pub exposed: bool,
}

/// One peer as it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PeerStats {
    /// Its address.
    pub addr: SocketAddr,
    /// Where its address comes from; `None`: it dialled us.
    pub source: Option<Source>,
    /// Bytes per second it is believed to deliver.
    pub rate: f64,
    /// Round trip, microseconds.
    pub rtt_us: u64,
    /// Blocks it owes.
    pub outstanding: u32,
    /// Depth of its pipeline, blocks.
    pub depth: u32,
    /// It chokes us.
    pub choked: bool,
    /// It owed blocks and was silent.
    pub snubbed: bool,
    /// Bytes of verified pieces it sent.
    pub good_bytes: u64,
    /// We serve it.
    pub unchoked: bool,
    /// Bytes that we sent it.
    pub sent_bytes: u64,
    /// Bytes it sent for nothing.
    pub wasted_bytes: u64,
}

/// Where a reader is, in bytes of the torrent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderPlace {
    /// The first byte after the furthest read.
    pub at: u64,
    /// What it wants ahead.
    pub window: Range<u64>,
}

/// One open reader as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderStats {
    /// The reader.
    pub reader: ReaderKey,
    /// What kind of reader it is.
    pub class: ReaderClass,
    /// The bytes of the torrent that its file has.
    pub file: Range<u64>,
    /// Where it is: an entry for each stream that has a window.
    pub places: Vec<ReaderPlace>,
    /// Its long waits, the oldest first, with the one that lasts.
    pub stalls: Vec<Stall>,
}

fn place(cursor: &Cursor) -> ReaderPlace {
    ReaderPlace {
        at: cursor.pos(),
        window: cursor.window_range(),
    }
}

impl Swarm {
    /// How the machine stands with each tracker, tier after tier.
    pub fn tracker_clocks(&self) -> impl Iterator<Item = TrackerClock> {
        self.announce.clocks()
    }

    /// The open readers, and why they stood still.
    pub fn reader_stats(&self) -> impl Iterator<Item = ReaderStats> {
        self.demand.classes().map(|(reader, class)| {
            let (file, streams) = self.demand.whereabouts(reader).unwrap_or_default();
            ReaderStats {
                reader,
                class,
                file,
                places: streams.into_iter().map(place).collect(),
                stalls: self.stalls.of(reader),
            }
        })
    }

    /// Where the readers are: an entry for each stream that has a window.
    pub fn reader_places(&self) -> impl Iterator<Item = ReaderPlace> {
        self.demand.live_cursors().map(place)
    }

    /// Payload bytes received and sent so far.
    #[must_use]
    pub const fn traffic(&self) -> (u64, u64) {
        (self.downloaded, self.uploads.sent)
    }

    /// The counters now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            peers: self.peers.len(),
            seeds: self
                .peers
                .values()
                .filter(|peer| peer.have.is_full())
                .count(),
            candidates: self.connect.len(),
            dialing: self.connect.dialing(),
            readers: self.demand.reader_count(),
            playbacks: self
                .demand
                .classes()
                .filter(|(_, class)| *class == ReaderClass::Playback)
                .count(),
            confirmed: self.demand.confirmed_count(),
            waiting_reads: self.demand.waiting().len(),
            held_bytes: self.held.bytes(),
            held_pieces: self.held.pieces().count(),
            lease_bytes: self.held.lease(),
            outstanding_blocks: self
                .peers
                .values()
                .map(|peer| u64::from(peer.outstanding()))
                .sum(),
            downloaded_bytes: self.downloaded,
            wasted_bytes: self.wasted,
            abandoned_bytes: self.abandoned,
            uploaded_bytes: self.uploads.sent,
            unchoked: self
                .peers
                .values()
                .filter(|peer| !peer.upload.choked)
                .count(),
            queued_requests: self.peers.values().map(|peer| peer.upload.queued()).sum(),
            hedges: self.hedge.count(),
            verified_pieces: self.verified_pieces,
            hash_failures: self.verify.failures(),
            spoilt_blocks: self.spoilt_blocks,
            unverified_reads: self.unverified_reads,
            rest: self.patience.rest(self.now),
            exposed: self.is_exposed(),
        }
    }

    /// The connected peers now.
    pub fn peer_stats(&self) -> impl Iterator<Item = PeerStats> {
        self.peers.values().map(|peer| PeerStats {
            addr: peer.addr,
            source: self.connect.source(peer.addr).filter(|_| !peer.incoming),
            rate: peer.estimate.rate(),
            rtt_us: u64::try_from(peer.estimate.rtt().as_micros()).unwrap_or(u64::MAX),
            outstanding: peer.outstanding(),
            depth: peer.depth(),
            choked: peer.peer_chokes,
            snubbed: peer.snubbed,
            good_bytes: peer.good_bytes,
            unchoked: !peer.upload.choked,
            sent_bytes: peer.sent_bytes,
            wasted_bytes: peer.wasted_bytes,
        })
    }

    /// The peers that are worth remembering for the next session: they sent verified data in this one, or
    /// in an earlier one and were not tried in vain since. Trusted are those of whom nothing is in doubt.
    #[must_use]
    pub fn known_good(&self) -> Vec<KnownPeer> {
        let connected = self
            .peers
            .values()
            .filter(|peer| !peer.incoming && !peer.web);
        let mut good: Vec<KnownPeer> = connected
            .clone()
            .filter(|peer| peer.is_good())
            .map(Peer::known)
            .collect();
        let here = |known: &KnownPeer| {
            let better = |peer: &Peer| peer.addr == known.addr && (peer.is_good() || peer.snubbed);
            connected.clone().any(better)
        };
        let others = self.connect.known_good().into_iter();
        good.extend(others.filter(|known| !here(known)));
        for peer in &mut good {
            peer.trusted = self.is_trusted(peer.addr);
        }
        good
    }

    /// True while bytes that were served are not verified yet.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        !self.exposed.is_empty()
    }

    /// True when a reader has gone on in sequence, and was no mere probe, at any time.
    #[must_use]
    pub const fn was_played(&self) -> bool {
        self.demand.was_played()
    }

    /// True while a read waits.
    #[must_use]
    pub fn has_waiting_reads(&self) -> bool {
        !self.demand.waiting().is_empty()
    }

    /// True while somebody has a file open.
    #[must_use]
    pub const fn has_readers(&self) -> bool {
        self.demand.has_readers()
    }

    /// True while somebody is known to watch what a reader reads.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.demand.confirmed_count() > 0
    }
}
