//! Readers that have the bytes before from elsewhere.

use super::*;
use crate::event::Expected;

#[test]
fn a_place_where_a_reader_may_come_outlasts_its_reads_elsewhere_for_a_few_seconds() {
    let (mut demand, layout) = (demand(400), layout(400));
    let guess = Expected {
        reader: READER,
        position: 200 * MIB,
        read: 0,
    };
    let mut now = Time::ZERO;
    demand.expect(now, guess);
    demand.touch(now, READER, &(0..4096));
    assert_eq!(demand.class_of(READER), ReaderClass::Probe);
    demand.share_windows(now, 1 << 30, u32::try_from(PIECE).unwrap());
    assert!(wanted(&demand, &layout, now).contains(&200));
    stream(&mut demand, &mut now, 4096, 64 * MIB);
    let mut live = demand.live_cursors();
    assert!(live.all(|cursor| cursor.pos() < 200 * MIB), "it never came");
}

#[test]
fn a_reader_that_comes_from_a_disk_finds_its_window_where_it_will_be() {
    let layout = layout(400);
    let mut demand = demand(400);
    let now = Time::ZERO;
    let on_its_way = |read: u64| Expected {
        reader: READER,
        position: 64 * MIB,
        read,
    };
    demand.expect(now, on_its_way(30 * MIB));
    assert_eq!(demand.class_of(READER), ReaderClass::Playback);
    demand.share_windows(now, 1 << 30, layout.piece_len());
    // As much as for a reader that read 4 MiB here, and nothing of what it has.
    let pieces = wanted(&demand, &layout, now);
    assert_eq!((pieces.first(), pieces.last()), (Some(&64), Some(&95)));
    // It stays while it is said again, and it is where the reader goes on.
    let later = now + Duration::from_secs(100);
    demand.expect(later, on_its_way(50 * MIB));
    let there = later + Duration::from_secs(100);
    demand.share_windows(there, 1 << 30, layout.piece_len());
    assert_eq!(wanted(&demand, &layout, there).first(), Some(&64));
    let start = 64 * MIB;
    demand
        .touch(there, READER, &(start..start + 131_072))
        .unwrap();
    assert_eq!(demand.live_cursors().count(), 1);
}

#[test]
fn a_reader_is_not_expected_outside_its_file() {
    let mut demand = demand(10);
    for (reader, position) in [(READER, 10 * MIB), (ReaderKey(9), MIB)] {
        let expected = Expected {
            reader,
            position,
            read: 5 * MIB,
        };
        demand.expect(Time::ZERO, expected);
    }
    assert_eq!(demand.live_cursors().count(), 0);
}
