//! The families of scenarios: two hundred seeds of each hold the properties. One test a family, so that
//! they run side by side.

use gostorm_sim::scenario::family::Family;
use gostorm_sim::scenario::family::judge::judge;

use crate::seeds::seeds;

/// Runs the seeds of a family and fails with the command that replays the first broken ones.
fn holds(family: Family) {
    let mut broken = Vec::new();
    for seed in 0..seeds() {
        let what = match judge(&family.plan(seed), &mut |_| {}) {
            Ok(verdict) => verdict.broken,
            Err(rule) => vec![rule],
        };
        if !what.is_empty() {
            broken.push(format!(
                "{}\n{}",
                what.join("; "),
                family.replay_command(seed)
            ));
        }
    }
    assert!(
        broken.is_empty(),
        "{} seeds of {} broke a property:\n{}",
        broken.len(),
        family.name(),
        broken.join("\n")
    );
}

#[test]
fn the_same_seed_of_a_family_is_the_same_run() {
    for family in Family::ALL {
        let run = |seed| judge(&family.plan(seed), &mut |_| {});
        let first = run(7);
        assert_eq!(first, run(7), "{}", family.replay_command(7));
        let hash = |seed| run(seed).map(|verdict| verdict.report.trace_hash);
        assert_ne!(hash(7), hash(8), "{}", family.name());
    }
}

#[test]
fn a_film_from_the_home_swarm_never_stands_still() {
    holds(Family::Home);
}

#[test]
fn a_film_on_a_lan_never_stands_still() {
    holds(Family::Lan);
}

#[test]
fn two_players_of_one_file_never_stand_still() {
    holds(Family::Pair);
}

#[test]
fn a_film_outlives_the_naps_of_its_driver_and_no_peer_is_blamed() {
    holds(Family::Clock);
}
