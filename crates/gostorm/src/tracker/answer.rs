//! What asking a tracker brings.

use std::net::SocketAddr;
use std::pin::Pin;

use gostorm_wire::AnnounceResponse;

/// Peers that are named later than the first answer.
pub type MorePeers = Pin<Box<dyn Future<Output = Vec<SocketAddr>> + Send>>;

/// What came of an announce.
pub struct Announced {
    /// The first answer.
    pub answer: AnnounceResponse,
    /// What the tracker says over its other address family, when it is asked over both: the first answer is not kept
    /// waiting for it. Must be polled to be heard.
    pub more: Option<MorePeers>,
}
