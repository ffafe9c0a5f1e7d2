//! What one connection will send, and when.
//!
//! Filled by the session as messages come, emptied to the socket. Control messages leave at their
//! time; blocks leave in order, not before their time, as the uplink allows. Choking voids the blocks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use gostorm_wire::{BlockSpan, Message, encode_piece_header};
use tokio::time::Instant;

use super::remote::{Leave, Remote};

/// Encoded bytes that wait for the socket, about: beyond this no further block is made.
const OUT_MAX: usize = 64 * 1024;

/// Something that leaves at its time.
#[derive(Debug)]
pub(super) enum Timed {
    /// Bytes as they are: a handshake.
    Raw(Vec<u8>),
    /// A message.
    Say(Message),
    /// From now on requests are answered.
    Unchoke,
    /// From now on they are not.
    Choke,
}

/// The outgoing side of a connection.
#[derive(Debug)]
pub(super) struct Outbox {
    remote: Arc<Remote>,
    timed: BTreeMap<(Instant, u64), Timed>,
    count: u64,
    blocks: VecDeque<(Instant, BlockSpan)>,
    /// The uplink is not free before.
    uplink_at: Option<Instant>,
    pub(super) out: BytesMut,
    pub(super) choking: bool,
    sent: u64,
    /// The script wants this connection closed.
    pub(super) finished: bool,
}

impl Outbox {
    pub(super) fn new(remote: Arc<Remote>) -> Self {
        Self {
            remote,
            timed: BTreeMap::new(),
            count: 0,
            blocks: VecDeque::new(),
            uplink_at: None,
            out: BytesMut::new(),
            choking: true,
            sent: 0,
            finished: false,
        }
    }

    pub(super) fn at(&mut self, at: Instant, what: Timed) {
        self.count += 1;
        self.timed.insert((at, self.count), what);
    }

    /// Sends a message one round trip from now.
    pub(super) fn answer(&mut self, now: Instant, message: Message) {
        self.at(now + self.remote.script.rtt, Timed::Say(message));
    }

    /// Refuses a request, if the other side can hear that.
    pub(super) fn reject(&mut self, now: Instant, fast: bool, span: BlockSpan) {
        if fast {
            self.answer(now, Message::Reject(span));
            self.remote.board.count(|counters| counters.rejects += 1);
        }
    }

    pub(super) fn block(&mut self, now: Instant, span: BlockSpan) {
        self.blocks.push_back((now + self.remote.script.rtt, span));
    }

    /// Takes back a block that was not sent; true when there was one.
    pub(super) fn cancel(&mut self, span: BlockSpan) -> bool {
        let at = self.blocks.iter().position(|(_, queued)| *queued == span);
        let Some(at) = at else {
            return false;
        };
        self.blocks.remove(at);
        self.remote.forget(span);
        true
    }

    /// Encodes all that may leave now.
    pub(super) fn step(&mut self, now: Instant, fast: bool) {
        while let Some(entry) = self.timed.first_entry() {
            let (at, _) = *entry.key();
            if at > now {
                break;
            }
            let what = entry.remove();
            self.apply(at, fast, what);
        }
        self.uplink_at = None;
        while let Some((due, span)) = self.blocks.front().copied() {
            if due > now || self.finished || self.out.len() >= OUT_MAX {
                break;
            }
            match self.remote.leave(now, span.len) {
                Leave::Now { corrupt } => {
                    self.blocks.pop_front();
                    self.send_block(span, corrupt);
                }
                Leave::At(at) => {
                    self.uplink_at = Some(at);
                    break;
                }
                Leave::Never => {
                    self.uplink_at = Some(now + Duration::from_secs(3_600));
                    break;
                }
            }
        }
    }

    /// When there is more to encode; `None` while the socket has to take what is there.
    pub(super) fn next(&self) -> Option<Instant> {
        let timed = self.timed.first_key_value().map(|((at, _), _)| *at);
        let block = self
            .blocks
            .front()
            .filter(|_| self.out.len() < OUT_MAX && !self.finished)
            .map(|(due, _)| self.uplink_at.map_or(*due, |at| at.max(*due)));
        timed.into_iter().chain(block).min()
    }

    fn apply(&mut self, at: Instant, fast: bool, what: Timed) {
        match what {
            Timed::Raw(bytes) => self.out.extend_from_slice(&bytes),
            Timed::Say(message) => message.encode(&mut self.out),
            Timed::Unchoke => {
                self.choking = false;
                Message::Unchoke.encode(&mut self.out);
                if let Some(chokes) = self.remote.script.chokes {
                    self.at(at + chokes.open, Timed::Choke);
                }
            }
            Timed::Choke => {
                self.choking = true;
                Message::Choke.encode(&mut self.out);
                for (_, span) in std::mem::take(&mut self.blocks) {
                    self.remote.forget(span);
                    self.reject(at, fast, span);
                }
                if let Some(chokes) = self.remote.script.chokes {
                    self.at(at + chokes.closed, Timed::Unchoke);
                }
            }
        }
    }

    fn send_block(&mut self, span: BlockSpan, corrupt: bool) {
        encode_piece_header(span, &mut self.out);
        let from = self.out.len();
        self.out.resize(from + span.len as usize, 0);
        let offset = u64::from(span.piece.0) * u64::from(self.remote.content.piece_len())
            + u64::from(span.begin);
        self.remote.content.fill(offset, &mut self.out[from..]);
        if corrupt {
            self.out[from] ^= 0xff;
        }
        self.sent += u64::from(span.len);
        let close_after = self.remote.script.close_after;
        self.finished =
            self.remote.is_dead() || close_after.is_some_and(|after| self.sent >= after);
        self.remote.sent(span, corrupt);
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        for (_, span) in &self.blocks {
            self.remote.forget(*span);
        }
    }
}
