//! One film and one player, in swarms of different kinds.

use std::time::Duration;

use super::draw::{Draw, MIB, world};
use crate::peer::{PeerSpec, Share};
use crate::player::FilmStep;
use crate::world::{TorrentSpec, WorldSpec};

/// The home swarm of issue 3: six sorts of peers, a film of 41 Mbit/s.
pub(super) fn home(draw: &mut Draw) -> WorldSpec {
    let mut peers = draw.seeds(6, 40, 20_000, 50);
    peers.extend(draw.seeds(12, 90, 6_000, 200));
    for _ in 0..10 {
        let salt = draw.rng.next_u64();
        let share = Share::Part { percent: 60, salt };
        peers.push(PeerSpec {
            share,
            ..draw.seed(180, 1_500, 800)
        });
    }
    peers.extend(draw.seeds(4, 120, 4_000, 8_000));
    for _ in 0..4 {
        let silent_after = Some(draw.around(3 * MIB));
        peers.push(PeerSpec {
            silent_after,
            ..draw.seed(100, 8_000, 50)
        });
    }
    for _ in 0..4 {
        let dies_after = Some(draw.around(6 * MIB));
        peers.push(PeerSpec {
            dies_after,
            ..draw.seed(60, 10_000, 50)
        });
    }
    let piece_len = draw.pick(&[4, 4, 4, 16]) << 20;
    let torrent = TorrentSpec::film(piece_len, 1_536 * MIB, peers);
    let seek = draw.seek(10_000, 20_000);
    let rate = 5_125_000 * draw.between(85, 106) / 100;
    let player = draw.film(rate, Duration::from_secs(32), vec![seek]);
    world(torrent, vec![player])
}

/// A swarm whose usable bandwidth is half as much again as the bitrate, and hardly more.
pub(super) fn thin(draw: &mut Draw) -> WorldSpec {
    let rate = draw.between(500_000, 5_200_000);
    let count = draw.between(4, 20);
    let parts: Vec<u64> = (0..count).map(|_| draw.between(1, 10)).collect();
    let usable = rate * draw.between(152, 165) / 100;
    let sum: u64 = parts.iter().sum();
    let mut peers = Vec::new();
    for part in parts {
        let (rtt, unchoke) = (draw.between(15, 200), draw.between(20, 1_000));
        let mut peer = draw.seed(rtt, 1_000, unchoke);
        peer.link.rate = usable * part / sum;
        peers.push(peer);
    }
    let piece_len = draw.pick(&[1, 2, 4, 4]) << 20;
    let torrent = TorrentSpec::film(piece_len, 1_024 * MIB, peers);
    let steps = if draw.rng.percent(50) {
        vec![draw.seek(15_000, 30_000)]
    } else {
        Vec::new()
    };
    let player = draw.film(rate, Duration::from_secs(45), steps);
    world(torrent, vec![player])
}

/// A swarm of which a third corrupts, falls silent, dies or flaps.
pub(super) fn hostile(draw: &mut Draw) -> WorldSpec {
    let rate = draw.between(1_000_000, 4_000_000);
    let count = draw.between(12, 37);
    let mut peers = Vec::new();
    for at in 0..count {
        let (rtt, unchoke) = (draw.between(20, 150), draw.between(20, 1_000));
        // The good ones together bring three to four times the bitrate.
        let mut peer = draw.seed(rtt, rate / 125 * 5 / count, unchoke);
        if at % 3 == 0 {
            spoil(draw, &mut peer);
        }
        peers.push(peer);
    }
    let piece_len = draw.pick(&[1, 2, 4, 4]) << 20;
    let torrent = TorrentSpec::film(piece_len, 1_024 * MIB, peers);
    let seek = draw.seek(12_000, 25_000);
    let player = draw.film(rate, Duration::from_secs(40), vec![seek]);
    world(torrent, vec![player])
}

fn spoil(draw: &mut Draw, peer: &mut PeerSpec) {
    let bytes = draw.between(0, 6 * MIB);
    match draw.between(0, 4) {
        0 => peer.corrupts = draw.pick(&[1, 10, 50, 100]),
        1 => {
            peer.silent_after = Some(bytes);
            peer.silent_for = draw.pick(&[None, Some(Duration::from_secs(5))]);
        }
        2 => peer.dies_after = Some(bytes),
        _ => {
            let open = draw.millis(200, 3_000);
            peer.flaps = Some((open, draw.millis(200, 3_000)));
        }
    }
}

/// One to three fast seeds next door, a film of 64 Mbit/s.
pub(super) fn lan(draw: &mut Draw) -> WorldSpec {
    let mut peers = Vec::new();
    for _ in 0..draw.between(1, 4) {
        let mut peer = draw.seed(1, 800_000, 5);
        peer.link.latency = Duration::from_micros(draw.between(100, 800));
        peers.push(peer);
    }
    let piece_len = draw.pick(&[1, 4, 4, 16]) << 20;
    let torrent = TorrentSpec::film(piece_len, 2_048 * MIB, peers);
    let steps = vec![draw.seek(4_000, 8_000), draw.seek(9_000, 13_000)];
    let rate = draw.around(8_000_000);
    let player = draw.film(rate, Duration::from_secs(20), steps);
    let mut lan = world(torrent, vec![player]);
    lan.budget = 128 * MIB;
    lan
}

/// The only fast peer lacks every second piece; the slow ones together bring somewhat more than what
/// it lacks.
pub(super) fn halves(draw: &mut Draw) -> WorldSpec {
    let rate = draw.between(1_000_000, 4_000_000);
    let mut fast = draw.seed(40, rate * 3 / 125, 50);
    fast.share = Share::Every {
        of: 2,
        at: u32::from(draw.rng.percent(50)),
    };
    let mut peers = vec![fast];
    let count = draw.between(4, 13);
    for _ in 0..count {
        let (rtt, unchoke) = (draw.between(40, 200), draw.between(50, 500));
        let mut peer = draw.seed(rtt, 1_000, unchoke);
        peer.link.rate = rate * draw.between(110, 160) / 100 / count;
        peers.push(peer);
    }
    let piece_len = draw.pick(&[1, 2, 4]) << 20;
    let torrent = TorrentSpec::film(piece_len, 1_024 * MIB, peers);
    let steps = if draw.rng.percent(50) {
        vec![draw.seek(12_000, 25_000)]
    } else {
        Vec::new()
    };
    let player = draw.film(rate, Duration::from_secs(40), steps);
    world(torrent, vec![player])
}

/// Ten seeks in ten seconds, then the film plays on.
pub(super) fn seeks(draw: &mut Draw) -> WorldSpec {
    let rate = draw.between(1_000_000, 5_200_000);
    let mut peers = draw.seeds(4, 40, rate / 125, 50);
    peers.extend(draw.seeds(8, 120, rate / 500, 300));
    let from = draw.between(4_000, 10_000);
    let steps: Vec<FilmStep> = (0..10)
        .map(|at| FilmStep::Seek {
            at: Duration::from_millis(from + at * 1_000 + draw.between(0, 800)),
            permille: draw.between(0, 980),
        })
        .collect();
    let piece_len = draw.pick(&[1, 4, 4, 16]) << 20;
    let torrent = TorrentSpec::film(piece_len, 1_536 * MIB, peers);
    let player = draw.film(rate, Duration::from_secs(35), steps);
    world(torrent, vec![player])
}

/// A peer that sends each block twice, among good ones.
pub(super) fn twice(draw: &mut Draw) -> WorldSpec {
    let rate = draw.between(1_000_000, 4_000_000);
    let mut twice = draw.seed(30, rate / 100, 50);
    twice.doubles = 100;
    let mut peers = vec![twice];
    peers.extend(draw.seeds(6, 80, rate / 200, 200));
    let torrent = TorrentSpec::film(4 << 20, 1_024 * MIB, peers);
    let seek = draw.seek(12_000, 25_000);
    let player = draw.film(rate, Duration::from_secs(40), vec![seek]);
    world(torrent, vec![player])
}
