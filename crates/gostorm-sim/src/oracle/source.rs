//! A peer as the oracle sees it: when its liquid flows, and how much of it there is.

use super::measure::{STEP_US, flows, micros};
use crate::peer::{PeerSpec, Share};
use crate::world::WorldSpec;
use gostorm_wire::PieceIndex;

/// From the first open to the tracker's answer, microseconds.
const TRACKER_US: u64 = 20_000;
/// From the death of a peer to the next dial, microseconds (as in the core).
const REDIAL_US: u64 = 1_000_000;
/// Bytes of a block: what a short request queue counts in.
const BLOCK: u64 = 16 << 10;

/// One peer and its line.
pub(super) struct Source {
    spec: PeerSpec,
    rtt: u64,
    /// When it can be asked first; `None` when it never brings anything.
    opens: Option<u64>,
    silent_until: u64,
    sent: u64,
}

impl Source {
    /// The peers of a torrent, those that connect first in front.
    pub(super) fn all(world: &WorldSpec, torrent: usize) -> Vec<Self> {
        let players = world.players.iter().filter(|one| one.torrent == torrent);
        let Some(wakes) = players.map(|player| micros(player.starts)).min() else {
            return Vec::new();
        };
        let spec = &world.torrents[torrent];
        let told = match spec.tracker_fails {
            Some(0) => wakes + TRACKER_US,
            Some(_) => wakes + 10_000_000,
            None => wakes,
        };
        let mut sources: Vec<Self> = spec
            .peers
            .iter()
            .map(|peer| Self::new(*peer, told))
            .collect();
        sources.sort_by_key(|source| source.opens.unwrap_or(u64::MAX));
        sources
    }

    fn new(spec: PeerSpec, told: u64) -> Self {
        let rtt = micros(spec.link.rtt());
        let honest = spec.lie.is_none()
            && spec.share != Share::None
            && (spec.corrupts, spec.doubles, spec.unasked, spec.rejects) == (0, 0, 0, 0)
            && !spec.refuses;
        // It comes by itself, or two round trips after it is named: TCP's handshake and ours.
        let connects = match spec.dials_us_after {
            Some(after) if !spec.tracked => micros(after),
            _ => told + 2 * rtt,
        };
        let unchoke = spec.unchokes_after.filter(|_| honest);
        Self {
            opens: unchoke.map(|unchoke| connects + Self::warm_up(rtt, micros(unchoke))),
            spec,
            rtt,
            silent_until: 0,
            sent: 0,
        }
    }

    /// From the handshake to the first liquid: interest and unchoke, request and block.
    const fn warm_up(rtt: u64, unchoke: u64) -> u64 {
        2 * rtt + unchoke
    }

    /// Pieces that it has, of a hundred: those with few are used first.
    pub(super) const fn breadth(&self) -> u64 {
        match self.spec.share {
            Share::All => 100,
            Share::Part { percent, .. } => percent,
            Share::Every { of, .. } => 100 / of as u64,
            Share::None => 0,
        }
    }

    pub(super) const fn has(&self, piece: u32) -> bool {
        self.spec.share.has(PieceIndex(piece))
    }

    /// Bytes that it can bring in the step that begins at `now`.
    pub(super) fn brings(&self, now: u64) -> u64 {
        let Some(opens) = self.opens.filter(|opens| *opens <= now) else {
            return 0;
        };
        if now < self.silent_until {
            return 0;
        }
        if let Some((open, shut)) = self.spec.flaps {
            // After each unchoke a round trip passes before it brings anything.
            let at = (now - opens + self.rtt) % (micros(open) + micros(shut)).max(1);
            if at < self.rtt || at + STEP_US > micros(open) {
                return 0;
            }
        }
        let queue = u64::from(self.spec.reqq).saturating_mul(BLOCK * 1_000_000);
        let by_queue = queue / self.rtt.max(1);
        flows(self.spec.link.rate.min(by_queue))
    }

    /// It has brought so much.
    pub(super) fn brought(&mut self, now: u64, bytes: u64) {
        self.sent += bytes;
        if self.spec.dies_after.is_some_and(|after| self.sent >= after) {
            self.sent = 0;
            let unchoke = self.spec.unchokes_after.map_or(0, micros);
            let warm = 2 * self.rtt + Self::warm_up(self.rtt, unchoke);
            self.opens = Some(now + REDIAL_US + warm);
        } else if self
            .spec
            .silent_after
            .is_some_and(|after| self.sent >= after)
        {
            self.sent = 0;
            self.silent_until = self
                .spec
                .silent_for
                .map_or(u64::MAX, |span| now + micros(span));
        }
    }
}
