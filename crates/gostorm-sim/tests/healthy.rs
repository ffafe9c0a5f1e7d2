//! Players on healthy swarms: no stall, little waste, all memory back.

use std::time::Duration;

use gostorm_core::Time;
use gostorm_sim::peer::PeerSpec;
use gostorm_sim::player::{Film, PlayerKind, PlayerSpec};
use gostorm_sim::world::{TorrentSpec, World, WorldSpec};

const MIB: u64 = 1 << 20;

fn player(kind: PlayerKind) -> PlayerSpec {
    PlayerSpec {
        torrent: 0,
        file: 0,
        starts: Duration::ZERO,
        kind,
    }
}

#[test]
fn cat_on_a_lan_reads_the_file_at_the_speed_of_the_line() {
    let seed = PeerSpec::seed(Duration::from_micros(400), 100_000_000);
    let torrent = TorrentSpec::film(4 << 20, 512 * MIB, vec![seed]);
    let cat = PlayerKind::Cat {
        range: 0..u64::MAX,
        in_flight: 4,
    };
    let mut world = World::new(WorldSpec::new(torrent, vec![player(cat)]), 1);
    assert!(
        world.run_until_done(Time(60_000_000)),
        "{:?}",
        world.report()
    );
    let report = world.report();
    eprintln!("{report:#?}");
    assert!(report.ended < Time(7_000_000), "{}", report.ended);
    assert!(report.torrents[0].waste() < 0.001);
    world.end();
}

#[test]
fn a_film_on_a_home_swarm_plays_without_a_stall() {
    let peers = (1..=8).map(|at| PeerSpec::seed(Duration::from_millis(10 * at), 400_000 * at));
    let torrent = TorrentSpec::film(4 << 20, 4096 * MIB, peers.collect());
    let film = PlayerKind::Film(Film {
        rate: 2_500_000,
        buffer: Duration::from_secs(10),
        steps: vec![],
        stops: Duration::from_secs(60),
    });
    let mut world = World::new(WorldSpec::new(torrent, vec![player(film)]), 1);
    assert!(world.run_until_done(Time(100_000_000)));
    let report = world.report();
    eprintln!("{report:#?}");
    assert_eq!(report.players[0].stall, Duration::ZERO);
    assert!(report.torrents[0].waste() < 0.03);
    world.end();
}
