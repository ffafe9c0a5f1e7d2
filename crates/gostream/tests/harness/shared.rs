//! Data that two libtorrent seeders share, and where a server shows it.

use std::path::{Path, PathBuf};

use super::server::Server;
use super::swarm::{Peer, Torrent};

/// Ends with the seeders when it is dropped.
pub(crate) struct Shared {
    /// The file or directory.
    pub(crate) original: PathBuf,
    torrent: Torrent,
    seeders: [Peer; 2],
}

impl Shared {
    /// Shares `original` in pieces of `piece` bytes, without a tracker.
    pub(crate) fn new(original: &Path, piece: u64) -> Self {
        let torrent = Torrent::make(original, piece, None, &[]);
        let seeders = ["127.0.0.2", "127.0.0.3"].map(|ip| Peer::seeder(&torrent, ip, &[]));
        Self {
            original: original.to_owned(),
            torrent,
            seeders,
        }
    }

    /// Nobody shares it from now on.
    pub(crate) fn kill_seeders(&mut self) {
        self.seeders.iter_mut().for_each(Peer::kill);
    }

    /// Adds it to a server; the paths of its films in the mount.
    pub(crate) fn add(&self, server: &Server) -> Vec<PathBuf> {
        let peers = self.seeders.each_ref().map(|seeder| seeder.address);
        server.add(&self.torrent.magnet_of_peers(&peers))
    }
}
