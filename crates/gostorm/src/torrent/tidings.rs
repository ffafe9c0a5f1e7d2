//! What a torrent tells the rest of the process, and the log: that it brings nothing, and why a reader stood still.

use std::sync::Arc;
use std::time::Instant;

use gostorm_core::{Rest, Stall};

use super::links::Links;
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
