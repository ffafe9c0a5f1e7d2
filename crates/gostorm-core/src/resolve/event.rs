//! What goes into a search, and what it leaves to the swarm.

use std::net::SocketAddr;

use gostorm_wire::{ExtendedHandshake, Message, Pex, UtMetadata};

use crate::announce::{Announce, AnnounceOutcome};
use crate::connect::{Connect, Source};
use crate::event::PeerKey;

/// One thing that happened while the dict is not known.
#[derive(Clone, Debug)]
pub enum ResolveInput {
    /// Addresses.
    Candidates {
        /// Where they come from.
        source: Source,
        /// The addresses.
        addrs: Vec<SocketAddr>,
    },
    /// A dial ended without a handshake.
    DialFailed {
        /// The address.
        addr: SocketAddr,
    },
    /// A handshake was done; the driver has greeted the peer.
    Connected {
        /// The new peer.
        peer: PeerKey,
        /// Its address.
        addr: SocketAddr,
        /// True when it dialled us.
        incoming: bool,
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
    /// What the peer said of itself (BEP 10).
    Extended {
        /// The peer.
        peer: PeerKey,
        /// Its extended handshake.
        handshake: ExtendedHandshake,
    },
    /// A `ut_metadata` message.
    Metadata {
        /// The peer.
        peer: PeerKey,
        /// The message.
        message: UtMetadata,
    },
    /// A peer names others (`ut_pex`, BEP 11).
    Pex {
        /// The peer.
        peer: PeerKey,
        /// Its message.
        message: Pex,
    },
    /// Any other message: kept for the swarm.
    Message {
        /// The peer.
        peer: PeerKey,
        /// The message.
        message: Message,
    },
    /// A tracker answered, or did not.
    Announced {
        /// Index into the trackers, tier after tier.
        tracker: usize,
        /// What came of it.
        outcome: AnnounceOutcome,
    },
    /// As [`Input::LookedUp`](crate::Input::LookedUp).
    LookedUp,
    /// What the trackers were told of us is no longer true: our port changed.
    AnnounceNow,
    /// As [`Input::Network`](crate::Input::Network).
    Network {
        /// Whether there is one from now on.
        up: bool,
    },
    /// The batch is over, or the wake-up time came.
    Turn,
}

/// What a connected peer has said before the swarm could listen.
#[derive(Clone, Debug)]
pub struct Prelude {
    /// The peer.
    pub peer: PeerKey,
    /// Its address.
    pub addr: SocketAddr,
    /// True when it dialled us.
    pub incoming: bool,
    /// Its messages, in order.
    pub messages: Vec<Message>,
}

/// How far the metadata is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Connected peers.
    pub peers: usize,
    /// Bytes of the dict that are here.
    pub done_bytes: u32,
    /// Bytes of the dict, 0 while no peer has told.
    pub total_bytes: u32,
}

/// The address book and tracker clocks of a search that ended well.
#[derive(Clone, Debug)]
pub struct Inherited {
    pub(crate) connect: Connect,
    pub(crate) announce: Announce,
}
