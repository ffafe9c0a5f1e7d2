//! The limits of both directions, on virtual time.

use super::uploading::{BLOCK, span, uploads};
use super::*;

const RATE: u64 = 1 << 20;

#[test]
fn the_upload_limit_holds_on_virtual_time() {
    let mut bench = Bench::filled(20);
    bench.limits(None, Some(RATE));
    for key in [2, 3] {
        bench.taker(key, true);
    }
    let start = bench.now;
    let mut bytes = [0; 2];
    let mut wanted = (0..12)
        .cycle()
        .flat_map(|piece| (0..8).map(move |block| span(piece, block)));
    while bench.now < start + Duration::from_secs(20) {
        for key in [2, 3] {
            while bench.swarm.peers[&PeerKey(key)].upload.queued() < 16 {
                bench.say(key, Message::Request(wanted.next().unwrap()));
            }
        }
        for (key, span) in uploads(&bench.turn()) {
            bytes[usize::try_from(key).unwrap() - 2] += u64::from(span.len);
            bench.written(key, u64::from(span.len));
        }
        let wake = bench.swarm.wake_at();
        assert!(wake > bench.now);
        bench.now = wake;
    }
    let seconds = bench.now.seconds_since(start);
    let total = bytes[0] + bytes[1];
    #[expect(clippy::cast_precision_loss, reason = "a test's bytes are few")]
    let share = total as f64 / (f64::from(u32::try_from(RATE).unwrap()) * seconds);
    assert!((0.97..=1.03).contains(&share), "{share} of the limit");
    assert!(
        bytes[0].abs_diff(bytes[1]) <= total / 50,
        "evenly: {bytes:?}"
    );
}

#[test]
fn a_download_limit_asks_for_no_more_than_it_pays_for() {
    let mut bench = Bench::new(36);
    bench.limits(Some(RATE), None);
    bench.seed(1);
    bench.set_rate(1, 20 * RATE);
    bench.read(1, 0, PIECE);
    let mut bytes = 0;
    let mut blocks = VecDeque::new();
    while bench.now < Time(10_000_000) {
        // Each block comes 20 ms after it was asked for.
        while let Some((at, peer, block)) = blocks.front().copied() {
            if bench.now < at {
                break;
            }
            blocks.pop_front();
            bytes += BLOCK;
            bench.deliver(peer, block);
            let active = bench.swarm.picker.active(block.piece);
            if active.is_some_and(crate::picker::Active::is_complete) {
                bench.give(Input::Hashed {
                    piece: block.piece,
                    ok: true,
                    digests: vec![],
                });
                bench.give(Input::Position {
                    reader: ReaderKey(1),
                    range: 0..PIECE * (u64::from(block.piece.0) + 1),
                });
            }
        }
        let due = bench.now + Duration::from_millis(20);
        for (peer, block) in requests(&bench.turn(), &bench.swarm) {
            blocks.push_back((due, peer, block));
        }
        let next = blocks.front().map_or(Time::NEVER, |(at, _, _)| *at);
        bench.now = next
            .min(bench.swarm.wake_at())
            .max(bench.now + Duration::from_micros(1));
        let peer = &bench.swarm.peers[&PeerKey(1)];
        assert!(!peer.snubbed, "it is not to blame");
    }
    // The whole film is 5 MiB: at the limit it takes 5 s.
    let allowed = RATE * 10 + RATE / 4 + PIECE;
    assert!(bytes <= allowed && bytes >= FILE.min(RATE * 9), "{bytes}");
    let rate = bench.swarm.peers[&PeerKey(1)].estimate.rate();
    assert!(
        rate > 10.0 * 1_048_576.0,
        "believed to bring {rate} bytes/s"
    );
}

#[test]
fn the_limit_passes_at_most_its_rate_in_any_second() {
    let mut bench = Bench::new(38);
    bench.limits(Some(512 << 10), None);
    bench.seed(1);
    bench.seed(2);
    bench.read(1, 0, PIECE);
    let mut asked = 0;
    while bench.now < Time(4_000_000) {
        let given = requests(&bench.turn(), &bench.swarm);
        asked += given.len() as u64 * BLOCK;
        let seconds = bench.now.0 / 1_000_000 + 1;
        assert!(
            asked <= (seconds << 19) + (1 << 18),
            "{asked} after {}",
            bench.now
        );
        for (peer, block) in given {
            bench.deliver(peer, block);
        }
        bench.now = bench.swarm.wake_at();
    }
    assert!(asked >= 3 << 19, "and not far less: {asked}");
}
