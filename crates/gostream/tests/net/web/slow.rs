//! Clients that take their film slowly.

use std::io::Read;
use std::net::TcpStream;

use serde_json::json;

use super::{LONG_MIB, Stand, ask_for};
use crate::harness::wire;

/// Slow readers, half of them at each port that has films.
const SLOW: usize = 50;

/// What each takes at a time.
const SIP: usize = 1024;

/// The memory for films, in MiB, which is less than the film.
const BUDGET_MIB: u64 = 32;

/// What a reader may cost besides: its two reads, and what is about to be written.
const EACH: u64 = 512 << 10;

/// What else the server may need, unoptimised: blocks in flight, and the allocator's rests.
const MARGIN: u64 = 64 << 20;

#[test]
fn fifty_slow_readers_cost_little_and_slow_nobody_down() {
    let stand = Stand::of_long_film(&json!({"read_ahead_budget_mb": BUDGET_MIB}));
    let original = stand.original();
    let before = stand.memory();
    let requests = stand.film_requests();
    let mut slow: Vec<TcpStream> = (0..SLOW)
        .map(|number| {
            let (port, path) = &requests[number % 2];
            ask_for(wire::narrow(*port), path)
        })
        .collect();
    let mut taken = 0;
    let mut sip = |slow: &mut Vec<TcpStream>| {
        for stream in slow {
            let mut bytes = [0; SIP];
            stream.read_exact(&mut bytes).unwrap();
            assert!(bytes == original[taken..taken + SIP], "at {taken}");
        }
        taken += SIP;
    };
    let mut most = 0;
    for (port, path) in &requests {
        let mut fast = ask_for(wire::connect(*port), path);
        let mut piece = vec![0; 1 << 20];
        for offset in (0..original.len()).step_by(piece.len()) {
            fast.read_exact(&mut piece).unwrap();
            assert!(
                piece == original[offset..offset + piece.len()],
                "at {offset}"
            );
            sip(&mut slow);
            most = most.max(stand.memory());
        }
        stand.all_ports_answer();
    }
    let bound = (BUDGET_MIB << 20) + SLOW as u64 * EACH + MARGIN;
    let cost = most.saturating_sub(before);
    assert!(cost < bound, "{} MiB of {LONG_MIB}", cost >> 20);
    drop(slow);
    stand.without_readers();
    stand.nothing_panicked();
}
