//! What a torrent tells the rest of the process: that it brings nothing, why a reader stood still, who its peers are.

use std::sync::Arc;
use std::time::Instant;

use gostorm_core::{Rest, Stall};

use super::links::Links;
use crate::handle::{RemoteState, Via};
use crate::happening::Happening;

impl Links {
    /// Nothing came of the swarm for as long as a read waits.
    pub(super) fn rests(&self, rest: Rest) {
        let network = self.shared.net.gate().borrow().generation();
        let seconds = rest.left.as_secs();
        tracing::warn!(torrent = %self.info_hash, tries = rest.failures, "nobody brought anything; reads fail at once for {seconds} s, unless a peer connects");
        self.shared
            .rests
            .tell(Instant::now(), self.info_hash, network, Some(rest));
    }

    /// The connections of the peers.
    pub(super) fn remotes(&self) -> Vec<RemoteState> {
        let peers = self.peers.values().map(|remote| {
            let said = remote.extended.as_ref();
            let said = said.and_then(|said| said.client.clone());
            RemoteState {
                addr: remote.addr,
                client: Some(said.unwrap_or_else(|| remote.id.client_name())),
                via: if remote.utp { Via::Utp } else { Via::Tcp },
                encrypted: remote.encrypted,
            }
        });
        peers.chain(self.web_seeds.remotes()).collect()
    }

    /// A reader stood still.
    pub(super) fn stalled(&self, stall: Stall) {
        let torrent = self.info_hash;
        self.shared.totals.stalled(&stall);
        if stall.served {
            tracing::info!(%torrent, "{stall}");
        } else {
            tracing::warn!(%torrent, "{stall}");
        }
        self.shared
            .tell(Happening::Stalled(torrent, Arc::new(stall)));
    }
}
