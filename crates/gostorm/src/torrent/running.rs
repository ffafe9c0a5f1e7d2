//! The phase with a swarm: carries its outputs to the cache, the hash threads and the readers.
//!
//! A block that the swarm wants moves from the event into its piece's slot while the output that says
//! so is carried out; any other is dropped, and its buffer returns to the pool.

mod end;
mod extensions;
mod hashing;
mod look;
mod readers;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use gostorm_core::{
    FailReason, HashTrees, Input, Layout, Output, PeerKey, Policy, ReaderKey, Swarm, Time,
};
use gostorm_wire::{Info, Message, PieceIndex, PieceLayers};
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::mpsc::UnboundedSender;

use super::doubts::Doubts;
use super::errand::Errand;
use super::links::Links;
use super::reads::{PendingRead, PendingReads};
use crate::cache::PieceCache;
use crate::hasher::Hashed;
use crate::peer::PeerWhat;
use crate::pool::BlockBuf;
use crate::read::{ReadError, Served};

/// A torrent whose info dict is known.
pub(super) struct Running {
    pub(super) swarm: Swarm,
    pub(super) info: Arc<Info>,
    pub(super) info_bytes: Bytes,
    cache: Arc<PieceCache>,
    pending: PendingReads,
    doubts: Doubts,
    /// Where each open reader's file begins, and its length; `None`: the torrent has no such file.
    readers: FxHashMap<ReaderKey, Option<(u64, u64)>>,
    /// Pieces whose good try must bring the digests of its blocks.
    wants_digests: FxHashSet<PieceIndex>,
    /// Pieces that got blocks since the hash threads were told.
    touched: Vec<PieceIndex>,
    /// Blocks that wait to be hashed, of the pieces whose blocks are hashed each by itself.
    unhashed: FxHashMap<PieceIndex, Vec<u32>>,
    /// The piece layers of the torrent that the store has are no fewer than these.
    kept_layers: PieceLayers,
    verdicts: UnboundedSender<Hashed>,
    tenant: u64,
}

impl Running {
    pub(super) fn new(
        swarm: Swarm,
        info: Info,
        info_bytes: Bytes,
        verdicts: UnboundedSender<Hashed>,
        tenant: u64,
    ) -> Self {
        let kept_layers = swarm.trees().map(HashTrees::layers).unwrap_or_default();
        Self {
            swarm,
            info: Arc::new(info),
            info_bytes,
            cache: Arc::new(PieceCache::new()),
            pending: PendingReads::default(),
            doubts: Doubts::default(),
            readers: FxHashMap::default(),
            wants_digests: FxHashSet::default(),
            touched: Vec::new(),
            unhashed: FxHashMap::default(),
            kept_layers,
            verdicts,
            tenant,
        }
    }

    /// One input, then every output. `payload` is the block of an [`Input::Block`].
    pub(super) fn input(
        &mut self,
        now: Time,
        links: &mut Links,
        mut input: Input,
        mut payload: Option<BlockBuf>,
    ) {
        if let Input::Candidates { source, addrs } = &mut input {
            links.shared.filter.sift(*source, addrs);
        } else if let Input::Pex { message, .. } = &mut input {
            links.shared.filter.sift_pex(message);
        }
        self.swarm.handle(now, input);
        self.drain(links, &mut payload);
        while let Some(peer) = links.lost.pop() {
            links.peers.remove(&peer);
            links.web_seeds.lose(peer);
            self.swarm.handle(now, Input::Closed { peer });
            self.drain(links, &mut None);
        }
    }

    fn drain(&mut self, links: &mut Links, payload: &mut Option<BlockBuf>) {
        while let Some(output) = self.swarm.poll() {
            match links.act(output) {
                Some(Output::Store { block }) => self.store(block, payload.take()),
                Some(Output::Serve { read }) => self.serve(read, Policy::Verified),
                Some(Output::ServeUnverified { read }) => self.serve(read, Policy::Responsive),
                Some(Output::Invalidate { file, range }) => self.invalidate(links, file, range),
                Some(Output::Upload { peer, span }) => {
                    links.upload(peer, span, self.cache.piece(span.piece).as_deref());
                }
                Some(Output::Fail { read, reason }) => self.fail(read, reason),
                Some(Output::Reserve {
                    piece,
                    want_digests,
                    by_blocks,
                }) => {
                    let len = self.swarm.layout().piece_size(piece);
                    if by_blocks {
                        self.cache.insert_by_blocks(piece, len);
                    } else {
                        self.cache.insert(piece, len);
                    }
                    if want_digests {
                        self.wants_digests.insert(piece);
                    }
                }
                Some(Output::Evict { piece }) => {
                    self.cache.remove(piece);
                    self.wants_digests.remove(&piece);
                    self.unhashed.remove(&piece);
                    links.shared.hasher.forget((self.tenant, piece));
                }
                Some(Output::Verified { piece, blocks }) => {
                    if let Some(piece) = self.cache.piece(piece) {
                        piece.mark_good(blocks);
                    }
                }
                Some(Output::Spoilt { block }) => {
                    if let Some(piece) = self.cache.piece(block.piece) {
                        piece.spoil(block.block);
                    }
                }
                Some(Output::Rests(rest)) => links.rests(rest),
                Some(Output::Stalled(stall)) => links.stalled(*stall),
                Some(Output::Lease { want, held }) => {
                    links.shared.memory.update(self.tenant, want, held)
                }
                Some(
                    Output::Dial { .. }
                    | Output::Disconnect { .. }
                    | Output::Send { .. }
                    | Output::Announce(_)
                    | Output::LookUp { .. }
                    | Output::Ban { .. },
                )
                | None => {}
            }
        }
        links.web_seeds.flush(&mut links.lost);
    }

    fn store(&mut self, block: gostorm_core::BlockRef, payload: Option<BlockBuf>) {
        if let (Some(piece), Some(payload)) = (self.cache.piece(block.piece), payload) {
            let begin = self.swarm.layout().span(block).begin;
            piece.fill(begin, payload);
            if piece.is_by_blocks() {
                let unhashed = self.unhashed.entry(block.piece).or_default();
                return unhashed.push(block.block);
            }
            if self.touched.last() != Some(&block.piece) {
                self.touched.push(block.piece);
            }
        }
    }

    fn serve(&mut self, read: gostorm_core::ReadKey, policy: Policy) {
        let Some(PendingRead {
            reader,
            offset,
            len,
            reply,
        }) = self.pending.remove(read)
        else {
            return;
        };
        let mut reply = Some(reply);
        let verified = policy == Policy::Verified;
        let serve = |bytes: &[u8]| {
            if let Some(reply) = reply.take() {
                reply.send(Ok(Served {
                    bytes,
                    verified,
                    waited: true,
                }));
            }
        };
        let piece_len = self.swarm.layout().piece_len();
        match policy {
            Policy::Verified => self.cache.read(offset, len as usize, piece_len, serve),
            Policy::Responsive => {
                self.doubts.served(reader);
                self.cache
                    .read_unverified(offset, len as usize, piece_len, serve)
            }
        };
        if let Some(reply) = reply {
            tracing::error!(
                offset,
                len,
                "a read was served that the cache does not hold"
            );
            reply.send(Err(ReadError::Unavailable));
        }
    }

    /// Bytes that were served may be wrong: whoever got them hears of it.
    fn invalidate(&self, links: &Links, file: usize, range: Range<u64>) {
        let Some(span) = self.swarm.layout().files().get(file) else {
            return;
        };
        let range = range.start - span.offset..range.end - span.offset;
        tracing::info!(torrent = %links.info_hash, file, ?range, "bytes that were served before they were verified are taken back");
        self.doubts.tell(file, &range);
    }

    fn fail(&mut self, read: gostorm_core::ReadKey, reason: FailReason) {
        if let Some(pending) = self.pending.remove(read) {
            let error = match reason {
                FailReason::Deadline => ReadError::TimedOut,
                FailReason::Closed | FailReason::Invalid => ReadError::Unavailable,
                FailReason::Shutdown => ReadError::ShuttingDown,
            };
            pending.reply.send(Err(error));
        }
    }

    pub(super) fn peer(&mut self, now: Time, links: &mut Links, peer: PeerKey, what: PeerWhat) {
        match what {
            PeerWhat::Block { span, data } => {
                self.input(now, links, Input::Block { peer, span }, Some(data))
            }
            PeerWhat::Message(Message::Extended { id, payload }) => {
                self.extended(now, links, peer, id, &payload)
            }
            PeerWhat::Message(Message::Port(port)) => links.met_node(peer, port),
            PeerWhat::Message(message) => {
                self.input(now, links, Input::Message { peer, message }, None)
            }
            PeerWhat::Uploaded(bytes) => {
                self.input(now, links, Input::Uploaded { peer, bytes }, None)
            }
            PeerWhat::Closed(reason) => {
                let Some(remote) = links.peers.remove(&peer) else {
                    links.web_seeds.closed(peer, &reason);
                    return self.input(now, links, Input::Closed { peer }, None);
                };
                tracing::debug!(addr = %remote.addr, %reason, "peer closed");
                links.shared.offences.closed(&reason);
                let input = if reason.is_violation() {
                    Input::Offended { peer }
                } else {
                    Input::Closed { peer }
                };
                self.input(now, links, input, None);
            }
        }
    }

    /// A peer whose handshakes are done.
    pub(super) fn connected(&mut self, now: Time, links: &mut Links, peer: PeerKey) {
        let Some(remote) = links.peers.get(&peer) else {
            return;
        };
        let input = Input::Connected {
            peer,
            addr: remote.addr,
            incoming: remote.incoming,
            fast: remote.fast,
            v2: links.speaks_v2(remote),
            rtt_us: remote.rtt_us,
        };
        self.input(now, links, input, None);
        self.allow_fast(now, links, peer);
        self.tell_extensions(now, links, peer);
    }

    pub(super) fn errand(&mut self, now: Time, links: &mut Links, errand: Errand) {
        match errand {
            Errand::Dialed {
                addr,
                outcome: Ok(dialled),
            } => {
                let size = u32::try_from(self.info_bytes.len()).ok();
                let peer = links.adopt_dialled(dialled, addr, size);
                self.connected(now, links, peer);
            }
            Errand::Dialed {
                addr,
                outcome: Err(error),
            } => {
                tracing::debug!(%addr, %error, "dial failed");
                self.input(now, links, Input::DialFailed { addr }, None);
            }
            Errand::Announced { tracker, outcome } => {
                let (outcome, source, addrs) = links.announced(tracker, outcome);
                self.input(now, links, Input::Candidates { source, addrs }, None);
                self.input(now, links, Input::Announced { tracker, outcome }, None);
            }
            Errand::Found { source, addrs } => {
                self.input(now, links, Input::Candidates { source, addrs }, None);
            }
            Errand::Counted { tracker, counts } => links.trackers.counted(tracker, counts),
            Errand::WebSeed { place, outcome } => {
                if let Some(input) = links.web_seed(place, outcome) {
                    self.input(now, links, input, None);
                }
            }
            Errand::Loaded { .. } | Errand::Done => {}
        }
    }

    /// Opens web seeds while somebody reads.
    pub(super) fn open_web_seeds(&self, links: &mut Links) {
        let reading = self.readers.values().flatten().next();
        if let Some((offset, _)) = reading {
            links.web_seeds.open(*offset, &mut links.errands);
        }
    }

    /// The cut of a validated info dict.
    pub(super) fn layout(info: &Info) -> Option<Layout> {
        Layout::of(info)
            .inspect_err(|error| tracing::error!(%error, "an info dict without a layout"))
            .ok()
    }
}
