//! What the fuzz target of the state machine does, here so that a test can do it too.
//!
//! Bytes become inputs in any order, hostile ones among them: blocks nobody asked for, messages
//! beyond the last piece, rejects, chokes, closed readers, hashes of nothing. Half of the torrents are of
//! v2, with hashes of blocks and of parts of trees, right and wrong. The driver's own part of the contract is kept (keys are new, one input at a time), and what the swarm says is checked
//! against a small model: what is reserved, who is connected, which reads wait.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use gostorm_wire::{BLOCK_LEN, BlockSpan, HashRequest, Message, Pex, PexFlags, PieceIndex};

pub(crate) mod film;
mod hashes;
mod told;

use self::film::Film;
use crate::{
    AnnounceOutcome, BlockRef, Config, FileSpan, Input, Layout, Output, PeerKey, Policy, ReadKey,
    ReaderKey, Source, Swarm, Time,
};

/// Inputs of one run at most.
const STEPS_MAX: usize = 4_000;

/// The bytes as small numbers; zeros when they are used up.
struct Numbers<'a>(std::slice::Iter<'a, u8>);

impl Numbers<'_> {
    fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    fn below(&mut self, bound: u32) -> u32 {
        u32::from(u16::from_be_bytes([self.byte(), self.byte()])) % bound.max(1)
    }

    fn is_over(&self) -> bool {
        self.0.as_slice().is_empty()
    }
}

/// The driver's side.
struct Model {
    swarm: Swarm,
    now: Time,
    next_key: u64,
    peers: Vec<PeerKey>,
    readers: Vec<ReaderKey>,
    waiting: BTreeSet<u64>,
    reserved: BTreeMap<PieceIndex, u64>,
    /// All that there is to know of a torrent of v2.
    film: Option<Film>,
    /// The pieces that are hashed by their blocks, and the blocks that were stored and not hashed yet.
    by_blocks: BTreeSet<PieceIndex>,
    stored: VecDeque<BlockRef>,
    hash_requests: VecDeque<(PeerKey, HashRequest)>,
    requests: VecDeque<(PeerKey, BlockSpan)>,
    /// Blocks on their way to a socket.
    uploads: VecDeque<(PeerKey, u64)>,
    lease: u64,
}

/// Any sequence of inputs: the invariants hold after each, and sleep gives everything back.
pub fn swarm_inputs(data: &[u8]) {
    let mut numbers = Numbers(data.iter());
    let Some(mut model) = Model::new(&mut numbers) else {
        return;
    };
    for _ in 0..STEPS_MAX {
        if numbers.is_over() {
            break;
        }
        let input = model.draw(&mut numbers);
        model.give(input);
    }
    model.give(Input::Turn);
    model.give(Input::Shutdown);
    assert!(model.reserved.is_empty() && model.waiting.is_empty());
    assert!(model.peers.is_empty());
    assert_eq!(model.swarm.wake_at(), Time::NEVER);
}

impl Model {
    fn new(numbers: &mut Numbers<'_>) -> Option<Self> {
        let piece_len = BLOCK_LEN << (numbers.byte() % 4);
        let total = u64::from(numbers.below(60_000)) * 37 + 1;
        let cut = u64::from(numbers.below(60_000)) % total;
        let files = vec![
            FileSpan {
                offset: 0,
                len: cut,
            },
            FileSpan {
                offset: cut,
                len: total - cut,
            },
        ];
        let config = Config {
            connections_max: 8,
            tiers: vec![2, 1],
            own_trackers: 2,
            private: numbers.byte() == 255,
            banned: Vec::new(),
        };
        let layout = Layout::new(piece_len, total, files).ok()?;
        let film = numbers
            .byte()
            .is_multiple_of(2)
            .then(|| Film::new(total, piece_len))
            .flatten();
        let swarm = Swarm::new(config, layout, u64::from(numbers.byte()));
        let known = film
            .as_ref()
            .map(|film| film.trees(numbers.byte().is_multiple_of(2)));
        Some(Self {
            swarm: swarm.with_trees(known, numbers.byte().is_multiple_of(2)),
            film,
            by_blocks: BTreeSet::new(),
            stored: VecDeque::new(),
            hash_requests: VecDeque::new(),
            now: Time::ZERO,
            next_key: 0,
            peers: Vec::new(),
            readers: Vec::new(),
            waiting: BTreeSet::new(),
            reserved: BTreeMap::new(),
            requests: VecDeque::new(),
            uploads: VecDeque::new(),
            lease: 0,
        })
    }

    fn key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key
    }

    fn pick<T: Copy>(from: &[T], numbers: &mut Numbers<'_>, other: T) -> T {
        let at = usize::from(numbers.byte()) % (from.len() + 1);
        from.get(at).copied().unwrap_or(other)
    }

    fn peer(&self, numbers: &mut Numbers<'_>) -> PeerKey {
        Self::pick(&self.peers, numbers, PeerKey(u64::MAX))
    }

    fn addr(numbers: &mut Numbers<'_>) -> SocketAddr {
        ([10, 0, 0, numbers.byte() % 16], 6881).into()
    }

    fn span(&self, numbers: &mut Numbers<'_>) -> BlockSpan {
        let piece = PieceIndex(numbers.below(self.swarm.layout().piece_count() + 1));
        let begin = numbers.below(9) * BLOCK_LEN + u32::from(numbers.byte() == 255);
        let len = if numbers.byte() == 255 { 7 } else { BLOCK_LEN };
        BlockSpan { piece, begin, len }
    }

    fn draw(&mut self, numbers: &mut Numbers<'_>) -> Input {
        self.now += Duration::from_micros(u64::from(numbers.byte()).pow(3));
        match numbers.byte() % 30 {
            0 => self.connect(numbers),
            1 => Input::Closed {
                peer: self.leave(numbers),
            },
            22 => Input::Offended {
                peer: self.leave(numbers),
            },
            23 => Input::Places {
                connections_max: usize::from(numbers.byte() % 10),
            },
            2 => self.open(numbers),
            3 => self.close(numbers),
            4..=6 => self.read(numbers),
            7 => Input::Position {
                reader: Self::pick(&self.readers, numbers, ReaderKey(0)),
                range: self.range(numbers),
            },
            27 => self.told(numbers),
            8 | 9 => {
                self.lease = u64::from(numbers.below(80)) * u64::from(BLOCK_LEN);
                Input::Lease { bytes: self.lease }
            }
            10..=12 => Input::Message {
                peer: self.peer(numbers),
                message: self.message(numbers),
            },
            13..=17 => self.answer(numbers),
            18 => Input::Block {
                peer: self.peer(numbers),
                span: self.span(numbers),
            },
            19 => Input::Hashed {
                piece: PieceIndex(numbers.below(self.swarm.layout().piece_count() + 1)),
                ok: !numbers.byte().is_multiple_of(4),
                digests: vec![u64::from(numbers.byte()); usize::from(numbers.byte() % 9)],
            },
            20 => self.outside(numbers),
            21 => self.upload(numbers),
            24..=26 => self.hashed_blocks(numbers),
            28 => self.hashes(numbers),
            _turn => Input::Turn,
        }
    }

    /// What concerns our upload and the limits.
    fn upload(&mut self, numbers: &mut Numbers<'_>) -> Input {
        match numbers.byte() % 8 {
            0 => Input::DontHave {
                peer: self.peer(numbers),
                piece: self.span(numbers).piece,
            },
            1 => Input::TakesDontHave {
                peer: self.peer(numbers),
                id: numbers.byte(),
            },
            2 => Input::Limits {
                download: Some(u64::from(numbers.below(60_000)) * 100).filter(|rate| *rate > 0),
                upload: Some(u64::from(numbers.below(60_000)) * 10),
            },
            3 => Input::Uploaded {
                peer: self.peer(numbers),
                bytes: u64::from(numbers.below(60_000)),
            },
            4 | 5 => self
                .uploads
                .pop_front()
                .map_or(Input::Turn, |(peer, bytes)| Input::Uploaded { peer, bytes }),
            6 if numbers.byte().is_multiple_of(2) => Input::AllowedFast {
                peer: self.peer(numbers),
                pieces: (0..12).map(|_| self.span(numbers).piece).collect(),
            },
            6 => Input::UploadOnly {
                peer: self.peer(numbers),
                upload_only: numbers.byte().is_multiple_of(4),
            },
            _some => Input::Message {
                peer: self.peer(numbers),
                message: match numbers.byte() % 8 {
                    0..=2 => Message::Interested,
                    3 => Message::Cancel(self.span(numbers)),
                    _some => Message::Request(self.span(numbers)),
                },
            },
        }
    }

    fn outside(&mut self, numbers: &mut Numbers<'_>) -> Input {
        match numbers.byte() % 8 {
            0 => Input::DialFailed {
                addr: Self::addr(numbers),
            },
            1 if numbers.byte().is_multiple_of(2) => Input::LookedUp,
            1 => Input::Announced {
                tracker: usize::from(numbers.byte() % 3),
                outcome: AnnounceOutcome::Failed { retry_in: None },
            },
            6 => {
                let up = !numbers.byte().is_multiple_of(4);
                if !up {
                    self.peers.clear();
                }
                Input::Network { up }
            }
            2 => Input::TakesPex {
                peer: self.peer(numbers),
                id: numbers.byte(),
            },
            3 => Input::ListensAt {
                peer: self.peer(numbers),
                port: 6881,
            },
            4 => Input::Pex {
                peer: self.peer(numbers),
                message: Pex {
                    added: (0..numbers.byte() % 4)
                        .map(|_| (Self::addr(numbers), PexFlags::default()))
                        .collect(),
                    dropped: vec![Self::addr(numbers)],
                },
            },
            7 => {
                let peer = PeerKey(self.key());
                self.peers.push(peer);
                Input::WebSeed {
                    peer,
                    number: u64::from(numbers.byte() % 4),
                    rtt_us: u64::from(numbers.below(60_000)),
                }
            }
            some => Input::Candidates {
                source: if some == 5 {
                    Source::Dht
                } else {
                    Source::Tracker
                },
                addrs: (0..numbers.byte() % 4)
                    .map(|_| Self::addr(numbers))
                    .collect(),
            },
        }
    }

    fn connect(&mut self, numbers: &mut Numbers<'_>) -> Input {
        let peer = PeerKey(self.key());
        self.peers.push(peer);
        Input::Connected {
            peer,
            addr: Self::addr(numbers),
            incoming: !numbers.byte().is_multiple_of(2),
            fast: !numbers.byte().is_multiple_of(2),
            v2: self.film.is_some(),
            rtt_us: Some(u64::from(numbers.byte()) * 1_000).filter(|rtt| *rtt > 0),
        }
    }

    fn leave(&mut self, numbers: &mut Numbers<'_>) -> PeerKey {
        let peer = self.peer(numbers);
        self.peers.retain(|other| *other != peer);
        peer
    }

    fn open(&mut self, numbers: &mut Numbers<'_>) -> Input {
        let reader = ReaderKey(self.key());
        let file = usize::from(numbers.byte() % 3);
        self.readers.push(reader);
        let policy = if numbers.byte().is_multiple_of(2) {
            Policy::Verified
        } else {
            Policy::Responsive
        };
        Input::Open {
            reader,
            file,
            policy,
        }
    }

    fn close(&mut self, numbers: &mut Numbers<'_>) -> Input {
        let reader = Self::pick(&self.readers, numbers, ReaderKey(0));
        self.readers.retain(|other| *other != reader);
        Input::Close { reader }
    }

    fn range(&self, numbers: &mut Numbers<'_>) -> std::ops::Range<u64> {
        let start = u64::from(numbers.below(60_000)) * 40;
        let len = u64::from(numbers.below(60_000)) * 2;
        start..start + len
    }

    fn read(&mut self, numbers: &mut Numbers<'_>) -> Input {
        let read = self.key();
        self.waiting.insert(read);
        Input::Read {
            reader: Self::pick(&self.readers, numbers, ReaderKey(0)),
            read: ReadKey(read),
            range: self.range(numbers),
            deadline: self.now + Duration::from_millis(u64::from(numbers.below(30_000))),
        }
    }

    fn message(&self, numbers: &mut Numbers<'_>) -> Message {
        let piece = PieceIndex(numbers.below(self.swarm.layout().piece_count() + 1));
        match numbers.byte() % 16 {
            0 => Message::Choke,
            1..=4 => Message::Unchoke,
            5 => Message::Interested,
            6 => Message::Have(piece),
            7 => Message::Bitfield(Bytes::from(vec![numbers.byte(); piece.0 as usize / 8 + 1])),
            8..=10 => Message::HaveAll,
            11 => Message::HaveNone,
            12 => Message::AllowedFast(piece),
            13 => Message::Reject(self.span(numbers)),
            14 => Message::Request(self.span(numbers)),
            _last => self
                .requests
                .front()
                .map_or(Message::KeepAlive, |(_, span)| Message::Reject(*span)),
        }
    }

    /// A block that was asked for, or the hash of a piece.
    fn answer(&mut self, numbers: &mut Numbers<'_>) -> Input {
        if numbers.byte().is_multiple_of(4)
            && let Some(piece) = self.reserved.keys().next().copied()
        {
            return Input::Hashed {
                piece,
                ok: !numbers.byte().is_multiple_of(8),
                digests: vec![1; 8],
            };
        }
        match self.requests.pop_front() {
            Some((peer, span)) => Input::Block { peer, span },
            None => Input::Turn,
        }
    }

    fn give(&mut self, input: Input) {
        self.swarm.handle(self.now, input);
        while let Some(output) = self.swarm.poll() {
            self.check(output);
        }
        self.swarm.check_invariants();
        assert_eq!(
            self.swarm.stats().held_bytes,
            self.reserved.values().sum::<u64>()
        );
    }

    fn check(&mut self, output: Output) {
        match output {
            Output::Send { peer, message } => {
                assert!(self.peers.contains(&peer), "{peer:?} is not connected");
                if let Message::Request(span) = message {
                    self.requests.push_back((peer, span));
                    self.requests.truncate(2_000);
                } else if let Message::HashRequest(request) = message {
                    self.hash_requests.push_back((peer, request));
                    self.hash_requests.truncate(2_000);
                }
            }
            Output::Disconnect { peer, .. } => {
                assert!(self.peers.contains(&peer), "{peer:?} is not connected");
                self.peers.retain(|other| *other != peer);
            }
            Output::Reserve {
                piece, by_blocks, ..
            } => {
                if by_blocks {
                    self.by_blocks.insert(piece);
                }
                let len = u64::from(self.swarm.layout().piece_size(piece));
                assert!(self.reserved.insert(piece, len).is_none(), "reserved twice");
                let held: u64 = self.reserved.values().sum();
                assert!(held <= self.lease, "{held} bytes of {}", self.lease);
            }
            Output::Evict { piece } => {
                assert!(self.reserved.remove(&piece).is_some(), "evicted unreserved");
                self.by_blocks.remove(&piece);
                self.stored.retain(|block| block.piece != piece);
            }
            Output::Store { block } => {
                assert!(
                    self.reserved.contains_key(&block.piece),
                    "stored unreserved"
                );
                self.note_stored(block);
            }
            Output::Spoilt { block } => self.check_spoilt(block),
            Output::Verified { piece, blocks } => self.check_verified(piece, &blocks),
            Output::Serve { read }
            | Output::ServeUnverified { read }
            | Output::Fail { read, .. } => {
                assert!(self.waiting.remove(&read.0), "{read:?} does not wait");
            }
            Output::Invalidate { file, range } => {
                let span = self.swarm.layout().files()[file];
                assert!(span.offset <= range.start && range.start < range.end);
                assert!(range.end <= span.offset + span.len, "beyond its file");
            }
            Output::Upload { peer, span } => {
                assert!(self.peers.contains(&peer), "{peer:?} is not connected");
                assert!(
                    self.reserved.contains_key(&span.piece),
                    "uploaded unreserved"
                );
                self.uploads.push_back((peer, u64::from(span.len)));
                self.uploads.truncate(2_000);
            }
            Output::Dial { .. }
            | Output::Lease { .. }
            | Output::Announce(_)
            | Output::Rests(_)
            | Output::Stalled(_)
            | Output::LookUp { .. }
            | Output::Ban { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn any_sequence_of_inputs_keeps_the_invariants(data in prop::collection::vec(any::<u8>(), 0..4_000)) {
            swarm_inputs(&data);
        }
    }
}
