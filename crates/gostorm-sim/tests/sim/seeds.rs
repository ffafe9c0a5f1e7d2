//! Random worlds: every seed keeps the rules, and means the same run each time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gostorm_sim::scenario::{replay_command, vopr};

/// Seeds that run with every test; `GOSTORM_SEEDS` runs more.
const SEEDS: u64 = 200;

/// How many seeds are tried.
pub(crate) fn seeds() -> u64 {
    let wanted = std::env::var("GOSTORM_SEEDS").ok();
    wanted.and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS)
}

#[test]
fn two_hundred_seeds_hold_the_properties() {
    let broken: Vec<String> = (0..seeds())
        .filter(|seed| catch_unwind(AssertUnwindSafe(|| vopr(*seed))).is_err())
        .map(replay_command)
        .collect();
    assert!(
        broken.is_empty(),
        "{} seeds broke a rule; run one again with:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in [3, 17, 42] {
        let first = vopr(seed);
        let second = vopr(seed);
        assert_eq!(first, second, "{}", replay_command(seed));
        assert_ne!(first.report.trace_hash, vopr(seed + 1).report.trace_hash);
    }
}
