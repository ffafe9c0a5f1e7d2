//! Extension messages of connected peers: what they say of themselves (BEP 10), metadata (BEP 9), pieces that
//! they no longer have (BEP 54).

use bytes::Bytes;
use gostorm_core::{Input, PeerKey, Time};
use gostorm_wire::{DontHave, EXTENDED_HANDSHAKE_ID, ExtendedHandshake, UtMetadata};

use super::Running;
use crate::torrent::links::{LT_DONTHAVE_ID, Links, UT_METADATA_ID};

impl Running {
    pub(super) fn extended(
        &mut self,
        now: Time,
        links: &mut Links,
        peer: PeerKey,
        id: u8,
        payload: &Bytes,
    ) {
        let violation = match id {
            EXTENDED_HANDSHAKE_ID => match ExtendedHandshake::decode(payload) {
                Ok(handshake) => return self.introduce(now, links, peer, handshake),
                Err(violation) => violation,
            },
            UT_METADATA_ID => match UtMetadata::decode(payload) {
                Ok(UtMetadata::Request { piece }) => {
                    return links.give_metadata(peer, &self.info_bytes, piece);
                }
                Ok(
                    UtMetadata::Data { .. }
                    | UtMetadata::Reject { .. }
                    | UtMetadata::Unknown { .. },
                ) => return,
                Err(violation) => violation,
            },
            LT_DONTHAVE_ID => match DontHave::decode(payload) {
                Ok(DontHave(piece)) => {
                    return self.input(now, links, Input::DontHave { peer, piece }, None);
                }
                Err(violation) => violation,
            },
            _ => return,
        };
        tracing::debug!(%violation, "peer broke the extension protocol");
        links.peers.remove(&peer);
        self.input(now, links, Input::Closed { peer }, None);
    }

    fn introduce(
        &mut self,
        now: Time,
        links: &mut Links,
        peer: PeerKey,
        handshake: ExtendedHandshake,
    ) {
        if let Some(remote) = links.peers.get_mut(&peer) {
            remote.extended = Some(handshake);
        }
        self.tell_extensions(now, links, peer);
    }

    /// Tells the swarm what a peer said of itself.
    pub(super) fn tell_extensions(&mut self, now: Time, links: &mut Links, peer: PeerKey) {
        let remote = links.peers.get(&peer);
        let Some(extended) = remote.and_then(|remote| remote.extended.as_ref()) else {
            return;
        };
        let (depth, dont_have) = (extended.reqq, extended.lt_donthave);
        if let Some(depth) = depth {
            self.input(now, links, Input::RequestQueue { peer, depth }, None);
        }
        if let Some(id) = dont_have {
            self.input(now, links, Input::TakesDontHave { peer, id }, None);
        }
    }
}
