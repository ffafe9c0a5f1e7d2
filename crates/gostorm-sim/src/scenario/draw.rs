//! The drawing of a plan: every size, rate and fault out of the seed.

use std::time::Duration;

use gostorm_core::Policy;

use crate::link::LinkSpec;
use crate::peer::{Lie, PeerSpec, Share};
use crate::player::{Film, FilmStep, PlayerKind, PlayerSpec};
use crate::rng::Rng;
use crate::world::{TorrentSpec, WorldSpec};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

fn millis(rng: &mut Rng, low: u64, high: u64) -> Duration {
    Duration::from_millis(rng.between(low, high))
}

fn count(rng: &mut Rng, low: u64, high: u64) -> usize {
    usize::try_from(rng.between(low, high)).unwrap_or(0)
}

/// One of these.
fn pick<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[count(rng, 0, of.len() as u64)]
}

/// The world of a seed, and when it is mended.
pub(super) fn plan(seed: u64) -> (WorldSpec, Duration) {
    let mut rng = Rng::new(seed).fork(0xD4A3);
    let torrents: Vec<TorrentSpec> = (0..pick(&mut rng, &[1, 1, 1, 2, 3]))
        .map(|_| torrent(&mut rng))
        .collect();
    let players: Vec<PlayerSpec> = (0..rng.between(1, 5))
        .map(|_| player(&mut rng, &torrents))
        .collect();
    let piece_max = torrents.iter().map(|torrent| torrent.piece_len).max();
    // Each stream needs the piece it reads and the next; a handle has up to two streams, and the late
    // readers come on top.
    let streams = 2 * (players.len() + torrents.len()) as u64;
    let floor = u64::from(piece_max.unwrap_or(0)) * 3 * streams;
    let budget = floor.max(rng.between(4, 200) * MIB);
    let access = rng.percent(30).then(|| {
        let rate = rng.between(300 * KIB, 12 * MIB);
        LinkSpec::new(millis(&mut rng, 2, 30), rate)
    });
    let quantum = pick(&mut rng, &[50, 200, 200, 1_000, 5_000]);
    let world = WorldSpec {
        budget,
        access,
        quantum: Duration::from_micros(quantum),
        hash_rate: pick(&mut rng, &[40, 200, 800]) * 1_000_000,
        lease_delay: Duration::from_micros(pick(&mut rng, &[0, 0, 300, 20_000])),
        read_deadline: Duration::from_secs(25),
        policy: Policy::Verified,
        scanners: None,
        sleeps_after: None,
        naps: Vec::new(),
        torrents,
        players,
    };
    (world, millis(&mut rng, 15_000, 40_000))
}

fn torrent(rng: &mut Rng) -> TorrentSpec {
    let piece_len = 1u32 << pick(rng, &[14, 15, 16, 17, 18, 18, 19, 20, 20, 21, 22, 22, 24]);
    let peers = (0..rng.between(1, 12)).map(|_| peer(rng)).collect();
    let files = (0..pick(rng, &[1, 1, 1, 2, 5])).map(|_| {
        if rng.percent(10) {
            rng.between(1, 100_000)
        } else {
            rng.between(MIB, 300 * MIB)
        }
    });
    TorrentSpec {
        piece_len,
        files: files.collect(),
        peers,
        connections_max: pick(rng, &[25, 25, 16, 60, 100]),
        tracker_fails: pick(rng, &[Some(0), Some(0), Some(1), None]),
    }
}

fn peer(rng: &mut Rng) -> PeerSpec {
    let rtt = millis(rng, 1, 250);
    let rate = match rng.between(0, 4) {
        0 => rng.between(4 * KIB, 60 * KIB),
        1 => rng.between(60 * KIB, 500 * KIB),
        _ => rng.between(500 * KIB, 4 * MIB),
    };
    let mut peer = PeerSpec::seed(rtt, rate);
    peer.fast = rng.percent(70);
    peer.link.jitter = millis(rng, 0, 30);
    peer.link.burst = pick(rng, &[0, 32 * KIB, 256 * KIB]);
    if rng.percent(30) {
        peer.link.loss_per_million = rng.between(0, 20_000);
    }
    peer.reqq = pick(rng, &[250, 250, 250, 2_000, 64, 5, 1]);
    peer.unchokes_after = Some(millis(rng, 0, 3_000));
    if rng.percent(15) {
        peer.dials_us_after = Some(millis(rng, 0, 20_000));
        peer.tracked = rng.percent(50);
    }
    if rng.percent(15) {
        peer.known_rate = Some(rng.between(10_000, 10_000_000));
    }
    for _ in 0..pick(rng, &[0, 0, 1, 1, 2]) {
        fault(rng, &mut peer);
    }
    peer
}

fn fault(rng: &mut Rng, peer: &mut PeerSpec) {
    let bytes = rng.between(0, 8 * MIB);
    let salt = rng.next_u64();
    match rng.between(0, 13) {
        0 => peer.unchokes_after = None,
        1 => peer.flaps = Some((millis(rng, 5, 4_000), millis(rng, 5, 4_000))),
        2 => peer.silent_after = Some(bytes),
        3 => {
            peer.silent_after = Some(bytes);
            peer.silent_for = Some(millis(rng, 500, 6_000));
        }
        4 => {
            peer.share = Share::Part { percent: 60, salt };
            peer.lie = Some(pick(rng, &[Lie::Rejects, Lie::Silent]));
        }
        5 => {
            peer.share = Share::Part {
                percent: rng.between(5, 95),
                salt,
            }
        }
        6 => peer.corrupts = pick(rng, &[1, 10, 100]),
        7 => peer.dies_after = Some(bytes),
        8 => peer.doubles = pick(rng, &[1, 20, 100]),
        9 => peer.unasked = pick(rng, &[1, 20, 100]),
        10 => peer.rejects = pick(rng, &[1, 20, 100]),
        11 => peer.refuses = true,
        _ => {
            peer.allowed_fast = 8;
            peer.unchokes_after = None;
        }
    }
}

fn player(rng: &mut Rng, torrents: &[TorrentSpec]) -> PlayerSpec {
    let torrent = count(rng, 0, torrents.len() as u64);
    let file = count(rng, 0, torrents[torrent].files.len() as u64);
    let from = rng.between(0, torrents[torrent].files[file]);
    let kind = match rng.between(0, 8) {
        0..=2 => PlayerKind::Film(film(rng)),
        3 | 4 => PlayerKind::Cat {
            range: pick(rng, &[0, from])..u64::MAX,
            in_flight: count(rng, 1, 9),
        },
        5 => PlayerKind::Pair { range: 0..u64::MAX },
        6 => PlayerKind::Random {
            reads: u32::try_from(rng.between(5, 60)).unwrap_or(0),
        },
        _ => PlayerKind::Scan,
    };
    PlayerSpec {
        torrent,
        file,
        starts: millis(rng, 0, 10_000),
        kind,
    }
}

fn film(rng: &mut Rng) -> Film {
    let mut at = Duration::ZERO;
    let steps = (0..rng.between(0, 5)).map(|_| {
        at += millis(rng, 200, 15_000);
        if rng.percent(70) {
            FilmStep::Seek {
                at,
                permille: rng.between(0, 1_000),
            }
        } else {
            FilmStep::Pause {
                at,
                length: millis(rng, 500, 20_000),
            }
        }
    });
    let steps = steps.collect();
    Film {
        rate: rng.between(60 * KIB, 3 * MIB),
        buffer: Duration::from_secs(rng.between(2, 30)),
        steps,
        stops: Duration::from_secs(rng.between(10, 90)),
    }
}
