//! A BitTorrent client of somebody else, driven by its own remote control or command line.

use std::net::SocketAddr;
use std::path::Path;

use super::aria2::Aria2;
use super::qbittorrent::Qbittorrent;
use super::swarm::Torrent;
use super::transmission::Transmission;

/// Whether it talks to peers that do not encrypt (MSE/PE).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// It takes what comes.
    Allowed,
    /// It closes plain connections.
    Required,
}

/// The programs.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Debian's transmission-daemon.
    Transmission,
    /// Debian's aria2.
    Aria2,
    /// Debian's qbittorrent-nox.
    Qbittorrent,
}

/// A running client; it ends when it is dropped.
pub(crate) enum Client {
    Transmission(Transmission),
    Aria2(Aria2),
    Qbittorrent(Qbittorrent),
}

impl Client {
    /// A client that shares all of a torrent, and is ready to.
    pub(crate) fn seeding(kind: Kind, encryption: Encryption, torrent: &Torrent) -> Self {
        match kind {
            Kind::Transmission => Self::Transmission(Transmission::seeding(encryption, torrent)),
            Kind::Aria2 => Self::Aria2(Aria2::seeding(encryption, torrent)),
            Kind::Qbittorrent => Self::Qbittorrent(Qbittorrent::seeding(encryption, torrent)),
        }
    }

    /// A client that has nothing and looks for everything: by the .torrent file where its maker left magnets with
    /// peers out, else by this magnet.
    pub(crate) fn leeching(
        kind: Kind,
        encryption: Encryption,
        torrent: &Torrent,
        magnet: &str,
    ) -> Self {
        match kind {
            Kind::Transmission => Self::Transmission(Transmission::leeching(encryption, torrent)),
            Kind::Aria2 => Self::Aria2(Aria2::leeching(encryption, magnet)),
            Kind::Qbittorrent => Self::Qbittorrent(Qbittorrent::leeching(encryption, magnet)),
        }
    }

    /// Where it listens for peers.
    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Self::Transmission(client) => client.address,
            Self::Aria2(client) => client.address,
            Self::Qbittorrent(client) => client.address,
        }
    }

    /// How much it has of which the hash was right.
    pub(crate) fn verified_bytes(&mut self) -> u64 {
        match self {
            Self::Transmission(client) => client.verified_bytes(),
            Self::Aria2(client) => client.verified_bytes(),
            Self::Qbittorrent(client) => client.verified_bytes(),
        }
    }
}

/// Puts the data of a torrent where a client looks for it.
pub(super) fn place_data(torrent: &Torrent, directory: &Path) {
    let name = torrent.data.file_name().unwrap();
    std::fs::copy(&torrent.data, directory.join(name)).unwrap();
}
