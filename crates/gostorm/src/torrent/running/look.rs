//! Looking at a torrent without touching it: one file of it, or all that it holds.

use std::ops::Range;

use gostorm_wire::BLOCK_LEN;

use super::Running;
use crate::handle::{Glimpse, HeldPiece, Holdings};
use crate::limits::Activity;
use crate::read::FileChoice;

impl Running {
    /// What the limits of the process are shared by.
    pub(in crate::torrent) fn activity(&self) -> Activity {
        if self.swarm.is_watched() {
            Activity::Watched
        } else if self.swarm.has_readers() {
            Activity::Read
        } else {
            Activity::Unread
        }
    }

    /// How the file that `choice` means stands.
    pub(in crate::torrent) fn glimpse(&self, choice: &FileChoice) -> Glimpse {
        let layout = self.swarm.layout();
        let span = choice(&self.info).and_then(|file| layout.files().get(file));
        let mut buffered: Vec<Range<u64>> = Vec::new();
        let pieces = span.map_or_else(Vec::new, |_| self.cache.verified());
        let (from, to) = span.map_or((0, 0), |span| (span.offset, span.offset + span.len));
        let piece_len = u64::from(layout.piece_len());
        for piece in pieces {
            let begin = (u64::from(piece.0) * piece_len).max(from);
            let end = ((u64::from(piece.0) + 1) * piece_len).min(to);
            match buffered.last_mut() {
                _ if begin >= end => {}
                Some(last) if last.end == begin - from => last.end = end - from,
                Some(_) | None => buffered.push(begin - from..end - from),
            }
        }
        Glimpse {
            resolved: true,
            peers: self.swarm.peer_stats().count(),
            buffered,
        }
    }

    /// The pieces that are held or on their way, and where the readers are.
    pub(in crate::torrent) fn holdings(&self) -> Holdings {
        let layout = self.swarm.layout();
        let pieces = self.cache.held();
        let pieces = pieces.iter().map(|(piece, buffer)| HeldPiece {
            piece: *piece,
            len: buffer.len(),
            filled: buffer.filled().saturating_mul(BLOCK_LEN).min(buffer.len()),
            verified: buffer.is_verified(),
        });
        Holdings {
            piece_len: layout.piece_len(),
            piece_count: layout.piece_count(),
            lease: self.swarm.stats().lease_bytes,
            pieces: pieces.collect(),
            readers: self.swarm.reader_places().collect(),
            files: layout
                .files()
                .iter()
                .map(|file| file.offset..file.offset + file.len)
                .collect(),
        }
    }
}
