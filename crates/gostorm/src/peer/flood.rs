//! What a peer may make us work for: control messages cost, time and blocks pay for them.
//!
//! Asked by `receive` for every message, told of blocks by it and by `transmit`. Bounds what one peer can take of the
//! processor, whatever it sends; in memory everything is bounded elsewhere. An honest peer stays far below it: one that
//! has every piece of the largest torrents and says so piece by piece, one that downloads at the rate of a LAN, and one
//! that gives us the largest info dict.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gostorm_wire::Message;
use tokio::time::Instant;

/// What may be spent at once: haves of 200,000 pieces.
const BURST: u64 = 200_000;
/// What a second brings.
const PER_SECOND: u64 = 2_000;
/// So many bytes of blocks, in either direction, bring one: a block pays for a request, a cancel and a few haves.
const BYTES_OF_BLOCKS: u64 = 1_024;
/// What a message costs that says one thing of one piece.
const HAVE: u64 = 1;
/// What other messages cost.
const OTHER: u64 = 4;
/// What messages cost that are decoded further.
const EXTENDED: u64 = 16;
/// What messages about hashes cost: each is worth up to 512 of them.
const HASHES: u64 = 64;
/// So many bytes of payload cost one more.
const BYTES: usize = 256;

/// What one peer may still spend.
pub(super) struct Allowance {
    left: u64,
    /// Up to here time has been paid out.
    paid_at: Instant,
}

/// Bytes of blocks that were sent to the peer since the receiver looked last.
#[derive(Default)]
pub(super) struct Sent(AtomicU64);

impl Sent {
    pub(super) fn add(&self, len: usize) {
        self.0.fetch_add(len as u64, Ordering::Relaxed);
    }
}

impl Allowance {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            left: BURST,
            paid_at: now,
        }
    }

    /// A block came from the peer.
    pub(super) fn block(&mut self, len: u32) {
        self.left = (self.left + u64::from(len) / BYTES_OF_BLOCKS).min(BURST);
    }

    /// A message came; false when it is one too many.
    pub(super) fn spend(&mut self, message: &Message, sent: &Sent) -> bool {
        let cost = cost(message);
        if self.left < cost {
            self.earn(Instant::now(), sent);
        }
        let left = self.left.checked_sub(cost);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    fn earn(&mut self, now: Instant, sent: &Sent) {
        let since = now.saturating_duration_since(self.paid_at);
        let earned =
            u64::try_from(since.as_micros()).unwrap_or(u64::MAX) / (1_000_000 / PER_SECOND);
        // Only what was paid out: what is left of the time counts for the next.
        self.paid_at += Duration::from_micros(earned.saturating_mul(1_000_000 / PER_SECOND));
        let sent = sent.0.swap(0, Ordering::Relaxed) / BYTES_OF_BLOCKS;
        self.left = self
            .left
            .saturating_add(earned)
            .saturating_add(sent)
            .min(BURST);
    }
}

fn cost(message: &Message) -> u64 {
    let by_length = |len: usize| (len / BYTES) as u64;
    match message {
        Message::Have(_) => HAVE,
        Message::Bitfield(bits) => OTHER + by_length(bits.len()),
        Message::Extended { payload, .. } => EXTENDED + by_length(payload.len()),
        Message::HashRequest(_) | Message::Hashes { .. } | Message::HashReject(_) => HASHES,
        Message::KeepAlive
        | Message::Unknown { .. }
        | Message::Choke
        | Message::Unchoke
        | Message::Interested
        | Message::NotInterested
        | Message::Request(_)
        | Message::Cancel(_)
        | Message::Port(_)
        | Message::Suggest(_)
        | Message::HaveAll
        | Message::HaveNone
        | Message::Reject(_)
        | Message::AllowedFast(_) => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use gostorm_wire::{BLOCK_LEN, BlockSpan, PieceIndex};
    use tokio::time::advance;

    use super::*;

    const REQUEST: Message = Message::Request(BlockSpan {
        piece: PieceIndex(0),
        begin: 0,
        len: BLOCK_LEN,
    });

    /// How many of these a peer may send now.
    fn endured(allowance: &mut Allowance, sent: &Sent, message: &Message) -> u64 {
        let mut count = 0;
        while allowance.spend(message, sent) {
            count += 1;
        }
        count
    }

    #[tokio::test(start_paused = true)]
    async fn a_seed_may_say_of_every_piece_that_it_has_it() {
        let mut allowance = Allowance::new(Instant::now());
        let have = Message::Have(PieceIndex(1));
        assert_eq!(endured(&mut allowance, &Sent::default(), &have), 200_000);
    }

    #[tokio::test(start_paused = true)]
    async fn the_largest_info_dict_may_be_given_at_once() {
        let mut allowance = Allowance::new(Instant::now());
        let payload = Bytes::from(vec![0; 16_500]);
        let part = Message::Extended { id: 1, payload };
        // 32 MiB is more than is accepted.
        assert!(endured(&mut allowance, &Sent::default(), &part) >= 2_048);
    }

    #[tokio::test(start_paused = true)]
    async fn time_pays_for_a_few_hundred_messages_a_second_and_no_more() {
        let mut allowance = Allowance::new(Instant::now());
        let sent = Sent::default();
        endured(&mut allowance, &sent, &REQUEST);
        for seconds in [1, 10, 1] {
            advance(Duration::from_secs(seconds)).await;
            assert_eq!(endured(&mut allowance, &sent, &REQUEST), 500 * seconds);
        }
        advance(Duration::from_secs(1_000_000)).await;
        assert_eq!(endured(&mut allowance, &sent, &REQUEST), BURST / OTHER);
    }

    #[tokio::test(start_paused = true)]
    async fn who_exchanges_blocks_with_us_has_no_limit() {
        let mut allowance = Allowance::new(Instant::now());
        let sent = Sent::default();
        endured(&mut allowance, &sent, &REQUEST);
        for _ in 0..100_000 {
            sent.add(16_384);
            assert!(allowance.spend(&REQUEST, &sent) && allowance.spend(&REQUEST, &sent));
            allowance.block(BLOCK_LEN);
            assert!(allowance.spend(&REQUEST, &sent) && allowance.spend(&REQUEST, &sent));
        }
    }
}
