//! Peer exchange with one peer (BEP 11): how much of what it says is heard, and what it was told.
//!
//! A message a minute each way, as changes since the last one. What holds: a peer that says more is not listened to, and
//! one that does not stop is let go; no message names more than [`NAMES_MAX`] peers and as many lost ones, and what a peer
//! was told is remembered up to [`TOLD_MAX`] addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use gostorm_wire::{Pex, PexFlags};

use crate::time::Time;

/// Between two messages to a peer (BEP 11: not more often).
const EVERY: Duration = Duration::from_secs(60);
/// From the moment a peer says that it takes them to its first message: by then a burst of dials has brought some.
const FIRST_AFTER: Duration = Duration::from_secs(2);
/// When there was nothing to say.
const AGAIN_AFTER: Duration = Duration::from_secs(10);
/// Peers that one message names, and as many that it takes back (BEP 11).
const NAMES_MAX: usize = 50;
/// Addresses that one peer was told and were not taken back yet.
const TOLD_MAX: usize = 500;

/// Messages of one peer that are heard at once: clients send a first one early and keep no exact minute.
const HEARD_AT_ONCE: u32 = 3;
/// Then one for each such time.
const HEARD_EVERY: Duration = Duration::from_secs(50);
/// Messages in a row that were not heard before the peer is let go.
const UNHEARD_MAX: u32 = 20;

/// What to do with a message that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hearing {
    /// Believe it as far as any.
    Heard,
    /// It came too soon.
    TooSoon,
    /// They come and come.
    Flood,
}

/// How often one peer is heard.
#[derive(Clone, Debug)]
pub(crate) struct Ear {
    left: u32,
    /// When the next place comes free.
    refill: Time,
    unheard: u32,
}

impl Ear {
    pub(crate) const fn new() -> Self {
        Self {
            left: HEARD_AT_ONCE,
            refill: Time::ZERO,
            unheard: 0,
        }
    }

    /// A message came.
    pub(crate) fn hear(&mut self, now: Time) -> Hearing {
        while self.left < HEARD_AT_ONCE && self.refill <= now {
            self.left += 1;
            self.refill += HEARD_EVERY;
        }
        if self.left == HEARD_AT_ONCE {
            self.refill = now + HEARD_EVERY;
        }
        if self.left > 0 {
            self.left -= 1;
            self.unheard = 0;
            return Hearing::Heard;
        }
        self.unheard += 1;
        if self.unheard > UNHEARD_MAX {
            Hearing::Flood
        } else {
            Hearing::TooSoon
        }
    }
}

/// What one peer is told.
#[derive(Clone, Debug)]
pub(crate) struct Mouth {
    /// The id under which it takes messages.
    pub(crate) id: u8,
    told: BTreeSet<SocketAddr>,
    next: Time,
}

impl Mouth {
    pub(crate) fn new(id: u8, now: Time) -> Self {
        Self {
            id,
            told: BTreeSet::new(),
            next: now + FIRST_AFTER,
        }
    }

    /// When it is due.
    pub(crate) const fn next(&self) -> Time {
        self.next
    }

    /// The message that is due, from `current`: those whom it may be told of. `None` when nothing changed.
    pub(crate) fn say(
        &mut self,
        now: Time,
        current: &BTreeMap<SocketAddr, PexFlags>,
    ) -> Option<Pex> {
        let gone = self.told.iter().filter(|addr| !current.contains_key(addr));
        let dropped: Vec<SocketAddr> = gone.copied().take(NAMES_MAX).collect();
        for addr in &dropped {
            self.told.remove(addr);
        }
        let room = TOLD_MAX - self.told.len();
        let new = current.iter().filter(|(addr, _)| !self.told.contains(addr));
        let added: Vec<(SocketAddr, PexFlags)> = new
            .map(|(addr, flags)| (*addr, *flags))
            .take(NAMES_MAX.min(room))
            .collect();
        self.told.extend(added.iter().map(|(addr, _)| *addr));
        if added.is_empty() && dropped.is_empty() {
            self.next = now + AGAIN_AFTER;
            return None;
        }
        self.next = now + EVERY;
        Some(Pex { added, dropped })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn peers(ports: std::ops::Range<u16>) -> BTreeMap<SocketAddr, PexFlags> {
        let addr = |port| SocketAddr::from(([127, 0, 0, 1], port));
        ports
            .map(|port| (addr(port), PexFlags::default()))
            .collect()
    }

    #[test]
    fn a_peer_hears_what_changed_and_at_most_fifty_of_each() {
        let mut mouth = Mouth::new(1, Time::ZERO);
        let first = mouth.say(Time::ZERO, &peers(1..81)).unwrap();
        assert_eq!((first.added.len(), first.dropped.len()), (50, 0));
        assert_eq!(mouth.next(), Time(60_000_000));
        let second = mouth.say(Time(60_000_000), &peers(1..81)).unwrap();
        assert_eq!((second.added.len(), second.dropped.len()), (30, 0));
        assert_eq!(mouth.say(Time(120_000_000), &peers(1..81)), None);
        let third = mouth.say(Time(130_000_000), &peers(71..91)).unwrap();
        assert_eq!((third.added.len(), third.dropped.len()), (10, 50));
        let fourth = mouth.say(Time(190_000_000), &peers(71..91)).unwrap();
        assert_eq!((fourth.added.len(), fourth.dropped.len()), (0, 20));
    }

    #[test]
    fn a_message_a_minute_is_heard_for_ever_and_a_flood_is_one() {
        let mut ear = Ear::new();
        for minute in 0..100 {
            let now = Time(minute * 60_000_000);
            assert_eq!(ear.hear(now), Hearing::Heard);
        }
        let mut ear = Ear::new();
        let heard: Vec<Hearing> = (0..24)
            .map(|second| ear.hear(Time(second * 1_000_000)))
            .collect();
        assert_eq!(
            heard[..4],
            [
                Hearing::Heard,
                Hearing::Heard,
                Hearing::Heard,
                Hearing::TooSoon
            ]
        );
        assert_eq!(heard[22..], [Hearing::TooSoon, Hearing::Flood]);
    }
}
