//! One film and one player, in swarms of different kinds.

use std::time::Duration;

use super::draw::Draw;
use crate::peer::{PeerSpec, Share};
use crate::world::{TorrentSpec, WorldSpec};

const MIB: u64 = 1 << 20;

/// The home swarm of issue 3: six sorts of peers, a film of 41 Mbit/s.
pub(super) fn home(draw: &mut Draw) -> WorldSpec {
    let mut peers: Vec<PeerSpec> = (0..6).map(|_| draw.seed(40, 20_000, 50)).collect();
    peers.extend((0..12).map(|_| draw.seed(90, 6_000, 200)));
    for _ in 0..10 {
        let salt = draw.rng.next_u64();
        let share = Share::Part { percent: 60, salt };
        peers.push(PeerSpec {
            share,
            ..draw.seed(180, 1_500, 800)
        });
    }
    peers.extend((0..4).map(|_| draw.seed(120, 4_000, 8_000)));
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

/// A driver that takes what has come once a millisecond.
pub(super) fn world(torrent: TorrentSpec, players: Vec<crate::player::PlayerSpec>) -> WorldSpec {
    WorldSpec {
        quantum: Duration::from_millis(1),
        ..WorldSpec::new(torrent, players)
    }
}
