//! The taking side of a scripted peer: it wants what we announce, asks for it, and judges what it gets.
//!
//! Used by [`Remote`](crate::peer::Remote). An honest one asks only for pieces that it was told of and is
//! unchoked for, and expects the rules of BEP 3, 6 and 54 to be kept: a block that it did not ask for, or
//! whose request was rejected, panics. A rude one asks for anything, more than it may, and twice.

use std::collections::{BTreeMap, BTreeSet};

use gostorm_core::{BlockRef, Layout};
use gostorm_wire::{BlockSpan, DontHave, Message, PieceIndex};

use crate::rng::Rng;

/// The id under which leeches take `lt_donthave`.
pub const LT_DONTHAVE_ID: u8 = 7;

/// How a peer takes.
#[derive(Clone, Copy, Debug)]
pub struct Takes {
    /// Its line from us, bytes per second.
    pub rate: u64,
    /// Requests that it keeps outstanding.
    pub depth: u32,
    /// It asks for anything at any time.
    pub rude: bool,
    /// It speaks BEP 54.
    pub dont_have: bool,
}

impl Takes {
    /// An honest leech with a line of so many bytes per second.
    #[must_use]
    pub const fn at(rate: u64) -> Self {
        Self {
            rate,
            depth: 32,
            rude: false,
            dont_have: true,
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Bytes of blocks.
    pub bytes: u64,
    /// Pieces that it was told of.
    pub told: u64,
    /// Pieces that were taken back (BEP 54).
    pub taken_back: u64,
    /// Requests that were rejected.
    pub rejected: u64,
    /// Times that it was choked.
    pub chokes: u64,
}

/// One connection's taking side.
#[derive(Clone, Debug)]
pub struct Leech {
    takes: Takes,
    fast: bool,
    choked: bool,
    interested: bool,
    /// The pieces that it was told of, and the blocks of each that it lacks and has not asked for.
    wanted: BTreeMap<PieceIndex, BTreeSet<u32>>,
    had: BTreeSet<PieceIndex>,
    outstanding: BTreeSet<BlockSpan>,
    taken: Taken,
}

impl Leech {
    /// A leech that has nothing.
    #[must_use]
    pub const fn new(takes: Takes, fast: bool) -> Self {
        Self {
            takes,
            fast,
            choked: true,
            interested: false,
            wanted: BTreeMap::new(),
            had: BTreeSet::new(),
            outstanding: BTreeSet::new(),
            taken: Taken {
                bytes: 0,
                told: 0,
                taken_back: 0,
                rejected: 0,
                chokes: 0,
            },
        }
    }

    /// What it has got.
    #[must_use]
    pub const fn taken(&self) -> Taken {
        self.taken
    }

    /// We said something; what it says to that.
    pub fn hears(&mut self, message: &Message, layout: &Layout, rng: &mut Rng) -> Vec<Message> {
        match message {
            Message::Have(piece) => {
                self.taken.told += 1;
                if self.had.insert(*piece) {
                    let blocks = 0..layout.blocks_in(*piece);
                    self.wanted.insert(*piece, blocks.collect());
                }
            }
            Message::Extended { id, payload } if *id == LT_DONTHAVE_ID => {
                if let Ok(DontHave(piece)) = DontHave::decode(payload) {
                    assert!(self.had.remove(&piece), "piece {piece} was never announced");
                    self.taken.taken_back += 1;
                    self.wanted.remove(&piece);
                }
            }
            Message::Unchoke => self.choked = false,
            Message::Choke => {
                assert!(!self.choked, "it is choked already");
                self.choked = true;
                self.taken.chokes += 1;
                if !self.fast {
                    // The requests are void, and the blocks under way are welcome.
                    self.outstanding.clear();
                }
            }
            Message::Reject(span) => {
                let known = self.outstanding.remove(span);
                assert!(known || self.takes.rude, "a reject of no request: {span}");
                self.taken.rejected += 1;
            }
            Message::KeepAlive
            | Message::Interested
            | Message::NotInterested
            | Message::Bitfield(_)
            | Message::Request(_)
            | Message::Cancel(_)
            | Message::Port(_)
            | Message::Suggest(_)
            | Message::HaveAll
            | Message::HaveNone
            | Message::AllowedFast(_)
            | Message::Extended { .. }
            | Message::HashRequest(_)
            | Message::Hashes { .. }
            | Message::HashReject(_)
            | Message::Unknown { .. } => return Vec::new(),
        }
        self.asks(layout, rng)
    }

    /// A block of ours has arrived; what it says to that.
    pub fn gets(&mut self, span: BlockSpan, layout: &Layout, rng: &mut Rng) -> Vec<Message> {
        let asked = self.outstanding.remove(&span);
        assert!(
            asked || !self.fast || self.takes.rude,
            "nobody asked for {span}"
        );
        self.taken.bytes += u64::from(span.len);
        self.asks(layout, rng)
    }

    fn asks(&mut self, layout: &Layout, rng: &mut Rng) -> Vec<Message> {
        let mut says = Vec::new();
        if !self.interested && !self.wanted.is_empty() {
            self.interested = true;
            says.push(Message::Interested);
        }
        if self.takes.rude {
            for _ in 0..4 {
                let piece = rng.between(0, u64::from(layout.piece_count()));
                let piece = PieceIndex(u32::try_from(piece).unwrap_or(0));
                let block = rng.between(0, u64::from(layout.blocks_in(piece)));
                let block = u32::try_from(block).unwrap_or(0);
                let span = layout.span(BlockRef { piece, block });
                says.extend([Message::Request(span), Message::Request(span)]);
                self.outstanding.insert(span);
                if rng.percent(20) {
                    says.push(Message::Cancel(span));
                }
            }
        }
        while !self.choked && self.outstanding.len() < self.takes.depth as usize {
            let Some((piece, blocks)) = self.wanted.iter_mut().next() else {
                break;
            };
            let piece = *piece;
            if let Some(block) = blocks.pop_first() {
                let span = layout.span(BlockRef { piece, block });
                self.outstanding.insert(span);
                says.push(Message::Request(span));
            } else {
                self.wanted.remove(&piece);
            }
        }
        says
    }
}
