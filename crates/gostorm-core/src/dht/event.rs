//! What goes into a node of the DHT and what comes out.

use std::net::SocketAddr;

use gostorm_wire::InfoHash;
use gostorm_wire::krpc::Node;

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum DhtInput<'a> {
    /// A datagram came.
    Datagram {
        /// Whence.
        from: SocketAddr,
        /// What.
        bytes: &'a [u8],
    },
    /// Nodes of an earlier run.
    Saved(Vec<Node>),
    /// Addresses where a node should be: an entry point, or what a peer said of itself (`port`, BEP 5).
    Contacts(Vec<SocketAddr>),
    /// Look for the peers of a torrent; found ones come as [`DhtOutput::Found`].
    Lookup {
        /// Comes back with what is found. A key that is in use already is looked up once more.
        key: u64,
        /// The torrent.
        info_hash: InfoHash,
        /// Tell the nodes near it that we listen at this port.
        announce: Option<u16>,
    },
    /// Nobody wants the rest of a lookup.
    Cancel {
        /// Its key.
        key: u64,
    },
    /// The wake-up time came.
    Tick,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DhtOutput {
    /// Send a datagram.
    Send {
        /// Whereto.
        to: SocketAddr,
        /// What.
        bytes: Vec<u8>,
    },
    /// Peers of a torrent, each once a lookup.
    Found {
        /// The key of the lookup.
        key: u64,
        /// The peers.
        addrs: Vec<SocketAddr>,
    },
    /// A lookup found all that it will find, and somebody answered it. Families in which nobody is known are not waited for.
    Over {
        /// The key of the lookup.
        key: u64,
    },
    /// Too few nodes are known: look up the entry points and hand them in as [`DhtInput::Contacts`].
    NeedEntry,
}
