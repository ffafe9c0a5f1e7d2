//! One step of the liquid in one torrent: from the usable lines into the wanted pieces.

use std::collections::BTreeMap;
use std::ops::Range;

use super::source::Source;
use super::viewer::Viewer;
use crate::world::TorrentSpec;

/// The pieces of a torrent that are being filled or full.
pub(super) struct Pool {
    piece_len: u64,
    total: u64,
    places: usize,
    filled: BTreeMap<u32, u64>,
    /// Pieces of file tails that were brought once.
    tails: Vec<u32>,
}

impl Pool {
    pub(super) fn new(torrent: &TorrentSpec) -> Self {
        Self {
            piece_len: u64::from(torrent.piece_len),
            total: torrent.files.iter().sum(),
            places: torrent.connections_max,
            filled: BTreeMap::new(),
            tails: Vec::new(),
        }
    }

    fn size(&self, piece: u32) -> u64 {
        let start = u64::from(piece) * self.piece_len;
        self.total.saturating_sub(start).min(self.piece_len)
    }

    fn pieces(&self, bytes: &Range<u64>) -> Range<u32> {
        let at = |byte: u64| u32::try_from(byte / self.piece_len).unwrap_or(u32::MAX);
        at(bytes.start)..at(bytes.end.saturating_sub(1)) + u32::from(!bytes.is_empty())
    }

    fn missing(&self, piece: u32) -> u64 {
        self.size(piece) - self.filled.get(&piece).copied().unwrap_or(0)
    }

    /// True when the index of a viewer's file was had.
    pub(super) fn has_index(&self, viewer: &Viewer) -> bool {
        let tail = viewer.tail().map(|tail| self.pieces(&tail));
        tail.into_iter()
            .flatten()
            .all(|piece| self.tails.contains(&piece))
    }

    /// The first byte at or after `from` that cannot be shown yet.
    pub(super) fn shown_until(&self, from: u64) -> u64 {
        let mut piece = u32::try_from(from / self.piece_len).unwrap_or(u32::MAX);
        let mut at = from;
        while at < self.total && self.missing(piece) == 0 {
            piece += 1;
            at = u64::from(piece) * self.piece_len;
        }
        at.min(self.total)
    }

    /// Lets the liquid of one step flow, `line` bytes of it at most; returns how much there was. The
    /// step begins at `now` by the clock of the peers, and at `clock` by that of the players.
    pub(super) fn flow(
        &mut self,
        (now, clock): (u64, u64),
        viewers: &[&Viewer],
        sources: &mut [Source],
        line: u64,
    ) -> u64 {
        self.forget(viewers);
        let mut usable: Vec<(usize, u64)> = sources
            .iter()
            .enumerate()
            .map(|(at, source)| (at, source.brings(now)))
            .filter(|(_, bytes)| *bytes > 0)
            .take(self.places)
            .collect();
        usable.sort_by_key(|(at, _)| sources[*at].breadth());
        let mut left = line.min(usable.iter().map(|(_, bytes)| bytes).sum());
        let all = left;
        let wanted = self.wanted(clock, viewers);
        // Those that have much keep their liquid for what the others lack, and then help everywhere.
        for narrowest in [true, false] {
            for piece in &wanted {
                if left > 0 {
                    self.pour(now, *piece, narrowest, &mut usable, sources, &mut left);
                }
            }
        }
        self.note_tails(viewers);
        all - left
    }

    /// Fills one piece from those that have it, or only from those of them that have the fewest pieces.
    fn pour(
        &mut self,
        now: u64,
        piece: u32,
        narrowest: bool,
        usable: &mut [(usize, u64)],
        sources: &mut [Source],
        left: &mut u64,
    ) {
        let mut missing = self.missing(piece);
        let mut breadth = None;
        for (at, bytes) in usable {
            let source = &mut sources[*at];
            if missing == 0 || *left == 0 || !source.has(piece) {
                continue;
            }
            if narrowest && *breadth.get_or_insert(source.breadth()) != source.breadth() {
                return;
            }
            let part = missing.min(*bytes).min(*left);
            if part > 0 {
                *self.filled.entry(piece).or_default() += part;
                source.brought(now, part);
                missing -= part;
                *bytes -= part;
                *left -= part;
            }
        }
    }

    /// Tails that are complete need not be brought again.
    fn note_tails(&mut self, viewers: &[&Viewer]) {
        for tail in viewers.iter().filter_map(|viewer| viewer.tail()) {
            let full = self.pieces(&tail).filter(|piece| self.missing(*piece) == 0);
            let full: Vec<u32> = full.filter(|piece| !self.tails.contains(piece)).collect();
            self.tails.extend(full);
        }
    }

    /// What no window holds any more has to be brought again.
    fn forget(&mut self, viewers: &[&Viewer]) {
        let kept: Vec<Range<u32>> = viewers
            .iter()
            .flat_map(|viewer| [Some(viewer.keeps()), viewer.tail()])
            .flatten()
            .map(|bytes| self.pieces(&bytes))
            .collect();
        self.filled
            .retain(|piece, _| kept.iter().any(|kept| kept.contains(piece)));
    }

    /// The missing pieces of all windows, the most urgent first.
    fn wanted(&self, clock: u64, viewers: &[&Viewer]) -> Vec<u32> {
        let mut wanted: Vec<(u64, u32)> = Vec::new();
        for viewer in viewers.iter().filter(|viewer| viewer.is_on(clock)) {
            for piece in self.pieces(&viewer.window()) {
                if self.missing(piece) > 0 {
                    wanted.push((viewer.due(u64::from(piece) * self.piece_len), piece));
                }
            }
            let tail = viewer.tail().map(|tail| self.pieces(&tail));
            for piece in tail.into_iter().flatten() {
                if !self.tails.contains(&piece) && self.missing(piece) > 0 {
                    // Behind the first piece.
                    wanted.push((1, piece));
                }
            }
        }
        wanted.sort_unstable();
        wanted.into_iter().map(|(_, piece)| piece).collect()
    }
}
