//! The phase with a swarm: carries its outputs to the cache, the hash threads and the readers.
//!
//! A block that the swarm wants moves from the event into its piece's slot while the output that says
//! so is carried out; any other is dropped, and its buffer returns to the pool.

mod extensions;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use gostorm_core::{
    FailReason, Input, Layout, Output, PeerKey, Policy, ReaderKey, Source, Swarm, Time,
};
use gostorm_wire::{Info, Message, PieceIndex};
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::mpsc::UnboundedSender;

use super::doubts::Doubts;
use super::errand::Errand;
use super::links::Links;
use super::reads::{PendingRead, PendingReads};
use crate::cache::{PieceCache, READ_LEN_MAX};
use crate::handle::{Opening, ReadRequest};
use crate::hasher::{HashRequest, HashResult};
use crate::peer::PeerWhat;
use crate::place::Located;
use crate::pool::BlockBuf;
use crate::read::ReadError;

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
    verdicts: UnboundedSender<HashResult>,
    tenant: u64,
}

impl Running {
    pub(super) fn new(
        swarm: Swarm,
        info: Info,
        info_bytes: Bytes,
        verdicts: UnboundedSender<HashResult>,
        tenant: u64,
    ) -> Self {
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
            verdicts,
            tenant,
        }
    }

    /// One input, then every output. `payload` is the block of an [`Input::Block`].
    pub(super) fn input(
        &mut self,
        now: Time,
        links: &mut Links,
        input: Input,
        mut payload: Option<BlockBuf>,
    ) {
        self.swarm.handle(now, input);
        self.drain(links, &mut payload);
        while let Some(peer) = links.lost.pop() {
            links.peers.remove(&peer);
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
                }) => {
                    self.cache
                        .insert(piece, self.swarm.layout().piece_size(piece));
                    if want_digests {
                        self.wants_digests.insert(piece);
                    }
                }
                Some(Output::Evict { piece }) => {
                    self.cache.remove(piece);
                    self.wants_digests.remove(&piece);
                    links.shared.hasher.forget((self.tenant, piece));
                }
                Some(Output::Stalled(stall)) if stall.served => {
                    tracing::info!(torrent = %links.info_hash, "{stall}");
                }
                Some(Output::Stalled(stall)) => {
                    tracing::warn!(torrent = %links.info_hash, "{stall}");
                }
                Some(Output::Lease { want, held }) => {
                    links.shared.memory.update(self.tenant, want, held)
                }
                Some(
                    Output::Dial { .. }
                    | Output::Disconnect { .. }
                    | Output::Send { .. }
                    | Output::Announce(_)
                    | Output::Ban { .. },
                )
                | None => {}
            }
        }
    }

    fn store(&mut self, block: gostorm_core::BlockRef, payload: Option<BlockBuf>) {
        if let (Some(piece), Some(payload)) = (self.cache.piece(block.piece), payload) {
            let begin = self.swarm.layout().span(block).begin;
            piece.fill(begin, payload);
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
        let serve = |bytes: &[u8]| {
            if let Some(reply) = reply.take() {
                reply.send(Ok(bytes));
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

    /// Tells the hash threads what has come; true when some had no room and must be told again.
    pub(super) fn advance_hashes(&mut self, links: &Links) -> bool {
        self.touched.sort_unstable();
        self.touched.dedup();
        let mut touched = std::mem::take(&mut self.touched);
        touched.retain(|piece| {
            let (Some(buffer), Some(expected)) =
                (self.cache.piece(*piece), self.info.get_piece_hash(*piece))
            else {
                return false;
            };
            let key = (self.tenant, *piece);
            let want_digests = self.wants_digests.contains(piece);
            let request = HashRequest {
                key,
                buffer: &buffer,
                expected: *expected,
                want_digests,
                done: &self.verdicts,
            };
            !links.shared.hasher.advance(&request)
        });
        self.touched = touched;
        !self.touched.is_empty()
    }

    pub(super) fn hashed(&mut self, now: Time, links: &mut Links, verdict: HashResult) {
        let HashResult {
            piece,
            buffer,
            ok,
            digests,
        } = verdict;
        // The piece may have been evicted, and asked for again, while it was hashed.
        if !self
            .cache
            .piece(piece)
            .is_some_and(|held| Arc::ptr_eq(&held, &buffer))
        {
            return;
        }
        if ok {
            buffer.mark_verified();
            self.wants_digests.remove(&piece);
        } else {
            tracing::warn!(torrent = %links.info_hash, %piece, "a piece failed its hash");
        }
        drop(buffer);
        self.input(now, links, Input::Hashed { piece, ok, digests }, None);
    }

    pub(super) fn open(&mut self, now: Time, links: &mut Links, opening: Opening) {
        let Opening {
            reader,
            choice,
            place,
            on_doubt,
        } = opening;
        let file = choice(&self.info);
        let span = file
            .and_then(|file| self.swarm.layout().files().get(file))
            .copied();
        let Some((file, span)) = file.zip(span) else {
            tracing::warn!(torrent = %links.info_hash, "the torrent has no such file");
            self.readers.insert(reader, None);
            return;
        };
        self.readers.insert(reader, Some((span.offset, span.len)));
        let located = Located {
            offset: span.offset,
            len: span.len,
            piece_len: self.swarm.layout().piece_len(),
            cache: Arc::clone(&self.cache),
        };
        // A stream is opened once; a second value would be the same.
        let _ = place.located.set(located);
        let policy = match on_doubt {
            Some(on_doubt) if links.shared.config.policy == Policy::Responsive => {
                self.doubts.open(reader, file, on_doubt);
                Policy::Responsive
            }
            Some(_) | None => Policy::Verified,
        };
        let input = Input::Open {
            reader,
            file,
            policy,
        };
        self.input(now, links, input, None);
    }

    pub(super) fn close(&mut self, now: Time, links: &mut Links, reader: ReaderKey) {
        if self.readers.remove(&reader).is_some() {
            self.input(now, links, Input::Close { reader }, None);
            self.doubts.close(reader);
            if !self.swarm.is_exposed() {
                self.doubts.settle();
            }
        }
    }

    /// A read by file offset; cut at the end of the file.
    pub(super) fn read(
        &mut self,
        now: Time,
        links: &mut Links,
        request: ReadRequest,
        deadline: Time,
    ) {
        let ReadRequest {
            reader,
            offset,
            len,
            reply,
            ..
        } = request;
        let Some((base, file_len)) = self.readers.get(&reader).copied().flatten() else {
            return reply.send(Err(ReadError::Unavailable));
        };
        let Ok(len) = u32::try_from(u64::from(len).min(file_len.saturating_sub(offset))) else {
            return reply.send(Err(ReadError::Unavailable));
        };
        if len == 0 {
            return reply.send(Ok(&[]));
        }
        if len as usize > READ_LEN_MAX {
            // The cache could not serve it when it was there.
            return reply.send(Err(ReadError::Unavailable));
        }
        let offset = base + offset;
        let range = offset..offset + u64::from(len);
        let read = self.pending.insert(PendingRead {
            reader,
            offset,
            len,
            reply,
        });
        self.input(
            now,
            links,
            Input::Read {
                reader,
                read,
                range,
                deadline,
            },
            None,
        );
    }

    pub(super) fn position(
        &mut self,
        now: Time,
        links: &mut Links,
        reader: ReaderKey,
        offset: u64,
        len: u32,
    ) {
        if let Some((base, _)) = self.readers.get(&reader).copied().flatten() {
            let range = base + offset..base + offset + u64::from(len);
            self.input(now, links, Input::Position { reader, range }, None);
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
            PeerWhat::Message(message) => {
                self.input(now, links, Input::Message { peer, message }, None)
            }
            PeerWhat::Uploaded(bytes) => {
                self.input(now, links, Input::Uploaded { peer, bytes }, None)
            }
            PeerWhat::Closed(reason) => {
                if let Some(remote) = links.peers.remove(&peer) {
                    tracing::debug!(addr = %remote.addr, %reason, "peer closed");
                }
                self.input(now, links, Input::Closed { peer }, None);
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
            rtt_us: remote.rtt_us,
        };
        self.input(now, links, input, None);
        self.tell_extensions(now, links, peer);
    }

    pub(super) fn errand(&mut self, now: Time, links: &mut Links, errand: Errand) {
        match errand {
            Errand::Dialed {
                addr,
                rtt_us,
                outcome: Ok((stream, theirs)),
            } => {
                let size = u32::try_from(self.info_bytes.len()).ok();
                let peer = links.adopt(stream, addr, &theirs, false, Some(rtt_us), size);
                self.connected(now, links, peer);
            }
            Errand::Dialed {
                addr,
                outcome: Err(error),
                ..
            } => {
                tracing::debug!(%addr, %error, "dial failed");
                self.input(now, links, Input::DialFailed { addr }, None);
            }
            Errand::Announced { tracker, outcome } => {
                let (outcome, addrs) = links.announced(tracker, outcome);
                self.input(
                    now,
                    links,
                    Input::Candidates {
                        source: Source::Tracker,
                        addrs,
                    },
                    None,
                );
                self.input(now, links, Input::Announced { tracker, outcome }, None);
            }
            Errand::Found { addrs } => self.input(
                now,
                links,
                Input::Candidates {
                    source: Source::Hint,
                    addrs,
                },
                None,
            ),
            Errand::Loaded { .. } | Errand::Done => {}
        }
    }

    /// The cut of a validated info dict.
    pub(super) fn layout(info: &Info) -> Option<Layout> {
        Layout::of(info)
            .inspect_err(|error| tracing::error!(%error, "an info dict without a layout"))
            .ok()
    }
}
