//! Our blocks on their way to the peers that take, and the limits of both directions.
//!
//! What is uploaded is checked as what is read is: verified, and right in every byte.

use gostorm_core::{Input, PeerKey};
use gostorm_wire::BlockSpan;

use super::{Event, World};
use crate::leech::Taken;
use crate::peer::Remote;

impl World {
    /// A block leaves for a peer.
    pub(super) fn upload(&mut self, torrent: usize, peer: PeerKey, span: BlockSpan) {
        let index = self.check_peer(torrent, peer);
        let one = &self.torrents[torrent];
        let layout = one.swarm.layout();
        let start = layout.piece_offset(span.piece) + u64::from(span.begin);
        let range = start..start + u64::from(span.len);
        one.store.check_right(torrent, layout, &range);
        let connection = &mut self.connections[index];
        let bytes = u64::from(span.len);
        let sent = connection.up.send(self.now, bytes, &mut connection.rng);
        self.events.push(sent.free, Event::Written(index, bytes));
        self.events.push(sent.arrives, Event::Takes(index, span));
    }

    /// A block was written to a peer's socket.
    pub(super) fn written(&mut self, index: usize, bytes: u64) {
        let connection = &self.connections[index];
        if connection.alive {
            let peer = PeerKey(index as u64);
            self.give(connection.torrent, Input::Uploaded { peer, bytes });
        }
    }

    /// A block of ours has arrived at a peer.
    pub(super) fn takes(&mut self, index: usize, span: BlockSpan) {
        self.at_desk(index, |remote, desk| remote.on_block(span, desk));
    }

    /// Sets the limits of a torrent, bytes per second.
    pub fn limit(&mut self, torrent: usize, download: Option<u64>, upload: Option<u64>) {
        let input = Input::Limits { download, upload };
        self.pending.push_back((torrent, input));
        self.settle();
    }

    /// What a peer has got of us on all its connections.
    #[must_use]
    pub fn taken(&self, torrent: usize, peer: usize) -> Taken {
        let of_peer = self
            .connections
            .iter()
            .filter(|connection| (connection.torrent, connection.peer) == (torrent, peer))
            .map(|connection| Remote::taken(&connection.remote));
        of_peer.fold(Taken::default(), |sum, one| Taken {
            bytes: sum.bytes + one.bytes,
            told: sum.told + one.told,
            taken_back: sum.taken_back + one.taken_back,
            rejected: sum.rejected + one.rejected,
            chokes: sum.chokes + one.chokes,
        })
    }
}
