//! What we do for other nodes: keep who announced himself, hand out tokens, and bound what all that costs.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use gostorm_wire::{InfoHash, sha1};

use super::table::family;
use crate::scope::{may_name, same_host};
use crate::time::Time;

/// Answers a second, to all.
const ANSWERS_MAX: u32 = 200;
/// And to one host.
const ANSWERS_OF_ONE_MAX: u32 = 20;
/// A token is good for one to two of these (BEP 5: ten minutes).
const SECRET_EVERY: Duration = Duration::from_secs(300);
/// Torrents of which peers are kept, and peers of each.
const TORRENTS_MAX: usize = 300;
const PEERS_MAX: usize = 60;
/// A peer that does not announce itself again is forgotten.
const PEER_LIVES: Duration = Duration::from_secs(1_800);
/// Peers that are named in one answer: with nodes and token it stays one whole datagram.
const NAMED_MAX: usize = 40;

#[derive(Clone, Debug)]
pub(super) struct Desk {
    seed: [u8; 32],
    epoch: u64,
    next_epoch: Time,
    peers: BTreeMap<[u8; 20], Vec<(SocketAddr, Time)>>,
    second: Time,
    answers: u32,
    by_host: BTreeMap<IpAddr, u32>,
}

impl Desk {
    pub(super) const fn new(seed: [u8; 32]) -> Self {
        Self {
            seed,
            epoch: 1,
            next_epoch: Time::ZERO,
            peers: BTreeMap::new(),
            second: Time::ZERO,
            answers: 0,
            by_host: BTreeMap::new(),
        }
    }

    pub(super) fn tick(&mut self, now: Time) {
        if self.next_epoch <= now {
            self.next_epoch = now + SECRET_EVERY;
            self.epoch += 1;
            for peers in self.peers.values_mut() {
                peers.retain(|(_, since)| *since + PEER_LIVES > now);
            }
            self.peers.retain(|_, peers| !peers.is_empty());
        }
    }

    /// Whether one more answer may go to this host.
    pub(super) fn may_answer(&mut self, now: Time, to: IpAddr) -> bool {
        if self.second + Duration::from_secs(1) <= now {
            self.second = now;
            self.answers = 0;
            self.by_host.clear();
        }
        if self.answers >= ANSWERS_MAX {
            return false;
        }
        let own = self.by_host.entry(to).or_insert(0);
        if *own >= ANSWERS_OF_ONE_MAX && !to.is_loopback() {
            return false;
        }
        *own += 1;
        self.answers += 1;
        true
    }

    fn token_of(&self, epoch: u64, ip: IpAddr) -> Vec<u8> {
        let mut text = self.seed.to_vec();
        text.extend_from_slice(b"token");
        text.extend_from_slice(&epoch.to_be_bytes());
        text.extend_from_slice(ip.to_string().as_bytes());
        sha1(&text)[..8].to_vec()
    }

    /// What this host must show to announce a peer.
    pub(super) fn token(&self, ip: IpAddr) -> Vec<u8> {
        self.token_of(self.epoch, ip)
    }

    pub(super) fn is_token(&self, ip: IpAddr, token: &[u8]) -> bool {
        let epochs = [self.epoch, self.epoch - 1];
        epochs
            .iter()
            .any(|epoch| self.token_of(*epoch, ip) == token)
    }

    /// Keeps a peer that announced itself.
    pub(super) fn keep(&mut self, now: Time, info_hash: InfoHash, addr: SocketAddr) {
        if addr.port() == 0
            || (!self.peers.contains_key(&info_hash.0) && self.peers.len() >= TORRENTS_MAX)
        {
            return;
        }
        let peers = self.peers.entry(info_hash.0).or_default();
        peers.retain(|(known, _)| *known != addr && !same_host(known.ip(), addr.ip()));
        if peers.len() >= PEERS_MAX {
            peers.remove(0);
        }
        peers.push((addr, now));
    }

    /// The peers of a torrent that `asker` may be told of, the latest first.
    pub(super) fn peers(
        &self,
        now: Time,
        info_hash: InfoHash,
        asker: SocketAddr,
    ) -> Vec<SocketAddr> {
        let peers = self.peers.get(&info_hash.0).into_iter().flatten().rev();
        let fits =
            |addr: &SocketAddr| family(*addr) == family(asker) && may_name(asker.ip(), addr.ip());
        let lives = peers.filter(|(_, since)| *since + PEER_LIVES > now);
        let addrs = lives.map(|(addr, _)| *addr).filter(fits);
        addrs.take(NAMED_MAX).collect()
    }

    pub(super) fn check_invariants(&self) {
        assert!(self.peers.len() <= TORRENTS_MAX, "torrents are bounded");
        assert!(self.peers.values().all(|peers| peers.len() <= PEERS_MAX));
        assert!(self.by_host.len() <= ANSWERS_MAX as usize);
    }
}
