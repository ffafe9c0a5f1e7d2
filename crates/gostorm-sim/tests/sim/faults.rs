//! Peers that misbehave among good ones: the read goes on, and nothing wrong is served.

use crate::kit::{assert_all_served, cat, film, ms, run, secs, seed, torrent};
use gostorm_core::Time;
use gostorm_sim::peer::{Lie, PeerSpec, Share};
use gostorm_sim::player::PlayerSpec;
use gostorm_sim::world::{World, WorldSpec};

fn with(change: impl FnOnce(&mut PeerSpec)) -> PeerSpec {
    let mut peer = seed(30, 2_000);
    change(&mut peer);
    peer
}

/// A `cat` of 32 MiB from a good seed and one that misbehaves, within 30 s.
fn beside_a_good_one(bad: PeerSpec) -> gostorm_sim::world::Report {
    let torrent = torrent(256, vec![bad, seed(50, 2_000)]);
    let report = run(WorldSpec::new(torrent, vec![cat(32)]), 30);
    assert_all_served(&report);
    report
}

#[test]
fn a_peer_that_never_unchokes_is_done_without() {
    beside_a_good_one(with(|peer| peer.unchokes_after = None));
}

#[test]
fn a_peer_that_flaps_between_choke_and_unchoke_helps_when_it_can() {
    for fast in [true, false] {
        beside_a_good_one(with(|peer| {
            peer.flaps = Some((ms(300), ms(200)));
            peer.fast = fast;
        }));
    }
}

#[test]
fn a_peer_that_falls_silent_is_snubbed_and_its_blocks_come_from_another() {
    beside_a_good_one(with(|peer| peer.silent_after = Some(1 << 20)));
}

#[test]
fn a_peer_that_was_silent_is_used_again() {
    let silent = with(|peer| {
        peer.silent_after = Some(4 << 20);
        peer.silent_for = Some(secs(3));
    });
    let report = run(
        WorldSpec::new(torrent(256, vec![silent]), vec![cat(16)]),
        60,
    );
    assert_all_served(&report);
}

#[test]
fn a_fast_peer_that_sends_in_bursts_and_falls_silent_now_and_then_is_used_to_the_full() {
    // Clocks of 44 ms (a delayed acknowledgement) and of half a second (the limits of a client).
    for (beat, silences) in [(44, true), (44, false), (500, true), (500, false)] {
        let mut peer = seed(1, 40_000);
        peer.link.burst = 16 << 20;
        peer.link.beat = ms(beat);
        if silences {
            peer.silent_after = Some(24 << 20);
            peer.silent_for = Some(ms(1_300));
        }
        let report = run(
            WorldSpec::new(torrent(512, vec![peer]), vec![cat(256)]),
            200,
        );
        assert_all_served(&report);
        // As much as the largest pipeline brings in a round, and half as long again.
        let rounds = 256.0 / (4.0_f64).min(40.0 * beat as f64 / 1_000.0) * 1.5;
        let silent = if silences { 11.0 * 1.3 * 1.5 } else { 0.0 };
        let most = rounds * beat as f64 / 1_000.0 + silent + 3.0;
        let took = report.ended.seconds_since(Time::ZERO);
        assert!(
            took < most,
            "{took:.1} s of {most:.1} s, beat {beat} ms, {silences}"
        );
    }
}

#[test]
fn a_peer_that_lies_about_its_pieces_costs_little() {
    for lie in [Lie::Rejects, Lie::Silent] {
        beside_a_good_one(with(|peer| {
            peer.lie = Some(lie);
            peer.share = Share::Part {
                percent: 50,
                salt: 7,
            };
        }));
    }
}

#[test]
fn a_corrupting_peer_is_banned_and_no_wrong_byte_is_served() {
    for corrupts in [5, 100] {
        let report = beside_a_good_one(with(|peer| peer.corrupts = corrupts));
        assert_eq!(report.torrents[0].banned, 1, "{report:#?}");
        assert!(report.torrents[0].stats.hash_failures > 0);
    }
}

#[test]
fn a_seeder_that_dies_in_the_middle_of_a_piece_is_replaced() {
    beside_a_good_one(with(|peer| {
        peer.dies_after = Some((5 << 20) + 100_000);
    }));
}

#[test]
fn a_peer_that_sends_everything_twice_is_let_go() {
    let report = beside_a_good_one(with(|peer| peer.doubles = 100));
    assert!(report.torrents[0].waste() < 0.25, "{report:#?}");
}

#[test]
fn a_peer_that_sends_what_nobody_asked_for_is_let_go() {
    let report = beside_a_good_one(with(|peer| peer.unasked = 100));
    assert!(report.torrents[0].waste() < 0.25, "{report:#?}");
}

#[test]
fn a_peer_that_rejects_at_random_does_not_stop_the_read() {
    beside_a_good_one(with(|peer| peer.rejects = 20));
}

#[test]
fn peers_with_a_part_each_make_a_whole() {
    let part = |salt| Share::Part { percent: 60, salt };
    let peers = (1..=6).map(|salt| {
        with(|peer| {
            peer.share = part(salt);
            peer.fast = salt % 2 == 0;
        })
    });
    let pieces = 0..32;
    let peers: Vec<PeerSpec> = peers.collect();
    let covered = pieces.clone().all(|piece| {
        peers
            .iter()
            .any(|peer| peer.share.has(gostorm_wire::PieceIndex(piece)))
    });
    assert!(
        covered,
        "the salts are chosen so that every piece is somewhere"
    );
    let report = run(WorldSpec::new(torrent(256, peers), vec![cat(32)]), 60);
    assert_all_served(&report);
}

#[test]
fn without_any_peer_reads_fail_at_the_deadline_of_the_first_and_are_served_when_one_comes() {
    let later = PlayerSpec {
        // After the rest of 30 s.
        starts: secs(57),
        ..cat(1)
    };
    let players = vec![cat(4), later];
    let mut world = World::new(WorldSpec::new(torrent(256, vec![]), players), 1);
    assert!(!world.run_until_done(Time::ZERO + secs(26)));
    // The others are not waited for: 32 reads of 128 KiB, four at a time, would take more than three minutes.
    assert_eq!(world.report().players[0].failed_reads, 32);
    world.join(0, seed(30, 2_000));
    assert!(world.run_until_done(Time::ZERO + secs(70)));
    assert_eq!(world.report().players[1].failed_reads, 0);
    world.end();
}

#[test]
fn a_seek_away_and_back_within_a_round_trip_does_not_lose_the_only_seed() {
    use gostorm_sim::player::FilmStep;
    let steps = (0..20)
        .map(|at| FilmStep::Seek {
            at: secs(4) + ms(55 * at),
            permille: if at % 2 == 0 { 500 } else { 0 },
        })
        .collect();
    // The line is slow, so the seed rejects many requests that were taken back.
    let only = seed(200, 1_500);
    let report = run(
        WorldSpec::new(torrent(256, vec![only]), vec![film(400, 40, steps)]),
        60,
    );
    assert_all_served(&report);
    assert!(report.players[0].seek_worst < secs(6), "{report:#?}");
}
