//! Readers of whom a media server says that somebody watches.

use super::*;

fn window(demand: &mut Demand, now: Time) -> u64 {
    demand.share_windows(now, 1 << 30, u32::try_from(PIECE).unwrap());
    let live = demand.live_cursors();
    live.map(|cursor| cursor.window_range())
        .map(|range| range.end - range.start)
        .sum()
}

#[test]
fn one_that_has_hardly_read_plays_at_once_and_goes_on_playing() {
    let mut demand = demand(400);
    let now = Time::ZERO;
    demand.touch(now, READER, &(200 * MIB..200 * MIB + 4096));
    assert_eq!(demand.class_of(READER), ReaderClass::Probe);
    demand.confirm(now, READER, true);
    assert_eq!(demand.class_of(READER), ReaderClass::Playback);
    assert!(demand.was_played() && demand.is_playing(now));
    // The next read elsewhere has the window of a player at once.
    demand.touch(now, READER, &(300 * MIB..300 * MIB + 4096));
    assert!(window(&mut demand, now) >= 8 * MIB);
    assert_eq!(demand.class_of(READER), ReaderClass::Playback);
}

#[test]
fn a_pause_of_an_hour_takes_nothing_from_it() {
    let mut demand = demand(400);
    let mut now = Time::ZERO;
    stream(&mut demand, &mut now, 0, 8 * MIB);
    demand.confirm(now, READER, true);
    let before = window(&mut demand, now);
    assert!(before > 0);
    now += Duration::from_secs(3600);
    assert_eq!(window(&mut demand, now), before);
    assert!(demand.is_playing(now));
}

#[test]
fn when_it_stops_its_window_and_its_tail_go_at_once() {
    let mut demand = demand(400);
    let mut now = Time::ZERO;
    stream(&mut demand, &mut now, 0, 8 * MIB);
    demand.confirm(now, READER, true);
    window(&mut demand, now);
    assert_eq!(demand.tails.whole_bytes(), 16 * MIB, "the tail is kept");
    demand.confirm(now, READER, false);
    assert_eq!(window(&mut demand, now), 0);
    assert_eq!(demand.tails.whole_bytes(), 0);
    assert_eq!(demand.class_of(READER), ReaderClass::Probe);
    // Somebody else, of whom nobody told, still watches: it plays again when it has read on.
    stream(&mut demand, &mut now, 8 * MIB, 4 * MIB);
    assert_eq!(demand.class_of(READER), ReaderClass::Playback);
    assert!(window(&mut demand, now) > 0);
}

#[test]
fn one_that_goes_on_in_the_middle_has_the_tail_as_well() {
    let mut demand = demand(400);
    let now = Time::ZERO;
    demand.touch(now, READER, &(200 * MIB..200 * MIB + 4096));
    assert_eq!(demand.tails.kept(now).count(), 0);
    demand.confirm(now, READER, true);
    window(&mut demand, now);
    let kept: Vec<_> = demand.tails.kept(now).collect();
    assert_eq!(kept, [(READER, 384 * MIB..400 * MIB)]);
}
