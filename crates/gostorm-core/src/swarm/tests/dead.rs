//! A swarm that brings nothing: reads stop waiting for it, and go on when somebody comes.

use super::*;
use crate::announce::AnnounceOutcome;

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

/// An address at `host`, named by a tracker.
fn named(host: u8) -> Input {
    let source = crate::Source::Tracker;
    let addrs = vec![SocketAddr::from(([127, 0, 0, host], 6881))];
    Input::Candidates { source, addrs }
}

/// Every dial that the swarm makes fails at once, until `until`, and the DHT, if it speaks, knows nobody; when the first
/// read failed.
fn refuse_dials(bench: &mut Bench, dht_speaks: bool, until: Time) -> Option<Time> {
    let mut outputs = bench.turn();
    let mut failed = None;
    loop {
        for output in outputs {
            if let Output::Dial { addr } = output {
                bench.give(Input::DialFailed { addr });
            } else if matches!(output, Output::LookUp { .. }) && dht_speaks {
                bench.give(Input::LookedUp);
            } else if matches!(output, Output::Fail { .. }) {
                failed = failed.or(Some(bench.now));
            }
        }
        if failed.is_some() || bench.now >= until {
            return failed;
        }
        bench.now = bench.swarm.wake_at().max(Time(bench.now.0 + 1)).min(until);
        outputs = bench.turn();
    }
}

#[test]
fn a_read_is_given_up_early_when_everybody_who_could_be_asked_has_answered() {
    let mut bench = Bench::new(20);
    bench.give(named(2));
    bench.read(1, 0, 1_000);
    let failed = refuse_dials(&mut bench, true, Time(60 * SECOND));
    assert_eq!(failed, Some(Time(5 * SECOND)));
    assert_eq!(bench.swarm.stats().rest.unwrap().failures, 1);
}

#[test]
fn a_read_waits_for_its_deadline_while_somebody_may_still_speak() {
    for silent in ["tracker", "look-up", "dial"] {
        let mut bench = Bench::new(20);
        let config = Config {
            tiers: vec![1],
            own_trackers: 1,
            ..Config::default()
        };
        let layout = bench.swarm.layout.clone();
        bench.swarm = Swarm::new(config, layout, 1);
        bench.give(Input::Open {
            reader: ReaderKey(1),
            file: 0,
            policy: Policy::Verified,
        });
        bench.give(named(2));
        bench.read(1, 0, 1_000);
        let dials = bench.turn();
        assert!(dials.iter().any(|out| matches!(out, Output::Dial { .. })));
        if silent != "look-up" {
            bench.give(Input::LookedUp);
        }
        if silent != "tracker" {
            let outcome = AnnounceOutcome::Answered {
                interval: None,
                min_interval: None,
            };
            bench.give(Input::Announced {
                tracker: 0,
                outcome,
            });
        }
        if silent != "dial" {
            let addr = SocketAddr::from(([127, 0, 0, 2], 6881));
            bench.give(Input::DialFailed { addr });
        }
        let dht_speaks = silent != "look-up";
        let failed = refuse_dials(&mut bench, dht_speaks, Time(60 * SECOND));
        assert_eq!(failed, Some(Time(25 * SECOND)), "{silent}");
    }
}

#[test]
fn an_address_that_comes_while_an_awake_torrent_rests_gets_its_moment() {
    let mut bench = Bench::new(20);
    fails_at_once(&mut bench, 1);
    bench.now = Time(25 * SECOND);
    bench.turn();
    bench.now = Time(30 * SECOND);
    assert!(fails_at_once(&mut bench, 2), "it rests");
    bench.give(named(2));
    assert!(!fails_at_once(&mut bench, 3), "it is dialled for this read");
    bench.now = Time(32 * SECOND);
    let outputs = bench.turn();
    let failed = Output::Fail {
        read: ReadKey(3),
        reason: FailReason::Deadline,
    };
    assert!(outputs.contains(&failed), "a moment and no more");
    let addr = SocketAddr::from(([127, 0, 0, 2], 6881));
    bench.give(Input::DialFailed { addr });
    assert!(fails_at_once(&mut bench, 4), "it is as the others");
    bench.give(named(3));
    assert!(!fails_at_once(&mut bench, 5));
    bench.seed(3);
    let seen = bench.run_dry();
    assert!(seen.contains(&Output::Serve { read: ReadKey(5) }));
}

/// How long those who are asked about a dead title take to say that there is nobody.
#[derive(Clone, Copy)]
struct Answers {
    dial: Duration,
    tracker: Duration,
    dht: Duration,
}

/// A torrent wakes for one read of a program that scans; how long the read takes to fail, and what is known afterwards.
fn look_at(answers: Answers, rest: Option<crate::Rest>) -> (Duration, Option<crate::Rest>) {
    let mut bench = Bench::new(20);
    let config = Config {
        tiers: vec![1],
        own_trackers: 1,
        ..Config::default()
    };
    let swarm = Swarm::new(config, bench.swarm.layout.clone(), 1);
    bench.swarm = swarm.with_patience(Patience::waking(Time::ZERO, rest));
    bench.give(Input::Open {
        reader: ReaderKey(1),
        file: 0,
        policy: Policy::Verified,
    });
    bench.give(named(2));
    let mut outputs = bench.read(1, 0, 1_000);
    outputs.extend(bench.turn());
    let mut coming: Vec<(Time, Input)> = Vec::new();
    loop {
        let now = bench.now;
        for output in outputs {
            if let Output::Dial { addr } = output {
                coming.push((now + answers.dial, Input::DialFailed { addr }));
            } else if matches!(output, Output::LookUp { .. }) {
                coming.push((now + answers.dht, Input::LookedUp));
            } else if let Output::Announce(plan) = output {
                let outcome = AnnounceOutcome::Answered {
                    interval: None,
                    min_interval: None,
                };
                let tracker = plan.tracker;
                let input = Input::Announced { tracker, outcome };
                coming.push((now + answers.tracker, input));
            } else if matches!(output, Output::Fail { .. }) {
                return (now - Time::ZERO, bench.swarm.stats().rest);
            }
        }
        let first = coming.iter().map(|(at, _)| *at).min();
        bench.now = first.unwrap_or(Time::NEVER).min(bench.swarm.wake_at());
        let now = bench.now;
        for (_, input) in coming.extract_if(.., |(at, _)| *at <= now) {
            bench.give(input);
        }
        outputs = bench.turn();
    }
}

#[test]
fn a_scan_of_dead_titles_is_bounded() {
    const READERS: usize = 16;
    const TITLES: usize = 200;
    let seconds = Duration::from_secs;
    // One in two addresses refuses, the others do not answer at all.
    let answers = |title: usize| Answers {
        dial: [Duration::from_millis(50), seconds(5)][title % 2],
        tracker: Duration::from_millis(300),
        dht: seconds(4),
    };
    let mut known = [None; TITLES];
    let mut scan = || {
        let mut free = [Duration::ZERO; READERS];
        for (title, known) in known.iter_mut().enumerate() {
            free.sort();
            let (took, rest) = look_at(answers(title), *known);
            free[0] += took;
            *known = rest;
        }
        free.into_iter().max().unwrap()
    };
    // Each torrent pays once, and each reader looks at 13 titles at most. When trackers and the DHT are silent, too, it
    // is the deadline of a read that each pays: 13 times 25 s.
    let first = scan();
    assert!(first <= seconds(13 * 5), "{first:?}");
    // While they rest a moment is enough.
    let second = scan();
    assert!(second <= seconds(13 * 2), "{second:?}");
}
