//! Extension messages of connected peers: what they say of themselves (BEP 10), metadata (BEP 9), pieces that
//! they no longer have (BEP 54), that they want nothing more (BEP 21), other peers that they know (BEP 11).

use bytes::Bytes;
use gostorm_core::{Input, PeerKey, Time};
use gostorm_wire::fast::allowed_fast;
use gostorm_wire::{
    DontHave, EXTENDED_HANDSHAKE_ID, ExtendedHandshake, Pex, UtMetadata, upload_only,
};

use super::Running;
use crate::torrent::links::{LT_DONTHAVE_ID, Links, UPLOAD_ONLY_ID, UT_METADATA_ID, UT_PEX_ID};

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
            UPLOAD_ONLY_ID => match upload_only::decode(payload) {
                Ok(upload_only) => {
                    return self.input(now, links, Input::UploadOnly { peer, upload_only }, None);
                }
                Err(violation) => violation,
            },
            UT_PEX_ID => match Pex::decode(payload) {
                Ok(message) => return self.input(now, links, Input::Pex { peer, message }, None),
                Err(violation) => violation,
            },
            _ => return,
        };
        tracing::debug!(%violation, "peer broke the extension protocol");
        links.peers.remove(&peer);
        links.shared.offences.violation(&violation);
        self.input(now, links, Input::Offended { peer }, None);
    }

    /// Tells the swarm which pieces a peer may have although it is choked (BEP 6).
    pub(super) fn allow_fast(&mut self, now: Time, links: &mut Links, peer: PeerKey) {
        let Some(remote) = links.peers.get(&peer).filter(|remote| remote.fast) else {
            return;
        };
        let count = self.swarm.layout().piece_count();
        let pieces = allowed_fast(remote.addr.ip(), links.info_hash, count);
        self.input(now, links, Input::AllowedFast { peer, pieces }, None);
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
        let (pex, port) = (extended.ut_pex, extended.port);
        let upload_only = extended.upload_only;
        self.input(now, links, Input::UploadOnly { peer, upload_only }, None);
        if let Some(depth) = depth {
            self.input(now, links, Input::RequestQueue { peer, depth }, None);
        }
        if let Some(id) = dont_have {
            self.input(now, links, Input::TakesDontHave { peer, id }, None);
        }
        if let Some(port) = port {
            self.input(now, links, Input::ListensAt { peer, port }, None);
        }
        if let Some(id) = pex {
            self.input(now, links, Input::TakesPex { peer, id }, None);
        }
    }
}
