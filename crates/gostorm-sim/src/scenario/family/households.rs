//! More than one reader, and a driver whose clock does not run smoothly.

use std::time::Duration;

use super::draw::{Draw, MIB, world};
use crate::link::LinkSpec;
use crate::player::{PlayerKind, PlayerSpec};
use crate::world::{Nap, TorrentSpec, WorldSpec};

/// Titles of the library.
const TITLES: usize = 300;
/// Files that the scanner has open at a time.
const SCANNERS: usize = 4;

/// A scan of three hundred titles beside one film, on one line of ours.
pub(super) fn scan(draw: &mut Draw) -> WorldSpec {
    let rate = draw.between(800_000, 2_500_000);
    let mut peers = draw.seeds(3, 40, rate / 125, 50);
    peers.extend(draw.seeds(5, 100, rate / 500, 300));
    let torrent = TorrentSpec::film(2 << 20, 1_024 * MIB, peers);
    let film = draw.film(rate, Duration::from_secs(40), Vec::new());
    let mut all = world(torrent, vec![film]);
    let line = rate * draw.between(35, 60) / 10;
    all.access = Some(LinkSpec::new(draw.millis(4, 20), line));
    all.sleeps_after = Some(Duration::from_secs(2));
    all.scanners = Some(SCANNERS);
    for title in 0..TITLES {
        let piece_len = draw.pick(&[256, 512, 1_024]) << 10;
        let (rtt, kilobits) = (draw.between(20, 120), draw.between(2_000, 12_000));
        let peers = draw.seeds(2, rtt, kilobits, 100);
        let len = draw.between(200, 800) * MIB;
        all.torrents.push(TorrentSpec::film(piece_len, len, peers));
        all.players.push(PlayerSpec {
            torrent: title + 1,
            file: 0,
            starts: Duration::from_secs(1),
            kind: PlayerKind::Scan,
        });
    }
    all
}

/// Two players of one file, at places of their own.
pub(super) fn pair(draw: &mut Draw) -> WorldSpec {
    let rate = draw.between(1_000_000, 4_000_000);
    let mut peers = draw.seeds(5, 40, rate / 125, 50);
    peers.extend(draw.seeds(8, 100, rate / 500, 300));
    let piece_len = draw.pick(&[1, 4, 4]) << 20;
    let torrent = TorrentSpec::film(piece_len, 1_024 * MIB, peers);
    let first = draw.film(rate, Duration::from_secs(35), Vec::new());
    let away = draw.seek(1_500, 12_000);
    let mut second = draw.film(rate, Duration::from_secs(30), vec![away]);
    second.starts += draw.millis(0, 10_000);
    world(torrent, vec![first, second])
}

/// A driver that is kept from working for a while, or whose clock stands still in the meantime.
pub(super) fn clock(draw: &mut Draw) -> WorldSpec {
    let rate = draw.between(1_000_000, 4_000_000);
    let mut peers = draw.seeds(5, 40, rate / 125, 50);
    peers.extend(draw.seeds(8, 100, rate / 500, 300));
    let piece_len = draw.pick(&[1, 4]) << 20;
    let torrent = TorrentSpec::film(piece_len, 1_024 * MIB, peers);
    let mut at = draw.millis(500, 4_000);
    let mut naps = Vec::new();
    for _ in 0..draw.between(2, 6) {
        let stands_still = draw.rng.percent(40);
        let length = if stands_still {
            draw.millis(1_000, 60_000)
        } else {
            draw.millis(300, 4_000)
        };
        naps.push(Nap {
            at,
            length,
            stands_still,
        });
        at += length + draw.millis(3_000, 9_000);
    }
    let steps = if draw.rng.percent(50) {
        vec![draw.seek(5_000, 25_000)]
    } else {
        Vec::new()
    };
    let player = draw.film(rate, Duration::from_secs(35), steps);
    let mut clock = world(torrent, vec![player]);
    clock.naps = naps;
    clock
}
