//! One budget, many readers: nobody holds more than there is, and nobody starves.

use std::time::Duration;

use crate::kit::{MIB, assert_all_served, cat, film, ms, run, secs, seed, torrent};
use gostorm_core::Time;
use gostorm_sim::player::{Film, FilmStep, PlayerKind, PlayerSpec};
use gostorm_sim::world::{TorrentSpec, WorldSpec};

#[test]
fn a_file_six_times_the_budget_is_read_within_it() {
    for (budget, piece_len) in [(64, 4 << 20), (256, 4 << 20), (256, 16 << 20)] {
        let file = budget * 6 * MIB;
        let torrent = TorrentSpec::film(piece_len, file, vec![seed(2, 100_000)]);
        let mut world = WorldSpec::new(torrent, vec![cat(budget * 6)]);
        world.budget = budget * MIB;
        let report = run(world, 120);
        assert_all_served(&report);
        assert!(report.held_max <= budget * MIB);
        assert_eq!(report.torrents[0].stats.wasted_bytes, 0);
    }
}

#[test]
fn the_least_budget_of_three_pieces_is_enough_for_one_reader() {
    let torrent = TorrentSpec::film(4 << 20, 64 * MIB, vec![seed(10, 10_000)]);
    let mut world = WorldSpec::new(torrent, vec![cat(64)]);
    world.budget = 12 * MIB;
    let report = run(world, 60);
    assert_all_served(&report);
}

#[test]
fn eight_readers_at_once_are_all_served() {
    let mut world = WorldSpec::new(torrent(1_024, vec![seed(10, 20_000)]), vec![]);
    world.budget = 64 * MIB;
    world.players = (0..8)
        .map(|at| PlayerSpec {
            torrent: 0,
            file: 0,
            starts: ms(at * 10),
            kind: PlayerKind::Cat {
                range: at * 120 * MIB..(at * 120 + 24) * MIB,
                in_flight: 2,
            },
        })
        .collect();
    let report = run(world, 90);
    assert_all_served(&report);
}

#[test]
fn a_paused_film_does_not_starve_a_new_reader_of_another_torrent() {
    let peers = || vec![seed(20, 8_000)];
    let pause = FilmStep::Pause {
        at: secs(8),
        length: secs(60),
    };
    let mut world = WorldSpec::new(torrent(2_048, peers()), vec![film(1_000, 40, vec![pause])]);
    world.budget = 48 * MIB;
    world.lease_delay = ms(5);
    world.torrents.push(torrent(2_048, peers()));
    world.players.push(PlayerSpec {
        torrent: 1,
        file: 0,
        starts: secs(15),
        kind: PlayerKind::Cat {
            range: 0..64 * MIB,
            in_flight: 4,
        },
    });
    let report = run(world, 80);
    assert_all_served(&report);
    assert!(report.players[1].first_byte < Some(secs(2)), "{report:#?}");
    assert!(report.held_max <= 48 * MIB);
}

#[test]
fn three_films_share_the_budget_and_none_stalls() {
    let film = |torrent| PlayerSpec {
        torrent,
        file: 0,
        starts: Duration::from_secs(torrent as u64 * 3),
        kind: PlayerKind::Film(Film {
            rate: 1_000_000,
            buffer: secs(8),
            steps: vec![],
            stops: secs(40),
        }),
    };
    let mut world = WorldSpec::new(torrent(2_048, vec![seed(20, 5_000)]), vec![film(0)]);
    world.budget = 64 * MIB;
    world.lease_delay = ms(2);
    for at in 1..3 {
        world.torrents.push(torrent(2_048, vec![seed(20, 5_000)]));
        world.players.push(film(at));
    }
    let report = run(world, 60);
    assert_all_served(&report);
    for player in &report.players {
        assert_eq!(player.stall, Duration::ZERO, "{report:#?}");
    }
    assert!(report.ended < Time(60_000_000));
}
