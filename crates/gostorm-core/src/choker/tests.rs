//! Rounds of the choker on claims written by hand.

use super::*;

fn claim(peer: u64) -> Claim {
    Claim {
        peer: PeerKey(peer),
        interested: true,
        choked: true,
        snubbed: false,
        gives: 0,
        takes: 0,
        since: Time::ZERO,
        connected: Time::ZERO,
    }
}

fn keys(peers: &[PeerKey]) -> Vec<u64> {
    peers.iter().map(|peer| peer.0).collect()
}

/// Applies a round to the claims.
fn round(
    choker: &mut Choker,
    now: Time,
    reading: bool,
    slots: usize,
    claims: &mut [Claim],
) -> Vec<u64> {
    let chosen = choker.round(now, reading, slots, claims);
    for claim in claims {
        let choked = !chosen.contains(&claim.peer);
        if claim.choked != choked {
            claim.choked = choked;
            claim.since = now;
        }
    }
    keys(&chosen)
}

const MINUTE: Time = Time(60_000_000);

#[test]
fn while_somebody_reads_those_who_give_most_are_served() {
    let mut claims: Vec<Claim> = (1..=6).map(claim).collect();
    for (claim, gives) in claims.iter_mut().zip([5, 50, 0, 40, 10, 60]) {
        claim.gives = gives;
    }
    claims[5].interested = false;
    let chosen = round(&mut Choker::new(1), MINUTE, true, 3, &mut claims);
    assert_eq!(chosen[..3], [2, 4, 5]);
    assert_eq!(chosen.len(), 4, "and one for luck: {chosen:?}");
}

#[test]
fn a_snubbed_peer_has_no_regular_slot_and_may_be_drawn() {
    let mut claims: Vec<Claim> = (1..=2).map(claim).collect();
    claims[0].gives = 1_000;
    claims[0].snubbed = true;
    let mut choker = Choker::new(1);
    assert_eq!(round(&mut choker, MINUTE, true, 1, &mut claims), [2, 1]);
    claims[0].snubbed = false;
    let later = MINUTE + ROUND;
    assert_eq!(round(&mut choker, later, true, 1, &mut claims)[0], 1);
}

#[test]
fn the_optimistic_slot_goes_round_and_stays_for_thirty_seconds() {
    let mut claims: Vec<Claim> = (1..=8).map(claim).collect();
    claims[0].gives = 1;
    let mut choker = Choker::new(7);
    let mut drawn = Vec::new();
    for step in 0..60 {
        let now = Time(MINUTE.0 + step * 10_000_000);
        let chosen = round(&mut choker, now, true, 1, &mut claims);
        assert_eq!(chosen[0], 1);
        drawn.push(chosen[1]);
    }
    for turn in drawn.chunks(3) {
        assert!(turn.iter().all(|peer| *peer == turn[0]), "{drawn:?}");
    }
    drawn.sort_unstable();
    drawn.dedup();
    assert!(drawn.len() >= 5, "of seven: {drawn:?}");
}

#[test]
fn newcomers_are_three_times_as_likely_to_be_drawn() {
    let now = Time(1_000_000_000);
    let mut claims: Vec<Claim> = (1..=8).map(claim).collect();
    for newcomer in &mut claims[4..] {
        newcomer.connected = now;
    }
    let mut new = 0;
    let rest: Vec<&Claim> = claims.iter().collect();
    let mut choker = Choker::new(3);
    for _ in 0..4_000 {
        let drawn = choker.draw(now, &rest);
        new += u32::from(drawn.is_some_and(|peer| peer.0 > 4));
    }
    // Three quarters of 4,000, and six deviations of 27.
    assert!((2_836..=3_164).contains(&new), "{new}");
}

#[test]
fn when_nobody_reads_everyone_has_a_turn_and_fast_takers_keep_theirs() {
    let mut claims: Vec<Claim> = (1..=6).map(claim).collect();
    claims[0].gives = 1_000;
    let mut choker = Choker::new(1);
    let mut served = std::collections::BTreeSet::new();
    for step in 0..12 {
        let now = Time(MINUTE.0 + step * 10_000_000);
        served.extend(round(&mut choker, now, false, 2, &mut claims));
    }
    assert_eq!(served.len(), 6, "{served:?}");
    let mut claims: Vec<Claim> = (1..=3).map(claim).collect();
    for (claim, takes) in claims.iter_mut().zip([10, 30, 20]) {
        claim.choked = false;
        claim.since = MINUTE;
        claim.takes = takes;
    }
    let chosen = Choker::new(1).round(MINUTE + ROUND, false, 2, &claims);
    assert_eq!(keys(&chosen)[..2], [2, 3]);
}

#[test]
fn a_free_slot_is_given_away_at_once() {
    let mut claims: Vec<Claim> = (1..=5).map(claim).collect();
    claims[4].interested = false;
    let choker = Choker::new(1);
    assert_eq!(keys(&choker.admit(MINUTE, true, 2, &claims)), [1, 2, 3]);
    for served in &mut claims[..3] {
        served.choked = false;
    }
    assert!(choker.admit(MINUTE, true, 2, &claims).is_empty());
    claims[1].interested = false;
    assert_eq!(keys(&choker.admit(MINUTE, true, 2, &claims)), [4]);
    assert!(choker.admit(MINUTE, true, 0, &claims).is_empty());
}

#[test]
fn a_snubbed_peer_gets_no_free_slot_between_the_rounds_while_somebody_reads() {
    let mut claims: Vec<Claim> = (1..=2).map(claim).collect();
    claims[0].snubbed = true;
    let choker = Choker::new(1);
    assert_eq!(keys(&choker.admit(MINUTE, true, 2, &claims)), [2]);
    assert_eq!(keys(&choker.admit(MINUTE, false, 2, &claims)), [1, 2]);
}

#[test]
fn the_slots_follow_the_limit() {
    let by_limit = [Some(0), Some(1), Some(1 << 20), Some(1 << 30), None].map(slots);
    assert_eq!(by_limit, [0, 2, 4, 8, 8]);
    assert!(
        Choker::new(1)
            .round(MINUTE, true, 0, &[claim(1)])
            .is_empty()
    );
}
