//! Cursors, windows and the order of wanted pieces.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod confirmed;
mod expected;

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::bits::Bits;

const PIECE: u64 = 1 << 20;
const MIB: u64 = 1 << 20;
const READER: ReaderKey = ReaderKey(1);

fn layout(pieces: u64) -> Layout {
    Layout::new(u32::try_from(PIECE).unwrap(), pieces * PIECE, vec![]).unwrap()
}

fn demand(pieces: u64) -> Demand {
    let mut demand = Demand::default();
    demand.open(
        READER,
        FileSpan {
            offset: 0,
            len: pieces * PIECE,
        },
        false,
    );
    demand
}

fn wanted(demand: &Demand, layout: &Layout, now: Time) -> Vec<u32> {
    let mut wanted = demand.wanted(now, layout);
    let have = Bits::none(layout.piece_count());
    std::iter::from_fn(|| wanted.next_missing(&have))
        .map(|wanted| wanted.piece.0)
        .collect()
}

/// Reads on in steps of 128 KiB at 5 MB a second.
fn stream(demand: &mut Demand, now: &mut Time, from: u64, len: u64) {
    for step in 0..len / 131_072 {
        let start = from + step * 131_072;
        demand
            .touch(*now, READER, &(start..start + 131_072))
            .unwrap();
        *now += Duration::from_micros(26_214);
    }
}

#[test]
fn reads_out_of_order_are_one_stream() {
    let mut demand = demand(100);
    let ids: Vec<u64> = [0, 3, 1, 2, 5, 4]
        .map(|at| {
            let start = at * 131_072;
            demand
                .touch(Time::ZERO, READER, &(start..start + 131_072))
                .unwrap()
        })
        .into();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn a_reader_that_is_not_open_and_a_range_outside_the_file_have_no_cursor() {
    let mut demand = demand(10);
    let end = 10 * PIECE;
    assert_eq!(demand.touch(Time::ZERO, ReaderKey(9), &(0..1)), None);
    assert_eq!(demand.touch(Time::ZERO, READER, &(end - 1..end + 1)), None);
    assert_eq!(demand.touch(Time::ZERO, READER, &(5..5)), None);
}

#[test]
fn a_seek_parks_the_other_streams_and_a_read_there_wakes_them() {
    let mut demand = demand(400);
    let mut now = Time::ZERO;
    stream(&mut demand, &mut now, 0, 4 * MIB);
    demand
        .touch(now, READER, &(300 * PIECE..300 * PIECE + 4_096))
        .unwrap();
    assert_eq!(demand.live_cursors().count(), 1);
    assert!(
        demand
            .protected(Time::ZERO)
            .iter()
            .all(|range| range.start >= 300 * PIECE)
    );
    demand.touch(now, READER, &(4 * MIB..5 * MIB)).unwrap();
    assert_eq!(demand.live_cursors().count(), 2);
}

#[test]
fn the_window_grows_with_what_was_read_and_not_with_one_probe() {
    let mut demand = demand(4_000);
    let mut now = Time::ZERO;
    demand
        .touch(now, READER, &(2_000 * PIECE..2_000 * PIECE + 4_096))
        .unwrap();
    let probe = demand.live_cursors().next().unwrap().target(now);
    assert!(probe <= MIB, "a read somewhere is a probe: {probe}");
    stream(&mut demand, &mut now, 0, 64 * MIB);
    let player = demand
        .live_cursors()
        .map(|cursor| cursor.target(now))
        .max()
        .unwrap();
    assert!(player >= 200 * MIB, "a minute of 5 MB/s: {player}");
}

#[test]
fn windows_share_what_there_is_and_a_small_want_leaves_more_to_the_others() {
    let mut demand = Demand::default();
    for key in 1..=2 {
        demand.open(
            ReaderKey(key),
            FileSpan {
                offset: 0,
                len: 4_000 * PIECE,
            },
            false,
        );
    }
    demand.touch(Time::ZERO, ReaderKey(1), &(0..4_096)).unwrap();
    demand
        .touch(
            Time::ZERO,
            ReaderKey(2),
            &(1_000 * PIECE..1_000 * PIECE + 4_096),
        )
        .unwrap();
    demand.share_windows(Time::ZERO, 64 * MIB, 1 << 20);
    let windows: Vec<u64> = demand.live_cursors().map(|cursor| cursor.window).collect();
    assert_eq!(
        windows,
        vec![8 * MIB, 2 * MIB],
        "the start of a file, and a probe"
    );
    demand.share_windows(Time::ZERO, 6 * MIB, 1 << 20);
    let windows: Vec<u64> = demand.live_cursors().map(|cursor| cursor.window).collect();
    assert_eq!(windows, vec![4 * MIB, 2 * MIB]);
}

#[test]
fn a_waiting_read_comes_before_every_window_and_one_left_behind_gives_way() {
    let layout = layout(400);
    let mut demand = demand(400);
    let wait = |demand: &mut Demand, read: u64, at: u64| {
        let range = at * PIECE..at * PIECE + 4_096;
        let cursor = demand.touch(Time::ZERO, READER, &range).unwrap();
        assert!(demand.wait(Waiting {
            read: ReadKey(read),
            reader: READER,
            class: ReaderClass::Probe,
            cursor,
            range,
            since: Time::ZERO,
            deadline: Time(25_000_000),
            blockwise: false,
        }));
    };
    wait(&mut demand, 1, 10);
    wait(&mut demand, 2, 200);
    demand.share_windows(Time::ZERO, 8 * MIB, 1 << 20);
    let order = wanted(&demand, &layout, Time::ZERO);
    assert_eq!(order[0], 200, "where the reader is now");
    let asked = |now: Time| demand.asked_for(now, &layout);
    assert!(!asked(Time::ZERO).iter().any(|pieces| pieces.contains(&10)));
    let later = Time(2_000_000);
    assert!(
        asked(later).iter().any(|pieces| pieces.contains(&10)),
        "in the end too"
    );
    // What the reader needs next where it is now comes first for a while.
    let order = wanted(&demand, &layout, later);
    let place = |piece: u32| order.iter().position(|wanted| *wanted == piece);
    assert!(place(201) < place(10), "{order:?}");
    assert_eq!(wanted(&demand, &layout, Time(10_000_000))[1], 10);
}

#[test]
fn the_want_counts_the_reads_that_wait_at_the_end_of_a_file() {
    let layout = layout(10);
    let mut demand = demand(10);
    let mut without = 0;
    for at in [9, 8, 7, 6] {
        let range = at * PIECE..(at + 1) * PIECE;
        let cursor = demand.touch(Time::ZERO, READER, &range).unwrap();
        without = demand
            .bytes_wanted(Time::ZERO, &layout)
            .total()
            .max(without);
        demand.wait(Waiting {
            read: ReadKey(at),
            reader: READER,
            class: ReaderClass::Probe,
            cursor,
            range,
            since: Time::ZERO,
            deadline: Time(25_000_000),
            blockwise: false,
        });
    }
    let want = demand.bytes_wanted(Time::ZERO, &layout).total();
    assert!(want >= 4 * PIECE, "{want}");
}

#[test]
fn what_a_probe_was_served_early_does_not_make_it_a_playback() {
    let layout = layout(10);
    let mut demand = demand(10);
    demand.touch(Time::ZERO, READER, &(0..4_096)).unwrap();
    demand.share_windows(Time::ZERO, 10 * PIECE, 1 << 20);
    let before = demand.bytes_wanted(Time::ZERO, &layout);
    demand.set_debts(vec![(0..PIECE, Time(2_000_000))]);
    let want = demand.bytes_wanted(Time::ZERO, &layout);
    assert_eq!(want.playback, 0);
    assert_eq!(want.others, before.others + PIECE);
}

#[test]
fn closing_a_reader_hands_back_its_reads_and_drops_its_windows() {
    let mut demand = demand(10);
    let range = 0..4_096;
    let cursor = demand.touch(Time::ZERO, READER, &range).unwrap();
    demand.wait(Waiting {
        read: ReadKey(7),
        reader: READER,
        class: ReaderClass::Probe,
        cursor,
        range,
        since: Time::ZERO,
        deadline: Time(1),
        blockwise: false,
    });
    assert_eq!(demand.close(READER), vec![ReadKey(7)]);
    assert!(!demand.has_readers() && demand.protected(Time::ZERO).is_empty());
    assert_eq!(demand.next_deadline(), Time::NEVER);
}

proptest! {
    /// The merge of windows and reads against the obvious one: every piece of a window or a read
    /// that is not held comes, nothing else does, and the times never fall.
    #[test]
    fn the_wanted_pieces_are_the_missing_ones_in_order_of_time(
        reads in prop::collection::vec((0u64..60, 1u64..3 * PIECE, any::<bool>()), 1..12),
        held in prop::collection::vec(0u32..64, 0..40),
        ahead in 0u64..40,
    ) {
        let layout = layout(64);
        let mut demand = demand(64);
        for (number, (at, len, waits)) in reads.into_iter().enumerate() {
            let now = Time(number as u64 * 1_000);
            let range = at * PIECE..(at * PIECE + len).min(64 * PIECE);
            let cursor = demand.touch(now, READER, &range).unwrap();
            if waits {
                demand.wait(Waiting {
                    read: ReadKey(number as u64),
                    reader: READER,
 class: ReaderClass::Probe,
                    cursor,
                    range,
                    since: now,
                    deadline: Time(25_000_000),
                    blockwise: false,
                });
            }
        }
        // Late enough that no read gives way any more.
        let now = Time(3_000_000);
        demand.share_windows(now, ahead * PIECE, 1 << 20);
        let mut have = Bits::none(64);
        held.into_iter().for_each(|piece| {
            have.insert(PieceIndex(piece));
        });
        let mut iterator = demand.wanted(now, &layout);
        let got: Vec<_> = std::iter::from_fn(|| iterator.next_missing(&have)).collect();
        prop_assert!(got.windows(2).all(|pair| pair[0].due <= pair[1].due));
        let mut pieces: Vec<u32> = got.iter().map(|wanted| wanted.piece.0).collect();
        pieces.sort_unstable();
        pieces.dedup();
        let mut expected: Vec<u32> = demand
            .protected(Time::ZERO)
            .iter()
            .flat_map(|range| layout.pieces_of(range))
            .filter(|piece| !have.contains(PieceIndex(*piece)))
            .collect();
        expected.sort_unstable();
        expected.dedup();
        prop_assert_eq!(pieces, expected);
    }
}

const LARGE: u64 = 1 << 30;

/// A reader of a large file of 4 MiB pieces that has read its first bytes.
fn opened_large() -> (Demand, Layout) {
    let span = FileSpan {
        offset: 0,
        len: LARGE,
    };
    let layout = Layout::new(4 << 20, LARGE, vec![span]).unwrap();
    let mut demand = Demand::default();
    demand.open(ReaderKey(1), span, false);
    demand.touch(Time::ZERO, ReaderKey(1), &(0..65_536));
    demand.share_windows(Time::ZERO, 64 << 20, 4 << 20);
    (demand, layout)
}

#[test]
fn a_cold_file_wants_its_first_piece_then_its_last_then_its_window() {
    let (demand, layout) = opened_large();
    let have = crate::bits::Bits::none(layout.piece_count());
    let mut wanted = demand.wanted(Time::ZERO, &layout);
    let order: Vec<u32> = (0..3)
        .filter_map(|_| wanted.next_missing(&have))
        .map(|next| next.piece.0)
        .collect();
    assert_eq!(order, vec![0, layout.piece_count() - 1, 1]);
}

#[test]
fn a_look_into_the_file_tail_leaves_the_window_where_it_is() {
    let (mut demand, _) = opened_large();
    let tail = LARGE - 100_000..LARGE;
    demand.touch(Time::ZERO, ReaderKey(1), &tail);
    let windows: Vec<u64> = demand
        .live_cursors()
        .map(|cursor| cursor.window_range().start)
        .collect();
    assert_eq!(windows, vec![65_536, LARGE]);
}

/// A film of 1 GiB in pieces of 1 MiB that reader 1 has played up to 4 MiB, and that reader 2 probes.
fn played_and_probed() -> (Demand, Layout, Time) {
    let span = FileSpan {
        offset: 0,
        len: LARGE,
    };
    let layout = Layout::new(1 << 20, LARGE, vec![span]).unwrap();
    let mut demand = Demand::default();
    demand.open(READER, span, false);
    demand.open(ReaderKey(2), span, false);
    let mut now = Time::ZERO;
    stream(&mut demand, &mut now, 0, 4 * MIB);
    demand
        .touch(now, ReaderKey(2), &(600 * MIB..600 * MIB + 4_096))
        .unwrap();
    demand.share_windows(now, 128 * MIB, 1 << 20);
    (demand, layout, now)
}

#[test]
fn a_reader_is_known_by_what_it_reads() {
    let (mut demand, _, mut now) = played_and_probed();
    assert_eq!(demand.class_of(READER), ReaderClass::Playback);
    assert_eq!(demand.class_of(ReaderKey(2)), ReaderClass::Probe);
    // A player fills its buffer at 100 MB/s, then goes on at 15 MB/s for a minute.
    for step in 4..200 {
        demand
            .touch(now, READER, &(step * MIB..(step + 1) * MIB))
            .unwrap();
        now += Duration::from_millis(10);
    }
    for step in 200..1_000 {
        demand
            .touch(now, READER, &(step * MIB..(step + 1) * MIB))
            .unwrap();
        now += Duration::from_millis(70);
    }
    assert_eq!(demand.class_of(READER), ReaderClass::Playback);
}

#[test]
fn a_copy_that_goes_on_faster_than_a_film_is_a_scan() {
    let mut demand = Demand::default();
    let span = FileSpan {
        offset: 0,
        len: 8 * LARGE,
    };
    demand.open(READER, span, false);
    let mut now = Time::ZERO;
    for step in 0..32_000 {
        demand
            .touch(now, READER, &(step * 131_072..(step + 1) * 131_072))
            .unwrap();
        now += Duration::from_millis(1);
    }
    assert_eq!(demand.class_of(READER), ReaderClass::Scan);
}

#[test]
fn a_probe_beside_a_playback_is_due_later_and_has_a_small_window() {
    let (mut demand, layout, now) = played_and_probed();
    let want = demand.bytes_wanted(now, &layout);
    assert!(
        want.playback > 20 * MIB && want.others < 8 * MIB,
        "{want:?}"
    );
    let mut wait = |read: u64, reader: u64, start: u64| {
        let range = start..start + 4_096;
        let reader = ReaderKey(reader);
        let cursor = demand.touch(now, reader, &range).unwrap();
        demand.wait(Waiting {
            read: ReadKey(read),
            reader,
            class: demand.class_of(reader),
            cursor,
            range,
            since: now,
            deadline: Time(25_000_000),
            blockwise: false,
        });
    };
    wait(1, 2, 600 * MIB);
    wait(2, 1, 4 * MIB);
    let have = Bits::none(layout.piece_count());
    let mut wanted = demand.wanted(now, &layout);
    let order: Vec<u32> = (0..6)
        .filter_map(|_| wanted.next_missing(&have))
        .map(|next| next.piece.0)
        .collect();
    assert_eq!(order[0], 4, "what is shown");
    let probe = order.iter().position(|piece| *piece == 600);
    assert!(probe.is_some_and(|at| at > 1), "{order:?}");
}

#[test]
fn a_playback_keeps_the_whole_file_tail_when_there_is_memory_for_it() {
    let (mut demand, layout, now) = played_and_probed();
    let tail = |demand: &Demand| {
        let tails = demand.protected(now).into_iter();
        tails
            .filter(|range| range.end == LARGE)
            .map(|range| range.end - range.start)
            .max()
    };
    assert_eq!(tail(&demand), Some(16 * MIB));
    let have = Bits::none(layout.piece_count());
    let mut wanted = demand.wanted(now, &layout);
    let order: Vec<u32> = std::iter::from_fn(|| wanted.next_missing(&have))
        .map(|next| next.piece.0)
        .collect();
    let at = |piece: u32| order.iter().position(|wanted| *wanted == piece).unwrap();
    assert!(
        at(1_020) > at(20),
        "the rest comes in the background: {order:?}"
    );
    demand.share_windows(now, 64 * MIB, 1 << 20);
    assert_eq!(tail(&demand), Some(MIB), "not out of a small budget");
}

#[test]
fn a_playback_without_its_next_seconds_is_hungry() {
    let (demand, layout, now) = played_and_probed();
    let mut have = Bits::none(layout.piece_count());
    assert!(demand.is_hungry(now, &layout, &have));
    (4..40).for_each(|piece| {
        have.insert(PieceIndex(piece));
    });
    assert!(!demand.is_hungry(now, &layout, &have));
}
