//! The policy `Responsive`: unverified bytes save deadlines, and each wrong one is taken back.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gostorm_core::Policy;
use gostorm_sim::peer::PeerSpec;
use gostorm_sim::scenario::{Plan, run as run_plan};
use gostorm_sim::world::{World, WorldSpec};

use crate::kit::{assert_all_served, cat, film, run, seed, torrent};

/// Seeds that run with every test; `GOSTORM_SEEDS` runs more.
const SEEDS: u64 = 100;
/// The first of them: others than those of `seeds`, so that these are other worlds.
const FIRST: u64 = 10_000;

fn known(peer: PeerSpec) -> PeerSpec {
    PeerSpec {
        known_rate: Some(peer.link.rate),
        ..peer
    }
}

fn responsive(spec: WorldSpec) -> WorldSpec {
    WorldSpec {
        policy: Policy::Responsive,
        ..spec
    }
}

/// A random world in which many that were good before are not any more. Wrong blocks that were served.
fn hostile(seed: u64) -> u64 {
    let mut plan = Plan::from_seed(seed);
    plan.world.policy = Policy::Responsive;
    for torrent in &mut plan.world.torrents {
        for (at, peer) in (0..).zip(&mut torrent.peers) {
            peer.known_rate = Some(peer.link.rate);
            if (seed + at).is_multiple_of(3) {
                peer.corrupts = [2, 20, 100][usize::try_from(seed % 3).unwrap_or(0)];
            }
        }
    }
    let mut wrong = 0;
    let mut count = |world: &mut World| {
        let torrents = 0..plan.world.torrents.len();
        wrong = torrents
            .map(|torrent| world.wrong_blocks_served(torrent))
            .sum();
    };
    let _outcome = run_plan(&plan, &mut count);
    wrong
}

#[test]
fn every_wrong_byte_that_was_served_is_taken_back() {
    let seeds = std::env::var("GOSTORM_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(SEEDS);
    let mut broken = Vec::new();
    let mut wrong = Vec::new();
    for seed in FIRST..FIRST + seeds {
        match catch_unwind(AssertUnwindSafe(|| hostile(seed))) {
            Ok(0) => {}
            Ok(_) => wrong.push(seed),
            Err(_) => broken.push(seed),
        }
    }
    assert!(broken.is_empty(), "these seeds broke a rule: {broken:?}");
    // Otherwise nothing was shown.
    assert!(
        wrong.len() * 20 > usize::try_from(seeds).unwrap_or(0),
        "{wrong:?}"
    );
}

#[test]
fn a_known_swarm_serves_the_first_bytes_long_before_the_first_piece() {
    let first = |policy: Policy| {
        let seeds = (0..4).map(|at| known(seed(40 + 5 * at, 500)));
        let mut spec = WorldSpec::new(torrent(64, seeds.collect()), vec![film(300, 20, vec![])]);
        spec.torrents[0].piece_len = 4 << 20;
        spec.policy = policy;
        let report = run(spec, 60);
        assert_all_served(&report);
        report.players[0].first_byte.unwrap_or_default()
    };
    let (verified, early) = (first(Policy::Verified), first(Policy::Responsive));
    assert!(early * 4 < verified, "{early:?} and {verified:?}");
}

#[test]
fn a_swarm_of_strangers_is_read_as_fast_as_before() {
    let strangers = |policy: Policy| {
        let seeds = (0..4).map(|at| seed(40 + 5 * at, 500));
        let spec = WorldSpec::new(torrent(64, seeds.collect()), vec![cat(32)]);
        let report = run(WorldSpec { policy, ..spec }, 60);
        assert_all_served(&report);
        report.players[0].finished.unwrap_or_default()
    };
    let (verified, early) = (strangers(Policy::Verified), strangers(Policy::Responsive));
    assert!(early.0 < verified.0 * 21 / 20, "{early:?} and {verified:?}");
}

#[test]
fn a_known_peer_that_spoils_blocks_now_is_banned_and_the_film_goes_on() {
    let mut liar = known(seed(20, 2_000));
    liar.corrupts = 10;
    let peers = vec![liar, known(seed(30, 1_000)), known(seed(40, 1_000))];
    let spec = WorldSpec::new(torrent(64, peers), vec![film(300, 30, vec![])]);
    let report = run(responsive(spec), 90);
    assert_all_served(&report);
    assert_eq!(report.torrents[0].banned, 1, "{report:#?}");
}
