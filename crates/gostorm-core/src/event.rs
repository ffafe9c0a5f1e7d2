//! What goes into a [`Swarm`](crate::Swarm) and what comes out.
//!
//! Keys are chosen by the driver and never reused while their thing lives. Offsets are bytes from
//! the start of the torrent. Nothing here carries payload: a block is a reference, its bytes stay
//! with the driver.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use gostorm_wire::{BlockSpan, Message, Node, Pex, PieceIndex};

use crate::announce::{AnnounceOutcome, AnnouncePlan};
use crate::budget::Want;
use crate::config::Policy;
use crate::connect::{KnownPeer, Source};
pub(crate) use crate::key::{PeerKey, ReadKey, ReaderKey};
use crate::layout::BlockRef;
use crate::patience::Rest;
use crate::stall::Stall;
use crate::time::Time;

/// A reader that is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Who reads.
    pub reader: ReaderKey,
    /// The byte of the torrent that it will come to.
    pub position: u64,
    /// Bytes before that which it had in sequence from elsewhere.
    pub read: u64,
}

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
    /// The reader will come to a place: it reads what is before it elsewhere, and says so again while it does.
    Expect(Expected),
    /// Somebody watches what a reader reads, as a media server says: it plays, whatever it reads. Or nobody does any
    /// longer, and its window goes.
    Confirm {
        /// The reader.
        reader: ReaderKey,
        /// Somebody watches.
        confirmed: bool,
    },
    /// Addresses from anywhere but a connected peer.
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
        /// True when it speaks of v2: it may be asked for hashes (BEP 52).
        v2: bool,
        /// Time from the dial to the handshake, microseconds; `None` when it was not measured.
        rtt_us: Option<u64>,
    },
    /// A web seed answers (BEP 19): a peer from now on that has all pieces and does not choke. It is told nothing but
    /// `request` and `cancel`.
    WebSeed {
        /// The new peer.
        peer: PeerKey,
        /// Which of all web seeds; see [`web_seed_addr`](crate::web_seed_addr).
        number: u64,
        /// From a request to its answer, microseconds.
        rtt_us: u64,
    },
    /// A connection was ended because the peer broke the protocol: it is not dialled again soon.
    Offended {
        /// The peer.
        peer: PeerKey,
    },
    /// How many connections may be dialled from now on; those beyond the limit go at once.
    Places {
        /// The limit.
        connections_max: usize,
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
    /// Pieces that a peer of the fast extension may have although it is choked, those of them that are here
    /// ([`allowed_fast`](gostorm_wire::fast::allowed_fast)).
    AllowedFast {
        /// The peer.
        peer: PeerKey,
        /// The pieces.
        pieces: Vec<PieceIndex>,
    },
    /// A peer wants nothing more, or wants something again (BEP 21).
    UploadOnly {
        /// The peer.
        peer: PeerKey,
        /// True when it wants nothing.
        upload_only: bool,
    },
    /// A peer takes `lt_donthave` messages.
    TakesDontHave {
        /// The peer.
        peer: PeerKey,
        /// Under this id of its extension messages.
        id: u8,
    },
    /// A peer takes `ut_pex` messages.
    TakesPex {
        /// The peer.
        peer: PeerKey,
        /// Under this id of its extension messages.
        id: u8,
    },
    /// The port at which a peer says that it listens (`p`, BEP 10).
    ListensAt {
        /// The peer.
        peer: PeerKey,
        /// The port.
        port: u16,
    },
    /// A peer names others (`ut_pex`, BEP 11).
    Pex {
        /// The peer.
        peer: PeerKey,
        /// Its message.
        message: Pex,
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
    /// Blocks of a piece that is hashed by its blocks were hashed ([`Output::Reserve`]), each once for each time
    /// that it was stored. The driver drops what concerns a piece that was evicted meanwhile.
    Leaves {
        /// The piece.
        piece: PieceIndex,
        /// The number of each block, and its SHA-256.
        leaves: Vec<(u32, Node)>,
    },
    /// The arbiter's word on how many bytes this torrent may hold.
    Lease {
        /// Bytes.
        bytes: u64,
    },
    /// A tracker answered, or did not.
    Announced {
        /// Index into the trackers, tier after tier.
        tracker: usize,
        /// What came of it.
        outcome: AnnounceOutcome,
    },
    /// Who was asked by [`Output::LookUp`] has said all, and there is nobody else from whom peers or bytes could come
    /// but trackers and the addresses that are known.
    LookedUp,
    /// What the trackers were told of us is no longer true: our port changed.
    AnnounceNow,
    /// The network went, and with it every connection, or there is one again. Nobody is to blame: addresses and
    /// trackers keep their places, and are dialled and told at once when it is back. In between nothing is dialled
    /// or announced, and reads wait for their deadlines.
    Network {
        /// Whether there is one from now on. Until the first of these there is.
        up: bool,
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
    /// Send a part of a block of a verified piece, zeros where it reaches beyond the bytes of the piece; answer with [`Input::Uploaded`] when it was written.
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
        /// True when each of its blocks is hashed by itself, and comes as [`Input::Leaves`]; else the piece is
        /// hashed as a whole and comes as [`Input::Hashed`].
        by_blocks: bool,
    },
    /// Blocks of a piece that is hashed by its blocks are right: they may be served from now on. When all of them are,
    /// so is the piece.
    Verified {
        /// The piece.
        piece: PieceIndex,
        /// Which blocks.
        blocks: Range<u32>,
    },
    /// A block is wrong: forget its bytes; it is stored again.
    Spoilt {
        /// Which.
        block: BlockRef,
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
    /// Every byte of the read is verified: answer it now.
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
    /// A read waited in vain, and reads fail at once for a while.
    Rests(Rest),
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
    /// Ask the DHT and the local network for peers; they come as candidates. Tell them of us as well if `announce`.
    LookUp {
        /// Not while it is unknown whether the torrent is private.
        announce: bool,
    },
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
    /// The torrent is private, and no tracker of it named the peer (BEP 27).
    Private,
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
