//! A swarm that brings nothing: reads stop waiting for it, and go on when somebody comes.

use super::*;

const SECOND: u64 = 1_000_000;

/// Whether a read that comes now fails within this turn.
fn fails_at_once(bench: &mut Bench, read: u64) -> bool {
    let mut outputs = bench.read(read, 0, 1_000);
    outputs.extend(bench.turn());
    let failed = Output::Fail {
        read: ReadKey(read),
        reason: FailReason::Deadline,
    };
    outputs.contains(&failed)
}

#[test]
fn after_a_read_in_vain_the_next_ones_fail_at_once_for_a_while() {
    let mut bench = Bench::new(20);
    assert!(!fails_at_once(&mut bench, 1));
    bench.now = Time(25 * SECOND);
    let outputs = bench.turn();
    assert!(
        outputs
            .iter()
            .any(|out| matches!(out, Output::Rests(rest) if rest.failures == 1)),
        "{outputs:?}"
    );
    // Such as the kernel's second request for the same page, and all others of a scan.
    for read in 2..10 {
        bench.now = Time((24 + read) * SECOND);
        assert!(fails_at_once(&mut bench, read));
    }
    // Then there is a new try, of 5 s.
    bench.now = Time(56 * SECOND);
    assert!(!fails_at_once(&mut bench, 20));
    bench.now = Time(61 * SECOND);
    let outputs = bench.turn();
    assert!(
        outputs
            .iter()
            .any(|out| matches!(out, Output::Rests(rest) if rest.failures == 2)),
        "{outputs:?}"
    );
}

#[test]
fn a_peer_that_connects_ends_the_rest() {
    let mut bench = Bench::new(20);
    fails_at_once(&mut bench, 1);
    bench.now = Time(25 * SECOND);
    bench.turn();
    bench.now = Time(26 * SECOND);
    assert!(fails_at_once(&mut bench, 2));
    bench.seed(1);
    bench.read(3, 0, 1_000);
    let seen = bench.run_dry();
    assert!(seen.contains(&Output::Serve { read: ReadKey(3) }));
    assert_eq!(bench.swarm.stats().rest, None);
}
