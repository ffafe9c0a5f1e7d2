//! What goes into a [`Swarm`](crate::Swarm) and what comes out.
//!
//! Keys are chosen by the driver and never reused while their thing lives. Offsets are bytes from
//! the start of the torrent. Nothing here carries payload: a block is a reference, its bytes stay
//! with the driver.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use gostorm_wire::{BlockSpan, Message, PieceIndex};

use crate::announce::{AnnounceOutcome, AnnouncePlan};
use crate::budget::Want;
use crate::config::Policy;
use crate::connect::{KnownPeer, Source};
pub(crate) use crate::key::{PeerKey, ReadKey, ReaderKey};
use crate::layout::BlockRef;
use crate::stall::Stall;
use crate::time::Time;

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A reader opened a file, given by its index in the layout.
    Open {
        /// The new reader.
        reader: ReaderKey,
        /// Index into [`Layout::files`](crate::Layout::files).
        file: usize,
        /// What it accepts.
        policy: Policy,
    },
    /// A reader is gone; its reads that still wait fail.
    Close {
        /// The reader.
        reader: ReaderKey,
    },
    /// A read that the cache could not answer.
    Read {
        /// Who reads.
        reader: ReaderKey,
        /// The read.
        read: ReadKey,
        /// Bytes of the torrent, not empty.
        range: Range<u64>,
        /// When the read fails if it was not served.
        deadline: Time,
    },
    /// A read that the cache answered: the reader moved.
    Position {
        /// Who reads.
        reader: ReaderKey,
        /// Bytes of the torrent.
        range: Range<u64>,
    },
    /// Addresses from a tracker, a magnet, the user.
    Candidates {
        /// Where they come from.
        source: Source,
        /// The addresses.
        addrs: Vec<SocketAddr>,
    },
    /// Peers that served us well in an earlier session.
    KnownGood(Vec<KnownPeer>),
    /// A dial ended without a handshake.
    DialFailed {
        /// The address of [`Output::Dial`].
        addr: SocketAddr,
    },
    /// A handshake was done, by us or by them; the driver has greeted the peer (`have_none`,
    /// extended handshake), which needs no knowledge of the swarm.
    Connected {
        /// The new peer.
        peer: PeerKey,
        /// Its remote address.
        addr: SocketAddr,
        /// True when it dialled us.
        incoming: bool,
        /// True when both sides speak the fast extension (BEP 6).
        fast: bool,
        /// Time from the dial to the handshake, microseconds; `None` when it was not measured.
        rtt_us: Option<u64>,
    },
    /// A connection ended.
    Closed {
        /// The peer.
        peer: PeerKey,
    },
    /// A message other than `piece` and the extended ones.
    Message {
        /// The sender.
        peer: PeerKey,
        /// The message.
        message: Message,
    },
    /// How many requests the peer keeps queued (`reqq`, BEP 10).
    RequestQueue {
        /// The peer.
        peer: PeerKey,
        /// Requests.
        depth: u32,
    },
    /// A peer no longer has a piece (`lt_donthave`, BEP 54).
    DontHave {
        /// The peer.
        peer: PeerKey,
        /// The piece.
        piece: PieceIndex,
    },
    /// A peer takes `lt_donthave` messages.
    TakesDontHave {
        /// The peer.
        peer: PeerKey,
        /// Under this id of its extension messages.
        id: u8,
    },
    /// Blocks of [`Output::Upload`] were written to a peer's socket, in the order in which they were given out.
    Uploaded {
        /// The peer.
        peer: PeerKey,
        /// Their bytes; no block counts before all of it was written.
        bytes: u64,
    },
    /// This torrent's share of the limits of the process. Until then nothing is limited.
    Limits {
        /// Bytes per second that may come; `None`: as many as come.
        download: Option<u64>,
        /// Bytes per second that may be sent; `None`: as many as are taken, 0: nothing is uploaded.
        upload: Option<u64>,
    },
    /// A `piece` message; its payload waits in the driver for [`Output::Store`].
    Block {
        /// The sender.
        peer: PeerKey,
        /// What it claims to carry.
        span: BlockSpan,
    },
    /// A complete piece was hashed. The driver drops the result of a piece that was evicted meanwhile:
    /// the swarm could not tell it from that of the same piece fetched anew.
    Hashed {
        /// The piece.
        piece: PieceIndex,
        /// True when the hash is right.
        ok: bool,
        /// A digest of each block, when the piece failed or [`Output::Reserve`] asked for them.
        digests: Vec<u64>,
    },
    /// The arbiter's word on how many bytes this torrent may hold.
    Lease {
        /// Bytes.
        bytes: u64,
    },
    /// A tracker answered, or did not.
    Announced {
        /// Index into the tracker list.
        tracker: usize,
        /// What came of it.
        outcome: AnnounceOutcome,
    },
    /// The torrent goes to sleep or the process ends: fail the reads, tell the trackers, let go.
    Shutdown,
    /// The batch is over, or the wake-up time came: schedule.
    Turn,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Connect to an address; answer with [`Input::Connected`] or [`Input::DialFailed`].
    Dial {
        /// The address.
        addr: SocketAddr,
    },
    /// Close a connection; [`Input::Closed`] is not awaited.
    Disconnect {
        /// The peer, unknown to the swarm from now on.
        peer: PeerKey,
        /// Why.
        reason: DisconnectReason,
    },
    /// Send a message.
    Send {
        /// To whom.
        peer: PeerKey,
        /// What.
        message: Message,
    },
    /// Send a part of a block of a verified piece; answer with [`Input::Uploaded`] when it was written.
    Upload {
        /// To whom.
        peer: PeerKey,
        /// Within one block.
        span: BlockSpan,
    },
    /// Make room for a piece: its bytes are charged from now on.
    Reserve {
        /// The piece.
        piece: PieceIndex,
        /// True when the hash result must bring the digests of its blocks.
        want_digests: bool,
    },
    /// The block just handed in is wanted: move its payload to its slot.
    Store {
        /// The slot.
        block: BlockRef,
    },
    /// Give a piece's bytes back.
    Evict {
        /// The piece.
        piece: PieceIndex,
    },
    /// Every byte of the read is in verified pieces: answer it now.
    Serve {
        /// The read.
        read: ReadKey,
    },
    /// Every byte of the read is in blocks that are here, of pieces that need not be verified: answer it now. Only for
    /// a reader of [`Policy::Responsive`].
    ServeUnverified {
        /// The read.
        read: ReadKey,
    },
    /// Bytes that [`Output::ServeUnverified`] gave out may be wrong: whoever keeps them shall forget them, also when
    /// the reader has been closed since.
    Invalidate {
        /// Index into [`Layout::files`](crate::Layout::files).
        file: usize,
        /// Bytes of the torrent, within the file.
        range: Range<u64>,
    },
    /// The read cannot be served.
    Fail {
        /// The read.
        read: ReadKey,
        /// Why.
        reason: FailReason,
    },
    /// A read waited for long: why, for a log and for whoever asks.
    Stalled(Box<Stall>),
    /// Tell the arbiter.
    Lease {
        /// What the readers could use now.
        want: Want,
        /// Bytes held after all outputs so far.
        held: u64,
    },
    /// Announce to a tracker; answer with [`Input::Announced`].
    Announce(AnnouncePlan),
    /// Refuse this address from now on, and remember it.
    Ban {
        /// The address.
        ip: IpAddr,
        /// Why, in words for a log.
        reason: &'static str,
    },
}

/// Why the swarm lets go of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisconnectReason {
    /// It spoiled a piece.
    Corrupt,
    /// It broke the protocol in a way that only the swarm can see.
    Protocol(&'static str),
    /// All connections are taken.
    Full,
    /// Its host has dialled us often enough.
    Crowd,
    /// Another is tried in its place.
    Replaced,
    /// A second connection to the same address.
    Duplicate,
    /// The address is banned.
    Banned,
    /// The torrent goes to sleep.
    Sleep,
}

/// Why a read fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailReason {
    /// Its deadline passed.
    Deadline,
    /// Its reader was closed.
    Closed,
    /// The torrent goes to sleep or the process ends.
    Shutdown,
    /// It was out of range, or of a reader that is not open.
    Invalid,
}
