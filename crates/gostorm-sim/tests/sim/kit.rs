//! Short words for the scenarios.

use std::time::Duration;

use gostorm_core::Time;
use gostorm_sim::peer::PeerSpec;
use gostorm_sim::player::{Film, FilmStep, PlayerKind, PlayerSpec};
use gostorm_sim::world::{Report, TorrentSpec, World, WorldSpec};

pub(crate) const MIB: u64 = 1 << 20;

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A healthy seed: round trip in milliseconds, KiB per second.
pub(crate) fn seed(rtt_ms: u64, kib: u64) -> PeerSpec {
    PeerSpec::seed(ms(rtt_ms), kib << 10)
}

/// One file of `mib` MiB in pieces of 1 MiB.
pub(crate) fn torrent(mib: u64, peers: Vec<PeerSpec>) -> TorrentSpec {
    TorrentSpec::film(1 << 20, mib * MIB, peers)
}

/// A player of the first file, from the start.
pub(crate) fn player(kind: PlayerKind) -> PlayerSpec {
    PlayerSpec {
        torrent: 0,
        file: 0,
        starts: Duration::ZERO,
        kind,
    }
}

/// A film of `kib` KiB a second with a buffer of 10 s, watched for `stops` seconds.
pub(crate) fn film(kib: u64, stops: u64, steps: Vec<FilmStep>) -> PlayerSpec {
    player(PlayerKind::Film(Film {
        rate: kib << 10,
        buffer: secs(10),
        steps,
        stops: secs(stops),
    }))
}

/// Reads the first `mib` MiB.
pub(crate) fn cat(mib: u64) -> PlayerSpec {
    player(PlayerKind::Cat {
        range: 0..mib * MIB,
        in_flight: 4,
    })
}

/// Runs until all players are done, `limit` seconds at most, then sleeps and checks that all is given
/// back.
pub(crate) fn run(spec: WorldSpec, limit: u64) -> Report {
    let mut world = World::new(spec, 1);
    let done = world.run_until_done(Time::ZERO + secs(limit));
    assert!(done, "after {limit} s: {:#?}", world.report());
    world.end();
    world.report()
}

/// No read failed, and every player had all it wanted.
pub(crate) fn assert_all_served(report: &Report) {
    for player in &report.players {
        assert_eq!(player.failed_reads, 0, "{report:#?}");
        assert!(player.finished.is_some(), "{report:#?}");
    }
}
