//! The time of a stall, its causes, and the sentence about it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

const READER: ReaderKey = ReaderKey(1);

fn at(millis: u64) -> Time {
    Time(millis * 1_000)
}

fn slow() -> SocketAddr {
    ([127, 0, 0, 9], 6881).into()
}

fn look(stalls: &mut Stalls, millis: u64, read: u64, since: u64, block: u32, cause: Cause) {
    let what = (PieceIndex(7), Some(block), cause);
    let who = (READER, ReadKey(read));
    stalls.look(at(millis), who, at(since), &(700..800), what);
}

#[test]
fn the_causes_of_a_stall_add_up_to_its_length_and_make_one_sentence() {
    let mut stalls = Stalls::default();
    look(&mut stalls, 300, 1, 0, 2, Cause::Choked);
    look(&mut stalls, 500, 1, 0, 2, Cause::Choked);
    look(&mut stalls, 700, 1, 0, 2, Cause::Late(slow()));
    look(&mut stalls, 2_000, 1, 0, 2, Cause::Late(slow()));
    let stall = stalls.end(at(2_500), (READER, ReadKey(1)), true).unwrap();
    let sum: Duration = stall.waits.iter().map(|wait| wait.lasted).sum();
    assert_eq!((sum, stall.lasted), (stall.lasted, at(2_500) - at(0)));
    assert_eq!(
        stall.to_string(),
        "a reader stood still for 2.5 s at byte 700 of the torrent: \
         1.8 s for piece 7, block 2: 127.0.0.9:6881 is slow to send it; \
         0.7 s for piece 7, block 2: every peer that has it chokes us"
    );
    assert_eq!(stalls.of(READER), vec![stall]);
}

#[test]
fn a_short_wait_is_none_and_two_stalls_do_not_overlap() {
    let mut stalls = Stalls::default();
    look(&mut stalls, 300, 1, 0, 0, Cause::NoPeer);
    assert_eq!(stalls.end(at(900), (READER, ReadKey(1)), true), None);
    look(&mut stalls, 1_000, 2, 700, 0, Cause::NoPeer);
    let first = stalls.end(at(4_000), (READER, ReadKey(2)), true).unwrap();
    assert_eq!(first.lasted, Duration::from_millis(3_300));
    look(&mut stalls, 4_100, 3, 700, 0, Cause::NoMemory);
    let second = stalls.end(at(6_000), (READER, ReadKey(3)), false).unwrap();
    assert_eq!((second.since, second.served), (at(4_000), false));
    assert!(
        second.to_string().contains("got nothing for 2.0 s"),
        "{second}"
    );
}

#[test]
fn the_stall_that_lasts_can_be_seen_and_the_ring_is_bounded() {
    let mut stalls = Stalls::default();
    for read in 0..20 {
        let begin = read * 10_000;
        look(&mut stalls, begin + 300, read, begin, 0, Cause::Busy);
        stalls.end(at(begin + 2_000), (READER, ReadKey(read)), true);
    }
    assert_eq!(stalls.of(READER).len(), STALLS_MAX);
    for millis in 0..100 {
        let block = u32::try_from(millis).unwrap();
        look(
            &mut stalls,
            300_000 + millis * 100,
            99,
            299_000,
            block,
            Cause::Hashing,
        );
    }
    let seen = stalls.of(READER);
    let lasting = seen.last().unwrap();
    assert_eq!(
        (seen.len(), lasting.waits.len()),
        (STALLS_MAX + 1, CAUSES_MAX)
    );
    let sum: Duration = lasting.waits.iter().map(|wait| wait.lasted).sum();
    assert_eq!(sum, lasting.lasted);
    stalls.close(READER);
    assert_eq!(stalls.of(READER), vec![]);
}
