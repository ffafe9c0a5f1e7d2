//! Players on healthy swarms: no stall, little waste, all memory back.

use std::time::Duration;

use crate::kit::{MIB, assert_all_served, cat, film, ms, player, run, secs, seed, torrent};
use gostorm_core::Time;
use gostorm_sim::link::LinkSpec;
use gostorm_sim::oracle;
use gostorm_sim::player::{FilmStep, PlayerKind};
use gostorm_sim::world::{TorrentSpec, WorldSpec};

#[test]
fn cat_on_a_lan_reads_the_file_at_the_speed_of_the_line() {
    let mut lan = seed(0, 100_000);
    lan.link = LinkSpec::new(Duration::from_micros(400), 100_000_000);
    let torrent = TorrentSpec::film(4 << 20, 512 * MIB, vec![lan]);
    let report = run(WorldSpec::new(torrent, vec![cat(512)]), 60);
    assert_all_served(&report);
    // 5.37 s at the full rate.
    assert!(report.ended < Time(5_700_000), "{}", report.ended);
    assert_eq!(report.torrents[0].stats.wasted_bytes, 0);
}

#[test]
fn a_film_on_a_lan_starts_at_once_and_never_stalls() {
    let torrent = torrent(2_048, vec![seed(1, 60_000)]);
    let report = run(WorldSpec::new(torrent, vec![film(8_000, 60, vec![])]), 70);
    assert_all_served(&report);
    let player = &report.players[0];
    assert_eq!(player.stall, Duration::ZERO);
    assert!(player.startup < Some(ms(500)), "{player:?}");
}

#[test]
fn a_film_plays_without_a_stall_where_the_fluid_oracle_sees_none() {
    let peers = (1..=8).map(|at| seed(10 * at, 400 * at)).collect();
    let torrent = TorrentSpec::film(4 << 20, 4_096 * MIB, peers);
    let world = WorldSpec::new(torrent, vec![film(2_500, 60, vec![])]);
    let fate = oracle::fates(&world)[0].unwrap_or_default();
    assert!(fate.start.is_some() && fate.stall.is_zero(), "{fate:?}");
    let report = run(world, 70);
    assert_all_served(&report);
    assert_eq!(report.players[0].stall, Duration::ZERO);
    assert!(report.torrents[0].waste() < 0.03);
}

#[test]
fn seeks_are_followed_and_what_they_waste_is_little() {
    let seeks = [(5, 700), (12, 100), (20, 950), (21, 500), (22, 300)];
    let steps = seeks
        .iter()
        .map(|(at, permille)| FilmStep::Seek {
            at: secs(*at),
            permille: *permille,
        })
        .collect();
    let peers = (1..=4).map(|_| seed(40, 2_000)).collect();
    let report = run(
        WorldSpec::new(torrent(2_048, peers), vec![film(1_000, 60, steps)]),
        80,
    );
    assert_all_served(&report);
    let player = &report.players[0];
    assert_eq!(player.stall, Duration::ZERO);
    assert!(player.seek_worst < secs(3), "{player:?}");
    assert!(report.torrents[0].waste() < 0.03, "{report:#?}");
}

#[test]
fn a_paused_film_goes_on_from_its_buffer() {
    let steps = vec![FilmStep::Pause {
        at: secs(5),
        length: secs(300),
    }];
    let report = run(
        WorldSpec::new(
            torrent(512, vec![seed(40, 3_000)]),
            vec![film(1_000, 340, steps)],
        ),
        400,
    );
    assert_all_served(&report);
    assert_eq!(report.players[0].stall, Duration::ZERO);
}

#[test]
fn two_interleaved_streams_of_samba_read_at_the_speed_of_the_line() {
    let pair = player(PlayerKind::Pair {
        range: 0..128 * MIB,
    });
    let report = run(
        WorldSpec::new(torrent(512, vec![seed(2, 20_000)]), vec![pair]),
        60,
    );
    assert_all_served(&report);
    // 6.6 s at the full rate.
    assert!(report.ended < Time(8_500_000), "{}", report.ended);
    assert!(report.torrents[0].waste() < 0.03);
}

#[test]
fn a_scan_costs_the_head_and_the_tail_and_not_the_film() {
    let report = run(
        WorldSpec::new(
            torrent(4_096, vec![seed(30, 10_000)]),
            vec![player(PlayerKind::Scan)],
        ),
        10,
    );
    assert_all_served(&report);
    let downloaded = report.torrents[0].stats.downloaded_bytes;
    assert!(downloaded <= 20 * MIB, "{downloaded}");
}

#[test]
fn random_reads_are_all_served() {
    let random = player(PlayerKind::Random { reads: 100 });
    let report = run(
        WorldSpec::new(
            torrent(1_024, vec![seed(20, 8_000), seed(60, 4_000)]),
            vec![random],
        ),
        120,
    );
    assert_all_served(&report);
}
