//! Leeches in the swarm of a film: they are served as the rules say, and the film does not stall for it.

use std::time::Duration;

use crate::kit::{MIB, assert_all_served, cat, film, secs, seed, torrent};
use gostorm_core::Time;
use gostorm_sim::leech::Takes;
use gostorm_sim::peer::{PeerSpec, Share};
use gostorm_sim::world::{World, WorldSpec};

/// A peer that has nothing and takes what it is told of.
fn leech(rtt_ms: u64, kib: u64) -> PeerSpec {
    PeerSpec {
        share: Share::None,
        takes: Some(Takes::at(kib << 10)),
        ..seed(rtt_ms, kib)
    }
}

/// A film of 500 KiB a second among `peers`, with an upload limit, watched for a minute.
fn watched(peers: Vec<PeerSpec>, limit: Option<u64>) -> World {
    let spec = WorldSpec::new(torrent(512, peers), vec![film(500, 60, vec![])]);
    let mut world = World::new(spec, 1);
    world.limit(0, None, limit);
    assert!(world.run_until_done(Time::ZERO + secs(90)));
    let report = world.report();
    assert_all_served(&report);
    assert_eq!(report.players[0].stall, Duration::ZERO);
    world
}

#[test]
fn leeches_get_what_stays_and_the_film_does_not_stall() {
    let peers = vec![seed(30, 2_000), leech(20, 400), leech(60, 200)];
    let mut world = watched(peers, None);
    for peer in [1, 2] {
        let taken = world.taken(0, peer);
        assert!(taken.told > 20, "{taken:?}");
        assert!(taken.bytes > 5 * MIB, "{taken:?}");
    }
    let sent = world.report().torrents[0].stats.uploaded_bytes;
    assert!(sent >= world.taken(0, 1).bytes + world.taken(0, 2).bytes);
    world.end();
}

#[test]
fn the_upload_limit_bounds_what_leeches_get() {
    let peers = vec![seed(30, 2_000), leech(20, 4_000), leech(60, 4_000)];
    let limit = 100 << 10;
    let mut world = watched(peers, Some(limit));
    let seconds = world.now().0 / 1_000_000 + 1;
    let taken = world.taken(0, 1).bytes + world.taken(0, 2).bytes;
    assert!(
        taken <= seconds * limit + (64 << 10),
        "{taken} in {seconds} s"
    );
    assert!(taken >= seconds * limit / 2, "{taken} in {seconds} s");
    world.end();
}

#[test]
fn what_is_evicted_is_taken_back_and_never_sent() {
    // The reader leaves 16 MiB of budget behind itself again and again; lines that are slow have much queued.
    for (fast, dont_have) in [(true, true), (true, false), (false, false)] {
        let slow = PeerSpec {
            fast,
            takes: Some(Takes {
                dont_have,
                ..Takes::at(40 << 10)
            }),
            ..leech(40, 100)
        };
        let peers = vec![seed(30, 2_000), slow, slow];
        let mut spec = WorldSpec::new(torrent(512, peers), vec![film(250, 120, vec![])]);
        spec.budget = 24 * MIB;
        let mut world = World::new(spec, 1);
        world.run_until_done(Time::ZERO + secs(150));
        for peer in [1, 2] {
            let taken = world.taken(0, peer);
            assert!(taken.bytes > MIB, "{taken:?}");
            assert_eq!(taken.taken_back > 0, dont_have, "{taken:?}");
        }
        world.end();
    }
}

#[test]
fn leeches_that_ask_for_anything_hurt_nobody() {
    let rude = |fast| PeerSpec {
        fast,
        takes: Some(Takes {
            rude: true,
            ..Takes::at(500 << 10)
        }),
        ..leech(20, 500)
    };
    let peers = vec![seed(30, 2_000), rude(true), rude(false), leech(20, 400)];
    let mut world = watched(peers, Some(1 << 20));
    assert!(world.taken(0, 3).bytes > 5 * MIB);
    world.end();
}

#[test]
fn a_leech_that_gives_is_served_more_than_those_that_do_not() {
    let mut peers = vec![PeerSpec {
        share: Share::All,
        ..seed(30, 600)
    }];
    // It has half of the pieces and takes the other half.
    let gives = PeerSpec {
        share: Share::Part {
            percent: 50,
            salt: 1,
        },
        takes: Some(Takes::at(2_000 << 10)),
        ..seed(20, 1_500)
    };
    peers.push(gives);
    peers.extend((0..8).map(|at| leech(20 + at, 2_000)));
    let mut world = watched(peers, Some(300 << 10));
    let given = world.taken(0, 1).bytes;
    let others: Vec<u64> = (2..10).map(|peer| world.taken(0, peer).bytes).collect();
    let mean = others.iter().sum::<u64>() / 8;
    assert!(given > 2 * mean, "{given} and {others:?}");
    let lucky = others.iter().filter(|bytes| **bytes > 0).count();
    assert!(lucky >= 3, "others have their luck: {others:?}");
    world.end();
}

#[test]
fn a_download_limit_is_kept_and_no_peer_is_blamed_for_it() {
    let peers = (0..4).map(|at| seed(20 + 30 * at, 4_000)).collect();
    let spec = WorldSpec::new(torrent(256, peers), vec![cat(32)]);
    let mut world = World::new(spec, 1);
    let limit = 2 * MIB;
    world.limit(0, Some(limit), None);
    assert!(world.run_until_done(Time::ZERO + secs(60)));
    let report = world.report();
    assert_all_served(&report);
    let micros = report.ended.0;
    let allowed = limit * micros / 1_000_000 + limit;
    let downloaded = report.torrents[0].stats.downloaded_bytes;
    assert!(downloaded <= allowed, "{downloaded} of {allowed}");
    // 32 MiB at 2 MiB/s: the limit is used, not only kept.
    assert!(report.ended < Time(18_500_000), "{}", report.ended);
    for peer in world.swarm(0).peer_stats() {
        assert!(!peer.snubbed && peer.rate > 300_000.0, "{peer:?}");
    }
    world.end();
}
