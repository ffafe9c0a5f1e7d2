//! Tiers and clocks in virtual time.

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const FAILED: AnnounceOutcome = AnnounceOutcome::Failed { retry_in: None };

fn answered(interval: u64, min_interval: Option<u64>) -> AnnounceOutcome {
    AnnounceOutcome::Answered {
        interval: Some(Duration::from_secs(interval)),
        min_interval: min_interval.map(Duration::from_secs),
    }
}

fn at(seconds: u64) -> Time {
    Time::ZERO + SECOND * u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// Whom it asks, without the events.
fn asked(announce: &mut Announce, now: Time) -> Vec<usize> {
    let due = announce.due(now, true);
    due.into_iter().map(|(tracker, _)| tracker).collect()
}

#[test]
fn a_tracker_is_started_once_and_asked_again_after_its_interval() {
    let mut announce = Announce::new(&[1], 1);
    let started = vec![(0, AnnounceEvent::Started)];
    assert_eq!(announce.due(Time::ZERO, true), started);
    let again = announce.due(Time::ZERO, true);
    assert_eq!(again, vec![], "one question at a time");
    announce.done(Time::ZERO, 0, answered(1_800, Some(300)));
    assert_eq!(announce.next(false), at(1_800));
    assert_eq!(announce.next(true), at(300), "never below the minimum");
    assert_eq!(announce.due(at(300), true), vec![(0, AnnounceEvent::None)]);
    assert_eq!(announce.stop(), vec![0]);
    assert_eq!(announce.stop(), vec![]);
}

#[test]
fn without_a_network_nobody_is_asked_and_with_it_everybody_is_told_again() {
    let mut announce = Announce::new(&[1, 1], 1);
    announce.due(Time::ZERO, true);
    announce.done(Time::ZERO, 0, answered(1_800, None));
    announce.pause();
    announce.done(at(1), 1, FAILED);
    assert_eq!(announce.due(at(9_000), true), vec![]);
    assert_eq!(announce.next(true), Time::NEVER);
    announce.resume(at(9_000));
    let both = vec![(0, AnnounceEvent::Started), (1, AnnounceEvent::Started)];
    assert_eq!(announce.due(at(9_000), false), both);
}

#[test]
fn what_a_tracker_wants_is_kept_within_bounds() {
    for (interval, min_interval, expected) in [
        (5, None, (5, 5)),
        (1, None, (5, 5)),
        (1_800, None, (1_800, 60)),
        (60, Some(300), (300, 300)),
        (90_000, Some(1), (7_200, 5)),
    ] {
        let mut announce = Announce::new(&[1], 1);
        announce.due(Time::ZERO, true);
        announce.done(Time::ZERO, 0, answered(interval, min_interval));
        let (long, short) = expected;
        assert_eq!(announce.next(false), at(long));
        assert_eq!(announce.next(true), at(short));
    }
}

#[test]
fn a_failing_tracker_is_asked_later_each_time() {
    let mut announce = Announce::new(&[1], 1);
    let mut now = Time::ZERO;
    let mut last = Duration::ZERO;
    for _ in 0..6 {
        assert_eq!(announce.due(now, true).len(), 1);
        announce.done(now, 0, FAILED);
        let wait = announce.next(true) - now;
        assert!(wait > last);
        last = wait;
        now = announce.next(true);
    }
    assert_eq!(announce.stop(), vec![], "it never heard that we started");
}

#[test]
fn one_tracker_of_every_tier_is_asked_on_wake() {
    let mut announce = Announce::new(&[3, 0, 1, 2], 7);
    let first = asked(&mut announce, Time::ZERO);
    assert_eq!(first.len(), 3);
    assert!(first[0] < 3 && first[1] == 3 && first[2] >= 4);
    let tiers: Vec<_> = announce.clocks().map(|clock| clock.tier).collect();
    assert_eq!(tiers, [0, 0, 0, 2, 3, 3]);
}

#[test]
fn the_order_within_a_tier_depends_on_chance() {
    let first = |salt| asked(&mut Announce::new(&[4], salt), Time::ZERO)[0];
    let mut seen: Vec<_> = (0..64).map(first).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, [0, 1, 2, 3]);
}

#[test]
fn the_next_of_a_tier_is_asked_when_one_fails_and_is_promoted_when_it_answers() {
    let mut announce = Announce::new(&[2], 3);
    let dead = asked(&mut announce, Time::ZERO)[0];
    announce.done(at(1), dead, FAILED);
    let alive = asked(&mut announce, at(1));
    assert_eq!(alive, [1 - dead]);
    announce.done(at(1), 1 - dead, answered(1_800, None));
    // The dead one's wait has ended long ago: nobody asks it while the other works.
    assert_eq!(announce.next(false), at(1_801));
    assert_eq!(asked(&mut announce, at(1_801)), [1 - dead]);
    announce.done(at(1_801), 1 - dead, FAILED);
    assert_eq!(asked(&mut announce, at(1_801)), [dead]);
}

#[test]
fn when_a_whole_tier_has_failed_the_one_whose_wait_ends_first_is_asked() {
    let mut announce = Announce::new(&[2], 3);
    let first = asked(&mut announce, Time::ZERO)[0];
    announce.done(at(1), first, FAILED);
    assert_eq!(asked(&mut announce, at(1)), [1 - first]);
    announce.done(at(3), 1 - first, FAILED);
    assert_eq!(announce.next(true), at(6));
    assert_eq!(asked(&mut announce, at(6)), [first]);
}

#[test]
fn a_silent_tracker_does_not_keep_its_tier_waiting_until_some_tracker_has_answered() {
    let mut announce = Announce::new(&[3, 1], 3);
    let asked_first = asked(&mut announce, Time::ZERO);
    assert_eq!(asked_first.len(), 2);
    assert_eq!(announce.next(true), Time::ZERO + PATIENCE);
    assert_eq!(announce.next(false), Time::NEVER, "nobody waits for peers");
    assert_eq!(asked(&mut announce, at(1)), []);
    assert_eq!(asked(&mut announce, at(2)).len(), 1);
    announce.done(at(3), 3, answered(1_800, None));
    assert_eq!(asked(&mut announce, at(5)), [], "there are peers");
}

#[test]
fn of_two_that_answer_the_first_is_in_use_and_both_hear_the_end() {
    let mut announce = Announce::new(&[2], 3);
    let slow = asked(&mut announce, Time::ZERO)[0];
    let quick = asked(&mut announce, at(2))[0];
    announce.done(at(3), quick, answered(1_800, None));
    announce.done(at(4), slow, answered(900, None));
    assert_eq!(announce.next(false), at(1_803));
    assert_eq!(announce.stop(), [0, 1]);
}

#[test]
fn a_refusal_that_says_when_is_heeded() {
    let mut announce = Announce::new(&[1], 3);
    let refused = |wait| AnnounceOutcome::Failed {
        retry_in: Some(wait),
    };
    announce.due(Time::ZERO, true);
    let hour = RetryIn::After(Duration::from_secs(3_600));
    announce.done(Time::ZERO, 0, refused(hour));
    assert_eq!(announce.next(true), at(3_600));
    announce.due(at(3_600), true);
    announce.done(at(3_600), 0, refused(RetryIn::After(Duration::ZERO)));
    assert!(announce.next(true) > at(3_600), "it cannot make us hurry");
    announce.due(at(4_000), true);
    announce.done(at(4_000), 0, refused(RetryIn::Never));
    assert_eq!(announce.next(true), Time::NEVER);
}

#[test]
fn a_private_torrent_has_one_tracker_at_a_time() {
    let mut announce = Announce::new(&[1, 1, 1], 3);
    announce.make_private(3);
    assert_eq!(asked(&mut announce, Time::ZERO), [0]);
    assert_eq!(announce.next(true), Time::NEVER);
    announce.done(at(1), 0, FAILED);
    assert_eq!(asked(&mut announce, at(1)), [1]);
    announce.done(at(1), 1, answered(1_800, None));
    assert_eq!(announce.next(false), at(1_801));
}

#[test]
fn a_torrent_that_turns_out_private_keeps_the_tracker_that_answered() {
    let mut announce = Announce::new(&[1, 1, 1], 3);
    assert_eq!(asked(&mut announce, Time::ZERO), [0, 1, 2]);
    announce.done(at(1), 2, answered(1_800, None));
    announce.make_private(3);
    announce.done(at(2), 0, FAILED);
    announce.done(at(2), 1, FAILED);
    assert_eq!(announce.next(false), at(1_801));
}

#[test]
fn a_torrent_that_turns_out_private_leaves_trackers_that_are_not_its_own() {
    let mut announce = Announce::new(&[1, 1, 1], 3);
    assert_eq!(asked(&mut announce, Time::ZERO), [0, 1, 2]);
    announce.done(at(1), 1, answered(1_800, None));
    announce.make_private(1);
    assert!(announce.next(false) <= at(1));
    assert_eq!(announce.due(at(1), false), [(1, AnnounceEvent::Stopped)]);
    // One whose answer comes later hears the same.
    announce.done(at(2), 2, answered(1_800, None));
    assert_eq!(announce.due(at(2), false), [(2, AnnounceEvent::Stopped)]);
    announce.done(at(3), 0, FAILED);
    assert_eq!(asked(&mut announce, at(4_000)), [0]);
    assert_eq!(announce.stop(), []);
}

#[test]
fn not_more_are_asked_at_a_time_than_the_bound() {
    let mut announce = Announce::new(&[1; 500], 3);
    assert_eq!(announce.clocks().count(), TRACKERS_MAX);
    assert_eq!(asked(&mut announce, Time::ZERO).len(), ASKED_MAX);
    assert_eq!(announce.next(true), Time::NEVER);
    announce.done(at(1), 5, answered(1_800, None));
    assert_eq!(asked(&mut announce, at(1)), [ASKED_MAX]);
}

#[test]
fn a_new_port_is_told_at_once_also_to_whom_is_being_asked() {
    let mut announce = Announce::new(&[1, 1, 1], 3);
    asked(&mut announce, Time::ZERO);
    announce.done(at(1), 0, answered(1_800, Some(900)));
    announce.done(at(1), 2, FAILED);
    announce.tell_at_once(at(50));
    let due = announce.due(at(50), false);
    let regular = (0, AnnounceEvent::None);
    assert_eq!(due, [regular, (2, AnnounceEvent::Started)]);
    announce.done(at(51), 1, answered(1_800, Some(900)));
    assert_eq!(announce.due(at(51), false), [(1, AnnounceEvent::None)]);
    announce.done(at(51), 0, answered(1_800, Some(900)));
    announce.tell_at_once(at(52));
    announce.tell_at_once(at(53));
    assert_eq!(
        announce.next(false),
        at(60),
        "a port that flutters is no flood"
    );
}
